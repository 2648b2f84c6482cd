//! From a checkpoint to a program.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use seamount_arch::{Arch, Overflow as ArchOverflow};
use seamount_emit::{EmitError, EmitOptions};
use seamount_hf::{Checkpoint, HfError};
use seamount_ir::fixed::{Fixed, Overflow};
use seamount_ir::kernel::Word;
use seamount_ir::model::{InterpretError, Model};
use seamount_ir::network::Network;
use seamount_ir::pass::Pass;
use seamount_ir::{Level, Module, Verified, Violations};
use seamount_lower::balance_delays::BalanceDelays;
use seamount_lower::lower_to_network::LowerToNetwork;
use seamount_lower::place_head::PlaceHead;
use seamount_lower::recompute_roots::RecomputeRoots;
use seamount_lower::split_fan_in::SplitFanIn;
use seamount_partition::{Bounds, CoreMap, Effort, Mapping, Objective, PartitionError, Traffic, WeightEncoding};
use seamount_program::Program;
use seamount_quant::approximate::Approximate;
use seamount_quant::calibrate::Calibrate;
use seamount_quant::config::{NormPlacement, QuantConfig};
use seamount_quant::quantize::Quantize;
use seamount_quant::set_epsilon::SetEpsilon;
use seamount_quant::set_ranges::{Ranges, SetRanges, ranges_of};
use seamount_quant::trained::{Densities, TrainedError, TrainedQuant};

use crate::calibration::{self, SampleSize};
use crate::density::{self, DensityError};
use crate::divide::{Division, Roots};
use crate::passes::{FailedPass, Pipeline};
use crate::tokens::{TextTokens, TokensError};

/// What to compile for, and how.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// The system.
    pub arch: Arch,
    /// How weights are stored.
    pub weights: WeightEncoding,
    /// Whether each of the model's layers begins on a chip of its own.
    pub one_layer_per_chip: bool,
    /// How sums and roots are divided among neurons; as the objective has it, if nothing is said.
    pub division: Option<Division>,
    /// What the mapping is to be best at.
    pub objective: Objective,
    /// The most chips that may be used; all of the system's, if nothing is said.
    pub max_chips: Option<NonZeroU32>,
    /// The longest that a token may take after the one before, as far as that can be had.
    pub max_token_time: Option<Duration>,
    /// Independent texts that walk through the machine behind each other.
    pub n_streams: NonZeroU32,
    /// How much is tried for a good mapping.
    pub effort: Effort,
    /// What the mapping's random choices begin with.
    pub seed: u64,
    /// How long a better mapping is looked for.
    pub time_limit: Option<Duration>,
    /// Widths, clipping, scales and norms.
    pub quant: QuantConfig,
    /// Narrows payloads until no sum of a linear layer can overflow.
    pub guarantee_no_overflow: bool,
    /// Whether the host computes the logits.
    pub head_on_host: bool,
    /// Whether the program gets the model's weights; without them it computes nothing, but takes the same memory, time and
    /// energy, and is written in less time.
    pub has_weights: bool,
    /// Whether neurons show the model's named outputs.
    pub probes: bool,
    /// What scales are calibrated on.
    pub calibration: CalibrationText,
    /// How often neurons send, where that is known; else calibration text says it.
    pub densities: Densities,
}

impl CompileOptions {
    /// The defaults for a system.
    pub fn new(arch: Arch) -> Self {
        Self {
            arch,
            weights: WeightEncoding::Auto,
            one_layer_per_chip: false,
            division: None,
            objective: Objective::default(),
            max_chips: None,
            max_token_time: None,
            n_streams: NonZeroU32::MIN,
            effort: Effort::default(),
            seed: 0,
            time_limit: None,
            quant: QuantConfig::default(),
            guarantee_no_overflow: false,
            head_on_host: false,
            has_weights: true,
            probes: false,
            calibration: CalibrationText::Sampled(SampleSize { n_sequences: 8, n_tokens: 128 }),
            densities: Densities::new(),
        }
    }
}

