//! The inner loops, in as many forms as there are kinds of processors; all give the same integers.
//!
//! Weights are read where they lie in the program's image, a row for each source. [`CHUNK_BYTES`] bytes of four rows make a
//! [`Tile`] of 64 bytes: lane `j` holds byte `j` of each of the four. What is multiplied are unsigned numbers, ternary
//! weights plus 2 and bytes plus 128, by signed bytes, the digits of the payloads to the base 256; the excess, a multiple of
//! the payloads' sum, is the same for all neurons and taken off at the end. This is what `VPDPBUSD` computes for 16 lanes
//! at once.
//!
//! Sums are taken modulo 2³²: that is exact as long as the final sum fits in 32 bits, which the caller proves.

#![cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, unused_variables, reason = "only the kernels of x86-64 fetch ahead, and multiply words")
)]

mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(not(target_arch = "x86_64"))]
mod no_code;
mod payloads;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use seamount_microcode::semantics::Word;
use seamount_microcode::{Instr, PortId};

pub(super) use self::matrix::{Kind, Matrix};
#[cfg(not(target_arch = "x86_64"))]
pub(super) use self::no_code::{Code, Verdict};
pub(super) use self::payloads::{Extent, Payloads};
#[cfg(target_arch = "x86_64")]
pub(super) use self::x86::native::{Code, Verdict};

use self::matrix::{Chunk, Shape};
use self::payloads::Digit;
use super::arrivals::Arrived;
use super::lanes::{Neurons, Scratch};
use super::outbox::Outbox;
use super::plan::{PartPlan, Plan};
use super::tally::StepCounts;
use super::trace::Trace;

/// Lanes of a tile. Neurons are rounded up to as many.
pub(super) const LANES: usize = 16;

/// Bytes of a row that go into one tile.
const CHUNK_BYTES: usize = 16;

/// Fields of two bits in a byte.
const MOST_FIELDS: usize = 4;

/// The most digits of payloads that are multiplied at once.
const MOST_AT_ONCE: usize = 16;

/// The instructions that the inner loops are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kernel {
    /// Those that every processor of the build's target has.
    Portable,
    /// AVX2.
    Avx2,
    /// AVX-512 with VNNI and VBMI.
    Avx512,
    /// NEON.
    Neon,
}

/// The second factor of a product of lanes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Factor<'a> {
    Lanes(&'a [i32]),
    All(i32),
}

/// The bytes of 16 places in four rows.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Tile([u32; LANES]);

/// What 16 lanes sum up to, by field.
type Sums = [[i32; LANES]; MOST_FIELDS];

/// Where sums are added to.
#[derive(Debug)]
pub(super) struct Target<'a> {
    /// `[row][lane]`
    pub sums: &'a mut [i32],
    pub n_lanes: usize,
    /// The lane of the matrix's first neuron.
    pub first_lane: usize,
    /// Which of the rows those of the payloads are.
    pub rows: &'a [usize],
    /// Whether what is there is overwritten.
    pub is_new: bool,
}

/// The tiles of a chunk, and its sums; kept from part to part for their memory.
#[derive(Debug, Default)]
pub(super) struct Panel {
    tiles: Vec<Tile>,
    sums: Vec<Sums>,
}

impl Kernel {
    /// All of them; of those that a processor has the last is the fastest.
    pub const ALL: [Self; 4] = [Self::Portable, Self::Avx2, Self::Avx512, Self::Neon];

    /// The fastest that this processor has.
    pub fn fastest() -> Self {
        Self::ALL.into_iter().rfind(|kernel| kernel.is_available()).unwrap_or(Self::Portable)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
                    && is_x86_feature_detected!("avx512vbmi")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => true,
            // Those of other targets.
            _ => false,
        }
    }

    /// Adds matrix × payloads to `out`, or puts them there. The matrix's neurons, rounded up to [`LANES`], are its own.
    ///
    /// `next` is what will probably be multiplied next.
    ///
    /// # Panics
    /// If the matrix has other sources than the payloads, or there is no room for its sums.
    pub(super) fn multiply(
        self,
        matrix: &Matrix,
        payloads: &Payloads,
        next: Option<&Matrix>,
        panel: &mut Panel,
        out: Target<'_>,
    ) {
        let mut out = out;
        assert_eq!(matrix.n_sources, payloads.n_sources, "a matrix and its payloads have the same sources");
        let end_lane = out.first_lane + matrix.n_neurons.next_multiple_of(LANES);
        assert!(end_lane <= out.n_lanes, "the sums have room for all neurons");
        assert_eq!(out.rows.len(), payloads.n_rows(), "each row of payloads has its sums");
        let out = &mut out;
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::multiply(self, matrix, payloads, next, panel, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => neon::multiply(matrix, payloads, panel, out),
            _ => portable::multiply(matrix, payloads, panel, out),
        }
    }

    /// Puts a digit of some values among those of its block.
    fn put_digit(self, payloads: &mut Payloads, values: &[i32], block: &Range<usize>, at: usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::put_digit(self, payloads, values, block, at),
            _ => payloads.put_digit(values, block, at),
        }
    }

    /// `MUL_SHR` of whole vectors of lanes, with `half` added before the shift; only if this kernel has a way of its own,
    /// and if no product is beyond the word. If not, what `out` holds is of no use.
    pub(super) fn mul_shr(self, out: &mut [i32], a: &[i32], b: Factor<'_>, half: i64, shift: u8, word: Word) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => x86::mul_shr(out, a, b, half, shift, word),
            _ => false,
        }
    }

    /// Asks for the memory of some values, to be read or written soon.
    #[inline(always)]
    pub(super) fn fetch<T>(self, values: &[T]) {
        #[cfg(target_arch = "x86_64")]
        x86::fetch(values);
    }

    /// Whether it runs traces as machine code.
    pub(super) fn compiles(self) -> bool {
        self == Self::Avx512
    }

    /// Compiles a trace, if it can be.
    pub(super) fn compile(self, trace: &Trace, word: Word, payload_bits: u32) -> Option<Code> {
        self.compiles().then(|| Code::new(trace, word.bits(), payload_bits)).flatten()
    }

    /// Gives what arrives at a part in a row to its neurons.
    pub(super) fn receive(
        self,
        neurons: &mut Neurons,
        plan: &Plan,
        part: &PartPlan,
        arrived: Arrived<'_>,
        scratch: &mut Scratch,
        counted: &mut StepCounts,
    ) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::receive(self, neurons, plan, part, arrived, scratch, counted),
            _ => neurons.receive(plan, part, arrived, scratch, counted),
        }
    }

    /// `SPIKE` of all lanes.
    pub(super) fn spike(self, outbox: &mut Outbox<'_>, port: PortId, payloads: &[i32], pc: usize) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::spike(self, outbox, port, payloads, pc),
            _ => outbox.spike_of_all(port, payloads, pc),
        }
    }

    /// Runs the neurons of a part once. Where nothing has arrived, it is found out whether a slot or an accumulator changed.
    pub(super) fn run_neurons(
        self,
        neurons: &mut Neurons,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        arrived: Option<Arrived<'_>>,
    ) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 | Self::Avx512 => x86::run_neurons(self, neurons, instructions, word, scratch, outbox, arrived),
            _ => neurons.run(instructions, word, scratch, outbox, arrived),
        }
    }
}

