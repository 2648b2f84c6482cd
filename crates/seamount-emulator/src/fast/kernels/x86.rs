//! The kernels for x86-64: AVX2, and AVX-512 with VNNI.

#![expect(
    unsafe_code,
    reason = "vector instructions need to know that the processor has them, and read through pointers"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use seamount_microcode::Instr;
use seamount_microcode::semantics::Word;

use super::matrix::{Chunk, Matrix, Shape};
use super::{Factor, Kernel, LANES, MOST_FIELDS, Panel, Payloads, Sums, Tile, add, portable};
use crate::fast::lanes::{Done, Neurons, Scratch};
use crate::fast::outbox::Outbox;
use crate::fast::part::{Arrivals, Part};
use crate::fast::plan::Plan;

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
    fn prepare(payloads: &mut Payloads, digits: bool) = Payloads::prepare
}

compiled_for_each! {
    fn add_sums(
        matrix: &Matrix,
        payloads: &Payloads,
        chunk: Chunk,
        first: usize,
        sums: &[Sums],
        out: &mut [i32]
    ) = add
}

compiled_for_each! {
    fn receive(part: &mut Part, plan: &Plan, arrivals: &Arrivals, row: usize) -> u64 = Part::receive
}

compiled_for_each! {
    fn run_neurons(
        neurons: &mut Neurons,
        its_own: Kernel,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        watch: bool
    ) -> Done = Neurons::run
}

/// `MUL_SHR` of 16 lanes at a time, the even and the odd ones apart; whether all products fit their word.
pub(super) fn mul_shr(out: &mut [i32], a: &[i32], b: Factor<'_>, half: i64, shift: u8, word: Word) -> bool {
    assert!(Kernel::Avx512.is_available(), "a kernel of another processor");
    // SAFETY: the processor has the instructions, as was just asked.
    unsafe {
        match b {
            Factor::Lanes(b) => {
                let b = b.as_chunks::<LANES>().0.iter().map(|lanes| load_512(lanes));
                avx512_mul_shr(out, a, b, half, shift, word)
            }
            Factor::All(b) => avx512_mul_shr(out, a, std::iter::repeat(_mm512_set1_epi32(b)), half, shift, word),
        }
    }
}

#[target_feature(enable = "avx512f")]
fn avx512_mul_shr(
    out: &mut [i32],
    a: &[i32],
    b: impl Iterator<Item = __m512i>,
    half: i64,
    shift: u8,
    word: Word,
) -> bool {
    let (half, shift) = (_mm512_set1_epi64(half), _mm_cvtsi32_si128(shift.into()));
    // Values of the word, and no others, have no bits above it once this is added.
    let beyond = _mm512_set1_epi64(1 << (word.bits() - 1));
    let mut seen = _mm512_setzero_si512();
    let shifted = |a, b| _mm512_sra_epi64(_mm512_add_epi64(_mm512_mul_epi32(a, b), half), shift);
    let lanes = out.as_chunks_mut::<LANES>().0.iter_mut().zip(a.as_chunks::<LANES>().0);
    for ((out, a), b) in lanes.zip(b) {
        let a = load_512(a);
        let even = shifted(a, b);
        let odd = shifted(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
        seen = _mm512_or_si512(seen, _mm512_add_epi64(even, beyond));
        seen = _mm512_or_si512(seen, _mm512_add_epi64(odd, beyond));
        // The low words of the odd lanes go to the upper halves.
        store_512(out, _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd));
    }
    _mm512_test_epi64_mask(seen, _mm512_set1_epi64(-1 << word.bits())) == 0
}

/// Sources up to which the sums of a field that is not shifted down fit in 32 bits: 192 × 128 for each.
const MOST_SOURCES: usize = 1 << 16;

/// Digits that are multiplied while tiles are made: with four fields of each, sums fill half of the registers.
const MOST_FUSED: usize = 4;

/// Half of a first-level cache.
const ROWS_AT_ONCE_BYTES: usize = 16 << 10;

