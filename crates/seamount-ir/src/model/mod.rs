//! The model level: floats, one evaluation of the graph per token.
//!
//! Entry points: [`Model`], built by an importer or [`Model::parse`]; [`Model::verify`]; [`Interpreter`].

mod interpret;
mod op;
pub mod rules;
mod text;
pub(crate) use text::defined;
mod verify;

pub use interpret::{InterpretError, Interpreter, State, Values};
pub use op::{Op, WeightRule};

use indexmap::IndexMap;

use crate::dag::{Dag, ValueId};
use crate::tensor::Constants;

/// A float model: a graph over `[channels]` vectors, evaluated once per token, with state in its recurrences.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The checkpoint's name.
    pub name: String,
    /// Number of tokens in the vocabulary.
    pub vocab_size: usize,
    /// Weights and vectors by name.
    pub constants: Constants,
    /// The operations.
    pub graph: Dag<Node>,
    /// Named results: `logits`, and taps such as `layer.0` that tests and reports watch.
    pub outputs: IndexMap<String, ValueId>,
}

/// One operation of the graph and what is known of its result.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The operation.
    pub op: Op,
    /// Channels of the result.
    pub width: usize,
    /// The block that it belongs to, from 0.
    pub layer: Option<u32>,
    /// What calibration saw.
    pub observed: Option<Observed>,
}

/// The values that a node took during calibration, over all tokens and channels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observed {
    /// Least value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Root of the mean square.
    pub rms: f64,
    /// The magnitude below which all values together hold no more than a tolerated share of the sum of squares, where
    /// calibration was given such a share.
    pub negligible: Option<f64>,
}

impl Observed {
    /// The largest magnitude.
    pub fn abs_max(&self) -> f64 {
        self.min.abs().max(self.max.abs())
    }
}

/// The output that every model has.
pub const LOGITS: &str = "logits";

impl Model {
    /// Adds an operation of the given result width.
    pub fn add(&mut self, op: Op, operands: &[ValueId], width: usize, layer: Option<u32>) -> ValueId {
        self.graph.add(Node { op, width, layer, observed: None }, operands)
    }

    /// Channels of a value.
    pub fn width(&self, value: ValueId) -> usize {
        self.graph.node(value).width
    }

    /// Removes operations that no output needs, then constants that no operation names.
    pub fn remove_dead(&mut self) {
        self.graph.remove_dead(self.outputs.values().copied());
        let used: Vec<String> = self
            .graph
            .in_order()
            .into_iter()
            .flat_map(|value| self.graph.node(value).op.constants())
            .map(str::to_owned)
            .collect();
        self.constants.retain(|name, _| used.contains(name));
    }

    /// Makes users and outputs of `old` use `new` instead.
    pub fn replace(&mut self, old: ValueId, new: ValueId) {
        self.graph.replace_uses(old, new);
        for output in self.outputs.values_mut() {
            if *output == old {
                *output = new;
            }
        }
    }

    /// A constant's name that is not taken: `base`, or `base.2`, `base.3`, ...
    pub fn fresh_name(&self, base: &str) -> String {
        if !self.constants.contains_key(base) {
            return base.to_owned();
        }
        (2u32..)
            .map(|n| format!("{base}.{n}"))
            .find(|name| !self.constants.contains_key(name))
            .expect("invariant: there are more numbers than constants")
    }
}
