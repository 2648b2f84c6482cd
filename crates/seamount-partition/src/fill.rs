//! Fills cores one after the other, each as full as it gets.
//!
//! A core takes some units of the oldest group that is left, and with it those numbers of units of the next groups that
//! fill the core best: all combinations are tried. Groups that take little are left for the gaps.
//!
//! Source: minimum bin slack (Gupta and Ho 1999, "A new heuristic algorithm for the one-dimensional bin-packing problem"),
//! with the first item of each bin fixed as in Fleszar and Hindi 2002. Ours differs in that a bin has six limits, that what
//! groups take of a core is not a sum, since slices share input axons and microcode, and that a group may be cut: items are
//! units of neurons. What is filled is counted in shares of a core that units of one group alone fill.

use std::collections::HashMap;

use seamount_ir::network::GroupId;

use crate::alike::Alike;
use crate::demand::{Demand, Load};
use crate::layout::count;
use crate::plan::Frame;

/// How cores are filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Style {
    /// Groups that are weighed together.
    pub(crate) window: usize,
    /// How a unit is worth.
    pub(crate) worth: Worth,
    /// What a slice more costs, in cores.
    pub(crate) slice_cost: f64,
}

/// What filling a unit is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// Its share of a core that is filled with nothing else.
    Share,
    /// Its share of the synapse memory.
    Bytes,
    /// Its shares of all memories and tables, each by how much all groups take of it.
    Scarcity,
}

/// Neurons of a group on a core.
pub(crate) type Part = (GroupId, usize);

/// A group counts as small, and fills gaps, if it takes less than this share of a core.
const SMALL: f64 = 0.04;
/// Most numbers of units of one group that are tried on one core.
const MAX_TRIES: usize = 16;

/// Fills as many cores as all groups need, each group on no more cores than the plan allows.
///
/// Gives nothing if not even one neuron of a group fits an empty core, or more than `most_cores` are needed.
pub(crate) fn fill(frame: Frame<'_>, style: Style, most_cores: usize) -> Option<Vec<Vec<Part>>> {
    let mut filler = Filler::new(frame, style)?;
    while !filler.queue.is_empty() {
        if filler.cores.len() >= most_cores {
            return None;
        }
        filler.open();
    }
    filler.fill_gaps();
    (filler.cores.len() <= most_cores).then_some(filler.cores)
}

struct Filler<'a> {
    frame: Frame<'a>,
    style: Style,
    /// By group, what a neuron is worth.
    worth: Vec<f64>,
    /// By group, the neurons that fill a core alone.
    alone: Vec<usize>,
    /// By group, the cores that it may still be put on.
    n_cores_left: Vec<u64>,
    /// By group, neurons without a core.
    left: Vec<usize>,
    /// Groups that have neurons left, in the order of the data.
    queue: Vec<GroupId>,
    small: Vec<GroupId>,
    cores: Vec<Vec<Part>>,
    loads: Vec<Load>,
    alike: Alike,
    /// By what is left of the window, the best combination: blocks of a model are alike, so that most come again.
    known: HashMap<Vec<u64>, Vec<(usize, usize)>>,
}

/// The best combination for a core, while it is searched.
struct Best {
    score: f64,
    parts: Vec<Part>,
}

