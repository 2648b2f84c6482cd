//! `seamount compile`

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::ProgressBar;
use seamount::calibration::SampleSize;
use seamount::{CalibrationText, Compilation, CompileOptions, Division, Roots, Watcher, compile, trained_quant};
use seamount_arch::{Arch, Overflow};
use seamount_hf::Checkpoint;
use seamount_ir::Module;
use seamount_ir::syntax::DEFAULT_ELIDE_ABOVE;
use seamount_partition::{Effort, Objective, WeightEncoding};
use seamount_quant::config::{QuantConfig, Scales};
use seamount_quant::set_ranges::Ranges;
use seamount_quant::trained::TrainedQuant;
use tempfile::NamedTempFile;

use super::output::Output;
use super::progress;
use super::summary::Summary;
use super::{Failure, Outcome};

/// Compile a Hugging Face checkpoint to a program.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount compile my-checkpoint
  seamount compile my-checkpoint -o my.smt --arch loihi2-kapoho-point --head host
  seamount compile my-checkpoint --calibration train.txt --print-after quantize 2> quantized.smir")]
pub(super) struct Args {
    /// The checkpoint's folder: config.json, model.safetensors (or shards), perhaps tokenizer.json.
    dir: PathBuf,
    /// The program's file; the folder's name with .smt where it is left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// Writes the core map: as JSON where the name ends with .json, else as text.
    #[arg(long, value_name = "FILE")]
    core_map: Option<PathBuf>,
    /// Prints the module after a pass on standard error (`all` for each).
    #[arg(long, value_name = "PASS")]
    print_after: Vec<String>,
}

/// What a compilation can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The system: a shipped name (see `seamount arch list`) or a TOML file.
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT_ARCH)]
    arch: String,
    /// How ternary weights are stored.
    #[arg(long, value_enum, default_value_t = Weights::Auto)]
    weights: Weights,
    /// Begins each of the model's layers on a chip of its own, as in the paper.
    #[arg(long)]
    one_layer_per_chip: bool,
    /// Takes the sums of neurons with more inputs in parts, so that slices of more layers share a neurocore, at more
    /// spikes. Where none of this, --max-part and --roots is given, `latency` and `energy` try several, and `chips` takes
    /// sums in parts where that saves a fifth of the chips; else only those for which a neurocore has too few axons.
    #[arg(long, value_name = "N")]
    max_fan_in: Option<NonZeroU32>,
    /// Most inputs of a part; where it is left out, those of --max-fan-in.
    #[arg(long, value_name = "N")]
    max_part: Option<NonZeroU32>,
    /// Who computes the inverse roots of norms: one neuron, which sends them (`shared`), or each neuron that needs one, a
    /// step earlier (`local`), perhaps only where a root costs at most N synaptic operations (`local:N`).
    #[arg(long, value_name = "shared|local|local:N")]
    roots: Option<Roots>,
    /// What the mapping is to be best at.
    #[arg(long, value_enum, default_value_t = ObjectiveArg::Chips)]
    objective: ObjectiveArg,
    /// The most chips that may be used; all of the system's where it is left out.
    #[arg(long, value_name = "N")]
    max_chips: Option<NonZeroU32>,
    /// The least tokens a second, of all texts, that `energy` may come to, as far as they can be had.
    #[arg(long, value_name = "N", value_parser = rate)]
    min_tokens_per_s: Option<f64>,
    /// Independent texts that walk through the machine behind each other.
    #[arg(long, value_name = "N", default_value = "1")]
    streams: NonZeroU32,
    /// How much is tried for a good mapping: 0 (a first fit) to 3 (the longest search).
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3))]
    effort: u8,
    /// What the mapping's random choices begin with.
    #[arg(long, value_name = "N", default_value_t = 0)]
    mapping_seed: u64,
    /// Looks for no better mapping after so many seconds; the mapping then depends on the machine.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    mapping_time_limit: Option<Duration>,
    /// Choices of quantization as TOML; `seamount quant show` prints all of them with their defaults.
    #[arg(long, value_name = "FILE")]
    quant: Option<PathBuf>,
    /// Width of the payloads that linear layers multiply, sign included (8 to 24; 16 where nothing says otherwise);
    /// with 8 the embedding has 8 bits too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8..=24))]
    payload_bits: Option<u32>,
    /// Units of payloads: any, or powers of two.
    #[arg(long, value_enum)]
    scales: Option<ScalesArg>,
    /// Small payloads send nothing: those below a magnitude in units of the payload (`3`), or, with each layer's own
    /// threshold, at most a share of the energy (`1%`) or what leaves a signal-to-noise ratio (`30dB`).
    #[arg(long, value_name = "N|N%|NdB")]
    spike_threshold: Option<SpikeThreshold>,
    /// What an accumulator does that does not fit, where it is to be another than the system's.
    #[arg(long, value_enum)]
    overflow: Option<OverflowArg>,
    /// Narrows payloads and takes coarser sums of squares until no accumulator can overflow, whatever the text.
    #[arg(long)]
    guarantee_no_overflow: bool,
    /// Who computes the logits.
    #[arg(long, value_enum, default_value_t = Head::Chip)]
    head: Head,
    /// Text to calibrate on, one passage a line. Where it is left out, the ranges that the checkpoint was trained for,
    /// the folder's calibration.txt, or else what the model says itself.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
    /// Lets neurons show the model's named outputs to the emulator, at one instruction each.
    #[arg(long)]
    probes: bool,
}

