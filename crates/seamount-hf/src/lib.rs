//! Imports Hugging Face checkpoints of MatMul-free language models (`model_type: hgrn_bit`).
//!
//! Entry point: [`Checkpoint::open`] maps a folder's weights and reads its configuration;
//! [`Checkpoint::to_model`] builds the published graph over them, without copying a weight. [`random`] makes up the weights of
//! a model that nobody has trained.
//!
//! **Invariant:** no byte of a folder makes this crate panic, and nothing is allocated on the word of a header: every
//! length is held against the file's before it is used.
//! **Invariant:** a folder that would compute something else than the graph built here is refused by name.

mod checkpoint;
mod config;
mod error;
mod files;
mod graph;
mod header;
pub mod random;

pub use checkpoint::Checkpoint;
pub use config::{Activation, Config};
pub use error::{ConfigError, HeaderError, HfError, IndexError, TensorProblem, TensorProblems};
