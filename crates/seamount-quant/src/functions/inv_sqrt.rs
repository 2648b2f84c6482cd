//! `1 / sqrt(S)` by normalization, a polynomial and Newton's method.

use std::f64::consts::SQRT_2;
use std::ops::RangeInclusive;

use seamount_ir::kernel::{Arg, Kernel, Local};

use super::{Builder, constant};

/// Fraction bits that the result may have.
pub const ROOT_FRACTION_BITS: RangeInclusive<u32> = 12..=34;

/// Largest errors in units of the result, by its fraction bits from 12: over all inputs from 1, by
/// `examples/measure_functions.rs`, rounded up.
const MAX_ERROR_UNITS: [f64; 23] = [
    0.501, 0.501, 0.501, 0.501, 0.501, 0.501, 0.501, 0.503, 0.557, 0.6, 0.667, 1.087, 1.087, 1.36, 1.861, 1.861, 2.023,
    2.204, 2.331, 2.339, 2.417, 2.417, 2.427,
];

/// Fraction bits of the normalized operand `m`, 1 to 4; of the start, whose polynomial has a coefficient above 2; and
/// of the roots `sqrt(2/m)`, up to √2.
const OPERAND_BITS: u32 = 21;
const START_BITS: u32 = 21;
const BITS: u32 = 22;

/// `1/sqrt(m)` for `m` from 1 to 4, from the leading coefficient (Remez exchange), and its largest relative error.
const START: [f64; 4] = [-0.019050413966665805, 0.1946857037721886, -0.7388630493749657, 1.5561871024534706];
const START_ERROR: f64 = 0.0070407;

/// `2^fraction_bits / sqrt(S)` for words `S` from 1, saturated; `None` where [`ROOT_FRACTION_BITS`] does not have them.
///
/// Its `max_error` is in units of the result: the kernel knows the format of neither operand nor result.
///
/// `S` is shifted left by an even `2k` to `m` with 22 or 23 significant bits; with the root `y = 2^33/sqrt(m)`, the
/// result is `y·2^(k + fraction_bits - 33)`. Source: Newton's method; Lava's fixed-point inverse square root
/// (`lava/proc/graded/models.py`) iterates likewise from a table. Ours normalizes by selections, starts from a cubic,
/// and splits the error of the first step to both sides (`newton`).
pub fn inv_sqrt(fraction_bits: u32) -> Option<Kernel> {
    if !ROOT_FRACTION_BITS.contains(&fraction_bits) {
        return None;
    }
    let (mut builder, operand) = Builder::new(format!("inv_sqrt_f{fraction_bits}"));
    let start = Start { coefficients: &START, error: START_ERROR };
    let result = emit(&mut builder, operand, fraction_bits, start, 2);
    let index = (fraction_bits - ROOT_FRACTION_BITS.start()) as usize;
    Some(builder.finish(result, MAX_ERROR_UNITS[index]))
}

/// A polynomial for `1/sqrt(m)`, `m` from 1 to 4.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start<'c> {
    /// From the leading one.
    pub(super) coefficients: &'c [f64],
    /// Its largest relative error.
    pub(super) error: f64,
}

/// Appends the inverse root of `operand`: a start and some steps of Newton's method.
pub(super) fn emit(builder: &mut Builder, operand: Local, fraction_bits: u32, start: Start<'_>, n_steps: u32) -> Local {
    let (normalized, k) = normalize(builder, operand);
    let coefficients: Vec<f64> = start.coefficients.iter().map(|c| c * SQRT_2).collect();
    let mut root = (builder.polynomial(normalized, OPERAND_BITS, &coefficients, START_BITS), START_BITS);
    if n_steps > 0 {
        let negated = builder.neg(normalized);
        let mut error = start.error;
        for _ in 0..n_steps {
            let half_error = 0.75 * error * error;
            root = (newton(builder, negated, root, half_error), BITS);
            error = half_error;
        }
    }
    // y·2^(k + fraction_bits - 33) with y of 22 bits, rounded: a product with a power of two and a constant shift.
    let (root, root_bits) = root;
    let whole = 11 + root_bits;
    let shift = whole.saturating_sub(fraction_bits);
    let unit = 1 << fraction_bits.saturating_sub(whole);
    let power = builder.shl(Arg::Const(unit), k);
    builder.mul(root, power, shift)
}

/// Shifts left by `2k` so that 22 or 23 bits are significant; returns the operand and `k`.
fn normalize(builder: &mut Builder, operand: Local) -> (Local, Local) {
    let mut shift = |operand: Local, by: i32| {
        let amount = builder.if_less(operand, 1 << (23 - by), by, 0);
        (builder.shl(operand, amount), amount)
    };
    let (operand, by_16) = shift(operand, 16);
    let (operand, by_8) = shift(operand, 8);
    let (operand, by_4) = shift(operand, 4);
    let (operand, by_2) = shift(operand, 2);
    let total = builder.add(by_16, by_8);
    let total = builder.add(total, by_4);
    let total = builder.add(total, by_2);
    (operand, builder.shl(total, -1))
}

/// `y·(3 - m·y²/2)/2` for the negated operand and a root of some fraction bits. Newton's step errs to one side only, by
/// 3/2 of the squared error; half of that, added to the factor, makes it err to both by as much.
fn newton(builder: &mut Builder, negated: Local, (root, root_bits): (Local, u32), half_error: f64) -> Local {
    let product = builder.mul(negated, root, root_bits);
    let product = builder.mul(product, root, root_bits + 1);
    let factor = builder.add(product, constant(1.5 + half_error, BITS));
    builder.mul(root, factor, root_bits)
}
