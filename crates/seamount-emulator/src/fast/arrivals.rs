//! What arrives at a part in a block of steps: payloads times weights.

use seamount_arch::Overflow;
use seamount_microcode::semantics::Word;

use super::feed::Heard;
use super::inputs::{Input, Synapses};
use super::kernels::{Kernel, Matrix, Panel, Payloads, Target};
use super::lanes::{Neurons, Scratch};
use super::plan::{PartPlan, Plan};
use super::tally::StepCounts;

/// Sums for the accumulators of a part.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// (stream, step) of each row, ascending.
    pub rows: Vec<(usize, u64)>,
    /// By accumulator.
    sums: Vec<Sums>,
    /// Which rows those of the feed are that was last looked at.
    places: Vec<usize>,
}

#[derive(Debug, Default)]
struct Sums {
    /// `[row][lane]`, if they fit in 32 bits.
    narrow: Vec<i32>,
    /// The same if they may not.
    wide: Vec<i64>,
    is_wide: bool,
    /// The largest magnitude that a sum can have.
    most: u64,
    /// Whether anything arrives in a row.
    any: Vec<bool>,
}

/// A row of what arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived<'a> {
    arrivals: &'a Arrivals,
    row: usize,
}

/// What multiplies by matrices.
pub(super) struct Multiplier<'a> {
    pub kernel: Kernel,
    pub panel: &'a mut Panel,
    /// The matrix that comes after those of the part, or one near it.
    pub next: Option<&'a Matrix>,
}

impl Arrivals {
    /// Multiplies all that a part hears by its weights; `heard` is by input.
    pub(super) fn collect(&mut self, plan: &Plan, part: &PartPlan, heard: &[&Heard], with: &mut Multiplier<'_>) {
        self.find_rows(heard);
        let n_accumulators = plan.bodies[part.body].body.accumulators.len();
        self.sums.resize_with(n_accumulators, Sums::default);
        let largest = largest_sums(n_accumulators, &part.inputs, heard);
        for ((sums, most), is_sole) in self.sums.iter_mut().zip(largest).zip(&part.has_sole_input) {
            sums.most = most;
            sums.is_wide = most >= 1 << 31;
            let size = self.rows.len() * part.n_lanes;
            // What arrives alone is put there, not added.
            if !is_sole {
                sums.narrow.clear();
            }
            sums.narrow.resize(if sums.is_wide { 0 } else { size }, 0);
            sums.wide.clear();
            sums.wide.resize(if sums.is_wide { size } else { 0 }, 0);
            sums.any.clear();
            sums.any.resize(self.rows.len(), false);
        }
        let mut last = None;
        for (at, (input, heard)) in part.inputs.iter().zip(heard).enumerate() {
            if heard.rows.is_empty() {
                continue;
            }
            if last.replace(input.feed) != Some(input.feed) {
                let place = |row| self.rows.binary_search(row).expect("invariant: a union");
                self.places.clear();
                self.places.extend(heard.rows.iter().map(place));
            }
            let sums = &mut self.sums[input.accumulator];
            self.places.iter().for_each(|&row| sums.any[row] = true);
            if sums.is_wide {
                add_wide(input, &heard.payloads, &self.places, part.n_lanes, &mut sums.wide);
            } else if let Synapses::Matrix(matrix) = &input.synapses {
                let next = part.inputs[at + 1..].iter().find_map(Input::matrix).or(with.next);
                let target = Target {
                    sums: &mut sums.narrow,
                    n_lanes: part.n_lanes,
                    first_lane: input.first_lane,
                    rows: &self.places,
                    is_new: part.has_sole_input[input.accumulator],
                };
                with.kernel.multiply(matrix, &heard.payloads, next, with.panel, target);
            } else {
                if part.has_sole_input[input.accumulator] {
                    self.places.iter().for_each(|row| sums.narrow[row * part.n_lanes..][..part.n_lanes].fill(0));
                }
                add_narrow(input, &heard.payloads, &self.places, part.n_lanes, &mut sums.narrow);
            }
        }
        self.fill_spare_lanes(part);
    }

    /// Lanes past the last neuron of a piece repeat it.
    fn fill_spare_lanes(&mut self, part: &PartPlan) {
        for (piece, spare) in part.pieces.iter().map(|piece| (piece, piece.spare_lanes())) {
            if spare.is_empty() {
                continue;
            }
            for of_row in self.sums.iter_mut().flat_map(|sums| sums.narrow.chunks_exact_mut(part.n_lanes)) {
                let last = of_row[piece.lanes().end - 1];
                of_row[spare.clone()].fill(last);
            }
        }
    }

    /// The rows in which anything is heard.
    fn find_rows(&mut self, heard: &[&Heard]) {
        self.rows.clear();
        for (at, now) in heard.iter().enumerate() {
            // Most hear the same rows as the input before.
            if at == 0 || heard[at - 1].rows != now.rows {
                self.rows.extend(&now.rows);
            }
        }
        self.rows.sort_unstable();
        self.rows.dedup();
    }

    pub(super) fn row(&self, row: usize) -> Arrived<'_> {
        Arrived { arrivals: self, row }
    }
}

impl<'a> Arrived<'a> {
    /// What arrives for an accumulator, if it is known to fit: the accumulator need not be touched then.
    #[inline(always)]
    pub(super) fn sums(self, accumulator: usize, n_lanes: usize) -> &'a [i32] {
        &self.arrivals.sums[accumulator].narrow[self.row * n_lanes..][..n_lanes]
    }
}

