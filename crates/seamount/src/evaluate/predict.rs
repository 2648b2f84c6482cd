//! Whatever predicts tokens: a float model, a fixed-point model, a program.

use std::collections::BTreeMap;
use std::sync::Arc;

use seamount_emulator::Emulator;
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
    Fixed { interpreter: fixed::Interpreter, payload_bits: BTreeMap<ValueId, u32> },
    Emulated(Emulator),
}

/// Predictions over a window, and what making them did.
#[derive(Debug, Default)]
pub(super) struct Predictions {
    /// Of each token, the logarithm of each possible next token's probability: `[tokens][vocab]`.
    pub(super) log_probabilities: Vec<Vec<f64>>,
    /// Sums and results that did not fit; none of floats.
    pub(super) n_saturations: u64,
    /// What linear layers multiply; counted of fixed-point models.
    pub(super) payloads: Payloads,
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
        let graph = &fixed.graph;
        let linears = graph.in_order().into_iter().filter(|&v| matches!(graph.node(v).op, fixed::Op::Linear { .. }));
        let payloads = linears.map(|linear| graph.operands(linear)[0]);
        let payload_bits = payloads.map(|payload| (payload, graph.node(payload).ty.bits)).collect();
        Ok(Self::Fixed { interpreter: fixed::Interpreter::new(fixed)?, payload_bits })
    }

    pub(super) fn emulated(program: &Arc<Program>) -> Result<Self, EvaluateError> {
        Ok(Self::Emulated(Emulator::new(Arc::clone(program))?))
    }

    /// Predicts from a zero state.
    pub(super) fn predict(&self, inputs: &[u32]) -> Result<Predictions, EvaluateError> {
        match self {
            Self::Float(interpreter) => predict_in_floats(interpreter, inputs),
            Self::Fixed { interpreter, payload_bits } => predict_in_integers(interpreter, payload_bits, inputs),
            Self::Emulated(emulator) => predict_by_emulation(emulator.clone(), inputs),
        }
    }
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
    payload_bits: &BTreeMap<ValueId, u32>,
    inputs: &[u32],
) -> Result<Predictions, EvaluateError> {
    let mut state = interpreter.initial_state();
    let mut predictions = Predictions::default();
    for &token in inputs {
        let values = interpreter.step(token, &mut state)?;
        let logits = values.output(LOGITS).expect("invariant: a verified model has logits");
        let scale = values.output_scale(LOGITS).expect("invariant: a verified model has logits");
        predictions.log_probabilities.push(log_softmax(logits.iter().map(|&logit| f64::from(logit) * scale)));
        predictions.n_saturations += values.saturations.total();
        for (value, channels) in values.iter() {
            if let Some(&bits) = payload_bits.get(&value) {
                predictions.payloads.add(channels, bits);
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
    let saturations = emulator.events().iter().map(|e| e.accumulator_overflows + e.register_saturations);
    Ok(Predictions { log_probabilities, n_saturations: saturations.sum(), payloads: Payloads::default() })
}

impl Payloads {
    fn add(&mut self, channels: &[i32], bits: u32) {
        let n = channels.len() as u64;
        let n_zero = channels.iter().filter(|&&channel| channel == 0).count() as u64;
        *self += Self { n, n_zero, sent_bits: (n - n_zero) * u64::from(bits) };
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
