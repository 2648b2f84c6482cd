//! The kernel for AArch64: NEON, which every such processor has.

#![expect(unsafe_code, reason = "vector instructions read and write through pointers")]

use std::arch::aarch64::*;

use super::matrix::{Matrix, Shape};
use super::{LANES, MOST_FIELDS, Panel, Payloads, Target, Tile, add, portable};

/// Lanes of a vector.
const QUARTER: usize = 4;

/// Adds matrix × payloads to `out`, `[row][lane]`.
pub(super) fn multiply(matrix: &Matrix, payloads: &Payloads, panel: &mut Panel, out: &mut Target<'_>) {
    for chunk in matrix.chunks() {
        if chunk.shape == Shape::Bytes {
            // Unsigned bytes times signed ones are more than NEON multiplies at once.
            return portable::multiply(matrix, payloads, panel, out);
        }
        panel.tiles.clear();
        panel.tiles.extend((0..matrix.n_fours()).map(|four| matrix.tile(chunk, four)));
        for block in payloads.blocks() {
            panel.sums.clear();
            panel.sums.resize(block.len(), [[0; LANES]; MOST_FIELDS]);
            let digits = payloads.digits(&block);
            for (at, sums) in panel.sums.iter_mut().enumerate() {
                for (field, sums) in sums.iter_mut().enumerate().take(chunk.shape.n_fields()) {
                    sum(&panel.tiles, field, &digits[at..], block.len(), sums);
                }
            }
            add(matrix, payloads, chunk, block.start, &panel.sums, out);
        }
    }
}

/// The sums of a field of a panel's tiles × every `n`th word of digits.
fn sum(tiles: &[Tile], field: usize, digits: &[u32], n: usize, sums: &mut [i32; LANES]) {
    // SAFETY: every AArch64 processor has NEON; a tile and the sums have four quarters of 16 bytes each.
    unsafe {
        let (mask, places) = (vdupq_n_u8(0b11), vdupq_n_s8([0, -2, -4, -6][field]));
        let mut quarters = [vdupq_n_s32(0); LANES / QUARTER];
        for (tile, &digits) in tiles.iter().zip(digits.iter().step_by(n)) {
            let digits = vreinterpretq_s8_u32(vdupq_n_u32(digits));
            for (quarter, sum) in quarters.iter_mut().enumerate() {
                let words = vld1q_u32(tile.0.as_ptr().add(QUARTER * quarter));
                let weights = vandq_u8(vshlq_u8(vreinterpretq_u8_u32(words), places), mask);
                let weights = vreinterpretq_s8_u8(weights);
                // Two products of at most 3 × 128 each.
                let pairs =
                    vpaddq_s16(vmull_s8(vget_low_s8(weights), vget_low_s8(digits)), vmull_high_s8(weights, digits));
                *sum = vpadalq_s16(*sum, pairs);
            }
        }
        for (quarter, sum) in quarters.into_iter().enumerate() {
            vst1q_s32(sums.as_mut_ptr().add(QUARTER * quarter), sum);
        }
    }
}
