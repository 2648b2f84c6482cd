//! The kernels for AVX-512 with VNNI and VBMI.

#![expect(
    unsafe_code,
    reason = "vector instructions need to know that the processor has them, and read through pointers"
)]

use std::arch::x86_64::*;
use std::ops::Range;

use seamount_microcode::semantics::Word;

use super::super::matrix::{Chunk, Matrix, Shape};
use super::super::payloads::Digit;
use super::super::{CHUNK_BYTES, LANES, Payloads, Sums, Target, Tile};

/// Up to so many digits are multiplied while tiles are made: with four fields of each, sums fill half of the registers.
const MOST_FUSED: usize = 4;

/// So many as well, two fields at a time, for which tiles are made twice.
const FUSED_IN_HALVES: usize = 8;

const VECTOR_BYTES: usize = size_of::<__m512i>();

/// Whether tiles are made anew for `n` digits, and not kept.
pub(super) fn is_fused(n: usize) -> bool {
    n <= MOST_FUSED || n == FUSED_IN_HALVES
}

/// Makes the tiles of a chunk.
#[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
pub(super) fn make_tiles(matrix: &Matrix, chunk: Chunk, tiles: &mut [Tile]) {
    let rows = Rows::new(matrix, chunk);
    if rows.in_pairs { make_tiles_of::<true>(&rows, tiles) } else { make_tiles_of::<false>(&rows, tiles) }
}