/// Adds matrix × payloads to `out`, `[row][lane]`.
pub(super) fn multiply(kernel: Kernel, matrix: &Matrix, payloads: &Payloads, panel: &mut Panel, out: &mut [i32]) {
    assert!(kernel.is_available(), "a kernel of another processor");
    if kernel == Kernel::Portable || matrix.n_sources > MOST_SOURCES {
        return portable::multiply(matrix, payloads, panel, out);
    }
    if kernel == Kernel::Avx512 && payloads.multiplied.len() <= MOST_FUSED {
        multiply_few(matrix, payloads, panel, out);
        return;
    }
    for chunk in matrix.chunks() {
        panel.tiles.resize(matrix.n_fours(), Tile([0; LANES]));
        // SAFETY: the processor has the instructions, as was just asked.
        unsafe {
            match kernel {
                Kernel::Avx512 => avx512_tiles(matrix, chunk, &mut panel.tiles),
                Kernel::Portable | Kernel::Avx2 => avx2_tiles(matrix, chunk, &mut panel.tiles),
            }
        }
        for block in payloads.blocks() {
            panel.sums.resize(block.len(), [[0; LANES]; MOST_FIELDS]);
            let (digits, sums) = (payloads.digits(&block), panel.sums.as_mut_slice());
            // SAFETY: as before.
            unsafe {
                match kernel {
                    Kernel::Avx512 => avx512_sums(&panel.tiles, chunk.shape, digits, sums),
                    Kernel::Portable | Kernel::Avx2 => avx2_sums(&panel.tiles, chunk.shape, digits, sums),
                }
            }
            add_sums(kernel, matrix, payloads, chunk, block.start, &panel.sums, out);
        }
    }
}

/// Few digits are multiplied while the tiles are made, some rows at a time: so that each row comes from memory once for all
/// of its chunks.
fn multiply_few(matrix: &Matrix, payloads: &Payloads, panel: &mut Panel, out: &mut [i32]) {
    let n_fours = matrix.n_fours();
    let fours_at_once = (ROWS_AT_ONCE_BYTES / 4).checked_div(matrix.stride()).unwrap_or(n_fours).max(1);
    for block in payloads.blocks() {
        let n = block.len();
        panel.sums.clear();
        panel.sums.resize(matrix.chunks().count() * n, [[0; LANES]; MOST_FIELDS]);
        for first in (0..n_fours).step_by(fours_at_once) {
            let fours = first..(first + fours_at_once).min(n_fours);
            let digits = &payloads.digits(&block)[fours.start * n..fours.end * n];
            for (at, (chunk, sums)) in matrix.chunks().zip(panel.sums.chunks_exact_mut(n)).enumerate() {
                let ahead = fours.end * 4 * matrix.stride() + at * fours.len() * size_of::<Tile>();
                // SAFETY: the caller has asked for the processor's instructions.
                unsafe {
                    match chunk.shape {
                        Shape::FourFields => avx512_fused::<4>(matrix, chunk, fours.clone(), ahead, digits, sums),
                        Shape::TwoFields => avx512_fused::<2>(matrix, chunk, fours.clone(), ahead, digits, sums),
                        Shape::Bytes => avx512_fused::<1>(matrix, chunk, fours.clone(), ahead, digits, sums),
                    }
                }
            }
        }
        for (chunk, sums) in matrix.chunks().zip(panel.sums.chunks_exact_mut(n)) {
            for (field, sums) in sums.iter_mut().flat_map(|sums| sums.iter_mut().enumerate()) {
                sums.iter_mut().for_each(|sum| *sum >>= 2 * field);
            }
            add_sums(Kernel::Avx512, matrix, payloads, chunk, block.start, sums, out);
        }
    }
}

/// Makes the tiles of a chunk.
#[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
fn avx512_tiles(matrix: &Matrix, chunk: Chunk, tiles: &mut [Tile]) {
    let rows = Rows512::new(matrix, chunk);
    for (four, out) in tiles.iter_mut().enumerate() {
        // SAFETY: the first `n_whole` can be read whole.
        let tile = if four < rows.n_whole { unsafe { rows.tile(four) } } else { rows.last_tile(four) };
        let at: *mut Tile = out;
        // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
        unsafe { _mm512_store_si512(at.cast(), tile) };
    }
}

