//! A function against the real one, over all its inputs.

use std::ops::Range;

use rayon::prelude::*;
use seamount_ir::kernel::{Arg, Compare, Kernel, ScalarOp};

use super::WORD;

/// Differences to the real function, in units of the result.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// The largest magnitude.
    pub max: f64,
    /// The mean magnitude.
    pub mean: f64,
    /// The mean with its sign.
    pub bias: f64,
    /// An input of the largest.
    pub at: i64,
}

/// Evaluations of one task; sums are over tasks in their order, so that any number of threads gives the same.
const TASK: u32 = 1 << 16;

/// Evaluates every `step`-th of `inputs`. `exact` gives the real result in units of the kernel's.
pub fn measure(kernel: &Kernel, inputs: Range<i64>, step: u32, exact: impl Fn(i64) -> f64 + Sync) -> Errors {
    #[expect(clippy::cast_precision_loss, reason = "words have 24 bits")]
    measure_by(kernel, inputs, step, |x, y| y as f64 - exact(x))
}

/// Evaluates every `step`-th of `inputs`. `error` is that of a result, with its sign, given input and result.
pub(super) fn measure_by(
    kernel: &Kernel,
    inputs: Range<i64>,
    step: u32,
    error: impl Fn(i64, i64) -> f64 + Sync,
) -> Errors {
    let length = i64::from(step) * i64::from(TASK);
    let n_tasks = (inputs.end - inputs.start).div_euclid(length) + 1;
    let parts: Vec<(Errors, u32)> = (0..n_tasks)
        .into_par_iter()
        .map_init(
            || Lanes::new(kernel),
            |lanes, task| {
                let start = inputs.start + task * length;
                let end = (start + length).min(inputs.end);
                let (mut errors, mut n) = (Errors::default(), 0);
                let mut first = start;
                while first < end {
                    let results = lanes.evaluate(first, step);
                    let xs = (first..end).step_by(step as usize);
                    for (x, &y) in xs.zip(results) {
                        let error = error(x, y);
                        if error.abs() > errors.max {
                            (errors.max, errors.at) = (error.abs(), x);
                        }
                        errors.mean += error.abs();
                        errors.bias += error;
                        n += 1;
                    }
                    first += i64::from(step) * i64::from(N_LANES);
                }
                (errors, n)
            },
        )
        .collect();
    let n: f64 = parts.iter().map(|(_, n)| f64::from(*n)).sum();
    let mut total = Errors::default();
    for (part, _) in parts {
        if part.max > total.max {
            (total.max, total.at) = (part.max, part.at);
        }
        total.mean += part.mean / n;
        total.bias += part.bias / n;
    }
    total
}

/// Inputs that are evaluated at once.
const N_LANES: u32 = 256;

type Lane = [i64; N_LANES as usize];

/// A function over many inputs, operation by operation: each is one loop over words that lie side by side.
struct Lanes<'k> {
    kernel: &'k Kernel,
    /// The input and what each operation gives.
    locals: Vec<Lane>,
    /// The constants that operations read, in their order.
    constants: Vec<Lane>,
    /// What each operation reads: its arguments in order.
    args: Vec<[Place; 4]>,
    result: Place,
}

/// Where an argument lies.
#[derive(Clone, Copy)]
enum Place {
    Local(usize),
    Constant(usize),
}

impl<'k> Lanes<'k> {
    fn new(kernel: &'k Kernel) -> Self {
        let mut constants: Vec<Lane> = Vec::new();
        let mut place = |arg: Arg| match arg {
            Arg::Local(local) => Place::Local(local.0 as usize),
            Arg::Const(word) => {
                constants.push([i64::from(word); N_LANES as usize]);
                Place::Constant(constants.len() - 1)
            }
        };
        let args = kernel.ops.iter().map(|op| {
            let mut places = [Place::Local(0); 4];
            places.iter_mut().zip(op.args()).for_each(|(to, arg)| *to = place(arg));
            places
        });
        let args = args.collect();
        let result = place(kernel.result);
        Self { kernel, locals: vec![[0; N_LANES as usize]; 1 + kernel.ops.len()], constants, args, result }
    }

    /// The results for `first`, `first + step` and so on.
    fn evaluate(&mut self, first: i64, step: u32) -> &Lane {
        for (x, n) in self.locals[0].iter_mut().zip(0..) {
            *x = first + i64::from(step) * n;
        }
        for (index, (&op, places)) in self.kernel.ops.iter().zip(&self.args).enumerate() {
            let (before, rest) = self.locals.split_at_mut(index + 1);
            let (before, constants) = (&*before, &self.constants);
            let args = places.map(|place| match place {
                Place::Local(local) => &before[local],
                Place::Constant(constant) => &constants[constant],
            });
            apply(op, args, &mut rest[0]);
        }
        match self.result {
            Place::Local(local) => &self.locals[local],
            Place::Constant(constant) => &self.constants[constant],
        }
    }
}

/// The meaning of one operation, as [`seamount_ir::kernel::evaluate`] has it.
fn apply(op: ScalarOp, [a, b, c, d]: [&Lane; 4], out: &mut Lane) {
    match op {
        ScalarOp::Neg(_) => binary(a, a, out, |a, _| WORD.saturate(-a)),
        ScalarOp::Add(..) => binary(a, b, out, |a, b| WORD.saturate(a + b)),
        ScalarOp::Min(..) => binary(a, b, out, i64::min),
        ScalarOp::And(..) => binary(a, b, out, |a, b| a & b),
        ScalarOp::Or(..) => binary(a, b, out, |a, b| a | b),
        ScalarOp::Shl(..) => binary(a, b, out, |a, b| WORD.shift_left(a, b)),
        ScalarOp::MulShr { shift, round, .. } => {
            let half = if round && shift > 0 { 1 << (shift - 1) } else { 0 };
            binary(a, b, out, |a, b| WORD.saturate((a * b + half) >> shift));
        }
        ScalarOp::Select { compare, .. } => {
            let holds: fn(i64, i64) -> bool = match compare {
                Compare::Lt => |a, b| a < b,
                Compare::Ge => |a, b| a >= b,
                Compare::Eq => |a, b| a == b,
            };
            for (index, out) in out.iter_mut().enumerate() {
                *out = if holds(a[index], b[index]) { c[index] } else { d[index] };
            }
        }
    }
}

#[inline]
fn binary(a: &Lane, b: &Lane, out: &mut Lane, function: impl Fn(i64, i64) -> i64) {
    for (index, out) in out.iter_mut().enumerate() {
        *out = function(a[index], b[index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::{inv_sqrt, sigmoid, silu};
    use seamount_ir::kernel::evaluate;

    #[test]
    fn side_by_side_gives_what_one_by_one_does() {
        for kernel in [sigmoid(16, 23), silu(16), inv_sqrt(28)].into_iter().flatten() {
            let mut lanes = Lanes::new(&kernel);
            for first in [WORD.min(), -70_000, 0, WORD.max() - 256 * 4_001] {
                let results = *lanes.evaluate(first, 4_001);
                for (x, &y) in (first..).step_by(4_001).zip(&results) {
                    assert_eq!(y, evaluate(&kernel, WORD, &[x], &mut Vec::new()), "{} of {x}", kernel.name);
                }
            }
        }
    }
}
