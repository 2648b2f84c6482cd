//! Counts the work of a program, step by step: what the cost model charges.
//!
//! Entry points: [`Profile::new`] works out when each neuron group works and what a spike of each neuron sets off;
//! [`Profile::expected`] gives the wavefront of a token from how often neurons send, without running anything;
//! [`Profile::observed`] gives that of a token that an engine has run, exactly.
//!
//! **Invariant:** this crate sees a program and plain counts: no model, no core map, no engine.
//!
//! **Invariant:** it charges nothing. What work costs is for `seamount-cost` to say.

mod density;
mod instructions;
mod profile;
mod reach;
mod schedule;

pub use density::Densities;
pub use instructions::PathLengths;
pub use profile::{Profile, Sent, TokenTrace, TraceStep};
pub use schedule::ProfileError;

/// A `u32` as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}
