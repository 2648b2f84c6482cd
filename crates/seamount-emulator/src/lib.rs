//! Runs compiled programs, step by step and integer by integer.
//!
//! Entry point: [`Emulator`]. It is the reference engine: one neuron, one instruction at a time, and everything that
//! happens is counted. Read `emulator.rs` for what a step is, `neuron.rs` for what an instruction does, and
//! `image.rs` for how a program is laid out to be run. `docs/emulator.md` has the rules.
//!
//! **Invariant:** this crate sees a program and nothing else: no model, no network, no core map.
//!
//! **Invariant:** it is deterministic; the order of messages within a step changes nothing.

mod emulator;
mod error;
mod events;
mod image;
mod neuron;
mod observer;

pub use emulator::{Emulator, StepOutput};
pub use error::{EmulatorError, Fault, FaultKind};
pub use events::Events;
pub use observer::{Observer, ProbeRecord, Recorder, Site, SpikeRecord};
