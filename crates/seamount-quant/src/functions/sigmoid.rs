//! `1 / (1 + e^-x)` from a power of two and a reciprocal.

use std::ops::RangeInclusive;

use seamount_ir::kernel::{Kernel, Local};

use super::{Builder, constant};

/// Fraction bits that the input of a sigmoid or silu may have.
pub const INPUT_FRACTION_BITS: RangeInclusive<u32> = 10..=20;

/// Fraction bits that the result of a sigmoid may have.
pub const GATE_FRACTION_BITS: RangeInclusive<u32> = 8..=23;

/// Largest errors of results of 23 fraction bits, in units of `2^-23`, by fraction bits of the input from 10: over all
/// inputs, by `examples/measure_functions.rs`, rounded up.
const MAX_ERROR_UNITS: [f64; 11] = [7.143, 7.143, 7.143, 7.143, 7.143, 7.143, 7.252, 7.359, 7.359, 7.359, 7.436];

/// Fraction bits of the power's exponent: a word then reaches to -32, beyond which sigmoids are 0 or 1.
const EXPONENT_BITS: u32 = 18;

/// Fraction bits of what lies between 0 and 2.
const BITS: u32 = 22;

/// `2^(f/2)` for `f` from 0 to 1, from the leading coefficient; relative error 8.2e-8 (Remez exchange).
pub(super) const HALF_POWER: [f64; 5] =
    [0.00071397779620396, 0.006838237054341281, 0.060091836310538195, 0.34656931494425003, 1.0000000812967687];

/// The largest relative error of the best parabola for `1/(1 + e)`, `e` from 0 to 1.
const PARABOLA_ERROR: f64 = 1.0 / 99.0;

/// The sigmoid of words of `input_fraction_bits`, in words of `output_fraction_bits`; `None` where
/// [`INPUT_FRACTION_BITS`] or [`GATE_FRACTION_BITS`] does not have them.
///
/// Its `max_error` is in real units.
///
/// With `e = 2^(-|x|·log2(e))` the sigmoid is `1/(1 + e)`, or `e/(1 + e)` for negative `x`. The power is a shift by the
/// exponent's integer part of a polynomial in its fraction; the reciprocal starts from a parabola and takes one step
/// of third order. Source: textbook range reduction and Newton's method; ours are the scaling by `κ` (`kappa`) and
/// the step's constants (`reciprocal`), which save an instruction each.
pub fn sigmoid(input_fraction_bits: u32, output_fraction_bits: u32) -> Option<Kernel> {
    if !INPUT_FRACTION_BITS.contains(&input_fraction_bits) || !GATE_FRACTION_BITS.contains(&output_fraction_bits) {
        return None;
    }
    let (mut builder, x) = Builder::new(format!("sigmoid_q{input_fraction_bits}_q{output_fraction_bits}"));
    let power = Power { coefficients: &HALF_POWER, squarings: 1 };
    let result = emit(&mut builder, x, [input_fraction_bits, output_fraction_bits], power, 0);
    let unit = 2f64.powi(-output_fraction_bits.cast_signed());
    let finest = 2f64.powi(-23);
    let rounding = if output_fraction_bits == 23 { 0.0 } else { unit / 2.0 };
    let index = (input_fraction_bits - INPUT_FRACTION_BITS.start()) as usize;
    Some(builder.finish(result, MAX_ERROR_UNITS[index] * finest + rounding))
}

/// How `2^f` is computed for `f` from 0 to 1: as the `2^squarings`-th power of a polynomial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power<'c> {
    /// From the leading one.
    pub(super) coefficients: &'c [f64],
    pub(super) squarings: u32,
}

/// Appends the sigmoid of `x`. `nudge` is added to the factor of the reciprocal's step, in units of `2^-22`.
pub(super) fn emit(builder: &mut Builder, x: Local, [input, output]: [u32; 2], power: Power<'_>, nudge: i32) -> Local {
    let negated = builder.neg(x);
    let negative = builder.min(x, negated);
    let exponent = builder.mul(negative, constant(std::f64::consts::LOG2_E, BITS), BITS + input - EXPONENT_BITS);
    let whole = builder.shl(exponent, -EXPONENT_BITS.cast_signed());
    let fraction = builder.and(exponent, (1 << EXPONENT_BITS) - 1);

    // κ·2^fraction is a power of a polynomial whose coefficients carry that root of κ.
    let root_of_kappa = kappa().powf(0.5f64.powi(power.squarings.cast_signed()));
    let coefficients: Vec<f64> = power.coefficients.iter().map(|c| c * root_of_kappa).collect();
    let root = builder.polynomial(fraction, EXPONENT_BITS, &coefficients, BITS);
    let power = (0..power.squarings).fold(root, |root, _| builder.mul(root, root, BITS));
    let e = builder.shl(power, whole);

    let reciprocal = reciprocal(builder, e, nudge);
    let numerator = builder.if_less(x, 0, e, constant(kappa(), BITS));
    builder.mul(reciprocal, numerator, 2 * BITS - output)
}

/// `1/(κ + e)` for `e` from 0 to `κ`.
///
/// The parabola of least relative error for `1/(1 + t)`, `t` from 0 to 1, is `(32·(t - 5/4)² + 48)/99`; with `t = e/κ`
/// it is `(e - 5κ/4)²/2 + 16/(33κ)`. So it needs no product with its leading coefficient.
///
/// The step multiplies by the monic parabola that is nearest to `1/u` where `u`, the product of the start and what it
/// is to invert, differs from 1 by at most `δ = 1/99`: `u² - (3 + 3δ²/4)·(u - 1)`, off by `δ³/4`, a fourth of what the
/// Taylor parabola `u² - 3u + 3` is off.
fn reciprocal(builder: &mut Builder, e: Local, nudge: i32) -> Local {
    let sum = builder.add(e, constant(kappa(), BITS));
    let centered = builder.add(e, -constant(1.25 * kappa(), BITS));
    let square = builder.mul(centered, centered, BITS + 1);
    let start = builder.add(square, constant(16.0 / (33.0 * kappa()), BITS));

    let slope = 3.0 + 0.75 * PARABOLA_ERROR * PARABOLA_ERROR;
    let product = builder.mul(sum, start, BITS);
    let centered = builder.add(product, -constant(slope / 2.0, BITS));
    let square = builder.mul(centered, centered, BITS);
    let factor = builder.add(square, nudge + constant(slope - slope * slope / 4.0, BITS));
    builder.mul(start, factor, BITS)
}

/// What powers and their sum with one are scaled by; it cancels in the quotient. `κ³ = 64/99` makes the leading
/// coefficient of [`reciprocal`]'s parabola a half.
fn kappa() -> f64 {
    4.0 / 99f64.cbrt()
}
