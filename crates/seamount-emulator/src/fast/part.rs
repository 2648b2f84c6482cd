//! Some steps of a part: what arrives is summed, and the neurons run where anything may happen.

use std::cell::RefCell;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use seamount_arch::Overflow;
use seamount_microcode::semantics::Word;

use super::feed::{Heard, HostSent, Span};
use super::kernels::{Kernel, Matrix, Panel, Payloads};
use super::lanes::{self, Neurons};
use super::outbox::{Outbox, PartFault, Record, Sent};
use super::plan::{Input, PartPlan, Plan, Synapses};
use super::team::Phases;
use crate::events::Events;

/// A part of one stream.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub neurons: Neurons,
    /// What a step in which nothing arrives does, if it changes nothing.
    quiet: Option<Events>,
    /// By port.
    pub sent: Vec<Sent>,
    /// Counted in this block of steps, and in its last step.
    pub events: Events,
    pub last_events: Events,
    pub fault: Option<PartFault>,
    pub records: Vec<Record>,
}

/// What arrives at a part in a block of steps.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// (stream, step) of each row, ascending.
    rows: Vec<(usize, u64)>,
    /// For each accumulator the sums, `[row][lane]`, if they fit in 32 bits.
    narrow: Vec<Vec<i32>>,
    /// The same if they may not.
    wide: Vec<Vec<i64>>,
    is_wide: Vec<bool>,
    /// For each accumulator whether anything arrives in a row.
    any: Vec<Vec<bool>>,
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

/// A block of steps of all streams. Its phases are, for each stage, what is heard, and what is done with it.
pub(super) struct Block<'a> {
    pub plan: &'a Plan,
    pub kernel: Kernel,
    /// By stream.
    pub host: &'a [HostSent],
    /// `[part][stream]`
    pub parts: Vec<RwLock<&'a mut Vec<Part>>>,
    /// What the stage hears, by its feeds.
    pub heard: Vec<RwLock<&'a mut Heard>>,
    /// By stream.
    pub spans: RwLock<Vec<Span>>,
    /// Whether any part has met a fault.
    pub has_fault: AtomicBool,
    pub n_threads: usize,
    /// Whether an observer looks on.
    pub recording: bool,
}

/// Locks are there to tell the compiler what the phases see to.
pub(super) const NO_PANIC: &str = "invariant: nobody panics with a lock";

