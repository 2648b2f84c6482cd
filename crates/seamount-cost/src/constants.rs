//! The constants of a system, at what is stated and at the ends of what is believed.

use seamount_arch::{Arch, Status};

use crate::rates::Rates;
use crate::term::{EnergyTerm, TimeTerm, status};

/// Where in the range of what is believed the constants are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Corner {
    /// Every `best` parameter in place of the one that it belongs to.
    Best,
    /// What is charged.
    Stated,
    /// Every `worst` parameter in place of the one that it belongs to.
    Worst,
}

/// What work costs on a system.
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    best: Rates,
    stated: Rates,
    worst: Rates,
    /// By [`TimeTerm`], how well its parameter is known.
    time_status: [Status; TimeTerm::ALL.len()],
    /// By [`EnergyTerm`], how well its parameter is known.
    energy_status: [Status; EnergyTerm::ALL.len()],
}

impl Costs {
    /// The constants of a system.
    #[must_use]
    pub fn of(arch: &Arch) -> Self {
        Self {
            best: rates(arch, Corner::Best),
            stated: rates(arch, Corner::Stated),
            worst: rates(arch, Corner::Worst),
            time_status: TimeTerm::ALL.map(|term| status(arch, term.parameter())),
            energy_status: EnergyTerm::ALL.map(|term| status(arch, term.parameter())),
        }
    }

    /// The plain numbers of a corner.
    #[must_use]
    pub fn rates(&self, corner: Corner) -> &Rates {
        match corner {
            Corner::Best => &self.best,
            Corner::Stated => &self.stated,
            Corner::Worst => &self.worst,
        }
    }

    /// How well a term's parameter is known.
    #[must_use]
    pub fn time_status(&self, term: TimeTerm) -> Status {
        self.time_status[term as usize]
    }

    /// How well a term's parameter is known.
    #[must_use]
    pub fn energy_status(&self, term: EnergyTerm) -> Status {
        self.energy_status[term as usize]
    }
}

fn rates(arch: &Arch, corner: Corner) -> Rates {
    let pick = |best: f64, stated: f64, worst: f64| match corner {
        Corner::Best => best,
        Corner::Stated => stated,
        Corner::Worst => worst,
    };
    let (synapse, neuron) = (arch.time_synaptic_op_ns(), arch.time_neuron_ns());
    let (barrier, watts) = (arch.time_system_barrier_ns(), arch.static_w_per_chip());
    Rates {
        synaptic_op_ns: pick(arch.time_synaptic_op_best_ns(), synapse, synapse),
        memory_byte_ns: arch.memory_bytes_per_ns().recip(),
        neuron_ns: pick(arch.time_neuron_best_ns(), neuron, neuron),
        instruction_ns: arch.time_instruction_ns(),
        spike_ns: arch.time_spike_ns(),
        axon_in_ns: arch.time_axon_in_ns(),
        axon_out_ns: arch.time_axon_out_ns(),
        link_message_ns: arch.message_bytes() as f64 / arch.link_bytes_per_ns(),
        chip_crossing_ns: arch.time_chip_crossing_ns(),
        chip_link_message_ns: arch.chip_message_bytes() / arch.chip_link_bytes_per_ns(),
        barrier_ns: arch.time_barrier_ns(),
        system_barrier_ns: pick(arch.time_system_barrier_best_ns(), barrier, arch.time_system_barrier_worst_ns()),
        synaptic_op_pj: arch.energy_synaptic_op_pj(),
        neuron_pj: arch.energy_neuron_pj(),
        instruction_pj: arch.energy_instruction_pj(),
        spike_pj: arch.energy_spike_pj(),
        axon_in_pj: arch.energy_axon_in_pj(),
        axon_out_pj: arch.energy_axon_out_pj(),
        hop_east_west_pj: arch.energy_hop_east_west_pj(),
        hop_north_south_pj: arch.energy_hop_north_south_pj(),
        chip_crossing_pj: arch.energy_chip_crossing_pj(),
        static_w_per_chip: pick(watts, watts, arch.static_worst_w_per_chip()),
    }
}
