//! The kernels for x86-64: AVX2, and AVX-512 with VNNI.

#![expect(
    unsafe_code,
    reason = "vector instructions need to know that the processor has them, and read through pointers"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use seamount_microcode::Instr;
use seamount_microcode::semantics::Word;

use super::{Kernel, Kind, LANES, MOST_ROWS, Packed, Payloads, Tile, portable};
use crate::fast::lanes::{Done, Neurons, Scratch};
use crate::fast::outbox::Outbox;

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
                Kernel::Portable => $portable($($argument),*),
                // SAFETY: the processor has AVX2, as was just asked.
                Kernel::Avx2 => unsafe { avx2($($argument),*) },
                // SAFETY: the processor has these parts of AVX-512, as was just asked.
                Kernel::Avx512 => unsafe { avx512($($argument),*) },
            }
        }
    };
}

compiled_for_each! {
    fn prepare(payloads: &mut Payloads, digits: bool) = portable::prepare
}

compiled_for_each! {
    fn pack_ternary(rows: &[&[u8]], n_neurons: usize) -> Packed = portable::pack_ternary
}

compiled_for_each! {
    fn run_neurons(
        neurons: &mut Neurons,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        watch: bool
    ) -> Done = Neurons::run
}

/// Adds matrix × payloads to `out`, `[row][neuron]`.
pub(super) fn multiply(kernel: Kernel, matrix: &Packed, payloads: &Payloads, out: &mut [i32]) {
    assert!(kernel.is_available(), "a kernel of another processor");
    let n_neurons = matrix.n_neurons();
    for pair in 0..payloads.n_pairs {
        for block in payloads.blocks() {
            let rows = Rows::new(matrix, payloads, pair, &block);
            let out = &mut out[block.start * n_neurons..block.end * n_neurons];
            // SAFETY: the processor has the instructions, as was just asked.
            unsafe {
                match (kernel, matrix.kind, block.len()) {
                    (Kernel::Portable, _, _) => unreachable!("invariant: it is not called here"),
                    (Kernel::Avx2, Kind::Ternary, n) => avx2_ternary(&rows, n, out),
                    (Kernel::Avx2, Kind::Bytes, n) => avx2_bytes(&rows, n, out),
                    // The sums times 64 fit for as many sources.
                    (Kernel::Avx512, Kind::Ternary, 1) if matrix.n_sources <= 1 << 18 => avx512_ternary_one(&rows, out),
                    (Kernel::Avx512, Kind::Ternary, 1) => avx512_ternary::<1>(&rows, out),
                    (Kernel::Avx512, Kind::Ternary, 2) => avx512_ternary::<2>(&rows, out),
                    (Kernel::Avx512, Kind::Ternary, 4) => avx512_ternary::<4>(&rows, out),
                    (Kernel::Avx512, Kind::Ternary, _) => avx512_ternary::<8>(&rows, out),
                    (Kernel::Avx512, Kind::Bytes, 1) => avx512_bytes::<1>(&rows, out),
                    (Kernel::Avx512, Kind::Bytes, 2) => avx512_bytes::<2>(&rows, out),
                    (Kernel::Avx512, Kind::Bytes, 4) => avx512_bytes::<4>(&rows, out),
                    (Kernel::Avx512, Kind::Bytes, _) => avx512_bytes::<8>(&rows, out),
                }
            }
        }
    }
}

/// A block of rows of payloads, two of their digits, and the matrix that they are multiplied by.
struct Rows<'a> {
    matrix: &'a Packed,
    /// `[four sources][row][digit, source]`
    digits: &'a [u64],
    /// Where the digits' sum belongs, in bits.
    shift: u32,
    /// What is taken off each row.
    excess: [i32; MOST_ROWS],
}

impl<'a> Rows<'a> {
    fn new(matrix: &'a Packed, payloads: &'a Payloads, pair: usize, block: &Range<usize>) -> Self {
        let n_fours = payloads.n_sources / 4;
        let digits = &payloads.digits[(pair * payloads.n_rows() + block.start) * n_fours..][..block.len() * n_fours];
        assert_eq!(matrix.n_sources, payloads.n_sources, "as many sources");
        let mut excess = [0; MOST_ROWS];
        if pair == 0 {
            excess.iter_mut().zip(block.clone()).for_each(|(excess, row)| *excess = payloads.excess(matrix.kind, row));
        }
        Self { matrix, digits, shift: 16 * u32::try_from(pair).expect("invariant: at most two"), excess }
    }

