//! How long cores may work in each step, and how large slices then are, if time on cores has a price.
//!
//! All groups that work in a step are looked at together: the slowest core of all sets the step, so that a group gains
//! nothing by being faster than the others. For each step the time is taken at which it and the cores that its slices take
//! cost least.

use std::collections::HashMap;

use seamount_ir::network::GroupId;

use crate::demand::{Demand, Load};
use crate::fill::ratio;
use crate::layout::count;
use crate::usage::Usage;
use crate::work::Work;

/// What slices may take of time, where all that works in a step is done at the same time.
#[derive(Debug)]
pub(crate) struct Pace {
    /// By step, the longest that a core may work.
    pub(crate) most_ns: Vec<f64>,
    /// By group, the most neurons of a slice.
    pub(crate) sizes: Vec<usize>,
    /// All steps of a token, barriers apart.
    pub(crate) token_ns: f64,
    /// Cores that have all that the slices take of the scarcest resource.
    pub(crate) n_cores: u64,
}

/// By group, the number of its kind: groups of one kind take and do the same.
#[derive(Debug)]
pub(crate) struct Kinds(Vec<u64>);

/// A group while its step is looked at.
struct Member {
    group: GroupId,
    kind: u64,
    /// Sizes of slices to choose from with the time that each takes in the step, the largest first.
    sizes: Vec<(usize, f64)>,
}

impl Kinds {
    pub(crate) fn new(demand: &Demand<'_>, work: &Work) -> Self {
        let mut known = HashMap::new();
        let kind = |group: GroupId| {
            let mut traits = demand.group(group).traits();
            traits.extend(demand.group(group).reads.iter().map(|&stream| demand.streams[stream].n_axons));
            work.traits(group, &mut traits);
            let next = count(known.len());
            *known.entry(traits).or_insert(next)
        };
        Self(demand.layout.network().group_ids().map(kind).collect())
    }
}

impl Pace {
    /// A core more is worth `core_ns` a token; no step is spread over more than `width` cores, if it need not be.
    ///
    /// Gives nothing if not even one neuron of a group fits an empty core.
    pub(crate) fn new(
        demand: &Demand<'_>,
        work: &Work,
        spacing: u32,
        kinds: &Kinds,
        core_ns: f64,
        width: usize,
    ) -> Option<Self> {
        let mut pace = Self {
            most_ns: vec![0.0; spacing as usize],
            sizes: vec![0; demand.groups.len()],
            token_ns: 0.0,
            n_cores: 0,
        };
        let mut n_readers = vec![0; demand.streams.len()];
        let mut by_step: Vec<Vec<GroupId>> = vec![Vec::new(); spacing as usize];
        for group in crate::slice::destinations_first(demand.layout) {
            let n_neurons = demand.group(group).n_neurons;
            if n_neurons == 0 || demand.group(group).on_host {
                demand.group(group).reads.iter().for_each(|&stream| n_readers[stream] += count(n_neurons.min(1)));
            } else {
                by_step[(work.main_step(group) % spacing) as usize].push(group);
            }
        }
        // Blocks of a model are alike, so that most steps come again.
        let mut known: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
        for groups in by_step.iter().rev() {
            let members =
                groups.iter().map(|&group| Member::new(demand, work, group, kinds.0[group.index()], &n_readers));
            let members: Vec<Member> = members.collect::<Option<_>>()?;
            let key = members.iter().flat_map(Member::key).collect();
            let chosen = known
                .entry(key)
                .or_insert_with(|| cheapest(demand, work, &members, &n_readers, core_ns, width).unwrap_or_default());
            for (member, &mut size) in members.iter().zip(chosen) {
                pace.sizes[member.group.index()] = size;
                let n_slices = count(demand.group(member.group).n_neurons.div_ceil(size));
                demand.group(member.group).reads.iter().for_each(|&stream| n_readers[stream] += n_slices);
            }
        }
        // What slices of these sizes take, each on a core of its own.
        let mut sum = Usage::default();
        for group in demand.on_chips() {
            let size = pace.sizes[group.index()];
            let usage = demand.with(&Load::default(), group, size, &n_readers);
            for _ in 0..demand.group(group).n_neurons.div_ceil(size) {
                sum += usage;
            }
            let n_output_axons = demand.n_output_axons(group, size, &n_readers);
            for (step, work_of_step) in work.phases(group, size, n_output_axons, spacing) {
                let most_ns = &mut pace.most_ns[step as usize];
                *most_ns = work.rates.core_ns(&work_of_step).max(*most_ns);
            }
        }
        pace.token_ns = pace.most_ns.iter().sum();
        let capacity = demand.capacity();
        let needed = [
            sum.synapse_bytes.div_ceil(capacity.synapse_bytes.max(1)),
            sum.n_input_axons.div_ceil(capacity.n_input_axons.max(1)),
            sum.n_output_axons.div_ceil(capacity.n_output_axons.max(1)),
        ];
        pace.n_cores = needed.into_iter().max().unwrap_or(0);
        // Roots share cores with the layers that they serve.
        for most_ns in &mut pace.most_ns {
            *most_ns = *most_ns * (1.0 + SLACK) + work.rates.axon_in_ns;
        }
        Some(pace)
    }
}