/// The paper's system.
pub(super) const DEFAULT_ARCH: &str = "loihi2-alia-point";
/// Weights that sampled calibration tokens may touch in all: large models are calibrated on fewer tokens.
const CALIBRATION_WORK: usize = 2_000_000_000;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Weights {
    /// As they take the fewest bytes on each neurocore: two or eight bits each, or sparsely.
    Auto,
    /// Two bits each ternary weight.
    Ternary,
    /// Eight bits each, as in the paper.
    Int8,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ObjectiveArg {
    /// The fewest neurocores, and so the fewest chips.
    Chips,
    /// The least time from a token to the next while generating.
    Latency,
    /// The most tokens a second while reading a prompt.
    Throughput,
    /// The least energy a token while generating.
    Energy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScalesArg {
    /// Any; from 12 bits the one that saves an instruction a sum.
    Free,
    /// Powers of two.
    Pow2,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OverflowArg {
    /// Stays at the nearest value.
    Saturate,
    /// Keeps the low bits.
    Wrap,
}

/// Which payloads are so small that they are not sent.
#[derive(Debug, Clone, Copy, PartialEq)]
enum SpikeThreshold {
    /// Those below a magnitude, in units of the payload.
    Level(u32),
    /// Those that together hold a share of the energy.
    Tolerance(f64),
}

impl FromStr for SpikeThreshold {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a magnitude (3), a share of the energy (1%) or a signal-to-noise ratio (30dB)";
        let number = |text: &str| text.trim_end().parse::<f64>().ok().filter(|number| number.is_finite());
        let share = if let Some(percent) = text.strip_suffix('%') {
            number(percent).ok_or(expected)? / 100.0
        } else if let Some(decibels) = text.strip_suffix("dB").or_else(|| text.strip_suffix("db")) {
            10f64.powf(-number(decibels).ok_or(expected)? / 10.0)
        } else {
            return text.parse().map(Self::Level).map_err(|_| expected);
        };
        if (0.0..1.0).contains(&share) { Ok(Self::Tolerance(share)) } else { Err("expected a share from 0 to below 1") }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Head {
    /// Neurocores.
    Chip,
    /// The host, with the same integers.
    Host,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = Checkpoint::open(&args.dir)?;
    let Resolved { options, notes } = args.options.resolve(&checkpoint, Some(&args.dir))?;
    output.notes(&notes);
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.smt", checkpoint.name())));
    let compilation = compile_with_progress(&checkpoint, &options, &args.print_after)?;
    if let Some(map_path) = &args.core_map {
        write_core_map(&compilation, map_path)?;
    }
    compilation.program.save(&path).map_err(|error| Failure::program(&path, &error))?;
    let file = fs::metadata(&path).map_err(|error| Failure::io(&path, &error))?;
    let summary = Summary::of(&compilation, file.len(), Some(&path))?.with_notes(notes);
    output.result(&summary, &summary)?;
    Ok(Outcome::Done)
}

/// The options of a compilation as the compiler takes them, and what a user may not expect of them.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) options: CompileOptions,
    pub(super) notes: Vec<String>,
}

impl From<Weights> for WeightEncoding {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::Auto => Self::Auto,
            Weights::Ternary => Self::Ternary2,
            Weights::Int8 => Self::Int8,
        }
    }
}

impl ObjectiveArg {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Chips, Self::Latency, Self::Throughput, Self::Energy];
}

