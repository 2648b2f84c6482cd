//! What a neurocore has only so much of.

use schemars::JsonSchema;
use seamount_arch::Arch;
use serde::{Deserialize, Serialize};

use crate::Usage;

/// A resource of a neurocore that the arch limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// All memory, in bytes.
    TotalBytes,
    /// The synapse image, in bytes.
    SynapseBytes,
    /// Input axons (fan-in).
    InputAxons,
    /// Output axons (fan-out).
    OutputAxons,
    /// Neurons.
    Neurons,
    /// Microcode, in bytes.
    MicrocodeBytes,
}

impl Resource {
    /// All resources, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::TotalBytes,
        Self::SynapseBytes,
        Self::InputAxons,
        Self::OutputAxons,
        Self::Neurons,
        Self::MicrocodeBytes,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::TotalBytes => "memory bytes",
            Self::SynapseBytes => "synapse bytes",
            Self::InputAxons => "input axons",
            Self::OutputAxons => "output axons",
            Self::Neurons => "neurons",
            Self::MicrocodeBytes => "microcode bytes",
        }
    }

    /// How much of it is used.
    pub fn used(self, usage: &Usage) -> u64 {
        match self {
            Self::TotalBytes => usage.total_bytes,
            Self::SynapseBytes => usage.synapse_bytes,
            Self::InputAxons => usage.n_input_axons,
            Self::OutputAxons => usage.n_output_axons,
            Self::Neurons => usage.n_neurons,
            Self::MicrocodeBytes => usage.microcode_bytes,
        }
    }

    /// How much of it a neurocore has.
    pub fn available(self, arch: &Arch) -> u64 {
        match self {
            Self::TotalBytes => arch.bytes_per_core(),
            Self::SynapseBytes => arch.synapse_bytes_per_core(),
            Self::InputAxons => arch.input_axons_per_core().into(),
            Self::OutputAxons => arch.output_axons_per_core().into(),
            Self::Neurons => arch.neurons_per_core().into(),
            Self::MicrocodeBytes => arch.microcode_bytes_per_core(),
        }
    }

    /// The resource of a neurocore that is nearest to its limit, and its fill; the first of [`Self::ALL`] among equals.
    pub(crate) fn nearest(usage: &Usage, arch: &Arch) -> (Self, f64) {
        let mut nearest = (Self::TotalBytes, ratio(usage.total_bytes, arch.bytes_per_core()));
        for resource in Self::ALL {
            let fill = ratio(resource.used(usage), resource.available(arch));
            if fill > nearest.1 {
                nearest = (resource, fill);
            }
        }
        nearest
    }
}

/// `part` of `whole`, rounded to six decimals; of nothing, `part` itself.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    rounded(part as f64 / whole.max(1) as f64)
}

/// Rounds to six decimals, so that JSON stays short and the same everywhere.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
