//! A function against the real one, over all its inputs.

use std::ops::Range;

use rayon::prelude::*;
use seamount_ir::kernel::{Kernel, evaluate};

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
    let length = i64::from(step) * i64::from(TASK);
    let n_tasks = (inputs.end - inputs.start).div_euclid(length) + 1;
    let parts: Vec<(Errors, u32)> = (0..n_tasks)
        .into_par_iter()
        .map(|task| {
            let start = inputs.start + task * length;
            let mut locals = Vec::new();
            let (mut errors, mut n) = (Errors::default(), 0);
            let mut x = start;
            while x < (start + length).min(inputs.end) {
                #[expect(clippy::cast_precision_loss, reason = "words have 24 bits")]
                let error = evaluate(kernel, WORD, &[x], &mut locals) as f64 - exact(x);
                if error.abs() > errors.max {
                    (errors.max, errors.at) = (error.abs(), x);
                }
                errors.mean += error.abs();
                errors.bias += error;
                n += 1;
                x += i64::from(step);
            }
            (errors, n)
        })
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
