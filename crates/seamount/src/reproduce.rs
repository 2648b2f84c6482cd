//! The published figures of the 370M model, predicted by the cost model, and what other mappings of it are predicted to do.
//!
//! Source of the figures: Abreu et al. 2025, arXiv 2503.18002, tables 1 to 3, as read in a public transcription. The model
//! has random weights: what it computes has nothing to do with what it costs.

mod published;

use std::num::NonZeroU32;
use std::time::Duration;

use seamount_arch::{Arch, ArchError};
use seamount_cost::{Bound, Costs, Interval, Mode, Shares, Step, Wavefront};
use seamount_hf::Checkpoint;
use seamount_hf::random::Shape;
use seamount_partition::{Objective, WeightEncoding};
use seamount_profile::{Densities, Profile, ProfileError};
use serde::Serialize;

use crate::compile::{CalibrationText, CompileError, CompileOptions, Lowered, Watcher, lower, map};
use crate::divide::{Division, Roots};

pub use published::{Basis, Figure, Machine, ONE_CHIP};

/// Name of the published model's shape.
const SHAPE: &str = "370m";
/// The systems whose constants are fitted to the published figures, and the steps that the published mapping is taken to
/// have needed for a block; the first is the one that is believed.
///
/// Nobody outside knows how many steps the authors' blocks take. Seamount's take eight.
const FITS: [(&str, usize); 2] = [("loihi2-paper-370m", 8), ("loihi2-paper-370m-12-steps", 12)];
/// Steps of a block of Seamount's.
const STEPS_PER_BLOCK: usize = 8;
/// Tokens that the random model is calibrated on: its scales cost nothing.
const CALIBRATION_TOKENS: u32 = 8;

/// Predictions beside what was published.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reproduction {
    /// The systems whose constants the predictions use, the believed one first.
    pub systems: Vec<String>,
    /// What is predicted of the published mapping.
    pub figures: Vec<Figure>,
    /// Other machines, as published.
    pub machines: Vec<Machine>,
    /// Seamount's own mappings of the same model.
    pub mappings: Vec<MappingRow>,
}

/// What a mapping is predicted to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MappingRow {
    /// What it is good at.
    pub name: String,
    /// The options of `seamount compile` that give it.
    pub options: String,
    /// Chips in use.
    pub n_chips: u64,
    /// Neurocores in use.
    pub n_cores: u64,
    /// Steps from a token to its logits.
    pub latency_steps: u32,
    /// Texts that are generated at the same time.
    pub n_streams: u32,
    /// The system whose constants it was looked for under, if not those of the first.
    pub made_for: Option<String>,
    /// Tokens a second that no mapping of the same network on as many chips passes, under the constants that it was looked
    /// for under; nothing for the published mapping.
    pub most_tokens_per_s: Option<f64>,
    /// By system, in the order of [`Reproduction::systems`].
    pub predictions: Vec<Prediction>,
}

/// What a mapping is predicted to do under one set of constants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// While generating.
    pub generate: Rate,
    /// Tokens of one text, while generating.
    pub tokens_per_s_of_a_text: f64,
    /// While reading a prompt.
    pub prefill: Rate,
    /// From a prompt of 500 tokens to the first new one.
    pub first_token_ms: Interval,
    /// Tokens a second while generating, over those of the published mapping.
    pub generate_speedup: f64,
    /// Energy of a generated token of the published mapping, over that of this one.
    pub generate_energy_saving: f64,
}

/// Tokens and energy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Tokens of all texts.
    pub tokens_per_s: Interval,
    /// Energy of a token.
    pub mj_per_token: Interval,
    /// What most of the time is spent on.
    pub time_bound: Bound,
    /// What most of the energy is spent on.
    pub energy_bound: Bound,
    /// How well the constants are known on which the time rests.
    pub time_rests_on: Shares,
}

/// Why the figures cannot be predicted.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    /// A shipped system cannot be read.
    #[error(transparent)]
    Arch(#[from] ArchError),
    /// The model cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The work of a program cannot be counted.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// A mapping to be tried.
struct Plan {
    name: &'static str,
    flags: &'static str,
    network: Kind,
    weights: WeightEncoding,
    one_layer_per_chip: bool,
    objective: Objective,
    max_chips: u32,
    n_streams: u32,
    division: Division,
    /// Tokens a second that it is to reach at least.
    min_tokens_per_s: Option<f64>,
    /// Whose constants it is looked for under, by place in [`FITS`], where that is not the same for all.
    system: Option<usize>,
}

/// The networks that are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All that is of no block is the host's.
    BlocksOnly,
    /// The head is the host's.
    HeadOnHost,
    /// Everything is on chips.
    Whole,
}

/// Chips of the published mapping; Seamount's own may use as many.
const PUBLISHED_CHIPS: u32 = 24;

/// Tokens a second of the published mapping while generating.
const PUBLISHED_TOKENS_PER_S: f64 = 41.5;