/// Where ranges come from: what calibration runs on, or the ranges themselves.
#[derive(Debug, Clone)]
pub enum CalibrationText {
    /// Lines of text, for the checkpoint's tokenizer.
    Lines(String),
    /// Sequences of tokens.
    Tokens(Vec<Vec<u32>>),
    /// The model itself.
    Sampled(SampleSize),
    /// Nothing runs: the ranges are known, as those that a checkpoint was trained for.
    Ranges(Ranges),
}

/// Tokens of calibration text that are read in one go, from a zero state.
pub(crate) const CALIBRATION_WINDOW: usize = 256;

/// A checkpoint in exact integers, and what they were chosen by.
#[derive(Debug)]
pub struct Quantized {
    /// The published float model.
    pub model: Verified<Model>,
    /// The float model that is quantized, with the range of every value.
    pub calibrated: Verified<Model>,
    /// The model in exact integers.
    pub fixed: Verified<Fixed>,
    /// The sequences of tokens that calibration read; none where ranges were given.
    pub sequences: Vec<Vec<u32>>,
}

/// What compiling gives: the program and the levels above it.
#[derive(Debug)]
pub struct Compilation {
    /// The published float model.
    pub model: Verified<Model>,
    /// The float model that was quantized, with the range of every value.
    pub calibrated: Verified<Model>,
    /// The model in exact integers: what the program computes.
    pub fixed: Verified<Fixed>,
    /// How sums and roots are divided among neurons.
    pub division: Division,
    /// The neuron groups.
    pub network: Verified<Network>,
    /// Where they are.
    pub core_map: CoreMap,
    /// What no mapping can be below.
    pub bounds: Bounds,
    /// Time from a token to the next as the search counted it, in ns.
    pub token_ns: f64,
    /// What passes the links when every neuron sends once.
    pub traffic: Traffic,
    /// What runs.
    pub program: Program,
}

/// A checkpoint on its way to a program, as far as it does not depend on where things lie.
#[derive(Debug)]
pub struct Lowered {
    /// The published float model.
    pub model: Verified<Model>,
    /// The float model that was quantized, with the range of every value.
    pub calibrated: Verified<Model>,
    /// The model in exact integers.
    pub fixed: Verified<Fixed>,
    /// The neuron groups.
    pub network: Verified<Network>,
    /// How sums and roots are divided among them.
    division: Division,
    /// What else the program carries.
    emit: EmitOptions,
}

/// What mapping gives.
#[derive(Debug)]
pub struct Mapped {
    /// How sums and roots are divided among neurons.
    pub division: Division,
    /// The neuron groups, where they are others than those that were lowered.
    pub network: Option<Verified<Network>>,
    /// Where the neuron groups are.
    pub core_map: CoreMap,
    /// What no mapping can be below.
    pub bounds: Bounds,
    /// Time from a token to the next as the search counted it, in ns.
    pub token_ns: f64,
    /// What passes the links when every neuron sends once.
    pub traffic: Traffic,
    /// What runs.
    pub program: Program,
}

