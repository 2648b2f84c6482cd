//! `seamount dis`

use std::path::PathBuf;

use super::output::Output;
use super::run::open;
use super::{Failure, Outcome};

/// Print a program: cores, groups, microcode.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let program = open(&args.program)?;
    let text = program.to_string();
    output.result(&text, &serde_json::json!({ "text": text }))?;
    Ok(Outcome::Done)
}
