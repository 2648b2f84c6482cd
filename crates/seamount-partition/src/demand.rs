//! What slices take of cores, in numbers that add up fast.
//!
//! [`Layout`] says to the byte what cores take, once all slices have their places. While cores are filled, thousands of
//! combinations are weighed: [`Demand`] has the same numbers by group, and [`Load`] adds them up.
//!
//! Two things are not known before all slices are placed, and are planned instead: how many cores read a stream of spikes,
//! which is how many output axons its source has, and where in its group a slice begins. So a load is an estimate, and
//! who fills cores asks [`Layout::usages`] in the end.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_ir::network::{GroupId, Source, Target, Weights};

use crate::layout::{Layout, RowEncoding, count};
use crate::slice::MAX_NEURONS_PER_SLICE;
use crate::usage::{Capacity, Usage};
use crate::work::Phase;

/// What groups take of cores.
#[derive(Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) layout: &'a Layout<'a>,
    pub(crate) groups: Vec<GroupDemand>,
    pub(crate) streams: Vec<Stream>,
    input_axon_bytes: u64,
    output_axon_bytes: u64,
}

/// Spikes that a core reads as a whole, over one input axon for each source neuron.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The group that sends them, unless the host does.
    pub(crate) from: Option<GroupId>,
    /// Source neurons.
    pub(crate) n_axons: u64,
    /// The groups that read them.
    pub(crate) readers: Vec<GroupId>,
}

/// What a group takes.
#[derive(Debug)]
pub(crate) struct GroupDemand {
    pub(crate) n_neurons: usize,
    pub(crate) on_host: bool,
    /// Neurons by which the rows of synapses grow: fewer take as many bytes.
    pub(crate) unit: usize,
    /// The streams that any slice reads.
    pub(crate) reads: Vec<usize>,
    /// The streams that it sends, each with the share of its neurons that take part.
    pub(crate) sends: Vec<(usize, f64)>,
    /// Output axons of a neuron to the neurons of its number, and to the host.
    pub(crate) n_own_destinations: u64,
    pub(crate) body: u32,
    microcode_bytes: u64,
    state_bytes_per_neuron: u64,
    /// Input axons of a neuron from the neuron of its number.
    n_own_sources: u64,
    /// By number of neurons, bytes of synapses, as far as an empty core holds them.
    synapse_bytes: Vec<u64>,
}

/// What is on a core while it is filled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Load {
    pub(crate) usage: Usage,
    /// What the core does, by phase; kept only where the plan limits it.
    pub(crate) phases: Vec<Phase>,
    streams: Vec<usize>,
    bodies: Vec<u32>,
}

impl<'a> Demand<'a> {
    pub(crate) fn new(layout: &'a Layout<'a>) -> Self {
        let network = layout.network();
        let mut streams = Streams::default();
        let mut groups: Vec<GroupDemand> =
            network.group_ids().map(|group| GroupDemand::new(layout, group, &mut streams)).collect();
        let streams = streams.list;
        for (index, stream) in streams.iter().enumerate() {
            let Some(from) = stream.from else { continue };
            let group = &mut groups[from.index()];
            #[expect(clippy::cast_precision_loss, reason = "a share of a group's neurons")]
            let share = stream.n_axons as f64 / group.n_neurons.max(1) as f64;
            group.sends.push((index, share));
        }
        let (input_axon_bytes, output_axon_bytes) = layout.axon_bytes();
        Self { layout, groups, streams, input_axon_bytes, output_axon_bytes }
    }

    pub(crate) fn group(&self, group: GroupId) -> &GroupDemand {
        &self.groups[group.index()]
    }

    pub(crate) fn capacity(&self) -> &Capacity {
        self.layout.capacity()
    }

    /// Groups that live on chips and have neurons, in the order of the data.
    pub(crate) fn on_chips(&self) -> impl Iterator<Item = GroupId> + '_ {
        let lives = |group: &GroupId| !self.group(*group).on_host && self.group(*group).n_neurons > 0;
        self.layout.network().group_ids().filter(lives)
    }

    /// The least that all neurons of a group take together, axons of streams and microcode apart.
    pub(crate) fn least(&self, group: GroupId) -> Usage {
        let demand = self.group(group);
        let n = count(demand.n_neurons);
        // A row that ends in the middle of a step is as long as a whole one: the largest slices waste least.
        let largest = demand.largest().max(1).min(demand.n_neurons);
        let (n_full, rest) = (count(demand.n_neurons / largest), demand.n_neurons % largest);
        let n_own = n * demand.n_own_sources;
        Usage {
            synapse_bytes: n_full * demand.densest(largest) + demand.densest(rest),
            state_bytes: n * demand.state_bytes_per_neuron,
            n_input_axons: n_own,
            n_output_axons: n * demand.n_own_destinations,
            n_neurons: n,
            ..Usage::default()
        }
    }

    /// Output axons of `n_neurons` of a group, if the streams are read by so many cores.
    pub(crate) fn n_output_axons(&self, group: GroupId, n_neurons: usize, n_readers: &[u64]) -> u64 {
        let demand = self.group(group);
        #[expect(clippy::cast_precision_loss, reason = "numbers of neurons and cores are far below 2^53")]
        let shared: f64 = demand.sends.iter().map(|&(stream, share)| share * n_readers[stream] as f64).sum();
        #[expect(clippy::cast_precision_loss, reason = "numbers of neurons and cores are far below 2^53")]
        let shared = shared * n_neurons as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that was made a float")]
        let shared = (shared - 1e-6).ceil().max(0.0) as u64;
        shared + count(n_neurons) * demand.n_own_destinations
    }

    /// What a core would use with `n_neurons` more of a group that it does not hold yet.
    pub(crate) fn with(&self, load: &Load, group: GroupId, n_neurons: usize, n_readers: &[u64]) -> Usage {
        let demand = self.group(group);
        let n = count(n_neurons);
        let n_output_axons = self.n_output_axons(group, n_neurons, n_readers);
        let missing = demand.reads.iter().filter(|stream| !load.streams.contains(stream));
        let n_input_axons = missing.map(|&stream| self.streams[stream].n_axons).sum::<u64>() + n * demand.n_own_sources;
        let mut usage = load.usage;
        usage += Usage {
            synapse_bytes: demand.synapse_bytes(n_neurons),
            input_axon_bytes: n_input_axons * self.input_axon_bytes,
            output_axon_bytes: n_output_axons * self.output_axon_bytes,
            state_bytes: n * demand.state_bytes_per_neuron,
            microcode_bytes: if load.bodies.contains(&demand.body) { 0 } else { demand.microcode_bytes },
            n_input_axons,
            n_output_axons,
            n_neurons: n,
        };
        usage
    }

    /// Puts a slice on a core, after [`Demand::with`] said what it then uses.
    pub(crate) fn put(&self, load: &mut Load, group: GroupId, usage: Usage) {
        let demand = self.group(group);
        load.usage = usage;
        load.streams.extend(&demand.reads);
        load.bodies.push(demand.body);
    }
}

