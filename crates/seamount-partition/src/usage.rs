//! What a core uses, and what it has.

use std::fmt;
use std::ops::AddAssign;

use seamount_arch::Arch;
use serde::{Deserialize, Serialize};

/// What is laid out on a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// The synapse image, rows aligned.
    pub synapse_bytes: u64,
    /// Entries of the input axon table.
    pub input_axon_bytes: u64,
    /// Entries of the output axon table.
    pub output_axon_bytes: u64,
    /// Slots and accumulators of the neurons.
    pub state_bytes: u64,
    /// Instructions of the bodies on the core, each body once.
    pub microcode_bytes: u64,
    /// Input axons (fan-in).
    pub n_input_axons: u64,
    /// Output axons (fan-out): one for each destination of each source.
    pub n_output_axons: u64,
    /// Neurons.
    pub n_neurons: u64,
}

/// What a neurocore of a system has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// All memory.
    pub total_bytes: u64,
    /// Largest synapse image.
    pub synapse_bytes: u64,
    /// Largest microcode.
    pub microcode_bytes: u64,
    /// Most input axons.
    pub n_input_axons: u64,
    /// Most output axons.
    pub n_output_axons: u64,
    /// Most neurons.
    pub n_neurons: u64,
}

/// A limit of a neurocore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// `fan-in`
    InputAxons,
    /// `fan-out`
    OutputAxons,
    /// `synapse-bytes`
    SynapseBytes,
    /// `microcode-bytes`
    MicrocodeBytes,
    /// `neurons`
    Neurons,
    /// `total-bytes`
    TotalBytes,
}

/// A limit that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The limit.
    pub limit: Limit,
    /// What is needed.
    pub needed: u64,
    /// What there is.
    pub available: u64,
}

impl Usage {
    /// All bytes.
    pub fn total_bytes(&self) -> u64 {
        self.synapse_bytes + self.input_axon_bytes + self.output_axon_bytes + self.state_bytes + self.microcode_bytes
    }

    /// The limits that are not kept.
    pub fn excesses(&self, capacity: &Capacity) -> impl Iterator<Item = Excess> + use<> {
        let pairs = [
            (Limit::InputAxons, self.n_input_axons, capacity.n_input_axons),
            (Limit::OutputAxons, self.n_output_axons, capacity.n_output_axons),
            (Limit::SynapseBytes, self.synapse_bytes, capacity.synapse_bytes),
            (Limit::MicrocodeBytes, self.microcode_bytes, capacity.microcode_bytes),
            (Limit::Neurons, self.n_neurons, capacity.n_neurons),
            (Limit::TotalBytes, self.total_bytes(), capacity.total_bytes),
        ];
        let excess = |(limit, needed, available)| Excess { limit, needed, available };
        pairs.into_iter().map(excess).filter(|excess| excess.needed > excess.available)
    }

    /// Whether all limits are kept.
    pub fn fits(&self, capacity: &Capacity) -> bool {
        self.excesses(capacity).next().is_none()
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.synapse_bytes += other.synapse_bytes;
        self.input_axon_bytes += other.input_axon_bytes;
        self.output_axon_bytes += other.output_axon_bytes;
        self.state_bytes += other.state_bytes;
        self.microcode_bytes += other.microcode_bytes;
        self.n_input_axons += other.n_input_axons;
        self.n_output_axons += other.n_output_axons;
        self.n_neurons += other.n_neurons;
    }
}

impl Capacity {
    /// What a neurocore of a system has.
    pub fn of(arch: &Arch) -> Self {
        Self {
            total_bytes: arch.bytes_per_core(),
            synapse_bytes: arch.synapse_bytes_per_core(),
            microcode_bytes: arch.microcode_bytes_per_core(),
            n_input_axons: arch.input_axons_per_core().into(),
            n_output_axons: arch.output_axons_per_core().into(),
            n_neurons: arch.neurons_per_core().into(),
        }
    }
}

impl Limit {
    /// The stable name in messages.
    pub fn id(self) -> &'static str {
        match self {
            Self::InputAxons => "fan-in",
            Self::OutputAxons => "fan-out",
            Self::SynapseBytes => "synapse-bytes",
            Self::MicrocodeBytes => "microcode-bytes",
            Self::Neurons => "neurons",
            Self::TotalBytes => "total-bytes",
        }
    }

    /// What is counted, with its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::InputAxons => "input axons",
            Self::OutputAxons => "output axons",
            Self::SynapseBytes => "bytes of synapse memory",
            Self::MicrocodeBytes => "bytes of microcode",
            Self::Neurons => "neurons",
            Self::TotalBytes => "bytes of memory in all",
        }
    }

    /// The parameter of the arch file that sets it.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::InputAxons => "core.input_axons",
            Self::OutputAxons => "core.output_axons",
            Self::SynapseBytes => "core.synapse_bytes",
            Self::MicrocodeBytes => "core.microcode_bytes",
            Self::Neurons => "core.neurons",
            Self::TotalBytes => "core.total_bytes",
        }
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, needed, available } = self;
        write!(f, "needs {needed} {}, a neurocore has {available} [{}]", limit.unit(), limit.id())
    }
}
