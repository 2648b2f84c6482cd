//! The kernels in plain Rust: what the others must equal, and what runs where they cannot.

use super::matrix::{Matrix, Shape};
use super::{LANES, MOST_FIELDS, Panel, Payloads, Sums, Target, Tile, add};

/// Adds matrix × payloads to `out`.
pub(super) fn multiply(matrix: &Matrix, payloads: &Payloads, panel: &mut Panel, out: &mut Target<'_>) {
    for chunk in matrix.chunks() {
        panel.tiles.clear();
        panel.tiles.extend((0..matrix.n_fours()).map(|four| matrix.tile(chunk, four)));
        for block in payloads.blocks() {
            panel.sums.clear();
            panel.sums.resize(block.len(), [[0; LANES]; MOST_FIELDS]);
            sum(&panel.tiles, chunk.shape, payloads.digits(&block), &mut panel.sums);
            add(matrix, payloads, chunk, block.start, &panel.sums, out);
        }
    }
}

/// The sums of a panel's tiles × digits, `[sources / 4][sums]`.
fn sum(tiles: &[Tile], shape: Shape, digits: &[u32], sums: &mut [Sums]) {
    let n = sums.len();
    for (tile, digits) in tiles.iter().zip(digits.chunks_exact(n)) {
        for (sums, digits) in sums.iter_mut().zip(digits) {
            let digits = digits.to_le_bytes().map(|digit| i32::from(digit.cast_signed()));
            for (field, sums) in sums.iter_mut().take(shape.n_fields()).enumerate() {
                for (sum, &word) in sums.iter_mut().zip(&tile.0) {
                    let weights = ((word & shape.mask(field)) >> (2 * field)).to_le_bytes();
                    let products = weights.iter().zip(digits).map(|(&weight, digit)| i32::from(weight) * digit);
                    *sum = sum.wrapping_add(products.sum());
                }
            }
        }
    }
}
