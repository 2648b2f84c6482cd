//! The levels a model passes through on its way to the chip, and what holds at each.
//!
//! - [`model`]: a float graph of typed operations over `[channels]` vectors, one evaluation per token.
//! - [`fixed`]: the same graph in exact integers; its interpreter is the oracle of everything below.
//! - [`network`]: neuron groups and projections, what a neuromorphic engineer would draw.
//! - [`kernel`]: straight-line integer functions of one neuron, used by the fixed and network levels.
//!
//! Every level has a verifier that names the broken rule, a text form that prints and parses back ([`syntax`]),
//! and constants that may be elided in text ([`tensor`]). Entry point: [`Module`], any level as one value.
//!
//! **Invariant:** this crate knows no other crate of the workspace: no hardware numbers, no microcode, no files.
//! **Invariant:** petgraph stays inside `dag.rs`; operand order is data, never edge iteration.

pub mod dag;
pub mod fixed;
pub mod kernel;
pub mod model;
mod module;
pub mod network;
pub mod pass;
pub mod syntax;
pub mod tensor;
mod verified;

pub use dag::{Dag, ValueId};
pub use module::{Level, Module};
pub use verified::{Verified, Violation, Violations};
