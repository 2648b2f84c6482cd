//! `seamount quant functions`

use std::fmt;

use seamount_quant::functions::{ErrorBound, Function, Generated, front, generate};
use serde::Serialize;

use super::{Failure, Output};
use crate::cli::progress::spinner;

/// Bounds are numbers such as `0.001` or `2^-12`.
#[derive(Debug, clap::Args)]
pub(super) struct FunctionArgs {
    /// The largest error of a sigmoid's value.
    #[arg(long, value_name = "ERROR")]
    sigmoid_error: Option<ErrorBound>,
    /// The largest error of a silu's value.
    #[arg(long, value_name = "ERROR")]
    silu_error: Option<ErrorBound>,
    /// The largest error of an inverse root, relative to it, beyond its rounding.
    #[arg(long, value_name = "ERROR")]
    inv_sqrt_error: Option<ErrorBound>,
}

/// The formats that are measured: the canonical ones, into which `quantize` brings most values.
const FUNCTIONS: [Function; 3] =
    [Function::Sigmoid { input: 16, output: 23 }, Function::Silu { bits: 16 }, Function::InvSqrt { fraction: 28 }];

pub(super) fn run(args: &FunctionArgs, output: &mut Output) -> Result<(), Failure> {
    let bar = spinner();
    let rows = args.rows(|function| bar.set_message(function.to_string()));
    bar.finish_and_clear();
    let rows = rows?;
    output.result(FunctionTable(&rows), &rows)
}

/// A program of a function, measured over every input.
#[derive(Debug, Serialize)]
struct FunctionRow {
    function: String,
    program: String,
    /// What was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    bound: Option<f64>,
    max_error: f64,
    mean_error: f64,
    n_operations: usize,
    n_instructions: usize,
}

impl FunctionArgs {
    /// The shortest program for each bound; without bounds every program of which none is shorter and as good.
    fn rows(&self, working_on: impl Fn(Function)) -> Result<Vec<FunctionRow>, Failure> {
        let bounds = [self.sigmoid_error, self.silu_error, self.inv_sqrt_error];
        let all = bounds.iter().all(Option::is_none);
        let mut rows = Vec::new();
        for (function, bound) in FUNCTIONS.into_iter().zip(bounds) {
            let missing = "invariant: the functions have these formats";
            working_on(function);
            if all {
                rows.extend(
                    front(function).expect(missing).iter().map(|found| FunctionRow::new(function, None, found)),
                );
            } else if let Some(bound) = bound {
                let found = generate(function, bound).expect(missing);
                let found = found.map_err(|error| Failure::new("functions", error))?;
                rows.push(FunctionRow::new(function, bound.limit(), &found));
            }
        }
        Ok(rows)
    }
}

impl FunctionRow {
    fn new(function: Function, bound: Option<f64>, generated: &Generated) -> Self {
        let name = function.to_string();
        let family = generated.kernel.name.strip_prefix(&name).unwrap_or_default();
        let family = family.strip_prefix('_').unwrap_or("default");
        Self {
            program: family.to_owned(),
            function: name,
            bound,
            max_error: generated.errors.max,
            mean_error: generated.errors.mean,
            n_operations: generated.kernel.ops.len(),
            n_instructions: generated.n_instructions(),
        }
    }
}

struct FunctionTable<'r>(&'r [FunctionRow]);

impl fmt::Display for FunctionTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |[function, program, bound, max, mean, operations, instructions]: [&str; 7]| {
            write!(f, "{function:<17} {program:<14} {bound:>9} {max:>18} {mean:>18}")?;
            writeln!(f, "{operations:>12}{instructions:>14}")
        };
        row(["function", "program", "bound", "largest error", "mean error", "operations", "instructions"])?;
        for found in self.0 {
            row([
                &found.function,
                &found.program,
                &found.bound.map_or_else(String::new, |bound| format!("2^{:.2}", bound.log2())),
                &error(found.max_error),
                &error(found.mean_error),
                &found.n_operations.to_string(),
                &found.n_instructions.to_string(),
            ])?;
        }
        Ok(())
    }
}

fn error(error: f64) -> String {
    format!("{error:.2e} (2^{:.1})", error.log2())
}
