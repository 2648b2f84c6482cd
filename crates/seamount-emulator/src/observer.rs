//! Looking into a run.

use seamount_microcode::{PortId, ProbeId};

use crate::emulate::Emulator;

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

    /// A step is over, in which the host sent `token` and read `logits`, where there were any. Only those are told that
    /// [ask for it](Self::watches_steps).
    fn step_done(&mut self, emulator: &Emulator, token: Option<u32>, logits: Option<&[i32]>) {
        let _ = (emulator, token, logits);
    }

    /// Whether steps are run one at a time, and each is told when it is over.
    fn watches_steps(&self) -> bool {
        false
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

impl<O: Observer + ?Sized> Observer for &mut O {
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        (**self).spike(site, port, payload);
    }

    fn probe(&mut self, site: Site, probe: ProbeId, name: &str, value: i32) {
        (**self).probe(site, probe, name, value);
    }

    fn step_done(&mut self, emulator: &Emulator, token: Option<u32>, logits: Option<&[i32]>) {
        (**self).step_done(emulator, token, logits);
    }

    fn watches_steps(&self) -> bool {
        (**self).watches_steps()
    }
}

/// Some observers, each of which is told everything, in order.
impl<O: Observer> Observer for Vec<O> {
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        self.iter_mut().for_each(|observer| observer.spike(site, port, payload));
    }

    fn probe(&mut self, site: Site, probe: ProbeId, name: &str, value: i32) {
        self.iter_mut().for_each(|observer| observer.probe(site, probe, name, value));
    }

    fn step_done(&mut self, emulator: &Emulator, token: Option<u32>, logits: Option<&[i32]>) {
        for observer in self.iter_mut().filter(|observer| observer.watches_steps()) {
            observer.step_done(emulator, token, logits);
        }
    }

    fn watches_steps(&self) -> bool {
        self.iter().any(Observer::watches_steps)
    }
}

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
