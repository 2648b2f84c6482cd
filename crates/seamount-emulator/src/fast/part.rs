//! Some steps of a part: what arrives is summed, and the neurons run where anything may happen.

use std::cell::RefCell;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::arrivals::{Arrivals, Arrived, Multiplier};
use super::feed::{Heard, HostSent, Span, Steps};
use super::inputs::Input;
use super::kernels::{Kernel, Panel};
use super::lanes::{self, Neurons, Slot};
use super::native::{Known, Way};
use super::outbox::{Outbox, PartFault, Record};
use super::plan::{PartPlan, Plan};
use super::sent::Sent;
use super::tally::{Counts, StepCounts};
use super::team::Phases;

/// A part of one stream.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub neurons: Neurons,
    /// By port.
    pub sent: Vec<Sent>,
    pub counts: Counts,
    /// What is counted in the present step.
    counted: StepCounts,
    /// Whether a step in which nothing arrives changes nothing, and counts the same.
    is_quiet: bool,
    pub fault: Option<PartFault>,
    pub records: Vec<Record>,
    ways: Known,
}

#[derive(Default)]
struct Scratch {
    arrivals: Arrivals,
    panel: Panel,
    lanes: lanes::Scratch,
}

thread_local! {
    /// Kept from part to part for its memory.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A block of steps of all streams. Its phases are, for each stage, what is heard of the stage before, and what is done with
/// it; beside the latter, what the next stage hears of others is gathered.
pub(super) struct Block<'a> {
    pub plan: &'a Plan,
    pub kernel: Kernel,
    /// By stream.
    pub host: &'a [HostSent],
    /// `[part][stream]`
    pub parts: Vec<RwLock<&'a mut Vec<Part>>>,
    /// What a stage hears, by its feeds; and the same of the stage after it.
    pub heard: [Vec<RwLock<&'a mut Heard>>; 2],
    /// By stream.
    pub steps: &'a [Steps],
    /// Whether any part has met a fault.
    pub has_fault: AtomicBool,
    /// Whether an observer looks on.
    pub recording: bool,
}

/// Locks are there to tell the compiler what the phases see to.
pub(super) const NO_PANIC: &str = "invariant: nobody panics with a lock";

impl Phases for Block<'_> {
    fn n_items(&self, phase: usize) -> usize {
        let stage = &self.plan.stages[phase / 2];
        if phase.is_multiple_of(2) { stage.late.len() } else { stage.parts.len() + self.early(phase / 2 + 1).len() }
    }

    fn work(&self, phase: usize, item: usize) {
        let at = phase / 2;
        let stage = &self.plan.stages[at];
        if phase.is_multiple_of(2) {
            self.gather(at, stage.late[item]);
        } else if let Some(early) = item.checked_sub(stage.parts.len()) {
            self.gather(at + 1, self.early(at + 1)[early]);
        } else {
            self.run(at, stage.parts.start + item);
        }
    }
}

impl Block<'_> {
    /// The feeds of a stage that are gathered before the stage before it is over.
    fn early(&self, stage: usize) -> &[usize] {
        self.plan.stages.get(stage).map_or(&[], |stage| &stage.early)
    }

    /// What a stage runs, by stream.
    fn spans(&self, stage: usize) -> Vec<Span<'_>> {
        self.steps.iter().map(|steps| steps.of(self.plan.stages[stage].lag)).collect()
    }

    fn gather(&self, stage: usize, feed: usize) {
        let mut heard = self.heard[stage % 2][feed].write().expect(NO_PANIC);
        let feed = &self.plan.stages[stage].feeds[feed];
        heard.gather(feed, &self.parts, self.host, &self.spans(stage), self.kernel);
    }

    /// Runs a part of all streams.
    fn run(&self, stage: usize, part: usize) {
        let mut streams = self.parts[part].write().expect(NO_PANIC);
        let plan = &self.plan.parts[part];
        let feeds = &plan.feeds;
        let heard: Vec<_> = feeds.iter().map(|&feed| self.heard[stage % 2][feed].read().expect(NO_PANIC)).collect();
        let of_input = |input: &Input| feeds.iter().position(|&feed| feed == input.feed).map(|at| &**heard[at]);
        let heard: Vec<&Heard> = plan.inputs.iter().filter_map(of_input).collect();
        for (part, steps) in streams.iter_mut().zip(self.steps) {
            for (sent, port) in part.sent.iter_mut().zip(&plan.ports) {
                port.forget_heard(sent, steps.of(port.heard_lag.unwrap_or(0)).first);
            }
        }
        run(self, plan, &self.plan.parts[plan.next], &heard, &self.spans(stage), &mut streams);
        if streams.iter().any(|part| part.fault.is_some()) {
            self.has_fault.store(true, Ordering::Relaxed);
        }
    }
}

impl Part {
    /// A part at its beginning.
    pub(super) fn new(plan: &Plan, part: &PartPlan) -> Self {
        let body = &plan.bodies[part.body].body;
        let (n_slots, n_accumulators) = (body.slots.len(), body.accumulators.len());
        let mut neurons = Neurons::new(part.n_lanes, n_slots, n_accumulators);
        for piece in &part.pieces {
            let slots = &plan.program.cores[piece.core].slices[piece.slice].slots;
            neurons.set_piece(piece, &slots[piece.first_in_slice * n_slots..], &[]);
        }
        neurons.settle();
        Self {
            neurons,
            sent: vec![Sent::default(); body.ports.len()],
            counts: Counts::default(),
            counted: StepCounts::default(),
            is_quiet: false,
            fault: None,
            records: Vec::new(),
            ways: Known::default(),
        }
    }

