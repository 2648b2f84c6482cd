//! Cuts groups into slices that fit a core.
//!
//! A slice's output axons depend on how many slices its destinations have, so that groups are cut in reverse order of the
//! data, as if no two slices that a neuron reaches were to share a core. Everything that a slice takes grows with its neurons, so that the largest slice is found by bisection; then
//! the neurons are divided evenly among as many slices as that size makes necessary.

use std::ops::Range;

use seamount_ir::network::{Group, GroupId, Network, Source, Target};

use crate::error::PartitionError;
use crate::layout::Layout;
use crate::usage::{Excess, Limit};

/// The most neurons of a slice: entries of sparse rows name a neuron in two bytes.
pub(crate) const MAX_NEURONS_PER_SLICE: usize = 1 << 16;

/// By group, its neurons in consecutive ranges of nearly equal size.
///
/// # Errors
/// [`PartitionError::Neuron`].
pub(crate) fn cut(layout: &Layout<'_>) -> Result<Vec<Vec<Range<usize>>>, PartitionError> {
    let network = layout.network();
    let mut n_slices = vec![0; network.groups.len()];
    let mut slices = vec![Vec::new(); network.groups.len()];
    for group in destinations_first(layout) {
        let n_neurons = network.group(group).n_neurons;
        if n_neurons == 0 {
            continue;
        }
        let largest = largest_slice(layout, group, &n_slices)?;
        slices[group.index()] = divide(n_neurons, n_neurons.div_ceil(largest));
        n_slices[group.index()] = slices[group.index()].len();
    }
    Ok(slices)
}

/// All groups, each after those that it projects to.
pub(crate) fn destinations_first(layout: &Layout<'_>) -> Vec<GroupId> {
    let network = layout.network();
    let mut order = Vec::with_capacity(network.groups.len());
    let mut visited = vec![false; network.groups.len()];
    for root in network.group_ids() {
        // A group stands on the stack twice: to visit what it projects to, and to be listed after that.
        let mut stack = vec![(root, false)];
        while let Some((group, is_done)) = stack.pop() {
            if is_done {
                order.push(group);
                continue;
            }
            if std::mem::replace(&mut visited[group.index()], true) {
                continue;
            }
            stack.push((group, true));
            stack.extend(layout.destinations(group).map(|to| (to, false)));
        }
    }
    order
}

/// The most neurons of a group that fit an empty core.
fn largest_slice(layout: &Layout<'_>, group: GroupId, n_slices: &[usize]) -> Result<usize, PartitionError> {
    let network = layout.network();
    let most = network.group(group).n_neurons.min(MAX_NEURONS_PER_SLICE);
    if network.group(group).on_host {
        return Ok(most);
    }
    let usage = |n_neurons: usize| layout.slice_load(group, &(0..n_neurons), n_slices).usage(layout);
    if let Some(excess) = usage(1).excesses(layout.capacity()).next() {
        return Err(refuse(layout, group, excess));
    }
    // Invariant of the bisection: `fits` neurons fit, `too_many` do not.
    let (mut fits, mut too_many) = (1, most + 1);
    while fits + 1 < too_many {
        let middle = fits.midpoint(too_many);
        if usage(middle).fits(layout.capacity()) { fits = middle } else { too_many = middle }
    }
    Ok(fits)
}

/// `n` neurons in `n_slices` ranges whose sizes differ by at most one, the larger first.
fn divide(n: usize, n_slices: usize) -> Vec<Range<usize>> {
    let (size, n_larger) = (n / n_slices, n % n_slices);
    let start = |slice: usize| slice * size + slice.min(n_larger);
    (0..n_slices).map(|slice| start(slice)..start(slice + 1)).collect()
}

fn refuse(layout: &Layout<'_>, id: GroupId, excess: Excess) -> PartitionError {
    let network = layout.network();
    let group = network.group(id);
    let narrower_helps = match excess.limit {
        Limit::SynapseBytes | Limit::TotalBytes => layout.has_wide_ternary(id),
        // Narrower weights make fewer slices of the groups that this one projects to.
        Limit::OutputAxons => layout.destinations(id).any(|to| layout.has_wide_ternary(to)),
        Limit::InputAxons | Limit::MicrocodeBytes | Limit::Neurons => false,
    };
    let mut help = Vec::new();
    if narrower_helps {
        help.push("--weights ternary".to_owned());
    }
    if is_head(network, group) {
        help.push("--head host".to_owned());
    }
    help.push(format!("a system with more `{}`", excess.limit.parameter()));
    PartitionError::Neuron { group: group.name.clone(), excess, help: help.join(", or ") }
}

/// Whether a group sends the logits.
pub(crate) fn is_head(network: &Network, group: &Group) -> bool {
    network.projections.iter().any(|projection| {
        let from_group = match projection.source {
            Source::Port(from, _) => network.group(from).name == group.name,
            Source::Embedding | Source::Tick => false,
        };
        projection.target == Target::Logits && from_group
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_are_divided_evenly_and_completely() {
        assert_eq!(divide(10, 3), [0..4, 4..7, 7..10]);
        assert_eq!(divide(2, 2), [0..1, 1..2]);
    }
}
