//! How large slices may become, and how many cores may read what, before cores are filled.
//!
//! A neuron has an output axon for each core that reads it. So groups are planned in reverse order of the data, and a group
//! promises on how many cores it will be at most; who fills cores keeps the promise.

use seamount_ir::network::GroupId;

use crate::demand::{Demand, Load};
use crate::fill::ratio;
use crate::layout::count;
use crate::load::Slice;
use crate::pace::Pace;
use crate::slice::destinations_first;
use crate::usage::Usage;
use crate::work::{self, Work};

/// What slices and cores may become.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// By group, the most neurons of a slice.
    pub(crate) most_neurons: Vec<usize>,
    /// By group, neurons that are moved together.
    pub(crate) units: Vec<usize>,
    /// By group, the most cores that it may be on.
    pub(crate) most_cores: Vec<u64>,
    /// By stream, how many cores read it at most.
    pub(crate) n_readers: Vec<u64>,
    /// By phase, the longest that a core may work; nothing where that is not limited.
    pub(crate) most_ns: Vec<f64>,
}

/// What the slices of a group are to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    /// As large as a core holds; a group may be on this part more of the cores that it then fills.
    Largest {
        /// The part.
        spread: f64,
    },
    /// Such that no core works longer in a step than it says, and of its sizes.
    Paced(&'a Pace),
    /// Such that no core works longer in a phase.
    Within {
        /// The time.
        ns: f64,
    },
}

/// What cores are filled by: needs, work and plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) demand: &'a Demand<'a>,
    pub(crate) work: &'a Work,
    pub(crate) plan: &'a Plan,
    /// Steps from a token to the next.
    pub(crate) spacing: u32,
}

/// Most cores that a group may be on beyond those that it fills alone.
const MOST_MORE: f64 = 7.0;

impl Plan {
    /// Gives nothing if not even one neuron of a group fits an empty core.
    pub(crate) fn new(demand: &Demand<'_>, work: &Work, spacing: u32, target: Target<'_>) -> Option<Self> {
        let n_groups = demand.groups.len();
        let most_ns = match target {
            Target::Largest { .. } => Vec::new(),
            Target::Paced(pace) => pace.most_ns.clone(),
            Target::Within { ns } => vec![ns; spacing as usize],
        };
        let mut plan = Self {
            most_neurons: demand.groups.iter().map(|group| group.n_neurons).collect(),
            units: demand.groups.iter().map(|group| group.unit).collect(),
            most_cores: vec![0; n_groups],
            n_readers: vec![0; demand.streams.len()],
            most_ns,
        };
        for group in destinations_first(demand.layout) {
            let n_cores = plan.settle(demand, work, spacing, target, group)?;
            plan.most_cores[group.index()] = n_cores;
            for &stream in &demand.group(group).reads {
                plan.n_readers[stream] += n_cores;
            }
        }
        Some(plan)
    }

    /// The plan that cores keep which are filled like these.
    pub(crate) fn found(&self, demand: &Demand<'_>, cores: &[Vec<Slice>]) -> Self {
        let mut plan = self.clone();
        plan.most_cores.fill(0);
        for slice in cores.iter().flatten() {
            plan.most_cores[slice.group.index()] += 1;
        }
        plan.n_readers = count_readers(demand, cores);
        plan
    }

