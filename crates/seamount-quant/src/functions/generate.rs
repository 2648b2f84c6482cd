//! The program of fewest instructions for an error bound.
//!
//! Each function has a few families of programs, from a clamped line to the one that `approximate` puts in place by
//! default. Coefficients are fitted ([`super::fit`]), rounded to words, and what the program then errs is measured over
//! every input: fits propose, measurements decide.

use std::fmt;
use std::ops::Range;

use seamount_ir::kernel::{Arg, Kernel, Local, ScalarOp};

use super::clamped::Odd;
use super::fit::{Problem, points};
use super::inv_sqrt::{self, Start};
use super::measure::{measure, measure_by};
use super::sigmoid::{self, Power};
use super::silu::{GATE_BITS, GATE_NUDGE};
use super::{
    Builder, ErrorBound, Errors, WORD, inv_sqrt as finest_root, sigmoid as finest_sigmoid, silu as finest_silu,
};

/// A real function in the formats of its operand and result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// `1 / (1 + e^-x)`; errors are of its value.
    Sigmoid {
        /// Fraction bits of the operand.
        input: u32,
        /// Fraction bits of the result.
        output: u32,
    },
    /// `x / (1 + e^-x)`; errors are of its value.
    Silu {
        /// Fraction bits of operand and result.
        bits: u32,
    },
    /// `2^fraction / sqrt(S)` of integers from 1; errors are relative, beyond the half unit that any result may be off.
    InvSqrt {
        /// Fraction bits of the result.
        fraction: u32,
    },
}

/// A program and what it errs, measured over every input.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The program.
    pub kernel: Kernel,
    /// Its errors, as its [`Function`] counts them.
    pub errors: Errors,
}

/// No program is as good as asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("no program for {function} errs by less than {bound}; the finest errs by {finest:.2e} (2^{:.1})", finest.log2())]
pub struct Unreachable {
    /// The function.
    pub function: Function,
    /// What was asked for.
    pub bound: ErrorBound,
    /// The least error there is.
    pub finest: f64,
}

/// Where not all inputs are run, every 509th is.
const SAMPLE_STEP: u32 = 509;

impl Generated {
    /// Instructions of microcode.
    pub fn n_instructions(&self) -> usize {
        n_instructions(&self.kernel)
    }
}

/// Instructions of microcode: a selection is a comparison and a choice, and one between two constants has to load the
/// first.
pub fn n_instructions(kernel: &Kernel) -> usize {
    let of = |op: &ScalarOp| match op {
        ScalarOp::Select { then: Arg::Const(_), .. } => 3,
        ScalarOp::Select { .. } => 2,
        ScalarOp::Add(..)
        | ScalarOp::Neg(_)
        | ScalarOp::Min(..)
        | ScalarOp::And(..)
        | ScalarOp::Or(..)
        | ScalarOp::Shl(..)
        | ScalarOp::MulShr { .. } => 1,
    };
    kernel.ops.iter().map(of).sum()
}

/// The program of fewest instructions that errs by at most `bound` on every input; among those of as many, the finest.
/// For [`ErrorBound::FINEST`] the one that compiling uses by default.
///
/// `None` for formats that the function does not have.
///
/// # Errors
/// [`Unreachable`] where no program is as good.
pub fn generate(function: Function, bound: ErrorBound) -> Option<Result<Generated, Unreachable>> {
    let finest = function.finest()?;
    let Some(limit) = bound.limit() else { return Some(Ok(function.measured(finest))) };
    let mut candidates = function.sampled();
    candidates.retain(|candidate| candidate.error <= limit);
    for Candidate { kernel, .. } in candidates {
        let generated = function.measured(kernel);
        if generated.errors.max <= limit {
            return Some(Ok(generated));
        }
    }
    let finest = function.measured(finest).errors.max;
    Some(Err(Unreachable { function, bound, finest }))
}