    /// The tiles, by neurons.
    #[inline(always)]
    fn tiles(&self) -> std::slice::ChunksExact<'a, Tile> {
        self.matrix.tiles.chunks_exact(self.matrix.tiles_per_neuron())
    }
}

/// Four sources' lower digits, in every lane.
///
/// # Safety
/// `digits` is one of the digits of [`Rows`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn low_512(digits: *const u64) -> __m512i {
    // SAFETY: the caller's promise.
    _mm512_set1_epi32(unsafe { digits.cast::<i32>().read() })
}

/// Four sources' upper digits, in every lane.
///
/// # Safety
/// As [`low_512`].
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn high_512(digits: *const u64) -> __m512i {
    // SAFETY: the caller's promise; the second half of an element is in it.
    _mm512_set1_epi32(unsafe { digits.cast::<i32>().add(1).read() })
}

/// One row of payloads: fields of two bits are not shifted down, but summed apart, times 1, 4, 16 and 64.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn avx512_ternary_one(rows: &Rows<'_>, out: &mut [i32]) {
    let [mask_0, mask_1, mask_2, mask_3] = [0x03, 0x0c, 0x30, 0xc0_u8].map(|mask| _mm512_set1_epi8(mask.cast_signed()));
    assert_eq!(rows.digits.len(), rows.matrix.tiles_per_neuron() * 4, "four digits' pairs for each tile");
    for (tiles, out) in rows.tiles().zip(out.as_chunks_mut().0) {
        let zero = _mm512_setzero_si512();
        let (mut low_0, mut low_1, mut low_2, mut low_3) = (zero, zero, zero, zero);
        let (mut high_0, mut high_1, mut high_2, mut high_3) = (zero, zero, zero, zero);
        let mut digits = rows.digits.as_ptr();
        for tile in tiles {
            let codes = load(tile);
            let weights = _mm512_and_si512(codes, mask_0);
            // SAFETY: there are four elements for each tile, as was asserted.
            unsafe {
                low_0 = _mm512_dpbusd_epi32(low_0, weights, low_512(digits));
                high_0 = _mm512_dpbusd_epi32(high_0, weights, high_512(digits));
                let weights = _mm512_and_si512(codes, mask_1);
                low_1 = _mm512_dpbusd_epi32(low_1, weights, low_512(digits.add(1)));
                high_1 = _mm512_dpbusd_epi32(high_1, weights, high_512(digits.add(1)));
                let weights = _mm512_and_si512(codes, mask_2);
                low_2 = _mm512_dpbusd_epi32(low_2, weights, low_512(digits.add(2)));
                high_2 = _mm512_dpbusd_epi32(high_2, weights, high_512(digits.add(2)));
                let weights = _mm512_and_si512(codes, mask_3);
                low_3 = _mm512_dpbusd_epi32(low_3, weights, low_512(digits.add(3)));
                high_3 = _mm512_dpbusd_epi32(high_3, weights, high_512(digits.add(3)));
                digits = digits.add(4);
            }
        }
        let whole = |one, four, sixteen, sixty_four| {
            let upper = _mm512_add_epi32(_mm512_srai_epi32::<4>(sixteen), _mm512_srai_epi32::<6>(sixty_four));
            _mm512_add_epi32(_mm512_add_epi32(one, _mm512_srai_epi32::<2>(four)), upper)
        };
        let (low, high) = (whole(low_0, low_1, low_2, low_3), whole(high_0, high_1, high_2, high_3));
        add_512(out, low, high, rows.shift, rows.excess[0]);
    }
}

