//! `split-fan-in`: sums of more neurons than a neurocore has input axons for are added up in parts.
//!
//! A *relay* is a group that reads a sum and sends it on. One relay that takes a whole sum frees the neurons behind it of its
//! fan-in; several that take a part of it each also read less than the whole. What a relay sends joins its accumulator
//! one step later; a sum that waits for a late norm's root anyway loses nothing by that.
//!
//! A relay needs no tick: its sum is its tick, and of a sum of zero there is nothing to send.
//!
//! Integers stay what they are, but for one case: a sum of weights of both signs is taken in parts, the overflow rule is
//! to saturate, and a part saturates where the whole would not. `docs/decisions/0005-partial-sums.md` weighs it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use seamount_ir::network::{
    Accumulator, BodyBuilder, BodyOp, Group, GroupId, Network, Port, Projection, Source, Target, Weights,
};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

use crate::balance_delays::{self, early_ticks};

/// Adds sums up in parts where a neurocore lacks the axons for the whole.
#[derive(Debug, Clone)]
pub struct SplitFanIn {
    /// Input axons of a neurocore.
    pub max_axons: usize,
    /// Most neurons that a neuron reads through all its sums; where it reads more, sums are taken in parts.
    pub max_sources: usize,
    /// Most neurons of a part, and of what is then left to the neuron itself.
    pub max_part: usize,
}

/// What is known of `split-fan-in`.
pub static INFO: PassInfo = PassInfo {
    name: "split-fan-in",
    description: "Adds sums of more neurons than a neurocore has input axons for up in parts.",
    from: Level::Network,
    to: Level::Network,
    options: &[
        ("max_axons", "4096", "input axons of a neurocore"),
        ("max_sources", "max_axons", "most neurons that a neuron reads without taking sums in parts"),
        ("max_part", "max_sources", "most neurons of a part"),
    ],
};

/// A neurocore is to have room for this part of its axons' number in neurons: each takes an axon of every source that it
/// reads one by one.
const ROOM: usize = 32;

impl SplitFanIn {
    /// For a neurocore with so many input axons; sums are taken in parts only where they must be.
    pub fn new(max_axons: usize) -> Self {
        Self { max_axons, max_sources: max_axons, max_part: max_axons }
    }

    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and limits of no axons.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let max_axons = options.int("max_axons")?.unwrap_or(4096);
        let max_sources = options.int("max_sources")?.unwrap_or(max_axons);
        let max_part = options.int("max_part")?.unwrap_or(max_sources);
        if max_axons == 0 || max_sources == 0 || max_part == 0 {
            return Err(options.error("`max_axons`, `max_sources` and `max_part` are at least 1".to_owned()));
        }
        options.finish()?;
        Ok(Box::new(Self { max_axons, max_sources, max_part }))
    }
}

impl Pass for SplitFanIn {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Network(network) = module else { return Err(PassError::level(&INFO, &module)) };
        let network = network.verify()?.into_inner();
        let to_relay: Vec<Vec<usize>> =
            network.group_ids().map(|group| Choice::new(self, &network, group).accumulators()).collect();
        if to_relay.iter().all(Vec::is_empty) {
            return Ok(Module::Network(network));
        }
        let mut relays = Relays::new(network);
        for (at, accumulators) in to_relay.into_iter().enumerate() {
            for accumulator in accumulators {
                relays.split(at, accumulator, self.most_of_part());
            }
        }
        relays.delay_ticks();
        Ok(Module::Network(relays.finish().verify()?.into_inner()))
    }
}

impl SplitFanIn {
    /// Most sources of a part.
    fn most_of_part(&self) -> usize {
        self.max_part.min(self.max_axons)
    }
}

/// Which sums of a group are to be relayed.
struct Choice<'a> {
    pass: &'a SplitFanIn,
    network: &'a Network,
    group: GroupId,
    /// By accumulator, what is added up there.
    fed_by: Vec<Vec<&'a Projection>>,
}

impl<'a> Choice<'a> {
    fn new(pass: &'a SplitFanIn, network: &'a Network, group: GroupId) -> Self {
        let mut fed_by = vec![Vec::new(); network.group(group).accumulators.len()];
        for projection in &network.projections {
            if let Target::Accumulator(to, accumulator) = projection.target
                && to == group
            {
                fed_by[accumulator].push(projection);
            }
        }
        Self { pass, network, group, fed_by }
    }

    /// None on the host, whose cores have no limits.
    fn accumulators(&self) -> Vec<usize> {
        let mut relayed = BTreeSet::new();
        if self.network.group(self.group).on_host {
            return Vec::new();
        }
        for accumulator in 0..self.fed_by.len() {
            if self.n_sources(accumulator) > self.pass.max_axons {
                relayed.insert(accumulator);
            }
        }
        if !self.is_root() && self.n_read(&relayed) > self.pass.max_sources {
            self.relay_until(&mut relayed, |relayed| self.n_read(relayed) <= self.pass.most_of_part());
        }
        self.relay_until(&mut relayed, |relayed| self.n_axons(relayed) <= self.pass.max_axons);
        relayed.into_iter().collect()
    }

