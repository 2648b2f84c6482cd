//! How the spikes of a port are counted: what routes they take, and what they cost there.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_program::{Dest, HOST_OUTPUT, Place, Program};

use super::kernels::Extent;
use super::sent::Sent;
use super::sources::Sources;
use crate::image::{distance, index};

/// Where a port leads. Its neurons are counted in a slice, or by the lanes of a part.
#[derive(Clone, Debug, Default)]
pub(super) struct PortPlan {
    pub classes: Vec<RouteClass>,
    /// Runs of neurons that lead to outputs of the host.
    pub outputs: Vec<OutputRun>,
    /// The longest delay behind it.
    pub delay_steps: u64,
    /// The least lag of the stages that hear it.
    pub heard_lag: Option<u64>,
    /// Whether any of those that hear it need more than what the payloads add up to.
    pub needs_payloads: bool,
}

/// Consecutive neurons whose spikes are counted in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteClass {
    pub neurons: Range<usize>,
    /// Index of the part's piece that has them.
    pub piece: usize,
    pub n_messages: u64,
    pub hops: u64,
    pub chip_crossings: u64,
    /// Index into [`Plan::synaptic_ops`](super::plan::Plan::synaptic_ops).
    pub synaptic_ops: usize,
    /// Whether it leads to a core at all.
    pub leads_to_cores: bool,
}

/// Neuron `first_neuron + i` leads to output `first_output + i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputRun {
    pub first_neuron: usize,
    pub n: usize,
    pub first_output: u32,
}

/// Lists of synaptic operations, each once.
#[derive(Default)]
pub(super) struct Interned {
    pub lists: Vec<Vec<(usize, u64)>>,
    indices: BTreeMap<Vec<(usize, u64)>, usize>,
}

/// Works out how spikes from one place are counted.
pub(super) struct Counting<'a> {
    program: &'a Program,
    from: Place,
    sources: &'a Sources,
}

impl PortPlan {
    /// Whether anybody hears it.
    pub(super) fn leads_anywhere(&self) -> bool {
        !self.outputs.is_empty() || self.classes.iter().any(|class| class.leads_to_cores)
    }

    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// Notes that somebody hears it who lags by some steps.
    pub(super) fn hear(&mut self, lag: u64, needs_payloads: bool) {
        self.needs_payloads |= needs_payloads;
        self.heard_lag = Some(self.heard_lag.map_or(lag, |other| other.min(lag)));
    }

    /// Forgets what has been heard by all, who have been run up to a step.
    pub(super) fn forget_heard(&self, sent: &mut Sent, step: u64) {
        sent.forget_before(step.saturating_sub(self.delay_steps + 1));
    }

    /// The extent of what the neurons send.
    #[inline(always)]
    pub(super) fn extent(&self, payloads: &[i32]) -> Extent {
        let of_class = |class: &RouteClass| Extent::of(&payloads[class.neurons.clone()]);
        self.classes.iter().map(of_class).fold(Extent::default(), Extent::and)
    }

    /// The first output that a neuron leads to.
    pub(super) fn first_output_of(&self, neuron: usize) -> Option<u32> {
        let run = self.outputs.iter().find(|run| (run.first_neuron..run.first_neuron + run.n).contains(&neuron))?;
        Some(run.first_output + as_u32(neuron - run.first_neuron))
    }

    /// Adds some neurons of a slice's port as a piece of a part, from a lane on.
    pub(super) fn add_piece(&mut self, of_slice: &Self, neurons: &Range<usize>, piece: usize, first_lane: usize) {
        let clip = |first: usize, end: usize| {
            let (first, end) = (first.max(neurons.start), end.min(neurons.end));
            (first < end).then_some(first..end)
        };
        let lane = |neuron: usize| first_lane + neuron - neurons.start;
        for class in &of_slice.classes {
            if let Some(clipped) = clip(class.neurons.start, class.neurons.end) {
                let neurons = lane(clipped.start)..lane(clipped.end);
                self.classes.push(RouteClass { neurons, piece, ..class.clone() });
            }
        }
        for run in &of_slice.outputs {
            if let Some(clipped) = clip(run.first_neuron, run.first_neuron + run.n) {
                let first_output = run.first_output + as_u32(clipped.start - run.first_neuron);
                self.add_outputs(lane(clipped.start), clipped.len(), first_output);
            }
        }
        self.delay_steps = self.delay_steps.max(of_slice.delay_steps);
    }

