//! Evaluates the model in single precision, as the published PyTorch code does.
//!
//! Tokens may be given one by one or several at once: each weight is then read once for all of them, and only the
//! recurrences go token by token. Rows of large matrices are shared among threads. The numbers are the same bit for bit.

use std::collections::BTreeMap;

use bytes::Bytes;
use rayon::prelude::*;

use super::rules::{absmean_ternary, lower_bound};
use super::{Model, Op, WeightRule};
use crate::dag::ValueId;
use crate::tensor::{Elem, Tensor, TensorError};
use crate::verified::Verified;

/// Why a model cannot be evaluated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InterpretError {
    /// A constant cannot be read.
    #[error("@{name}: {source}")]
    Constant {
        /// Its name.
        name: String,
        /// Why.
        source: TensorError,
    },
    /// A token is not of the vocabulary.
    #[error("token {token} is not of the vocabulary of {vocab_size}")]
    Token {
        /// The token.
        token: u32,
        /// The number of tokens.
        vocab_size: usize,
    },
}

/// A model made ready: operations in order, constants as floats, ternary weights applied.
#[derive(Debug, Clone)]
pub struct Interpreter {
    steps: Vec<Step>,
    names: Vec<ValueId>,
    outputs: BTreeMap<String, usize>,
    vocab_size: usize,
    n_states: usize,
}

/// What a model carries from token to token: one vector a recurrence, in the order of the text. Starts at zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State(pub Vec<Vec<f32>>);

#[derive(Debug, Clone)]
struct Step {
    kind: Kind,
    operands: Vec<usize>,
    width: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Rows are read when tokens ask for them.
    Embed(Tensor),
    RmsNorm {
        weight: Vec<f32>,
        eps: f32,
    },
    RoundPerToken {
        levels: f32,
    },
    Dense(Vec<f32>),
    /// A byte a weight, as the tensor has them.
    Ternary {
        weights: Bytes,
        scale: f32,
    },
    Slice(usize),
    Sigmoid,
    Silu,
    Multiply,
    Add,
    Affine {
        scale: Vec<f32>,
        bias: Option<Vec<f32>>,
    },
    MeanSquare,
    InvSqrt {
        eps: f32,
    },
    GatedRecurrence {
        state: usize,
    },
}

/// All values of some tokens, in the order of the text; each is `[tokens, width]`.
#[derive(Debug, Clone)]
pub struct Values<'i> {
    interpreter: &'i Interpreter,
    values: Vec<Vec<f32>>,
}

impl Interpreter {
    /// Reads the constants.
    ///
    /// # Errors
    /// [`InterpretError::Constant`] where one is elided.
    pub fn new(model: &Verified<Model>) -> Result<Self, InterpretError> {
        let names = model.graph.in_order();
        let at: BTreeMap<ValueId, usize> = names.iter().enumerate().map(|(index, &value)| (value, index)).collect();
        let mut n_states = 0;
        let mut steps = Vec::with_capacity(names.len());
        for &value in &names {
            let node = model.graph.node(value);
            let operands = model.graph.operands(value).iter().map(|operand| at[operand]).collect();
            steps.push(Step {
                kind: prepare(model, &node.op, node.width, &mut n_states)?,
                operands,
                width: node.width,
            });
        }
        let outputs = model.outputs.iter().map(|(name, value)| (name.clone(), at[value])).collect();
        Ok(Self { steps, names, outputs, vocab_size: model.vocab_size, n_states })
    }

    /// The named outputs, in alphabetical order.
    pub fn output_names(&self) -> impl Iterator<Item = &str> {
        self.outputs.keys().map(String::as_str)
    }

    /// The state before the first token.
    pub fn initial_state(&self) -> State {
        State(vec![Vec::new(); self.n_states])
    }