    /// Relays sums until what is left will do: first those that are the same for all neurons, whose relays are one neuron
    /// each, then the largest; the last of equals, so that the first stay where they were.
    fn relay_until(&self, relayed: &mut BTreeSet<usize>, will_do: impl Fn(&BTreeSet<usize>) -> bool) {
        while !will_do(relayed) {
            let left = (0..self.fed_by.len()).filter(|accumulator| !relayed.contains(accumulator));
            let left = left.filter(|&accumulator| self.n_sources(accumulator) > 1);
            let Some(next) =
                left.max_by_key(|&accumulator| (self.is_of_ones(accumulator), self.n_sources(accumulator)))
            else {
                break;
            };
            relayed.insert(next);
        }
    }

    /// Whether all else waits for this one neuron, so that parts of its sum would take a step more.
    fn is_root(&self) -> bool {
        self.network.group(self.group).n_neurons == 1 && self.fed_by.len() == 1 && self.is_of_ones(0)
    }

    /// Whether a sum is the same for all neurons.
    fn is_of_ones(&self, accumulator: usize) -> bool {
        self.fed_by[accumulator].iter().all(|projection| projection.weights == Weights::Ones)
    }

    /// Neurons that each neuron of the group adds up in an accumulator.
    fn n_sources(&self, accumulator: usize) -> usize {
        self.fed_by[accumulator].iter().map(|projection| sources_of_one(self.network, projection).len()).sum()
    }

    /// Neurons that every neuron of the group reads, broadcasts apart.
    fn n_read(&self, relayed: &BTreeSet<usize>) -> usize {
        let read = (0..self.fed_by.len()).filter(|at| !relayed.contains(at)).flat_map(|at| &self.fed_by[at]);
        let read = read.filter(|projection| projection.weights != Weights::Identity);
        let read = read.map(|projection| (projection.source, self.network.sources(projection)));
        // A port that several sums read is read once.
        let read: BTreeSet<_> = read.map(|(source, Range { start, end })| (source, start, end)).collect();
        read.into_iter().map(|(_, start, end)| end - start).filter(|&n| n > 1).sum()
    }

    /// Input axons of a core that has room for a useful number of the group's neurons.
    fn n_axons(&self, relayed: &BTreeSet<usize>) -> usize {
        let n_neurons = self.network.group(self.group).n_neurons.min((self.pass.max_axons / ROOM).max(1));
        let (mut shared, mut one_by_one, mut from_relays) = (BTreeSet::new(), BTreeSet::new(), 0);
        for (accumulator, fed_by) in self.fed_by.iter().enumerate() {
            if relayed.contains(&accumulator) {
                from_relays += self.n_sources(accumulator).div_ceil(self.pass.most_of_part());
                continue;
            }
            for projection in fed_by {
                if projection.weights == Weights::Identity {
                    one_by_one.insert(projection.source);
                } else {
                    let Range { start, end } = self.network.sources(projection);
                    shared.insert((projection.source, start, end));
                }
            }
        }
        let shared: usize = shared.into_iter().map(|(_, start, end)| end - start).sum();
        shared + (one_by_one.len() + from_relays) * n_neurons
    }
}

/// The neurons that one neuron of the target reads, as a range of some length.
fn sources_of_one(network: &Network, projection: &Projection) -> Range<usize> {
    match projection.weights {
        Weights::Identity => 0..1,
        Weights::Matrix(_) | Weights::Ones => network.sources(projection),
    }
}

/// The network while relays are put into it: they stand behind all other groups until the end.
struct Relays {
    network: Network,
    n_groups: usize,
    /// By relay, the group that it leads to.
    leads_to: Vec<usize>,
    names: BTreeSet<String>,
    /// By group, how many steps its tick came before other data at first.
    early: Vec<u32>,
}

impl Relays {
    fn new(mut network: Network) -> Self {
        balance_delays::clear(&mut network);
        let names = network.groups.iter().map(|group| group.name.clone()).collect();
        let early = early_ticks(&network);
        Self { n_groups: network.groups.len(), leads_to: Vec::new(), names, early, network }
    }