impl From<ObjectiveArg> for Objective {
    fn from(objective: ObjectiveArg) -> Self {
        match objective {
            ObjectiveArg::Chips => Self::Chips,
            ObjectiveArg::Latency => Self::Latency,
            ObjectiveArg::Throughput => Self::Throughput,
            ObjectiveArg::Energy => Self::Energy,
        }
    }
}

impl Options {
    /// What is the same in all mappings that are tried; all else is as it is if nothing is said.
    pub(super) fn for_exploring(
        arch: &str,
        head: Head,
        quant: Option<&Path>,
        calibration: Option<&Path>,
        effort: u8,
    ) -> Self {
        Self {
            arch: arch.to_owned(),
            head,
            quant: quant.map(Path::to_owned),
            calibration: calibration.map(Path::to_owned),
            effort,
            weights: Weights::Auto,
            one_layer_per_chip: false,
            max_fan_in: None,
            max_part: None,
            roots: None,
            min_tokens_per_s: None,
            objective: ObjectiveArg::Chips,
            max_chips: None,
            streams: NonZeroU32::MIN,
            mapping_seed: 0,
            mapping_time_limit: None,
            payload_bits: None,
            scales: None,
            spike_threshold: None,
            overflow: None,
            guarantee_no_overflow: false,
            probes: false,
        }
    }

    /// The options for a checkpoint, and for the folder that it came from.
    pub(super) fn resolve(&self, checkpoint: &Checkpoint, dir: Option<&Path>) -> Result<Resolved, Failure> {
        let trained = trained_quant(checkpoint)?;
        let mut options = CompileOptions {
            weights: self.weights.into(),
            one_layer_per_chip: self.one_layer_per_chip,
            division: self.division(),
            max_token_time: self.min_tokens_per_s.map(|rate| Duration::from_secs_f64(rate.recip())),
            objective: self.objective.into(),
            max_chips: self.max_chips,
            n_streams: self.streams,
            effort: Effort::of(self.effort),
            seed: self.mapping_seed,
            time_limit: self.mapping_time_limit,
            quant: self.quant_config(trained.as_ref())?,
            guarantee_no_overflow: self.guarantee_no_overflow,
            head_on_host: self.head == Head::Host,
            probes: self.probes,
            ..CompileOptions::new(self.load_arch()?)
        };
        let (ranges, notes) = match &trained {
            Some(trained) => self.trained_ranges(trained, &options.quant),
            None => (None, Vec::new()),
        };
        options.calibration = match ranges {
            Some(ranges) => {
                options.densities = trained.map(|trained| trained.densities).unwrap_or_default();
                CalibrationText::Ranges(ranges)
            }
            None => self.calibration_text(checkpoint, dir)?,
        };
        Ok(Resolved { options, notes })
    }

    /// How sums and roots are divided, where anything is said of it.
    fn division(&self) -> Option<Division> {
        let is_open = self.max_fan_in.is_none() && self.max_part.is_none() && self.roots.is_none();
        let roots = self.roots.unwrap_or_default();
        (!is_open).then_some(Division { roots, max_fan_in: self.max_fan_in, max_part: self.max_part })
    }