/// `N` rows of payloads.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn avx512_ternary<const N: usize>(rows: &Rows<'_>, out: &mut [i32]) {
    let mask = _mm512_set1_epi8(0b11);
    let n_neurons = rows.matrix.n_neurons();
    assert_eq!(rows.digits.len(), rows.matrix.tiles_per_neuron() * 4 * N, "four digits' pairs for each tile and row");
    for (block, tiles) in rows.tiles().enumerate() {
        let mut low = [_mm512_setzero_si512(); N];
        let mut high = [_mm512_setzero_si512(); N];
        let mut digits = rows.digits.as_ptr();
        for tile in tiles {
            let mut codes = load(tile);
            for _ in 0..4 {
                let weights = _mm512_and_si512(codes, mask);
                codes = _mm512_srli_epi16::<2>(codes);
                for row in 0..N {
                    // SAFETY: there are four times `N` elements for each tile, as was asserted.
                    unsafe {
                        low[row] = _mm512_dpbusd_epi32(low[row], weights, low_512(digits.add(row)));
                        high[row] = _mm512_dpbusd_epi32(high[row], weights, high_512(digits.add(row)));
                    }
                }
                // SAFETY: as before; behind the last element at the end.
                digits = unsafe { digits.add(N) };
            }
        }
        for row in 0..N {
            add_512(lanes(&mut out[row * n_neurons..], block), low[row], high[row], rows.shift, rows.excess[row]);
        }
    }
}

/// `N` rows of payloads, weights of a byte.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn avx512_bytes<const N: usize>(rows: &Rows<'_>, out: &mut [i32]) {
    let n_neurons = rows.matrix.n_neurons();
    assert_eq!(rows.digits.len(), rows.matrix.tiles_per_neuron() * N, "a pair of digits for each tile and row");
    for (block, tiles) in rows.tiles().enumerate() {
        let mut low = [_mm512_setzero_si512(); N];
        let mut high = [_mm512_setzero_si512(); N];
        let mut digits = rows.digits.as_ptr();
        for tile in tiles {
            let weights = load(tile);
            // SAFETY: there are `N` elements for each tile, as was asserted; behind the last one at the end.
            unsafe {
                for row in 0..N {
                    low[row] = _mm512_dpbusd_epi32(low[row], weights, low_512(digits.add(row)));
                    high[row] = _mm512_dpbusd_epi32(high[row], weights, high_512(digits.add(row)));
                }
                digits = digits.add(N);
            }
        }
        for row in 0..N {
            add_512(lanes(&mut out[row * n_neurons..], block), low[row], high[row], rows.shift, rows.excess[row]);
        }
    }
}

/// By AVX2: products of bytes are summed in 16 bits over a tile, where they are at most 2048.
#[target_feature(enable = "avx2")]
fn avx2_ternary(rows: &Rows<'_>, n_rows: usize, out: &mut [i32]) {
    let (mask, ones) = (_mm256_set1_epi8(0b11), _mm256_set1_epi16(1));
    let n_neurons = rows.matrix.n_neurons();
    for row in 0..n_rows {
        for (block, tiles) in rows.tiles().enumerate() {
            let zero = _mm256_setzero_si256();
            let (mut low, mut high) = ([zero; 2], [zero; 2]);
            let digits = rows.digits.chunks_exact(4 * n_rows);
            for (tile, digits) in tiles.iter().zip(digits) {
                let fields = [0, 1, 2, 3].map(|field| halves_of(digits[field * n_rows + row]));
                let codes = halves(tile);
                for half in 0..2 {
                    let mut codes = codes[half];
                    let (mut low_16, mut high_16) = (zero, zero);
                    for (low, high) in fields {
                        let weights = _mm256_and_si256(codes, mask);
                        codes = _mm256_srli_epi16::<2>(codes);
                        low_16 = _mm256_add_epi16(low_16, _mm256_maddubs_epi16(weights, _mm256_set1_epi32(low)));
                        high_16 = _mm256_add_epi16(high_16, _mm256_maddubs_epi16(weights, _mm256_set1_epi32(high)));
                    }
                    low[half] = _mm256_add_epi32(low[half], _mm256_madd_epi16(low_16, ones));
                    high[half] = _mm256_add_epi32(high[half], _mm256_madd_epi16(high_16, ones));
                }
            }
            add_256(lanes(&mut out[row * n_neurons..], block), low, high, rows.shift, rows.excess[row]);
        }
    }
}

