//! `seamount explore`

mod plot;

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use seamount::Watcher;
use seamount::explore::{ExploreError, Sweep, explore};
use seamount_hf::Checkpoint;
use seamount_report::Explored;

use super::compile::{DEFAULT_ARCH, Head, ObjectiveArg, Options, Resolved, Weights, write_file};
use super::output::Output;
use super::{Failure, Outcome, progress};

/// Try many mappings of a checkpoint, and show those that no other beats.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount explore my-checkpoint
  seamount explore my-checkpoint --streams 1,8,24 --max-chips 6,12,24 -o explored
  seamount report my.smt --explored explored/explored.json --format html -o my.html")]
pub(super) struct Args {
    /// The checkpoint's folder: config.json, model.safetensors (or shards), perhaps tokenizer.json.
    dir: PathBuf,
    /// A folder for explored.json, explored.csv and explored.svg.
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The system: a shipped name (see `seamount arch list`) or a TOML file.
    #[arg(long, value_name = "NAME|FILE", default_value = DEFAULT_ARCH)]
    arch: String,
    /// How ternary weights are stored: each of these.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST", default_values_t = [Weights::Auto, Weights::Int8])]
    weights: Vec<Weights>,
    /// What mappings are to be best at: each of these.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "LIST", default_values_t = ObjectiveArg::ALL)]
    objective: Vec<ObjectiveArg>,
    /// Independent texts that walk behind each other: each of these numbers.
    #[arg(long, value_delimiter = ',', value_name = "LIST", default_value = "1,8")]
    streams: Vec<NonZeroU32>,
    /// The most chips that a mapping may use: each of these; all of the system's where it is left out.
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    max_chips: Vec<NonZeroU32>,
    /// Tokens of the prompt whose time to the first token is predicted.
    #[arg(long, value_name = "N", default_value_t = 500)]
    prompt_tokens: u64,
    /// How much is tried for each mapping: 0 (a first fit) to 3 (the longest search).
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3))]
    effort: u8,
    /// Who computes the logits.
    #[arg(long, value_enum, default_value_t = Head::Chip)]
    head: Head,
    /// Choices of quantization as TOML; `seamount quant show` prints all of them with their defaults.
    #[arg(long, value_name = "FILE")]
    quant: Option<PathBuf>,
    /// Text to calibrate on, as for `seamount compile`.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = Checkpoint::open(&args.dir)?;
    let sweep = args.sweep(&checkpoint, output)?;
    let spinner = progress::spinner();
    let bar = progress::bar(sweep.n_points() as u64, "mappings");
    let explored = explore(&checkpoint, &sweep, &mut Stages(&spinner), &|| bar.inc(1));
    spinner.finish_and_clear();
    bar.finish_and_clear();
    let explored = explored?;
    if let Some(folder) = &args.output {
        save(&explored, folder)?;
    }
    output.result(&explored, &explored)?;
    Ok(Outcome::Done)
}

impl Args {
    fn sweep(&self, checkpoint: &Checkpoint, output: &Output) -> Result<Sweep, Failure> {
        let (quant, calibration) = (self.quant.as_deref(), self.calibration.as_deref());
        let options = Options::for_exploring(&self.arch, self.head, quant, calibration, self.effort);
        let Resolved { options, notes } = options.resolve(checkpoint, Some(&self.dir))?;
        output.notes(&notes);
        let limits = self.max_chips.iter().copied().map(Some);
        Ok(Sweep {
            options,
            weights: self.weights.iter().map(|&weights| weights.into()).collect(),
            objectives: self.objective.iter().map(|&objective| objective.into()).collect(),
            streams: self.streams.clone(),
            max_chips: if self.max_chips.is_empty() { vec![None] } else { limits.collect() },
            n_prompt_tokens: self.prompt_tokens,
        })
    }
}

struct Stages<'s>(&'s ProgressBar);

impl Watcher for Stages<'_> {
    fn stage(&mut self, name: &str) {
        self.0.set_message(name.to_owned());
        if name == "mappings" {
            // From here on the bar says how far it is.
            self.0.finish_and_clear();
        }
    }
}

fn save(explored: &Explored, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::io(folder, &error))?;
    let json = serde_json::to_string_pretty(explored).expect("invariant: results are JSON") + "\n";
    write_file(&folder.join("explored.json"), &json)?;
    write_file(&folder.join("explored.csv"), &explored.to_csv())?;
    write_file(&folder.join("explored.svg"), &plot::svg(explored))
}

impl From<ExploreError> for Failure {
    fn from(error: ExploreError) -> Self {
        match error {
            ExploreError::Compile(error) => error.into(),
            ExploreError::Profile(error) => Self::new("profile", error),
        }
    }
}
