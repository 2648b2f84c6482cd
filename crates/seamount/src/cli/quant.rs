//! `seamount quant`

mod functions;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use seamount::calibrate;
use seamount_hf::Checkpoint;
use seamount_quant::config::QuantConfig;
use serde_json::json;

use super::compile::{Options, Resolved, load_quant, write_file};
use super::output::Output;
use super::progress::with_spinner;
use super::{Failure, Outcome};

/// Show, check and export choices of quantization.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount quant show > quant.toml           all choices with their defaults, to start from
  seamount quant show mine.toml              what a file comes to, defaults filled in
  seamount quant functions                   what accuracy of sigmoid, silu and inverse root costs in instructions
  seamount quant functions --sigmoid-error 2^-12
  seamount compile my-checkpoint --quant mine.toml
  seamount quant export my-checkpoint -o quantization.json
  jq -s '.[0] * .[1]' my-checkpoint/config.json quantization.json > config.json")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print all choices as TOML: the defaults, or what a file comes to.
    Show {
        /// A file of choices; those that it leaves out keep their defaults.
        file: Option<PathBuf>,
    },
    /// Calibrate a checkpoint, and print its choices and ranges as the `quantization_config` of a config.json: with
    /// that, it compiles to the same program without calibration, and can be trained for these integers.
    Export {
        /// The checkpoint's folder.
        dir: PathBuf,
        /// Writes to a file instead of standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        options: Box<Options>,
    },
    /// Print the shortest functions for error bounds, or without any what each bound costs in instructions.
    Functions(functions::FunctionArgs),
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    match &args.command {
        Command::Show { file } => show(file.as_deref(), output),
        Command::Export { dir, output: path, options } => export(dir, path.as_deref(), options, output),
        Command::Functions(args) => functions::run(args, output).map(|()| Outcome::Done),
    }
}

fn show(file: Option<&Path>, output: &mut Output) -> Result<Outcome, Failure> {
    let base = QuantConfig::default();
    let config = file.map_or_else(|| Ok(base.clone()), |path| load_quant(path, &base))?;
    output.result(config.to_toml(), &config)?;
    Ok(Outcome::Done)
}

fn export(dir: &Path, path: Option<&Path>, options: &Options, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = Checkpoint::open(dir)?;
    let Resolved { options, notes } = options.resolve(&checkpoint, Some(dir))?;
    output.notes(&notes);
    let trained = with_spinner(|stages| calibrate(&checkpoint, &options, stages))?;
    let fragment = json!({ "quantization_config": trained.to_json() });
    let text = serde_json::to_string_pretty(&fragment).expect("invariant: configurations are JSON");
    match path {
        Some(path) => write_file(path, &(text + "\n"))?,
        None => output.result(text, &fragment)?,
    }
    Ok(Outcome::Done)
}