    /// Evaluates one token.
    ///
    /// # Errors
    /// [`InterpretError::Token`].
    pub fn step(&self, token: u32, state: &mut State) -> Result<Values<'_>, InterpretError> {
        self.run(&[token], state)
    }

    /// Evaluates tokens that follow each other. All their values are kept: a few dozen tokens at once are fastest.
    ///
    /// # Errors
    /// [`InterpretError::Token`]; the state is then as before.
    pub fn run(&self, tokens: &[u32], state: &mut State) -> Result<Values<'_>, InterpretError> {
        let vocab_size = self.vocab_size;
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= vocab_size) {
            return Err(InterpretError::Token { token, vocab_size });
        }
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let operands: Vec<Operand<'_>> =
                step.operands.iter().map(|&at| Operand { values: &values[at], width: self.steps[at].width }).collect();
            let value = evaluate(step, tokens, &operands, state);
            values.push(value);
        }
        Ok(Values { interpreter: self, values })
    }
}

impl Values<'_> {
    /// A named output, such as `logits`: the tokens' vectors, one after the other.
    pub fn output(&self, name: &str) -> Option<&[f32]> {
        self.interpreter.outputs.get(name).map(|&at| self.values[at].as_slice())
    }

    /// Every value with what it is called in the graph: the tokens' vectors, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &[f32])> {
        self.interpreter.names.iter().copied().zip(self.values.iter().map(Vec::as_slice))
    }
}

fn prepare(model: &Model, op: &Op, width: usize, n_states: &mut usize) -> Result<Kind, InterpretError> {
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| InterpretError::Constant { name, source }
    };
    let floats = |name: &str| model.constants[name].to_f32().map_err(failed(name));
    #[expect(clippy::cast_possible_truncation, reason = "the float level computes in single precision")]
    Ok(match op {
        Op::Embed { table } => {
            let tensor = &model.constants[table];
            tensor.bytes().map_err(failed(table))?;
            Kind::Embed(tensor.clone())
        }
        Op::RmsNorm { weight, eps } => Kind::RmsNorm { weight: floats(weight)?, eps: *eps as f32 },
        Op::RoundPerToken { bits } => Kind::RoundPerToken { levels: f32::from(i16::MAX >> (16 - bits)) },
        Op::Linear { weight, rule } => {
            let tensor = &model.constants[weight];
            match (rule, tensor.elem()) {
                (WeightRule::AbsmeanTernary, _) => {
                    let (weights, scale) = absmean_ternary(&floats(weight)?);
                    Kind::Ternary { weights: weights.into_iter().map(i8::cast_unsigned).collect(), scale }
                }
                (WeightRule::AsIs, Elem::Ternary) => Kind::Ternary {
                    weights: tensor.bytes().map_err(failed(weight))?.clone(),
                    scale: tensor.scale().unwrap_or(1.0) as f32,
                },
                (WeightRule::AsIs, _) => Kind::Dense(floats(weight)?),
            }
        }
        Op::Slice { start } => Kind::Slice(*start),
        Op::Sigmoid => Kind::Sigmoid,
        Op::Silu => Kind::Silu,
        Op::Multiply => Kind::Multiply,
        Op::Add => Kind::Add,
        Op::LowerBound { bounds, layer } => {
            let bound = lower_bound(&floats(bounds)?, width, *layer);
            Kind::Affine { scale: bound.iter().map(|b| 1.0 - b).collect(), bias: Some(bound) }
        }
        Op::Affine { scale, bias } => {
            Kind::Affine { scale: floats(scale)?, bias: bias.as_deref().map(floats).transpose()? }
        }
        Op::MeanSquare => Kind::MeanSquare,
        Op::InvSqrt { eps } => Kind::InvSqrt { eps: *eps as f32 },
        Op::GatedRecurrence => {
            *n_states += 1;
            Kind::GatedRecurrence { state: *n_states - 1 }
        }
    })
}

/// The vectors of all tokens, `[tokens, width]`.
#[derive(Clone, Copy)]
struct Operand<'v> {
    values: &'v [f32],
    width: usize,
}

