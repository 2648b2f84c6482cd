//! What happened while a program ran.

use std::iter::Sum;
use std::ops::AddAssign;

use schemars::JsonSchema;
use seamount_program::{Place, Program};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::count;
use crate::resource::{ratio, rounded};

/// What an engine counted on one core, or on several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventCounts {
    /// Spikes sent.
    pub spikes: u64,
    /// Spikes that were not sent because their payload was zero.
    pub zero_payloads: u64,
    /// Messages sent: one for each destination of each spike.
    pub messages: u64,
    /// Weights that met an arriving payload, counted by the core that receives.
    pub synaptic_ops: u64,
    /// Microcode instructions executed.
    pub instructions: u64,
    /// Links between routers that the sent messages passed.
    pub hops: u64,
    /// Borders between chips that the sent messages passed.
    pub chip_crossings: u64,
    /// Sums that did not fit an accumulator.
    pub accumulator_overflows: u64,
    /// Results that did not fit a word.
    pub register_saturations: u64,
}

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// [`EventCounts::spikes`].
    Spikes,
    /// [`EventCounts::zero_payloads`].
    ZeroPayloads,
    /// [`EventCounts::messages`].
    Messages,
    /// [`EventCounts::synaptic_ops`].
    SynapticOps,
    /// [`EventCounts::instructions`].
    Instructions,
    /// [`EventCounts::hops`].
    Hops,
    /// [`EventCounts::chip_crossings`].
    ChipCrossings,
    /// [`EventCounts::accumulator_overflows`].
    AccumulatorOverflows,
    /// [`EventCounts::register_saturations`].
    RegisterSaturations,
}

/// What happened while a program ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Activity {
    /// Tokens that were sent.
    pub n_tokens: u64,
    /// Steps that were run.
    pub n_steps: u64,
    /// All neurocores together.
    pub counts: EventCounts,
    /// The same for a token; `None` without tokens.
    pub per_token: Option<PerToken>,
    /// Spikes that were not sent of those that would have been, but for a payload of zero, 0 to 1.
    pub zero_payload_share: f64,
    /// What the host sent, and what the cores did that it plays.
    pub host_counts: EventCounts,
    /// For each kind that occurred the neurocore with most of it, in the order of [`EventKind::ALL`].
    pub busiest: Vec<Busiest>,
    /// Each neurocore, in the order of the program.
    pub cores: Vec<CoreCounts>,
}

/// Averages a token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PerToken {
    /// Steps.
    pub steps: f64,
    /// Spikes sent.
    pub spikes: f64,
    /// Spikes not sent because their payload was zero.
    pub zero_payloads: f64,
    /// Messages sent.
    pub messages: f64,
    /// Weights that met an arriving payload.
    pub synaptic_ops: f64,
    /// Microcode instructions executed.
    pub instructions: f64,
    /// Links between routers passed.
    pub hops: f64,
    /// Borders between chips passed.
    pub chip_crossings: f64,
    /// Sums that did not fit an accumulator.
    pub accumulator_overflows: f64,
    /// Results that did not fit a word.
    pub register_saturations: f64,
}

/// The neurocore on which most events of a kind happened; the first among equals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Busiest {
    /// The kind.
    pub event: EventKind,
    /// Index of the core in the program.
    pub core_idx: u32,
    /// Number of its chip.
    pub chip: u32,
    /// Its number on the chip.
    pub core: u32,
    /// Events on this core.
    pub n_events: u64,
    /// Events of all neurocores over their number.
    pub n_events_mean: f64,
    /// `n_events` over `n_events_mean`: 1 if all do the same.
    pub imbalance: f64,
}

/// What happened on a neurocore.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CoreCounts {
    /// Index of the core in the program.
    pub core_idx: u32,
    /// What happened.
    pub counts: EventCounts,
}

/// Why counts do not belong to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ActivityError {
    /// There are counts of more or fewer cores.
    #[error("events were counted on {found} cores, the program has {expected}")]
    Cores {
        /// Cores of the program.
        expected: usize,
        /// Cores counted.
        found: usize,
    },
    /// The counts are those of other cores.
    #[error("events were counted on core {core_idx}, which is no neurocore of the program")]
    NotANeurocore {
        /// Index of the core.
        core_idx: u32,
    },
}

impl Activity {
    /// What happened in `n_steps` steps in which `n_tokens` tokens were sent.
    ///
    /// `cores` has one entry for each core of the program, in its order, also for those that the host plays: what is
    /// counted there is the host's, as is `host`.
    ///
    /// # Errors
    /// [`ActivityError::Cores`] if there is another number of entries.
    pub fn of(
        program: &Program,
        n_tokens: u64,
        n_steps: u64,
        cores: &[EventCounts],
        host: EventCounts,
    ) -> Result<Self, ActivityError> {
        if cores.len() != program.cores.len() {
            return Err(ActivityError::Cores { expected: program.cores.len(), found: cores.len() });
        }
        let mut on_chip = Vec::new();
        let mut host_counts = host;
        for ((core_idx, core), &counts) in (0..).zip(&program.cores).zip(cores) {
            match core.place {
                Place::Chip { chip, core } => on_chip.push((CoreCounts { core_idx, counts }, chip, core)),
                Place::Host => host_counts += counts,
            }
        }
        let counts: EventCounts = on_chip.iter().map(|(core, ..)| core.counts).sum();
        let busiest = EventKind::ALL.into_iter().filter_map(|event| busiest(event, &on_chip)).collect();
        Ok(Self {
            n_tokens,
            n_steps,
            counts,
            per_token: (n_tokens != 0).then(|| PerToken::of(&counts, n_steps, n_tokens)),
            zero_payload_share: ratio(counts.zero_payloads, counts.zero_payloads + counts.spikes),
            host_counts,
            busiest,
            cores: on_chip.into_iter().map(|(core, ..)| core).collect(),
        })
    }
}

