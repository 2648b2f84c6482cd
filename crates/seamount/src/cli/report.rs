//! `seamount report`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seamount::{Counts, cost};
use seamount_emulator::Emulator;
use seamount_program::Program;
use seamount_report::{Activity, Explored, Report};

use super::output::Output;
use super::run::{PromptArgs, open, tokenizer};
use super::{Failure, Outcome};

/// Show what a program holds, where it is, and how full.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount report my.smt
  seamount report my.smt --format html -o my.html
  seamount report my.smt --format html -o my.html --prompt \"Once upon a time\"
  seamount report my.smt --format json | jq .mapping.n_chips_used
  seamount report before.smt --diff after.smt
  seamount report --schema > report.schema.json")]
pub(super) struct Args {
    /// The program's file.
    #[arg(required_unless_present = "schema")]
    program: Option<PathBuf>,
    /// Where the report goes; standard output where it is left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    prompt: PromptArgs,
    /// What happened in a run, as `seamount run --activity` wrote it.
    #[arg(long, value_name = "FILE", conflicts_with = "PromptArgs")]
    activity: Option<PathBuf>,
    /// Another program: says what changed from the first to this one.
    #[arg(long, value_name = "PROGRAM")]
    diff: Option<PathBuf>,
    /// Other mappings to show on the page, as `seamount explore --output` wrote them.
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    explored: Option<PathBuf>,
    /// Prints the JSON Schema of what --format json writes.
    #[arg(long, conflicts_with = "program")]
    schema: bool,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let Some(path) = &args.program else {
        let schema = serde_json::to_string_pretty(&Report::json_schema()).expect("invariant: schemas are JSON");
        output.text(schema)?;
        return Ok(Outcome::Done);
    };
    let to = args.output.as_deref();
    let report = report_of(path, args)?;
    if let Some(other) = &args.diff {
        if output.is_html() {
            return Err(Failure::new("usage", "a comparison is text or JSON; help: leave out --format html"));
        }
        let diff = report.diff(&report_of(other, args)?);
        output.result_to(to, &diff, &diff)?;
    } else if output.is_html() {
        let explored = args.explored.as_deref().map(read_explored).transpose()?;
        output.result_to(to, report.to_html(explored.as_ref()), &report)?;
    } else {
        output.result_to(to, &report, &report)?;
    }
    Ok(Outcome::Done)
}

/// A program's report, with what happened in a run if there was one.
fn report_of(path: &Path, args: &Args) -> Result<Report, Failure> {
    let program = open(path)?;
    let size = std::fs::metadata(path).map_err(|error| Failure::io(path, &error))?;
    let predicted = cost(&program).map_err(|error| Failure::new("cost", error).at(path.display()))?;
    let report = Report::of(&program).with_file_bytes(size.len()).with_cost(predicted);
    Ok(match activity_of(args, &program)? {
        Some(activity) => report.with_activity(activity),
        None => report,
    })
}

/// What happened in a run: in an earlier one, or in one over the prompt.
fn activity_of(args: &Args, program: &Arc<Program>) -> Result<Option<Activity>, Failure> {
    if let Some(path) = &args.activity {
        return read_activity(path, program).map(Some);
    }
    if args.prompt.is_empty() {
        return Ok(None);
    }
    let tokens = args.prompt.tokens(program, tokenizer(program)?.as_ref())?;
    let mut emulator = Emulator::new(Arc::clone(program))?;
    for token in tokens.iter().copied() {
        emulator.generate(token)?;
    }
    Ok(Some(Counts::of(&emulator).activity(program, tokens.len())))
}

fn read_explored(path: &Path) -> Result<Explored, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        let message = format!("{error}; help: give the JSON file of `seamount explore --output FOLDER`");
        Failure::new("explored", message).at(path.display())
    })
}

fn read_activity(path: &Path, program: &Program) -> Result<Activity, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    let failed = |error: &dyn std::fmt::Display| Failure::new("activity", error).at(path.display());
    let activity: Activity = serde_json::from_str(&text).map_err(|error| {
        failed(&format_args!("{error}; help: write the file with `seamount run my.smt --prompt TEXT --activity FILE`"))
    })?;
    activity.check(program).map_err(|error| failed(&error))?;
    Ok(activity)
}