    /// The checkpoint's own ranges, where nothing else was asked for, and what is not as it was trained for.
    fn trained_ranges(&self, trained: &TrainedQuant, chosen: &QuantConfig) -> (Option<Ranges>, Vec<String>) {
        let changed = |change| format!("{change}, other than the checkpoint's quantization_config says");
        let mut notes: Vec<String> = chosen.changes_from(&trained.config).into_iter().map(changed).collect();
        let ranges = trained.ranges_for(chosen).filter(|_| self.calibration.is_none());
        match (ranges, &trained.ranges) {
            (Some(_), _) => notes.push("ranges are the checkpoint's own: nothing is calibrated".into()),
            (None, Some(_)) if self.calibration.is_some() => {
                notes.push("--calibration takes the place of the checkpoint's own ranges".into());
            }
            (None, Some(_)) => {
                notes.push("the checkpoint's own ranges are for other norms or clipping: it is calibrated anew".into());
            }
            (None, None) => {}
        }
        (ranges.cloned(), notes)
    }

    /// The choices of the checkpoint, then those of the file, then those of the command line.
    fn quant_config(&self, trained: Option<&TrainedQuant>) -> Result<QuantConfig, Failure> {
        let base = trained.map(|trained| trained.config.clone()).unwrap_or_default();
        let mut config = match &self.quant {
            Some(path) => load_quant(path, &base)?,
            None => base,
        };
        let payload = &mut config.payload;
        payload.bits = self.payload_bits.unwrap_or(payload.bits);
        match self.spike_threshold {
            None => {}
            Some(SpikeThreshold::Level(level)) => (payload.spike_threshold, payload.spike_tolerance) = (level, 0.0),
            Some(SpikeThreshold::Tolerance(share)) => (payload.spike_threshold, payload.spike_tolerance) = (0, share),
        }
        payload.scales = match self.scales {
            None => payload.scales,
            Some(ScalesArg::Free) => Scales::Free,
            Some(ScalesArg::Pow2) => Scales::Pow2,
        };
        config.check().map_err(|error| Failure::new("quant", error))?;
        Ok(config)
    }

    /// What scales are calibrated on: the named text, the one in the folder, or what the model says itself.
    fn calibration_text(&self, checkpoint: &Checkpoint, dir: Option<&Path>) -> Result<CalibrationText, Failure> {
        let read = |path: &Path| {
            fs::read_to_string(path).map(CalibrationText::Lines).map_err(|error| Failure::io(path, &error))
        };
        if let Some(path) = &self.calibration {
            return read(path);
        }
        let beside = dir.map(|dir| dir.join("calibration.txt"));
        if let Some(beside) = beside.filter(|beside| beside.exists() && checkpoint.tokenizer().is_some()) {
            return read(&beside);
        }
        let config = checkpoint.config();
        let width = config.hidden_size;
        let per_block = 4 * width * config.inner_size() + 3 * width * config.intermediate();
        let n_weights = (config.num_hidden_layers * per_block + config.vocab_size * width).max(1);
        let n_tokens = (CALIBRATION_WORK / n_weights).clamp(64, 1024);
        let per_sequence = n_tokens.min(128);
        let size = SampleSize { n_sequences: n_tokens / per_sequence, n_tokens: per_sequence };
        Ok(CalibrationText::Sampled(size))
    }

    fn load_arch(&self) -> Result<Arch, Failure> {
        let arch = load_arch(&self.arch)?;
        Ok(match self.overflow {
            None => arch,
            Some(OverflowArg::Saturate) => arch.with_overflow(Overflow::Saturate),
            Some(OverflowArg::Wrap) => arch.with_overflow(Overflow::Wrap),
        })
    }
}

/// A time in seconds, fractions too.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// A number of tokens a second, more than none.
fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("`{text}` is no number of tokens a second"))?;
    // A token takes a day at most.
    if rate.is_finite() && rate >= 1e-5 { Ok(rate) } else { Err(format!("{rate} tokens a second are no speed")) }
}

/// A file of choices of quantization; what it leaves out stays as it was.
pub(super) fn load_quant(path: &Path, base: &QuantConfig) -> Result<QuantConfig, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    base.with_toml(&text).map_err(|error| Failure::new("quant", error).at(path.display()))
}

