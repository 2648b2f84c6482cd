//! What a part of a program uses.

use std::iter::Sum;
use std::ops::AddAssign;

use schemars::JsonSchema;
use seamount_program::CoreMemory;
use serde::{Deserialize, Serialize};

/// Memory, tables and weights of a slice, a core, a layer or everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Usage {
    /// Neurons.
    pub n_neurons: u64,
    /// Input axons (fan-in).
    pub n_input_axons: u64,
    /// Output axons (fan-out).
    pub n_output_axons: u64,
    /// Weights that are stored, zeros included; axons of a block that share a row count it once.
    pub n_weights: u64,
    /// Weights that one spike on each input axon would meet: the synaptic operations of a token without zero payloads.
    pub n_synapses: u64,
    /// All that follows.
    pub total_bytes: u64,
    /// Synapse images, alignment included.
    pub synapse_bytes: u64,
    /// Tables of input axons.
    pub input_axon_bytes: u64,
    /// Tables of output axons.
    pub output_axon_bytes: u64,
    /// Slots and accumulators of the neurons.
    pub state_bytes: u64,
    /// Microcode, each body once a core.
    pub microcode_bytes: u64,
}

impl Usage {
    /// What the accounting of the program says of a core, with the weights that it does not count.
    pub(crate) fn of_core(memory: &CoreMemory, n_weights: u64, n_synapses: u64) -> Self {
        Self {
            n_neurons: memory.n_neurons,
            n_input_axons: memory.n_input_axons,
            n_output_axons: memory.n_output_axons,
            n_weights,
            n_synapses,
            total_bytes: memory.total_bytes(),
            synapse_bytes: memory.synapse_bytes,
            input_axon_bytes: memory.input_axon_bytes,
            output_axon_bytes: memory.output_axon_bytes,
            state_bytes: memory.state_bytes,
            microcode_bytes: memory.microcode_bytes,
        }
    }

    /// The same with `total_bytes` as the sum of its parts.
    pub(crate) fn summed(self) -> Self {
        let tables = self.input_axon_bytes + self.output_axon_bytes;
        Self { total_bytes: self.synapse_bytes + tables + self.state_bytes + self.microcode_bytes, ..self }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.n_neurons += other.n_neurons;
        self.n_input_axons += other.n_input_axons;
        self.n_output_axons += other.n_output_axons;
        self.n_weights += other.n_weights;
        self.n_synapses += other.n_synapses;
        self.total_bytes += other.total_bytes;
        self.synapse_bytes += other.synapse_bytes;
        self.input_axon_bytes += other.input_axon_bytes;
        self.output_axon_bytes += other.output_axon_bytes;
        self.state_bytes += other.state_bytes;
        self.microcode_bytes += other.microcode_bytes;
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut total, usage| {
            total += usage;
            total
        })
    }
}