    /// Lets relays add up an accumulator's sum, at most `most` sources each.
    fn split(&mut self, group: usize, accumulator: usize, most: usize) {
        let target = Target::Accumulator(id(group), accumulator);
        let (fed_by, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.network.projections)
            .into_iter()
            .partition(|projection| projection.target == target);
        self.network.projections = others;
        let mut parts: Vec<Vec<Projection>> = Vec::new();
        let mut room = 0;
        for projection in fed_by {
            let sources = sources_of_one(&self.network, &projection);
            // Parts of one projection are of nearly equal size.
            let n_parts = sources.len().div_ceil(most);
            for part in 0..n_parts {
                let cut = |part: usize| sources.start + sources.len() * part / n_parts;
                let range = cut(part)..cut(part + 1);
                let mut projection = projection.clone();
                if n_parts > 1 {
                    projection.sources = Some(range.clone());
                }
                if parts.is_empty() || range.len() > room {
                    parts.push(Vec::new());
                    room = most;
                }
                room -= range.len();
                parts.last_mut().expect("invariant: there is a part").push(projection);
            }
        }
        let to = &self.network.groups[group];
        tracing::debug!(
            group = to.name,
            accumulator = to.accumulators[accumulator].name,
            parts = parts.len(),
            "is summed up by relays"
        );
        let n_parts = parts.len();
        for (part, projections) in parts.into_iter().enumerate() {
            let suffix = if n_parts == 1 { "relay".to_owned() } else { format!("part{part}") };
            self.relay(group, accumulator, &suffix, projections);
        }
    }

    /// Puts one relay between projections and their accumulator.
    fn relay(&mut self, group: usize, accumulator: usize, suffix: &str, projections: Vec<Projection>) {
        let to = &self.network.groups[group];
        // All neurons have the same sum where every weight is one: then one relay does for all.
        let is_one = projections.iter().all(|projection| projection.weights == Weights::Ones);
        let mut name = format!("{}.{}.{suffix}", to.name, to.accumulators[accumulator].name);
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        let mut body = BodyBuilder::default();
        let sum = body.push(BodyOp::Accumulator(0));
        body.effect(BodyOp::Send(0, sum.into()));
        let relay = Group {
            name,
            layer: to.layer,
            n_neurons: if is_one { 1 } else { to.n_neurons },
            on_host: false,
            accumulators: vec![Accumulator { name: "sum".into(), delay_steps: 0 }],
            tick: 0,
            params: Vec::new(),
            states: Vec::new(),
            ports: vec![Port { name: "sum".into(), bits: self.network.word.bits }],
            body: body.finish(),
        };
        let relay_id = id(self.network.groups.len());
        self.network.groups.push(relay);
        self.leads_to.push(group);
        let into_relay = projections
            .into_iter()
            .map(|projection| Projection { target: Target::Accumulator(relay_id, 0), ..projection });
        self.network.projections.extend(into_relay);
        let weights = if is_one { Weights::Ones } else { Weights::Identity };
        let target = Target::Accumulator(id(group), accumulator);
        self.network.projections.push(Projection::new(Source::Port(relay_id, 0), target, weights));
    }

    /// Where relays let data come after a tick that came in time before, relays hold up the tick.
    fn delay_ticks(&mut self) {
        // Relays have their sum as a tick and nothing else: they are never early.
        for (group, early) in early_ticks(&self.network).into_iter().enumerate().take(self.n_groups) {
            for step in self.early[group]..early {
                let tick = self.network.groups[group].tick;
                let target = Target::Accumulator(id(group), tick);
                let is_tick = |projection: &Projection| projection.target == target;
                let (ticks, others): (Vec<_>, Vec<_>) =
                    std::mem::take(&mut self.network.projections).into_iter().partition(is_tick);
                self.network.projections = others;
                self.relay(group, tick, &format!("wait{step}"), ticks);
            }
        }
    }

    /// Puts each relay before the group that it leads to, and the projections in the order of their destinations.
    fn finish(self) -> Network {
        let Self { mut network, n_groups, leads_to, .. } = self;
        let mut order: Vec<usize> = (0..network.groups.len()).collect();
        // By the group that is led to; a relay before that group, relays among themselves as they were made.
        order.sort_by_key(|&at| match at.checked_sub(n_groups) {
            None => (at, true, at),
            Some(relay) => (leads_to[relay], false, at),
        });
        let mut place = vec![0; order.len()];
        for (now, &before) in order.iter().enumerate() {
            place[before] = now;
        }
        let moved = |group: GroupId| id(place[group.index()]);
        for projection in &mut network.projections {
            if let Source::Port(group, _) = &mut projection.source {
                *group = moved(*group);
            }
            if let Target::Accumulator(group, _) = &mut projection.target {
                *group = moved(*group);
            }
        }
        network.projections.sort_by_key(|projection| projection.target);
        let mut groups: BTreeMap<usize, Group> = network.groups.into_iter().enumerate().collect();
        network.groups = order.iter().filter_map(|before| groups.remove(before)).collect();
        network
    }
}

fn id(group: usize) -> GroupId {
    GroupId(u32::try_from(group).expect("invariant: groups are few"))
}
