//! Many mappings of one model, and what each of them is predicted to do.

use std::num::NonZeroU32;

use rayon::prelude::*;
use seamount_cost::{Costs, Mode, Wavefront};
use seamount_hf::Checkpoint;
use seamount_partition::{Objective, WeightEncoding};
use seamount_profile::{Densities, Profile, ProfileError};
use seamount_report::{Explored, ExploredPoint, ExploredResult};

use crate::compile::{CompileError, CompileOptions, Lowered, Watcher, lower, map};

/// What is tried: each choice of one list with each of the others.
#[derive(Debug, Clone)]
pub struct Sweep {
    /// The system, the quantization, and all else that stays the same.
    pub options: CompileOptions,
    /// How ternary weights are stored.
    pub weights: Vec<WeightEncoding>,
    /// What mappings are to be best at.
    pub objectives: Vec<Objective>,
    /// Texts that walk through the machine behind each other.
    pub streams: Vec<NonZeroU32>,
    /// The most chips that a mapping may use; `None` for all of the system's.
    pub max_chips: Vec<Option<NonZeroU32>>,
    /// Tokens of the prompt whose time to the first token is predicted.
    pub n_prompt_tokens: u64,
}

/// Why a model cannot be explored.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The model cannot be compiled, whatever the mapping.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The work of a program cannot be counted.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// One choice of each list.
#[derive(Clone, Copy)]
struct Choice {
    weights: WeightEncoding,
    objective: Objective,
    streams: NonZeroU32,
    max_chips: Option<NonZeroU32>,
}

impl Sweep {
    /// How many mappings are tried.
    pub fn n_points(&self) -> usize {
        self.weights.len() * self.objectives.len() * self.streams.len() * self.max_chips.len()
    }

    fn choices(&self) -> Vec<Choice> {
        let mut choices = Vec::with_capacity(self.n_points());
        for &weights in &self.weights {
            for &max_chips in &self.max_chips {
                for &objective in &self.objectives {
                    choices.extend(self.streams.iter().map(|&streams| Choice {
                        weights,
                        objective,
                        streams,
                        max_chips,
                    }));
                }
            }
        }
        choices
    }
}

/// Compiles a checkpoint up to its network once, and maps that with each choice of the sweep, many at a time.
///
/// `done` is called after each mapping. A mapping that does not exist, for instance because it needs more chips than it
/// may use, is a point with an error; points are in the order of the choices.
///
/// # Errors
/// [`ExploreError`] for what no choice of the sweep can change.
pub fn explore(
    checkpoint: &Checkpoint,
    sweep: &Sweep,
    watcher: &mut impl Watcher,
    done: &(dyn Fn() + Sync),
) -> Result<Explored, ExploreError> {
    // What weights say changes neither memory nor time.
    let options = CompileOptions { has_weights: false, ..sweep.options.clone() };
    let lowered = lower(checkpoint, &options, watcher)?;
    watcher.stage("mappings");
    let costs = Costs::of(&options.arch);
    let point = |choice: Choice| {
        let point = try_choice(&lowered, &options, &costs, choice, sweep.n_prompt_tokens);
        done();
        point
    };
    let points: Result<Vec<_>, ExploreError> = sweep.choices().into_par_iter().map(point).collect();
    let explored = Explored {
        model: checkpoint.name().to_owned(),
        arch: options.arch.name().to_owned(),
        n_prompt_tokens: sweep.n_prompt_tokens,
        points: points?,
    };
    Ok(explored.with_front())
}

fn try_choice(
    lowered: &Lowered,
    options: &CompileOptions,
    costs: &Costs,
    choice: Choice,
    n_prompt_tokens: u64,
) -> Result<ExploredPoint, ExploreError> {
    let Choice { weights, objective, streams, max_chips } = choice;
    let options = CompileOptions { weights, objective, n_streams: streams, max_chips, ..options.clone() };
    let (result, error) = match map(lowered, &options) {
        Ok(mapped) => {
            let profile = Profile::new(&mapped.program)?;
            let wavefront = profile.expected(&Densities::recorded(&mapped.program));
            let (n_chips, n_cores) = (mapped.core_map.n_chips() as u64, mapped.core_map.n_neurocores() as u64);
            (Some(predict(costs, &wavefront, streams, n_prompt_tokens, n_chips, n_cores)), None)
        }
        Err(CompileError::Partition(error)) => (None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    let weights = match weights {
        WeightEncoding::Auto => "auto",
        WeightEncoding::Ternary2 => "ternary",
        WeightEncoding::Int8 => "int8",
    };
    Ok(ExploredPoint {
        objective: objective.name().to_owned(),
        weights: weights.to_owned(),
        streams: streams.get(),
        max_chips: max_chips.map(NonZeroU32::get),
        result,
        error,
        on_front: false,
    })
}

fn predict(
    costs: &Costs,
    wavefront: &Wavefront,
    streams: NonZeroU32,
    n_prompt_tokens: u64,
    n_chips: u64,
    n_cores: u64,
) -> ExploredResult {
    let generate = costs.estimate(wavefront, Mode::Streams(streams));
    let prefill = costs.estimate(wavefront, Mode::Pipelined);
    ExploredResult {
        n_chips,
        n_cores,
        tokens_per_s: six_digits(generate.tokens_per_s.value),
        energy_mj_per_token: six_digits(generate.energy.mj.value),
        prefill_tokens_per_s: six_digits(prefill.tokens_per_s.value),
        time_to_first_token_ms: six_digits(costs.prefill_ns(wavefront, n_prompt_tokens).value * 1e-6),
        bound: generate.bound.name().to_owned(),
    }
}

/// Rounded to six significant digits, more than any constant has.
fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().expect("invariant: a printed number parses")
}
