//! What a fixed-level module can hold: worst cases by interval arithmetic, and what a text really asks for.
//!
//! Entry points: [`Ranges::of`], the worst case over all texts; [`Observed::of`], the values of one.
//!
//! A worst case is from the weights and tables, the widths to which values saturate, and the shapes of functions. An
//! interval forgets that channels depend on each other: no text need reach a bound, and none leaves it.

mod interval;
mod kernel;
mod observed;
mod transfer;

pub use interval::Interval;
pub use observed::{Observed, Seen};
pub(crate) use transfer::widest_payload;

use std::collections::BTreeMap;

use seamount_ir::fixed::{Fixed, Op};
use seamount_ir::kernel::Word;
use seamount_ir::model::InterpretError;
use seamount_ir::{ValueId, Verified};

/// Worst cases of every value of a module.
#[derive(Debug, Clone)]
pub struct Ranges {
    ranges: BTreeMap<ValueId, Range>,
    bounds: Vec<Bound>,
}

/// The worst case of one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// What each channel holds.
    pub channels: Vec<Interval>,
    /// What the operation would give if nothing overflowed or saturated at its end, over all channels.
    pub exact: Interval,
}

/// What holds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// An accumulator that sums what a matrix makes of spikes.
    LayerSum,
    /// An accumulator that sums channels.
    ChannelSum,
    /// A state that is kept from token to token.
    State,
    /// A register, a payload, or an accumulator or delay line that hands one word on.
    Value,
}

/// One value against what holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The value.
    pub value: ValueId,
    /// The block that it belongs to, from 0.
    pub layer: Option<u32>,
    /// The layer's name for its sums, else that of the operation.
    pub name: String,
    /// What holds it.
    pub holder: Holder,
    /// The worst case, before what holds it overflows or saturates.
    pub exact: Interval,
    /// Width of what holds it.
    pub bits: u32,
}

impl Bound {
    /// Whether the worst case does not fit.
    pub fn may_overflow(&self) -> bool {
        self.exact.bits() > self.bits
    }

    /// Bits that the worst case leaves, or lacks where negative.
    pub fn headroom_bits(&self) -> i64 {
        i64::from(self.bits) - i64::from(self.exact.bits())
    }

    /// The largest magnitude of the worst case over the largest that fits.
    #[expect(clippy::cast_precision_loss, reason = "shown, not computed with")]
    pub fn load(&self) -> f64 {
        let fits = Word { bits: self.bits };
        (self.exact.most as f64 / fits.max() as f64).max(self.exact.least as f64 / fits.min() as f64)
    }

    /// Whether it is a sum of spikes.
    pub fn is_sum(&self) -> bool {
        matches!(self.holder, Holder::LayerSum | Holder::ChannelSum)
    }
}

impl Ranges {
    /// Worst cases over all sequences of tokens.
    ///
    /// # Errors
    /// [`InterpretError::Constant`] where a constant is elided.
    pub fn of(fixed: &Verified<Fixed>) -> Result<Self, InterpretError> {
        let mut ranges: BTreeMap<ValueId, Range> = BTreeMap::new();
        let mut bounds = Vec::new();
        for value in fixed.graph.in_order() {
            let range = transfer::range(fixed, value, &ranges)?;
            bounds.push(bound(fixed, value, range.exact));
            ranges.insert(value, range);
        }
        Ok(Self { ranges, bounds })
    }

    /// The worst case of a value of the module.
    pub fn get(&self, value: ValueId) -> Option<&Range> {
        self.ranges.get(&value)
    }

    /// Every value against what holds it, in the order of the text.
    pub fn bounds(&self) -> &[Bound] {
        &self.bounds
    }

    /// Those of sums, whose overflow the machine's rule decides.
    pub fn sums(&self) -> impl Iterator<Item = &Bound> {
        self.bounds.iter().filter(|bound| bound.is_sum())
    }
}

fn bound(fixed: &Fixed, value: ValueId, exact: Interval) -> Bound {
    let node = fixed.graph.node(value);
    let (holder, bits) = match node.op {
        Op::Linear { .. } => (Holder::LayerSum, fixed.accumulator.bits),
        Op::ReduceSum { .. } => (Holder::ChannelSum, fixed.accumulator.bits),
        Op::GatedRecurrence { .. } => (Holder::State, node.ty.bits),
        Op::Embed { .. }
        | Op::Affine { .. }
        | Op::Multiply { .. }
        | Op::Add
        | Op::Threshold { .. }
        | Op::Sigmoid
        | Op::Silu
        | Op::InvSqrt { .. }
        | Op::Call { .. } => (Holder::Value, node.ty.bits),
    };
    let name = if let Op::Linear { weight } = &node.op {
        weight.strip_suffix(".weight").unwrap_or(weight)
    } else {
        node.op.name()
    };
    Bound { value, layer: node.layer, name: name.to_owned(), holder, exact, bits }
}
