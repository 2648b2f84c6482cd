//! Why a network has no place on a system.

use thiserror::Error;

use crate::usage::{Excess, Limit};

/// Why a network has no place on a system.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PartitionError {
    /// Not even one neuron of a group fits an empty core.
    #[error("neuron group {group:?}: one neuron {excess}; help: {help}")]
    Neuron {
        /// The group.
        group: String,
        /// The limit that it breaks.
        excess: Excess,
        /// What would help.
        help: String,
    },
    /// The system is too small.
    #[error(
        "needs {needed_cores} neurocores on {needed_chips} chips, {arch:?} has {available_cores} on \
         {available_chips} [cores]; help: {help}"
    )]
    Cores {
        /// Cores that the packing takes.
        needed_cores: u64,
        /// Chips that they are on.
        needed_chips: u64,
        /// The system.
        arch: String,
        /// Its cores, the bad ones left out.
        available_cores: u64,
        /// Its chips.
        available_chips: u64,
        /// What would help.
        help: String,
    },
    /// The synapse memory of the system has no such weights.
    #[error(
        "{source_name} projects with weights of {bits} bits, {arch:?} packs {available} bits [weight-bits]; help: {help}"
    )]
    WeightBits {
        /// The projection's source.
        source_name: String,
        /// The width that is needed, in bits.
        bits: u32,
        /// The system.
        arch: String,
        /// The widths that it packs, in bits.
        available: String,
        /// What would help.
        help: &'static str,
    },
    /// A matrix has weights that no synapse holds.
    #[error("the weights of @{matrix} are {elem}, synapses hold ternary and 8-bit weights; help: quantize them first")]
    WideWeights {
        /// The constant.
        matrix: String,
        /// Its elements.
        elem: &'static str,
    },
    /// Logits are not sent one by one, or late.
    #[error(
        "{source_name} projects to the logits; the host takes one payload a token of the vocabulary, without delay"
    )]
    Logits {
        /// The projection's source.
        source_name: String,
    },
    /// The footprints are another network's.
    #[error("{footprints} footprints for {groups} neuron groups")]
    Footprints {
        /// Groups of the network.
        groups: usize,
        /// Footprints given.
        footprints: usize,
    },
}

impl PartitionError {
    /// The stable name of the limit or rule.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Neuron { excess: Excess { limit, .. }, .. } => Limit::id(*limit),
            Self::Cores { .. } => "cores",
            Self::WeightBits { .. } => "weight-bits",
            Self::WideWeights { .. } => "wide-weights",
            Self::Logits { .. } => "logits",
            Self::Footprints { .. } => "footprints",
        }
    }
}
