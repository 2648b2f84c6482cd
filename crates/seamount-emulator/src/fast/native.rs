//! Ways that neurons have taken together, run as machine code.
//!
//! Microcode is run an instruction at a time at first. Once all lanes of a part have taken the same way, it is compiled for
//! whatever part of the body has something in the same accumulators; a run in which a lane leaves it changes nothing, and
//! is made again by the instruction. Saturations are rare: lanes that have met any run again to be counted.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, RwLock};

use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, PortId, ProbeId};

use super::arrivals::Arrived;
use super::kernels::{Code, Kernel, LANES, Verdict};
use super::lanes::{Neurons, Scratch};
use super::outbox::Outbox;
use super::part::NO_PANIC;
use super::plan::{BodyPlan, Plan};
use super::trace::{Present, Trace, Zero};
use crate::error::FaultKind;
use crate::events::Events;
use crate::neuron::{self, Effects, Neuron};

/// Ways through one body that are compiled.
const MOST_WAYS: usize = 16;

/// How often lanes may leave a way before it is given up.
const MOST_MISSES: u32 = 16;

/// One in so many lanes may run again to be counted; where more do, all run by the instruction.
const SHARE_COUNTED: usize = 8;

/// The ways through a body, by what is in its accumulators; nothing where a way has turned out not to be simple.
#[derive(Debug, Default)]
pub(super) struct Ways(RwLock<Vec<(Present, Option<Arc<Native>>)>>);

/// Those that a part has asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Vec<(Present, Option<Arc<Native>>)>);

/// A way that is compiled.
#[derive(Debug)]
pub(super) struct Native {
    trace: Trace,
    code: Code,
    word: Word,
    n_missed: AtomicU32,
}

/// Arrays for what is written, kept from run to run for their memory.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    arrays: Vec<Vec<i32>>,
    /// Taken from slots that hold zeros.
    spare: Vec<Vec<i32>>,
    zeros: Vec<i32>,
    lost: Vec<u16>,
    /// By slot that is written, whether it holds zeros then.
    are_zero: Vec<bool>,
}

/// What is known of the way that neurons will take.
pub(super) enum Way<'a> {
    Compiled(&'a Native),
    /// It is to be found out.
    New,
    NotSimple,
}

/// What a lane does when it runs again.
struct Unseen;

impl Effects for Unseen {
    fn spike(&mut self, _: &mut Events, _: PortId, _: i32) -> Result<(), FaultKind> {
        Ok(())
    }

    fn probe(&mut self, _: ProbeId, _: i32) {}
}

impl Outputs {
    /// Makes room for so many arrays.
    fn prepare(&mut self, n_arrays: usize, n_lanes: usize) {
        let Self { arrays, spare, zeros, lost, are_zero: _ } = self;
        arrays.resize_with(n_arrays.max(arrays.len()), Vec::new);
        for lanes in &mut arrays[..n_arrays] {
            if lanes.is_empty() {
                *lanes = spare.pop().unwrap_or_default();
            }
            lanes.resize(n_lanes, 0);
        }
        zeros.resize(n_lanes, 0);
        lost.resize(n_lanes / LANES, 0);
    }
}

impl Known {
    /// The way with something in the accumulators that are `present`.
    pub(super) fn way(&mut self, present: Present, ways: &Ways) -> Way<'_> {
        let at = match self.0.iter().position(|&(of, _)| of == present) {
            Some(at) => at,
            None => {
                let ways = ways.0.read().expect(NO_PANIC);
                match ways.iter().find(|&&(of, _)| of == present) {
                    Some(way) => self.0.push(way.clone()),
                    None if ways.len() < MOST_WAYS => return Way::New,
                    None => self.0.push((present, None)),
                }
                self.0.len() - 1
            }
        };
        match &self.0[at].1 {
            Some(native) if native.n_missed.load(Ordering::Relaxed) < MOST_MISSES => Way::Compiled(native),
            Some(_) | None => Way::NotSimple,
        }
    }
}

impl BodyPlan {
    /// Compiles a way that all lanes have taken, or notes that there was none.
    pub(super) fn learn(&self, plan: &Plan, kernel: Kernel, present: Present, path: Option<&[bool]>) {
        let trace =
            path.and_then(|path| Trace::new(&self.body, plan.word, plan.accumulator, plan.payload_bits, present, path));
        let native = trace.and_then(|trace| {
            let code = kernel.compile(&trace, plan.word, plan.payload_bits)?;
            Some(Arc::new(Native { trace, code, word: plan.word, n_missed: AtomicU32::new(0) }))
        });
        let mut ways = self.ways.0.write().expect(NO_PANIC);
        if ways.iter().all(|&(of, _)| of != present) {
            ways.push((present, native));
        }
    }
}

impl Neurons {
    /// Which accumulators hold anything, if all of that has just arrived.
    pub(super) fn present(&self, scratch: &Scratch, arrived: Option<Arrived<'_>>) -> Option<Present> {
        if self.is_charged.contains(&true) || self.is_charged.len() > Present::BITS as usize {
            return None;
        }
        let waiting = scratch.is_waiting.iter().take(if arrived.is_some() { usize::MAX } else { 0 });
        Some(waiting.rev().fold(0, |present, &is_waiting| present << 1 | Present::from(is_waiting)))
    }
}