impl GroupDemand {
    fn new(layout: &Layout<'_>, group: GroupId, streams: &mut Streams) -> Self {
        let network = layout.network();
        let mut unit = 1;
        let mut n_own_sources = 0;
        let mut reads = Vec::new();
        for block in layout.blocks(group, &(0..1)) {
            let projection = &network.projections[block.projection];
            unit = unit.max(layout.neurons_per_step(block.encoding));
            match projection.weights {
                Weights::Identity => n_own_sources += 1,
                Weights::Matrix(_) | Weights::Ones => {
                    let sources = block.first_source..block.first_source + block.n_axons;
                    let stream = streams.find(projection.source, sources);
                    if !reads.contains(&stream) {
                        reads.push(stream);
                        streams.list[stream].readers.push(group);
                    }
                }
            }
        }
        let own = |projection: &&seamount_ir::network::Projection| match projection.source {
            Source::Port(from, _) => from == group && projection.weights == Weights::Identity,
            Source::Embedding | Source::Tick => false,
        };
        let own = network.projections.iter().filter(own);
        // Those that differ in nothing but the accumulator share their axons.
        let own: BTreeMap<_, _> = own
            .map(|projection| match projection.target {
                Target::Accumulator(to, _) => ((projection.source, Some(to)), ()),
                Target::Logits => ((projection.source, None), ()),
            })
            .collect();
        let n_neurons = network.group(group).n_neurons;
        let mut demand = Self {
            n_neurons,
            on_host: network.group(group).on_host,
            unit: unit.min(n_neurons.max(1)),
            reads,
            sends: Vec::new(),
            n_own_destinations: count(own.len()),
            body: layout.body(group),
            microcode_bytes: layout.microcode_bytes(group),
            state_bytes_per_neuron: layout.state_bytes_per_neuron(group),
            n_own_sources,
            synapse_bytes: vec![0],
        };
        let most = n_neurons.min(MAX_NEURONS_PER_SLICE);
        for n in 1..=if demand.on_host { 0 } else { most } {
            let bytes = layout.blocks(group, &(0..n)).map(|block| block.image_bytes).sum();
            if bytes > layout.capacity().synapse_bytes {
                break;
            }
            demand.synapse_bytes.push(bytes);
        }
        demand
    }

    /// The most neurons whose synapses fit a core.
    pub(crate) fn largest(&self) -> usize {
        self.synapse_bytes.len() - 1
    }

    /// All numbers but those of streams and microcode that others may share.
    pub(crate) fn traits(&self) -> Vec<u64> {
        let mut traits =
            vec![count(self.n_neurons), self.microcode_bytes, self.state_bytes_per_neuron, self.n_own_sources];
        traits.extend(&self.synapse_bytes);
        traits
    }

    /// Fewer bytes than a part of a larger slice takes.
    fn densest(&self, n_neurons: usize) -> u64 {
        self.synapse_bytes.get(n_neurons).copied().unwrap_or(0)
    }

    /// Bytes of synapses of a slice.
    pub(crate) fn synapse_bytes(&self, n_neurons: usize) -> u64 {
        self.synapse_bytes[n_neurons]
    }
}

/// The streams that have been met.
#[derive(Default)]
struct Streams {
    list: Vec<Stream>,
    numbers: BTreeMap<(Source, usize, usize), usize>,
}

impl Streams {
    fn find(&mut self, source: Source, sources: Range<usize>) -> usize {
        let key = (source, sources.start, sources.end);
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        let from = match source {
            Source::Port(group, _) => Some(group),
            Source::Embedding | Source::Tick => None,
        };
        self.list.push(Stream { from, n_axons: count(sources.len()), readers: Vec::new() });
        self.numbers.insert(key, self.list.len() - 1);
        self.list.len() - 1
    }
}

impl RowEncoding {
    /// Neurons of a slice by which a row grows by one step of `align_bytes`; sparse rows grow by no such step.
    pub(crate) fn neurons_per_step(self, align_bytes: u64) -> u64 {
        match self {
            Self::Dense2 => 4 * align_bytes,
            Self::Dense8 => align_bytes,
            Self::Sparse { n_per_row: _ } => 1,
        }
    }
}
