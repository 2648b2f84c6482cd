//! What is counted: the work of cores and links, step by step.

use std::ops::{AddAssign, Mul, SubAssign};

/// What one neurocore does in one step.
///
/// Counts are fractional where they are expected values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CoreWork {
    /// Weights that meet an arriving payload.
    pub synaptic_ops: f64,
    /// Bytes of the synapse rows that are read for it.
    pub synapse_bytes: f64,
    /// Neurons that are reached; on the chip every neuron, every step.
    pub neurons: f64,
    /// Microcode instructions executed.
    pub instructions: f64,
    /// Spikes sent.
    pub spikes: f64,
    /// Messages that arrive at input axons.
    pub messages_in: f64,
    /// Messages that leave by output axons: one for each destination of each spike.
    pub messages_out: f64,
}

/// A kind of link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Between neighboring routers of a row.
    EastWest,
    /// Between neighboring routers of a column.
    NorthSouth,
    /// All links of one chip to others together, counted where messages leave.
    Chip,
}

/// What one token makes cores and links do in one step, beyond what they do in every step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Cores by their index in [`Wavefront::quiet`], ascending, with what the token adds.
    pub cores: Vec<(u32, CoreWork)>,
    /// Links by their index in [`Wavefront::links`], ascending, with the messages that pass.
    pub links: Vec<(u32, f64)>,
}

/// A token's way through the machine: each step of it, from the one in which the host sends to the one in which the
/// logits leave.
///
/// What happens at one moment is the sum over the tokens that are on their way, each in its own step, on top of `quiet`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wavefront {
    /// Chips that are powered.
    pub n_chips: u32,
    /// What each core does in a step in which no token reaches it: its neurons look and leave.
    pub quiet: Vec<CoreWork>,
    /// The links that carry anything.
    pub links: Vec<LinkKind>,
    /// The steps of a token.
    pub steps: Vec<Step>,
}

impl Wavefront {
    /// Steps from a token to its logits.
    #[must_use]
    pub fn latency_steps(&self) -> u32 {
        u32::try_from(self.steps.len()).expect("invariant: a token takes fewer than 2^32 steps")
    }
}

impl AddAssign for CoreWork {
    fn add_assign(&mut self, other: Self) {
        self.synaptic_ops += other.synaptic_ops;
        self.synapse_bytes += other.synapse_bytes;
        self.neurons += other.neurons;
        self.instructions += other.instructions;
        self.spikes += other.spikes;
        self.messages_in += other.messages_in;
        self.messages_out += other.messages_out;
    }
}

impl Mul<f64> for CoreWork {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self {
            synaptic_ops: self.synaptic_ops * factor,
            synapse_bytes: self.synapse_bytes * factor,
            neurons: self.neurons * factor,
            instructions: self.instructions * factor,
            spikes: self.spikes * factor,
            messages_in: self.messages_in * factor,
            messages_out: self.messages_out * factor,
        }
    }
}

impl SubAssign for CoreWork {
    fn sub_assign(&mut self, other: Self) {
        *self += other * -1.0;
    }
}