/// Sums as whole as cores can hold them.
const WHOLE: Division = Division { roots: Roots::Shared, max_fan_in: None, max_part: None };
/// Sums of the token mixer and of the down projection in parts of 512, so that all four layers of a block share cores.
const PARTS: Division = Division { max_fan_in: NonZeroU32::new(2048), max_part: NonZeroU32::new(512), ..WHOLE };
/// The same, with roots computed by the output projection's and the gates' neurons.
const FAST: Division = Division { roots: Roots::Local { max_ops: usize::MAX }, ..PARTS };
/// The same, with only the sums in parts that no core can hold: a step for each layer but the down projection.
const FEWEST_STEPS: Division = Division { max_fan_in: NonZeroU32::new(4096), ..FAST };
/// Sums in the same parts, and roots computed by the output projection's neurons only, where that costs least.
const FRUGAL: Division = Division { roots: Roots::Local { max_ops: 1024 * 1024 }, ..PARTS };

/// What most plans have in common.
const PLAN: Plan = Plan {
    name: "",
    flags: "",
    network: Kind::HeadOnHost,
    weights: WeightEncoding::Ternary2,
    one_layer_per_chip: false,
    objective: Objective::Energy,
    max_chips: PUBLISHED_CHIPS,
    n_streams: 1,
    division: WHOLE,
    min_tokens_per_s: None,
    system: None,
};

/// The least energy at the published speed.
const LEAST_ENERGY: Plan = Plan {
    name: "least energy",
    flags: "--head host --objective energy --min-tokens-per-s 41.5 --max-chips 24 \
            --roots local:1048576 --max-fan-in 2048 --max-part 512",
    division: FRUGAL,
    min_tokens_per_s: Some(PUBLISHED_TOKENS_PER_S),
    ..PLAN
};

/// The most tokens a second of one text.
const FASTEST: Plan = Plan {
    name: "fastest on 24 chips",
    flags: "--head host --objective latency --max-chips 24 --roots local --max-fan-in 2048 --max-part 512",
    objective: Objective::Latency,
    division: FAST,
    ..PLAN
};

/// The published mapping, which the others are compared with, then Seamount's own; those of a network follow each other.
const PLANS: [Plan; 10] = [
    Plan {
        name: "as published",
        flags: "--weights int8 --one-layer-per-chip --head host, and the first group on the host, too",
        network: Kind::BlocksOnly,
        weights: WeightEncoding::Int8,
        one_layer_per_chip: true,
        objective: Objective::Chips,
        ..PLAN
    },
    Plan { name: "fewest chips", flags: "--head host --objective chips", objective: Objective::Chips, ..PLAN },
    Plan {
        name: "24 streams",
        flags: "--head host --objective energy --max-chips 24 --streams 24",
        n_streams: 24,
        ..PLAN
    },
    Plan {
        name: "prefill on 24 chips",
        flags: "--head host --objective throughput --max-chips 24",
        objective: Objective::Throughput,
        ..PLAN
    },
    Plan { system: Some(0), ..LEAST_ENERGY },
    Plan { system: Some(1), ..LEAST_ENERGY },
    Plan { system: Some(0), ..FASTEST },
    Plan { system: Some(1), ..FASTEST },
    Plan {
        name: "fewest steps, 24 chips",
        flags: "--head host --objective latency --max-chips 24 --roots local --max-fan-in 4096 --max-part 512",
        division: FEWEST_STEPS,
        system: Some(0),
        ..FASTEST
    },
    Plan {
        name: "head on chip",
        flags: "--objective energy --max-chips 6 --roots local:1048576 --max-fan-in 2048 --max-part 512",
        network: Kind::Whole,
        max_chips: 6,
        division: FRUGAL,
        ..PLAN
    },
];