    fn add_outputs(&mut self, first_neuron: usize, n: usize, first_output: u32) {
        if let Some(run) = self.outputs.last_mut()
            && run.first_neuron + run.n == first_neuron
            && run.first_output.checked_add(as_u32(run.n)) == Some(first_output)
        {
            run.n += n;
            return;
        }
        self.outputs.push(OutputRun { first_neuron, n, first_output });
    }
}

impl Interned {
    fn index(&mut self, list: Vec<(usize, u64)>) -> usize {
        *self.indices.entry(list).or_insert_with_key(|list| {
            self.lists.push(list.clone());
            self.lists.len() - 1
        })
    }
}

impl<'a> Counting<'a> {
    pub(super) fn new(program: &'a Program, from: Place, sources: &'a Sources) -> Self {
        Self { program, from, sources }
    }

    /// How the spikes of some neurons' port are counted, whose destinations `dests` gives.
    pub(super) fn port<'d>(
        &self,
        n_neurons: usize,
        dests: impl Fn(usize) -> &'d [Dest],
        interned: &mut Interned,
    ) -> PortPlan {
        let mut port = PortPlan::default();
        let mut last: &[Dest] = &[];
        for neuron in 0..n_neurons {
            let dests = dests(neuron);
            match port.classes.last_mut() {
                Some(class) if self.are_alike(last, dests) => class.neurons.end = neuron + 1,
                Some(_) | None => port.classes.push(self.class(neuron, dests, interned)),
            }
            last = dests;
            for dest in dests.iter().filter(|dest| dest.core_idx == HOST_OUTPUT) {
                port.add_outputs(neuron, 1, dest.axon);
            }
        }
        port
    }

    /// Whether destinations count the same, in the same order.
    fn are_alike(&self, a: &[Dest], b: &[Dest]) -> bool {
        let alike = |(a, b): (&Dest, &Dest)| a.core_idx == b.core_idx && self.ops(*a) == self.ops(*b);
        a.len() == b.len() && a.iter().zip(b).all(alike)
    }

    fn ops(&self, dest: Dest) -> u64 {
        if dest.core_idx == HOST_OUTPUT { 0 } else { self.sources.synaptic_ops(dest) }
    }

    fn class(&self, neuron: usize, dests: &[Dest], interned: &mut Interned) -> RouteClass {
        let mut class = RouteClass {
            neurons: neuron..neuron + 1,
            piece: 0,
            n_messages: dests.len() as u64,
            hops: 0,
            chip_crossings: 0,
            synaptic_ops: 0,
            leads_to_cores: false,
        };
        let mut by_core: BTreeMap<usize, u64> = BTreeMap::new();
        for dest in dests {
            let to = self.program.cores.get(index(dest.core_idx)).map_or(Place::Host, |core| core.place);
            let (hops, crossings) = distance(&self.program.arch, self.from, to);
            class.hops += u64::from(hops);
            class.chip_crossings += u64::from(crossings);
            if dest.core_idx != HOST_OUTPUT {
                *by_core.entry(index(dest.core_idx)).or_default() += self.ops(*dest);
            }
        }
        class.leads_to_cores = !by_core.is_empty();
        class.synaptic_ops = interned.index(by_core.into_iter().collect());
        class
    }
}

fn as_u32(n: usize) -> u32 {
    u32::try_from(n).expect("invariant: outputs have 32 bits")
}
