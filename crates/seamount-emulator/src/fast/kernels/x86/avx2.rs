//! The kernels for AVX2.

#![expect(
    unsafe_code,
    reason = "vector instructions need to know that the processor has them, and read through pointers"
)]

use std::arch::x86_64::*;

use super::super::matrix::{Chunk, Matrix, Shape};
use super::super::{CHUNK_BYTES, LANES, Payloads, Sums, Target, Tile, add};

/// Makes the tiles of a chunk.
#[target_feature(enable = "avx2")]
pub(super) fn make_tiles(matrix: &Matrix, chunk: Chunk, tiles: &mut [Tile]) {
    let (image, n_rows) = matrix.from(chunk, CHUNK_BYTES);
    let flip = _mm_set1_epi32(matrix.kind.flip().cast_signed());
    for (four, tile) in tiles.iter_mut().enumerate() {
        if four >= n_rows / 4 {
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

/// Adds the sums of some digits of payloads, the first of which is `first`, to `out`.
#[target_feature(enable = "avx2")]
pub(super) fn add_sums(
    matrix: &Matrix,
    payloads: &Payloads,
    chunk: Chunk,
    first: usize,
    sums: &[Sums],
    out: &mut Target<'_>,
) {
    add(matrix, payloads, chunk, first, sums, out);
}

/// The sums of a panel's tiles × digits, `[sources / 4][sums]`.
#[target_feature(enable = "avx2")]
pub(super) fn sum_panel(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    let n = sums.len();
    for (at, sums) in sums.iter_mut().enumerate() {
        for half in 0..2 {
            match shape {
                Shape::FourFields | Shape::TwoFields => {
                    for (field, sums) in sums.iter_mut().enumerate().take(shape.n_fields()) {
                        store(sums, half, sum_ternary(tiles, half, field, &digits[at..], n));
                    }
                }
                Shape::Bytes => store(&mut sums[0], half, sum_bytes(tiles, half, &digits[at..], n)),
            }
        }
    }
}

/// Products of bytes are summed in 16 bits over some tiles, where they are at most 16 × 768.
#[target_feature(enable = "avx2")]
#[inline]
fn sum_ternary(tiles: &[Tile], half: usize, field: usize, digits: &[u32], n: usize) -> __m256i {
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
fn sum_bytes(tiles: &[Tile], half: usize, digits: &[u32], n: usize) -> __m256i {
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
fn store(out: &mut [i32; LANES], half: usize, sum: __m256i) {
    let half: *mut [i32; 8] = &raw mut out.as_chunks_mut::<8>().0[half];
    // SAFETY: 8 lanes have 32 bytes.
    unsafe { _mm256_storeu_si256(half.cast(), sum) };
}
