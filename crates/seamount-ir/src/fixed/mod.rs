//! The fixed-point level: the model's graph in exact integers.
//!
//! Every value has a [`FixedType`]: width in bits, sign included, and the real value of one unit. Every operation has
//! one integer result, written down in [`Op`]; rounding is half up, saturation is to the result's width and counted.
//! [`Interpreter`] evaluates the level and is the oracle of everything below it.

mod interpret;
mod op;
pub(crate) mod text;
mod verify;

pub use interpret::{Interpreter, Saturations, State, Values};
pub use op::{Factor, Op};

use indexmap::IndexMap;

use crate::dag::{Dag, ValueId};
use crate::kernel::{Kernel, Word};
use crate::tensor::Constants;

pub use crate::model::{InterpretError, LOGITS};

/// The type of a value: integers of some bits, each of which stands for `integer × scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FixedType {
    /// Width in bits, sign included; at most the module's word.
    pub bits: u32,
    /// Channels.
    pub width: usize,
    /// The real value of one unit.
    pub scale: f64,
}

/// What an accumulator does when a sum does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// Stays at the nearest value, and is counted.
    Saturate,
    /// Keeps the low bits, and is counted.
    Wrap,
}

/// A model in exact integers.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The checkpoint's name.
    pub name: String,
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Registers and state of the machine.
    pub word: Word,
    /// Sums of spikes of the machine.
    pub accumulator: Word,
    /// What a sum does that does not fit.
    pub overflow: Overflow,
    /// Integer weights, factors and tables by name.
    pub constants: Constants,
    /// Functions that operations call.
    pub kernels: IndexMap<String, Kernel>,
    /// The operations.
    pub graph: Dag<Node>,
    /// Named results: `logits` and taps.
    pub outputs: IndexMap<String, ValueId>,
}

/// One operation of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// The type of its result.
    pub ty: FixedType,
    /// The block that it belongs to, from 0.
    pub layer: Option<u32>,
}