impl<'a> Filler<'a> {
    fn new(frame: Frame<'a>, style: Style) -> Option<Self> {
        let Frame { demand, plan, .. } = frame;
        let (n_groups, n_readers) = (demand.groups.len(), plan.n_readers.as_slice());
        let (mut worth, mut left, mut most_alone) = (vec![0.0; n_groups], vec![0; n_groups], vec![0; n_groups]);
        let mut n_cores_left = vec![0; n_groups];
        let (mut queue, mut small) = (Vec::new(), Vec::new());
        let scarcity = scarcity(demand, n_readers);
        for group in demand.on_chips() {
            let n_neurons = demand.group(group).n_neurons;
            let alone = frame.room(&Load::default(), group, n_neurons);
            if alone == 0 {
                return None;
            }
            left[group.index()] = n_neurons;
            most_alone[group.index()] = alone;
            // The last slice may have had room for more than whole units, when this plan was found.
            n_cores_left[group.index()] = plan.most_cores[group.index()].max(count(n_neurons.div_ceil(alone)));
            let bytes = ratio(demand.group(group).synapse_bytes(alone), demand.capacity().synapse_bytes);
            // A group that one core holds fills only a part of it.
            let filled = if alone == n_neurons { fullness(demand, group, alone, n_readers) } else { 1.0 };
            let filled = match style.worth {
                Worth::Share => filled,
                Worth::Bytes => bytes.max(1e-3),
                Worth::Scarcity => {
                    let takes = takes(demand, group, alone, n_readers);
                    takes.iter().zip(scarcity).map(|(share, scarcity)| share * scarcity).sum()
                }
            };
            worth[group.index()] = filled / to_f64(alone);
            if filled < SMALL && alone == n_neurons { small.push(group) } else { queue.push(group) }
        }
        let alike = Alike::new(frame, &worth);
        Some(Self {
            frame,
            style,
            worth,
            alone: most_alone,
            n_cores_left,
            left,
            queue,
            small,
            cores: Vec::new(),
            loads: Vec::new(),
            alike,
            known: HashMap::new(),
        })
    }

    /// Fills the next core, with at least a unit of the oldest group that is left.
    fn open(&mut self) {
        let window = self.queue[..self.style.window.min(self.queue.len())].to_vec();
        let key = self
            .alike
            .key(self.frame, &window, |group| [count(self.left[group.index()]), self.n_cores_left[group.index()]]);
        let parts = match self.known.get(&key) {
            Some(known) => known.iter().map(|&(at, n_neurons)| (window[at], n_neurons)).collect(),
            None => {
                let mut best = Best { score: f64::NEG_INFINITY, parts: Vec::new() };
                self.search(&window, &Load::default(), 0.0, &mut Vec::new(), &mut best);
                let at = |group| window.iter().position(|&other| other == group);
                let at = |group| at(group).expect("invariant: combinations are of groups of the window");
                self.known.insert(key, best.parts.iter().map(|&(group, n_neurons)| (at(group), n_neurons)).collect());
                best.parts
            }
        };
        let mut load = Load::default();
        for &(group, n_neurons) in &parts {
            load = self.frame.with(&load, group, n_neurons).expect("invariant: the combination was found to fit");
            self.left[group.index()] -= n_neurons;
            self.n_cores_left[group.index()] = self.n_cores_left[group.index()].saturating_sub(1);
        }
        debug_assert!(parts.first().is_some_and(|part| part.0 == window[0]), "invariant: one unit fits an empty core");
        self.queue.retain(|group| self.left[group.index()] > 0);
        self.cores.push(parts);
        self.loads.push(load);
    }

    /// Tries all numbers of units of the first group of the window, and for each all of the others.
    fn search(&self, window: &[GroupId], load: &Load, score: f64, parts: &mut Vec<Part>, best: &mut Best) {
        let Some((&group, rest)) = window.split_first() else {
            if score > best.score + 1e-9 {
                *best = Best { score, parts: parts.clone() };
            }
            return;
        };
        let most = self.frame.room(load, group, self.left[group.index()]);
        let unit = self.frame.plan.units[group.index()];
        let n_units = most.div_ceil(unit);
        let step = if rest.is_empty() { n_units.max(1) } else { n_units.div_ceil(MAX_TRIES).max(1) };
        // What then is left must fit the cores that the group may still be put on.
        let n_more_cores = usize::try_from(self.n_cores_left[group.index()].saturating_sub(1)).unwrap_or(usize::MAX);
        let least = self.left[group.index()].saturating_sub(n_more_cores.saturating_mul(self.alone[group.index()]));
        let mut n = most;
        while n > 0 && n >= least {
            let Some(with) = self.frame.with(load, group, n) else { break };
            parts.push((group, n));
            let worth = self.worth[group.index()] * to_f64(n) - self.style.slice_cost;
            self.search(rest, &with, score + worth, parts, best);
            parts.pop();
            // All but the first choice are whole units, so that rows stay aligned.
            n = (n.div_ceil(unit) - 1).saturating_sub(step - 1) * unit;
        }
        // The seed is on the core; others may be left out, but it never helps to leave out the last.
        let must_take = parts.is_empty() || (rest.is_empty() && most > 0 && most >= least);
        if !must_take {
            self.search(rest, load, score, parts, best);
        }
    }

