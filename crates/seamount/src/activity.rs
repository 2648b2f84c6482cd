//! What an engine counted, as the report shows it.

use seamount_emulator::{Emulator, Events};
use seamount_program::Program;
use seamount_report::{Activity, EventCounts};

/// What an emulator counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// By core of the program.
    pub cores: Vec<Events>,
    /// What the host did.
    pub host: Events,
    /// Time steps.
    pub n_steps: u64,
}

impl Counts {
    /// Since the beginning of the text.
    pub fn of(emulator: &Emulator) -> Self {
        Self { cores: emulator.events().to_vec(), host: emulator.host_events(), n_steps: emulator.n_steps() }
    }

    /// Since an earlier count of the same text.
    ///
    /// # Panics
    /// If it is not one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            cores: self.cores.iter().zip(&earlier.cores).map(|(&now, &earlier)| now - earlier).collect(),
            host: self.host - earlier.host,
            n_steps: self.n_steps - earlier.n_steps,
        }
    }

    /// Of a run of `program` over `n_tokens` tokens, for a report.
    pub fn activity(&self, program: &Program, n_tokens: usize) -> Activity {
        let cores: Vec<_> = self.cores.iter().map(counts).collect();
        Activity::of(program, n_tokens as u64, self.n_steps, &cores, counts(&self.host))
            .expect("invariant: an engine counts on each core of its program")
    }
}

fn counts(events: &Events) -> EventCounts {
    EventCounts {
        spikes: events.spikes,
        zero_payloads: events.zero_payloads,
        messages: events.messages,
        synaptic_ops: events.synaptic_ops,
        instructions: events.instructions,
        hops: events.hops,
        chip_crossings: events.chip_crossings,
        accumulator_overflows: events.accumulator_overflows,
        register_saturations: events.register_saturations,
    }
}