impl Neurons {
    /// Adds what arrives to the accumulators, and counts those that overflow, by piece. Where they were empty and all fits,
    /// it is left to be read from the arrivals.
    #[inline(always)]
    pub(super) fn receive(
        &mut self,
        plan: &Plan,
        part: &PartPlan,
        arrived: Arrived<'_>,
        scratch: &mut Scratch,
        counted: &mut StepCounts,
    ) {
        let accumulators = self.accumulators.iter_mut().zip(&mut self.is_charged);
        scratch.is_waiting.clear();
        for ((values, is_charged), sums) in accumulators.zip(&arrived.arrivals.sums) {
            let is_any = sums.any[arrived.row];
            let lanes = arrived.row * part.n_lanes..(arrived.row + 1) * part.n_lanes;
            let is_waiting = is_any && !*is_charged && !sums.is_wide && {
                sums.most <= u64::from(plan.accumulator.max().unsigned_abs())
                    || all_fit(&sums.narrow[lanes.clone()], plan.accumulator)
            };
            scratch.is_waiting.push(is_waiting);
            if is_waiting || !is_any {
                continue;
            }
            *is_charged = true;
            if sums.is_wide {
                add(values, |lane| sums.wide[lanes.start + lane], plan, part, counted);
            } else {
                add(values, |lane| sums.narrow[lanes.start + lane].into(), plan, part, counted);
            }
        }
    }
}

/// For each accumulator, what magnitude its sums have at most.
fn largest_sums(n_accumulators: usize, inputs: &[Input], heard: &[&Heard]) -> Vec<u64> {
    let mut largest = vec![0_u64; n_accumulators];
    let mut before: Option<(&Input, u64)> = None;
    for (input, heard) in inputs.iter().zip(heard) {
        let most = input.gain.saturating_mul(heard.payloads.largest.into());
        // What is heard by one piece after the other does not meet.
        let is_apart = |before: &Input| {
            (before.accumulator, before.feed) == (input.accumulator, input.feed)
                && before.piece.is_some()
                && before.piece < input.piece
        };
        let counted = before.filter(|(before, _)| is_apart(before)).map_or(0, |(_, counted)| counted);
        let of_accumulator = &mut largest[input.accumulator];
        *of_accumulator = of_accumulator.saturating_add(most.saturating_sub(counted));
        before = Some((input, most.max(counted)));
    }
    largest
}

/// Adds what comes through weights that are no matrix.
fn add_narrow(input: &Input, payloads: &Payloads, places: &[usize], n_lanes: usize, out: &mut [i32]) {
    for (row, &place) in places.iter().enumerate() {
        let out = &mut out[place * n_lanes..][..n_lanes][input.first_lane..];
        match &input.synapses {
            Synapses::Matrix(_) => unreachable!("invariant: a kernel multiplies matrices"),
            Synapses::Shared(weights) => {
                let sum = i32::try_from(payloads.sum(row)).unwrap_or_default();
                out.iter_mut().zip(weights).for_each(|(out, &weight)| *out += i32::from(weight) * sum);
            }
            Synapses::Diagonal(weights) => {
                for ((out, &value), &weight) in out.iter_mut().zip(payloads.values(row)).zip(weights) {
                    *out += i32::from(weight) * value;
                }
            }
            Synapses::Sparse(entries) => {
                let values = payloads.values(row);
                for &(source, neuron, weight) in entries {
                    out[neuron as usize] += i32::from(weight) * values[source as usize];
                }
            }
        }
    }
}

/// Adds what comes through any weights.
fn add_wide(input: &Input, payloads: &Payloads, places: &[usize], n_lanes: usize, out: &mut [i64]) {
    for (row, &place) in places.iter().enumerate() {
        let out = &mut out[place * n_lanes..][..n_lanes][input.first_lane..];
        match &input.synapses {
            Synapses::Matrix(matrix) => {
                let values = payloads.of_digits(row);
                for (neuron, out) in out.iter_mut().take(matrix.n_neurons).enumerate() {
                    for (source, &value) in values.iter().enumerate() {
                        *out += i64::from(matrix.weight(neuron, source)) * i64::from(value);
                    }
                }
            }
            Synapses::Shared(weights) => {
                for (out, &weight) in out.iter_mut().zip(weights) {
                    *out += i64::from(weight) * payloads.sum(row);
                }
            }
            Synapses::Diagonal(weights) => {
                for ((out, &value), &weight) in out.iter_mut().zip(payloads.values(row)).zip(weights) {
                    *out += i64::from(weight) * i64::from(value);
                }
            }
            Synapses::Sparse(entries) => {
                let values = payloads.values(row);
                for &(source, neuron, weight) in entries {
                    out[neuron as usize] += i64::from(weight) * i64::from(values[source as usize]);
                }
            }
        }
    }
}

/// Whether sums fit in a word.
#[inline(always)]
fn all_fit(sums: &[i32], word: Word) -> bool {
    let (min, max) = (word.min(), word.max());
    sums.iter().fold(0, |lost, &sum| lost | (sum ^ sum.min(max).max(min))) == 0
}

/// Adds sums to accumulators, and counts those that overflow.
fn add(values: &mut [i32], sum: impl Fn(usize) -> i64, plan: &Plan, part: &PartPlan, counted: &mut StepCounts) {
    for (at, piece) in part.pieces.iter().enumerate() {
        let mut n_overflows = 0;
        for lane in piece.lanes() {
            let exact = i64::from(values[lane]) + sum(lane);
            let outcome = match plan.overflow {
                Overflow::Saturate => plan.accumulator.saturate(exact),
                Overflow::Wrap => plan.accumulator.wrap(exact),
            };
            values[lane] = outcome.value;
            n_overflows += u64::from(outcome.saturated);
        }
        if n_overflows > 0 {
            counted.share.of_pieces(part.pieces.len())[at].accumulator_overflows += n_overflows;
        }
        let last = values[piece.lanes().end - 1];
        values[piece.spare_lanes()].fill(last);
    }
}