/// The programs of which none is shorter and as good: error against instructions, from the shortest; the one that
/// compiling uses by default is the last. `None` for formats that the function does not have.
pub fn front(function: Function) -> Option<Vec<Generated>> {
    let finest = function.measured(function.finest()?);
    let mut front: Vec<Generated> = Vec::new();
    let mut best = f64::INFINITY;
    for candidate in function.sampled() {
        let is_shorter = n_instructions(&candidate.kernel) < finest.n_instructions();
        if !is_shorter || candidate.error >= best {
            continue;
        }
        let generated = function.measured(candidate.kernel);
        if generated.errors.max < best {
            best = generated.errors.max;
            front.push(generated);
        }
    }
    front.push(finest);
    Some(front)
}

struct Candidate {
    kernel: Kernel,
    /// Over a sample of inputs: no more than over all.
    error: f64,
}

impl Function {
    /// The program that compiling uses by default.
    pub fn finest(self) -> Option<Kernel> {
        match self {
            Self::Sigmoid { input, output } => finest_sigmoid(input, output),
            Self::Silu { bits } => finest_silu(bits),
            Self::InvSqrt { fraction } => finest_root(fraction),
        }
    }

    /// Every program, from the shortest, with its error over a sample.
    fn sampled(self) -> Vec<Candidate> {
        let mut kernels = self.kernels();
        kernels.extend(self.finest());
        let is_word = |arg: &Arg| match arg {
            Arg::Const(word) => (WORD.min()..=WORD.max()).contains(&i64::from(*word)),
            Arg::Local(_) => true,
        };
        kernels.retain(|kernel| kernel.ops.iter().all(|op| op.args().iter().all(is_word)));
        let sampled = kernels.into_iter().map(|kernel| {
            let error = self.errors(&kernel, SAMPLE_STEP).max;
            Candidate { kernel, error }
        });
        let mut candidates: Vec<Candidate> = sampled.collect();
        candidates.sort_by(|a, b| {
            n_instructions(&a.kernel).cmp(&n_instructions(&b.kernel)).then(a.error.total_cmp(&b.error))
        });
        candidates
    }

    /// The programs of all families but the default.
    fn kernels(self) -> Vec<Kernel> {
        let mut kernels = Vec::new();
        let mut add = |family: String, emit: &dyn Fn(&mut Builder, Local) -> Option<Local>| {
            let (mut builder, x) = Builder::new(format!("{}_{family}", self.format()));
            if let Some(result) = emit(&mut builder, x) {
                kernels.push(builder.finish(result, 0.0));
            }
        };
        match self {
            Self::Sigmoid { input, output } => {
                for n_terms in 1..=9 {
                    let odd = Odd::sigmoid(n_terms);
                    add(format!("odd{}", 2 * n_terms - 1), &|builder, x| odd.emit(builder, x, [input, output]));
                }
                for (degree, squarings) in EXPONENTIALS {
                    let coefficients = exponential(degree, squarings);
                    add(format!("exp{degree}_{}", 1 << squarings), &|builder, x| {
                        let power = Power { coefficients: &coefficients, squarings };
                        Some(sigmoid::emit(builder, x, [input, output], power, 0))
                    });
                }
            }
            Self::Silu { bits } => {
                for n_terms in 1..=9 {
                    let gate = Odd::silu_gate(n_terms);
                    add(format!("odd{}", 2 * n_terms - 1), &|builder, x| {
                        let gate = gate.emit(builder, x, [bits, GATE_BITS])?;
                        Some(builder.mul(x, gate, GATE_BITS))
                    });
                }
                for (degree, squarings) in EXPONENTIALS {
                    let coefficients = exponential(degree, squarings);
                    add(format!("exp{degree}_{}", 1 << squarings), &|builder, x| {
                        let power = Power { coefficients: &coefficients, squarings };
                        let gate = sigmoid::emit(builder, x, [bits, GATE_BITS], power, GATE_NUDGE);
                        Some(builder.mul(x, gate, GATE_BITS))
                    });
                }
            }
            Self::InvSqrt { fraction } => {
                for degree in 1..=4 {
                    let (coefficients, error) = root_start(degree);
                    // A cubic with two steps is the default; more gains nothing that a word shows.
                    let most_steps = if degree < 3 { 2 } else { 1 };
                    for n_steps in 0..=most_steps {
                        add(format!("poly{degree}_newton{n_steps}"), &|builder, operand| {
                            let start = Start { coefficients: &coefficients, error };
                            Some(inv_sqrt::emit(builder, operand, fraction, start, n_steps))
                        });
                    }
                }
            }
        }
        kernels
    }

