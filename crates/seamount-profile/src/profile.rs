//! The work that a token makes, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use seamount_arch::{Direction, Link, LinkLoads};
use seamount_cost::{CoreWork, LinkKind, Step, Wavefront};
use seamount_microcode::PortId;
use seamount_program::{Core, Dest, HOST_OUTPUT, Place, Program};

use crate::density::Densities;
use crate::index;
use crate::instructions::PathLengths;
use crate::reach::{Axons, axons};
use crate::schedule::{ProfileError, schedule};

/// What is known of a program's work without running it.
pub struct Profile<'p> {
    program: &'p Program,
    /// By core.
    axons: Vec<Axons>,
    /// By group, the step in which it works.
    works: Vec<Option<u32>>,
    /// By body.
    lengths: Vec<PathLengths>,
}

/// A token's way through an idle program, as an engine saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenTrace {
    /// The token that the host sent in the first step.
    pub token: u32,
    /// The steps, up to the one in which the logits left.
    pub steps: Vec<TraceStep>,
}

/// A step of a [`TokenTrace`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceStep {
    /// The spikes whose payload was not zero.
    pub spikes: Vec<Sent>,
    /// Instructions executed, by core.
    pub instructions: Vec<u64>,
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Index of the core.
    pub core: u32,
    /// Index of the group.
    pub group: u32,
    /// The neuron, counted in its group.
    pub neuron: u32,
    /// The port.
    pub port: PortId,
}

impl<'p> Profile<'p> {
    /// Works out when each group works and what a spike of each neuron sets off.
    ///
    /// # Errors
    /// [`ProfileError`] if groups wait for each other, or logits come at another time than the program says.
    pub fn new(program: &'p Program) -> Result<Self, ProfileError> {
        let axons = axons(program);
        let works = schedule(program, &axons)?;
        let lengths = program.bodies.iter().map(PathLengths::of).collect();
        Ok(Self { program, axons, works, lengths })
    }

    /// The step in which a group works, counted from 0, the one in which the host sends the token; `None` if it never
    /// does.
    #[must_use]
    pub fn works_in(&self, group: u32) -> Option<u32> {
        self.works.get(index(group)).copied().flatten()
    }

    /// Instructions of a neuron of a group, when it works and when it does not.
    #[must_use]
    pub fn path_lengths(&self, group: u32) -> Option<PathLengths> {
        let body = self.program.groups.get(index(group))?.body;
        self.lengths.get(index(body)).copied()
    }

    /// A token's wavefront as it is to be expected from how often neurons send.
    #[must_use]
    pub fn expected(&self, densities: &Densities) -> Wavefront {
        let mut counter = Counter::new(self);
        let embedding = &self.program.host.embedding;
        let share = if embedding.is_empty() { 1.0 } else { embedding.n_not_zero() as f64 / embedding.len() as f64 };
        for channel in 0..self.program.host.input.n_sources() {
            counter.host_sends(self.program.host.input.of(channel), share);
        }
        counter.host_sends(&self.program.host.tick, 1.0);
        for step in 0..counter.n_steps() {
            for core_idx in self.core_indices() {
                self.expected_of_core(&mut counter, densities, step, core_idx);
            }
            counter.end_step();
        }
        counter.finish()
    }

    fn expected_of_core(&self, counter: &mut Counter<'_, 'p>, densities: &Densities, step: u32, core_idx: u32) {
        let mut source = 0;
        for slice in &self.core(core_idx).slices {
            let n_neurons = index(slice.n_neurons);
            let n_ports = self.program.body_of(slice.group).map_or(0, |body| body.ports.len());
            if self.works_in(slice.group) == Some(step) {
                let lengths = self.path_lengths(slice.group).expect("invariant: a slice's group has a body");
                let n_more = (lengths.active - lengths.quiet) as f64;
                counter.work(core_idx, CoreWork { instructions: n_more * n_neurons as f64, ..CoreWork::default() });
                for port in 0..n_ports {
                    let first = source + port * n_neurons;
                    let sources = first..first + n_neurons;
                    let shares = self.shares(densities, slice.group, port, self.core(core_idx), sources.clone());
                    sources.zip(shares).for_each(|(source, share)| counter.spike(core_idx, source, share));
                    counter.end_of_source(core_idx);
                }
            }
            source += n_ports * n_neurons;
        }
    }

