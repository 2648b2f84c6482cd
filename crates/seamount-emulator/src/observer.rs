//! Looking into a run.

use seamount_microcode::{PortId, ProbeId};

/// Sees what neurons send and show. Each method does nothing unless it is overridden; `()` sees nothing.
pub trait Observer {
    /// A neuron sent a payload that is not zero.
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        let _ = (site, port, payload);
    }

    /// A neuron executed `PROBE`; `name` is the probe's declared name.
    fn probe(&mut self, site: Site, probe: ProbeId, name: &str, value: i32) {
        let _ = (site, probe, name, value);
    }
}

/// Which neuron, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The step, from 0.
    pub step: u64,
    /// Index of the core.
    pub core: u32,
    /// Index of the group.
    pub group: u32,
    /// The neuron, counted in its group.
    pub neuron: u32,
}

impl Observer for () {}

/// An observer that keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorder {
    /// Probed values, in the order of the steps, within a step by core and neuron.
    pub probes: Vec<ProbeRecord>,
    /// Spikes, in the same order.
    pub spikes: Vec<SpikeRecord>,
}

/// A probed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRecord {
    /// Which neuron, and when.
    pub site: Site,
    /// The probe's declared name.
    pub name: String,
    /// The value.
    pub value: i32,
}

/// A spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpikeRecord {
    /// Which neuron, and when.
    pub site: Site,
    /// The port.
    pub port: PortId,
    /// The payload.
    pub payload: i32,
}

impl Observer for Recorder {
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        self.spikes.push(SpikeRecord { site, port, payload });
    }

    fn probe(&mut self, site: Site, _probe: ProbeId, name: &str, value: i32) {
        self.probes.push(ProbeRecord { site, name: name.to_owned(), value });
    }
}
