//! The kernels for AVX-512 with VNNI and VBMI.

#![expect(
    unsafe_code,
    reason = "vector instructions need to know that the processor has them, and read through pointers"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use seamount_microcode::semantics::Word;

use super::super::matrix::{Chunk, Matrix, Shape};
use super::super::{LANES, Sums, Tile};

/// Up to so many digits are multiplied while tiles are made: with four fields of each, sums fill half of the registers.
const MOST_FUSED: usize = 4;

/// So many as well, two fields at a time, for which tiles are made twice.
const FUSED_IN_HALVES: usize = 8;

/// Whether tiles are made anew for `n` digits, and not kept.
pub(super) fn is_fused(n: usize) -> bool {
    n <= MOST_FUSED || n == FUSED_IN_HALVES
}

/// Makes the tiles of a chunk, and fetches as many bytes from `ahead` on.
#[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
pub(super) fn make_tiles(matrix: &Matrix, chunk: Chunk, ahead: *const u8, tiles: &mut [Tile]) {
    let rows = Rows::new(matrix, chunk);
    for (four, out) in tiles.iter_mut().enumerate() {
        _mm_prefetch::<_MM_HINT_T1>(ahead.wrapping_add(four * size_of::<Tile>()).cast());
        // SAFETY: the first `n_whole` can be read whole.
        let tile = if four < rows.n_whole { unsafe { rows.tile(four) } } else { rows.last_tile(four) };
        let at: *mut Tile = out;
        // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
        unsafe { _mm512_store_si512(at.cast(), tile) };
    }
}

/// Adds some of a chunk's tiles × few digits, `[sources / 4][sums]`, to sums that are not shifted down.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
pub(super) fn add_fused<const F: usize>(
    matrix: &Matrix,
    chunk: Chunk,
    fours: Range<usize>,
    ahead: *const u8,
    digits: &[u32],
    sums: &mut [Sums],
) {
    let rows = Rows::new(matrix, chunk);
    match sums.len() {
        1 => add_fused_of::<F, 1>(&rows, 0, fours, ahead, digits, sums),
        2 => add_fused_of::<F, 2>(&rows, 0, fours, ahead, digits, sums),
        3 => add_fused_of::<F, 3>(&rows, 0, fours, ahead, digits, sums),
        MOST_FUSED => add_fused_of::<F, MOST_FUSED>(&rows, 0, fours, ahead, digits, sums),
        _ if F == 4 => {
            add_fused_of::<2, FUSED_IN_HALVES>(&rows, 0, fours.clone(), ahead, digits, sums);
            add_fused_of::<2, FUSED_IN_HALVES>(&rows, 2, fours, ahead, digits, sums);
        }
        _ => add_fused_of::<F, FUSED_IN_HALVES>(&rows, 0, fours, ahead, digits, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn add_fused_of<const F: usize, const N: usize>(
    rows: &Rows<'_>,
    first_field: usize,
    fours: Range<usize>,
    ahead: *const u8,
    digits: &[u32],
    sums: &mut [Sums],
) {
    let masks: [__m512i; F] = std::array::from_fn(|field| mask_of(rows.chunk.shape, first_field + field));
    let sums: &mut [Sums; N] = sums.try_into().expect("invariant: as many sums");
    let mut fields: [[__m512i; N]; F] =
        std::array::from_fn(|field| std::array::from_fn(|at| load(&sums[at][first_field + field])));
    let n_whole = rows.n_whole.clamp(fours.start, fours.end);
    let (whole, last) = digits.as_chunks::<N>().0.split_at(n_whole - fours.start);
    let mut ahead = ahead;
    for (four, digits) in (fours.start..).zip(whole) {
        _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
        ahead = ahead.wrapping_add(size_of::<Tile>());
        // SAFETY: four is less than `n_whole`.
        add_products(&mut fields, unsafe { rows.tile(four) }, &masks, digits);
    }
    for (four, digits) in (n_whole..).zip(last) {
        add_products(&mut fields, rows.last_tile(four), &masks, digits);
    }
    for (field, of_field) in fields.iter().enumerate() {
        for (sums, &sum) in sums.iter_mut().zip(of_field) {
            store(&mut sums[first_field + field], sum);
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
pub(super) fn sum_panel(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    match sums.len() {
        1 => sum_of::<1>(tiles, shape, digits, sums),
        2 => sum_of::<2>(tiles, shape, digits, sums),
        4 => sum_of::<4>(tiles, shape, digits, sums),
        8 => sum_of::<8>(tiles, shape, digits, sums),
        _ => sum_of::<16>(tiles, shape, digits, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn sum_of<const N: usize>(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    for field in 0..shape.n_fields() {
        let mask = mask_of(shape, field);
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
            store(&mut sums[field], _mm512_srav_epi32(sum, places));
        }
    }
}

/// A chunk's rows.
struct Rows<'a> {
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

impl<'a> Rows<'a> {
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
fn mask_of(shape: Shape, field: usize) -> __m512i {
    _mm512_set1_epi32(shape.mask(field).cast_signed())
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(lanes: &[i32; LANES]) -> __m512i {
    // SAFETY: 16 lanes have 64 bytes.
    unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(lanes: &mut [i32; LANES], sum: __m512i) {
    // SAFETY: 16 lanes have 64 bytes.
    unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), sum) };
}

/// `MUL_SHR` of 16 lanes at a time, the even and the odd ones apart; whether all products fit their word, if that is to be
/// `CHECKED`.
#[target_feature(enable = "avx512f")]
pub(super) fn mul_shr<const CHECKED: bool>(
    out: &mut [i32],
    a: &[i32],
    b: impl Iterator<Item = [i32; LANES]>,
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
        let (a, b) = (load(a), load(&b));
        let even = shifted(a, b);
        let odd = shifted(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b));
        if CHECKED {
            seen = _mm512_or_si512(seen, _mm512_add_epi64(even, beyond));
            seen = _mm512_or_si512(seen, _mm512_add_epi64(odd, beyond));
        }
        // The low words of the odd lanes go to the upper halves.
        store(out, _mm512_mask_shuffle_epi32::<0b10_10_00_00>(even, 0xaaaa, odd));
    }
    _mm512_test_epi64_mask(seen, _mm512_set1_epi64(-1 << word.bits())) == 0
}
