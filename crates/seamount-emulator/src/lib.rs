//! Runs compiled programs, step by step and integer by integer.
//!
//! Entry point: [`Emulator`]. It has two engines that give the same integers and the same counts. The *reference* runs one
//! neuron, one instruction at a time and is meant to be read: `reference.rs` is a step, `neuron.rs` an instruction,
//! `image.rs` the program as it is laid out. The *fast* engine, `fast/`, runs many neurons, steps and texts at once.
//! A [`Debugger`] stops the reference between any two instructions.
//!
//! `docs/emulator.md` has the rules, and how the fast engine keeps them. `state/` is what a run remembers, for either.
//!
//! **Invariant:** this crate sees a program and nothing else: no model, no network, no core map.
//!
//! **Invariant:** it is deterministic at any number of threads; the order of messages within a step changes nothing.
//!
//! **Invariant:** no bytes of a saved state make it panic, or bring a run where no run of the program could be.
//!
//! **Invariant:** `unsafe` is in `fast/kernels` only.

mod debug;
mod emulate;
mod error;
mod events;
mod fast;
mod image;
mod neuron;
mod observer;
mod reach;
mod reference;
mod state;
mod streams;

pub use debug::{Debugger, Pace, Position};
pub use emulate::{Emulator, Engine, Options, StepOutput};
pub use error::{EmulatorError, Fault, FaultKind};
pub use events::Events;
pub use fast::Kernel;
pub use observer::{Observer, ProbeRecord, Recorder, Site, SpikeRecord};
pub use state::{STATE_VERSION, StateError};
pub use streams::Streams;

/// The inner loops by themselves, for `benches/`. No part of the interface.
#[doc(hidden)]
pub mod loops {
    pub use crate::fast::Product;
}
