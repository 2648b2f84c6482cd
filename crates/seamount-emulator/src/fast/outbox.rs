//! What the neurons of a part send in a step, and what they show.

use seamount_microcode::{PortId, ProbeId};

use super::kernels::Extent;
use super::plan::{Location, PartPlan};
use super::sent::Sent;
use super::tally::{Spikes, StepCounts};
use crate::error::FaultKind;
use crate::events::Events;

/// A fault of a part.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartFault {
    pub step: u64,
    pub lane: usize,
    /// Where the neuron is.
    pub location: Location,
    /// Effects of the neuron before the fault.
    pub order: u32,
    pub pc: usize,
    pub kind: FaultKind,
}

/// Something that an observer is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub step: u64,
    pub lane: usize,
    /// Ascending within the neuron's run.
    pub order: u32,
    pub what: Shown,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    Spike(PortId, i32),
    Probe(ProbeId, i32),
}

/// Where the spikes and probes of a part go in one step.
pub(super) struct Outbox<'p> {
    pub plan: &'p PartPlan,
    pub payload_bits: u32,
    pub step: u64,
    /// Where the run ends.
    pub run_end: u64,
    /// Whether logits are due.
    pub is_due: bool,
    pub sent: &'p mut [Sent],
    pub counted: &'p mut StepCounts,
    pub fault: &'p mut Option<PartFault>,
    /// What observers are told, if there are any.
    pub records: Option<&'p mut Vec<Record>>,
    pub order: u32,
}

impl Outbox<'_> {
    /// `SPIKE` of all lanes.
    #[inline(always)]
    pub(super) fn spike_of_all(&mut self, port: PortId, payloads: &[i32], pc: usize) {
        self.spike(port, payloads, None, pc);
    }

    /// `SPIKE` of all lanes that run.
    #[inline(always)]
    pub(super) fn spike(&mut self, port: PortId, values: &[i32], mask: Option<&[i32]>, pc: usize) {
        let masked: Vec<i32>;
        let payloads = match mask {
            None => values,
            Some(mask) => {
                masked = values.iter().zip(mask).map(|(&value, &on)| value & on).collect();
                masked.as_slice()
            }
        };
        let plan = &self.plan.ports[port.index()];
        let sent = &mut self.sent[port.index()];
        let mut n_sent = 0;
        let mut extent = Extent::default();
        for (at, class) in plan.classes.iter().enumerate() {
            let lanes = class.neurons.clone();
            let (of_class, n) = Extent::counted(&payloads[lanes.clone()]);
            let n_running = mask.map_or(lanes.len() as u64, |mask| Extent::counted(&mask[lanes]).1);
            sent.tally.add(self.step, plan.classes.len(), at, Spikes { n_sent: n, n_zero: n_running - n });
            n_sent += n;
            extent = extent.and(of_class);
        }
        self.counted.has_spiked = true;
        if n_sent == 0 {
            return;
        }
        self.counted.has_sent = true;
        if plan.leads_anywhere() && !sent.add(self.step, payloads, |sums| plan.extent(sums)) {
            let may_be_on_its_way = self.step + plan.delay_steps + 1 >= self.run_end;
            sent.push(self.step, payloads, extent, plan.needs_payloads || may_be_on_its_way);
        }
        self.check(extent, port, payloads, pc);
        if self.records.is_some() {
            let shown = payloads.iter().map(|&payload| (payload != 0).then_some(Shown::Spike(port, payload)));
            self.record(shown);
        }
    }

    /// `PROBE` of all lanes that run.
    pub(super) fn probe(&mut self, probe: ProbeId, values: &[i32], mask: Option<&[i32]>) {
        if self.records.is_some() {
            let shown = |(lane, &value): (usize, &i32)| {
                mask.is_none_or(|mask| mask[lane] != 0).then_some(Shown::Probe(probe, value))
            };
            self.record(values.iter().enumerate().map(shown));
        }
    }

    /// Notes the fault of a lane, if it is the first neuron at fault, and the neuron's first.
    pub(super) fn fault(&mut self, lane: usize, pc: usize, kind: FaultKind) {
        let Some(location) = self.plan.piece_at(lane).map(|piece| piece.location(lane)) else { return };
        if self.fault.is_none_or(|fault| location < fault.location) {
            // A spike that reaches the host when it should not was seen before.
            let order = self.order + u32::from(matches!(kind, FaultKind::StrayOutput { .. }));
            *self.fault = Some(PartFault { step: self.step, lane, location, order, pc, kind });
        }
    }

    /// Counts the lanes of each piece for which something is true.
    pub(super) fn count(&mut self, what: impl Fn(&mut Events) -> &mut u64, is_so: impl Fn(usize) -> bool) {
        let of_pieces = self.counted.share.of_pieces(self.plan.pieces.len());
        for (piece, events) in self.plan.pieces.iter().zip(of_pieces) {
            *what(events) += piece.lanes().filter(|&lane| is_so(lane)).count() as u64;
        }
    }

    /// Looks for payloads that are too wide, and for outputs when none are due.
    fn check(&mut self, extent: Extent, port: PortId, payloads: &[i32], pc: usize) {
        let (plan, bits) = (&self.plan.ports[port.index()], self.payload_bits);
        let beyond = |payload: i32| (payload ^ (payload >> 31)) >> (bits - 1);
        let is_stray = !self.is_due && plan.has_outputs();
        if beyond(extent.least) | beyond(extent.greatest) == 0 && !is_stray {
            return;
        }
        for (lane, &payload) in payloads.iter().enumerate().filter(|&(_, &payload)| payload != 0) {
            if beyond(payload) != 0 {
                self.fault(lane, pc, FaultKind::PayloadWidth { payload, bits });
            } else if is_stray && let Some(output) = plan.first_output_of(lane) {
                self.fault(lane, pc, FaultKind::StrayOutput { output });
            }
        }
    }

    fn record(&mut self, shown: impl Iterator<Item = Option<Shown>>) {
        let Self { plan, step, order, .. } = *self;
        self.order += 1;
        let records = self.records.as_deref_mut().expect("invariant: only asked where there are records");
        let numbered = shown.enumerate().filter_map(|(lane, what)| Some((lane, what?)));
        let of_neurons = numbered.filter(|&(lane, _)| plan.piece_at(lane).is_some());
        records.extend(of_neurons.map(|(lane, what)| Record { step, lane, order, what }));
    }
}