/// Weights of a byte, by AVX2: products do not fit 16 bits, so that both factors become words first.
#[target_feature(enable = "avx2")]
fn avx2_bytes(rows: &Rows<'_>, n_rows: usize, out: &mut [i32]) {
    let mask = _mm256_set1_epi16(0xff);
    let n_neurons = rows.matrix.n_neurons();
    // The first and the third of four digits as words, and the second and the fourth.
    let words = |digits: i32| {
        let digits = _mm256_set1_epi32(digits);
        (_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(digits)), _mm256_srai_epi16::<8>(digits))
    };
    for row in 0..n_rows {
        for (block, tiles) in rows.tiles().enumerate() {
            let zero = _mm256_setzero_si256();
            let (mut low, mut high) = ([zero; 2], [zero; 2]);
            for (tile, digits) in tiles.iter().zip(rows.digits.chunks_exact(n_rows)) {
                let (low_digits, high_digits) = halves_of(digits[row]);
                let (low_even, low_odd) = words(low_digits);
                let (high_even, high_odd) = words(high_digits);
                let weights = halves(tile);
                for half in 0..2 {
                    let even = _mm256_and_si256(weights[half], mask);
                    let odd = _mm256_srli_epi16::<8>(weights[half]);
                    let products = _mm256_add_epi32(_mm256_madd_epi16(even, low_even), _mm256_madd_epi16(odd, low_odd));
                    low[half] = _mm256_add_epi32(low[half], products);
                    let products =
                        _mm256_add_epi32(_mm256_madd_epi16(even, high_even), _mm256_madd_epi16(odd, high_odd));
                    high[half] = _mm256_add_epi32(high[half], products);
                }
            }
            add_256(lanes(&mut out[row * n_neurons..], block), low, high, rows.shift, rows.excess[row]);
        }
    }
}

/// The lower and the upper digits of four sources.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "each half is taken apart")]
fn halves_of(digits: u64) -> (i32, i32) {
    (digits as i32, (digits >> 32) as i32)
}

/// The lanes of a block of neurons.
#[inline(always)]
fn lanes(out: &mut [i32], block: usize) -> &mut [i32; LANES] {
    out[block * LANES..].first_chunk_mut().expect("invariant: rows are of whole blocks")
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(tile: &Tile) -> __m512i {
    // SAFETY: a tile has 64 bytes.
    unsafe { _mm512_loadu_si512(std::ptr::from_ref(tile).cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn halves(tile: &Tile) -> [__m256i; 2] {
    let (halves, _) = tile.0.as_chunks::<8>();
    // SAFETY: half a tile has 32 bytes.
    [0, 1].map(|half| unsafe { _mm256_loadu_si256(std::ptr::from_ref(&halves[half]).cast()) })
}

/// Puts the sums of two digits together, moves them where they belong, takes the excess off, and adds what is left.
#[target_feature(enable = "avx512f")]
#[inline]
fn add_512(out: &mut [i32; LANES], low: __m512i, high: __m512i, shift: u32, excess: i32) {
    let sum = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), low);
    let sum = _mm512_sllv_epi32(sum, _mm512_set1_epi32(shift.cast_signed()));
    let at = out.as_mut_ptr().cast::<__m512i>();
    // SAFETY: 16 lanes have 64 bytes.
    unsafe {
        let old = _mm512_loadu_si512(at);
        _mm512_storeu_si512(at, _mm512_add_epi32(old, _mm512_sub_epi32(sum, _mm512_set1_epi32(excess))));
    }
}

/// As [`add_512`], in two halves.
#[target_feature(enable = "avx2")]
#[inline]
fn add_256(out: &mut [i32; LANES], low: [__m256i; 2], high: [__m256i; 2], shift: u32, excess: i32) {
    for (half, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let sum = _mm256_add_epi32(_mm256_slli_epi32::<8>(high[half]), low[half]);
        let sum = _mm256_sllv_epi32(sum, _mm256_set1_epi32(shift.cast_signed()));
        let at = out.as_mut_ptr().cast::<__m256i>();
        // SAFETY: 8 lanes have 32 bytes.
        unsafe {
            let old = _mm256_loadu_si256(at);
            _mm256_storeu_si256(at, _mm256_add_epi32(old, _mm256_sub_epi32(sum, _mm256_set1_epi32(excess))));
        }
    }
}