/// Adds some of a chunk's tiles × few digits, `[sources / 4][sums]`, to sums that are not shifted down.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn avx512_fused<const F: usize>(
    matrix: &Matrix,
    chunk: Chunk,
    fours: Range<usize>,
    ahead: usize,
    digits: &[u32],
    sums: &mut [Sums],
) {
    let rows = Rows512::new(matrix, chunk);
    match sums.len() {
        1 => avx512_fused_of::<F, 1>(&rows, fours, ahead, digits, sums),
        2 => avx512_fused_of::<F, 2>(&rows, fours, ahead, digits, sums),
        3 => avx512_fused_of::<F, 3>(&rows, fours, ahead, digits, sums),
        _ => avx512_fused_of::<F, MOST_FUSED>(&rows, fours, ahead, digits, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn avx512_fused_of<const F: usize, const N: usize>(
    rows: &Rows512<'_>,
    fours: Range<usize>,
    ahead: usize,
    digits: &[u32],
    sums: &mut [Sums],
) {
    let masks: [__m512i; F] = std::array::from_fn(|field| mask_512(rows.chunk.shape, field));
    let sums: &mut [Sums; N] = sums.try_into().expect("invariant: as many sums");
    let mut fields: [[__m512i; N]; F] =
        std::array::from_fn(|field| std::array::from_fn(|at| load_512(&sums[at][field])));
    let n_whole = rows.n_whole.clamp(fours.start, fours.end);
    let (whole, last) = digits.as_chunks::<N>().0.split_at(n_whole - fours.start);
    let mut ahead = rows.matrix.address().wrapping_add(ahead);
    for (four, digits) in (fours.start..).zip(whole) {
        _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
        ahead = ahead.wrapping_add(size_of::<Tile>());
        // SAFETY: four is less than `n_whole`.
        add_products(&mut fields, unsafe { rows.tile(four) }, &masks, digits);
    }
    for (four, digits) in (n_whole..).zip(last) {
        add_products(&mut fields, rows.last_tile(four), &masks, digits);
    }
    for (field, of_field) in fields.iter().enumerate() {
        for (sums, &sum) in sums.iter_mut().zip(of_field) {
            store_512(&mut sums[field], sum);
        }
    }
}

#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
fn add_products<const F: usize, const N: usize>(
    fields: &mut [[__m512i; N]; F],
    tile: __m512i,
    masks: &[__m512i; F],
    digits: &[u32; N],
) {
    let digits: [__m512i; N] = std::array::from_fn(|at| _mm512_set1_epi32(digits[at].cast_signed()));
    for (sums, &mask) in fields.iter_mut().zip(masks) {
        let weights = _mm512_and_si512(tile, mask);
        for (sum, &digit) in sums.iter_mut().zip(&digits) {
            *sum = _mm512_dpbusd_epi32(*sum, weights, digit);
        }
    }
}

/// The sums of a panel's tiles × digits, `[sources / 4][sums]`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
fn avx512_sums(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    match sums.len() {
        1 => avx512_sums_of::<1>(tiles, shape, digits, sums),
        2 => avx512_sums_of::<2>(tiles, shape, digits, sums),
        4 => avx512_sums_of::<4>(tiles, shape, digits, sums),
        8 => avx512_sums_of::<8>(tiles, shape, digits, sums),
        _ => avx512_sums_of::<16>(tiles, shape, digits, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn avx512_sums_of<const N: usize>(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    for field in 0..shape.n_fields() {
        let mask = mask_512(shape, field);
        let mut of_field = [_mm512_setzero_si512(); N];
        for (tile, digits) in tiles.iter().zip(digits.as_chunks::<N>().0) {
            let at: *const Tile = tile;
            // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
            let weights = _mm512_and_si512(unsafe { _mm512_load_si512(at.cast()) }, mask);
            for (sum, &digit) in of_field.iter_mut().zip(digits) {
                *sum = _mm512_dpbusd_epi32(*sum, weights, _mm512_set1_epi32(digit.cast_signed()));
            }
        }
        let places = _mm512_set1_epi32([0, 2, 4, 6][field]);
        for (sums, sum) in sums.iter_mut().zip(of_field) {
            store_512(&mut sums[field], _mm512_srav_epi32(sum, places));
        }
    }
}

/// A chunk's rows.
struct Rows512<'a> {
    matrix: &'a Matrix,
    chunk: Chunk,
    image: &'a [u8],
    /// How many fours of rows can be read whole.
    n_whole: usize,
    /// Puts the same place of four rows side by side.
    places: __m512i,
    /// What each lane is shifted by.
    shifts: __m512i,
    flip: __m512i,
}

impl<'a> Rows512<'a> {
    #[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
    #[inline]
    fn new(matrix: &'a Matrix, chunk: Chunk) -> Self {
        let (image, n_whole) = matrix.from(chunk);
        // The bytes of a lane are 16 apart.
        let first = match chunk.shape {
            Shape::FourFields | Shape::Bytes => _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
            Shape::TwoFields => _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7),
        };
        let places = _mm512_mullo_epi32(first, _mm512_set1_epi32(0x0101_0101));
        Self {
            matrix,
            chunk,
            image,
            n_whole,
            places: _mm512_add_epi32(places, _mm512_set1_epi32(0x3020_1000)),
            shifts: _mm512_inserti64x4::<1>(_mm512_setzero_si512(), _mm256_set1_epi32(4)),
            flip: _mm512_set1_epi32(matrix.kind.flip().cast_signed()),
        }
    }

    /// The same as [`Matrix::tile`].
    ///
    /// # Safety
    /// `four` is less than `n_whole`.
    #[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
    #[inline]
    unsafe fn tile(&self, four: usize) -> __m512i {
        let stride = self.matrix.stride();
        // SAFETY: `Matrix::from` has counted the rows of which 16 bytes lie within the image; this four is one of them.
        let [a, b, c, d] = unsafe {
            let first = self.image.as_ptr().add(4 * four * stride);
            [0, 1, 2, 3].map(|row| _mm_loadu_si128(first.add(row * stride).cast()))
        };
        let (ab, cd) = (_mm256_set_m128i(b, a), _mm256_set_m128i(d, c));
        let rows = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd);
        let tile = _mm512_permutexvar_epi8(self.places, rows);
        let tile = match self.chunk.shape {
            Shape::FourFields | Shape::Bytes => tile,
            Shape::TwoFields => _mm512_srlv_epi32(tile, self.shifts),
        };
        _mm512_xor_si512(tile, self.flip)
    }

    #[target_feature(enable = "avx512f")]
    #[cold]
    #[inline(never)]
    fn last_tile(&self, four: usize) -> __m512i {
        let tile = self.matrix.tile(self.chunk, four);
        let at: *const Tile = &raw const tile;
        // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
        unsafe { _mm512_load_si512(at.cast()) }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn mask_512(shape: Shape, field: usize) -> __m512i {
    _mm512_set1_epi32(shape.mask(field).cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_512(lanes: &[i32; LANES]) -> __m512i {
    // SAFETY: 16 lanes have 64 bytes.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store_512(lanes: &mut [i32; LANES], sum: __m512i) {
    // SAFETY: 16 lanes have 64 bytes.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum) };
}

/// Makes the tiles of a chunk.
#[target_feature(enable = "avx2")]
fn avx2_tiles(matrix: &Matrix, chunk: Chunk, tiles: &mut [Tile]) {
    let (image, n_whole) = matrix.from(chunk);
    let flip = _mm_set1_epi32(matrix.kind.flip().cast_signed());
    for (four, tile) in tiles.iter_mut().enumerate() {
        if four >= n_whole {
            *tile = matrix.tile(chunk, four);
            continue;
        }
        let stride = matrix.stride();
        // SAFETY: `Matrix::from` has counted the rows of which 16 bytes lie within the image; this four is one of them.
        let rows = unsafe {
            let first = image.as_ptr().add(4 * four * stride);
            [0, 1, 2, 3].map(|row| _mm_xor_si128(_mm_loadu_si128(first.add(row * stride).cast()), flip))
        };
        let (low, high) = (_mm_unpacklo_epi8(rows[0], rows[1]), _mm_unpackhi_epi8(rows[0], rows[1]));
        let (next_low, next_high) = (_mm_unpacklo_epi8(rows[2], rows[3]), _mm_unpackhi_epi8(rows[2], rows[3]));
        let (first, second) = (_mm_unpacklo_epi16(low, next_low), _mm_unpackhi_epi16(low, next_low));
        let quarters = match chunk.shape {
            Shape::FourFields | Shape::Bytes => {
                [first, second, _mm_unpacklo_epi16(high, next_high), _mm_unpackhi_epi16(high, next_high)]
            }
            Shape::TwoFields => [first, second, _mm_srli_epi32::<4>(first), _mm_srli_epi32::<4>(second)],
        };
        for (out, quarter) in tile.0.as_chunks_mut::<4>().0.iter_mut().zip(quarters) {
            // SAFETY: four words have 16 bytes.
            unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), quarter) };
        }
    }
}

/// The sums of a panel's tiles × digits, `[sources / 4][sums]`.
#[target_feature(enable = "avx2")]
fn avx2_sums(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    let n = sums.len();
    for (at, sums) in sums.iter_mut().enumerate() {
        for half in 0..2 {
            match shape {
                Shape::FourFields | Shape::TwoFields => {
                    for (field, sums) in sums.iter_mut().enumerate().take(shape.n_fields()) {
                        store_256(sums, half, avx2_ternary(tiles, half, field, &digits[at..], n));
                    }
                }
                Shape::Bytes => store_256(&mut sums[0], half, avx2_bytes(tiles, half, &digits[at..], n)),
            }
        }
    }
}

/// Products of bytes are summed in 16 bits over some tiles, where they are at most 16 × 768.
#[target_feature(enable = "avx2")]
#[inline]
fn avx2_ternary(tiles: &[Tile], half: usize, field: usize, digits: &[u32], n: usize) -> __m256i {
    let (mask, ones) = (_mm256_set1_epi8(0b11), _mm256_set1_epi16(1));
    let places = _mm_cvtsi32_si128([0, 2, 4, 6][field]);
    let mut sum = _mm256_setzero_si256();
    for (tiles, digits) in tiles.chunks(16).zip(digits.chunks(16 * n)) {
        let mut sum_16 = _mm256_setzero_si256();
        for (tile, &digits) in tiles.iter().zip(digits.iter().step_by(n)) {
            let weights = _mm256_and_si256(_mm256_srl_epi16(half_of(tile, half), places), mask);
            let products = _mm256_maddubs_epi16(weights, _mm256_set1_epi32(digits.cast_signed()));
            sum_16 = _mm256_add_epi16(sum_16, products);
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(sum_16, ones));
    }
    sum
}

/// Products of bytes do not fit 16 bits, so that both factors become words first.
#[target_feature(enable = "avx2")]
#[inline]
fn avx2_bytes(tiles: &[Tile], half: usize, digits: &[u32], n: usize) -> __m256i {
    let mask = _mm256_set1_epi16(0xff);
    let mut sum = _mm256_setzero_si256();
    for (tile, &digits) in tiles.iter().zip(digits.iter().step_by(n)) {
        let digits = _mm256_set1_epi32(digits.cast_signed());
        // The first and the third of four as words, and the second and the fourth.
        let (even, odd) = (_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(digits)), _mm256_srai_epi16::<8>(digits));
        let weights = half_of(tile, half);
        let even = _mm256_madd_epi16(_mm256_and_si256(weights, mask), even);
        let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(weights), odd);
        sum = _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
    }
    sum
}

#[target_feature(enable = "avx2")]
#[inline]
fn half_of(tile: &Tile, half: usize) -> __m256i {
    let half: *const [u32; 8] = &raw const tile.0.as_chunks::<8>().0[half];
    // SAFETY: half a tile has 32 bytes.
    unsafe { _mm256_loadu_si256(half.cast()) }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_256(out: &mut [i32; LANES], half: usize, sum: __m256i) {
    let half: *mut [i32; 8] = &raw mut out.as_chunks_mut::<8>().0[half];
    // SAFETY: 8 lanes have 32 bytes.
    unsafe { _mm256_storeu_si256(half.cast(), sum) };
}
