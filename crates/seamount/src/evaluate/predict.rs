//! Whatever predicts tokens: a float model, a fixed-point model, a program.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use seamount_emulator::{Emulator, Events, Options};
use seamount_ir::fixed::{self, Fixed};
use seamount_ir::model::{self, LOGITS, Model};
use seamount_ir::{ValueId, Verified};
use seamount_program::Program;

use super::EvaluateError;

/// Tokens that the float interpreter takes at once: it keeps all values of each.
const TOKENS_AT_ONCE: usize = 32;

/// Predicts the next token after each token of a window.
#[derive(Debug)]
pub(super) enum Predictor {
    Float(model::Interpreter),
    Fixed { interpreter: fixed::Interpreter, payloads: PayloadTypes },
    Emulated(Emulator),
}

/// The values that linear layers multiply: the index of each in the order of the graph, and its width.
pub(super) type PayloadTypes = BTreeMap<ValueId, (usize, u32)>;

/// Predictions over a window, and what making them did.
#[derive(Debug, Default)]
pub(super) struct Predictions {
    /// Of each token, the logarithm of each possible next token's probability: `[tokens][vocab]`.
    pub(super) log_probabilities: Vec<Vec<f64>>,
    /// Sums and results that did not fit; none of floats.
    pub(super) n_saturations: u64,
    /// The sums among them; counted of programs.
    pub(super) n_overflows: u64,
    /// What linear layers multiply, value by value in the order of the graph; counted of fixed-point models.
    pub(super) payloads: Vec<Payloads>,
}

/// Values that neurons send to linear layers.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Payloads {
    /// All of them.
    pub(super) n: u64,
    /// Those that are zero and are not sent.
    pub(super) n_zero: u64,
    /// The widths of the others.
    pub(super) sent_bits: u64,
}

impl Predictor {
    pub(super) fn float(model: &Verified<Model>) -> Result<Self, EvaluateError> {
        Ok(Self::Float(model::Interpreter::new(model)?))
    }

    pub(super) fn fixed(fixed: &Verified<Fixed>) -> Result<Self, EvaluateError> {
        Ok(Self::Fixed { interpreter: fixed::Interpreter::new(fixed)?, payloads: payload_types(fixed) })
    }

    pub(super) fn emulated(program: &Arc<Program>, options: Options) -> Result<Self, EvaluateError> {
        Ok(Self::Emulated(Emulator::with_options(Arc::clone(program), options)?))
    }

    /// Predicts from a zero state.
    pub(super) fn predict(&self, inputs: &[u32]) -> Result<Predictions, EvaluateError> {
        match self {
            Self::Float(interpreter) => predict_in_floats(interpreter, inputs),
            Self::Fixed { interpreter, payloads } => predict_in_integers(interpreter, payloads, inputs),
            Self::Emulated(emulator) => predict_by_emulation(emulator.clone(), inputs),
        }
    }
}

/// What the linear layers of a model read.
pub(super) fn payload_types(fixed: &Fixed) -> PayloadTypes {
    let graph = &fixed.graph;
    let order = graph.in_order();
    let linears = order.iter().filter(|&&value| matches!(graph.node(value).op, fixed::Op::Linear { .. }));
    let read: BTreeSet<ValueId> = linears.map(|&linear| graph.operands(linear)[0]).collect();
    let in_order = order.into_iter().filter(|value| read.contains(value)).enumerate();
    in_order.map(|(index, value)| (value, (index, graph.node(value).ty.bits))).collect()
}

fn predict_in_floats(interpreter: &model::Interpreter, inputs: &[u32]) -> Result<Predictions, EvaluateError> {
    let mut state = interpreter.initial_state();
    let mut predictions = Predictions::default();
    for tokens in inputs.chunks(TOKENS_AT_ONCE) {
        let values = interpreter.run(tokens, &mut state)?;
        let logits = values.output(LOGITS).expect("invariant: a verified model has logits");
        let rows = logits.chunks_exact(logits.len() / tokens.len());
        predictions.log_probabilities.extend(rows.map(|row| log_softmax(row.iter().map(|&logit| f64::from(logit)))));
    }
    Ok(predictions)
}

fn predict_in_integers(
    interpreter: &fixed::Interpreter,
    payloads: &PayloadTypes,
    inputs: &[u32],
) -> Result<Predictions, EvaluateError> {
    let mut state = interpreter.initial_state();
    let mut predictions = Predictions { payloads: vec![Payloads::default(); payloads.len()], ..Predictions::default() };
    for &token in inputs {
        let values = interpreter.step(token, &mut state)?;
        let logits = values.output(LOGITS).expect("invariant: a verified model has logits");
        let scale = values.output_scale(LOGITS).expect("invariant: a verified model has logits");
        predictions.log_probabilities.push(log_softmax(logits.iter().map(|&logit| f64::from(logit) * scale)));
        predictions.n_saturations += values.saturations.total();
        for (value, channels) in values.iter() {
            if let Some(&(index, bits)) = payloads.get(&value) {
                predictions.payloads[index].add(channels, bits);
            }
        }
    }
    Ok(predictions)
}

fn predict_by_emulation(mut emulator: Emulator, inputs: &[u32]) -> Result<Predictions, EvaluateError> {
    let scale = emulator.program().host.logit_scale;
    let logits = emulator.prefill(inputs)?;
    let rows = logits.iter().map(|row| log_softmax(row.iter().map(|&logit| f64::from(logit) * scale)));
    let log_probabilities = rows.collect();
    let events: Events = emulator.events().iter().sum();
    Ok(Predictions {
        log_probabilities,
        n_saturations: events.accumulator_overflows + events.register_saturations,
        n_overflows: events.accumulator_overflows,
        payloads: Vec::new(),
    })
}

impl Payloads {
    fn add(&mut self, channels: &[i32], bits: u32) {
        let n = channels.len() as u64;
        let n_zero = channels.iter().filter(|&&channel| channel == 0).count() as u64;
        *self += Self { n, n_zero, sent_bits: (n - n_zero) * u64::from(bits) };
    }

    /// Share of the values that are not sent, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "counts of a text are far below 2^53")]
    pub(super) fn zero_share(self) -> f64 {
        self.n_zero as f64 / self.n.max(1) as f64
    }

    /// Bytes that are sent, a token.
    #[expect(clippy::cast_precision_loss, reason = "counts of a text are far below 2^53")]
    pub(super) fn bytes_per_token(self, n_tokens: usize) -> f64 {
        self.sent_bits as f64 / 8.0 / n_tokens as f64
    }
}

impl std::iter::Sum for Payloads {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |mut total, count| {
            total += count;
            total
        })
    }
}

impl std::ops::AddAssign for Payloads {
    fn add_assign(&mut self, other: Self) {
        self.n += other.n;
        self.n_zero += other.n_zero;
        self.sent_bits += other.sent_bits;
    }
}

fn log_softmax(logits: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut logits: Vec<f64> = logits.collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - top).exp()).sum();
    logits.iter_mut().for_each(|logit| *logit -= top + sum.ln());
    logits
}
