//! Some steps of a part: what arrives is summed, and the neurons run where anything may happen.

use std::cell::RefCell;

use seamount_arch::Overflow;
use seamount_microcode::semantics::Word;

use super::feed::{Heard, Span};
use super::kernels::{Kernel, LANES};
use super::lanes::{self, Neurons};
use super::outbox::{Outbox, PartFault, Record, Sent};
use super::plan::{Input, PartPlan, Plan, Synapses};
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
struct Arrivals {
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
    lanes: lanes::Scratch,
}

thread_local! {
    /// Kept from part to part for its memory.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What all parts of a stage have in common.
pub(super) struct Block<'a> {
    pub plan: &'a Plan,
    pub kernel: Kernel,
    /// By stream.
    pub spans: &'a [Span],
    /// What the stage hears, by its feeds.
    pub heard: &'a [Heard],
    /// Whether an observer looks on.
    pub recording: bool,
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
            if self.quiet.is_none() && !self.neurons.is_charged.contains(&true) {
                let quiet = block.plan.bodies[plan.body].quiet_instructions;
                self.quiet = quiet.map(|n| Events { instructions: n * plan.n_neurons as u64, ..Events::default() });
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
    fn receive(&mut self, plan: &Plan, arrivals: &mut Arrivals, row: usize) -> u64 {
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
pub(super) fn run(block: &Block<'_>, plan: &PartPlan, streams: &mut [Part]) {
    SCRATCH.with_borrow_mut(|Scratch { arrivals, lanes }| {
        arrivals.collect(block, plan);
        lanes.prepare(block.plan.bodies[plan.body].n_registers);
        let mut row = 0;
        for (stream, (part, span)) in streams.iter_mut().zip(block.spans).enumerate() {
            let mut step = span.first;
            while let Some(&(of, at)) = arrivals.rows.get(row)
                && of == stream
            {
                part.rest(block, plan, lanes, span, step, at.min(span.end()));
                if at < span.end() && part.fault.is_none() {
                    part.quiet = None;
                    let overflows = part.receive(block.plan, arrivals, row);
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
    fn collect(&mut self, block: &Block<'_>, plan: &PartPlan) {
        self.rows.clear();
        for (at, input) in plan.inputs.iter().enumerate() {
            let heard = &block.heard[input.feed].rows;
            // Most hear the same rows as the block before.
            if at == 0 || block.heard[plan.inputs[at - 1].feed].rows != *heard {
                self.rows.extend(heard);
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
            let inputs = plan.inputs.iter().filter(|input| input.accumulator == acc);
            let most = inputs.fold(0_u64, |most, input| {
                let largest = u64::from(block.heard[input.feed].payloads.largest);
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
        for input in &plan.inputs {
            let heard = &block.heard[input.feed];
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
                add_all_narrow(block.kernel, input, heard, &rows, &mut self.narrow[acc], n_lanes);
            }
        }
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

fn add_all_narrow(kernel: Kernel, input: &Input, heard: &Heard, rows: &Rows, out: &mut [i32], n_lanes: usize) {
    let payloads = &heard.payloads;
    match (&input.synapses, rows) {
        (Synapses::Matrix(matrix), Rows::All) => kernel.multiply(matrix, payloads, out),
        (Synapses::Matrix(matrix), Rows::Some(rows)) => {
            let mut sums = vec![0; rows.len() * n_lanes];
            kernel.multiply(matrix, payloads, &mut sums);
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
                for (neuron, out) in out.iter_mut().enumerate() {
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

const _: () = assert!(LANES == 16, "the tiles of the kernels and the lanes of neurons are rounded alike");
