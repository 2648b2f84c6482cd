//! How the synapses, axons and words of a slice are laid out, in bytes.
//!
//! A slice has one block of rows for each projection into its group, in the order of the network's projections:
//!
//! | weights | sources | rows |
//! |---|---|---|
//! | matrix, ternary | the projection's | two bits or a byte a neuron of the slice, or sparse entries |
//! | matrix, 8-bit | the projection's | a byte a neuron, or sparse entries |
//! | identity | one a neuron of the slice | one sparse entry of four bytes |
//! | ones | the projection's | one row that all sources share, as of a matrix |
//!
//! Each row starts at a multiple of the system's row alignment. A core has an input axon for each neuron that any of its
//! blocks reads, and a neuron an output axon for each core that reads it: what a slice takes depends on what else is on its
//! core, and on which cores its destinations are. [`CoreLoad`](crate::CoreLoad) counts the former while a core is filled, and
//! [`Layout::usages`] both once all cores are known.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_arch::Arch;
use seamount_ir::network::{GroupId, Network, Projection, Source, Target, Weights};
use seamount_ir::tensor::Elem;
use serde::{Deserialize, Serialize};

use crate::error::PartitionError;
use crate::sparse::Nonzeros;
use crate::usage::Capacity;

/// Bytes of an entry of a sparse row: a neuron in two bytes, its weight, a zero.
pub const SPARSE_ENTRY_BYTES: u64 = 4;

/// How matrices are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightEncoding {
    /// Each block as it takes the fewest bytes: two or eight bits a weight, or an entry for each that is not zero.
    #[default]
    Auto,
    /// Two bits a ternary weight; matrices of 8-bit weights keep eight.
    #[serde(rename = "ternary")]
    Ternary2,
    /// Eight bits a weight.
    Int8,
}

/// What a group's microcode asks of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Which microcode: a core holds it once for all groups of the same number.
    pub body: u32,
    /// Words of memory of each neuron.
    pub n_slots: u32,
    /// Sums of each neuron.
    pub n_accumulators: u32,
    /// Instructions.
    pub n_instructions: u32,
}

/// How a row of weights is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowEncoding {
    /// Two bits a neuron of the slice.
    Dense2,
    /// A byte a neuron of the slice.
    Dense8,
    /// An entry for each weight that is not zero: a neuron and its weight. Shorter rows are filled with weights of zero.
    Sparse {
        /// Entries of each row.
        n_per_row: u32,
    },
}

/// The rows of one projection into one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLayout {
    /// Index into the network's projections.
    pub projection: usize,
    /// The accumulator of the slice's group.
    pub accumulator: usize,
    /// The first source neuron or channel that is read; the others follow.
    pub first_source: usize,
    /// How many are read, each over an input axon.
    pub n_axons: usize,
    /// How a row is written.
    pub encoding: RowEncoding,
    /// From one source's row to the next; 0 if all share one row.
    pub stride_bytes: u64,
    /// All rows, alignment included.
    pub image_bytes: u64,
}

/// The layout of a network on a kind of core.
#[derive(Debug)]
pub struct Layout<'n> {
    pub(crate) network: &'n Network,
    pub(crate) footprints: &'n [Footprint],
    weights: WeightEncoding,
    capacity: Capacity,
    align_bytes: u64,
    pub(crate) input_axon_bytes: u64,
    pub(crate) output_axon_bytes: u64,
    pub(crate) instruction_bytes: u64,
    pub(crate) state_word_bytes: u64,
    /// By group, the projections into it and the accumulators that they feed.
    incoming: Vec<Vec<(usize, usize)>>,
    /// By group, the projections out of it.
    outgoing: Vec<Vec<usize>>,
    /// By group and port, what its spikes reach.
    pub(crate) reach: Vec<Vec<Reach>>,
    /// By projection, how its rows are written if not sparsely.
    encodings: Vec<RowEncoding>,
    /// By projection, its nonzero weights if sparse rows may take less.
    nonzeros: Vec<Option<Nonzeros>>,
}

/// What the spikes of a port reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    /// Groups, and whether all of their slices are reached or only the one with the neuron of the same number.
    pub(crate) groups: BTreeMap<GroupId, bool>,
    /// Whether the host reads the port as logits, and how often.
    pub(crate) n_logits: u64,
}

