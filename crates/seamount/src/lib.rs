//! The Seamount compiler as a library: what the `seamount` command drives.
//!
//! Entry points: [`compile`] turns a checkpoint into a program; [`evaluate`](evaluate()) says how well a program
//! predicts text, and the other functions of [`mod@evaluate`] where its error comes from; [`mod@ranges`] says what can
//! overflow; [`tune`](tune::tune) finds the narrowest widths that hold a budget of accuracy;
//! [`generate`](generate()) continues a text, [`generate_streams`] many at once; [`passes`] runs passes on text;
//! [`reproduce`] predicts published figures; [`explore`](explore::explore) tries many mappings of a model.
//!
//! **Invariant:** prints nothing; what it does is told to a [`Watcher`] or logged.

mod activity;
pub mod calibration;
mod compile;
mod cost;
pub mod density;
pub mod embedded;
pub mod evaluate;
pub mod explore;
mod generate;
pub mod passes;
pub mod ranges;
pub mod reproduce;
mod sample;
pub mod tokens;
pub mod tune;

pub use activity::activity;
pub use compile::{
    CalibrationText, Compilation, CompileError, CompileOptions, Lowered, Mapped, Quantized, Watcher, calibrate,
    compile, lower, map, quantize, trained_quant,
};
pub use cost::cost;
pub use evaluate::{EvaluateError, Evaluation, evaluate, evaluate_with};
pub use generate::{generate, generate_streams};
pub use sample::{Sampler, argmax};
