//! `seamount report`

use std::path::PathBuf;

use seamount_report::Report;

use super::output::Output;
use super::run::open;
use super::{Failure, Outcome};

/// Show what a program holds, where it is, and how full.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount report my.smt
  seamount report my.smt --format json | jq .mapping.n_chips_used")]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let program = open(&args.program)?;
    let size = std::fs::metadata(&args.program).map_err(|error| Failure::io(&args.program, &error))?;
    let report = Report::of(&program).with_file_bytes(size.len());
    output.result(&report, &report)?;
    Ok(Outcome::Done)
}
