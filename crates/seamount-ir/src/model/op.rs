//! The operations of the model level.

/// How a linear layer's stored weights become the weights it computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightRule {
    /// As stored.
    AsIs,
    /// `w/s` rounded and clamped to -1, 0, 1, times `s = mean |w|`: the published rule, applied at every use.
    AbsmeanTernary,
}

/// One operation over vectors. Constants are named; operands are the graph's.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// The token's row of a table. `[vocab, width]` → `[width]`.
    Embed {
        /// `[vocab, width]`
        table: String,
    },
    /// `x / sqrt(mean(x²) + eps) · weight`.
    RmsNorm {
        /// `[width]`
        weight: String,
        /// Added to the mean square.
        eps: f64,
    },
    /// Rounds to `2^bits - 1` levels of the token's own largest magnitude: `round(x·s)/s`, `s = (2^(bits-1) - 1)/max|x|`.
    RoundPerToken {
        /// Bits of a level's number.
        bits: u32,
    },
    /// `W·x`.
    Linear {
        /// `[out, in]`
        weight: String,
        /// What is done to the stored weights first.
        rule: WeightRule,
    },
    /// Channels `start..start + width` of a vector.
    Slice {
        /// First channel.
        start: usize,
    },
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `x / (1 + e^-x)`.
    Silu,
    /// Elementwise product; one operand may be a scalar `[1]`.
    Multiply,
    /// Elementwise sum.
    Add,
    /// `b + (1 - b)·x` with `b` = row `layer` of `cumsum(softmax(bounds)) - softmax(bounds)[0]` over layers; row 0 is
    /// no bound.
    LowerBound {
        /// `[layers, width]`
        bounds: String,
        /// The row.
        layer: usize,
    },
    /// `scale·x + bias`, channel by channel.
    Affine {
        /// `[width]`
        scale: String,
        /// `[width]`
        bias: Option<String>,
    },
    /// The mean of the squares: `[width]` → `[1]`.
    MeanSquare,
    /// `1 / sqrt(x + eps)`: `[1]` → `[1]`.
    InvSqrt {
        /// Added to the operand.
        eps: f64,
    },
    /// Operands forget gate `f` and input `u`: `h ← f·h + (1 - f)·u`, one state a channel, from zero.
    GatedRecurrence,
}

impl Op {
    /// The name in text.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Embed { .. } => "embed",
            Op::RmsNorm { .. } => "rms_norm",
            Op::RoundPerToken { .. } => "round_per_token",
            Op::Linear { .. } => "linear",
            Op::Slice { .. } => "slice",
            Op::Sigmoid => "sigmoid",
            Op::Silu => "silu",
            Op::Multiply => "multiply",
            Op::Add => "add",
            Op::LowerBound { .. } => "lower_bound",
            Op::Affine { .. } => "affine",
            Op::MeanSquare => "mean_square",
            Op::InvSqrt { .. } => "inv_sqrt",
            Op::GatedRecurrence => "gated_recurrence",
        }
    }

    /// How many values it takes.
    pub fn n_operands(&self) -> usize {
        match self {
            Op::Embed { .. } => 0,
            Op::RmsNorm { .. }
            | Op::RoundPerToken { .. }
            | Op::Linear { .. }
            | Op::Slice { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::LowerBound { .. }
            | Op::Affine { .. }
            | Op::MeanSquare
            | Op::InvSqrt { .. } => 1,
            Op::Multiply | Op::Add | Op::GatedRecurrence => 2,
        }
    }

    /// The constants that it names.
    pub fn constants(&self) -> Vec<&str> {
        match self {
            Op::Embed { table: name }
            | Op::RmsNorm { weight: name, .. }
            | Op::Linear { weight: name, .. }
            | Op::LowerBound { bounds: name, .. } => vec![name],
            Op::Affine { scale, bias } => std::iter::once(scale).chain(bias).map(String::as_str).collect(),
            Op::RoundPerToken { .. }
            | Op::Slice { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::Multiply
            | Op::Add
            | Op::MeanSquare
            | Op::InvSqrt { .. }
            | Op::GatedRecurrence => vec![],
        }
    }
}
