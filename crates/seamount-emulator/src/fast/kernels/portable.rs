//! The kernels in plain Rust: what the others must equal, and what runs where they cannot.

use super::{Kind, LANES, Packed, Payloads, SOURCES, Tile, blocks};

/// Adds matrix × payloads to `out`.
pub(super) fn multiply(matrix: &Packed, payloads: &Payloads, out: &mut [i32]) {
    let n_neurons = matrix.n_neurons();
    for (row, out) in out.chunks_exact_mut(n_neurons).enumerate() {
        let values = payloads.row(row);
        let excess = payloads.excess(matrix.kind, row);
        for (tiles, out) in matrix.tiles.chunks_exact(matrix.tiles_per_neuron()).zip(out.as_chunks_mut().0) {
            let mut sums = [0_i32; LANES];
            match matrix.kind {
                Kind::Ternary => {
                    for (tile, values) in tiles.iter().zip(values.as_chunks::<16>().0) {
                        for (source, &value) in values.iter().enumerate() {
                            add(&mut sums, tile, source % 4 * 8 + source / 4 * 2, 0b11, value);
                        }
                    }
                }
                Kind::Bytes => {
                    for (tile, values) in tiles.iter().zip(values.as_chunks::<4>().0) {
                        for (source, &value) in values.iter().enumerate() {
                            add(&mut sums, tile, source * 8, 0xff, value);
                        }
                    }
                }
            }
            let out: &mut [i32; LANES] = out;
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = out.wrapping_add(sum.wrapping_sub(excess));
            }
        }
    }
}

/// Adds one source's weights × its payload.
#[inline(always)]
fn add(sums: &mut [i32; LANES], tile: &Tile, shift: usize, mask: u32, value: i32) {
    for (sum, &word) in sums.iter_mut().zip(&tile.0) {
        let weight = ((word >> shift) & mask).cast_signed();
        *sum = sum.wrapping_add(weight.wrapping_mul(value));
    }
}

/// Works out the sums and the largest of the payloads' values, and the digits if they are asked for.
#[inline(always)]
pub(super) fn prepare(payloads: &mut Payloads, with_digits: bool) {
    let Payloads { n_sources, values, n_pairs, digits, sums, largest } = payloads;
    let (mut least, mut greatest) = (0, 0);
    for &value in &*values {
        least = value.min(least);
        greatest = value.max(greatest);
    }
    *largest = least.unsigned_abs().max(greatest.unsigned_abs());
    // Two digits go up to 127 × 256 + 127 and down to -128 × 256 - 128. Four hold anything, modulo 2³².
    *n_pairs = if least >= -32_896 && greatest <= 32_639 { 1 } else { 2 };
    sums.clear();
    for values in values.chunks_exact(*n_sources) {
        let mut sum = 0;
        for &value in values {
            sum += i64::from(value);
        }
        sums.push(sum);
    }
    digits.clear();
    if !with_digits {
        return;
    }
    let n_fours = *n_sources / 4;
    digits.resize(*n_pairs * sums.len() * n_fours, 0);
    for (pair, digits) in digits.chunks_exact_mut((sums.len() * n_fours).max(1)).enumerate() {
        for block in blocks(sums.len()) {
            let digits = &mut digits[block.start * n_fours..block.end * n_fours];
            for (row, values) in
                values[block.start * *n_sources..].chunks_exact(*n_sources).take(block.len()).enumerate()
            {
                let mut digits = digits[row..].iter_mut().step_by(block.len());
                for values in values.as_chunks().0 {
                    for (four, out) in sixteen_digits(values, pair).into_iter().zip(digits.by_ref()) {
                        *out = four;
                    }
                }
            }
        }
    }
}

/// A pair of digits of each of sixteen values, by fours, in a four the lower ones first.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the low byte is the digit")]
fn sixteen_digits(values: &[i32; SOURCES], pair: usize) -> [u64; SOURCES / 4] {
    // A digit that is less than zero has taken 256 off the next one: what is below has carried as much as this adds.
    let below = if pair == 0 { 0 } else { 0x8080 };
    let low = values.map(|value| (value.wrapping_add(below) >> (16 * pair)) as u8);
    let high = values.map(|value| (value.wrapping_add(below + (0x80 << (16 * pair))) >> (16 * pair + 8)) as u8);
    let (low, high) = (low.as_chunks().0, high.as_chunks().0);
    std::array::from_fn(|four| {
        u64::from(u32::from_le_bytes(low[four])) | u64::from(u32::from_le_bytes(high[four])) << 32
    })
}

/// Packs rows of ternary weights.
#[inline(always)]
pub(super) fn pack_ternary(rows: &[&[u8]], n_neurons: usize) -> Packed {
    let n_sources = rows.len().next_multiple_of(SOURCES);
    let n_tiles = n_sources / SOURCES;
    let mut tiles = vec![Tile([0; LANES]); n_neurons.div_ceil(LANES) * n_tiles];
    for (block, tiles) in tiles.chunks_exact_mut(n_tiles).enumerate() {
        for (rows, tile) in rows.chunks(SOURCES).zip(tiles) {
            for (source, row) in rows.iter().enumerate() {
                let codes = codes(row, 4 * block);
                // 00, 01 and 11 become 01, 10 and 00: the weight plus 1.
                let codes = codes ^ ((codes & 0x5555_5555) << 1) ^ 0x5555_5555;
                let shift = source % 4 * 8 + source / 4 * 2;
                for (lane, word) in tile.0.iter_mut().enumerate() {
                    *word |= ((codes >> (2 * lane)) & 0b11) << shift;
                }
            }
        }
    }
    Packed { kind: Kind::Ternary, n_sources, tiles }
}

/// Four bytes of a row, zeros past its end.
#[inline(always)]
fn codes(row: &[u8], at: usize) -> u32 {
    match row.get(at..).and_then(<[u8]>::first_chunk) {
        Some(&bytes) => u32::from_le_bytes(bytes),
        None => (at..row.len()).rev().fold(0, |codes, at| codes << 8 | u32::from(row[at])),
    }
}
