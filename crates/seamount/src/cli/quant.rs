//! `seamount quant`

use std::path::PathBuf;

use clap::Subcommand;
use seamount_quant::config::QuantConfig;

use super::compile::load_quant;
use super::output::Output;
use super::{Failure, Outcome};

/// Show and check choices of quantization.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount quant show > quant.toml           all choices with their defaults, to start from
  seamount quant show mine.toml              what a file comes to, defaults filled in
  seamount compile my-checkpoint --quant mine.toml")]
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
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let Command::Show { file } = &args.command;
    let config = file.as_ref().map_or_else(|| Ok(QuantConfig::default()), |path| load_quant(path))?;
    output.result(config.to_toml(), &config)?;
    Ok(Outcome::Done)
}