impl<'n> Layout<'n> {
    /// The layout of a network on the cores of a system.
    ///
    /// # Errors
    /// [`PartitionError`] if the footprints are not the network's, or a matrix has weights that the system does not pack.
    pub fn new(
        network: &'n Network,
        footprints: &'n [Footprint],
        arch: &Arch,
        weights: WeightEncoding,
    ) -> Result<Self, PartitionError> {
        if footprints.len() != network.groups.len() {
            let (groups, footprints) = (network.groups.len(), footprints.len());
            return Err(PartitionError::Footprints { groups, footprints });
        }
        let mut incoming = vec![Vec::new(); network.groups.len()];
        let mut outgoing = vec![Vec::new(); network.groups.len()];
        let n_ports = network.groups.iter().map(|group| group.ports.len());
        let mut reach: Vec<Vec<Reach>> = n_ports.map(|n_ports| vec![Reach::default(); n_ports]).collect();
        let mut encodings = Vec::with_capacity(network.projections.len());
        let mut nonzeros = Vec::with_capacity(network.projections.len());
        for (index, projection) in network.projections.iter().enumerate() {
            if let Target::Accumulator(group, accumulator) = projection.target {
                incoming[group.index()].push((index, accumulator));
            }
            if let Source::Port(group, port) = projection.source {
                outgoing[group.index()].push(index);
                reach[group.index()][port].add(projection);
            }
            let encoding = row_encoding(network, projection, arch, weights)?;
            encodings.push(encoding);
            nonzeros.push(if weights == WeightEncoding::Auto {
                nonzeros_of(network, projection, encoding)
            } else {
                None
            });
        }
        Ok(Self {
            network,
            footprints,
            weights,
            capacity: Capacity::of(arch),
            align_bytes: arch.synapse_row_align_bytes().max(1),
            input_axon_bytes: arch.input_axon_bytes(),
            output_axon_bytes: arch.output_axon_bytes(),
            instruction_bytes: arch.instruction_bytes(),
            state_word_bytes: arch.state_word_bytes(),
            incoming,
            outgoing,
            reach,
            encodings,
            nonzeros,
        })
    }

    /// The network.
    pub fn network(&self) -> &'n Network {
        self.network
    }

    /// What a neurocore has.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// How matrices are written.
    pub fn weights(&self) -> WeightEncoding {
        self.weights
    }

    /// The number of a group's microcode.
    pub fn body(&self, group: GroupId) -> u32 {
        self.footprints[group.index()].body
    }

    /// Memory of an input and of an output axon, in bytes.
    pub(crate) fn axon_bytes(&self) -> (u64, u64) {
        (self.input_axon_bytes, self.output_axon_bytes)
    }

    /// Bytes of a group's microcode, which a core holds once.
    pub(crate) fn microcode_bytes(&self, group: GroupId) -> u64 {
        u64::from(self.footprints[group.index()].n_instructions) * self.instruction_bytes
    }

    /// Instructions of a group's microcode.
    pub(crate) fn n_instructions(&self, group: GroupId) -> u32 {
        self.footprints[group.index()].n_instructions
    }

    /// Bytes of a neuron's slots and accumulators.
    pub(crate) fn state_bytes_per_neuron(&self, group: GroupId) -> u64 {
        let footprint = self.footprints[group.index()];
        u64::from(footprint.n_slots + footprint.n_accumulators) * self.state_word_bytes
    }

    /// Neurons of a slice by which a row grows by one step of the alignment.
    pub(crate) fn neurons_per_step(&self, encoding: RowEncoding) -> usize {
        usize::try_from(encoding.neurons_per_step(self.align_bytes)).unwrap_or(usize::MAX)
    }

    /// The groups that a group projects to; one with several projections from it comes as often.
    pub(crate) fn destinations(&self, group: GroupId) -> impl Iterator<Item = GroupId> + '_ {
        self.outgoing[group.index()].iter().filter_map(|&index| match self.network.projections[index].target {
            Target::Accumulator(to, _) => Some(to),
            Target::Logits => None,
        })
    }

    /// Whether a group has ternary weights that are written in eight bits.
    pub(crate) fn has_wide_ternary(&self, group: GroupId) -> bool {
        self.incoming[group.index()].iter().any(|&(index, _)| match &self.network.projections[index].weights {
            Weights::Matrix(name) => {
                self.network.constants[name].elem() == Elem::Ternary && self.encodings[index] == RowEncoding::Dense8
            }
            Weights::Identity | Weights::Ones => false,
        })
    }

    /// How a projection's rows into a slice of this size are written.
    fn encoding(&self, projection: usize, n_neurons: usize) -> RowEncoding {
        let dense = self.encodings[projection];
        let Some(nonzeros) = &self.nonzeros[projection] else { return dense };
        // A row without weights still has its place.
        let sparse = RowEncoding::Sparse { n_per_row: nonzeros.longest_row(n_neurons).max(1) };
        let bytes = |encoding: RowEncoding| encoding.row_bytes(count(n_neurons)).next_multiple_of(self.align_bytes);
        // Of equals the dense one, whose entries need no decoding.
        if bytes(sparse) < bytes(dense) { sparse } else { dense }
    }

    /// The blocks of a slice, in the order of their axons and rows; a projection without sources has none.
    pub fn blocks(&self, group: GroupId, neurons: &Range<usize>) -> impl Iterator<Item = BlockLayout> + '_ {
        let (first, n_neurons) = (neurons.start, neurons.len());
        let blocks = self.incoming[group.index()].iter().map(move |&(index, accumulator)| {
            let projection = &self.network.projections[index];
            let encoding = self.encoding(index, n_neurons);
            let sources = match projection.weights {
                Weights::Matrix(_) | Weights::Ones => self.network.sources(projection),
                Weights::Identity => first..first + n_neurons,
            };
            let (first_source, n_axons) = (sources.start, sources.len());
            let row_bytes = encoding.row_bytes(count(n_neurons)).next_multiple_of(self.align_bytes);
            let shared = projection.weights == Weights::Ones;
            BlockLayout {
                projection: index,
                accumulator,
                first_source,
                n_axons,
                encoding,
                stride_bytes: if shared { 0 } else { row_bytes },
                image_bytes: if shared { row_bytes } else { row_bytes * count(n_axons) },
            }
        });
        blocks.filter(|block| block.n_axons > 0)
    }
}

