//! What each operation makes of intervals.

use std::collections::BTreeMap;

use rayon::prelude::*;
use seamount_ir::fixed::{Factor, Fixed, Op, Overflow};
use seamount_ir::kernel::Word;
use seamount_ir::model::InterpretError;
use seamount_ir::{ValueId, Verified};

use super::kernel::Image;
use super::{Interval, Range};

/// Where silu is least: it falls before, and rises after.
const SILU_LEAST_AT: f64 = -1.278_464_542_761_074;

/// The worst case of a value from those of its operands.
pub(super) fn range(
    fixed: &Verified<Fixed>,
    value: ValueId,
    ranges: &BTreeMap<ValueId, Range>,
) -> Result<Range, InterpretError> {
    let node = fixed.graph.node(value);
    let operands = fixed.graph.operands(value);
    let x = |index: usize| ranges[&operands[index]].channels.as_slice();
    let word = fixed.word;
    let exact: Vec<Interval> = match &node.op {
        Op::Embed { table } => columns(&words(fixed, table)?, node.ty.width),
        Op::Affine { factor, shift, bias } => {
            let factors = channels(fixed, factor, node.ty.width)?;
            let bias = bias.as_ref().map(|bias| channels(fixed, bias, node.ty.width)).transpose()?;
            let scaled = x(0).iter().zip(factors);
            let scaled = scaled.map(|(x, f)| x.times(Interval::point(f)).shift_rounding(*shift).saturate(word));
            match bias {
                None => scaled.collect(),
                Some(bias) => scaled.zip(bias).map(|(x, b)| x.plus(Interval::point(b)).saturate(word)).collect(),
            }
        }
        Op::Multiply { shift } if operands[0] == operands[1] => {
            x(0).iter().map(|x| x.squared().shift_rounding(*shift)).collect()
        }
        Op::Multiply { shift } => {
            let (a, b) = if x(0).len() == 1 { (x(1), x(0)) } else { (x(0), x(1)) };
            a.iter().zip(b.iter().cycle()).map(|(a, &b)| a.times(b).shift_rounding(*shift)).collect()
        }
        Op::Add => x(0).iter().zip(x(1)).map(|(a, &b)| a.plus(b)).collect(),
        Op::Threshold { level } => x(0).iter().map(|x| x.threshold(i64::from(*level))).collect(),
        Op::Linear { weight } => {
            let failed = |source| InterpretError::Constant { name: weight.clone(), source };
            rows(&fixed.constants[weight].to_i8().map_err(failed)?, x(0))
        }
        Op::ReduceSum { bias } => {
            let first = x(0)[0].plus(Interval::point(i64::from(*bias))).saturate(word);
            vec![x(0)[1..].iter().fold(first, |sum, &x| sum.plus(x))]
        }
        Op::Sigmoid => {
            let sigmoid = |real: f64| 1.0 / (1.0 + (-real).exp());
            ideal(fixed, value, x(0), |x, of| x.rising(|x| of(x, &sigmoid)))
        }
        Op::Silu => {
            let silu = |real: f64| real / (1.0 + (-real).exp());
            let scale = fixed.graph.node(operands[0]).ty.scale;
            ideal(fixed, value, x(0), |x, of| {
                let ends = Interval::point(of(x.least, &silu)).or(Interval::point(of(x.most, &silu)));
                let turns = (real(x.least) * scale..=real(x.most) * scale).contains(&SILU_LEAST_AT);
                if turns { ends.or(Interval::point(nearest(silu(SILU_LEAST_AT) / node.ty.scale))) } else { ends }
            })
        }
        Op::InvSqrt { fraction } => {
            let one = 2f64.powi(fraction.cast_signed());
            let root = |x: i64| nearest(one / real(x.max(1)).sqrt());
            x(0).iter().map(|x| about(Interval { least: root(x.most), most: root(x.least) })).collect()
        }
        Op::Call { kernel } => {
            let input = Interval::hull(x(0).iter().copied()).expect("invariant: vectors have channels");
            let image = Image::new(&fixed.kernels[kernel], word, input);
            let of_hull = image.of(input);
            x(0).iter().map(|&x| if x == input { of_hull } else { image.of(x) }).collect()
        }
        Op::GatedRecurrence { shift } => {
            x(0).iter().zip(x(1)).map(|(&gate, &input)| state(gate, input, *shift, word)).collect()
        }
    };
    let hull = Interval::hull(exact.iter().copied()).expect("invariant: vectors have channels");
    let sums = matches!(node.op, Op::Linear { .. } | Op::ReduceSum { .. });
    let held =
        |exact: Interval| if sums { accumulated(fixed, exact) } else { exact.saturate(Word { bits: node.ty.bits }) };
    Ok(Range { channels: exact.into_iter().map(held).collect(), exact: hull })
}