    /// Puts small groups where there is room, near to the groups that they precede in the data.
    fn fill_gaps(&mut self) {
        for group in std::mem::take(&mut self.small) {
            let near = self.cores.iter().position(|parts| parts.iter().any(|&(other, _)| other > group));
            let near = near.unwrap_or(self.cores.len().saturating_sub(1));
            let n_neurons = self.left[group.index()];
            let fits = |&core: &usize| self.frame.room(&self.loads[core], group, n_neurons) == n_neurons;
            let core = outwards(near, self.cores.len()).find(fits).unwrap_or_else(|| {
                self.cores.push(Vec::new());
                self.loads.push(Load::default());
                self.cores.len() - 1
            });
            let with = self.frame.with(&self.loads[core], group, n_neurons);
            self.loads[core] = with.expect("invariant: a small group fits an empty core");
            self.cores[core].push((group, n_neurons));
        }
    }
}

/// The shares of synapse memory, output axons and neurons that `n_neurons` of a group take of a core.
fn takes(demand: &Demand<'_>, group: GroupId, n_neurons: usize, n_readers: &[u64]) -> [f64; 3] {
    let capacity = demand.capacity();
    [
        ratio(demand.group(group).synapse_bytes(n_neurons), capacity.synapse_bytes),
        ratio(demand.n_output_axons(group, n_neurons, n_readers), capacity.n_output_axons),
        ratio(count(n_neurons), capacity.n_neurons),
    ]
}

/// How many cores' worth of synapse memory, output axons and neurons all groups take, in shares of the most.
fn scarcity(demand: &Demand<'_>, n_readers: &[u64]) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for group in demand.on_chips() {
        let n_neurons = demand.group(group).n_neurons;
        let n = n_neurons.min(demand.group(group).largest()).max(1);
        let whole = to_f64(n_neurons) / to_f64(n);
        for (sum, share) in sums.iter_mut().zip(takes(demand, group, n, n_readers)) {
            *sum += share * whole;
        }
    }
    let most = sums.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    sums.map(|sum| sum / most)
}

/// The largest share of a limit that `n_neurons` of a group take of an empty core.
pub(crate) fn fullness(demand: &Demand<'_>, group: GroupId, n_neurons: usize, n_readers: &[u64]) -> f64 {
    let (usage, capacity) = (demand.with(&Load::default(), group, n_neurons, n_readers), demand.capacity());
    let shares = [
        ratio(usage.synapse_bytes, capacity.synapse_bytes),
        ratio(usage.total_bytes(), capacity.total_bytes),
        ratio(usage.n_neurons, capacity.n_neurons),
    ];
    shares.into_iter().fold(0.0, f64::max)
}

/// `near`, then the numbers below `n` by their distance from it.
fn outwards(near: usize, n: usize) -> impl Iterator<Item = usize> {
    let both = move |distance: usize| [near.checked_add(distance), near.checked_sub(distance)];
    let all = (0..n).flat_map(move |distance| if distance == 0 { [Some(near), None] } else { both(distance) });
    all.flatten().filter(move |&number| number < n)
}

pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share, to a few digits")]
    let ratio = part as f64 / whole.max(1) as f64;
    ratio
}

fn to_f64(n: usize) -> f64 {
    ratio(count(n), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_by_their_distance() {
        assert_eq!(outwards(1, 4).collect::<Vec<_>>(), [1, 2, 0, 3]);
        assert_eq!(outwards(0, 0).count(), 0);
    }
}