    /// A program with its errors over every input; it states its own largest.
    fn measured(self, mut kernel: Kernel) -> Generated {
        let errors = self.errors(&kernel, 1);
        if kernel.max_error == Some(0.0) {
            kernel.max_error = Some(match self {
                Self::Sigmoid { .. } | Self::Silu { .. } => errors.max,
                // A root's format is not known to it: it states units of its result.
                Self::InvSqrt { fraction } => measure(&kernel, self.inputs(), 1, root(fraction)).max,
            });
        }
        Generated { kernel, errors }
    }

    fn errors(self, kernel: &Kernel, step: u32) -> Errors {
        let inputs = self.inputs();
        match self {
            Self::Sigmoid { input, output } => {
                let (unit, result) = (2f64.powi(-input.cast_signed()), 2f64.powi(-output.cast_signed()));
                measure_by(kernel, inputs, step, |x, y| real(y) * result - gate(real(x) * unit))
            }
            Self::Silu { bits } => {
                let unit = 2f64.powi(-bits.cast_signed());
                measure_by(kernel, inputs, step, |x, y| {
                    let x = real(x) * unit;
                    real(y) * unit - x * gate(x)
                })
            }
            Self::InvSqrt { fraction } => {
                let exact = root(fraction);
                measure_by(kernel, inputs, step, |x, y| {
                    let exact = exact(x);
                    let error = real(y) - exact;
                    error.signum() * (error.abs() - 0.5).max(0.0) / exact
                })
            }
        }
    }

    fn inputs(self) -> Range<i64> {
        let least = if matches!(self, Self::InvSqrt { .. }) { 1 } else { WORD.min() };
        least..WORD.max() + 1
    }

    fn format(self) -> String {
        match self {
            Self::Sigmoid { input, output } => format!("sigmoid_q{input}_q{output}"),
            Self::Silu { bits } => format!("silu_q{bits}"),
            Self::InvSqrt { fraction } => format!("inv_sqrt_f{fraction}"),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format())
    }
}

/// Degrees and squarings of the power of two; the default is 4 and 1.
const EXPONENTIALS: [(usize, u32); 8] = [(1, 1), (1, 2), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2)];

/// `2^(f/2^squarings)` for `f` from 0 to 1, from the leading coefficient, by least relative error.
fn exponential(degree: usize, squarings: u32) -> Vec<f64> {
    let part = 0.5f64.powi(squarings.cast_signed());
    let at = |f: f64| {
        let exact = (f * part).exp2();
        (ascending(f, degree), exact, 1.0 / exact)
    };
    let fit = Problem::over(&points(0.0, 1.0, 101), degree + 1, at).fit();
    fit.coefficients.into_iter().rev().collect()
}

/// `1/sqrt(m)` for `m` from 1 to 4, from the leading coefficient, and its largest relative error.
fn root_start(degree: usize) -> (Vec<f64>, f64) {
    let at = |m: f64| (ascending(m, degree), 1.0 / m.sqrt(), m.sqrt());
    let fit = Problem::over(&points(1.0, 4.0, 161), degree + 1, at).fit();
    (fit.coefficients.into_iter().rev().collect(), fit.error)
}

fn ascending(x: f64, degree: usize) -> Vec<f64> {
    std::iter::successors(Some(1.0), |power| Some(power * x)).take(degree + 1).collect()
}

fn root(fraction: u32) -> impl Fn(i64) -> f64 + Sync {
    let one = 2f64.powi(fraction.cast_signed());
    move |x| (one / real(x).sqrt()).min(real(WORD.max()))
}

fn gate(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[expect(clippy::cast_precision_loss, reason = "words have 24 bits")]
fn real(x: i64) -> f64 {
    x as f64
}