/// Why a checkpoint cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The checkpoint cannot be imported.
    #[error(transparent)]
    Import(#[from] HfError),
    /// The imported graph breaks rules.
    #[error("the checkpoint gives no valid model: {0}")]
    Model(#[from] Violations),
    /// The calibration text cannot be read.
    #[error("calibration: {0}")]
    Calibration(#[from] TokensError),
    /// The quantization that the checkpoint was trained for cannot be honored.
    #[error("`quantization_config`: {0}")]
    Trained(#[from] TrainedError),
    /// The model cannot be evaluated for calibration.
    #[error("calibration: {0}")]
    Interpret(#[from] InterpretError),
    /// There is text, but no tokenizer.
    #[error("calibration: the checkpoint has no tokenizer.json to read the text with")]
    NoTokenizer,
    /// A pass cannot run.
    #[error(transparent)]
    Pass(#[from] FailedPass),
    /// The network does not fit the system.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// How often neurons send cannot be measured.
    #[error("densities: {0}")]
    Density(#[from] DensityError),
    /// The network cannot be written as a program.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Sees what the compiler does while it does it.
pub trait Watcher {
    /// A stage begins.
    fn stage(&mut self, name: &str) {
        let _ = name;
    }

    /// A pass has run.
    fn after_pass(&mut self, pass: &str, module: &Module) {
        let _ = (pass, module);
    }
}

impl Watcher for () {}

/// Compiles a checkpoint.
///
/// # Errors
/// [`CompileError`].
pub fn compile(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    watcher: &mut impl Watcher,
) -> Result<Compilation, CompileError> {
    let lowered = lower(checkpoint, options, watcher)?;
    watcher.stage("partition");
    let Mapped { division, network: divided, core_map, bounds, token_ns, traffic, program } = map(&lowered, options)?;
    let Lowered { model, calibrated, fixed, network, division: _, emit: _ } = lowered;
    let network = divided.unwrap_or(network);
    Ok(Compilation { model, calibrated, fixed, division, network, core_map, bounds, token_ns, traffic, program })
}

/// Maps a network onto a system and writes the program: the part of compiling that can be tried again with other options.
///
/// Of the options, only the system and those of the mapping count. Where they leave open how sums and roots are divided
/// among neurons, several ways are mapped, and the best mapping is kept.
///
/// # Errors
/// [`CompileError::Partition`] and [`CompileError::Emit`].
pub fn map(lowered: &Lowered, options: &CompileOptions) -> Result<Mapped, CompileError> {
    let begun = Instant::now();
    let stop = || options.time_limit.is_some_and(|limit| begun.elapsed() > limit);
    let mut best: Option<(Division, Option<Verified<Network>>, Mapping)> = None;
    let mut refused = None;
    for division in Division::tries(options, &lowered.network) {
        if best.is_some() && stop() {
            break;
        }
        let network = divide(&lowered.fixed, options, division, |_, _| {})?;
        match partition(&network, options, &stop) {
            Ok(mapping) => {
                tracing::debug!(?division, chips = mapping.map.n_chips(), token_ns = mapping.token_ns, "is mapped");
                if best.as_ref().is_none_or(|(_, _, best)| rank(options, &mapping) < rank(options, best)) {
                    best = Some((division, Some(network), mapping));
                }
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let (division, network, mapping) = match (best, refused) {
        (Some(best), _) => best,
        (None, Some(error)) => return Err(error),
        (None, None) => {
            let division = options.division.unwrap_or(lowered.division);
            let divided = (division != lowered.division)
                .then(|| divide(&lowered.fixed, options, division, |_, _| {}))
                .transpose()?;
            let whole = partition(divided.as_ref().unwrap_or(&lowered.network), options, &stop);
            match in_parts(lowered, options, &whole, &stop)? {
                Some((division, network, in_parts)) => (division, Some(network), in_parts),
                None => (division, divided, whole?),
            }
        }
    };
    let Mapping { map: core_map, bounds, token_ns, traffic } = mapping;
    let emit_options = EmitOptions {
        options: meta_options(options, division),
        has_weights: options.has_weights,
        ..lowered.emit.clone()
    };
    let divided = network.as_ref().unwrap_or(&lowered.network);
    let program = seamount_emit::emit(divided, &core_map, &options.arch, emit_options)?;
    Ok(Mapped { division, network, core_map, bounds, token_ns, traffic, program })
}

/// A mapping with sums in parts, where that takes many fewer chips than one with whole sums, or there is none with those.
fn in_parts(
    lowered: &Lowered,
    options: &CompileOptions,
    whole: &Result<Mapping, CompileError>,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Option<(Division, Verified<Network>, Mapping)>, CompileError> {
    let whole = match whole {
        Ok(mapping) => Some(mapping),
        Err(CompileError::Partition(_)) => None,
        Err(_) => return Ok(None),
    };
    let Some(division) = Division::for_fewer_chips(options, whole).filter(|_| !stop()) else { return Ok(None) };
    let network = divide(&lowered.fixed, options, division, |_, _| {})?;
    match partition(&network, options, stop) {
        Ok(mapping) if whole.is_none_or(|whole| Division::is_worth(whole, &mapping)) => {
            Ok(Some((division, network, mapping)))
        }
        Ok(_) | Err(CompileError::Partition(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn partition(
    network: &Verified<Network>,
    options: &CompileOptions,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Mapping, CompileError> {
    let footprints = seamount_emit::footprints(network, &options.arch).map_err(EmitError::from)?;
    let options_of_search = seamount_partition::Options {
        weights: options.weights,
        objective: options.objective,
        max_chips: options.max_chips,
        max_token_time: options.max_token_time,
        n_streams: options.n_streams,
        effort: options.effort,
        seed: options.seed,
        one_layer_per_chip: options.one_layer_per_chip,
    };
    Ok(seamount_partition::partition_until(network, &footprints, &options.arch, &options_of_search, stop)?)
}

/// What is to be least of a mapping: whether it is too slow, and then what the objective says.
fn rank(options: &CompileOptions, mapping: &Mapping) -> (bool, f64) {
    let is_slow = options.max_token_time.is_some_and(|most| mapping.token_ns > most.as_secs_f64() * 1e9);
    let n_chips = u32::try_from(mapping.map.n_chips()).unwrap_or(u32::MAX);
    match options.objective {
        Objective::Energy if !is_slow => (is_slow, mapping.token_ns * f64::from(n_chips)),
        Objective::Energy | Objective::Chips | Objective::Latency | Objective::Throughput => {
            (is_slow, mapping.token_ns)
        }
    }
}

/// The neuron groups of a model, with sums and roots divided in one way.
fn divide(
    fixed: &Verified<Fixed>,
    options: &CompileOptions,
    division: Division,
    after: impl FnMut(&str, &Module),
) -> Result<Verified<Network>, CompileError> {
    match to_network(options, division).run(Module::Fixed((**fixed).clone()), after)? {
        Module::Network(network) => Ok(network.verify()?),
        Module::Model(_) | Module::Fixed(_) => {
            unreachable!("invariant: the pipeline ends on the {} level", Level::Network)
        }
    }
}

/// Compiles a checkpoint up to the network that is mapped.
///
/// # Errors
/// [`CompileError`].
pub fn lower(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    watcher: &mut impl Watcher,
) -> Result<Lowered, CompileError> {
    let begun = Instant::now();
    let stage = |name: &str, watcher: &mut dyn Watcher| {
        tracing::debug!(stage = name, seconds = begun.elapsed().as_secs_f64(), "begins");
        watcher.stage(name);
    };
    let Quantized { model, calibrated, fixed, sequences } = quantize(checkpoint, options, watcher)?;
    let division = options.division.unwrap_or_default();
    let network = divide(&fixed, options, division, |pass, module| {
        stage(pass, watcher);
        watcher.after_pass(pass, module);
    })?;

    stage("densities", watcher);
    let densities = densities(options, &fixed, &sequences)?;
    let emit = EmitOptions {
        producer: concat!("seamount ", env!("CARGO_PKG_VERSION")).to_owned(),
        tokenizer: checkpoint.tokenizer().cloned(),
        bos_id: checkpoint.config().bos_token_id,
        eos_id: checkpoint.config().eos_token_id,
        densities,
        ..EmitOptions::default()
    };
    Ok(Lowered { model, calibrated, fixed, network, division, emit })
}

/// Compiles a checkpoint as far as exact integers: all that decides what a program computes.
///
/// # Errors
/// [`CompileError`].
pub fn quantize(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    watcher: &mut impl Watcher,
) -> Result<Quantized, CompileError> {
    watcher.stage("import");
    let model = checkpoint.to_model()?.verify()?;
    watcher.stage("ranges");
    let sequences = calibration_sequences(checkpoint, &model, options)?;
    let observe = observe(options, sequences.clone());
    let mut calibrated = None;
    let module = to_fixed(options, observe).run(Module::Model((*model).clone()), |pass, module| {
        watcher.stage(pass);
        watcher.after_pass(pass, module);
        if let Module::Model(latest) = module {
            calibrated = Some(latest.clone());
        }
    })?;
    let Module::Fixed(fixed) = module else {
        unreachable!("invariant: the pipeline ends on the {} level", Level::Fixed)
    };
    let calibrated = calibrated.expect("invariant: the pipeline passes the model level").verify()?;
    Ok(Quantized { model, calibrated, fixed: fixed.verify()?, sequences })
}

/// The quantization that a checkpoint says it was trained for.
///
/// # Errors
/// [`CompileError::Trained`] where its `quantization_config` cannot be honored.
pub fn trained_quant(checkpoint: &Checkpoint) -> Result<Option<TrainedQuant>, CompileError> {
    Ok(checkpoint.config().quantization_config.as_ref().map(TrainedQuant::from_json).transpose()?)
}

/// The choices and ranges with which a checkpoint would be compiled, for its own `quantization_config`: with that, it
/// compiles to the same program, and nothing is calibrated.
///
/// # Errors
/// [`CompileError`].
pub fn calibrate(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    watcher: &mut impl Watcher,
) -> Result<TrainedQuant, CompileError> {
    let Quantized { model: _, calibrated, fixed, sequences } = quantize(checkpoint, options, watcher)?;
    let densities = densities(options, &fixed, &sequences)?;
    Ok(TrainedQuant { config: options.quant.clone(), ranges: Some(ranges_of(&calibrated)), densities })
}

/// How often neurons send: as is known, or else as calibration text makes them.
fn densities(
    options: &CompileOptions,
    fixed: &Verified<Fixed>,
    sequences: &[Vec<u32>],
) -> Result<Densities, DensityError> {
    if options.densities.is_empty() { density::measure(fixed, sequences) } else { Ok(options.densities.clone()) }
}

/// The pass that notes the range of every value.
fn observe(options: &CompileOptions, sequences: Vec<Vec<u32>>) -> Box<dyn Pass> {
    match &options.calibration {
        CalibrationText::Ranges(ranges) => Box::new(SetRanges { ranges: ranges.clone() }),
        CalibrationText::Tokens(_) | CalibrationText::Sampled(_) | CalibrationText::Lines(_) => {
            Box::new(Calibrate { sequences, payload: options.quant.payload.clone() })
        }
    }
}

/// The passes from the published model to one whose values have ranges.
fn observing_passes(options: &CompileOptions, observe: Box<dyn Pass>) -> Pipeline {
    let norm = &options.quant.norm;
    let mut passes = Vec::new();
    if norm.epsilon > 0.0 {
        passes.push(Box::new(SetEpsilon { value: norm.epsilon }) as Box<dyn Pass>);
    }
    if norm.fold {
        passes.extend(named("fold-double-norm, fold-gate-norm"));
    }
    passes.extend(named("fold-lower-bound, ternarize, split-projections, drop-token-rounding, expand-norm"));
    if norm.placement == NormPlacement::Late {
        passes.extend(named("late-norm"));
    }
    passes.push(observe);
    Pipeline(passes)
}

/// The passes from the published model to exact integers.
fn to_fixed(options: &CompileOptions, observe: Box<dyn Pass>) -> Pipeline {
    let Pipeline(mut passes) = observing_passes(options, observe);
    passes.extend(fixed_passes(options));
    Pipeline(passes)
}

/// The passes from exact integers to a balanced network.
fn to_network(options: &CompileOptions, division: Division) -> Pipeline {
    let max_axons = options.arch.input_axons_per_core() as usize;
    let max_sources = division.max_fan_in.map_or(max_axons, |most| most.get() as usize);
    let max_part = division.max_part.map_or(max_sources, |most| most.get() as usize);
    let mut passes: Vec<Box<dyn Pass>> = vec![
        Box::new(LowerToNetwork { probes: options.probes }),
        Box::new(PlaceHead { on_host: options.head_on_host }),
    ];
    if let Roots::Local { max_ops } = division.roots {
        passes.push(Box::new(RecomputeRoots { max_ops }));
    }
    passes.push(Box::new(SplitFanIn { max_axons, max_sources, max_part }));
    passes.push(Box::new(BalanceDelays { synapse_steps: options.arch.synaptic_delay_steps_max() }));
    Pipeline(passes)
}

/// The passes from a calibrated model to the integers of the program.
fn fixed_passes(options: &CompileOptions) -> Vec<Box<dyn Pass>> {
    let quantize = Quantize {
        config: options.quant.clone(),
        guarantee_no_overflow: options.guarantee_no_overflow,
        word: Word { bits: options.arch.register_bits() },
        accumulator: Word { bits: options.arch.accumulator_bits() },
        overflow: match options.arch.overflow() {
            ArchOverflow::Saturate => Overflow::Saturate,
            ArchOverflow::Wrap => Overflow::Wrap,
        },
    };
    vec![Box::new(quantize), Box::new(Approximate { functions: options.quant.functions })]
}

/// Passes without options, by name.
fn named(list: &str) -> Vec<Box<dyn Pass>> {
    Pipeline::parse(list).expect("invariant: these passes exist").0
}

/// The float model as `quantize` takes it.
pub(crate) fn observed(
    checkpoint: &Checkpoint,
    model: &Verified<Model>,
    options: &CompileOptions,
) -> Result<Module, CompileError> {
    let observe = observe(options, calibration_sequences(checkpoint, model, options)?);
    Ok(observing_passes(options, observe).run(Module::Model((**model).clone()), |_, _| {})?)
}

/// The integers of the program, from a calibrated model.
pub(crate) fn quantized(options: &CompileOptions, calibrated: Module) -> Result<Verified<Fixed>, CompileError> {
    match Pipeline(fixed_passes(options)).run(calibrated, |_, _| {})? {
        Module::Fixed(fixed) => Ok(fixed.verify()?),
        Module::Model(_) | Module::Network(_) => unreachable!("invariant: these passes end on the fixed level"),
    }
}

/// The sequences that scales are calibrated on; none where ranges are known.
pub(crate) fn calibration_sequences(
    checkpoint: &Checkpoint,
    model: &Verified<Model>,
    options: &CompileOptions,
) -> Result<Vec<Vec<u32>>, CompileError> {
    let max_tokens = options.quant.calibration.max_tokens as usize;
    match &options.calibration {
        CalibrationText::Ranges(_) => Ok(Vec::new()),
        CalibrationText::Tokens(sequences) => Ok(calibration::first(sequences, max_tokens)),
        CalibrationText::Sampled(size) => {
            let bos_id = checkpoint.config().bos_token_id.unwrap_or(0);
            Ok(calibration::sample(model, bos_id, *size, 0)?)
        }
        CalibrationText::Lines(lines) => {
            Ok(calibration::windows(&text_tokens(checkpoint, lines)?, CALIBRATION_WINDOW, max_tokens))
        }
    }
}

/// The tokens of lines of text, by the checkpoint's tokenizer.
pub(crate) fn text_tokens(checkpoint: &Checkpoint, lines: &str) -> Result<Vec<u32>, CompileError> {
    let config = checkpoint.config();
    let tokenizer = checkpoint.tokenizer().ok_or(CompileError::NoTokenizer)?;
    Ok(TextTokens::from_bytes(tokenizer, config.bos_token_id, config.eos_token_id)?.lines(lines)?)
}

fn meta_options(options: &CompileOptions, division: Division) -> BTreeMap<String, serde_json::Value> {
    let weights = match options.weights {
        WeightEncoding::Auto => "auto",
        WeightEncoding::Ternary2 => "ternary",
        WeightEncoding::Int8 => "int8",
    };
    BTreeMap::from([
        ("weights".to_owned(), weights.into()),
        ("roots".to_owned(), division.roots.name().into()),
        ("max_fan_in".to_owned(), division.max_fan_in.map(NonZeroU32::get).into()),
        ("max_part".to_owned(), division.max_part.map(NonZeroU32::get).into()),
        ("one_layer_per_chip".to_owned(), options.one_layer_per_chip.into()),
        ("objective".to_owned(), options.objective.name().into()),
        ("max_chips".to_owned(), options.max_chips.map(NonZeroU32::get).into()),
        ("streams".to_owned(), options.n_streams.get().into()),
        ("effort".to_owned(), options.effort.level().into()),
        ("seed".to_owned(), options.seed.into()),
        ("quant".to_owned(), serde_json::to_value(&options.quant).expect("invariant: configurations are JSON")),
        ("guarantee_no_overflow".to_owned(), options.guarantee_no_overflow.into()),
        ("head".to_owned(), if options.head_on_host { "host" } else { "chip" }.into()),
        ("probes".to_owned(), options.probes.into()),
    ])
}
