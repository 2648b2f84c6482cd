//! Which operations share a neuron.
//!
//! Operations on the same channels of what arrives together belong in one neuron, so that nothing is sent between
//! them. Two values may share a neuron unless spikes of one reach the other: a neuron works once for a token. Values
//! are visited in order; each operation joins the neurons of its operands as far as that rule allows, and what is
//! left crosses by an identity projection.

use std::collections::{BTreeMap, BTreeSet};

use seamount_ir::ValueId;
use seamount_ir::fixed::{Fixed, Op};

/// Neuron groups as sets of values.
#[derive(Debug)]
pub(crate) struct Grouping {
    /// Each value's group, by the least value that it had when it was formed.
    group_of: BTreeMap<ValueId, ValueId>,
    members: BTreeMap<ValueId, Vec<ValueId>>,
}

/// How an operand reaches its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// In the same neuron.
    Local,
    /// From the neuron of the same number.
    Identity,
    /// From the one neuron of a scalar to all.
    Broadcast,
    /// Through weights or a sum.
    Weights,
}

impl Grouping {
    pub(crate) fn new(fixed: &Fixed) -> Self {
        let order = fixed.graph.in_order();
        let mut grouping = Self {
            group_of: order.iter().map(|&value| (value, value)).collect(),
            members: order.iter().map(|&value| (value, vec![value])).collect(),
        };
        for &value in &order {
            for &operand in fixed.graph.operands(value) {
                if !always_crosses(fixed, value, operand) && grouping.may_merge(fixed, value, operand) {
                    grouping.merge(value, operand);
                }
            }
        }
        grouping
    }

    /// The group of a value.
    pub(crate) fn of(&self, value: ValueId) -> ValueId {
        self.group_of[&value]
    }

    /// The groups with their values, both in the order of the graph.
    pub(crate) fn groups(&self, order: &[ValueId]) -> Vec<Vec<ValueId>> {
        let mut groups: Vec<Vec<ValueId>> = Vec::new();
        let mut place = BTreeMap::new();
        for &value in order {
            let at = *place.entry(self.of(value)).or_insert_with(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            groups[at].push(value);
        }
        groups
    }

    /// How an operand reaches its user.
    pub(crate) fn reach(&self, fixed: &Fixed, user: ValueId, operand: ValueId) -> Reach {
        if gathers(fixed, user) {
            Reach::Weights
        } else if self.of(user) == self.of(operand) {
            Reach::Local
        } else if fixed.graph.node(operand).ty.width < fixed.graph.node(user).ty.width {
            Reach::Broadcast
        } else {
            Reach::Identity
        }
    }

    /// Whether no spikes would go from the merged group around to itself.
    fn may_merge(&self, fixed: &Fixed, a: ValueId, b: ValueId) -> bool {
        let (a, b) = (self.of(a), self.of(b));
        a == b || !(self.sends_to(fixed, a, b) || self.sends_to(fixed, b, a))
    }

    /// Whether spikes of group `from` reach group `to`, directly or through others. Walks backwards from `to`.
    fn sends_to(&self, fixed: &Fixed, from: ValueId, to: ValueId) -> bool {
        let mut seen = BTreeSet::from([to]);
        let mut open = vec![to];
        while let Some(group) = open.pop() {
            for &member in &self.members[&group] {
                for &operand in fixed.graph.operands(member) {
                    let source = self.of(operand);
                    if source == from && always_crosses(fixed, member, operand) {
                        return true;
                    }
                    if source != from && seen.insert(source) {
                        open.push(source);
                    }
                }
            }
        }
        false
    }

    fn merge(&mut self, a: ValueId, b: ValueId) {
        let (a, b) = (self.of(a), self.of(b));
        if a == b {
            return;
        }
        let (kept, gone) = (a.min(b), a.max(b));
        let moved = self.members.remove(&gone).expect("invariant: every group has members");
        for &value in &moved {
            self.group_of.insert(value, kept);
        }
        self.members.get_mut(&kept).expect("invariant: every group has members").extend(moved);
    }
}

/// Whether an operand arrives as spikes, whatever the grouping.
fn always_crosses(fixed: &Fixed, user: ValueId, operand: ValueId) -> bool {
    gathers(fixed, user) || fixed.graph.node(user).ty.width != fixed.graph.node(operand).ty.width
}

/// Whether an operation sums over other neurons.
pub(crate) fn gathers(fixed: &Fixed, value: ValueId) -> bool {
    match fixed.graph.node(value).op {
        Op::Linear { .. } | Op::ReduceSum { .. } => true,
        Op::Embed { .. }
        | Op::Affine { .. }
        | Op::Multiply { .. }
        | Op::Add
        | Op::Sigmoid
        | Op::Silu
        | Op::InvSqrt { .. }
        | Op::Call { .. }
        | Op::GatedRecurrence { .. } => false,
    }
}
