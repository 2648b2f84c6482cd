//! What a program holds.

use std::collections::BTreeMap;

use bytes::Bytes;
use seamount_arch::Arch;
use seamount_microcode::{AccId, Body, PortId};
use serde::{Deserialize, Serialize};

use crate::embedding::Embedding;

/// Everything that runs: what is loaded on each neurocore, and what the host needs to feed it and to read it.
///
/// A program that was read from bytes is structurally valid; one that was built in memory is checked by
/// [`verify`](crate::verify()).
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The system that the program was compiled for.
    pub arch: Arch,
    /// Where the program came from; nothing in it changes what the program computes.
    pub meta: Meta,
    /// The microcode of the groups.
    pub bodies: Vec<Body>,
    /// The neuron groups.
    pub groups: Vec<Group>,
    /// The cores; an index into this list is a core index.
    pub cores: Vec<Core>,
    /// The host's side.
    pub host: Host,
    /// The tokenizer's file, as it was found beside the checkpoint.
    pub tokenizer: Option<Bytes>,
}

/// Where a program came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meta {
    /// Name of the model.
    pub model: String,
    /// The compiler and its version.
    pub producer: String,
    /// The options that it was compiled with.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Names of the model's layers, by [`Group::layer`].
    pub layers: Vec<String>,
    /// By name of a group, for each of its ports the share of neurons whose payload was not zero when the model was
    /// calibrated; groups of which that is not known are missing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub densities: BTreeMap<String, Vec<f64>>,
}

/// A neuron group: neurons that run the same body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What the group is called in text and reports.
    pub name: String,
    /// The model's layer that it belongs to, as an index into [`Meta::layers`].
    pub layer: Option<u32>,
    /// Index into [`Program::bodies`].
    pub body: u32,
    /// Neurons of the group, over all cores.
    pub n_neurons: u32,
}

/// A neurocore, or a part of the host that plays one.
#[derive(Clone, Debug, PartialEq)]
pub struct Core {
    /// Where it is.
    pub place: Place,
    /// The neurons that live here.
    pub slices: Vec<Slice>,
    /// The weights that hang on the input axons. The core's axons are those that some block names.
    pub synapse_blocks: Vec<SynapseBlock>,
    /// The synapse image that the blocks' rows are in.
    pub synapses: Bytes,
    /// Where the spikes of each (slice, port, neuron) go; the order of sources is [`Program::source_index`]'s.
    pub routes: Routes,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A neurocore.
    Chip {
        /// Number of the chip in the system.
        chip: u32,
        /// Number of the core on the chip.
        core: u32,
    },
    /// Run by the host: same microcode, same integers, not counted for the chips.
    Host,
}

/// Consecutive neurons of a group on one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Index into [`Program::groups`].
    pub group: u32,
    /// The first neuron, counted in the group.
    pub first_neuron: u32,
    /// How many neurons.
    pub n_neurons: u32,
    /// What the slots hold at the start, `[n_neurons, n_slots]`.
    pub slots: Vec<i32>,
}

/// The weights by which consecutive input axons feed one accumulator of one slice, in one encoding.
///
/// Several blocks may name an axon: a spike on it meets its row in each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynapseBlock {
    /// Index into [`Core::slices`].
    pub slice: u32,
    /// The accumulator of the slice's neurons that is fed.
    pub acc: AccId,
    /// The core's number for the first axon.
    pub first_axon: u32,
    /// How many axons.
    pub n_axons: u32,
    /// How a row is written.
    pub encoding: Encoding,
    /// From one axon's row to the next, in bytes; 0 if all axons share one row.
    pub row_stride_bytes: u32,
    /// Where the first axon's row begins in the core's image, in bytes.
    pub offset_bytes: u64,
    /// Steps that a spike waits beyond the one that every spike takes.
    pub delay_steps: u32,
}

/// How a row of weights is written, see [`rows`](crate::rows).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Two bits a neuron of the slice: a weight of -1, 0 or 1.
    Dense2,
    /// A byte a neuron of the slice: a weight of -128 to 127.
    Dense8,
    /// Four bytes an entry: a neuron of the slice and its weight.
    Sparse {
        /// Entries of each row.
        n_per_row: u32,
    },
}

/// For each source its list of destinations, one list behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Source `i` has `dests[offsets[i]..offsets[i + 1]]`; one entry more than there are sources, the first is 0.
    pub offsets: Vec<u32>,
    /// The destinations.
    pub dests: Vec<Dest>,
}

/// Where a spike goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dest {
    /// Index into [`Program::cores`], or [`HOST_OUTPUT`].
    pub core_idx: u32,
    /// An input axon of that core; or the index of an output of the host.
    pub axon: u32,
}

