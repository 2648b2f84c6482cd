//! `seamount eval`

mod plot;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indicatif::ProgressBar;
use seamount::evaluate::{
    ByLayer, ByPass, ByProjection, Step, Sweep, compile_in_steps, evaluate_by_layer, evaluate_by_pass,
    evaluate_by_projection, evaluate_sweep,
};
use seamount::tokens::{TextTokens, parse_ids};
use seamount::{Compilation, CompileOptions, evaluate_with};
use seamount_hf::Checkpoint;
use seamount_ir::Verified;
use seamount_ir::model::Model;
use seamount_program::Program;
use serde::Serialize;

use super::compile::{Options, Resolved, check_folder, write_file};
use super::engine::EngineArgs;
use super::output::Output;
use super::progress::{self, with_spinner};
use super::run::{open, tokenizer};
use super::{Failure, Outcome};
use tables::{AnalysisText, EvaluationText};
pub(super) use tables::{percent, tiny};

/// Measure how well a program predicts text, beside the float model, and where its error comes from.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount eval my.smt --text held-out.txt
  seamount eval my.smt --text held-out.txt --model my-checkpoint --max-tokens 8192 --format json
  seamount eval --model my-checkpoint --text held-out.txt --payload-bits 12
  seamount eval --model my-checkpoint --text held-out.txt --by-pass --by-layer
  seamount eval --model my-checkpoint --text held-out.txt --by-projection --spike-threshold 3
  seamount eval --model my-checkpoint --text held-out.txt --plot bytes.svg

Without a program, the checkpoint is compiled first, with the options of `seamount compile`.")]
pub(super) struct Args {
    /// The program's file.
    #[arg(required_unless_present = "model", conflicts_with_all = ["by_pass", "by_layer", "by_projection", "plot", "Options"])]
    program: Option<PathBuf>,
    #[command(flatten)]
    text: TextArgs,
    /// The checkpoint's folder: evaluates its float model, with and without its rounding of each token, on the same
    /// tokens.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Evaluates the model after each step of its compilation.
    #[arg(long, requires = "model")]
    by_pass: bool,
    /// Compares each block's results and states, and the logits, with those of the float model.
    #[arg(long, requires = "model")]
    by_layer: bool,
    /// Counts the zeros among what is sent to each projection: zeros send nothing.
    #[arg(long, requires = "model")]
    by_projection: bool,
    /// Compiles with payloads of 24 to 8 bits and both encodings of weights, and draws bytes against accuracy.
    #[arg(long, value_name = "FILE.svg", requires = "model")]
    plot: Option<PathBuf>,
    /// Tokens of a window; each starts from a zero state.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    window: u32,
    /// Tokens to predict at most; all whole windows of the text where it is left out.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten, next_help_heading = "Options of the compilation")]
    options: Options,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TextArgs {
    /// Lines of text, each put between the tokenizer's begin and end tokens.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Token ids between blanks or commas, for models without a tokenizer.
    #[arg(long, value_name = "FILE")]
    token_ids: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = args.model.as_deref().map(Checkpoint::open).transpose()?;
    if let Some(path) = &args.program {
        let program = open(path)?;
        let tokens = args.tokens(tokenizer(&program)?, program.host.vocab_size as usize)?;
        let model = checkpoint.map(|checkpoint| checkpoint.to_model()).transpose()?;
        let model = model.map(|model| model.verify()).transpose()?;
        args.evaluate_program(&program, model.as_ref(), &tokens, output)?;
    } else if let (Some(dir), Some(checkpoint)) = (&args.model, &checkpoint) {
        args.plot.as_deref().map(check_folder).transpose()?;
        let Resolved { options, notes } = args.options.resolve(checkpoint, Some(dir))?;
        output.notes(&notes);
        args.evaluate_checkpoint(checkpoint, &options, output)?;
    }
    Ok(Outcome::Done)
}

/// Where a checkpoint's error comes from: what was asked for of it.
#[derive(Debug, Default, Serialize)]
struct Analysis {
    #[serde(skip_serializing_if = "Option::is_none")]
    by_pass: Option<ByPass>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_layer: Option<ByLayer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_projection: Option<ByProjection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sweep: Option<Sweep>,
}

impl Args {
    fn evaluate_program(
        &self,
        program: &Arc<Program>,
        model: Option<&Verified<Model>>,
        tokens: &[u32],
        output: &mut Output,
    ) -> Result<(), Failure> {
        let options = self.engine.options()?;
        let evaluation = self.with_bar(tokens, "windows", |bar| {
            evaluate_with(program, options, model, tokens, self.window(), || bar.inc(1))
        })?;
        output.result(EvaluationText(&evaluation), &evaluation)
    }

