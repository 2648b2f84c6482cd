//! The compiled program: one file that holds what runs on each neurocore.
//!
//! Entry point: [`Program`].
//!
//! **Invariant:** this crate knows no model and no intermediate representation; a program stands for itself.

mod program;
pub mod rows;

pub use program::{Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Place, Program, Routes, Slice, SynapseBlock};