#[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
#[inline]
fn make_tiles_of<const PAIRS: bool>(rows: &Rows<'_>, tiles: &mut [Tile]) {
    let (whole, last) = tiles.split_at_mut(rows.n_whole);
    for (four, out) in whole.iter_mut().enumerate() {
        // SAFETY: four is less than `n_whole`, and the caller gives `PAIRS` as `rows` says.
        let tile = unsafe { rows.tile::<PAIRS>(four) };
        let at: *mut Tile = out;
        // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
        unsafe { _mm512_store_si512(at.cast(), tile) };
    }
    for (four, out) in (rows.n_whole..).zip(last) {
        *out = rows.matrix.tile(rows.chunk, four);
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
    if rows.in_pairs {
        add_whole::<F, N, true>(&mut fields, rows, fours.start, ahead, &masks, whole);
    } else {
        add_whole::<F, N, false>(&mut fields, rows, fours.start, ahead, &masks, whole);
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

/// Adds the products of fours of rows that can be read whole.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn add_whole<const F: usize, const N: usize, const PAIRS: bool>(
    fields: &mut [[__m512i; N]; F],
    rows: &Rows<'_>,
    first: usize,
    ahead: *const u8,
    masks: &[__m512i; F],
    digits: &[[u32; N]],
) {
    let mut ahead = ahead;
    for (four, digits) in (first..).zip(digits) {
        _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
        ahead = ahead.wrapping_add(size_of::<Tile>());
        // SAFETY: the caller gives digits of fours less than `n_whole`, and `PAIRS` as `rows` says.
        add_products(fields, unsafe { rows.tile::<PAIRS>(four) }, masks, digits);
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

/// The sums of a panel's tiles × digits, `[sources / 4][sums]`, not shifted down. Meanwhile as many bytes as the tiles have
/// are fetched from `ahead` on.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
pub(super) fn sum_panel(tiles: &[Tile], shape: Shape, ahead: Option<*const u8>, digits: &[u32], sums: &mut [Sums]) {
    match sums.len() {
        1 => sum_of::<1>(tiles, shape, ahead, digits, sums),
        2 => sum_of::<2>(tiles, shape, ahead, digits, sums),
        4 => sum_of::<4>(tiles, shape, ahead, digits, sums),
        8 => sum_of::<8>(tiles, shape, ahead, digits, sums),
        _ => sum_of::<16>(tiles, shape, ahead, digits, sums),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi")]
#[inline]
fn sum_of<const N: usize>(tiles: &[Tile], shape: Shape, ahead: Option<*const u8>, digits: &[u32], sums: &mut [Sums]) {
    // Each field fetches a part.
    let step = size_of::<Tile>() / shape.n_fields();
    let mut ahead = ahead.unwrap_or(tiles.as_ptr().cast());
    for field in 0..shape.n_fields() {
        let mask = mask_of(shape, field);
        let mut of_field = [_mm512_setzero_si512(); N];
        for (tile, digits) in tiles.iter().zip(digits.as_chunks::<N>().0) {
            _mm_prefetch::<_MM_HINT_T1>(ahead.cast());
            ahead = ahead.wrapping_add(step);
            let at: *const Tile = tile;
            // SAFETY: a tile has 64 bytes, and begins at a multiple of 64.
            let weights = _mm512_and_si512(unsafe { _mm512_load_si512(at.cast()) }, mask);
            for (sum, &digit) in of_field.iter_mut().zip(digits) {
                *sum = _mm512_dpbusd_epi32(*sum, weights, _mm512_set1_epi32(digit.cast_signed()));
            }
        }
        for (sums, sum) in sums.iter_mut().zip(of_field) {
            store(&mut sums[field], sum);
        }
    }
}

/// Adds the sums of some digits of payloads, the first of which is `first`, to `out`. They are not shifted down.
#[target_feature(enable = "avx512f")]
pub(super) fn add_sums(
    matrix: &Matrix,
    payloads: &Payloads,
    chunk: Chunk,
    first: usize,
    sums: &[Sums],
    out: &mut Target<'_>,
) {
    let end_lane = out.first_lane + matrix.n_neurons.next_multiple_of(LANES);
    // Where a lane of two fields is found: those of the first one, then those of the second.
    let places = _mm512_setr_epi32(0, 16, 8, 24, 1, 17, 9, 25, 2, 18, 10, 26, 3, 19, 11, 27);
    let pairs = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    let fours = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    let (half, half_of_fours) = (_mm512_set1_epi32(8), _mm512_set1_epi64(4));
    let quarter = _mm512_set1_epi32(4);
    for (&Digit { row, place }, sums) in payloads.multiplied[first..].iter().zip(sums) {
        let excess = _mm512_set1_epi32(if place == 0 { payloads.excess(matrix.kind, row) } else { 0 });
        // The lowest digit comes first.
        let is_new = out.is_new && place == 0;
        let of_row = &mut out.sums[out.rows[row] * out.n_lanes..][..end_lane];
        let lanes = of_row[out.first_lane + chunk.first_neuron..].as_chunks_mut::<LANES>().0.iter_mut();
        let shift = _mm_cvtsi32_si128([0, 8, 16, 24][place]);
        let put = |out: &mut [i32; LANES], sum| {
            let sum = _mm512_sub_epi32(_mm512_sll_epi32(sum, shift), excess);
            store(out, if is_new { sum } else { _mm512_add_epi32(load(out), sum) });
        };
        match chunk.shape {
            Shape::FourFields => {
                let [a, b, c, d] = sums.each_ref().map(|lanes| load(lanes));
                let (b, c, d) = (_mm512_srai_epi32::<2>(b), _mm512_srai_epi32::<4>(c), _mm512_srai_epi32::<6>(d));
                let all_of = |pairs, fours| {
                    let (ab, cd) = (_mm512_permutex2var_epi32(a, pairs, b), _mm512_permutex2var_epi32(c, pairs, d));
                    let upper = _mm512_add_epi64(fours, half_of_fours);
                    [_mm512_permutex2var_epi64(ab, fours, cd), _mm512_permutex2var_epi64(ab, upper, cd)]
                };
                let all = [all_of(pairs, fours), all_of(_mm512_add_epi32(pairs, half), fours)];
                lanes.zip(all.as_flattened()).for_each(|(out, &sum)| put(out, sum));
            }
            Shape::TwoFields => {
                let (a, b) = (load(&sums[0]), _mm512_srai_epi32::<2>(load(&sums[1])));
                let all = [places, _mm512_add_epi32(places, quarter)].map(|at| _mm512_permutex2var_epi32(a, at, b));
                lanes.zip(all).for_each(|(out, sum)| put(out, sum));
            }
            Shape::Bytes => lanes.zip([load(&sums[0])]).for_each(|(out, sum)| put(out, sum)),
        }
    }
}

/// A chunk's rows.
struct Rows<'a> {
    matrix: &'a Matrix,
    chunk: Chunk,
    image: &'a [u8],
    /// How many fours of rows can be read as [`Self::tile`] reads them.
    n_whole: usize,
    /// Whether two rows are read at once: what is between their chunks leaves room for both in a vector.
    in_pairs: bool,
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
        let (first, n_bytes) = match chunk.shape {
            Shape::FourFields | Shape::Bytes => {
                (_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), CHUNK_BYTES)
            }
            Shape::TwoFields => (_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7), CHUNK_BYTES / 2),
        };
        let pairs = u8::try_from(matrix.stride()).ok().filter(|&stride| usize::from(stride) + n_bytes <= VECTOR_BYTES);
        let (image, n_rows) = matrix.from(chunk, if pairs.is_some() { VECTOR_BYTES } else { CHUNK_BYTES });
        // Where the second and the third row of a four are: in two vectors of a pair each, or in one with 16 bytes of each.
        let [second, third] = pairs.map_or([16, 32], |stride| [stride, 64]);
        let rows = i32::from_le_bytes([0, second, third, third + second]);
        let places = _mm512_mullo_epi32(first, _mm512_set1_epi32(0x0101_0101));
        Self {
            matrix,
            chunk,
            image,
            n_whole: n_rows / 4,
            in_pairs: pairs.is_some(),
            places: _mm512_add_epi32(places, _mm512_set1_epi32(rows)),
            shifts: _mm512_inserti64x4::<1>(_mm512_setzero_si512(), _mm256_set1_epi32(4)),
            flip: _mm512_set1_epi32(matrix.kind.flip().cast_signed()),
        }
    }

    /// The same as [`Matrix::tile`].
    ///
    /// # Safety
    /// `four` is less than `n_whole`, and `PAIRS` is whether rows are read in pairs.
    #[target_feature(enable = "avx512f,avx512vl,avx512vbmi")]
    #[inline]
    unsafe fn tile<const PAIRS: bool>(&self, four: usize) -> __m512i {
        let stride = self.matrix.stride();
        // SAFETY: `Matrix::from` has counted the rows of which as many bytes as are read here lie within the image; this
        // four is one of them.
        let tile = unsafe {
            let first = self.image.as_ptr().add(4 * four * stride);
            if PAIRS {
                let [ab, cd] = [0, 2].map(|row| _mm512_loadu_si512(first.add(row * stride).cast()));
                _mm512_permutex2var_epi8(ab, self.places, cd)
            } else {
                let [a, b, c, d] = [0, 1, 2, 3].map(|row| _mm_loadu_si128(first.add(row * stride).cast()));
                let (ab, cd) = (_mm256_set_m128i(b, a), _mm256_set_m128i(d, c));
                let rows = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(ab), cd);
                _mm512_permutexvar_epi8(self.places, rows)
            }
        };
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
