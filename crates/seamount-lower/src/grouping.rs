//! Which operations share a neuron.
//!
//! Operations on the same channels of what arrives together belong in one neuron, so that nothing is sent between
//! them. Two values may share a neuron unless spikes of one reach the other: a neuron works once for a token. Values
//! are visited in order; each operation joins the neurons of its operands as far as that rule allows, and what is
//! left is carried over one by one.

use std::collections::{BTreeMap, BTreeSet};

use seamount_ir::fixed::{Fixed, Op};
use seamount_ir::{Dag, ValueId};

/// Neuron groups as sets of values.
#[derive(Debug)]
pub(crate) struct Grouping {
    groups: Vec<Vec<ValueId>>,
    place: BTreeMap<ValueId, usize>,
}

impl Grouping {
    pub(crate) fn new(fixed: &Fixed) -> Self {
        let mut merger = Merger::new(fixed);
        for value in fixed.graph.in_order() {
            for &operand in fixed.graph.operands(value) {
                let (a, b) = (merger.of(value), merger.of(operand));
                if a != b && !always_crosses(fixed, value, operand) && !merger.sends(a, b) && !merger.sends(b, a) {
                    merger.merge(a, b);
                }
            }
        }
        let groups = merger.in_order_of_data();
        let members = groups.iter().enumerate();
        let place = members.flat_map(|(place, members)| members.iter().map(move |&value| (value, place))).collect();
        Self { groups, place }
    }

    /// The values of each group, in the order of the graph; a group comes after those that it hears.
    pub(crate) fn groups(&self) -> &[Vec<ValueId>] {
        &self.groups
    }

    /// A value's group, by its place in [`Grouping::groups`].
    pub(crate) fn of(&self, value: ValueId) -> usize {
        self.place[&value]
    }

    /// Whether an operand arrives as it is from neurons of another group: from the one of the same number, or from
    /// the one of a scalar.
    pub(crate) fn is_carried(&self, fixed: &Fixed, user: ValueId, operand: ValueId) -> bool {
        !gathers(fixed, user) && self.of(user) != self.of(operand)
    }
}

/// Groups while they grow. A group is called by the position of its first value in the order of the graph.
struct Merger<'f> {
    fixed: &'f Fixed,
    order: Vec<ValueId>,
    group_of: BTreeMap<ValueId, usize>,
    /// By group, positions of its values; none where it became part of another.
    members: Vec<BTreeSet<usize>>,
}

impl<'f> Merger<'f> {
    fn new(fixed: &'f Fixed) -> Self {
        let order = fixed.graph.in_order();
        let group_of = order.iter().enumerate().map(|(at, &value)| (value, at)).collect();
        let members = (0..order.len()).map(|at| BTreeSet::from([at])).collect();
        Self { fixed, order, group_of, members }
    }

    fn of(&self, value: ValueId) -> usize {
        self.group_of[&value]
    }

    /// Whether spikes of group `from` reach group `to`, even if what one takes from the other channel by channel
    /// stays within a neuron. Walks backwards from `to`, past no group that ends before `from` begins.
    fn sends(&self, from: usize, to: usize) -> bool {
        let mut seen = BTreeSet::from([to]);
        let mut open = vec![to];
        while let Some(group) = open.pop() {
            for &member in &self.members[group] {
                let member = self.order[member];
                for &operand in self.fixed.graph.operands(member) {
                    let source = self.of(operand);
                    if source == from {
                        if group != to || always_crosses(self.fixed, member, operand) {
                            return true;
                        }
                    } else if self.members[source].last() > Some(&from) && seen.insert(source) {
                        open.push(source);
                    }
                }
            }
        }
        false
    }

    fn merge(&mut self, a: usize, b: usize) {
        let (kept, gone) = (a.min(b), a.max(b));
        let moved = std::mem::take(&mut self.members[gone]);
        for &position in &moved {
            self.group_of.insert(self.order[position], kept);
        }
        self.members[kept].extend(moved);
    }

    /// The groups, each after those that it hears, ties broken by the first value.
    fn in_order_of_data(&self) -> Vec<Vec<ValueId>> {
        let mut heard = Dag::default();
        let groups: Vec<usize> = (0..self.members.len()).filter(|&group| !self.members[group].is_empty()).collect();
        let nodes: BTreeMap<usize, ValueId> = groups.iter().map(|&group| (group, heard.add(group, &[]))).collect();
        for &group in &groups {
            let members = self.members[group].iter().map(|&member| self.order[member]);
            let sources = members.flat_map(|member| self.fixed.graph.operands(member)).map(|&value| self.of(value));
            let sources: BTreeSet<usize> = sources.filter(|&source| source != group).collect();
            let sources: Vec<ValueId> = sources.iter().map(|source| nodes[source]).collect();
            heard.set_operands(nodes[&group], &sources);
        }
        let order = heard.in_order();
        debug_assert_eq!(order.len(), groups.len(), "invariant: tokens pass the groups in one direction");
        let values = |group: &usize| self.members[*group].iter().map(|&member| self.order[member]).collect();
        order.into_iter().map(|node| values(heard.node(node))).collect()
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
        | Op::Threshold { .. }
        | Op::Sigmoid
        | Op::Silu
        | Op::InvSqrt { .. }
        | Op::Call { .. }
        | Op::GatedRecurrence { .. } => false,
    }
}

#[cfg(test)]
mod tests;
