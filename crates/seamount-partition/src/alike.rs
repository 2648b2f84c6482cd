//! Which groups take the same of a core.
//!
//! The blocks of a model are alike, and what fills a core best with one block fills it best with the next. Two windows of
//! groups are the same if their groups are alike one by one, have as much left, and share streams, microcode and phases
//! with each other in the same way.

use std::collections::HashMap;

use seamount_ir::network::GroupId;

use crate::layout::count;
use crate::plan::Frame;

/// By group, the number of its kind.
#[derive(Debug)]
pub(crate) struct Alike {
    kinds: Vec<u64>,
}

impl Alike {
    /// `worth` is what a neuron of each group is worth.
    pub(crate) fn new(frame: Frame<'_>, worth: &[f64]) -> Self {
        let mut known = HashMap::new();
        let network = frame.demand.layout.network();
        let kind = |group: GroupId| {
            let mut traits = frame.demand.group(group).traits();
            let plan = frame.plan;
            traits.extend([plan.most_neurons[group.index()], plan.units[group.index()]].map(count));
            traits.push(frame.demand.n_output_axons(group, 1 << 20, &plan.n_readers));
            traits.push(worth[group.index()].to_bits());
            if !plan.most_ns.is_empty() {
                frame.work.traits(group, &mut traits);
            }
            let next = count(known.len());
            *known.entry(traits).or_insert(next)
        };
        Self { kinds: network.group_ids().map(kind).collect() }
    }

    /// What decides how a core is filled with groups of the window, with some numbers for each group.
    pub(crate) fn key<const N: usize>(
        &self,
        frame: Frame<'_>,
        window: &[GroupId],
        numbers: impl Fn(GroupId) -> [u64; N],
    ) -> Vec<u64> {
        let (mut key, mut streams, mut bodies, mut phases) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for &group in window {
            let demand = frame.demand.group(group);
            key.push(self.kinds[group.index()]);
            key.extend(numbers(group));
            key.push(number(&mut bodies, demand.body));
            for &stream in &demand.reads {
                key.extend([number(&mut streams, stream), frame.demand.streams[stream].n_axons]);
            }
            if !frame.plan.most_ns.is_empty() {
                let own = frame.work.phases(group, 1, 0, frame.spacing);
                let most_ns = &frame.plan.most_ns;
                key.extend(own.flat_map(|(phase, _)| [number(&mut phases, phase), most_ns[phase as usize].to_bits()]));
            }
            key.push(u64::MAX);
        }
        key
    }
}

/// The place of an item in a list, to which it is added if it is not there.
fn number<T: PartialEq>(list: &mut Vec<T>, item: T) -> u64 {
    let at = list.iter().position(|other| *other == item).unwrap_or(list.len());
    if at == list.len() {
        list.push(item);
    }
    count(at)
}
