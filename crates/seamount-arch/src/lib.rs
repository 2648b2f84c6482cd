//! Descriptions of Loihi systems: every hardware number with its source and status.
//!
//! The entry point is [`Arch`]: [`Arch::shipped`] gives one of the systems in `systems/`, [`Arch::from_toml`] reads a
//! description of the user's own, and its getters are the only place where the compiler and the emulator learn a
//! hardware number. [`check`] looks for parameters that contradict each other.
//!
//! **Invariant:** This crate knows nothing of models, programs or microcode, and it does no IO: shipped files are
//! embedded, other files arrive as text.
//!
//! **Invariant:** An [`Arch`] is complete and each of its values is in range, so that a getter never fails.

mod arch;
mod check;
mod error;
mod geometry;
mod links;
mod nearest;
mod parameter;
mod print;
mod read;
mod schema;
mod shipped;

pub use arch::Arch;
pub use check::{Finding, Rule, check};
pub use error::ArchError;
pub use links::{Direction, Link, LinkLoads};
pub use parameter::{Overflow, Parameter, Status, Value};
