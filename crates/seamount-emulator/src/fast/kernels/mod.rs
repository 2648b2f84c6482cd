//! The inner loops, in as many forms as there are kinds of processors; all give the same integers.
//!
//! A matrix is packed in [`Tile`]s of 64 bytes, each of [`LANES`] neurons: a lane is the 32 bits of a neuron, and holds
//! 16 ternary weights, or 4 weights of a byte. What is multiplied are unsigned numbers, ternary weights plus 1 and bytes
//! plus 128, by signed bytes, the digits of the payloads to the base 256; the excess, a multiple of the payloads' sum, is
//! the same for all neurons and taken off at the end. This is what `VPDPBUSD` computes for 16 neurons at once.
//!
//! Sums are taken modulo 2³²: that is exact as long as the final sum fits in 32 bits, which the caller proves.

mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use seamount_microcode::Instr;
use seamount_microcode::semantics::Word;

use super::lanes::{Done, Neurons, Scratch};
use super::outbox::Outbox;

/// Neurons of a tile.
pub(super) const LANES: usize = 16;

/// Sources that a matrix and the payloads are rounded up to.
pub(super) const SOURCES: usize = 16;

/// The instructions that the inner loops are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// Those that every processor of the build's target has.
    Portable,
    /// AVX2.
    Avx2,
    /// AVX-512 with VNNI.
    Avx512,
}

/// The packed weights of 16 neurons: for the ternary ones of 16 sources, source 4f + b in bits 2f and 2f + 1 of byte b of
/// the neuron's lane; for bytes of 4 sources, one in each byte.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile(pub [u32; LANES]);

/// A matrix in tiles, `[neurons / 16][sources / 16]` or `[neurons / 16][sources / 4]`.
#[derive(Clone, Debug)]
pub(super) struct Packed {
    pub kind: Kind,
    pub n_sources: usize,
    pub tiles: Vec<Tile>,
}

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ternary,
    Bytes,
}

/// The payloads of several rows, as the kernels want them.
#[derive(Clone, Debug, Default)]
pub(super) struct Payloads {
    /// Sources, rounded up to [`SOURCES`].
    pub n_sources: usize,
    /// `[row][source]`
    pub values: Vec<i32>,
    /// Digits to the base 256, -128 to 127, go in pairs: as many as the largest payload needs, 1 or 2.
    pub n_pairs: usize,
    /// The digits of four sources, the lower one of each, then the upper one of each; rows stand in [blocks](Self::blocks):
    /// `[pair][block][sources / 4][row of the block]`.
    pub digits: Vec<u64>,
    /// The sum of each row.
    pub sums: Vec<i64>,
    /// The largest magnitude in any row.
    pub largest: u32,
}

/// The most rows that are multiplied at once.
pub(super) const MOST_ROWS: usize = 8;

impl Kind {
    /// Sources of a tile.
    pub(super) fn sources_per_tile(self) -> usize {
        match self {
            Self::Ternary => 16,
            Self::Bytes => 4,
        }
    }

    /// What is added to each weight in a tile.
    fn excess(self) -> i32 {
        match self {
            Self::Ternary => 1,
            Self::Bytes => 128,
        }
    }
}

