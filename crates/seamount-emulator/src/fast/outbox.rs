//! What the neurons of a part send in a step, and what they show.

use seamount_microcode::{PortId, ProbeId};

use super::counting::PortPlan;
use super::kernels::Extent;
use super::plan::{Location, PartPlan};
use super::tally::{Spikes, StepCounts, Tally};
use crate::error::FaultKind;
use crate::events::Events;

/// What one port of a part has sent to one stream, one row for each step in which anything was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// The step of each row, ascending.
    pub steps: Vec<u64>,
    /// Payloads, zero where nothing was sent, `[row][lane]`; those of lanes that are nobody's mean nothing.
    pub payloads: Vec<i32>,
    /// By row.
    pub extents: Vec<Extent>,
    pub tally: Tally,
}

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
        self.check(plan, payloads, pc);
        if self.records.is_some() {
            let shown = payloads.iter().map(|&payload| (payload != 0).then_some(Shown::Spike(port, payload)));
            self.record(shown);
        }
        let sent = &mut self.sent[port.index()];
        let is_first = sent.steps.last() != Some(&self.step);
        let mut n_sent = 0;
        for (at, class) in plan.classes.iter().enumerate() {
            let lanes = class.neurons.clone();
            let n = count_nonzero(&payloads[lanes.clone()]);
            let n_running = mask.map_or(lanes.len() as u64, |mask| count_nonzero(&mask[lanes]));
            sent.tally.add(self.step, plan.classes.len(), at, Spikes { n_sent: n, n_zero: n_running - n });
            n_sent += n;
        }
        self.counted.has_spiked = true;
        self.counted.has_sent |= n_sent > 0;
        if n_sent == 0 || !plan.leads_anywhere() {
            return;
        }
        if is_first {
            sent.steps.push(self.step);
            sent.payloads.extend_from_slice(payloads);
        } else {
            // A second message on the same axon is the same to the sums as one with the sum of the payloads.
            let row = sent.payloads.len() - payloads.len();
            sent.payloads[row..].iter_mut().zip(payloads).for_each(|(sum, payload)| *sum += payload);
            sent.extents.pop();
        }
        let row = sent.payloads.len() - payloads.len();
        sent.extents.push(plan.extent(&sent.payloads[row..]));
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
    #[inline(always)]
    fn check(&mut self, plan: &PortPlan, payloads: &[i32], pc: usize) {
        let bits = self.payload_bits;
        let beyond = |payload: i32| (payload ^ (payload >> 31)) >> (bits - 1);
        let any = payloads.iter().fold(0, |any, &payload| any | beyond(payload));
        let is_stray = !self.is_due && !plan.outputs.is_empty();
        if any == 0 && !is_stray {
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

#[inline(always)]
fn count_nonzero(payloads: &[i32]) -> u64 {
    let n: u32 = payloads.iter().map(|&payload| u32::from(payload != 0)).sum();
    n.into()
}

impl Sent {
    /// The payloads of a step and their extent, if any were sent.
    pub(super) fn in_step(&self, step: u64) -> Option<(&[i32], Extent)> {
        let row = self.steps.binary_search(&step).ok()?;
        let n_lanes = self.payloads.len() / self.steps.len();
        Some((&self.payloads[row * n_lanes..][..n_lanes], self.extents[row]))
    }

    /// Forgets the rows of steps before `step`.
    pub(super) fn forget_before(&mut self, step: u64) {
        let n = self.steps.partition_point(|&at| at < step);
        let n_rows = self.steps.len();
        if n > 0 {
            self.payloads.drain(..self.payloads.len() / n_rows * n);
            self.steps.drain(..n);
            self.extents.drain(..n);
        }
    }
}
