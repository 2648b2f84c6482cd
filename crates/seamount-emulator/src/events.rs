//! What is counted.

use std::iter::Sum;
use std::ops::{AddAssign, Sub};

use serde::Serialize;

/// What happened on one core, or on several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// `SPIKE` instructions that sent a payload.
    pub spikes: u64,
    /// `SPIKE` instructions whose payload was zero, and that sent nothing.
    pub zero_payloads: u64,
    /// Messages sent: one for each destination of each spike.
    pub messages: u64,
    /// Weights that were multiplied by an arriving payload, zeros included: all of a dense row, the entries of a sparse
    /// one. Counted by the core that receives.
    pub synaptic_ops: u64,
    /// Microcode instructions executed.
    pub instructions: u64,
    /// Links between routers that the sent messages passed; none to or from the host.
    pub hops: u64,
    /// Borders between chips that the sent messages passed; none to or from the host.
    pub chip_crossings: u64,
    /// Sums that did not fit an accumulator.
    pub accumulator_overflows: u64,
    /// Results that did not fit a word.
    pub register_saturations: u64,
}

impl Events {
    /// The counts in the order in which they are declared.
    pub(crate) fn to_array(self) -> [u64; 9] {
        [
            self.spikes,
            self.zero_payloads,
            self.messages,
            self.synaptic_ops,
            self.instructions,
            self.hops,
            self.chip_crossings,
            self.accumulator_overflows,
            self.register_saturations,
        ]
    }

    /// The counts of [`to_array`](Self::to_array).
    pub(crate) fn from_array(counts: [u64; 9]) -> Self {
        let [
            spikes,
            zero_payloads,
            messages,
            synaptic_ops,
            instructions,
            hops,
            chip_crossings,
            accumulator_overflows,
            register_saturations,
        ] = counts;
        Self {
            spikes,
            zero_payloads,
            messages,
            synaptic_ops,
            instructions,
            hops,
            chip_crossings,
            accumulator_overflows,
            register_saturations,
        }
    }

    /// The same `n` times.
    pub(crate) fn times(self, n: u64) -> Self {
        Self {
            spikes: self.spikes * n,
            zero_payloads: self.zero_payloads * n,
            messages: self.messages * n,
            synaptic_ops: self.synaptic_ops * n,
            instructions: self.instructions * n,
            hops: self.hops * n,
            chip_crossings: self.chip_crossings * n,
            accumulator_overflows: self.accumulator_overflows * n,
            register_saturations: self.register_saturations * n,
        }
    }
}

/// What happened since an earlier count of the same run.
///
/// # Panics
/// If it is not an earlier one.
impl Sub for Events {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        let mut counts = self.to_array();
        counts.iter_mut().zip(earlier.to_array()).for_each(|(count, earlier)| *count -= earlier);
        Self::from_array(counts)
    }
}

impl AddAssign for Events {
    fn add_assign(&mut self, other: Self) {
        self.spikes += other.spikes;
        self.zero_payloads += other.zero_payloads;
        self.messages += other.messages;
        self.synaptic_ops += other.synaptic_ops;
        self.instructions += other.instructions;
        self.hops += other.hops;
        self.chip_crossings += other.chip_crossings;
        self.accumulator_overflows += other.accumulator_overflows;
        self.register_saturations += other.register_saturations;
    }
}

impl<'a> Sum<&'a Self> for Events {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut total, &events| {
            total += events;
            total
        })
    }
}
