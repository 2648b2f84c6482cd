//! What no mapping can be below.
//!
//! Cores: all that the groups take of a resource, over what a core has of it. A group is on as many cores at least as its
//! synapses fill, and each of these has input axons for all that the group reads, and its sources an output axon for it.
//! Time: in each phase all work that falls into it, over the rate of all cores of the chips in use; and no core that holds
//! any neuron of a group receives less than all that the group reads.

use seamount_arch::Arch;
use seamount_ir::network::GroupId;

use crate::demand::Demand;
use crate::fill::ratio;
use crate::layout::count;
use crate::usage::{Limit, Usage};
use crate::work::{Phase, Work, add};

/// What no mapping of a network on a system can be below.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// By limit, the neurocores that it asks for.
    pub by_limit: Vec<ResourceBound>,
    /// Neurocores: the most that a limit asks for.
    pub n_cores: u64,
    /// Chips that have so many cores.
    pub n_chips: u64,
    /// Time from a token to the next on the chips that the map uses, in ns.
    pub token_ns: f64,
}

/// The neurocores that a limit asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceBound {
    /// The limit.
    pub limit: Limit,
    /// All that is needed of it.
    pub needed: u64,
    /// What a neurocore has.
    pub available: u64,
}

impl Bounds {
    pub(crate) fn new(demand: &Demand<'_>, work: &Work, arch: &Arch, spacing: u32, n_chips: usize) -> Self {
        let needed = needed(demand);
        let capacity = demand.capacity();
        let by_limit = [
            (Limit::SynapseBytes, needed.synapse_bytes, capacity.synapse_bytes),
            (Limit::TotalBytes, needed.total_bytes(), capacity.total_bytes),
            (Limit::InputAxons, needed.n_input_axons, capacity.n_input_axons),
            (Limit::OutputAxons, needed.n_output_axons, capacity.n_output_axons),
            (Limit::Neurons, needed.n_neurons, capacity.n_neurons),
        ];
        let by_limit = by_limit.map(|(limit, needed, available)| ResourceBound { limit, needed, available });
        let n_cores = by_limit.iter().map(ResourceBound::n_cores).max().unwrap_or(0);
        let n_on_chips = ratio(count(n_chips) * u64::from(arch.cores_per_chip()), 1).max(1.0);
        let barriers = work.rates.barriers_ns(u32::try_from(n_chips).unwrap_or(u32::MAX));
        let token_ns = phases(demand, work, spacing, n_on_chips).into_iter().map(|ns| ns + barriers).sum();
        Self {
            by_limit: by_limit.into(),
            n_cores,
            n_chips: n_cores.div_ceil(u64::from(arch.cores_per_chip()).max(1)),
            token_ns,
        }
    }
}

impl ResourceBound {
    /// Neurocores that have what is needed.
    #[must_use]
    pub fn n_cores(&self) -> u64 {
        self.needed.div_ceil(self.available.max(1))
    }
}

/// All that the groups need at least.
fn needed(demand: &Demand<'_>) -> Usage {
    let capacity = demand.capacity();
    // By stream, cores that read it at least.
    let mut n_readers = vec![0; demand.streams.len()];
    let mut sum = Usage::default();
    let mut host_reads = vec![false; demand.streams.len()];
    for group in demand.layout.network().group_ids().filter(|&group| demand.group(group).n_neurons > 0) {
        if demand.group(group).on_host {
            demand.group(group).reads.iter().for_each(|&stream| host_reads[stream] = true);
            continue;
        }
        let whole = demand.least(group);
        let n_cores = whole.synapse_bytes.div_ceil(capacity.synapse_bytes.max(1)).max(1);
        sum += whole;
        for &stream in &demand.group(group).reads {
            n_readers[stream] = n_cores.max(n_readers[stream]);
        }
    }
    let (input_axon_bytes, output_axon_bytes) = demand.layout.axon_bytes();
    for (stream, (&n_cores, &on_host)) in demand.streams.iter().zip(n_readers.iter().zip(&host_reads)) {
        sum.n_input_axons += n_cores * stream.n_axons;
        let sends = stream.from.is_some_and(|from| !demand.group(from).on_host);
        if sends {
            sum.n_output_axons += (n_cores + u64::from(on_host)) * stream.n_axons;
        }
    }
    sum.input_axon_bytes = sum.n_input_axons * input_axon_bytes;
    sum.output_axon_bytes = sum.n_output_axons * output_axon_bytes;
    sum
}

/// By phase, the least that its slowest core can take.
fn phases(demand: &Demand<'_>, work: &Work, spacing: u32, n_cores: f64) -> Vec<f64> {
    let on_chips: Vec<GroupId> = demand.on_chips().collect();
    let mut all: Vec<Phase> = Vec::new();
    let mut least = vec![0.0; spacing as usize];
    for &group in &on_chips {
        let whole: Vec<Phase> = work.phases(group, demand.group(group).n_neurons, 0, spacing).collect();
        // What arrives at a slice without neurons: each real one receives it all.
        for (phase, messages) in work.phases(group, 0, 0, spacing) {
            let least = &mut least[phase as usize];
            *least = work.rates.core_ns(&messages).max(*least);
        }
        add(&mut all, whole);
    }
    for (phase, mut sum) in all {
        sum.messages_in = 0.0;
        let least = &mut least[phase as usize];
        *least = work.rates.core_ns(&(sum * n_cores.recip())).max(*least);
    }
    least
}
