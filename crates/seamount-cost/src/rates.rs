//! Plain numbers and the formulas of a single core, link and step.

use crate::term::{Bound, EnergyTerm, TimeTerm};
use crate::work::{CoreWork, LinkKind};

/// The constants of a system as plain numbers: times in ns, energies in pJ, power in W.
///
/// Units of one neurocore work side by side, so that the slowest of them sets its time (max-affine).
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is the arch's parameter of its name")]
pub struct Rates {
    pub synaptic_op_ns: f64,
    pub memory_byte_ns: f64,
    pub neuron_ns: f64,
    pub instruction_ns: f64,
    pub spike_ns: f64,
    pub axon_in_ns: f64,
    pub axon_out_ns: f64,
    /// One message over one link between routers.
    pub link_message_ns: f64,
    pub chip_crossing_ns: f64,
    /// One message over all links of a chip together.
    pub chip_link_message_ns: f64,
    pub barrier_ns: f64,
    pub system_barrier_ns: f64,
    pub synaptic_op_pj: f64,
    pub neuron_pj: f64,
    pub instruction_pj: f64,
    pub spike_pj: f64,
    pub axon_in_pj: f64,
    pub axon_out_pj: f64,
    pub hop_east_west_pj: f64,
    pub hop_north_south_pj: f64,
    pub chip_crossing_pj: f64,
    pub static_w_per_chip: f64,
}

/// What a core's work takes, and which of its units is the slowest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoreTime {
    /// Time of the slowest unit.
    pub ns: f64,
    /// Which one it is.
    pub bound: Bound,
}

impl Rates {
    /// What a core's work of a step takes.
    #[inline]
    #[must_use]
    pub fn core_ns(&self, work: &CoreWork) -> f64 {
        let [synapses, memory, microcode, axons_in, axons_out] = self.units_ns(work);
        synapses.max(memory).max(microcode).max(axons_in).max(axons_out)
    }

    /// The same, with the unit that binds; the first of equals.
    #[must_use]
    pub fn core_time(&self, work: &CoreWork) -> CoreTime {
        let bounds = [Bound::Synapses, Bound::Memory, Bound::Microcode, Bound::Messages, Bound::Messages];
        let mut slowest = CoreTime { ns: 0.0, bound: Bound::Synapses };
        for (ns, bound) in self.units_ns(work).into_iter().zip(bounds) {
            if ns > slowest.ns {
                slowest = CoreTime { ns, bound };
            }
        }
        slowest
    }

    /// What the messages over one link take.
    #[inline]
    #[must_use]
    pub fn link_ns(&self, kind: LinkKind, n_messages: f64) -> f64 {
        match kind {
            LinkKind::EastWest | LinkKind::NorthSouth => n_messages * self.link_message_ns,
            LinkKind::Chip => n_messages * self.chip_link_message_ns.max(self.chip_crossing_ns),
        }
    }

    /// What every step takes beyond the work in it.
    #[must_use]
    pub fn barriers_ns(&self, n_chips: u32) -> f64 {
        self.barrier_ns + if n_chips > 1 { self.system_barrier_ns } else { 0.0 }
    }

    /// What a core's work costs.
    #[must_use]
    pub fn core_pj(&self, work: &CoreWork) -> f64 {
        self.core_energy(work).into_iter().map(|(_, pj)| pj).sum()
    }

    /// What the messages over one link cost.
    #[must_use]
    pub fn link_pj(&self, kind: LinkKind, n_messages: f64) -> f64 {
        self.link_energy(kind, n_messages).1
    }

    /// What the powered chips take while nothing happens: 1 W is 1000 pJ a nanosecond.
    #[must_use]
    pub fn static_pj(&self, n_chips: u32, ns: f64) -> f64 {
        1000.0 * self.static_w_per_chip * f64::from(n_chips) * ns
    }

    /// Synapses, memory, microcode, axons in, axons out.
    #[inline]
    fn units_ns(&self, work: &CoreWork) -> [f64; 5] {
        [
            work.synaptic_ops * self.synaptic_op_ns,
            work.synapse_bytes * self.memory_byte_ns,
            work.neurons * self.neuron_ns + work.instructions * self.instruction_ns + work.spikes * self.spike_ns,
            work.messages_in * self.axon_in_ns,
            work.messages_out * self.axon_out_ns,
        ]
    }

    /// What the slowest unit's time is made of.
    pub(crate) fn core_terms(&self, work: &CoreWork) -> Vec<(TimeTerm, f64)> {
        let units = self.units_ns(work);
        let slowest = units.into_iter().fold(0.0, f64::max);
        match units.into_iter().position(|ns| ns >= slowest) {
            Some(0) => vec![(TimeTerm::SynapticOps, slowest)],
            Some(1) => vec![(TimeTerm::Memory, slowest)],
            Some(2) => vec![
                (TimeTerm::Neurons, work.neurons * self.neuron_ns),
                (TimeTerm::Instructions, work.instructions * self.instruction_ns),
                (TimeTerm::Spikes, work.spikes * self.spike_ns),
            ],
            Some(3) => vec![(TimeTerm::AxonsIn, slowest)],
            Some(_) | None => vec![(TimeTerm::AxonsOut, slowest)],
        }
    }

    /// The parameter that a link's time is charged by.
    pub(crate) fn link_term(&self, kind: LinkKind) -> TimeTerm {
        match kind {
            LinkKind::EastWest | LinkKind::NorthSouth => TimeTerm::Links,
            LinkKind::Chip if self.chip_crossing_ns > self.chip_link_message_ns => TimeTerm::ChipCrossings,
            LinkKind::Chip => TimeTerm::ChipLinks,
        }
    }

    pub(crate) fn core_energy(&self, work: &CoreWork) -> [(EnergyTerm, f64); 6] {
        [
            (EnergyTerm::SynapticOps, work.synaptic_ops * self.synaptic_op_pj),
            (EnergyTerm::Neurons, work.neurons * self.neuron_pj),
            (EnergyTerm::Instructions, work.instructions * self.instruction_pj),
            (EnergyTerm::Spikes, work.spikes * self.spike_pj),
            (EnergyTerm::AxonsIn, work.messages_in * self.axon_in_pj),
            (EnergyTerm::AxonsOut, work.messages_out * self.axon_out_pj),
        ]
    }

    pub(crate) fn link_energy(&self, kind: LinkKind, n_messages: f64) -> (EnergyTerm, f64) {
        match kind {
            LinkKind::EastWest => (EnergyTerm::HopsEastWest, n_messages * self.hop_east_west_pj),
            LinkKind::NorthSouth => (EnergyTerm::HopsNorthSouth, n_messages * self.hop_north_south_pj),
            LinkKind::Chip => (EnergyTerm::ChipCrossings, n_messages * self.chip_crossing_pj),
        }
    }
}