/// The state of a recurrence `h ← u + (f·(h-u)) >>r shift`.
///
/// Where the gate is from 0 to 1, that is `0 ≤ f ≤ 2^shift`, the state stays between what it was and its input, so
/// that it never leaves the hull of zero, where it starts, and all inputs, and rounding adds nothing: `f·(h-u)/2^shift`
/// lies between 0 and `h-u`, both integers, and so does the integer nearest to it. Saturation moves a difference
/// towards zero only, and the one negation that saturates, of the least word, is off by a unit beyond that word.
fn state(gate: Interval, input: Interval, shift: u32, word: Word) -> Interval {
    let is_convex = shift < 63 && Interval { least: 0, most: 1 << shift }.holds(gate);
    if is_convex { input.or(Interval::point(0)) } else { input.plus(Interval::of(word)) }
}

/// What an accumulator keeps of an exact sum, and a register of that.
fn accumulated(fixed: &Fixed, exact: Interval) -> Interval {
    let all = Interval::of(fixed.accumulator);
    let kept = match fixed.overflow {
        Overflow::Saturate => exact.saturate(fixed.accumulator),
        Overflow::Wrap if all.holds(exact) => exact,
        Overflow::Wrap => all,
    };
    kept.saturate(fixed.word)
}

/// Least and largest entry of each column.
fn columns(table: &[i64], width: usize) -> Vec<Interval> {
    let mut columns: Vec<Interval> = table[..width].iter().map(|&x| Interval::point(x)).collect();
    for row in table[width..].chunks_exact(width) {
        columns.iter_mut().zip(row).for_each(|(column, &x)| *column = column.or(Interval::point(x)));
    }
    columns
}

/// Exact sums of each row of weights over channels in intervals.
fn rows(weights: &[i8], x: &[Interval]) -> Vec<Interval> {
    if x.iter().all(|channel| *channel == x[0]) {
        return row_weights(weights, x.len()).into_par_iter().map(|row| row.sum(x[0])).collect();
    }
    let rows = weights.par_chunks_exact(x.len());
    rows.map(|row| {
        let terms = row.iter().zip(x).filter(|(w, _)| **w != 0);
        terms.fold(Interval::point(0), |sum, (&w, x)| sum.plus(x.times(Interval::point(i64::from(w)))))
    })
    .collect()
}

/// What counts of a row of weights where all channels are alike, as payloads mostly are.
struct RowWeights {
    /// The sum of the positive ones.
    positive: i64,
    /// The sum of the negative ones.
    negative: i64,
}

impl RowWeights {
    /// The exact sum over channels that all lie in `x`.
    fn sum(&self, x: Interval) -> Interval {
        x.times(Interval::point(self.positive)).plus(x.times(Interval::point(self.negative)))
    }
}

fn row_weights(weights: &[i8], n_inputs: usize) -> Vec<RowWeights> {
    let of_row = |row: &[i8]| RowWeights {
        positive: row.iter().map(|&w| i64::from(w.max(0))).sum(),
        negative: row.iter().map(|&w| i64::from(w.min(0))).sum(),
    };
    weights.par_chunks_exact(n_inputs).map(of_row).collect()
}

/// Width of the widest payload with which no sum of `[out, n_inputs]` weights leaves a word, whatever the payloads.
/// `None` if not even two bits do.
pub(crate) fn widest_payload(weights: &[i8], n_inputs: usize, sum: Word) -> Option<u32> {
    let rows = row_weights(weights, n_inputs);
    let fits = |bits: &u32| rows.iter().all(|row| Interval::of(sum).holds(row.sum(Interval::of(Word { bits: *bits }))));
    (2..=sum.bits).rev().find(fits)
}

/// A real function of operands, as the interpreter rounds it.
fn ideal(
    fixed: &Fixed,
    value: ValueId,
    x: &[Interval],
    image: impl Fn(Interval, &dyn Fn(i64, &dyn Fn(f64) -> f64) -> i64) -> Interval,
) -> Vec<Interval> {
    let input_scale = fixed.graph.node(fixed.graph.operands(value)[0]).ty.scale;
    let scale = fixed.graph.node(value).ty.scale;
    let of = |x: i64, function: &dyn Fn(f64) -> f64| nearest(function(real(x) * input_scale) / scale);
    x.iter().map(|&x| about(image(x, &of))).collect()
}

/// A unit more to each side: double precision follows a function to its last bits only.
fn about(interval: Interval) -> Interval {
    Interval { least: interval.least.saturating_sub(1), most: interval.most.saturating_add(1) }
}

fn channels(fixed: &Fixed, factor: &Factor, width: usize) -> Result<Vec<i64>, InterpretError> {
    match factor {
        Factor::Scalar(word) => Ok(vec![i64::from(*word); width]),
        Factor::PerChannel(name) => words(fixed, name),
    }
}

fn words(fixed: &Fixed, name: &str) -> Result<Vec<i64>, InterpretError> {
    let failed = |source| InterpretError::Constant { name: name.to_owned(), source };
    let words = fixed.constants[name].to_i32().map_err(failed)?;
    Ok(words.into_iter().map(i64::from).collect())
}

#[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits")]
fn real(x: i64) -> f64 {
    x as f64
}

#[expect(clippy::cast_possible_truncation, reason = "saturating is what is meant")]
fn nearest(exact: f64) -> i64 {
    (exact + 0.5).floor() as i64
}
