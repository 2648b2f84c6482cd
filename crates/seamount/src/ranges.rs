//! What a checkpoint's sums, states and other values can come to, beside what holds them.
//!
//! [`RangeReport::of`] has every value with its worst case and what calibration text really asks for; [`SumsSummary::of`]
//! is the short answer, at no more cost than a look at the weights.

use std::fmt;

use seamount_ir::ValueId;
use seamount_ir::Verified;
use seamount_ir::fixed::{Fixed, Overflow};
use seamount_ir::model::{InterpretError, Model, Op};
use seamount_quant::ranges::{Holder, Interval, Observed, Ranges};
use serde::Serialize;

use crate::compile::{CompileError, Quantized};

/// Every value of a model in exact integers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RangeReport {
    /// The checkpoint's name.
    pub model: String,
    /// Calibration tokens that were run.
    pub n_tokens: usize,
    /// Width of registers and states.
    pub word_bits: u32,
    /// Width of accumulators.
    pub accumulator_bits: u32,
    /// What an accumulator does that does not fit: `saturate` or `wrap`.
    pub overflow: &'static str,
    /// Over all sums.
    pub sums: SumsSummary,
    /// The values, in the order of the text.
    pub values: Vec<ValueRow>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueRow {
    /// As the text calls it, `%12`.
    pub value: String,
    /// The block that it belongs to, from 0.
    pub layer: Option<u32>,
    /// The layer's name for its sums, else that of the operation.
    pub name: String,
    /// What holds it.
    pub holder: Holder,
    /// Width of what holds it.
    pub bits: u32,
    /// What it comes to in the worst case, before it overflows or saturates.
    pub worst: Interval,
    /// Bits that the worst case needs.
    pub worst_bits: u32,
    /// Whether the worst case does not fit.
    pub may_overflow: bool,
    /// The largest magnitude of the worst case over the largest that fits.
    pub load: f64,
    /// What it held over the calibration tokens, where there were any.
    pub observed: Option<Interval>,
    /// Bits that this needs.
    pub observed_bits: Option<u32>,
    /// How often its operation did not fit, over the calibration tokens.
    pub n_saturations: u64,
}

/// How many sums can overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SumsSummary {
    /// Vectors of sums: one a layer, one a norm.
    pub n_sums: usize,
    /// Those of which a neuron's sum does not fit its accumulator in the worst case.
    pub n_may_overflow: usize,
    /// Those of which it did not fit in calibration.
    pub n_overflow_in_calibration: usize,
}

impl RangeReport {
    /// Worst cases of a quantized checkpoint, and what its calibration tokens come to in integers.
    ///
    /// # Errors
    /// [`CompileError::Interpret`].
    pub fn of(quantized: &Quantized) -> Result<Self, CompileError> {
        let fixed = &quantized.fixed;
        let ranges = Ranges::of(fixed)?;
        let observed = Observed::of(fixed, &quantized.sequences)?;
        let rows = ranges.bounds().iter().enumerate().map(|(at, bound)| {
            let seen = observed.values.get(at);
            ValueRow {
                value: bound.value.to_string(),
                layer: bound.layer,
                name: bound.name.clone(),
                holder: bound.holder,
                bits: bound.bits,
                worst: bound.exact,
                worst_bits: bound.exact.bits(),
                may_overflow: bound.may_overflow(),
                load: bound.load(),
                observed: seen.map(|seen| seen.held),
                observed_bits: seen.map(|seen| seen.held.bits()),
                n_saturations: seen.map_or(0, |seen| seen.n_saturations),
            }
        });
        let values: Vec<ValueRow> = rows.collect();
        let sums = || values.iter().filter(|row| row.is_sum());
        Ok(Self {
            model: fixed.name.clone(),
            n_tokens: observed.n_tokens,
            word_bits: fixed.word.bits,
            accumulator_bits: fixed.accumulator.bits,
            overflow: match fixed.overflow {
                Overflow::Saturate => "saturate",
                Overflow::Wrap => "wrap",
            },
            sums: SumsSummary {
                n_sums: sums().count(),
                n_may_overflow: sums().filter(|row| row.may_overflow).count(),
                n_overflow_in_calibration: sums().filter(|row| row.n_saturations > 0).count(),
            },
            values,
        })
    }
}

impl ValueRow {
    /// Whether it is a sum of spikes.
    pub fn is_sum(&self) -> bool {
        matches!(self.holder, Holder::LayerSum | Holder::ChannelSum)
    }
}

impl SumsSummary {
    /// Of a model in exact integers and the calibrated float model that it was quantized from, whose largest sums
    /// stand for those of the calibration tokens.
    ///
    /// # Errors
    /// [`InterpretError::Constant`] where a constant is elided.
    pub fn of(fixed: &Verified<Fixed>, calibrated: &Model) -> Result<Self, InterpretError> {
        let ranges = Ranges::of(fixed)?;
        let sums: Vec<_> = ranges.sums().collect();
        let most = observed_sums(calibrated);
        // One sum of integers for each of floats, in the same order.
        let overflows = sums.iter().zip(&most).filter(|(bound, most)| {
            let node = fixed.graph.node(bound.value);
            // A mean square of the model is a sum here.
            let is_mean = bound.holder == Holder::ChannelSum;
            let channels = if is_mean { width_of_operand(fixed, bound.value) } else { 1 };
            #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits, widths are small")]
            let (limit, channels) = (fixed.accumulator.max() as f64, channels as f64);
            **most * channels / node.ty.scale > limit
        });
        Ok(Self {
            n_sums: sums.len(),
            n_may_overflow: sums.iter().filter(|bound| bound.may_overflow()).count(),
            n_overflow_in_calibration: overflows.count(),
        })
    }
}

fn width_of_operand(fixed: &Fixed, value: ValueId) -> usize {
    fixed.graph.node(fixed.graph.operands(value)[0]).ty.width
}

/// The largest magnitude of each layer's sum and each mean square.
fn observed_sums(model: &Model) -> Vec<f64> {
    let nodes = model.graph.in_order().into_iter().map(|value| model.graph.node(value));
    let sums = nodes.filter(|node| matches!(node.op, Op::Linear { .. } | Op::MeanSquare));
    sums.map(|node| node.observed.map_or(0.0, |observed| observed.abs_max())).collect()
}

impl fmt::Display for SumsSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_sums, n_may_overflow, n_overflow_in_calibration } = *self;
        match (n_may_overflow, n_overflow_in_calibration) {
            (0, _) => write!(f, "none of {n_sums} can overflow"),
            (may, 0) => write!(f, "{may} of {n_sums} can overflow in the worst case, none did in calibration"),
            (may, did) => write!(f, "{may} of {n_sums} can overflow in the worst case, {did} did in calibration"),
        }
    }
}
