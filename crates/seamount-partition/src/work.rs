//! What slices do in each step of a token, as far as it is known before anything runs.
//!
//! Every payload is taken to be sent: what is zero is not known yet. The spikes of a source arrive in the step after its
//! own; a group's microcode runs in the step in which its tick arrives.

use seamount_arch::Arch;
use seamount_cost::{CoreWork, Corner, Costs, Rates};
use seamount_ir::network::{GroupId, Network, Projection, Source, Target, Weights};

use crate::demand::Demand;
use crate::fill::ratio;
use crate::layout::count;

/// What the groups of a network do, and how long it takes on a system.
#[derive(Debug)]
pub(crate) struct Work {
    /// By group, what its slices do and when.
    groups: Vec<Vec<Event>>,
    pub(crate) n_steps: u32,
    pub(crate) rates: Rates,
    /// What a message adds to the time of a chip's busiest link, if the messages spread evenly over the chip.
    pub(crate) link_ns: f64,
}

/// What a slice does in one step.
#[derive(Debug, Clone, Copy)]
struct Event {
    step: u32,
    /// Whatever the slice's size.
    each_slice: CoreWork,
    /// For each neuron.
    each_neuron: CoreWork,
    /// Whether the neurons send in this step.
    sends: bool,
}

/// What a core does in a phase: in the steps that tokens behind each other are in at the same time.
pub(crate) type Phase = (u32, CoreWork);

impl Work {
    pub(crate) fn new(demand: &Demand<'_>, arch: &Arch) -> Self {
        let network: &Network = demand.layout.network();
        let steps = steps(demand);
        let events = |group: GroupId| {
            let mut events = vec![updates(demand, group, steps[group.index()])];
            for projection in incoming(network, group) {
                let step = arrival(projection, &steps);
                merge(&mut events, arrives(demand, projection, step));
            }
            events
        };
        let groups: Vec<Vec<Event>> = network.group_ids().map(events).collect();
        let last = groups.iter().flatten().map(|event| event.step).max().unwrap_or(0);
        let rates = *Costs::of(arch).rates(Corner::Stated);
        // Half of all messages cross the middle of a chip, half of them each way, over one link a row or column.
        let (columns, rows) = arch.router_grid();
        let link_ns = rates.link_message_ns / (4.0 * f64::from(rows.min(columns).max(1)));
        Self { groups, n_steps: last + 1, rates, link_ns }
    }

    /// What a slice does, by the phase of its steps if tokens follow each other at this distance.
    pub(crate) fn phases(
        &self,
        group: GroupId,
        n_neurons: usize,
        n_output_axons: u64,
        spacing: u32,
    ) -> impl Iterator<Item = Phase> + '_ {
        let n = ratio(count(n_neurons), 1);
        let messages_out = ratio(n_output_axons, 1);
        self.groups[group.index()].iter().map(move |event| {
            let mut work = event.each_slice;
            work += event.each_neuron * n;
            if event.sends {
                work.messages_out += messages_out;
            }
            (event.step % spacing, work)
        })
    }

    /// The step in which a neuron of a group has the most to do.
    pub(crate) fn main_step(&self, group: GroupId) -> u32 {
        let ns = |event: &&Event| self.rates.core_ns(&event.each_neuron);
        // The first of equals.
        let events = self.groups[group.index()].iter().rev();
        events.max_by(|a, b| ns(a).total_cmp(&ns(b))).map_or(0, |event| event.step)
    }

    /// All numbers of what a group does, but not when.
    pub(crate) fn traits(&self, group: GroupId, traits: &mut Vec<u64>) {
        for event in &self.groups[group.index()] {
            for work in [event.each_slice, event.each_neuron] {
                let CoreWork { synaptic_ops, synapse_bytes, neurons, instructions, spikes, messages_in, messages_out } =
                    work;
                let all = [synaptic_ops, synapse_bytes, neurons, instructions, spikes, messages_in, messages_out];
                traits.extend(all.map(f64::to_bits));
            }
            traits.push(event.sends.into());
        }
    }

    /// What a slice takes that has a core for itself, over all steps.
    pub(crate) fn alone_ns(&self, group: GroupId, n_neurons: usize, n_output_axons: u64) -> f64 {
        self.phases(group, n_neurons, n_output_axons, u32::MAX).map(|(_, work)| self.rates.core_ns(&work)).sum()
    }
}

/// Adds up what is done in the same phase.
pub(crate) fn add(phases: &mut Vec<Phase>, more: impl IntoIterator<Item = Phase>) {
    for (phase, work) in more {
        match phases.iter_mut().find(|(at, _)| *at == phase) {
            Some((_, sum)) => *sum += work,
            None => phases.push((phase, work)),
        }
    }
}

fn merge(events: &mut Vec<Event>, event: Event) {
    match events.iter_mut().find(|other| other.step == event.step) {
        Some(other) => {
            other.each_slice += event.each_slice;
            other.each_neuron += event.each_neuron;
        }
        None => events.push(event),
    }
}

/// By group, the step in which its tick arrives.
fn steps(demand: &Demand<'_>) -> Vec<u32> {
    let network: &Network = demand.layout.network();
    let mut steps = vec![0; network.groups.len()];
    let mut sources_first = crate::slice::destinations_first(demand.layout);
    sources_first.reverse();
    for group in sources_first {
        let tick = network.group(group).tick;
        let ticks = incoming(network, group)
            .filter(|projection| matches!(projection.target, Target::Accumulator(_, at) if at == tick));
        steps[group.index()] = ticks.map(|projection| arrival(projection, &steps)).max().unwrap_or(0);
    }
    steps
}

fn incoming(network: &Network, group: GroupId) -> impl Iterator<Item = &Projection> {
    let into = move |projection: &&Projection| matches!(projection.target, Target::Accumulator(to, _) if to == group);
    network.projections.iter().filter(into)
}

/// The step in which the spikes of a projection arrive.
fn arrival(projection: &Projection, steps: &[u32]) -> u32 {
    let sent = match projection.source {
        Source::Port(from, _) => steps[from.index()] + 1,
        Source::Embedding | Source::Tick => 0,
    };
    sent + projection.delay_steps
}

/// What the spikes of a projection are for a slice.
fn arrives(demand: &Demand<'_>, projection: &Projection, step: u32) -> Event {
    let n_sources = ratio(count(demand.layout.network().sources(projection).len()), 1);
    let (each_slice, each_neuron) = match projection.weights {
        Weights::Identity => {
            let one = CoreWork { messages_in: 1.0, synaptic_ops: 1.0, synapse_bytes: 4.0, ..CoreWork::default() };
            (CoreWork::default(), one)
        }
        Weights::Matrix(_) | Weights::Ones => (
            CoreWork { messages_in: n_sources, ..CoreWork::default() },
            CoreWork { synaptic_ops: n_sources, synapse_bytes: n_sources / 4.0, ..CoreWork::default() },
        ),
    };
    Event { step, each_slice, each_neuron, sends: false }
}

/// What a group's microcode does.
fn updates(demand: &Demand<'_>, group: GroupId, step: u32) -> Event {
    let n_ports = ratio(count(demand.layout.network().group(group).ports.len()), 1);
    let instructions = f64::from(demand.layout.n_instructions(group));
    let each_neuron = CoreWork { neurons: 1.0, instructions, spikes: n_ports, ..CoreWork::default() };
    Event { step, each_slice: CoreWork::default(), each_neuron, sends: true }
}