impl Reach {
    fn add(&mut self, projection: &Projection) {
        match projection.target {
            Target::Logits => self.n_logits += 1,
            Target::Accumulator(to, _) => {
                *self.groups.entry(to).or_default() |= projection.weights != Weights::Identity;
            }
        }
    }
}

impl RowEncoding {
    /// Bytes of a row that feeds a slice of `n_neurons`, before alignment.
    pub fn row_bytes(self, n_neurons: u64) -> u64 {
        match self {
            Self::Dense2 => n_neurons.div_ceil(4),
            Self::Dense8 => n_neurons,
            Self::Sparse { n_per_row } => u64::from(n_per_row) * SPARSE_ENTRY_BYTES,
        }
    }
}

/// How the rows of a projection are written; to the host there are none, and the entry is not used.
fn row_encoding(
    network: &Network,
    projection: &Projection,
    arch: &Arch,
    weights: WeightEncoding,
) -> Result<RowEncoding, PartitionError> {
    let on_host = match projection.target {
        Target::Accumulator(group, _) => network.group(group).on_host,
        Target::Logits if projection.weights == Weights::Identity && projection.delay_steps == 0 => true,
        Target::Logits => return Err(PartitionError::Logits { source_name: source_name(network, projection.source) }),
    };
    let has = |bits: u32| on_host || arch.synapse_weight_bits().any(|width| width == bits);
    let encoding = match &projection.weights {
        Weights::Identity => return Ok(RowEncoding::Sparse { n_per_row: 1 }),
        Weights::Ones => match weights {
            WeightEncoding::Auto | WeightEncoding::Ternary2 if has(2) => RowEncoding::Dense2,
            WeightEncoding::Auto | WeightEncoding::Ternary2 | WeightEncoding::Int8 => RowEncoding::Dense8,
        },
        Weights::Matrix(name) => match (network.constants[name].elem(), weights) {
            (Elem::Ternary, WeightEncoding::Auto) if has(2) => RowEncoding::Dense2,
            (Elem::Ternary, WeightEncoding::Ternary2) => RowEncoding::Dense2,
            (Elem::Ternary, WeightEncoding::Auto | WeightEncoding::Int8) | (Elem::I8, _) => RowEncoding::Dense8,
            (elem @ (Elem::I16 | Elem::I32 | Elem::F16 | Elem::Bf16 | Elem::F32), _) => {
                return Err(PartitionError::WideWeights { matrix: name.clone(), elem: elem.name() });
            }
        },
    };
    let bits = if encoding == RowEncoding::Dense2 { 2 } else { 8 };
    if has(bits) {
        return Ok(encoding);
    }
    let source_name = source_name(network, projection.source);
    let available = itertools::join(arch.synapse_weight_bits(), ", ");
    let help = if bits == 2 { "--weights int8" } else { "a system that packs 8-bit weights" };
    Err(PartitionError::WeightBits { source_name, bits, arch: arch.name().to_owned(), available, help })
}

/// The nonzero weights of a matrix of which at most every fourth weight of eight bits, or every sixteenth of two, is not
/// zero; with more, sparse entries of four bytes take more than dense rows.
fn nonzeros_of(network: &Network, projection: &Projection, dense: RowEncoding) -> Option<Nonzeros> {
    let Weights::Matrix(name) = &projection.weights else { return None };
    let at_least = if dense == RowEncoding::Dense2 { 16 } else { 4 };
    Nonzeros::of(&network.constants[name], &network.sources(projection), at_least)
}

fn source_name(network: &Network, source: Source) -> String {
    match source {
        Source::Embedding => "the embedding".to_owned(),
        Source::Tick => "the tick".to_owned(),
        Source::Port(group, port) => {
            let group = network.group(group);
            format!("port {:?} of neuron group {:?}", group.ports[port].name, group.name)
        }
    }
}

pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).expect("invariant: addresses have at most 64 bits")
}
