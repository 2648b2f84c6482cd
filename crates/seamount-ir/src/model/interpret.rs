//! Evaluates the model in single precision, as the published PyTorch code does.

use std::collections::BTreeMap;

use super::rules::{absmean_ternary, lower_bound};
use super::{Model, Op, WeightRule};
use crate::dag::ValueId;
use crate::tensor::{Elem, TensorError};
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
    Embed(Vec<f32>),
    RmsNorm { weight: Vec<f32>, eps: f32 },
    RoundPerToken { levels: f32 },
    Dense(Vec<f32>),
    Ternary { weights: Vec<i8>, scale: f32 },
    Slice(usize),
    Sigmoid,
    Silu,
    Multiply,
    Add,
    Affine { scale: Vec<f32>, bias: Option<Vec<f32>> },
    MeanSquare,
    InvSqrt { eps: f32 },
    GatedRecurrence { state: usize },
}

/// All values of one token, in the order of the text.
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

    /// The state before the first token.
    pub fn initial_state(&self) -> State {
        State(vec![Vec::new(); self.n_states])
    }

    /// Evaluates one token.
    ///
    /// # Errors
    /// [`InterpretError::Token`].
    pub fn step(&self, token: u32, state: &mut State) -> Result<Values<'_>, InterpretError> {
        let row = token as usize;
        if row >= self.vocab_size {
            return Err(InterpretError::Token { token, vocab_size: self.vocab_size });
        }
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let value = evaluate(step, row, &values, state);
            values.push(value);
        }
        Ok(Values { interpreter: self, values })
    }
}

impl Values<'_> {
    /// A named output, such as `logits`.
    pub fn output(&self, name: &str) -> Option<&[f32]> {
        self.interpreter.outputs.get(name).map(|&at| self.values[at].as_slice())
    }

    /// Every value with what it is called in the graph.
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
        Op::Embed { table } => Kind::Embed(floats(table)?),
        Op::RmsNorm { weight, eps } => Kind::RmsNorm { weight: floats(weight)?, eps: *eps as f32 },
        Op::RoundPerToken { bits } => Kind::RoundPerToken { levels: f32::from(i16::MAX >> (16 - bits)) },
        Op::Linear { weight, rule } => {
            let tensor = &model.constants[weight];
            match (rule, tensor.elem()) {
                (WeightRule::AbsmeanTernary, _) => {
                    let (weights, scale) = absmean_ternary(&floats(weight)?);
                    Kind::Ternary { weights, scale }
                }
                (WeightRule::AsIs, Elem::Ternary) => Kind::Ternary {
                    weights: tensor.to_i8().map_err(failed(weight))?,
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

#[expect(clippy::cast_precision_loss, reason = "channel counts are small")]
fn evaluate(step: &Step, row: usize, values: &[Vec<f32>], state: &mut State) -> Vec<f32> {
    let operand = |index: usize| values[step.operands[index]].as_slice();
    let map = |f: &dyn Fn(f32) -> f32| operand(0).iter().map(|&x| f(x)).collect::<Vec<_>>();
    let mean_square = |x: &[f32]| x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32;
    match &step.kind {
        Kind::Embed(table) => table[row * step.width..][..step.width].to_vec(),
        Kind::RmsNorm { weight, eps } => {
            let x = operand(0);
            let factor = 1.0 / (mean_square(x) + eps).sqrt();
            x.iter().zip(weight).map(|(x, w)| x * factor * w).collect()
        }
        Kind::RoundPerToken { levels } => {
            let x = operand(0);
            let scale = levels / x.iter().fold(0f32, |top, v| top.max(v.abs())).max(1e-5);
            x.iter().map(|v| (v * scale).round_ties_even().clamp(-levels - 1.0, *levels) / scale).collect()
        }
        Kind::Dense(weights) => weights.chunks_exact(operand(0).len()).map(|w| dot(w, operand(0))).collect(),
        Kind::Ternary { weights, scale } => {
            let x = operand(0);
            weights.chunks_exact(x.len()).map(|w| ternary_dot(w, x) * scale).collect()
        }
        Kind::Slice(start) => operand(0)[*start..start + step.width].to_vec(),
        Kind::Sigmoid => map(&sigmoid),
        Kind::Silu => map(&|x| x * sigmoid(x)),
        Kind::Multiply => broadcast(operand(0), operand(1), |a, b| a * b),
        Kind::Add => broadcast(operand(0), operand(1), |a, b| a + b),
        Kind::Affine { scale, bias } => {
            let mut out: Vec<f32> = operand(0).iter().zip(scale).map(|(x, s)| x * s).collect();
            if let Some(bias) = bias {
                out.iter_mut().zip(bias).for_each(|(x, b)| *x += b);
            }
            out
        }
        Kind::MeanSquare => vec![mean_square(operand(0))],
        Kind::InvSqrt { eps } => map(&|x| 1.0 / (x + eps).sqrt()),
        Kind::GatedRecurrence { state: index } => {
            let h = &mut state.0[*index];
            h.resize(step.width, 0.0);
            for ((h, f), u) in h.iter_mut().zip(operand(0)).zip(operand(1)) {
                *h = f * *h + u * (1.0 - f);
            }
            h.clone()
        }
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn broadcast(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> Vec<f32> {
    match (a, b) {
        (_, &[b]) => a.iter().map(|&a| f(a, b)).collect(),
        (&[a], _) => b.iter().map(|&b| f(a, b)).collect(),
        _ => a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect(),
    }
}

/// Eight running sums, which the compiler keeps in one vector register.
fn dot(weights: &[f32], x: &[f32]) -> f32 {
    sum_products(weights.chunks_exact(8), x.chunks_exact(8), |w| *w)
        + tail(weights).iter().zip(tail(x)).map(|(w, x)| w * x).sum::<f32>()
}

fn ternary_dot(weights: &[i8], x: &[f32]) -> f32 {
    sum_products(weights.chunks_exact(8), x.chunks_exact(8), |w| f32::from(*w))
        + tail(weights).iter().zip(tail(x)).map(|(w, x)| f32::from(*w) * x).sum::<f32>()
}

fn tail<T>(all: &[T]) -> &[T] {
    all.chunks_exact(8).remainder()
}

fn sum_products<'a, W: 'a>(
    weights: impl Iterator<Item = &'a [W]>,
    x: impl Iterator<Item = &'a [f32]>,
    float: impl Fn(&W) -> f32,
) -> f32 {
    let mut sums = [0f32; 8];
    for (w, x) in weights.zip(x) {
        for lane in 0..8 {
            sums[lane] += float(&w[lane]) * x[lane];
        }
    }
    sums.iter().sum()
}
