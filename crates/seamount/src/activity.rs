//! What an engine counted, as the report shows it.

use seamount_emulator::{Emulator, Events};
use seamount_report::{Activity, EventCounts};

/// What happened on each core in a run over `n_tokens` tokens.
pub fn activity(emulator: &Emulator, n_tokens: usize) -> Activity {
    let cores: Vec<_> = emulator.events().iter().map(counts).collect();
    let host = counts(&emulator.host_events());
    Activity::of(emulator.program(), n_tokens as u64, emulator.n_steps(), &cores, host)
        .expect("invariant: an engine counts on each core of its program")
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