impl Activity {
    /// Whether an activity that was read can be the program's: it counts on the program's neurocores.
    ///
    /// # Errors
    /// [`ActivityError`] if it counts on fewer or on others.
    pub fn check(&self, program: &Program) -> Result<(), ActivityError> {
        let places = || (0..).zip(&program.cores).filter(|(_, core)| core.place != Place::Host);
        let expected = places().count();
        if self.cores.len() != expected {
            return Err(ActivityError::Cores { expected, found: self.cores.len() });
        }
        let other = places().zip(&self.cores).find(|((core_idx, _), counts)| counts.core_idx != *core_idx);
        match other {
            Some((_, counts)) => Err(ActivityError::NotANeurocore { core_idx: counts.core_idx }),
            None => Ok(()),
        }
    }
}

impl EventKind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::Spikes,
        Self::ZeroPayloads,
        Self::Messages,
        Self::SynapticOps,
        Self::Instructions,
        Self::Hops,
        Self::ChipCrossings,
        Self::AccumulatorOverflows,
        Self::RegisterSaturations,
    ];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spikes => "spikes",
            Self::ZeroPayloads => "zero payloads",
            Self::Messages => "messages",
            Self::SynapticOps => "synaptic operations",
            Self::Instructions => "instructions",
            Self::Hops => "hops",
            Self::ChipCrossings => "chip crossings",
            Self::AccumulatorOverflows => "accumulator overflows",
            Self::RegisterSaturations => "register saturations",
        }
    }

    /// How many there were.
    pub fn of(self, counts: &EventCounts) -> u64 {
        match self {
            Self::Spikes => counts.spikes,
            Self::ZeroPayloads => counts.zero_payloads,
            Self::Messages => counts.messages,
            Self::SynapticOps => counts.synaptic_ops,
            Self::Instructions => counts.instructions,
            Self::Hops => counts.hops,
            Self::ChipCrossings => counts.chip_crossings,
            Self::AccumulatorOverflows => counts.accumulator_overflows,
            Self::RegisterSaturations => counts.register_saturations,
        }
    }

    /// Where they are counted.
    pub(crate) fn of_mut(self, counts: &mut EventCounts) -> &mut u64 {
        match self {
            Self::Spikes => &mut counts.spikes,
            Self::ZeroPayloads => &mut counts.zero_payloads,
            Self::Messages => &mut counts.messages,
            Self::SynapticOps => &mut counts.synaptic_ops,
            Self::Instructions => &mut counts.instructions,
            Self::Hops => &mut counts.hops,
            Self::ChipCrossings => &mut counts.chip_crossings,
            Self::AccumulatorOverflows => &mut counts.accumulator_overflows,
            Self::RegisterSaturations => &mut counts.register_saturations,
        }
    }

    /// How many there were a token.
    pub fn per_token(self, averages: &PerToken) -> f64 {
        match self {
            Self::Spikes => averages.spikes,
            Self::ZeroPayloads => averages.zero_payloads,
            Self::Messages => averages.messages,
            Self::SynapticOps => averages.synaptic_ops,
            Self::Instructions => averages.instructions,
            Self::Hops => averages.hops,
            Self::ChipCrossings => averages.chip_crossings,
            Self::AccumulatorOverflows => averages.accumulator_overflows,
            Self::RegisterSaturations => averages.register_saturations,
        }
    }
}

impl PerToken {
    fn of(counts: &EventCounts, n_steps: u64, n_tokens: u64) -> Self {
        let a_token = |n| ratio(n, n_tokens);
        Self {
            steps: a_token(n_steps),
            spikes: a_token(counts.spikes),
            zero_payloads: a_token(counts.zero_payloads),
            messages: a_token(counts.messages),
            synaptic_ops: a_token(counts.synaptic_ops),
            instructions: a_token(counts.instructions),
            hops: a_token(counts.hops),
            chip_crossings: a_token(counts.chip_crossings),
            accumulator_overflows: a_token(counts.accumulator_overflows),
            register_saturations: a_token(counts.register_saturations),
        }
    }
}

impl AddAssign for EventCounts {
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

impl Sum for EventCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut total, counts| {
            total += counts;
            total
        })
    }
}

fn busiest(event: EventKind, on_chip: &[(CoreCounts, u32, u32)]) -> Option<Busiest> {
    let total: u64 = on_chip.iter().map(|(core, ..)| event.of(&core.counts)).sum();
    // The last of equals is `max_by_key`'s, so the first is found from behind.
    let (most, chip, core) = on_chip.iter().rev().max_by_key(|(core, ..)| event.of(&core.counts))?;
    let n_events = event.of(&most.counts);
    let mean = total as f64 / count(on_chip.len()) as f64;
    (total != 0).then(|| Busiest {
        event,
        core_idx: most.core_idx,
        chip: *chip,
        core: *core,
        n_events,
        n_events_mean: rounded(mean),
        imbalance: rounded(n_events as f64 / mean),
    })
}