/// By how much a core may be slower than the slowest slice, so that small groups find room.
const SLACK: f64 = 0.02;

impl Member {
    fn new(demand: &Demand<'_>, work: &Work, group: GroupId, kind: u64, n_readers: &[u64]) -> Option<Self> {
        let n_neurons = demand.group(group).n_neurons;
        let fits = |n: usize| demand.with(&Load::default(), group, n, n_readers).fits(demand.capacity());
        // Invariant of the bisection: `low` neurons fit, `high` do not.
        let (mut low, mut high) = (0, n_neurons.min(demand.group(group).largest()) + 1);
        while low + 1 < high {
            let middle = low.midpoint(high);
            if fits(middle) { low = middle } else { high = middle }
        }
        let unit = demand.group(group).unit;
        // Whole units, as far as any fits, so that rows are not longer than they need be.
        let largest = if low == n_neurons {
            low
        } else if low >= unit {
            low / unit * unit
        } else {
            low
        };
        if largest == 0 {
            return None;
        }
        let mut sizes: Vec<usize> = Vec::new();
        let mut n_slices = n_neurons.div_ceil(largest);
        while n_slices <= n_neurons {
            let even = n_neurons.div_ceil(n_slices);
            sizes.extend([even, even.next_multiple_of(unit).min(largest)]);
            // More slices than that are of the same size.
            n_slices = (n_slices + n_slices.div_ceil(8)).max(n_neurons.div_ceil(even));
        }
        sizes.sort_unstable();
        sizes.dedup();
        let step = work.main_step(group);
        let ns = |size: usize| {
            let n_output_axons = demand.n_output_axons(group, size, n_readers);
            let of_step = work.phases(group, size, n_output_axons, u32::MAX).find(|(at, _)| *at == step);
            of_step.map_or(0.0, |(_, of_step)| work.rates.core_ns(&of_step))
        };
        Some(Self { group, kind, sizes: sizes.into_iter().rev().map(|size| (size, ns(size))).collect() })
    }

    /// All that the choice depends on.
    fn key(&self) -> impl Iterator<Item = u64> + '_ {
        let sizes = self.sizes.iter().flat_map(|&(size, ns)| [count(size), ns.to_bits()]);
        [self.kind, count(self.sizes.len())].into_iter().chain(sizes)
    }

    /// The largest size that takes no longer; the smallest if all do.
    fn within(&self, ns: f64) -> (usize, f64) {
        let found = self.sizes.iter().find(|(_, of_size)| *of_size <= ns);
        *found.unwrap_or(&self.sizes[self.sizes.len() - 1])
    }
}

/// The sizes at which a step's time and the cores that its slices take cost least.
fn cheapest(
    demand: &Demand<'_>,
    work: &Work,
    members: &[Member],
    n_readers: &[u64],
    core_ns: f64,
    width: usize,
) -> Option<Vec<usize>> {
    let mut times: Vec<f64> = members.iter().flat_map(|member| &member.sizes).map(|&(_, ns)| ns).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let price = |ns: f64| {
        let (mut longest, mut others, mut cores, mut n_messages) = (0.0_f64, 0.0_f64, 0.0, 0.0);
        let mut n_cores = 0;
        for member in members {
            let (size, ns) = member.within(ns);
            longest = longest.max(ns);
            let usage = demand.with(&Load::default(), member.group, size, n_readers);
            let n_slices = ratio(count(demand.group(member.group).n_neurons.div_ceil(size)), 1);
            others = others.max(work.alone_ns(member.group, size, usage.n_output_axons) - ns);
            n_cores += demand.group(member.group).n_neurons.div_ceil(size);
            cores += n_slices * share(demand, &usage);
            n_messages += n_slices * ratio(usage.n_input_axons, 1);
        }
        (n_cores > width, longest.max(n_messages * work.link_ns) + others + core_ns * cores)
    };
    let best =
        times.into_iter().map(|ns| (price(ns), ns)).min_by(|a, b| a.0.0.cmp(&b.0.0).then(a.0.1.total_cmp(&b.0.1)))?;
    Some(members.iter().map(|member| member.within(best.1).0).collect())
}

/// The share of a core that a slice takes: its bytes, and its input axons twice, since they are as many output axons at its
/// sources.
fn share(demand: &Demand<'_>, usage: &Usage) -> f64 {
    let capacity = demand.capacity();
    ratio(usage.synapse_bytes, capacity.synapse_bytes) + 2.0 * ratio(usage.n_input_axons, capacity.n_input_axons)
}