/// A shipped system by name, or a file.
pub(super) fn load_arch(name: &str) -> Result<Arch, Failure> {
    let path = Path::new(name);
    if !path.exists() || Arch::shipped_names().contains(&name) {
        return Arch::shipped(name).map_err(|error| Failure::arch(name, &error));
    }
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    Arch::from_toml(&text).map_err(|error| Failure::arch(name, &error))
}

/// Compiles while a spinner says what is being done.
pub(super) fn compile_with_progress(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    print_after: &[String],
) -> Result<Compilation, Failure> {
    let known = seamount::passes::all();
    let is_known = |name: &String| name == ALL || known.iter().any(|pass| pass.info.name == name);
    if let Some(unknown) = print_after.iter().find(|name| !is_known(name)) {
        let nearest = seamount_ir::syntax::nearest(unknown, known.iter().map(|pass| pass.info.name));
        let message = format!("unknown pass `{unknown}`; help: did you mean `{}`?", nearest.unwrap_or(ALL));
        return Err(Failure::new("pass", message));
    }
    let mut watcher = Spinner { bar: progress::spinner(), print_after };
    let compilation = compile(checkpoint, options, &mut watcher);
    watcher.bar.finish_and_clear();
    Ok(compilation?)
}

const ALL: &str = "all";

struct Spinner<'s> {
    bar: ProgressBar,
    print_after: &'s [String],
}

impl Watcher for Spinner<'_> {
    fn stage(&mut self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    #[expect(clippy::print_stderr, reason = "what a pass left is asked for on standard error, beside the result")]
    fn after_pass(&mut self, pass: &str, module: &Module) {
        if self.print_after.iter().any(|name| name == pass || name == ALL) {
            self.bar.suspend(|| eprintln!("// after {pass}\n{}", module.to_text(DEFAULT_ELIDE_ABOVE)));
        }
    }
}

fn write_core_map(compilation: &Compilation, path: &Path) -> Result<(), Failure> {
    let text = if path.extension().is_some_and(|extension| extension == "json") {
        serde_json::to_string_pretty(&compilation.core_map).expect("invariant: core maps are JSON") + "\n"
    } else {
        compilation.core_map.to_string()
    };
    write_file(path, &text)
}

/// Says early that a file cannot be written: what goes into it takes minutes.
pub(super) fn check_folder(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::read_dir(folder).map(drop).map_err(|error| Failure::io(file, &error))
}

/// Writes beside and renames: no reader sees half a file.
pub(super) fn write_file(path: &Path, content: &(impl AsRef<[u8]> + ?Sized)) -> Result<(), Failure> {
    let mut file = begin_file(path)?;
    std::io::Write::write_all(&mut file, content.as_ref()).map_err(|error| Failure::io(path, &error))?;
    end_file(file, path)
}

/// A file beside `path` that [`end_file`] puts there; without that, nothing stays of it.
pub(super) fn begin_file(path: &Path) -> Result<NamedTempFile, Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // Temporary files are their owner's alone; results are as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder).map_err(|error| Failure::io(path, &error))
}

/// Puts a file where it belongs.
pub(super) fn end_file(file: NamedTempFile, path: &Path) -> Result<(), Failure> {
    file.persist(path).map(drop).map_err(|error| Failure::io(path, &error.error))
}

#[cfg(test)]
mod tests {
    use super::SpikeThreshold;

    #[test]
    fn a_threshold_is_a_magnitude_a_share_or_a_ratio() {
        let parse = |text: &str| text.parse::<SpikeThreshold>();
        assert_eq!(parse("3"), Ok(SpikeThreshold::Level(3)));
        assert_eq!(parse("1%"), Ok(SpikeThreshold::Tolerance(0.01)));
        assert_eq!(parse("0%"), Ok(SpikeThreshold::Tolerance(0.0)));
        assert_eq!(parse("20dB"), parse("1 %"));
        for wrong in ["", "-1", "1.5", "%", "x%", "100%", "-3dB", "NaN%"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
