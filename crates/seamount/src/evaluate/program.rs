//! A program beside the float model that it was compiled from.

use std::sync::Arc;

use seamount_emulator::Options;
use seamount_ir::Verified;
use seamount_ir::model::Model;
use seamount_program::Program;
use serde::Serialize;

use super::compare::compare;
use super::predict::Predictor;
use super::windows::Windows;
use super::{EvaluateError, without_rounding};

/// How well a program predicts a text. What compares is there where a float model was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// `exp` of the mean cross entropy of the emulated program.
    pub perplexity_emulated: f64,
    /// The same of the published float model.
    pub perplexity_float: Option<f64>,
    /// The same of the float model without its rounding of each token.
    pub perplexity_unrounded: Option<f64>,
    /// Emulated over published.
    pub perplexity_ratio: Option<f64>,
    /// Share of positions at which the published model names the same likeliest token.
    pub top1_agreement: Option<f64>,
    /// Mean divergence from the published model's prediction, in nats a token.
    pub mean_kl_nats: Option<f64>,
    /// The same share with the model without its rounding of each token.
    pub top1_agreement_unrounded: Option<f64>,
    /// The same divergence from the model without its rounding of each token.
    pub mean_kl_nats_unrounded: Option<f64>,
    /// Sums and results that did not fit, on all cores.
    pub n_saturations: u64,
    /// The sums among them: accumulators that overflowed.
    pub n_accumulator_overflows: u64,
}

/// Evaluates a program on tokens, and the float model, with and without its rounding of each token, on the same ones.
/// `done` is told of each window.
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
    evaluate_with(program, Options::default(), model, tokens, window, done)
}

/// As [`evaluate`], with a program that is run as `options` say.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate_with(
    program: &Arc<Program>,
    options: Options,
    model: Option<&Verified<Model>>,
    tokens: &[u32],
    window: usize,
    done: impl Fn() + Sync,
) -> Result<Evaluation, EvaluateError> {
    let vocab_size = program.host.vocab_size as usize;
    let windows = Windows::new(tokens, window, vocab_size)?;
    let mut references = Vec::new();
    if let Some(model) = model {
        if model.vocab_size != vocab_size {
            return Err(EvaluateError::Vocabulary { model: model.vocab_size, program: vocab_size });
        }
        references = vec![Predictor::float(model)?, Predictor::float(&without_rounding(model)?)?];
    }
    let mut means = compare(&references, &[Predictor::emulated(program, options)?], &windows, done)?;
    let emulated = means.pop().expect("invariant: the program is the last");
    let score = means.first().map(|published| emulated.score(published, false));
    let score = score.as_ref();
    Ok(Evaluation {
        n_tokens: windows.n_tokens(),
        window: windows.window(),
        perplexity_emulated: emulated.perplexity,
        perplexity_float: means.first().map(|published| published.perplexity),
        perplexity_unrounded: means.get(1).map(|unrounded| unrounded.perplexity),
        perplexity_ratio: score.map(|score| score.perplexity_ratio),
        top1_agreement: score.map(|score| score.top1_agreement),
        mean_kl_nats: score.map(|score| score.mean_kl_nats),
        top1_agreement_unrounded: score.map(|score| score.top1_agreement_unrounded),
        mean_kl_nats_unrounded: score.map(|score| score.mean_kl_nats_unrounded),
        n_saturations: emulated.n_saturations,
        n_accumulator_overflows: emulated.n_overflows,
    })
}