impl Native {
    /// Runs the neurons as [`Neurons::run`] does, where none leaves the way.
    pub(super) fn run(
        &self,
        kernel: Kernel,
        body: &Body,
        neurons: &mut Neurons,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        arrived: Option<Arrived<'_>>,
    ) -> Option<bool> {
        let Self { trace, code, n_missed, .. } = self;
        let ports = &outbox.plan.ports;
        if !outbox.is_due && trace.spikes.iter().any(|spike| !ports[spike.port.index()].outputs.is_empty()) {
            return None;
        }
        let n_lanes = outbox.plan.n_lanes;
        scratch.outputs.prepare(trace.written.len() + trace.spikes.len(), n_lanes);
        let Outputs { arrays, zeros, lost, .. } = &mut scratch.outputs;
        let sums = |acc: usize| arrived.map_or(&[][..], |arrived| arrived.sums(acc, n_lanes));
        let lanes = |&slot: &usize| if neurons.is_zero[slot] { zeros.as_slice() } else { &*neurons.slots[slot] };
        let slots = trace.read.iter().map(lanes);
        let inputs: Vec<&[i32]> = trace.sums.iter().map(|&acc| sums(acc)).chain(slots).collect();
        match code.run(&inputs, &mut arrays[..trace.written.len() + trace.spikes.len()], lost) {
            Verdict::Exact => {}
            Verdict::Saturated => self.count_saturations(body, neurons, lost, outbox, sums)?,
            Verdict::Left => {
                n_missed.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        outbox.counted.share.instructions += trace.n_instructions;
        let changed = self.keep(neurons, &mut scratch.outputs, arrived.is_none());
        for (acc, is_waiting) in scratch.is_waiting.iter_mut().enumerate().filter(|_| arrived.is_some()) {
            if std::mem::take(is_waiting) && !trace.sums.contains(&acc) {
                neurons.accumulators[acc].copy_from_slice(sums(acc));
                neurons.is_charged[acc] = true;
            }
        }
        for (spike, payloads) in trace.spikes.iter().zip(&scratch.outputs.arrays[trace.written.len()..]) {
            kernel.spike(outbox, spike.port, payloads, spike.pc);
        }
        Some(changed)
    }

    /// Puts what was written in the slots; whether that has changed any, if it is asked.
    fn keep(&self, neurons: &mut Neurons, outputs: &mut Outputs, is_asked: bool) -> bool {
        let Outputs { arrays, spare, are_zero, .. } = outputs;
        are_zero.clear();
        are_zero.extend(self.trace.written.iter().map(|written| match written.zero {
            Zero::Yes => true,
            Zero::Unknown => false,
            Zero::AsSlot(slot) => neurons.is_zero[slot],
        }));
        let mut changed = false;
        for ((written, lanes), &is_zero) in self.trace.written.iter().zip(arrays).zip(&*are_zero) {
            let (slot, was_zero) = (&mut neurons.slots[written.slot], &mut neurons.is_zero[written.slot]);
            changed |= is_asked
                && match (*was_zero, is_zero) {
                    (true, true) => false,
                    (true, false) => lanes.iter().any(|&lane| lane != 0),
                    (false, _) => lanes != &**slot,
                };
            let slot = slot.own();
            if !is_zero {
                std::mem::swap(lanes, slot);
            } else if !slot.is_empty() {
                spare.push(std::mem::take(slot));
            }
            *was_zero = is_zero;
        }
        changed
    }

    /// Counts the saturations of the lanes that may have any, if they are few.
    fn count_saturations<'a>(
        &self,
        body: &Body,
        neurons: &Neurons,
        lost: &[u16],
        outbox: &mut Outbox<'_>,
        sums: impl Fn(usize) -> &'a [i32],
    ) -> Option<()> {
        // Of a pair of lanes either may be meant.
        let pairs = |lanes: u16| lanes | (lanes & 0x5555) << 1 | (lanes & 0xaaaa) >> 1;
        let n_counted: usize = lost.iter().map(|&lanes| pairs(lanes).count_ones() as usize).sum();
        if n_counted * SHARE_COUNTED > outbox.plan.n_lanes {
            return None;
        }
        let n_accumulators = neurons.accumulators.len();
        let mut registers = neuron::Scratch::new();
        let of_pieces = outbox.counted.share.of_pieces(outbox.plan.pieces.len());
        for (piece, events) in outbox.plan.pieces.iter().zip(of_pieces) {
            for lane in piece.lanes().filter(|&lane| pairs(lost[lane / LANES]) >> (lane % LANES) & 1 == 1) {
                let mut slots: Vec<i32> =
                    neurons.slots.iter().map(|slot| slot.get(lane).copied().unwrap_or(0)).collect();
                let mut accumulators = vec![0; n_accumulators];
                self.trace.sums.iter().for_each(|&acc| accumulators[acc] = sums(acc)[lane]);
                let mut counted = Events::default();
                let (slots, accumulators) = (slots.as_mut_slice(), accumulators.as_mut_slice());
                registers.begin();
                let outcome = Neuron { word: self.word, slots, accumulators, events: &mut counted }.run(
                    body,
                    &mut registers,
                    &mut Unseen,
                );
                outcome.expect("invariant: a way has no fault");
                events.register_saturations += counted.register_saturations;
            }
        }
        Some(())
    }
}