    fn evaluate_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        options: &CompileOptions,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let tokens = self.checkpoint_tokens(checkpoint)?;
        let mut analysis = Analysis::default();
        let analyzes = self.by_pass || self.by_layer || self.by_projection;
        if analyzes || self.plot.is_none() {
            let (compilation, steps) = with_spinner(|stages| compile_in_steps(checkpoint, options, stages))?;
            if !analyzes {
                let program = Arc::new(compilation.program);
                return self.evaluate_program(&program, Some(&compilation.model), &tokens, output);
            }
            analysis = self.analyze(&compilation, &steps, &tokens)?;
        }
        if let Some(path) = &self.plot {
            let sweep = self.sweep(checkpoint, options, &tokens)?;
            write_file(path, &plot::svg(checkpoint.name(), &sweep))?;
            analysis.sweep = Some(sweep);
        }
        output.result(AnalysisText { analysis: &analysis, plot: self.plot.as_deref() }, &analysis)
    }

    fn analyze(&self, compilation: &Compilation, steps: &[Step], tokens: &[u32]) -> Result<Analysis, Failure> {
        let mut analysis = Analysis::default();
        if self.by_pass {
            analysis.by_pass = Some(self.with_bar(tokens, "windows by pass", |bar| {
                evaluate_by_pass(compilation, steps, tokens, self.window(), || bar.inc(1))
            })?);
        }
        if self.by_layer {
            analysis.by_layer = Some(self.with_bar(tokens, "windows by layer", |bar| {
                evaluate_by_layer(compilation, tokens, self.window(), || bar.inc(1))
            })?);
        }
        if self.by_projection {
            analysis.by_projection = Some(self.with_bar(tokens, "windows by projection", |bar| {
                evaluate_by_projection(compilation, tokens, self.window(), || bar.inc(1))
            })?);
        }
        Ok(analysis)
    }

    fn sweep(&self, checkpoint: &Checkpoint, options: &CompileOptions, tokens: &[u32]) -> Result<Sweep, Failure> {
        with_spinner(|stages| evaluate_sweep(checkpoint, options, tokens, self.window(), stages, || {}))
    }

    fn with_bar<T, E: Into<Failure>>(
        &self,
        tokens: &[u32],
        message: &'static str,
        work: impl FnOnce(&ProgressBar) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let bar = progress::bar((tokens.len().saturating_sub(1) / self.window()) as u64, message);
        let result = work(&bar);
        bar.finish_and_clear();
        result.map_err(Into::into)
    }

    fn window(&self) -> usize {
        self.window as usize
    }

    fn checkpoint_tokens(&self, checkpoint: &Checkpoint) -> Result<Vec<u32>, Failure> {
        self.tokens(tokenizer_of(checkpoint)?, checkpoint.config().vocab_size)
    }

    /// The tokens that are to be predicted, and the one before them.
    fn tokens(&self, tokenizer: Option<TextTokens>, vocab_size: usize) -> Result<Vec<u32>, Failure> {
        let path = self.text.text.as_ref().or(self.text.token_ids.as_ref());
        let path = path.expect("invariant: clap demands one of the two");
        let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
        let mut tokens = match (tokenizer, &self.text.text) {
            (Some(tokens), Some(_)) => tokens.lines(&text)?,
            (None, Some(_)) => return Err(self.no_tokenizer()),
            (_, None) => parse_ids(&text).map_err(|error| Failure::from(error).at(path.display()))?,
        };
        if let Some(unknown) = tokens.iter().find(|&&token| token as usize >= vocab_size) {
            let message = format!("token {unknown} is not of the vocabulary of {vocab_size}");
            return Err(Failure::new("tokens", message).at(path.display()));
        }
        if let Some(most) = self.max_tokens {
            tokens.truncate(most.max(self.window()) + 1);
        }
        Ok(tokens)
    }

    fn no_tokenizer(&self) -> Failure {
        let at = self.program.as_deref().or(self.model.as_deref()).unwrap_or(Path::new(""));
        Failure::new("tokenizer", "there is no tokenizer to read the text with")
            .at(at.display())
            .help("give token ids with --token-ids, or use a folder that has a tokenizer.json")
    }
}

/// The tokens of a text, by a checkpoint's tokenizer.
pub(super) fn read_tokens(checkpoint: &Checkpoint, path: &Path) -> Result<Vec<u32>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    match tokenizer_of(checkpoint)? {
        Some(tokens) => Ok(tokens.lines(&text)?),
        None => Err(Failure::new("tokenizer", "there is no tokenizer to read the text with").at(path.display())),
    }
}

fn tokenizer_of(checkpoint: &Checkpoint) -> Result<Option<TextTokens>, Failure> {
    let config = checkpoint.config();
    let tokenizer = checkpoint.tokenizer();
    let tokens = tokenizer.map(|bytes| TextTokens::from_bytes(bytes, config.bos_token_id, config.eos_token_id));
    Ok(tokens.transpose()?)
}
