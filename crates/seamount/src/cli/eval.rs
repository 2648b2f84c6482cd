//! `seamount eval`

use std::fmt;
use std::fs;
use std::path::PathBuf;

use seamount::tokens::parse_ids;
use seamount::{Evaluation, evaluate};
use seamount_hf::Checkpoint;

use super::output::Output;
use super::progress;
use super::run::{open, tokenizer};
use super::{Failure, Outcome};

/// Measure how well a program predicts text, beside the float model.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount eval my.smt --text held-out.txt
  seamount eval my.smt --text held-out.txt --model my-checkpoint --max-tokens 8192 --format json")]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
    #[command(flatten)]
    text: TextArgs,
    /// The checkpoint's folder: evaluates the published float model on the same tokens.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Tokens of a window; each starts from a zero state.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    window: u32,
    /// Tokens to predict at most; all whole windows of the text where it is left out.
    #[arg(long, value_name = "N")]
    max_tokens: Option<usize>,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct TextArgs {
    /// Lines of text, each put between the tokenizer's begin and end tokens.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Token ids between blanks or commas, for programs without a tokenizer.
    #[arg(long, value_name = "FILE")]
    token_ids: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let program = open(&args.program)?;
    let path = args.text.text.as_ref().or(args.text.token_ids.as_ref());
    let path = path.expect("invariant: clap demands one of the two");
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    let mut tokens = match (tokenizer(&program)?, &args.text.text) {
        (Some(tokens), Some(_)) => tokens.lines(&text)?,
        (None, Some(_)) => {
            return Err(Failure::new("tokenizer", "the program has no tokenizer to read the text with")
                .at(args.program.display())
                .help("give token ids with --token-ids, or compile a folder that has a tokenizer.json"));
        }
        (_, None) => parse_ids(&text).map_err(|error| Failure::from(error).at(path.display()))?,
    };
    let vocab_size = program.host.vocab_size;
    if let Some(unknown) = tokens.iter().find(|&&token| token >= vocab_size) {
        let message = format!("token {unknown} is not of the program's vocabulary of {vocab_size}");
        return Err(Failure::new("tokens", message).at(path.display()));
    }
    let window = args.window as usize;
    if let Some(most) = args.max_tokens {
        tokens.truncate(most.max(window) + 1);
    }
    let checkpoint = args.model.as_ref().map(|dir| Checkpoint::open(dir)).transpose()?;
    let model = checkpoint.map(|checkpoint| checkpoint.to_model()).transpose()?;
    let model = model.map(|model| model.verify()).transpose()?;

    let bar = progress::bar((tokens.len().saturating_sub(1) / window) as u64, "windows");
    let evaluation = evaluate(&program, model.as_ref(), &tokens, window, || bar.inc(1));
    bar.finish_and_clear();
    let evaluation = evaluation?;
    output.result(EvaluationText(&evaluation), &evaluation)?;
    Ok(Outcome::Done)
}

struct EvaluationText<'e>(&'e Evaluation);

impl fmt::Display for EvaluationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evaluation { n_tokens, window, perplexity_emulated, n_saturations, .. } = self.0;
        writeln!(f, "tokens                {n_tokens} in windows of {window}")?;
        if let Some(float) = self.0.perplexity_float {
            writeln!(f, "perplexity, float     {float:.5}")?;
        }
        writeln!(f, "perplexity, emulated  {perplexity_emulated:.5}")?;
        if let Some(ratio) = self.0.perplexity_ratio {
            writeln!(f, "ratio                 {ratio:.6}")?;
        }
        if let Some(agreement) = self.0.top1_agreement {
            writeln!(f, "top-1 agreement       {:.3} %", 100.0 * agreement)?;
        }
        if let Some(divergence) = self.0.mean_kl_nats {
            writeln!(f, "mean KL divergence    {divergence:.2e} nats a token")?;
        }
        writeln!(f, "saturations           {n_saturations}")
    }
}
