//! Short programs for coarse bounds: a polynomial of an operand that is clamped to where the function still changes.
//!
//! What was not taken: the tail of a sigmoid as a power of a polynomial of `|x|`, and silu as `max(x, 0)` less a
//! polynomial of `|x|`. Both begin with more instructions and gain no more a term.

use seamount_ir::kernel::{Arg, Local};

use super::fit::{Problem, least, points};
use super::{Builder, constant};

/// Points of a fit.
const N_POINTS: u32 = 160;
/// Where functions may be clamped.
const CLAMPS: (f64, f64) = (1.5, 16.0);
/// Bits of the square of the operand, without sign.
const SQUARE_BITS: u32 = 23;

/// `1/2 + P(x)` with an odd polynomial of `|x| <= clamp`, for sigmoids.
#[derive(Debug, Clone)]
pub(super) struct Odd {
    clamp: f64,
    /// Of `x/clamp`, its third power, and so on.
    coefficients: Vec<f64>,
}

impl Odd {
    /// The sigmoid as well as a polynomial of `n_terms` can.
    pub(super) fn sigmoid(n_terms: usize) -> Self {
        // Beyond the clamp the result stays, and the sigmoid goes on to 1: the last point stands for all of those.
        let fit = |clamp: f64| {
            let far = 2.0 * clamp;
            let at = |x: f64| {
                let target = if x > clamp { 0.5 } else { gate(x) - 0.5 };
                (odd_powers((x / clamp).min(1.0), n_terms), target, 1.0)
            };
            let points = [points(0.0, clamp, N_POINTS), vec![far]].concat();
            Problem::over(&points, n_terms, at).fit()
        };
        let clamp = least(CLAMPS.0, CLAMPS.1, |clamp| fit(clamp).error);
        Self { clamp, coefficients: fit(clamp).coefficients }
    }

    /// A gate whose product with `x` is near the silu: exactly 0 and 1 from the clamp on, since there is no limit to
    /// what it is multiplied by.
    pub(super) fn silu_gate(n_terms: usize) -> Self {
        let fit = |clamp: f64| {
            let at = |x: f64| {
                let first = x / clamp;
                let others = odd_powers(first, n_terms).into_iter().skip(1).map(|power| power - first).collect();
                (others, gate(x) - 0.5 - first / 2.0, x)
            };
            Problem::over(&points(0.0, clamp, N_POINTS), n_terms - 1, at).fit()
        };
        let clamp = least(CLAMPS.0, CLAMPS.1, |clamp| fit(clamp).error.max(clamp * gate(-clamp)));
        let others = fit(clamp).coefficients;
        let first = 0.5 - others.iter().sum::<f64>();
        Self { clamp, coefficients: [vec![first], others].concat() }
    }

    /// Appends it for `x` of `input` fraction bits; the result has `output`. `None` where words cannot hold it.
    pub(super) fn emit(&self, builder: &mut Builder, x: Local, [input, output]: [u32; 2]) -> Option<Local> {
        let unit = self.clamp * 2f64.powi(input.cast_signed());
        let clamp = constant(unit, 0);
        let upper = builder.min(x, clamp);
        let negated = builder.neg(upper);
        // The operand is negated, and so are the coefficients.
        let operand = builder.min(negated, clamp);
        // The square as nearly a whole word as shifts allow, and its largest value in units of a word.
        let square = f64::from(clamp) * f64::from(clamp);
        let square_bits = log2_ceil(square);
        let shift = square_bits.saturating_sub(SQUARE_BITS);
        let fraction = square_bits - shift;
        let reach = square / 2f64.powi(square_bits.cast_signed());
        // Coefficients of the powers of the square in those units, times the operand in its own.
        let scaled: Vec<f64> = self.coefficients.iter().zip(0..).map(|(c, k)| -c / unit / reach.powi(k)).collect();
        let bits = coefficient_bits(&scaled);
        let total = bits.checked_sub(output)?;
        let [first, others @ ..] = scaled.as_slice() else { unreachable!("invariant: there is a term") };
        let mut sum = Arg::Const(constant(*others.last().unwrap_or(first), bits));
        if !others.is_empty() {
            let squared = builder.mul(operand, operand, shift);
            for &coefficient in others.iter().rev().skip(1).chain([first]) {
                let product = builder.mul(squared, sum, fraction);
                sum = builder.add(product, constant(coefficient, bits)).into();
            }
        }
        let odd = builder.mul(operand, sum, total);
        Some(builder.add(odd, constant(0.5, output)))
    }
}

/// Fraction bits with which every coefficient is a word, and so is what Horner's rule makes of them.
fn coefficient_bits(coefficients: &[f64]) -> u32 {
    let largest = coefficients.iter().map(|c| c.abs()).sum::<f64>();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "coefficients are far below one unit")]
    let bits = (f64::from(1 << 23) / largest).log2().floor().clamp(0.0, 46.0) as u32;
    bits
}

fn odd_powers(x: f64, n: usize) -> Vec<f64> {
    std::iter::successors(Some(x), |power| Some(power * x * x)).take(n).collect()
}

fn gate(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn log2_ceil(x: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "logarithms of numbers from 1")]
    let bits = x.log2().ceil() as u32;
    bits
}
