//! What time and energy are made of.

use seamount_arch::{Arch, Status};
use serde::{Deserialize, Serialize};

/// A part of a step's time: the parameter that it is charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`parameter` names the parameter of the arch that says what each one is")]
pub enum TimeTerm {
    SynapticOps,
    Memory,
    Neurons,
    Instructions,
    Spikes,
    AxonsIn,
    AxonsOut,
    Links,
    ChipCrossings,
    ChipLinks,
    Barrier,
    SystemBarrier,
}

/// A part of a token's energy: the parameter that it is charged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`parameter` names the parameter of the arch that says what each one is")]
pub enum EnergyTerm {
    Static,
    SynapticOps,
    Neurons,
    Instructions,
    Spikes,
    AxonsIn,
    AxonsOut,
    HopsEastWest,
    HopsNorthSouth,
    ChipCrossings,
}

/// What limits: a resource whose work takes the time, or the power that is spent whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Synaptic operations of the busiest neurocore.
    Synapses,
    /// Its reads of synapse memory.
    Memory,
    /// Its neurons and their microcode.
    Microcode,
    /// Messages at its axons.
    Messages,
    /// The busiest link.
    Links,
    /// What every step takes whatever happens in it.
    Barrier,
    /// The power of chips that do nothing; of energy only.
    StaticPower,
}

impl TimeTerm {
    /// All terms, in the order of reports.
    pub const ALL: [Self; 12] = [
        Self::SynapticOps,
        Self::Memory,
        Self::Neurons,
        Self::Instructions,
        Self::Spikes,
        Self::AxonsIn,
        Self::AxonsOut,
        Self::Links,
        Self::ChipCrossings,
        Self::ChipLinks,
        Self::Barrier,
        Self::SystemBarrier,
    ];

    /// The parameter of the arch.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::SynapticOps => "time.synaptic_op_ns",
            Self::Memory => "time.memory_bytes_per_ns",
            Self::Neurons => "time.neuron_ns",
            Self::Instructions => "time.instruction_ns",
            Self::Spikes => "time.spike_ns",
            Self::AxonsIn => "time.axon_in_ns",
            Self::AxonsOut => "time.axon_out_ns",
            Self::Links => "time.link_bytes_per_ns",
            Self::ChipCrossings => "time.chip_crossing_ns",
            Self::ChipLinks => "time.chip_link_bytes_per_ns",
            Self::Barrier => "time.barrier_ns",
            Self::SystemBarrier => "time.system_barrier_ns",
        }
    }

    /// The resource that the time is spent on.
    #[must_use]
    pub fn bound(self) -> Bound {
        match self {
            Self::SynapticOps => Bound::Synapses,
            Self::Memory => Bound::Memory,
            Self::Neurons | Self::Instructions | Self::Spikes => Bound::Microcode,
            Self::AxonsIn | Self::AxonsOut => Bound::Messages,
            Self::Links | Self::ChipCrossings | Self::ChipLinks => Bound::Links,
            Self::Barrier | Self::SystemBarrier => Bound::Barrier,
        }
    }
}

impl EnergyTerm {
    /// All terms, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Static,
        Self::SynapticOps,
        Self::Neurons,
        Self::Instructions,
        Self::Spikes,
        Self::AxonsIn,
        Self::AxonsOut,
        Self::HopsEastWest,
        Self::HopsNorthSouth,
        Self::ChipCrossings,
    ];

    /// The parameter of the arch.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Static => "power.static_w_per_chip",
            Self::SynapticOps => "energy.synaptic_op_pj",
            Self::Neurons => "energy.neuron_pj",
            Self::Instructions => "energy.instruction_pj",
            Self::Spikes => "energy.spike_pj",
            Self::AxonsIn => "energy.axon_in_pj",
            Self::AxonsOut => "energy.axon_out_pj",
            Self::HopsEastWest => "energy.hop_east_west_pj",
            Self::HopsNorthSouth => "energy.hop_north_south_pj",
            Self::ChipCrossings => "energy.chip_crossing_pj",
        }
    }

    /// What the energy is spent on.
    #[must_use]
    pub fn bound(self) -> Bound {
        match self {
            Self::Static => Bound::StaticPower,
            Self::SynapticOps => Bound::Synapses,
            Self::Neurons | Self::Instructions | Self::Spikes => Bound::Microcode,
            Self::AxonsIn | Self::AxonsOut => Bound::Messages,
            Self::HopsEastWest | Self::HopsNorthSouth | Self::ChipCrossings => Bound::Links,
        }
    }
}

impl Bound {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] =
        [Self::Synapses, Self::Memory, Self::Microcode, Self::Messages, Self::Links, Self::Barrier, Self::StaticPower];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Synapses => "synaptic operations",
            Self::Memory => "synapse memory",
            Self::Microcode => "microcode",
            Self::Messages => "messages",
            Self::Links => "links",
            Self::Barrier => "barrier",
            Self::StaticPower => "static power",
        }
    }
}

/// How well a parameter is known.
pub(crate) fn status(arch: &Arch, parameter: &str) -> Status {
    let found = arch.parameters().find(|p| p.name == parameter);
    found.expect("invariant: terms name parameters of the schema").status
}
