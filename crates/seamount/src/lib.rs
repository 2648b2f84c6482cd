//! Compiles MatMul-free language models to Intel Loihi 2 and runs them on an exact emulator of the chip.
//!
//! This is the library that the `seamount` command drives. A program from a file, and the text that it continues:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::io::Write;
//!
//! use seamount::{Program, Sampler};
//!
//! let program = Program::open("my.smt")?;
//! let tokenizer = program.tokenizer()?.expect("compiled from a folder with a tokenizer");
//! let mut emulator = program.emulator()?;
//! for token in emulator.generate(&tokenizer.prompt("Once upon a time")?, Sampler::greedy())?.take(64) {
//!     print!("{} ", tokenizer.text(&[token?])?);
//!     std::io::stdout().flush()?;
//! }
//! for (core, events) in emulator.events().iter().enumerate() {
//!     println!("core {core}: {} spikes, {} synaptic operations", events.spikes, events.synaptic_ops);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A checkpoint from a Hugging Face folder, compiled:
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use seamount::{Arch, Checkpoint, CompileOptions, Program, compile};
//!
//! let checkpoint = Checkpoint::open("my-checkpoint".as_ref())?;
//! let options = CompileOptions::new(Arch::shipped("loihi2-kapoho-point")?);
//! let compilation = compile(&checkpoint, &options, &mut ())?;
//! compilation.program.save("my.smt".as_ref())?;
//! let logits = Program::from(compilation.program).emulator()?.step(1)?;
//! println!("{:?}", &logits.to_real()[..4]);
//! # Ok(())
//! # }
//! ```
//!
//! - [`Program`] is a compiled program, [`Emulator`] one in the middle of a text, [`Generation`] the tokens that follow;
//!   [`generate_streams`] continues many texts at once.
//! - [`compile`](compile()) turns a checkpoint into a program; [`explore`](explore::explore) tries many mappings of it,
//!   [`tune`](tune::tune) finds the narrowest widths that hold a budget of accuracy.
//! - [`evaluate`](evaluate()) says how well a program predicts text, the other functions of [`mod@evaluate`] where its
//!   error comes from, [`mod@ranges`] what can overflow; [`reproduce`] predicts published figures.
//! - [`trace`] and [`record`] show what happens inside, step by step.
//! - [`passes`] runs passes on text; [`embedded`] has a small trained model to play with.
//!
//! `docs/library.md` walks through it.
//!
//! **Invariant:** prints nothing; what it does is told to a [`Watcher`] or logged.

mod activity;
pub mod calibration;
mod compile;
mod cost;
pub mod density;
pub mod divide;
pub mod embedded;
mod emulator;
pub mod evaluate;
pub mod explore;
mod generate;
pub mod passes;
mod program;
pub mod ranges;
pub mod record;
pub mod reproduce;
mod sample;
pub mod tokens;
pub mod trace;
pub mod tune;

pub use activity::Counts;
pub use compile::{
    CalibrationText, Compilation, CompileError, CompileOptions, Lowered, Mapped, Quantized, Watcher, calibrate,
    compile, lower, map, quantize, trained_quant,
};
pub use cost::cost;
pub use divide::{Division, Roots};
pub use emulator::{Emulator, Logits};
pub use evaluate::{EvaluateError, Evaluation, evaluate, evaluate_with};
pub use generate::{Generation, generate_streams};
pub use program::Program;
pub use sample::{Sampler, argmax};

/// Descriptions of Loihi systems.
pub use seamount_arch::Arch;
/// How an emulator runs a program.
pub use seamount_emulator::Options as EmulatorOptions;
/// What an emulator is made of, counts, shows and complains of.
pub use seamount_emulator::{Debugger, EmulatorError, Engine, Events, Kernel, Observer, Recorder, StateError, Streams};
/// A Hugging Face folder.
pub use seamount_hf::Checkpoint;
/// Why a program's file cannot be read or written.
pub use seamount_program::ProgramError;
