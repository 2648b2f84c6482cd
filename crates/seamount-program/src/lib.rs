//! The compiled program: one file that holds what runs on each neurocore.
//!
//! Entry point: [`Program`]. [`Program::open`] reads and verifies a file, [`Program::save`] writes one, and its `Display`
//! is its listing. [`verify`](verify()) checks a program that was built in memory, [`rows`] packs its weights and
//! [`Program::core_memory`] says what it needs of each core, [`Program::flow`]
//! when each group works. `docs/program-format.md` describes the file byte by byte.
//!
//! **Invariant:** this crate knows no model and no intermediate representation; a program stands for itself.
//!
//! **Invariant:** no bytes make it panic, and nothing is allocated on the word of an unchecked length.

mod container;
mod dis;
mod embedding;
mod error;
mod flow;
mod format;
mod memory;
mod program;
pub mod rows;
mod verify;
mod wire;

pub use container::{ALIGN_BYTES, FORMAT_VERSION, MAGIC};
pub use embedding::Embedding;
pub use error::{ProgramError, Section};
pub use flow::{Edge, Flow, Sender};
pub use memory::{CoreMemory, Excess, Limit};
pub use program::{Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Place, Program, Routes, Slice, SynapseBlock};
pub use verify::{Locus, MAX_SLICE_NEURONS, MAX_VIOLATIONS, Verified, Violation, verify};
