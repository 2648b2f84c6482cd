//! How well a compiled model predicts text, and where its error comes from.
//!
//! [`evaluate`] is about a program; [`evaluate_by_pass`] about the model after each step of its compilation;
//! [`evaluate_by_layer`] about values inside of it; [`evaluate_by_projection`] about what is sent to linear layers;
//! [`evaluate_sweep`] about payload widths and weight encodings.
//! All read a text in consecutive windows, each from a zero state. Windows run in parallel and are added up in their
//! order, so that results do not depend on the number of threads.
//!
//! Two float models are what all is held against: the *published* one, which rounds activations to each token's own
//! largest magnitude, and the *unrounded* one, the same without that rounding, which is what a program computes.

mod by_layer;
mod by_pass;
mod by_projection;
mod compare;
mod predict;
mod program;
mod sweep;
mod windows;
mod yardstick;

pub use by_layer::{ByLayer, Tap, evaluate_by_layer};
pub use by_pass::{ByPass, Step, StepScore, compile_in_steps, evaluate_by_pass};
pub use by_projection::{ByProjection, Payload, evaluate_by_projection};
pub use compare::Score;
pub use program::{Evaluation, evaluate, evaluate_with};
pub use sweep::{PAYLOAD_BITS, Sweep, SweepPoint, WEIGHTS, evaluate_sweep};

pub(crate) use by_projection::name_in_block;
pub(crate) use yardstick::Yardstick;

use seamount_emulator::EmulatorError;
use seamount_ir::model::{InterpretError, Model};
use seamount_ir::{Module, Verified, Violations};

use crate::compile::CompileError;
use crate::passes::{FailedPass, Pipeline};

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The text is shorter than a window.
    #[error("the text has {n_tokens} tokens, one window needs {needed}")]
    Short {
        /// Tokens of the text.
        n_tokens: usize,
        /// Tokens that a window and its last prediction need.
        needed: usize,
    },
    /// A token is not of the vocabulary.
    #[error("token {token} is not of the vocabulary of {vocab_size}")]
    Token {
        /// The token.
        token: u32,
        /// The number of tokens there are.
        vocab_size: usize,
    },
    /// Model and program are of different vocabularies.
    #[error("the model has {model} tokens, the program {program}: it was not compiled from this model")]
    Vocabulary {
        /// Tokens of the model.
        model: usize,
        /// Tokens of the program.
        program: usize,
    },
    /// The program cannot be run.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// A level above the program cannot be evaluated.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
    /// A step leaves what breaks rules.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// A pass cannot run.
    #[error(transparent)]
    Pass(#[from] FailedPass),
    /// The checkpoint cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

/// The model without its rounding of each token's activations; no program imitates that rounding.
fn without_rounding(model: &Model) -> Result<Verified<Model>, EvaluateError> {
    let pipeline = Pipeline::parse("drop-token-rounding").expect("invariant: this pass exists");
    match pipeline.run(Module::Model(model.clone()), |_, _| {})? {
        Module::Model(model) => Ok(model.verify()?),
        Module::Fixed(_) | Module::Network(_) => unreachable!("invariant: the pass stays on the model level"),
    }
}