impl Phases for Block<'_> {
    fn n_items(&self, phase: usize) -> usize {
        let stage = &self.plan.stages[phase / 2];
        if phase.is_multiple_of(2) { stage.feeds.len() } else { stage.parts.len() }
    }

    fn work(&self, phase: usize, item: usize) {
        let stage = &self.plan.stages[phase / 2];
        let spans = &self.spans.read().expect(NO_PANIC);
        if phase.is_multiple_of(2) {
            let mut heard = self.heard[item].write().expect(NO_PANIC);
            heard.gather(&stage.feeds[item], &self.parts, self.host, spans, self.kernel);
        } else {
            let part = stage.parts.start + item;
            let mut streams = self.parts[part].write().expect(NO_PANIC);
            // What this thread will do next, or something near it.
            let later = &self.plan.parts[(part + self.n_threads).min(self.plan.parts.len() - 1)..];
            let next = later.iter().find(|part| part.first_matrix().is_some()).unwrap_or(&later[0]);
            run(self, &self.plan.parts[part], next, spans, &mut streams);
            if streams.iter().any(|part| part.fault.is_some()) {
                self.has_fault.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Part {
    pub(super) fn new(plan: &Plan, part: &PartPlan) -> Self {
        let body = &plan.bodies[part.body].body;
        let slots = plan.initial_slots(part);
        Self {
            neurons: Neurons::new(part.n_neurons, slots, body.slots.len(), body.accumulators.len()),
            quiet: None,
            sent: vec![Sent::default(); body.ports.len()],
            events: Events::default(),
            last_events: Events::default(),
            fault: None,
            records: Vec::new(),
        }
    }

    fn charge(&mut self, events: Events, is_last: bool) {
        self.events += events;
        if is_last {
            self.last_events += events;
        }
    }

    /// Steps in which nothing arrives, from `from` to before `to`.
    fn rest(
        &mut self,
        block: &Block<'_>,
        plan: &PartPlan,
        scratch: &mut lanes::Scratch,
        span: &Span,
        from: u64,
        to: u64,
    ) {
        let mut step = from;
        while step < to && self.fault.is_none() {
            if let Some(quiet) = &block.plan.bodies[plan.body].quiet
                && self.quiet.is_none()
                && self.neurons.is_quiet(&quiet.zero_slots)
            {
                let instructions = quiet.n_instructions * plan.n_neurons as u64;
                self.quiet = Some(Events { instructions, ..Events::default() });
            }
            // Observers want to see what a quiet step shows.
            if let Some(events) = self.quiet.filter(|_| !block.recording) {
                self.charge(events.times(to - step), false);
                if to == span.end() {
                    self.last_events += events;
                }
                return;
            }
            let (events, changed) = self.step(block, plan, scratch, span, step, true);
            self.charge(events, step + 1 == span.end());
            self.quiet = (!changed && events.spikes == 0).then_some(events);
            step += 1;
        }
    }

    /// Runs the neurons; what has arrived is in their accumulators.
    fn step(
        &mut self,
        block: &Block<'_>,
        plan: &PartPlan,
        scratch: &mut lanes::Scratch,
        span: &Span,
        step: u64,
        watch: bool,
    ) -> (Events, bool) {
        let mut outbox = Outbox {
            ports: &plan.ports,
            n_neurons: plan.n_neurons,
            payload_bits: block.plan.payload_bits,
            step,
            is_due: span.due.binary_search(&step).is_ok(),
            sent: &mut self.sent,
            events: Events::default(),
            fault: &mut self.fault,
            records: block.recording.then_some(&mut self.records),
            order: 0,
        };
        let instructions = &block.plan.bodies[plan.body].body.instructions;
        let word = block.plan.word;
        let done = block.kernel.run_neurons(&mut self.neurons, instructions, word, scratch, &mut outbox, watch);
        let mut events = outbox.events;
        events.instructions += done.instructions;
        events.register_saturations += done.saturations;
        (events, done.changed)
    }

    /// Adds what arrives in a row to the accumulators.
    #[inline(always)]
    pub(super) fn receive(&mut self, plan: &Plan, arrivals: &Arrivals, row: usize) -> u64 {
        let Neurons { n, accumulators, is_charged, .. } = &mut self.neurons;
        let mut overflows = 0;
        for (acc, values) in accumulators.iter_mut().enumerate() {
            if !arrivals.any[acc][row] {
                continue;
            }
            let n_lanes = values.len();
            is_charged[acc] = true;
            if arrivals.is_wide[acc] {
                let sums = &arrivals.wide[acc][row * n_lanes..][..*n];
                overflows += add_wide(values, sums, plan.accumulator, plan.overflow);
            } else {
                let sums = &arrivals.narrow[acc][row * n_lanes..][..*n];
                overflows += add_narrow(values, sums, plan.accumulator, plan.overflow);
            }
            // The lanes past the last neuron repeat it.
            let last = values[*n - 1];
            values[*n..].fill(last);
        }
        overflows
    }
}

/// Runs a part of all streams.
fn run(block: &Block<'_>, plan: &PartPlan, next: &PartPlan, spans: &[Span], streams: &mut [Part]) {
    let heard: Vec<_> = plan.inputs.iter().map(|input| block.heard[input.feed].read().expect(NO_PANIC)).collect();
    let heard: Vec<&Heard> = heard.iter().map(|heard| &***heard).collect();
    SCRATCH.with_borrow_mut(|Scratch { arrivals, panel, lanes }| {
        arrivals.collect(block, plan, next, &heard, panel);
        lanes.prepare(block.kernel, block.plan.bodies[plan.body].n_registers);
        let mut row = 0;
        for (stream, (part, span)) in streams.iter_mut().zip(spans).enumerate() {
            let mut step = span.first;
            while let Some(&(of, at)) = arrivals.rows.get(row)
                && of == stream
            {
                part.rest(block, plan, lanes, span, step, at.min(span.end()));
                if at < span.end() && part.fault.is_none() {
                    part.quiet = None;
                    let overflows = block.kernel.receive(part, block.plan, arrivals, row);
                    let (mut events, _) = part.step(block, plan, lanes, span, at, false);
                    events.accumulator_overflows += overflows;
                    part.charge(events, at + 1 == span.end());
                }
                step = (at + 1).min(span.end());
                row += 1;
            }
            part.rest(block, plan, lanes, span, step, span.end());
        }
    });
}

impl Arrivals {
    /// Multiplies all that the part hears by its weights.
    fn collect(&mut self, block: &Block<'_>, plan: &PartPlan, next: &PartPlan, heard: &[&Heard], panel: &mut Panel) {
        self.rows.clear();
        for (at, now) in heard.iter().enumerate() {
            // Most hear the same rows as the block before.
            if at == 0 || heard[at - 1].rows != now.rows {
                self.rows.extend(&now.rows);
            }
        }
        self.rows.sort_unstable();
        self.rows.dedup();

        let n_accumulators = block.plan.bodies[plan.body].body.accumulators.len();
        let n_lanes = lanes::padded(plan.n_neurons);
        let size = self.rows.len() * n_lanes;
        self.narrow.resize_with(n_accumulators, Vec::new);
        self.wide.resize_with(n_accumulators, Vec::new);
        self.any.resize_with(n_accumulators, Vec::new);
        self.is_wide.clear();
        for acc in 0..n_accumulators {
            let inputs = plan.inputs.iter().zip(heard).filter(|(input, _)| input.accumulator == acc);
            let most = inputs.fold(0_u64, |most, (input, heard)| {
                let largest = u64::from(heard.payloads.largest);
                most.saturating_add(input.gain.saturating_mul(largest))
            });
            // With as much room, a sum and an accumulator of fewer than 32 bits fit in 32 together.
            let is_wide = most >= 1 << 30 || block.plan.accumulator.bits() > 31;
            self.is_wide.push(is_wide);
            self.narrow[acc].clear();
            self.wide[acc].clear();
            if is_wide {
                self.wide[acc].resize(size, 0);
            } else {
                self.narrow[acc].resize(size, 0);
            }
            self.any[acc].clear();
            self.any[acc].resize(self.rows.len(), false);
        }
        for (at, (input, heard)) in plan.inputs.iter().zip(heard).enumerate() {
            if heard.rows.is_empty() {
                continue;
            }
            let acc = input.accumulator;
            let rows = if heard.rows.len() == self.rows.len() {
                Rows::All
            } else {
                Rows::Some(
                    heard.rows.iter().map(|row| self.rows.binary_search(row).expect("invariant: a union")).collect(),
                )
            };
            for row in 0..heard.rows.len() {
                self.any[acc][rows.of(row)] = true;
            }
            if self.is_wide[acc] {
                add_all_wide(input, heard, &rows, &mut self.wide[acc], n_lanes);
            } else {
                let next = plan.inputs[at + 1..].iter().find_map(Input::matrix).or_else(|| next.first_matrix());
                let mut with = Multiplier { kernel: block.kernel, next, panel };
                add_all_narrow(&mut with, input, heard, &rows, &mut self.narrow[acc], n_lanes);
            }
        }
    }
}

/// Multiplies by matrices.
struct Multiplier<'a> {
    kernel: Kernel,
    next: Option<&'a Matrix>,
    panel: &'a mut Panel,
}

impl Multiplier<'_> {
    fn multiply(&mut self, matrix: &Matrix, payloads: &Payloads, out: &mut [i32]) {
        self.kernel.multiply(matrix, payloads, self.next, self.panel, out);
    }
}

/// Which rows of a part the rows of a feed are.
enum Rows {
    All,
    Some(Vec<usize>),
}

impl Rows {
    fn of(&self, row: usize) -> usize {
        match self {
            Self::All => row,
            Self::Some(rows) => rows[row],
        }
    }
}

fn add_all_narrow(
    with: &mut Multiplier<'_>,
    input: &Input,
    heard: &Heard,
    rows: &Rows,
    out: &mut [i32],
    n_lanes: usize,
) {
    let payloads = &heard.payloads;
    match (&input.synapses, rows) {
        (Synapses::Matrix(matrix), Rows::All) => with.multiply(matrix, payloads, out),
        (Synapses::Matrix(matrix), Rows::Some(rows)) => {
            let mut sums = vec![0; rows.len() * n_lanes];
            with.multiply(matrix, payloads, &mut sums);
            for (&at, sums) in rows.iter().zip(sums.chunks_exact(n_lanes)) {
                out[at * n_lanes..].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
            }
        }
        (Synapses::Shared(weights), _) => {
            for (row, &sum) in payloads.sums.iter().enumerate() {
                let sum = i32::try_from(sum).unwrap_or_default();
                let out = &mut out[rows.of(row) * n_lanes..][..weights.len()];
                out.iter_mut().zip(weights).for_each(|(out, &weight)| *out += i32::from(weight) * sum);
            }
        }
        (Synapses::Diagonal { first_source, first_neuron, weights }, _) => {
            for row in 0..payloads.n_rows() {
                let values = &payloads.row(row)[*first_source..];
                let out = &mut out[rows.of(row) * n_lanes + first_neuron..];
                for ((out, &value), &weight) in out.iter_mut().zip(values).zip(weights) {
                    *out += i32::from(weight) * value;
                }
            }
        }
        (Synapses::Sparse(entries), _) => {
            for row in 0..payloads.n_rows() {
                let values = payloads.row(row);
                let out = &mut out[rows.of(row) * n_lanes..][..n_lanes];
                for &(source, neuron, weight) in entries {
                    out[neuron as usize] += i32::from(weight) * values[source as usize];
                }
            }
        }
    }
}

fn add_all_wide(input: &Input, heard: &Heard, rows: &Rows, out: &mut [i64], n_lanes: usize) {
    let payloads = &heard.payloads;
    for row in 0..payloads.n_rows() {
        let values = payloads.row(row);
        let out = &mut out[rows.of(row) * n_lanes..][..n_lanes];
        match &input.synapses {
            Synapses::Matrix(matrix) => {
                for (neuron, out) in out.iter_mut().take(matrix.n_neurons).enumerate() {
                    for (source, &value) in values.iter().enumerate() {
                        *out += i64::from(matrix.weight(neuron, source)) * i64::from(value);
                    }
                }
            }
            Synapses::Shared(weights) => {
                for (out, &weight) in out.iter_mut().zip(weights) {
                    *out += i64::from(weight) * payloads.sums[row];
                }
            }
            Synapses::Diagonal { first_source, first_neuron, weights } => {
                let (values, out) = (&values[*first_source..], &mut out[*first_neuron..]);
                for ((out, &value), &weight) in out.iter_mut().zip(values).zip(weights) {
                    *out += i64::from(weight) * i64::from(value);
                }
            }
            Synapses::Sparse(entries) => {
                for &(source, neuron, weight) in entries {
                    out[neuron as usize] += i64::from(weight) * i64::from(values[source as usize]);
                }
            }
        }
    }
}

/// Adds a step's sums to accumulators; returns how many overflowed.
#[inline(always)]
fn add_narrow(values: &mut [i32], sums: &[i32], word: Word, overflow: Overflow) -> u64 {
    let (min, max) = (word.min(), word.max());
    let mut lost = 0;
    for (value, &sum) in values.iter().zip(sums) {
        let exact = value.wrapping_add(sum);
        lost |= exact ^ exact.min(max).max(min);
    }
    if lost != 0 {
        let exact = values.iter_mut().zip(sums.iter().map(|&sum| i64::from(sum)));
        return exact.map(|(value, sum)| add_one(value, sum, word, overflow)).sum();
    }
    for (value, &sum) in values.iter_mut().zip(sums) {
        *value = value.wrapping_add(sum);
    }
    0
}

fn add_wide(values: &mut [i32], sums: &[i64], word: Word, overflow: Overflow) -> u64 {
    values.iter_mut().zip(sums).map(|(value, &sum)| add_one(value, sum, word, overflow)).sum()
}

fn add_one(value: &mut i32, sum: i64, word: Word, overflow: Overflow) -> u64 {
    let exact = i64::from(*value) + sum;
    let outcome = match overflow {
        Overflow::Saturate => word.saturate(exact),
        Overflow::Wrap => word.wrap(exact),
    };
    *value = outcome.value;
    u64::from(outcome.saturated)
}