    /// How often each source of a port sends. Where only some are listened to, they are those that send: a tick comes from
    /// the first neuron.
    fn shares(&self, densities: &Densities, group: u32, port: usize, core: &Core, sources: Range<usize>) -> Vec<f64> {
        let share = densities.get(group, port);
        let is_heard: Vec<bool> = sources.map(|source| !core.routes.of(source).is_empty()).collect();
        let n_heard = is_heard.iter().filter(|&&is_heard| is_heard).count();
        if n_heard == 0 || n_heard == is_heard.len() {
            return vec![share; is_heard.len()];
        }
        let n_senders = share * f64::from(self.program.groups[index(group)].n_neurons);
        let of_heard = (n_senders / n_heard as f64).min(1.0);
        is_heard.iter().map(|&is_heard| if is_heard { of_heard } else { 0.0 }).collect()
    }

    /// The wavefront of a token that ran.
    ///
    /// # Panics
    /// If the trace is of another program.
    #[must_use]
    pub fn observed(&self, trace: &TokenTrace) -> Wavefront {
        let mut counter = Counter::new(self);
        let host = &self.program.host;
        for (channel, _) in host.payloads(trace.token).enumerate().filter(|&(_, payload)| payload != 0) {
            counter.host_sends(host.input.of(channel), 1.0);
        }
        counter.host_sends(&host.tick, 1.0);
        let quiet = self.quiet();
        for step in &trace.steps {
            for (core_idx, (&n, quiet)) in (0..).zip(step.instructions.iter().zip(&quiet)) {
                counter.work(core_idx, CoreWork { instructions: n as f64 - quiet.instructions, ..CoreWork::default() });
            }
            for spike in &step.spikes {
                let source = self.source(spike).expect("the trace is of this program");
                counter.spike(spike.core, source, 1.0);
                counter.end_of_source(spike.core);
            }
            counter.end_step();
        }
        counter.finish()
    }

    /// By core, what its neurons do in a step in which no token reaches them.
    fn quiet(&self) -> Vec<CoreWork> {
        let of_core = |core: &Core| {
            let mut work = CoreWork::default();
            for slice in core.slices.iter().filter(|_| core.place != Place::Host) {
                let lengths = self.path_lengths(slice.group).expect("invariant: a slice's group has a body");
                work.neurons += f64::from(slice.n_neurons);
                work.instructions += f64::from(slice.n_neurons) * lengths.quiet as f64;
            }
            work
        };
        self.program.cores.iter().map(of_core).collect()
    }

    /// The number of a spike's source on its core.
    fn source(&self, spike: &Sent) -> Option<usize> {
        let slices = &self.program.cores.get(index(spike.core))?.slices;
        let slice = slices.iter().position(|slice| {
            slice.group == spike.group
                && (slice.first_neuron..slice.first_neuron + slice.n_neurons).contains(&spike.neuron)
        })?;
        let neuron = spike.neuron - slices[slice].first_neuron;
        self.program.source_index(spike.core, u32::try_from(slice).ok()?, spike.port, neuron)
    }

    fn core(&self, core_idx: u32) -> &'p Core {
        &self.program.cores[index(core_idx)]
    }

    fn core_indices(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.program.cores.len()).expect("invariant: core indices have 32 bits")
    }
}

/// Adds up the work of one step after the other.
struct Counter<'a, 'p> {
    profile: &'a Profile<'p>,
    /// The work of the current step, by core, and that of the next one, which what is sent now adds to.
    now: BTreeMap<u32, CoreWork>,
    next: BTreeMap<u32, CoreWork>,
    loads: LinkLoads<'p>,
    /// What the messages of the source at hand add at each core where they arrive, and the cores with anything.
    arriving: Vec<CoreWork>,
    touched: Vec<u32>,
    links: BTreeMap<LinkPlace, u32>,
    kinds: Vec<LinkKind>,
    steps: Vec<Step>,
}

/// What has a load of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LinkPlace {
    Routers(Link),
    Chip(u32),
}

/// Loads are whole numbers; expected ones are counted in this part of a message.
const PART: f64 = 1.0 / 1024.0;

