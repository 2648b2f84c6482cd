//! The model after each step of its compilation.

use std::sync::Arc;

use seamount_emulator::Options;
use seamount_hf::Checkpoint;
use seamount_ir::Module;
use serde::Serialize;

use super::compare::{Score, compare};
use super::predict::Predictor;
use super::windows::Windows;
use super::{EvaluateError, without_rounding};
use crate::compile::{Compilation, CompileError, CompileOptions, Watcher, compile};

/// A step of a compilation that may change predictions, and what it left.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it is called.
    pub name: String,
    /// The passes that make it.
    pub passes: Vec<String>,
    /// The model after it.
    pub module: Module,
}

/// The steps that several passes make, or that have another name than their pass.
const STEPS: [(&str, &[&str]); 8] = [
    ("epsilon", &["set-epsilon"]),
    ("folded", &["fold-double-norm", "fold-gate-norm", "fold-lower-bound"]),
    ("ternary", &["ternarize", "split-projections"]),
    ("unrounded", &["drop-token-rounding"]),
    ("expanded_norm", &["expand-norm"]),
    ("late_norm", &["late-norm"]),
    ("fixed_ideal", &["quantize"]),
    ("fixed_approximated", &["approximate"]),
];

/// Note what is observed, and change no prediction.
const OBSERVING: [&str; 2] = ["calibrate", "set-ranges"];

/// Scores after each step, in order; the first is the published model, the last the emulated program.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByPass {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// Perplexity of the published model without its rounding of each token.
    pub perplexity_unrounded: f64,
    /// The steps.
    pub steps: Vec<StepScore>,
}

/// The score after a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepScore {
    /// The step: `published`, those of the passes, `emulated`.
    pub step: String,
    /// The passes that make it.
    pub passes: Vec<String>,
    /// How well the model predicts after it.
    #[serde(flatten)]
    pub score: Score,
}

/// Compiles a checkpoint and keeps what each step left. What lies below the fixed-point level changes no integer and
/// is no step.
///
/// # Errors
/// [`CompileError`].
pub fn compile_in_steps(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    watcher: &mut impl Watcher,
) -> Result<(Compilation, Vec<Step>), CompileError> {
    let mut collector = Collector { watcher, steps: Vec::new() };
    let compilation = compile(checkpoint, options, &mut collector)?;
    Ok((compilation, collector.steps))
}

/// Evaluates the published model, the model after each step, and the program. `done` is told of each window.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate_by_pass(
    compilation: &Compilation,
    steps: &[Step],
    tokens: &[u32],
    window: usize,
    done: impl Fn() + Sync,
) -> Result<ByPass, EvaluateError> {
    let model = &compilation.model;
    let windows = Windows::new(tokens, window, model.vocab_size)?;
    let references = [Predictor::float(model)?, Predictor::float(&without_rounding(model)?)?];
    let mut subjects: Vec<Predictor> = steps.iter().map(Step::predictor).collect::<Result<_, _>>()?;
    subjects.push(Predictor::emulated(&Arc::new(compilation.program.clone()), Options::default())?);

    let means = compare(&references, &subjects, &windows, done)?;
    let (published, of_subjects) = (&means[0], &means[references.len()..]);
    let mut scores = vec![StepScore::new("published", &[], published.score(published, true))];
    for (step, means) in steps.iter().zip(of_subjects) {
        let is_float = matches!(step.module, Module::Model(_));
        scores.push(StepScore::new(&step.name, &step.passes, means.score(published, is_float)));
    }
    let emulated = of_subjects.last().expect("invariant: the program is the last");
    scores.push(StepScore::new("emulated", &[], emulated.score(published, false)));
    Ok(ByPass {
        n_tokens: windows.n_tokens(),
        window: windows.window(),
        perplexity_unrounded: means[1].perplexity,
        steps: scores,
    })
}

impl Step {
    fn predictor(&self) -> Result<Predictor, EvaluateError> {
        match &self.module {
            Module::Model(model) => Predictor::float(&model.clone().verify()?),
            Module::Fixed(fixed) => Predictor::fixed(&fixed.clone().verify()?),
            Module::Network(_) => unreachable!("invariant: steps end with the fixed-point level"),
        }
    }
}

impl StepScore {
    fn new(step: &str, passes: &[String], score: Score) -> Self {
        Self { step: step.to_owned(), passes: passes.to_vec(), score }
    }
}

/// Keeps what each step left, and passes on what it sees.
struct Collector<'w, W> {
    watcher: &'w mut W,
    steps: Vec<Step>,
}

impl<W: Watcher> Watcher for Collector<'_, W> {
    fn stage(&mut self, name: &str) {
        self.watcher.stage(name);
    }

    fn after_pass(&mut self, pass: &str, module: &Module) {
        self.watcher.after_pass(pass, module);
        if OBSERVING.contains(&pass) || matches!(module, Module::Network(_)) {
            return;
        }
        let name = STEPS.iter().find(|(_, passes)| passes.contains(&pass)).map_or(pass, |(name, _)| name);
        match self.steps.last_mut().filter(|step| step.name == name) {
            Some(step) => {
                step.passes.push(pass.to_owned());
                step.module = module.clone();
            }
            None => {
                self.steps.push(Step { name: name.to_owned(), passes: vec![pass.to_owned()], module: module.clone() });
            }
        }
    }
}
