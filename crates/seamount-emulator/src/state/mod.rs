//! What a run remembers between two steps, apart from any engine.
//!
//! [`Snapshot`] is what either engine gives and takes; `format.rs` turns it to bytes and back, and believes nothing.

mod format;

use std::collections::BTreeMap;

use seamount_program::Program;
use thiserror::Error;

use crate::events::Events;
use crate::image::index;

pub(crate) use self::format::{decode, encode};

/// The version of the format of saved states that this build reads and writes.
pub const STATE_VERSION: u32 = 1;

/// All that the next steps depend on, and what was counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The number of the next step.
    pub step: u64,
    /// The steps in which logits are due, ascending.
    pub due: Vec<u64>,
    /// (step, token) that the host sent and of which something may still arrive, ascending.
    pub tokens: Vec<(u64, u32)>,
    pub host_events: Events,
    pub cores: Vec<CoreSnapshot>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CoreSnapshot {
    pub events: Events,
    /// Synaptic operations of the messages that arrive in the next step.
    pub arriving_ops: u64,
    /// By (step, source) what was sent and may still arrive, summed, where that is not zero.
    pub spikes: BTreeMap<(u64, usize), i64>,
    pub slices: Vec<SliceSnapshot>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SliceSnapshot {
    /// `[n_neurons, n_slots]`
    pub slots: Vec<i32>,
    /// `[n_neurons, n_accumulators]`
    pub accumulators: Vec<i32>,
}

/// Why a saved state cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// The bytes do not begin with the magic.
    #[error("not a saved state: it does not begin with `SEASTATE`")]
    NotAState,
    /// Another version of the format.
    #[error("state format version {found}, this build reads version {STATE_VERSION}; save the state again")]
    Version {
        /// Version of the state.
        found: u32,
    },
    /// There are fewer or more bytes than the header says.
    #[error("the state has {found} bytes, its header says {expected}; it is truncated or has grown")]
    Length {
        /// Bytes given.
        found: u64,
        /// Bytes that the header names, or that a header has.
        expected: u64,
    },
    /// The bytes are damaged.
    #[error("the state is damaged: its checksum does not fit its bytes")]
    Checksum,
    /// It was saved by another program.
    #[error("the state is of another program: of one with SHA-256 {found}, this one has {expected}")]
    Program {
        /// The program that the state is of.
        found: String,
        /// The program that it was to be loaded into.
        expected: String,
    },
    /// The bytes are whole and still make no sense.
    #[error("the state is malformed, byte {offset}: {message}")]
    Malformed {
        /// Where, from the beginning.
        offset: usize,
        /// What was expected and found.
        message: String,
    },
}

impl Snapshot {
    /// The slices of a program as they are at the start, and nothing else.
    pub(crate) fn initial(program: &Program) -> Self {
        let cores = program.cores.iter().map(|core| {
            let slices = core.slices.iter().map(|slice| {
                let body = program.body_of(slice.group).expect("invariant: a verified program's groups have bodies");
                let n_accumulators = index(slice.n_neurons) * body.accumulators.len();
                SliceSnapshot { slots: slice.slots.clone(), accumulators: vec![0; n_accumulators] }
            });
            CoreSnapshot { slices: slices.collect(), ..CoreSnapshot::default() }
        });
        Self { cores: cores.collect(), ..Self::default() }
    }
}

impl CoreSnapshot {
    /// Adds a payload to what a source has sent in a step.
    pub(crate) fn add_spike(&mut self, step: u64, source: usize, payload: i64) {
        *self.spikes.entry((step, source)).or_default() += payload;
    }
}
