//! The narrowest widths that hold a budget of accuracy.
//!
//! Entry point: [`tune`]. A [`Point`] is a set of values that share a width: the payloads of one kind of projection,
//! or what one key of the configuration's `state` is about. A candidate gives each a width; it is evaluated by the
//! fixed-point interpreter, whose integers are the program's, on text that scales were not calibrated on. The float
//! model is calibrated once, and predictions of the float models are made once, for all candidates.
//!
//! Each point is first narrowed alone. What the model then loses is its divergence from the float model without
//! rounding: unlike a ratio of perplexities, in which errors of both signs cancel, it adds up. From these losses come
//! widths for all points together, for each price of a loss; the narrowest of them that hold the budget are narrowed
//! on, bit by bit.

mod allocate;
mod bench;
mod budget;
mod points;
mod search;

pub use budget::{Budget, BudgetError, Measure};
pub use points::Point;

use seamount_hf::Checkpoint;
use seamount_ir::model::Model;
use seamount_ir::{Verified, Violations};
use seamount_quant::config::QuantConfig;
use serde::Serialize;

use crate::calibration::{self, SampleSize};
use crate::compile::{
    CALIBRATION_WINDOW, CalibrationText, CompileError, CompileOptions, calibration_sequences, text_tokens,
};
use crate::evaluate::{EvaluateError, Score, Yardstick};
use crate::passes::FailedPass;
use bench::Bench;
use search::{Found, Search};

/// What is sampled from a model that comes with ranges instead of text.
const SAMPLES: SampleSize = SampleSize { n_sequences: 8, n_tokens: 128 };

/// What is searched for, and on how much text.
#[derive(Debug, Clone)]
pub struct TuneOptions {
    /// What must hold.
    pub budget: Budget,
    /// Whether each block has widths of its own for its projections.
    pub per_layer: bool,
    /// Tokens of a window; each starts from a zero state.
    pub window: usize,
    /// Tokens that candidates predict at most.
    pub max_tokens: usize,
    /// Tokens of a text that neither calibration nor the search may see; what was found is evaluated on them once.
    pub heldout: Option<Vec<u32>>,
}

/// Sees how a search comes on.
pub trait TuneObserver {
    /// A part of the search begins.
    fn stage(&mut self, name: &str) {
        let _ = name;
    }

    /// Candidates were measured; the best is the narrowest so far that holds the budget.
    fn measured(&mut self, n_tried: usize, n_expected: usize, best: Option<&Trial>) {
        let _ = (n_tried, n_expected, best);
    }

    /// Whether more may be measured; else the search ends with the best so far.
    fn goes_on(&mut self) -> bool {
        true
    }
}

impl TuneObserver for () {}

/// A candidate, measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// A width for each point.
    pub bits: Vec<u32>,
    /// Widths of all payloads, a token: channels times bits, each payload once wherever it goes.
    pub payload_bits_per_token: u64,
    /// Widths of all that neurons keep or hand on, a token.
    pub state_bits_per_token: u64,
    /// Whether it holds the budget.
    pub holds: bool,
    /// Share of payloads that are zero and are not sent, 0 to 1.
    pub zero_payload_share: f64,
    /// Bytes of the payloads that are sent, a token.
    pub payload_bytes_per_token: f64,
    /// How well it predicts.
    #[serde(flatten)]
    pub score: Score,
}

impl Trial {
    /// What a search makes small.
    pub fn n_bits(&self) -> u64 {
        self.payload_bits_per_token + self.state_bits_per_token
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuned {
    /// What must hold.
    pub budget: Budget,
    /// Tokens that candidates predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// Tokens that scales were calibrated on.
    pub n_calibration_tokens: usize,
    /// Candidates that were measured.
    pub n_tried: usize,
    /// Whether the search came to its end.
    pub is_complete: bool,
    /// The points, payloads first.
    pub points: Vec<Point>,
    /// Of each point, the divergence in nats a token that it alone adds at the narrowest width.
    pub alone_kl_nats: Vec<f64>,
    /// The widths that the search began with.
    pub start: Trial,
    /// The narrowest that hold the budget; none where not even the widest do.
    pub best: Option<Trial>,
    /// The configuration of the best.
    pub quant: Option<QuantConfig>,
    /// Candidates of which none is both narrower and more accurate, widest first.
    pub front: Vec<Trial>,
    /// The first and the best widths on the held-out text.
    pub heldout: Option<HeldOut>,
}

/// Scores on text that the search did not see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeldOut {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// The widths that the search began with.
    pub start: Score,
    /// The best.
    pub best: Option<Score>,
    /// Whether the best holds the budget here too.
    pub holds: bool,
}

/// Why there is no search.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// A candidate, or a float model, cannot be evaluated.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The calibration text is too short to be split.
    #[error(
        "the calibration text has {n_tokens} tokens, of which one half calibrates scales and the other must have \
         {needed} for a window"
    )]
    Short {
        /// Tokens of the text.
        n_tokens: usize,
        /// Tokens that a window and its last prediction need.
        needed: usize,
    },
}

impl From<CompileError> for TuneError {
    fn from(error: CompileError) -> Self {
        Self::Evaluate(error.into())
    }
}

impl From<FailedPass> for TuneError {
    fn from(error: FailedPass) -> Self {
        Self::Evaluate(error.into())
    }
}

