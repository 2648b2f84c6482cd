//! The kernels for x86-64: AVX2, and AVX-512 with VNNI.

#![expect(unsafe_code, reason = "vector instructions need to know that the processor has them")]

mod avx2;
mod avx512;
pub(in crate::fast) mod native;

use std::ops::Range;

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

use seamount_microcode::semantics::Word;
use seamount_microcode::{Instr, PortId};

use super::matrix::{Matrix, Shape};
use super::{Factor, Kernel, LANES, MOST_FIELDS, Panel, Payloads, Target, Tile, portable};
use crate::fast::arrivals::Arrived;
use crate::fast::lanes::{Neurons, Scratch};
use crate::fast::outbox::Outbox;
use crate::fast::plan::{PartPlan, Plan};
use crate::fast::tally::StepCounts;

/// Compiles a portable kernel for each kind of processor, and calls the one for this processor.
macro_rules! compiled_for_each {
    ($(#[$attribute:meta])* fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? = $portable:expr) => {
        $(#[$attribute])*
        pub(super) fn $name(kernel: Kernel, $($argument: $type),*) $(-> $result)? {
            #[target_feature(enable = "avx2")]
            fn avx2($($argument: $type),*) $(-> $result)? {
                $portable($($argument),*)
            }
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($argument: $type),*) $(-> $result)? {
                $portable($($argument),*)
            }
            assert!(kernel.is_available(), "a kernel of another processor");
            match kernel {
                Kernel::Portable | Kernel::Neon => $portable($($argument),*),
                // SAFETY: the processor has AVX2, as was just asked.
                Kernel::Avx2 => unsafe { avx2($($argument),*) },
                // SAFETY: the processor has these parts of AVX-512, as was just asked.
                Kernel::Avx512 => unsafe { avx512($($argument),*) },
            }
        }
    };
}

/// Bytes that a cache holds together.
const LINE_BYTES: usize = 64;

compiled_for_each! {
    fn put_digit(payloads: &mut Payloads, values: &[i32], block: &Range<usize>, at: usize) = Payloads::put_digit
}

compiled_for_each! {
    fn receive(
        neurons: &mut Neurons,
        plan: &Plan,
        part: &PartPlan,
        arrived: Arrived<'_>,
        scratch: &mut Scratch,
        counted: &mut StepCounts
    ) = Neurons::receive
}

compiled_for_each! {
    fn run_neurons(
        neurons: &mut Neurons,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        arrived: Option<Arrived<'_>>
    ) -> bool = Neurons::run
}

compiled_for_each! {
    fn spike(outbox: &mut Outbox<'_>, port: PortId, payloads: &[i32], pc: usize) = Outbox::spike_of_all
}

/// Asks for the lines that hold some values.
pub(super) fn fetch<T>(values: &[T]) {
    let first: *const i8 = values.as_ptr().cast();
    for at in (0..size_of_val(values)).step_by(LINE_BYTES) {
        // SAFETY: every processor of this kind has the instruction, which reads nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(first.wrapping_add(at)) };
    }
}

/// `MUL_SHR` of 16 lanes at a time, the even and the odd ones apart; whether all products fit their word.
pub(super) fn mul_shr(out: &mut [i32], a: &[i32], b: Factor<'_>, half: i64, shift: u8, word: Word) -> bool {
    assert!(Kernel::Avx512.is_available(), "a kernel of another processor");
    let magnitude = |value: i32| i64::from(value.unsigned_abs());
    let most = match b {
        Factor::Lanes(_) => magnitude(word.min()),
        Factor::All(b) => magnitude(b),
    };
    // Where no product of words is too large none is looked at.
    let all_fit = (magnitude(word.min()) * most + half) >> shift <= i64::from(word.max());
    // SAFETY: the processor has the instructions, as was just asked.
    unsafe {
        match (b, all_fit) {
            (Factor::Lanes(b), true) => avx512::mul_shr::<false>(out, a, lanes_of(b), half, shift, word),
            (Factor::Lanes(b), false) => avx512::mul_shr::<true>(out, a, lanes_of(b), half, shift, word),
            (Factor::All(b), true) => {
                avx512::mul_shr::<false>(out, a, std::iter::repeat([b; LANES]), half, shift, word)
            }
            (Factor::All(b), false) => {
                avx512::mul_shr::<true>(out, a, std::iter::repeat([b; LANES]), half, shift, word)
            }
        }
    }
}

fn lanes_of(values: &[i32]) -> impl Iterator<Item = [i32; LANES]> {
    values.as_chunks().0.iter().copied()
}

/// Sources up to which the sums of a field that is not shifted down fit in 32 bits: 192 × 128 for each.
const MOST_SOURCES: usize = 1 << 16;

/// Most of a first-level cache; the rows after them are fetched to the second level meanwhile, so as not to displace them.
const ROWS_AT_ONCE_BYTES: usize = 24 << 10;

/// Adds matrix × payloads to `out`.
pub(super) fn multiply(
    kernel: Kernel,
    matrix: &Matrix,
    payloads: &Payloads,
    next: Option<&Matrix>,
    panel: &mut Panel,
    out: &mut Target<'_>,
) {
    assert!(kernel.is_available(), "a kernel of another processor");
    let is_vector = matches!(kernel, Kernel::Avx2 | Kernel::Avx512);
    if !is_vector || matrix.n_sources > MOST_SOURCES {
        return portable::multiply(matrix, payloads, panel, out);
    }
    if kernel == Kernel::Avx512 && avx512::is_fused(payloads.multiplied.len()) {
        multiply_few(matrix, payloads, next, panel, out);
        return;
    }
    // What comes next is fetched meanwhile.
    let mut ahead = next.unwrap_or(matrix).address();
    for chunk in matrix.chunks() {
        panel.tiles.resize(matrix.n_fours(), Tile([0; LANES]));
        // SAFETY: the processor has the instructions, as was just asked.
        unsafe {
            match kernel {
                Kernel::Avx512 => avx512::make_tiles(matrix, chunk, &mut panel.tiles),
                _ => avx2::make_tiles(matrix, chunk, &mut panel.tiles),
            }
        }
        let mut ahead_of_chunk = Some(ahead);
        ahead = ahead.wrapping_add(size_of_val(panel.tiles.as_slice()));
        for block in payloads.blocks() {
            panel.sums.resize(block.len(), [[0; LANES]; MOST_FIELDS]);
            let (digits, sums) = (payloads.digits(&block), panel.sums.as_mut_slice());
            // SAFETY: as before.
            unsafe {
                match kernel {
                    Kernel::Avx512 => {
                        avx512::sum_panel(&panel.tiles, chunk.shape, ahead_of_chunk.take(), digits, sums);
                        avx512::add_sums(matrix, payloads, chunk, block.start, sums, out);
                    }
                    _ => {
                        avx2::sum_panel(&panel.tiles, chunk.shape, digits, sums);
                        avx2::add_sums(matrix, payloads, chunk, block.start, sums, out);
                    }
                }
            }
        }
    }
}

/// Few digits are multiplied while the tiles are made, some rows at a time: so that each row comes from memory once for all
/// of its chunks. Meanwhile the rows that come after them are fetched, at the end those of the `next` matrix.
fn multiply_few(matrix: &Matrix, payloads: &Payloads, next: Option<&Matrix>, panel: &mut Panel, out: &mut Target<'_>) {
    let n_fours = matrix.n_fours();
    let n_pieces = (4 * n_fours * matrix.stride()).div_ceil(ROWS_AT_ONCE_BYTES).max(1);
    let fours_at_once = n_fours.div_ceil(n_pieces).max(1);
    for block in payloads.blocks() {
        let n = block.len();
        panel.sums.clear();
        panel.sums.resize(matrix.chunks().count() * n, [[0; LANES]; MOST_FIELDS]);
        for first in (0..n_fours).step_by(fours_at_once) {
            let fours = first..(first + fours_at_once).min(n_fours);
            let digits = &payloads.digits(&block)[fours.start * n..fours.end * n];
            for (at, (chunk, sums)) in matrix.chunks().zip(panel.sums.chunks_exact_mut(n)).enumerate() {
                let after = if fours.end < n_fours {
                    matrix.address().wrapping_add(fours.end * 4 * matrix.stride())
                } else {
                    next.unwrap_or(matrix).address()
                };
                let ahead = after.wrapping_add(at * fours.len() * size_of::<Tile>());
                // SAFETY: the caller has asked for the processor's instructions.
                unsafe {
                    match chunk.shape {
                        Shape::FourFields => avx512::add_fused::<4>(matrix, chunk, fours.clone(), ahead, digits, sums),
                        Shape::TwoFields => avx512::add_fused::<2>(matrix, chunk, fours.clone(), ahead, digits, sums),
                        Shape::Bytes => avx512::add_fused::<1>(matrix, chunk, fours.clone(), ahead, digits, sums),
                    }
                }
            }
        }
        for (chunk, sums) in matrix.chunks().zip(panel.sums.chunks_exact_mut(n)) {
            // SAFETY: as before.
            unsafe { avx512::add_sums(matrix, payloads, chunk, block.start, sums, out) };
        }
    }
}