/// Predicts the published figures, and what Seamount's own mappings do.
///
/// # Errors
/// [`ReproduceError`]: a shipped system or the published shape does not compile, which would be a bug.
pub fn paper_370m(watcher: &mut impl Watcher) -> Result<Reproduction, ReproduceError> {
    let systems = FITS.map(|(name, _)| Arch::shipped(name)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let shape = Shape::published(SHAPE).expect("invariant: the shape is a published one");
    let checkpoint = Checkpoint::stand_in(SHAPE, &shape, 0);
    let costs: Vec<Costs> = systems.iter().map(Costs::of).collect();
    let mut lowered: Option<(Kind, Lowered)> = None;
    let (mut rows, mut figures): (Vec<MappingRow>, Vec<Figure>) = (Vec::new(), Vec::new());
    for plan in &PLANS {
        let options = plan.options(&systems[plan.system.unwrap_or(0)]);
        let ready = match lowered.take() {
            Some((network, ready)) if network == plan.network => ready,
            _ => plan.network.place(lower(&checkpoint, &options, watcher)?)?,
        };
        watcher.stage(plan.name);
        let mapped = map(&ready, &options)?;
        lowered = Some((plan.network, ready));
        let profile = Profile::new(&mapped.program)?;
        let wavefront = profile.expected(&Densities::recorded(&mapped.program));
        let published: Vec<&Prediction> = rows.first().into_iter().flat_map(|row| &row.predictions).collect();
        // The published mapping may have needed more steps, in which nothing happened that takes longer.
        let as_published = FITS.map(|(_, n_steps)| stretched(&wavefront, n_steps));
        let mut predictions: Vec<Prediction> = Vec::new();
        for (at, costs) in costs.iter().enumerate() {
            let wavefront = if rows.is_empty() { &as_published[at] } else { &wavefront };
            predictions.push(Prediction::of(costs, wavefront, plan.n_streams, published.get(at).copied()));
        }
        if rows.is_empty() {
            figures = published::figures(&predictions, &as_published, &costs);
        }
        rows.push(MappingRow {
            name: plan.name.to_owned(),
            options: plan.flags.to_owned(),
            n_chips: mapped.core_map.n_chips() as u64,
            n_cores: mapped.core_map.n_neurocores() as u64,
            latency_steps: wavefront.latency_steps(),
            n_streams: plan.n_streams,
            made_for: plan.system.map(|system| systems[system].name().to_owned()),
            most_tokens_per_s: (!plan.one_layer_per_chip).then_some(1e9 / mapped.bounds.token_ns),
            predictions,
        });
    }
    let systems = systems.iter().map(|system| system.name().to_owned()).collect();
    Ok(Reproduction { systems, figures, machines: published::machines(), mappings: rows })
}

/// The same work in more steps: after every so many steps comes one in which all is quiet.
fn stretched(wavefront: &Wavefront, steps_per_block: usize) -> Wavefront {
    let n_more = steps_per_block.saturating_sub(STEPS_PER_BLOCK);
    let mut steps = Vec::new();
    for (number, step) in wavefront.steps.iter().enumerate() {
        steps.push(step.clone());
        let due = |number: usize| number * n_more / STEPS_PER_BLOCK;
        steps.resize(steps.len() + due(number + 1) - due(number), Step::default());
    }
    Wavefront { steps, ..wavefront.clone() }
}

impl Kind {
    /// Gives the host what is its own.
    fn place(self, mut lowered: Lowered) -> Result<Lowered, CompileError> {
        if self == Self::BlocksOnly {
            let mut network = lowered.network.into_inner();
            for group in network.groups.iter_mut().filter(|group| group.layer.is_none()) {
                group.on_host = true;
            }
            lowered.network = network.verify()?;
        }
        Ok(lowered)
    }
}

impl Plan {
    fn options(&self, arch: &Arch) -> CompileOptions {
        CompileOptions {
            weights: self.weights,
            one_layer_per_chip: self.one_layer_per_chip,
            objective: self.objective,
            max_chips: NonZeroU32::new(self.max_chips),
            n_streams: NonZeroU32::new(self.n_streams).expect("invariant: plans have at least one stream"),
            head_on_host: self.network != Kind::Whole,
            division: Some(self.division),
            max_token_time: self.min_tokens_per_s.map(|rate| Duration::from_secs_f64(rate.recip())),
            has_weights: false,
            calibration: CalibrationText::Tokens(vec![(1..=CALIBRATION_TOKENS).collect()]),
            ..CompileOptions::new(arch.clone())
        }
    }
}

impl Prediction {
    /// `published` is that of the published mapping; its own ratios are 1.
    fn of(costs: &Costs, wavefront: &Wavefront, n_streams: u32, published: Option<&Self>) -> Self {
        let streams = NonZeroU32::new(n_streams).expect("invariant: plans have at least one stream");
        let generate = costs.estimate(wavefront, Mode::Streams(streams));
        let prefill = costs.estimate(wavefront, Mode::Pipelined);
        let ms = |ns: f64| ns * 1e-6;
        let first = costs.prefill_ns(wavefront, published::PROMPT_TOKENS);
        let rate = |estimate: &seamount_cost::Estimate| Rate {
            tokens_per_s: estimate.tokens_per_s,
            mj_per_token: estimate.energy.mj,
            time_bound: estimate.bound,
            energy_bound: estimate.energy.bound,
            time_rests_on: estimate.time_rests_on,
        };
        let (tokens_per_s, mj) = (generate.tokens_per_s.value, generate.energy.mj.value);
        let ratio = |own: f64, of: fn(&Self) -> f64| published.map_or(1.0, |published| own / of(published));
        Self {
            tokens_per_s_of_a_text: 1e9 / (generate.token_ns.value * f64::from(n_streams)),
            first_token_ms: Interval { low: ms(first.low), value: ms(first.value), high: ms(first.high) },
            generate_speedup: ratio(tokens_per_s, |row| row.generate.tokens_per_s.value),
            generate_energy_saving: ratio(mj, |row| row.generate.mj_per_token.value).recip(),
            generate: rate(&generate),
            prefill: rate(&prefill),
        }
    }
}