impl<'v> Operand<'v> {
    fn tokens(self) -> impl Iterator<Item = &'v [f32]> {
        self.values.chunks_exact(self.width)
    }

    /// Appends to the result for each token.
    fn map_tokens(self, mut append: impl FnMut(&[f32], &mut Vec<f32>)) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.values.len());
        self.tokens().for_each(|x| append(x, &mut out));
        out
    }
}

fn evaluate(step: &Step, tokens: &[u32], operands: &[Operand<'_>], state: &mut State) -> Vec<f32> {
    let width = step.width;
    let map = |f: fn(f32) -> f32| operands[0].values.iter().map(|&x| f(x)).collect::<Vec<_>>();
    match &step.kind {
        Kind::Embed(table) => {
            let mut out = Vec::with_capacity(tokens.len() * width);
            for &token in tokens {
                let row = table.rows(token as usize, 1).and_then(|row| row.to_f32());
                out.extend(row.expect("invariant: a table with its data was prepared"));
            }
            out
        }
        Kind::RmsNorm { weight, eps } => operands[0].map_tokens(|x, out| {
            let factor = 1.0 / (mean_square(x) + eps).sqrt();
            out.extend(x.iter().zip(weight).map(|(x, w)| x * factor * w));
        }),
        Kind::RoundPerToken { levels } => operands[0].map_tokens(|x, out| {
            let scale = levels / x.iter().fold(0f32, |top, v| top.max(v.abs())).max(1e-5);
            out.extend(x.iter().map(|v| (v * scale).round_ties_even().clamp(-levels - 1.0, *levels) / scale));
        }),
        Kind::Dense(weights) => apply_matrix(weights, |&w| w, 1.0, operands[0], width),
        Kind::Ternary { weights, scale } => {
            apply_matrix(weights, |w| f32::from(w.cast_signed()), *scale, operands[0], width)
        }
        Kind::Slice(start) => operands[0].map_tokens(|x, out| out.extend_from_slice(&x[*start..start + width])),
        Kind::Sigmoid => map(sigmoid),
        Kind::Silu => map(|x| x * sigmoid(x)),
        Kind::Multiply => multiply(operands[0], operands[1]),
        Kind::Add => operands[0].values.iter().zip(operands[1].values).map(|(a, b)| a + b).collect(),
        Kind::Affine { scale, bias: None } => {
            operands[0].map_tokens(|x, out| out.extend(x.iter().zip(scale).map(|(x, s)| x * s)))
        }
        Kind::Affine { scale, bias: Some(bias) } => operands[0].map_tokens(|x, out| {
            out.extend(x.iter().zip(scale).zip(bias).map(|((x, s), b)| x * s + b));
        }),
        Kind::MeanSquare => operands[0].tokens().map(mean_square).collect(),
        Kind::InvSqrt { eps } => operands[0].values.iter().map(|x| 1.0 / (x + eps).sqrt()).collect(),
        Kind::GatedRecurrence { state: index } => {
            let h = &mut state.0[*index];
            h.resize(width, 0.0);
            let mut out = Vec::with_capacity(tokens.len() * width);
            for (f, u) in operands[0].tokens().zip(operands[1].tokens()) {
                for ((h, f), u) in h.iter_mut().zip(f).zip(u) {
                    *h = f * *h + u * (1.0 - f);
                }
                out.extend_from_slice(h);
            }
            out
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Summed in double precision: its error would be in every channel, and move them all across a level's boundary.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "rounded once, to single precision")]
fn mean_square(x: &[f32]) -> f32 {
    (x.iter().map(|&v| f64::from(v) * f64::from(v)).sum::<f64>() / x.len() as f64) as f32
}

/// The product of two vectors, or of a vector and a scalar, for all tokens.
fn multiply(a: Operand<'_>, b: Operand<'_>) -> Vec<f32> {
    match (a.width, b.width) {
        (_, 1) => {
            let mut out = Vec::with_capacity(a.values.len());
            a.tokens().zip(b.values).for_each(|(a, b)| out.extend(a.iter().map(|a| a * b)));
            out
        }
        (1, _) => multiply(b, a),
        _ => a.values.iter().zip(b.values).map(|(a, b)| a * b).collect(),
    }
}

/// Products of a weight and a channel that are worth another thread's attention.
const PRODUCTS_PER_TASK: usize = 1 << 19;

/// `out[t, n] = scale · Σ weights[n] · x[t]` for all tokens `t` and rows `n`; each row is made floats once.
fn apply_matrix<W: Sync>(
    weights: &[W],
    to_float: impl Fn(&W) -> f32 + Sync,
    scale: f32,
    x: Operand<'_>,
    width: usize,
) -> Vec<f32> {
    let n_tokens = x.values.len() / x.width;
    if n_tokens == 0 {
        return Vec::new();
    }
    let apply_rows = |rows: &[W], sums: &mut [f32]| {
        let mut floats = vec![0.0; x.width];
        for (row, sums) in rows.chunks_exact(x.width).zip(sums.chunks_exact_mut(n_tokens)) {
            floats.iter_mut().zip(row).for_each(|(float, w)| *float = to_float(w));
            apply_row(&floats, scale, x, sums);
        }
    };
    let n_rows = (PRODUCTS_PER_TASK / x.values.len()).max(1);
    let mut by_row = vec![0.0; width * n_tokens];
    if n_rows >= width {
        apply_rows(weights, &mut by_row);
    } else {
        let tasks = by_row.par_chunks_mut(n_rows * n_tokens).zip(weights.par_chunks(n_rows * x.width));
        tasks.for_each(|(sums, rows)| apply_rows(rows, sums));
    }
    if n_tokens == 1 {
        return by_row;
    }
    (0..n_tokens).flat_map(|token| by_row.iter().skip(token).step_by(n_tokens)).copied().collect()
}

/// `sums[t] = scale · Σ row · x[t]` for all tokens `t`, two at once: their running sums fit the vector registers, and
/// do not wait for each other.
fn apply_row(row: &[f32], scale: f32, x: Operand<'_>, sums: &mut [f32]) {
    let (pairs, last) = sums.as_chunks_mut::<2>();
    let mut x = x.tokens();
    for [first, second] in pairs {
        let (Some(a), Some(b)) = (x.next(), x.next()) else { return };
        let dots = dots(row, a, b);
        (*first, *second) = (dots.0 * scale, dots.1 * scale);
    }
    last.iter_mut().zip(x).for_each(|(sum, x)| *sum = dot(row, x) * scale);
}

type Lanes = [f32; 8];

fn dots(row: &[f32], a: &[f32], b: &[f32]) -> (f32, f32) {
    let (mut a_sums, mut b_sums) = (Lanes::default(), Lanes::default());
    for ((w, a), b) in blocks(row).iter().zip(blocks(a)).zip(blocks(b)) {
        add_products(&mut a_sums, w, a);
        add_products(&mut b_sums, w, b);
    }
    (finish(&a_sums, row, a), finish(&b_sums, row, b))
}

fn dot(row: &[f32], x: &[f32]) -> f32 {
    let mut sums = Lanes::default();
    blocks(row).iter().zip(blocks(x)).for_each(|(w, x)| add_products(&mut sums, w, x));
    finish(&sums, row, x)
}

fn blocks(x: &[f32]) -> &[Lanes] {
    x.as_chunks().0
}

fn add_products(sums: &mut Lanes, w: &Lanes, x: &Lanes) {
    for lane in 0..sums.len() {
        sums[lane] += w[lane] * x[lane];
    }
}

/// The running sums' sum, and what is left of the row after its last full block.
///
/// Not inlined: next to this sum, which has an order, the compiler would leave the running sums in scalar registers.
#[inline(never)]
fn finish(sums: &Lanes, row: &[f32], x: &[f32]) -> f32 {
    let (w, x) = (row.as_chunks::<8>().1, x.as_chunks::<8>().1);
    sums.iter().sum::<f32>() + w.iter().zip(x).map(|(w, x)| w * x).sum::<f32>()
}