impl<'a, 'p> Counter<'a, 'p> {
    fn new(profile: &'a Profile<'p>) -> Self {
        Self {
            profile,
            now: BTreeMap::new(),
            next: BTreeMap::new(),
            loads: LinkLoads::new(&profile.program.arch),
            arriving: vec![CoreWork::default(); profile.program.cores.len()],
            touched: Vec::new(),
            links: BTreeMap::new(),
            kinds: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn n_steps(&self) -> u32 {
        self.profile.program.host.latency_steps
    }

    /// A core does something in this step.
    fn work(&mut self, core_idx: u32, work: CoreWork) {
        if self.profile.core(core_idx).place != Place::Host && work != CoreWork::default() {
            *self.now.entry(core_idx).or_default() += work;
        }
    }

    /// The host sends; what it sends arrives in this step, and nobody knows by which links.
    fn host_sends(&mut self, dests: &[Dest], share: f64) {
        for &dest in dests.iter().filter(|dest| dest.core_idx != HOST_OUTPUT) {
            let work = self.arrival(dest, share);
            self.work(dest.core_idx, work);
        }
    }

    /// A source sends with some probability; what it sends arrives in the next step.
    fn spike(&mut self, core_idx: u32, source: usize, share: f64) {
        let dests = self.profile.core(core_idx).routes.of(source);
        let messages_out = share * dests.len() as f64;
        self.work(core_idx, CoreWork { spikes: share, messages_out, ..CoreWork::default() });
        for &dest in dests.iter().filter(|dest| dest.core_idx != HOST_OUTPUT) {
            let work = self.arrival(dest, share);
            let arriving = &mut self.arriving[index(dest.core_idx)];
            if *arriving == CoreWork::default() {
                self.touched.push(dest.core_idx);
            }
            *arriving += work;
        }
    }

    /// Delivers what [`spike`](Self::spike) sent from a core.
    fn end_of_source(&mut self, from: u32) {
        for to in std::mem::take(&mut self.touched) {
            let work = std::mem::take(&mut self.arriving[index(to)]);
            let (from, place) = (self.profile.core(from).place, self.profile.core(to).place);
            if let Place::Chip { chip, core } = place {
                *self.next.entry(to).or_default() += work;
                if let Place::Chip { chip: from_chip, core: from_core } = from {
                    self.loads.add((from_chip, from_core), (chip, core), parts(work.messages_in));
                }
            }
        }
    }

    fn arrival(&self, dest: Dest, share: f64) -> CoreWork {
        let (synaptic_ops, synapse_bytes) = self.profile.axons[index(dest.core_idx)].work(dest.axon);
        CoreWork {
            synaptic_ops: share * synaptic_ops,
            synapse_bytes: share * synapse_bytes,
            messages_in: share,
            ..CoreWork::default()
        }
    }

    /// What was sent is on the links in this step, and arrives in the next.
    fn end_step(&mut self) {
        let mut step = Step { cores: std::mem::take(&mut self.now).into_iter().collect(), links: Vec::new() };
        let arch = &self.profile.program.arch;
        let mut chips: BTreeMap<u32, f64> = BTreeMap::new();
        for (link, n_parts) in std::mem::replace(&mut self.loads, LinkLoads::new(arch)).loads() {
            let n_messages = n_parts as f64 * PART;
            let chip = arch.chip_of_router(link.x, link.y);
            if link.leads_to().is_some_and(|(x, y)| arch.chip_of_router(x, y) != chip) {
                *chips.entry(chip).or_default() += n_messages;
            }
            let kind = match link.direction {
                Direction::East | Direction::West => LinkKind::EastWest,
                Direction::South | Direction::North => LinkKind::NorthSouth,
            };
            step.links.push((self.link(LinkPlace::Routers(link), kind), n_messages));
        }
        for (chip, n_messages) in chips {
            step.links.push((self.link(LinkPlace::Chip(chip), LinkKind::Chip), n_messages));
        }
        step.links.sort_by_key(|&(link, _)| link);
        self.steps.push(step);
        self.now = std::mem::take(&mut self.next);
    }

    fn link(&mut self, place: LinkPlace, kind: LinkKind) -> u32 {
        *self.links.entry(place).or_insert_with(|| {
            self.kinds.push(kind);
            u32::try_from(self.kinds.len() - 1).expect("invariant: links are numbered in 32 bits")
        })
    }

    fn finish(self) -> Wavefront {
        let chips = self.profile.program.cores.iter().filter_map(|core| match core.place {
            Place::Chip { chip, core: _ } => Some(chip),
            Place::Host => None,
        });
        let chips: BTreeSet<u32> = chips.collect();
        Wavefront {
            n_chips: u32::try_from(chips.len()).expect("invariant: chips are numbered in 32 bits"),
            quiet: self.profile.quiet(),
            links: self.kinds,
            steps: self.steps,
        }
    }
}

/// A number of messages as [`PART`]s.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a core has few axons, and `as` saturates")]
fn parts(n_messages: f64) -> u32 {
    (n_messages / PART).round() as u32
}
