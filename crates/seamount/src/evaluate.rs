//! How well a program predicts text, beside the float model that it was compiled from.

use std::sync::Arc;

use rayon::prelude::*;
use seamount_emulator::{Emulator, EmulatorError};
use seamount_ir::Verified;
use seamount_ir::model::{InterpretError, Interpreter, LOGITS, Model};
use seamount_program::Program;
use serde::Serialize;

use crate::sample::argmax;

/// Predictions over consecutive windows of a text, each from a zero state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// `exp` of the mean cross entropy of the emulated program.
    pub perplexity_emulated: f64,
    /// The same of the float model, where one was given.
    pub perplexity_float: Option<f64>,
    /// Emulated over float.
    pub perplexity_ratio: Option<f64>,
    /// Share of positions at which both name the same likeliest token.
    pub top1_agreement: Option<f64>,
    /// Mean divergence of the emulated from the float prediction, in nats a token.
    pub mean_kl_nats: Option<f64>,
    /// Sums and results that did not fit, on all cores.
    pub n_saturations: u64,
}

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The text is shorter than a window.
    #[error("the text has {n_tokens} tokens, one window needs {needed}")]
    Short {
        /// Tokens of the text.
        n_tokens: usize,
        /// Tokens that a window and its last prediction need.
        needed: usize,
    },
    /// Model and program are of different vocabularies.
    #[error("the model has {model} tokens, the program {program}: it was not compiled from this model")]
    Vocabulary {
        /// Tokens of the model.
        model: usize,
        /// Tokens of the program.
        program: usize,
    },
    /// The program cannot be run.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The model cannot be evaluated.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
}

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    emulated: f64,
    float: f64,
    agreed: usize,
    divergence: f64,
    saturations: u64,
}

/// Evaluates a program on tokens, and the float model on the same ones. Windows run in parallel; `done` is told of
/// each. The result does not depend on the number of threads.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate(
    program: &Arc<Program>,
    model: Option<&Verified<Model>>,
    tokens: &[u32],
    window: usize,
    done: impl Fn() + Sync,
) -> Result<Evaluation, EvaluateError> {
    let n_windows = tokens.len().saturating_sub(1) / window;
    if n_windows == 0 {
        return Err(EvaluateError::Short { n_tokens: tokens.len(), needed: window + 1 });
    }
    let interpreter = model.map(Interpreter::new).transpose()?;
    if let Some(model) = model
        && model.vocab_size != program.host.vocab_size as usize
    {
        let (model, program) = (model.vocab_size, program.host.vocab_size as usize);
        return Err(EvaluateError::Vocabulary { model, program });
    }
    let emulator = Emulator::new(Arc::clone(program))?;
    let sums: Vec<Sums> = (0..n_windows)
        .into_par_iter()
        .map(|index| {
            let tokens = &tokens[index * window..=(index + 1) * window];
            let sums = one_window(emulator.clone(), interpreter.as_ref(), tokens);
            done();
            sums
        })
        .collect::<Result<_, EvaluateError>>()?;
    let n_tokens = n_windows * window;
    #[expect(clippy::cast_precision_loss, reason = "token counts are exact in doubles")]
    let mean = |sum: f64| sum / n_tokens as f64;
    let perplexity_emulated = mean(sums.iter().map(|s| s.emulated).sum()).exp();
    let perplexity_float = interpreter.is_some().then(|| mean(sums.iter().map(|s| s.float).sum()).exp());
    #[expect(clippy::cast_precision_loss, reason = "token counts are exact in doubles")]
    let agreed = sums.iter().map(|s| s.agreed).sum::<usize>() as f64;
    Ok(Evaluation {
        n_tokens,
        window,
        perplexity_emulated,
        perplexity_float,
        perplexity_ratio: perplexity_float.map(|float| perplexity_emulated / float),
        top1_agreement: perplexity_float.map(|_| mean(agreed)),
        mean_kl_nats: perplexity_float.map(|_| mean(sums.iter().map(|s| s.divergence).sum())),
        n_saturations: sums.iter().map(|s| s.saturations).sum(),
    })
}

fn one_window(
    mut emulator: Emulator,
    interpreter: Option<&Interpreter>,
    tokens: &[u32],
) -> Result<Sums, EvaluateError> {
    let (inputs, targets) = (&tokens[..tokens.len() - 1], &tokens[1..]);
    let scale = emulator.program().host.logit_scale;
    let mut sums = Sums::default();
    let mut state = interpreter.map(Interpreter::initial_state);
    let predicted = emulator.prefill(inputs)?;
    for ((logits, &token), &target) in predicted.iter().zip(inputs).zip(targets) {
        let emulated = log_softmax(logits.iter().map(|&logit| f64::from(logit) * scale));
        sums.emulated -= emulated[target as usize];
        if let (Some(interpreter), Some(state)) = (interpreter, &mut state) {
            let values = interpreter.step(token, state)?;
            let logits = values.output(LOGITS).expect("invariant: a verified model has logits");
            let float = log_softmax(logits.iter().map(|&logit| f64::from(logit)));
            sums.float -= float[target as usize];
            sums.agreed += usize::from(argmax(&float) == argmax(&emulated));
            sums.divergence += float.iter().zip(&emulated).map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
        }
    }
    let saturations = emulator.events().iter().map(|e| e.accumulator_overflows + e.register_saturations);
    sums.saturations = saturations.sum();
    Ok(sums)
}

fn log_softmax(logits: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut logits: Vec<f64> = logits.collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - top).exp()).sum();
    logits.iter_mut().for_each(|logit| *logit -= top + sum.ln());
    logits
}