/// The [`Dest::core_idx`] of the host's outputs.
pub const HOST_OUTPUT: u32 = u32::MAX;

/// What the host sends and reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Tokens that have a row in the embedding.
    pub vocab_size: u32,
    /// Embedding channels.
    pub width: u32,
    /// Payloads to send for a token, `[vocab_size, width]`.
    pub embedding: Embedding,
    /// Where each embedding channel goes, `width` sources.
    pub input: Routes,
    /// Where a spike of payload 1 goes with every token.
    pub tick: Vec<Dest>,
    /// How many logits the host reads.
    pub n_outputs: u32,
    /// A logit's real value for one unit of its integer.
    pub logit_scale: f64,
    /// Steps from a token to its logits, counting the step that the token is sent in and the one that the logits are
    /// sent in: 1 if the groups that the host feeds are those that feed the host.
    pub latency_steps: u32,
    /// The token that begins a text.
    pub bos_id: Option<u32>,
    /// The token that ends a text.
    pub eos_id: Option<u32>,
}

impl Host {
    /// What the embedding channels send for a token.
    ///
    /// # Panics
    /// If the embedding has no such row.
    pub fn payloads(&self, token: u32) -> impl ExactSizeIterator<Item = i16> {
        let width = index(self.width);
        self.embedding.values(index(token) * width, width)
    }
}

impl Program {
    /// The body of a group, if both exist.
    pub fn body_of(&self, group: u32) -> Option<&Body> {
        self.bodies.get(index(self.groups.get(index(group))?.body))
    }

    /// The number of a (slice, port, neuron of the slice) among the sources of its core: slices in order, in a slice its
    /// body's ports in order, in a port the slice's neurons in order.
    ///
    /// `None` if one of them does not exist.
    pub fn source_index(&self, core_idx: u32, slice_idx: u32, port: PortId, neuron: u32) -> Option<usize> {
        let core = self.cores.get(index(core_idx))?;
        let slice = core.slices.get(index(slice_idx))?;
        let exists = neuron < slice.n_neurons && port.index() < self.body_of(slice.group)?.ports.len();
        let mut before = 0;
        for earlier in &core.slices[..index(slice_idx)] {
            before += self.body_of(earlier.group)?.ports.len() * index(earlier.n_neurons);
        }
        exists.then(|| before + port.index() * index(slice.n_neurons) + index(neuron))
    }
}

impl Core {
    /// Input axons: one more than the last that a block names.
    pub fn n_axons(&self) -> u64 {
        self.synapse_blocks.iter().map(SynapseBlock::end_axon).max().unwrap_or_default()
    }

    /// The row of an axon, counted in its block; `n_neurons` is the size of the slice that the block feeds.
    ///
    /// `None` if the row is not in the image.
    pub fn row(&self, block: &SynapseBlock, n_neurons: u32, axon_in_block: u32) -> Option<&[u8]> {
        let in_block = u64::from(block.row_stride_bytes) * u64::from(axon_in_block);
        let start = usize::try_from(block.offset_bytes.checked_add(in_block)?).ok()?;
        let end = start.checked_add(block.encoding.row_bytes(n_neurons))?;
        self.synapses.get(start..end)
    }

    /// Neurons, over all slices.
    pub fn n_neurons(&self) -> u64 {
        self.slices.iter().map(|slice| u64::from(slice.n_neurons)).sum()
    }
}

impl SynapseBlock {
    /// The number behind the block's last axon.
    pub fn end_axon(&self) -> u64 {
        u64::from(self.first_axon) + u64::from(self.n_axons)
    }

    /// Whether an axon is one of the block's.
    pub fn has_axon(&self, axon: u32) -> bool {
        axon >= self.first_axon && u64::from(axon) < self.end_axon()
    }
}

impl Routes {
    /// One list of destinations for each source, in the order of the sources.
    ///
    /// # Panics
    /// If there are 2³² destinations or more.
    pub fn from_lists<L: IntoIterator<Item = Dest>>(lists: impl IntoIterator<Item = L>) -> Self {
        let mut routes = Self::default();
        for list in lists {
            routes.dests.extend(list);
            let end = u32::try_from(routes.dests.len()).expect("invariant: a core has fewer than 2³² destinations");
            routes.offsets.push(end);
        }
        routes
    }

    /// How many sources there are.
    pub fn n_sources(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The destinations of a source; none if there is no such source.
    pub fn of(&self, source: usize) -> &[Dest] {
        let range = || Some(index(*self.offsets.get(source)?)..index(*self.offsets.get(source + 1)?));
        range().and_then(|range| self.dests.get(range)).unwrap_or_default()
    }
}

/// No sources.
impl Default for Routes {
    fn default() -> Self {
        Self { offsets: vec![0], dests: Vec::new() }
    }
}

/// A `u32` as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}