    /// Asks for the memory that the neurons will read and write, but for parameters that another stream has asked for.
    fn fetch(&mut self, kernel: Kernel, is_first: bool) {
        for slot in self.neurons.slots.iter().filter(|slot| is_first || matches!(slot, Slot::Own(_))) {
            kernel.fetch(slot);
        }
        self.sent.iter_mut().for_each(|sent| sent.fetch(kernel));
    }

    /// Steps in which nothing arrives, from `from` to before `to`.
    fn rest(
        &mut self,
        block: &Block<'_>,
        plan: &PartPlan,
        scratch: &mut lanes::Scratch,
        span: &Span<'_>,
        from: u64,
        to: u64,
    ) {
        let mut step = from;
        while step < to && self.fault.is_none() {
            if let Some(quiet) = &block.plan.bodies[plan.body].quiet
                && !self.is_quiet
                && self.neurons.is_quiet(&quiet.zero_slots)
            {
                self.counts.rest_with(quiet.n_instructions);
                self.is_quiet = true;
            }
            // Observers want to see what a quiet step shows.
            if self.is_quiet && !block.recording {
                let tallies = self.sent.iter_mut().map(|sent| &mut sent.tally);
                self.counts.rest(to - step, to - 1, to == span.end(), tallies);
                return;
            }
            let changed = self.step(block, plan, scratch, span, step, None);
            self.is_quiet = !changed && !self.counted.has_sent;
            if self.is_quiet {
                self.counts.rest_as(&self.counted, step);
            }
            self.counts.charge(&mut self.counted, step, step + 1 == span.end());
            step += 1;
        }
    }

    /// Runs the neurons with what has arrived. Where nothing has, it is found out whether they changed.
    fn step(
        &mut self,
        block: &Block<'_>,
        plan: &PartPlan,
        scratch: &mut lanes::Scratch,
        span: &Span<'_>,
        step: u64,
        arrived: Option<Arrived<'_>>,
    ) -> bool {
        let kernel = block.kernel;
        if let Some(arrived) = arrived {
            kernel.receive(&mut self.neurons, block.plan, plan, arrived, scratch, &mut self.counted);
        }
        let mut outbox = Outbox {
            plan,
            payload_bits: block.plan.payload_bits,
            step,
            run_end: span.run_end,
            is_due: span.due.binary_search(&step).is_ok(),
            sent: &mut self.sent,
            counted: &mut self.counted,
            fault: &mut self.fault,
            records: block.recording.then_some(&mut self.records),
            order: 0,
        };
        let body = &block.plan.bodies[plan.body];
        let may_compile = kernel.compiles() && !block.recording;
        let present = if may_compile { self.neurons.present(scratch, arrived) } else { None };
        let way = present.map_or(Way::NotSimple, |present| self.ways.way(present, &body.ways));
        scratch.path = match way {
            Way::Compiled(native) => {
                if let Some(changed) = native.run(kernel, &body.body, &mut self.neurons, scratch, &mut outbox, arrived)
                {
                    return changed;
                }
                None
            }
            Way::New => Some(Vec::new()),
            Way::NotSimple => None,
        };
        let is_new = scratch.path.is_some();
        let word = block.plan.word;
        let changed =
            kernel.run_neurons(&mut self.neurons, &body.body.instructions, word, scratch, &mut outbox, arrived);
        if let Some(present) = present.filter(|_| is_new) {
            body.learn(block.plan, kernel, present, scratch.path.as_deref());
        }
        changed
    }
}

/// Runs a part of all streams.
fn run(
    block: &Block<'_>,
    plan: &PartPlan,
    next: &PartPlan,
    heard: &[&Heard],
    spans: &[Span<'_>],
    streams: &mut [Part],
) {
    SCRATCH.with_borrow_mut(|Scratch { arrivals, panel, lanes }| {
        // It comes while weights are multiplied, or another stream runs.
        streams.iter_mut().take(1).for_each(|part| part.fetch(block.kernel, true));
        let mut with = Multiplier { kernel: block.kernel, panel, next: next.first_matrix() };
        arrivals.collect(block.plan, plan, heard, &mut with);
        lanes.prepare(block.kernel, block.plan.bodies[plan.body].n_registers);
        let mut row = 0;
        for (stream, span) in spans.iter().enumerate() {
            if let Some(next) = streams.get_mut(stream + 1) {
                next.fetch(block.kernel, false);
            }
            let part = &mut streams[stream];
            let mut step = span.first;
            while let Some(&(of, at)) = arrivals.rows.get(row)
                && of == stream
            {
                part.rest(block, plan, lanes, span, step, at.min(span.end()));
                if at < span.end() && part.fault.is_none() {
                    part.is_quiet = false;
                    part.step(block, plan, lanes, span, at, Some(arrivals.row(row)));
                    part.counts.charge(&mut part.counted, at, at + 1 == span.end());
                }
                step = (at + 1).min(span.end());
                row += 1;
            }
            part.rest(block, plan, lanes, span, step, span.end());
        }
    });
}
