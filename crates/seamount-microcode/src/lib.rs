//! The neuron instruction set: assembler, disassembler, encoding, verifier.
//!
//! Loihi 2 neurons are small programs. Intel published the names of the instructions; the operands, the binary
//! encoding and the exact arithmetic are Seamount's own and are written down in `docs/microcode.md`.
//!
//! Entry point: [`assemble`] turns text into a [`Body`], [`verify`](verify()) turns a body into a [`VerifiedBody`], which
//! is what an engine demands. A body's `Display` is its disassembly.
//! [`semantics`] holds the arithmetic of every instruction as pure functions.
//!
//! **Invariant:** this crate knows no architecture file. Word width and register count come in as [`Machine`].
//!
//! **Invariant:** this crate neither reads nor writes files.

mod assemble;
mod body;
mod builder;
mod disassemble;
mod encoding;
mod ids;
mod instr;
pub mod library;
pub mod semantics;
mod tokens;
mod verify;

pub use assemble::{AssembleError, AssembleErrorKind, assemble};
pub use body::{Body, SlotDecl, SlotKind, is_name};
pub use builder::{BodyBuilder, Label};
pub use encoding::{DecodeError, INSTRUCTION_WORD_BYTES, decode, encode};
pub use ids::{AccId, PortId, ProbeId, Reg, Slot};
pub use instr::{Condition, Instr, Polarity, Rounding, Src};
pub use verify::{BodyError, MAX_SHIFT, MAX_SHL_AMOUNT, Machine, Rule, VerifiedBody, verify};