    /// Decides the slices of a group whose destinations are planned; on how many cores it may be.
    fn settle(
        &mut self,
        demand: &Demand<'_>,
        work: &Work,
        spacing: u32,
        target: Target<'_>,
        group: GroupId,
    ) -> Option<u64> {
        let n_neurons = demand.group(group).n_neurons;
        if demand.group(group).on_host || n_neurons == 0 {
            return Some(u64::from(n_neurons > 0));
        }
        if let Target::Paced(pace) = target {
            self.limit(group, pace.sizes[group.index()]);
        }
        let room = |plan: &Self| {
            let frame = Frame { demand, work, plan, spacing };
            frame.room(&Load::default(), group, n_neurons)
        };
        let mut alone = room(self);
        // Where a unit is too much, less than one may do.
        while alone == 0 && self.units[group.index()] > 1 {
            self.units[group.index()] = self.units[group.index()].div_ceil(2);
            alone = room(self);
        }
        if alone == 0 {
            return None;
        }
        let (most, spread) = match target {
            Target::Largest { spread } => (alone, spread),
            // How many cores there will be is known: output axons are counted as they are.
            Target::Paced(_) => {
                self.limit(group, alone);
                (alone, 0.0)
            }
            Target::Within { .. } => {
                // Cores are filled to the brim only if what is put on them is small.
                let unit = &mut self.units[group.index()];
                while *unit * 3 > alone && *unit > 1 {
                    *unit = unit.div_ceil(2);
                }
                (alone, 0.4)
            }
        };
        let n_slices = count(n_neurons.div_ceil(most));
        let more = if n_slices > 1 { (ratio(n_slices, 1) * spread).ceil().min(MOST_MORE) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
        let more = more as u64;
        Some(n_slices + more)
    }

    /// Limits the slices of a group.
    fn limit(&mut self, group: GroupId, most: usize) {
        self.most_neurons[group.index()] = most;
        let unit = &mut self.units[group.index()];
        *unit = (*unit).min(most);
    }
}

impl Frame<'_> {
    /// What a core would hold with `n_neurons` more of a group that it does not hold yet, if it may.
    pub(crate) fn with(&self, load: &Load, group: GroupId, n_neurons: usize) -> Option<Load> {
        let usage = self.usage(load, group, n_neurons)?;
        let mut with = load.clone();
        if !self.plan.most_ns.is_empty() {
            work::add(&mut with.phases, self.phases(group, n_neurons));
        }
        self.demand.put(&mut with, group, usage);
        Some(with)
    }

    /// What a core would use, if it may.
    fn usage(&self, load: &Load, group: GroupId, n_neurons: usize) -> Option<Usage> {
        let usage = self.demand.with(load, group, n_neurons, &self.plan.n_readers);
        (usage.fits(self.demand.capacity()) && self.is_in_time(load, group, n_neurons)).then_some(usage)
    }

    fn is_in_time(&self, load: &Load, group: GroupId, n_neurons: usize) -> bool {
        if self.plan.most_ns.is_empty() {
            return true;
        }
        self.phases(group, n_neurons).all(|(phase, more)| {
            let mut sum = more;
            load.phases.iter().filter(|(at, _)| *at == phase).for_each(|(_, work)| sum += *work);
            self.work.rates.core_ns(&sum) <= self.plan.most_ns[phase as usize]
        })
    }

    fn phases(&self, group: GroupId, n_neurons: usize) -> impl Iterator<Item = work::Phase> + '_ {
        let n_output_axons = self.demand.n_output_axons(group, n_neurons, &self.plan.n_readers);
        self.work.phases(group, n_neurons, n_output_axons, self.spacing)
    }

    /// The most neurons, up to `most`, that a core may take beside what it holds: all, or a whole number of units.
    pub(crate) fn room(&self, load: &Load, group: GroupId, most: usize) -> usize {
        let (unit, limit) = (self.plan.units[group.index()], self.plan.most_neurons[group.index()]);
        let most = most.min(self.demand.group(group).largest()).min(limit);
        let fits = |n: usize| self.usage(load, group, n).is_some();
        if most == 0 || fits(most) {
            return most;
        }
        // Invariant of the bisection: `low` units fit, `high` do not.
        let (mut low, mut high) = (0, most.div_ceil(unit));
        while low + 1 < high {
            let middle = low.midpoint(high);
            if fits(middle * unit) { low = middle } else { high = middle }
        }
        low * unit
    }
}

/// By stream, how many cores read it; all groups that the host runs are on one.
pub(crate) fn count_readers(demand: &Demand<'_>, cores: &[Vec<Slice>]) -> Vec<u64> {
    let mut n_readers = vec![0; demand.streams.len()];
    let hosted = demand.layout.network().group_ids().filter(|&group| demand.group(group).on_host);
    let on_cores = cores.iter().map(|slices| slices.iter().map(|slice| slice.group).collect::<Vec<_>>());
    for groups in on_cores.chain([hosted.collect()]) {
        let mut read: Vec<usize> = groups.iter().flat_map(|&group| &demand.group(group).reads).copied().collect();
        read.sort_unstable();
        read.dedup();
        for stream in read {
            n_readers[stream] += 1;
        }
    }
    n_readers
}
