//! The operations of the fixed-point level and their exact meaning.
//!
//! `word(x)` saturates to the module's word, `sat(x)` to the result's bits, `acc(x)` applies the accumulator's width
//! and overflow rule to the exact sum. `x >>r s` is `(x + 2^(s-1)) >> s`: rounding half up (no rounding at `s = 0`).

use crate::kernel::Arg;

/// A factor or addend: the same for all channels, or a named vector of words.
#[derive(Debug, Clone, PartialEq)]
pub enum Factor {
    /// One word for all channels.
    Scalar(i32),
    /// `[width]` words.
    PerChannel(String),
}

/// One operation over vectors of integers.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The token's row of a table of integers.
    Embed {
        /// `[vocab, width]`
        table: String,
    },
    /// `sat(word(word((x · factor) >>r shift) + bias))`: changes scale, clamps to a payload.
    Affine {
        /// Multiplies each channel.
        factor: Factor,
        /// Right shift of the product.
        shift: u32,
        /// Added after the shift.
        bias: Option<Factor>,
    },
    /// `sat((a · b) >>r shift)`, elementwise; one operand may be a scalar `[1]`.
    Multiply {
        /// Right shift of the product.
        shift: u32,
    },
    /// `sat(word(a + b))`: both of one scale.
    Add,
    /// `x` where `|x| >= level`, else zero, which sends nothing.
    Threshold {
        /// The least magnitude that is kept.
        level: i32,
    },
    /// `acc(Σ weight · x)`.
    Linear {
        /// `[out, in]`, ternary or 8-bit.
        weight: String,
    },
    /// `acc(word(x[0] + bias) + x[1] + x[2] + …)`: `[width]` → `[1]`.
    ReduceSum {
        /// Added to the first channel; keeps a sum of squares from being zero.
        bias: i32,
    },
    /// The nearest integer to the sigmoid: `floor(sigmoid(x) / scale + 1/2)` in double precision.
    Sigmoid,
    /// The nearest integer to `x · sigmoid(x)`, likewise.
    Silu,
    /// The nearest integer to `2^fraction / sqrt(x)`, for `x` from 1; the scale is the business of its types.
    InvSqrt {
        /// Bits of the fraction.
        fraction: u32,
    },
    /// `sat(kernel(x))`, channel by channel.
    Call {
        /// Name of the function.
        kernel: String,
    },
    /// Operands forget gate `f` (of unit `2^-shift`) and input `u`:
    /// `h ← sat(word(u + word((f · word(h + word(-u))) >>r shift)))`, one state a channel, from zero. It is
    /// `f·h + (1-f)·u` with one product.
    GatedRecurrence {
        /// Fraction bits of the gate.
        shift: u32,
    },
}

impl Op {
    /// The name in text.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::Affine { .. } => "affine",
            Op::Multiply { .. } => "multiply",
            Op::Add => "add",
            Op::Threshold { .. } => "threshold",
            Op::Linear { .. } => "linear",
            Op::ReduceSum { .. } => "reduce_sum",
            Op::Sigmoid => "sigmoid",
            Op::Silu => "silu",
            Op::InvSqrt { .. } => "inv_sqrt",
            Op::Call { .. } => "call",
            Op::GatedRecurrence { .. } => "gated_recurrence",
        }
    }

    /// How many values it takes.
    pub fn n_operands(&self) -> usize {
        match self {
            Op::Embed { .. } => 0,
            Op::Affine { .. }
            | Op::Threshold { .. }
            | Op::Linear { .. }
            | Op::ReduceSum { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::InvSqrt { .. }
            | Op::Call { .. } => 1,
            Op::Multiply { .. } | Op::Add | Op::GatedRecurrence { .. } => 2,
        }
    }

    /// The constants that it names.
    pub fn constants(&self) -> Vec<&str> {
        match self {
            Op::Embed { table: name } | Op::Linear { weight: name } => vec![name],
            Op::Affine { factor, bias, .. } => {
                std::iter::once(factor).chain(bias).filter_map(Factor::constant).collect()
            }
            Op::Multiply { .. }
            | Op::Add
            | Op::Threshold { .. }
            | Op::ReduceSum { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::InvSqrt { .. }
            | Op::Call { .. }
            | Op::GatedRecurrence { .. } => vec![],
        }
    }
}

impl Factor {
    /// The constant that it names.
    pub fn constant(&self) -> Option<&str> {
        match self {
            Factor::Scalar(_) => None,
            Factor::PerChannel(name) => Some(name),
        }
    }

    /// The word, where it is one for all channels.
    pub fn scalar(&self) -> Option<Arg> {
        match self {
            Factor::Scalar(word) => Some(Arg::Const(*word)),
            Factor::PerChannel(_) => None,
        }
    }
}