impl Kernel {
    /// The fastest that this processor has.
    pub fn fastest() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|kernel| kernel.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        return match self {
            Self::Portable => true,
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
        };
        #[cfg(not(target_arch = "x86_64"))]
        return self == Self::Portable;
    }

    /// Adds matrix × payloads to `out`, `[row][neuron]`.
    ///
    /// # Panics
    /// If the matrix has other sources than the payloads, or `out` other rows.
    pub(super) fn multiply(self, matrix: &Packed, payloads: &Payloads, out: &mut [i32]) {
        assert_eq!(matrix.n_sources, payloads.n_sources, "a matrix and its payloads have the same sources");
        assert_eq!(out.len(), payloads.n_rows() * matrix.n_neurons(), "a matrix and its sums have the same neurons");
        match self {
            Self::Portable => portable::multiply(matrix, payloads, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::multiply(self, matrix, payloads, out),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => portable::multiply(matrix, payloads, out),
        }
    }

    /// Works out the sums and the largest of the payloads' values, and the digits if they are asked for.
    pub(super) fn prepare(self, payloads: &mut Payloads, digits: bool) {
        match self {
            Self::Portable => portable::prepare(payloads, digits),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::prepare(self, payloads, digits),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => portable::prepare(payloads, digits),
        }
    }

    /// Packs rows of ternary weights, four to a byte, as a program file has them.
    pub(super) fn pack_ternary(self, rows: &[&[u8]], n_neurons: usize) -> Packed {
        match self {
            Self::Portable => portable::pack_ternary(rows, n_neurons),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::pack_ternary(self, rows, n_neurons),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => portable::pack_ternary(rows, n_neurons),
        }
    }

    /// Runs the neurons of a part once.
    pub(super) fn run_neurons(
        self,
        neurons: &mut Neurons,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        watch: bool,
    ) -> Done {
        match self {
            Self::Portable => neurons.run(instructions, word, scratch, outbox, watch),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::run_neurons(self, neurons, instructions, word, scratch, outbox, watch),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => neurons.run(instructions, word, scratch, outbox, watch),
        }
    }
}

impl Packed {
    /// Neurons, rounded up to [`LANES`].
    pub(super) fn n_neurons(&self) -> usize {
        self.tiles.len() / self.tiles_per_neuron() * LANES
    }

    /// Tiles of the same neurons.
    pub(super) fn tiles_per_neuron(&self) -> usize {
        (self.n_sources / self.kind.sources_per_tile()).max(1)
    }

    /// Packs rows of weights of a byte.
    pub(super) fn bytes(rows: &[&[u8]], n_neurons: usize) -> Self {
        let n_sources = rows.len().next_multiple_of(SOURCES);
        let mut tiles = Vec::with_capacity(n_neurons.div_ceil(LANES) * n_sources / 4);
        for first_neuron in (0..n_neurons).step_by(LANES) {
            for first_source in (0..n_sources).step_by(4) {
                tiles.push(Tile(std::array::from_fn(|lane| {
                    u32::from_le_bytes(std::array::from_fn(|source| {
                        let row = rows.get(first_source + source);
                        // 0 plus 128 is as good as anything where there is no weight.
                        row.and_then(|row| row.get(first_neuron + lane)).copied().unwrap_or_default() ^ 0x80
                    }))
                })));
            }
        }
        Self { kind: Kind::Bytes, n_sources, tiles }
    }

    /// A weight.
    pub(super) fn weight(&self, neuron: usize, source: usize) -> i32 {
        let per_tile = self.kind.sources_per_tile();
        let tile = &self.tiles[neuron / LANES * self.tiles_per_neuron() + source / per_tile];
        let at = source % per_tile;
        let (shift, mask) = match self.kind {
            Kind::Ternary => (at % 4 * 8 + at / 4 * 2, 0b11),
            Kind::Bytes => (at * 8, 0xff),
        };
        ((tile.0[neuron % LANES] >> shift) & mask).cast_signed() - self.kind.excess()
    }
}

impl Payloads {
    pub(super) fn n_rows(&self) -> usize {
        self.sums.len()
    }

    /// The values of a row.
    pub(super) fn row(&self, row: usize) -> &[i32] {
        &self.values[row * self.n_sources..][..self.n_sources]
    }

    /// The rows that are multiplied at once: eight by eight, then four, two and one.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        blocks(self.n_rows())
    }

    /// What a kernel's sum is too large by, modulo 2³².
    #[expect(clippy::cast_possible_truncation, reason = "sums are taken modulo 2³²")]
    fn excess(&self, kind: Kind, row: usize) -> i32 {
        kind.excess().wrapping_mul(self.sums[row] as i32)
    }
}

fn blocks(n_rows: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let n = [MOST_ROWS, 4, 2, 1].into_iter().find(|n| next + n <= n_rows)?;
        next += n;
        Some(next - n..next)
    })
}