impl From<Violations> for TuneError {
    fn from(error: Violations) -> Self {
        Self::Evaluate(error.into())
    }
}

/// Searches for the narrowest widths with which a checkpoint, compiled with these options, holds a budget.
///
/// # Errors
/// [`TuneError`].
pub fn tune(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    tune: &TuneOptions,
    observer: &mut impl TuneObserver,
) -> Result<Tuned, TuneError> {
    observer.stage("import");
    let model = checkpoint.to_model().map_err(CompileError::from)?.verify()?;
    observer.stage("calibration text");
    let mut options = options.clone();
    let seen = split(checkpoint, &model, &mut options, tune.window)?;
    let tokens = &seen[..seen.len().min(tune.max_tokens.max(tune.window) + 1)];
    if !matches!(options.calibration, CalibrationText::Ranges(_)) {
        options.calibration = CalibrationText::Tokens(calibration_sequences(checkpoint, &model, &options)?);
    }
    let n_calibration_tokens = match &options.calibration {
        CalibrationText::Tokens(sequences) => sequences.iter().map(Vec::len).sum(),
        CalibrationText::Ranges(_) | CalibrationText::Sampled(_) | CalibrationText::Lines(_) => 0,
    };

    observer.stage("predict with the float models");
    let yardstick = Yardstick::new(&model, tokens, tune.window)?;
    observer.stage("calibrate");
    let bench = Bench::new(checkpoint, &model, options, yardstick, tune.budget, tune.per_layer)?;
    let Found { start, best, alone, tried, is_complete } = Search::new(&bench, observer).run()?;

    let heldout = match &tune.heldout {
        None => None,
        Some(tokens) => {
            observer.stage("evaluate the held-out text");
            let yardstick = Yardstick::new(&model, tokens, tune.window)?;
            let score = |trial: &Trial| bench.score(&trial.bits, &yardstick);
            let best = best.as_ref().map(score).transpose()?;
            let holds = best.as_ref().is_some_and(|score| tune.budget.holds(score));
            Some(HeldOut { n_tokens: yardstick.n_tokens(), start: score(&start)?, best, holds })
        }
    };
    Ok(Tuned {
        budget: tune.budget,
        n_tokens: bench.yardstick().n_tokens(),
        window: bench.yardstick().window(),
        n_calibration_tokens,
        n_tried: tried.len(),
        is_complete,
        points: bench.points().to_vec(),
        alone_kl_nats: alone,
        quant: best.as_ref().map(|best| bench.config(&best.bits)),
        front: front(tried, tune.budget.measure),
        start,
        best,
        heldout,
    })
}

/// The tokens that candidates are evaluated on, which calibration does not see: it takes the first half of a text, at
/// most `calibration.max_tokens`, which then stands in the configuration; of what the model says itself it has other
/// samples. Where ranges are known, and there is no text, they are of what the model says as well.
fn split(
    checkpoint: &Checkpoint,
    model: &Verified<Model>,
    options: &mut CompileOptions,
    window: usize,
) -> Result<Vec<u32>, TuneError> {
    let most = options.quant.calibration.max_tokens as usize;
    let (seen, first, n_tokens) = match &options.calibration {
        CalibrationText::Ranges(_) => {
            let bos_id = checkpoint.config().bos_token_id.unwrap_or(0);
            let seen = calibration::sample(model, bos_id, SAMPLES, 0).map_err(CompileError::from)?.concat();
            let n_tokens = seen.len();
            (seen, None, n_tokens)
        }
        CalibrationText::Sampled(size) => {
            let SampleSize { n_sequences, n_tokens } = *size;
            let bos_id = checkpoint.config().bos_token_id.unwrap_or(0);
            let others = calibration::sample(model, bos_id, *size, n_sequences as u64).map_err(CompileError::from)?;
            let n_tokens = n_sequences * n_tokens;
            (others.concat(), None, 2 * n_tokens)
        }
        CalibrationText::Tokens(sequences) => {
            let tokens = sequences.concat();
            let half = tokens.len() / 2;
            let first = half.min(most);
            (tokens[first..].to_vec(), Some(first), tokens.len())
        }
        CalibrationText::Lines(lines) => {
            let tokens = text_tokens(checkpoint, lines)?;
            let half = tokens.len() / 2;
            let whole_windows = half - half % CALIBRATION_WINDOW;
            let first = if whole_windows > 0 { whole_windows.min(most) } else { half.min(most) };
            (tokens[first..].to_vec(), Some(first), tokens.len())
        }
    };
    if seen.len() <= window || first == Some(0) {
        return Err(TuneError::Short { n_tokens, needed: window + 1 });
    }
    if let Some(first) = first {
        options.quant.calibration.max_tokens = u32::try_from(first).expect("invariant: at most what was configured");
    }
    Ok(seen)
}

/// The trials of which none is both narrower and more accurate, widest first.
fn front(mut tried: Vec<Trial>, measure: Measure) -> Vec<Trial> {
    let loss = |trial: &Trial| measure.loss(&trial.score);
    tried.sort_by(|a, b| a.n_bits().cmp(&b.n_bits()).then(loss(a).total_cmp(&loss(b))));
    let mut front: Vec<Trial> = Vec::new();
    for trial in tried {
        if front.last().is_none_or(|narrower| loss(&trial) < loss(narrower)) {
            front.push(trial);
        }
    }
    front.reverse();
    front
}