/// A matrix × some payloads, for benchmarks.
#[derive(Debug)]
pub struct Product {
    matrix: Matrix,
    n_sources: usize,
    /// `[row][source]`
    values: Vec<i32>,
    payloads: Payloads,
    panel: Panel,
    out: Vec<i32>,
    rows: Vec<usize>,
}

impl Product {
    /// Ternary weights of `n_neurons` neurons in `image`, × `values`, `[row][n_sources]`.
    pub fn new(image: Vec<u8>, n_sources: usize, n_neurons: usize, values: Vec<i32>) -> Self {
        let matrix = Matrix::new(Kind::Ternary, image.into(), n_neurons.div_ceil(4), n_sources, n_neurons);
        let n_rows = values.len() / n_sources;
        let out = vec![0; n_rows * n_neurons.next_multiple_of(LANES)];
        let (payloads, panel) = (Payloads::default(), Panel::default());
        Self { matrix, n_sources, values, payloads, panel, out, rows: (0..n_rows).collect() }
    }

    /// Works the payloads' digits out.
    pub fn prepare(&mut self, kernel: Kernel) {
        let Self { n_sources, values, payloads, .. } = self;
        payloads.begin(*n_sources, values.chunks_exact(*n_sources).map(Extent::of));
        payloads.set_digits(kernel, |row, to| to.copy_from_slice(&values[row * *n_sources..][..*n_sources]));
    }

    /// Adds the product to what is there.
    pub fn multiply(&mut self, kernel: Kernel) -> &[i32] {
        let n_lanes = self.matrix.n_neurons.next_multiple_of(LANES);
        let out = Target { sums: &mut self.out, n_lanes, first_lane: 0, rows: &self.rows, is_new: false };
        kernel.multiply(&self.matrix, &self.payloads, None, &mut self.panel, out);
        &self.out
    }
}

/// Adds the sums of some digits of payloads, the first of which is `first`, to `out`.
#[inline(always)]
fn add(matrix: &Matrix, payloads: &Payloads, chunk: Chunk, first: usize, sums: &[Sums], out: &mut Target<'_>) {
    let end_lane = out.first_lane + matrix.n_neurons.next_multiple_of(LANES);
    for (&Digit { row, place }, sums) in payloads.multiplied[first..].iter().zip(sums) {
        let excess = if place == 0 { payloads.excess(matrix.kind, row) } else { 0 };
        let shift = 8 * place;
        // All bits if what is there stays: the lowest digit comes first.
        let stays = if out.is_new && place == 0 { 0 } else { -1 };
        let of_row = &mut out.sums[out.rows[row] * out.n_lanes..][..end_lane];
        let out = &mut of_row[out.first_lane + chunk.first_neuron..];
        let put = |out: &mut i32, sum: i32| *out = (*out & stays).wrapping_add((sum << shift).wrapping_sub(excess));
        match chunk.shape {
            Shape::FourFields => {
                for (lane, out) in out.as_chunks_mut::<4>().0.iter_mut().take(LANES).enumerate() {
                    for (field, out) in out.iter_mut().enumerate() {
                        put(out, sums[field][lane]);
                    }
                }
            }
            Shape::TwoFields => {
                for (lane, out) in out.as_chunks_mut::<4>().0.iter_mut().take(LANES / 2).enumerate() {
                    for (field, out) in out.iter_mut().enumerate() {
                        put(out, sums[field % 2][lane + field / 2 * (LANES / 2)]);
                    }
                }
            }
            Shape::Bytes => {
                for (out, &sum) in out.iter_mut().zip(&sums[0]) {
                    put(out, sum);
                }
            }
        }
    }
}
