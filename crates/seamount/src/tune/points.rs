//! Where widths may differ, and how many channels take each.

use std::collections::BTreeSet;

use seamount_ir::ValueId;
use seamount_ir::fixed::{Fixed, Op};
use seamount_quant::config::{QuantConfig, layer_of};
use serde::Serialize;

use crate::evaluate::name_in_block;

/// Values that share a width.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// The keys of the configuration that give the width: one of `state`, or those of `payload.widths` of all layers
    /// that read the same payloads.
    pub keys: Vec<String>,
    /// Channels of all values that take it.
    pub n_channels: u64,
}

/// Where a key of a layer's own width stands.
const WIDTHS: &str = "payload.widths.";

impl Point {
    /// Whether it is about what linear layers multiply.
    pub fn is_payload(&self) -> bool {
        self.keys.iter().any(|key| key.starts_with(WIDTHS))
    }

    /// The width that a configuration gives it.
    pub(super) fn bits(&self, config: &QuantConfig) -> u32 {
        match self.keys[0].strip_prefix(WIDTHS) {
            Some(layer) => config.payload.bits_of(layer),
            None => {
                let mut config = config.clone();
                let found = config.widths_mut().into_iter().find(|(key, _)| *key == self.keys[0]);
                *found.expect("invariant: a point is of a key that there is").1
            }
        }
    }

    /// Gives it a width.
    pub(super) fn set(&self, config: &mut QuantConfig, bits: u32) {
        for key in &self.keys {
            if let Some(layer) = key.strip_prefix(WIDTHS) {
                config.payload.widths.insert(layer.to_owned(), bits);
            } else if let Some((_, own)) = config.widths_mut().into_iter().find(|(other, _)| other == key) {
                *own = bits;
            }
        }
    }
}

/// The payloads of a model, those of all blocks together or each its own. Layers that read one payload in some block
/// are one point.
pub(super) fn of_payloads(fixed: &Fixed, per_layer: bool) -> Vec<Point> {
    let mut points: Vec<(BTreeSet<String>, u64)> = Vec::new();
    for (payload, layers) in payloads(fixed) {
        let mut names: BTreeSet<String> = layers
            .iter()
            .map(|layer| if per_layer { layer_of(layer) } else { name_in_block(layer) })
            .map(str::to_owned)
            .collect();
        let mut n_channels = fixed.graph.node(payload).ty.width as u64;
        let mut at = points.len();
        let mut index = 0;
        points.retain(|(others, n_others)| {
            let is_same = !others.is_disjoint(&names);
            if is_same {
                names.extend(others.iter().cloned());
                n_channels += n_others;
                at = at.min(index);
            }
            index += 1;
            !is_same
        });
        points.insert(at.min(points.len()), (names, n_channels));
    }
    let key = |name: &String| format!("{WIDTHS}{name}");
    points
        .iter()
        .map(|(names, n_channels)| Point { keys: names.iter().map(key).collect(), n_channels: *n_channels })
        .collect()
}

/// The values that linear layers multiply, in the order of the graph, with the weights that do.
fn payloads(fixed: &Fixed) -> Vec<(ValueId, Vec<&str>)> {
    let weights_of = |value| -> Vec<&str> {
        let users = fixed.graph.users(value).into_iter();
        let weights = users.filter_map(|user| match &fixed.graph.node(user).op {
            Op::Linear { weight } => Some(weight.as_str()),
            Op::Embed { .. }
            | Op::Affine { .. }
            | Op::Multiply { .. }
            | Op::Add
            | Op::Threshold { .. }
            | Op::ReduceSum { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::InvSqrt { .. }
            | Op::Call { .. }
            | Op::GatedRecurrence { .. } => None,
        });
        weights.collect()
    };
    let all = fixed.graph.in_order().into_iter().map(|value| (value, weights_of(value)));
    all.filter(|(_, weights)| !weights.is_empty()).collect()
}

/// Keys of the widths of what neurons keep or hand on.
pub(super) fn state_keys() -> Vec<String> {
    let keys = QuantConfig::default().widths_mut().into_iter().map(|(key, _)| key).collect::<Vec<_>>();
    keys.into_iter().filter(|key| key.starts_with("state.")).collect()
}

/// Channels of all values of a width.
pub(super) fn channels_of_width(fixed: &Fixed, bits: u32) -> u64 {
    let types = fixed.graph.in_order().into_iter().map(|value| fixed.graph.node(value).ty);
    types.filter(|ty| ty.bits == bits).map(|ty| ty.width as u64).sum()
}
