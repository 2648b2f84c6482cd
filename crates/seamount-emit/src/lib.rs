//! Turns a placed network into a program.
//!
//! Two entry points: [`codegen::footprints`] says what the microcode of each group takes, which the partitioner asks for;
//! [`emit`] writes the program for the core map that the partitioner gives back.
//!
//! **Invariant:** what a core uses in the program is what its core map says, byte for byte.
//! **Invariant:** the same network, map, system and options give the same program at any number of threads.
//! **Invariant:** this crate decides nothing about places or sizes; it knows no file and no clock.

pub mod codegen;
mod cores;
mod error;
mod host;
mod program;
mod routes;

pub use codegen::{CodegenError, Microcode, footprints, generate};
pub use error::EmitError;
pub use program::{EmitOptions, emit};
