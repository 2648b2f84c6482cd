//! Passes on the model and fixed-point levels: folding, calibration, quantization, approximation.
//!
//! Entry point: [`registry::passes`], every pass by name. `docs/passes.md` says when each is legal and what it costs
//! in accuracy; [`functions`] are the integer functions that [`approximate`] puts in place of the ideal ones.
//!
//! **Invariant:** a pass is a function of its module and options: no files, no clock, no global state; the same input
//! gives the same output at any thread count.
//! **Invariant:** knows the levels of `seamount-ir` only: no checkpoint format, no hardware.

pub mod approximate;
pub mod calibrate;
pub mod config;
pub mod drop_token_rounding;
pub mod expand_norm;
pub mod fold_double_norm;
pub mod fold_gate_norm;
pub mod fold_lower_bound;
pub mod functions;
mod histogram;
pub mod late_norm;
pub mod names;
pub mod quantize;
pub mod ranges;
pub mod registry;
mod rewrite;
pub mod set_epsilon;
pub mod set_ranges;
pub mod split_projections;
pub mod ternarize;
pub mod trained;
mod vocabulary;
