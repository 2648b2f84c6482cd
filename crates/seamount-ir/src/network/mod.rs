//! The network level: neuron groups and the projections between them.
//!
//! A [`Group`] is a number of neurons that run the same [`body`](Group::body) each time their token is there. A
//! [`Projection`] carries a port's payloads, times weights, into an accumulator one step later. A group works in the
//! step in which its *tick* accumulator is not zero; what reaches its other accumulators earlier waits in delay lines.
//! In a balanced network every path to an accumulator is equally long, so that tokens may follow each other every
//! step or come one at a time, with the same integers.

mod text;
mod verify;

use std::ops::Range;

use crate::fixed::Overflow;
use crate::kernel::{Arg, Local, ScalarOp, Word};
use crate::tensor::Constants;

/// A network of neuron groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// The checkpoint's name.
    pub name: String,
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Registers and state.
    pub word: Word,
    /// Sums of spikes.
    pub accumulator: Word,
    /// What a sum does that does not fit.
    pub overflow: Overflow,
    /// Weights, per-neuron parameters and the embedding table.
    pub constants: Constants,
    /// The host's table: `[vocab, width]` payloads that it sends for a token.
    pub embedding: String,
    /// The real value of one unit of a logit.
    pub logit_scale: f64,
    /// The groups, in the order of the data.
    pub groups: Vec<Group>,
    /// The projections, by destination.
    pub projections: Vec<Projection>,
    /// Steps from the injection of a token to the arrival of its logits; known once the network is balanced.
    pub latency_steps: Option<u32>,
}

/// Which group, by its place in [`Network::groups`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The place in [`Network::groups`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Neurons that run the same body.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Unique name, such as `layer.0.mixer`.
    pub name: String,
    /// The block that it belongs to, from 0.
    pub layer: Option<u32>,
    /// How many neurons.
    pub n_neurons: usize,
    /// Whether the host runs it instead of the chip.
    pub on_host: bool,
    /// Where spikes are summed; one sum a neuron each.
    pub accumulators: Vec<Accumulator>,
    /// The accumulator whose value says that the token is there, by its place.
    pub tick: usize,
    /// Words of each neuron that never change.
    pub params: Vec<Param>,
    /// Words of each neuron that live from token to token, from zero.
    pub states: Vec<String>,
    /// What a neuron sends.
    pub ports: Vec<Port>,
    /// What a neuron does for a token; see [`BodyOp`].
    pub body: Vec<BodyOp>,
}

/// A sum of arriving spikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accumulator {
    /// Name within the group.
    pub name: String,
    /// Steps that the sum waits in the neuron before the token's tick; set by balancing.
    pub delay_steps: u32,
}

/// A word of each neuron that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// Name within the group.
    pub name: String,
    /// `[n_neurons]` words.
    pub values: String,
}

/// A stream of payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Name within the group.
    pub name: String,
    /// Width of its payloads, sign included.
    pub bits: u32,
}

/// One step of a neuron's work. Those with a result define the next [`Local`], counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyOp {
    /// Result: the sum in an accumulator, as it was `delay_steps` ago.
    Accumulator(usize),
    /// Result: a parameter.
    Param(usize),
    /// Result: a state.
    State(usize),
    /// Result: an operation on words.
    Scalar(ScalarOp),
    /// Stores a state.
    SetState(usize, Arg),
    /// Sends a payload; zero sends nothing.
    Send(usize, Arg),
    /// Shows a value to whoever watches, under a name.
    Probe(String, Arg),
}

impl BodyOp {
    /// Whether it defines a local.
    pub fn has_result(&self) -> bool {
        match self {
            BodyOp::Accumulator(_) | BodyOp::Param(_) | BodyOp::State(_) | BodyOp::Scalar(_) => true,
            BodyOp::SetState(..) | BodyOp::Send(..) | BodyOp::Probe(..) => false,
        }
    }
}

/// Where payloads come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The host, one payload a channel of the embedding.
    Embedding,
    /// The host, a 1 with each token.
    Tick,
    /// A port of a group.
    Port(GroupId, usize),
}

/// Where payloads go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An accumulator of a group.
    Accumulator(GroupId, usize),
    /// The host, as logits.
    Logits,
}

/// What is between a source's neurons and a target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// `[targets, sources]`, ternary or 8-bit; has columns for sources that take no part too.
    Matrix(String),
    /// Each neuron to the one of the same number, weight 1.
    Identity,
    /// Each neuron to all, weight 1: sums and broadcasts.
    Ones,
}

/// Payloads times weights into sums.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// From where.
    pub source: Source,
    /// To where.
    pub target: Target,
    /// Which neurons of the source take part; all where there is none.
    pub sources: Option<Range<usize>>,
    /// With which weights.
    pub weights: Weights,
    /// Extra steps in the synapse, where the chip has such delays.
    pub delay_steps: u32,
}

impl Network {
    /// A group by its id.
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.index()]
    }

    /// All group ids, in order.
    pub fn group_ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..u32::try_from(self.groups.len()).expect("invariant: groups are few")).map(GroupId)
    }

    /// The neurons or channels of its source that take part in a projection.
    pub fn sources(&self, projection: &Projection) -> Range<usize> {
        projection.sources.clone().unwrap_or(0..self.n_sources(projection.source))
    }

    /// Neurons, or channels, at a source.
    pub fn n_sources(&self, source: Source) -> usize {
        match source {
            Source::Embedding => self.constants[&self.embedding].shape()[1],
            Source::Tick => 1,
            Source::Port(group, _) => self.group(group).n_neurons,
        }
    }
}

impl Projection {
    /// A projection from all neurons of a source, without delay.
    pub fn new(source: Source, target: Target, weights: Weights) -> Self {
        Self { source, target, sources: None, weights, delay_steps: 0 }
    }
}

/// Builds a body; keeps count of the locals.
#[derive(Debug, Default)]
pub struct BodyBuilder {
    ops: Vec<BodyOp>,
    n_locals: u32,
}

impl BodyBuilder {
    /// Appends an operation with a result.
    pub fn push(&mut self, op: BodyOp) -> Local {
        debug_assert!(op.has_result(), "invariant: effects go through `effect`");
        self.ops.push(op);
        self.n_locals += 1;
        Local(self.n_locals - 1)
    }

    /// Appends an operation without a result.
    pub fn effect(&mut self, op: BodyOp) {
        debug_assert!(!op.has_result(), "invariant: results go through `push`");
        self.ops.push(op);
    }

    /// The finished body.
    pub fn finish(self) -> Vec<BodyOp> {
        self.ops
    }
}
