//! `seamount demo`

use std::path::PathBuf;

use seamount::{CalibrationText, Program, embedded};
use serde_json::json;

use super::compile::{Options, Resolved, compile_with_progress};
use super::engine::EngineArgs;
use super::output::Output;
use super::run::{SamplingArgs, Telling, tell};
use super::summary::{EventsText, Summary};
use super::{Failure, Outcome};

/// Compile the embedded model, say where it went, and let it tell a story.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How the story begins.
    #[arg(long, value_name = "TEXT", default_value = embedded::PROMPT)]
    prompt: String,
    /// Keeps the program in a file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = embedded::checkpoint()?;
    let Resolved { mut options, .. } = args.options.resolve(&checkpoint, None)?;
    options.calibration = CalibrationText::Lines(embedded::CALIBRATION.to_owned());
    let compilation = compile_with_progress(&checkpoint, &options, &[])?;

    // What runs is what a file would hold.
    let file = compilation.program.to_bytes();
    if let Some(path) = &args.output {
        compilation.program.save(path).map_err(|error| Failure::program(path, &error))?;
    }
    let summary = Summary::of(&compilation, file.len() as u64, args.output.as_deref())?;
    let program = Program::from_bytes(&file).map_err(|error| Failure::new("program", error))?;

    if !output.is_json() {
        output.text(&summary)?;
    }
    let tokens = program.tokenizer()?;
    let prompt_ids = tokens.as_ref().expect("invariant: the embedded model has a tokenizer").prompt(&args.prompt)?;
    let mut emulator = program.emulator_with(args.engine.options()?)?;
    let how = Telling { sampling: &args.sampling, to_the_end: false, observers: None };
    let story = tell(&mut emulator, tokens.as_ref(), Some(&args.prompt), &prompt_ids, how, output)?;
    let events = EventsText { events: &story.events, n_tokens: story.n_tokens(), n_steps: story.n_steps };
    let text = format!("\n{events}");
    output.result(text, &json!({ "compilation": summary, "story": story }))?;
    Ok(Outcome::Done)
}
