//! Straight-line integer functions of one neuron.
//!
//! A kernel is what a neuron can compute between reading its accumulators and sending: sums, products with a shift,
//! minima, selections. No divide, no table, no float, no loop. Every result is a word: a signed integer of the
//! module's `word_bits`, saturated. Kernels approximate sigmoid, silu and the inverse root; the bodies of neuron
//! groups are made of the same operations.

mod evaluate;
pub(crate) mod text;
pub(crate) mod verify;

pub use evaluate::{Word, evaluate};

use std::fmt;

/// The result of an instruction, or an input. Displays as `%3`; inputs come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Local(pub u32);

impl fmt::Display for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

/// What an operation reads: a local or a constant of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arg {
    /// A value computed before.
    Local(Local),
    /// A constant word.
    Const(i32),
}

impl From<Local> for Arg {
    fn from(local: Local) -> Self {
        Arg::Local(local)
    }
}

impl From<i32> for Arg {
    fn from(constant: i32) -> Self {
        Arg::Const(constant)
    }
}

/// How a selection compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Less than.
    Lt,
    /// Greater than or equal.
    Ge,
    /// Equal.
    Eq,
}

/// One operation on words. All results saturate to the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarOp {
    /// `a + b`
    Add(Arg, Arg),
    /// `-a`
    Neg(Arg),
    /// The lesser.
    Min(Arg, Arg),
    /// Bitwise and.
    And(Arg, Arg),
    /// Bitwise or.
    Or(Arg, Arg),
    /// `a · 2^b`: shifts left by `b`, or right (rounding down) by `-b`.
    Shl(Arg, Arg),
    /// `(a · b) >> shift`, rounding half up, or down where `round` is false.
    MulShr {
        /// One factor.
        a: Arg,
        /// The other.
        b: Arg,
        /// Right shift of the exact product.
        shift: u32,
        /// Whether half a unit is added first.
        round: bool,
    },
    /// `then` where the comparison holds, else `otherwise`.
    Select {
        /// The comparison.
        compare: Compare,
        /// Its left side.
        lhs: Arg,
        /// Its right side.
        rhs: Arg,
        /// The result where it holds.
        then: Arg,
        /// The result where it does not.
        otherwise: Arg,
    },
}

impl ScalarOp {
    /// The same operation over other arguments.
    #[must_use]
    pub fn map(self, mut f: impl FnMut(Arg) -> Arg) -> Self {
        match self {
            ScalarOp::Add(a, b) => ScalarOp::Add(f(a), f(b)),
            ScalarOp::Neg(a) => ScalarOp::Neg(f(a)),
            ScalarOp::Min(a, b) => ScalarOp::Min(f(a), f(b)),
            ScalarOp::And(a, b) => ScalarOp::And(f(a), f(b)),
            ScalarOp::Or(a, b) => ScalarOp::Or(f(a), f(b)),
            ScalarOp::Shl(a, b) => ScalarOp::Shl(f(a), f(b)),
            ScalarOp::MulShr { a, b, shift, round } => ScalarOp::MulShr { a: f(a), b: f(b), shift, round },
            ScalarOp::Select { compare, lhs, rhs, then, otherwise } => {
                ScalarOp::Select { compare, lhs: f(lhs), rhs: f(rhs), then: f(then), otherwise: f(otherwise) }
            }
        }
    }

    /// The arguments, in order.
    pub fn args(self) -> Vec<Arg> {
        let mut args = Vec::new();
        let _same = self.map(|arg| {
            args.push(arg);
            arg
        });
        args
    }
}

/// A named function from words to a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Inputs: locals `%0` to `%(n_inputs - 1)`.
    pub n_inputs: u32,
    /// Instructions; the k-th defines local `n_inputs + k`.
    pub ops: Vec<ScalarOp>,
    /// The result.
    pub result: Arg,
    /// The largest difference to the exact function, in real units, where its maker states one.
    pub max_error: Option<f64>,
}

impl Kernel {
    /// An empty function to be filled by [`Kernel::push`].
    pub fn new(name: impl Into<String>, n_inputs: u32) -> Self {
        Self { name: name.into(), n_inputs, ops: Vec::new(), result: Arg::Const(0), max_error: None }
    }

    /// Appends an instruction and returns its local.
    ///
    /// # Panics
    /// If there are 2^32 instructions.
    pub fn push(&mut self, op: ScalarOp) -> Local {
        let at = u32::try_from(self.ops.len()).expect("invariant: kernels are short");
        self.ops.push(op);
        Local(self.n_inputs + at)
    }
}
