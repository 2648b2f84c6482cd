//! `seamount tune`

mod plot;
mod tables;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use seamount::CompileOptions;
use seamount::tune::{Budget, Trial, TuneObserver, TuneOptions, Tuned, tune};
use seamount_hf::Checkpoint;

use super::compile::{Options, Resolved, check_folder, write_file};
use super::output::Output;
use super::progress;
use super::{Failure, Outcome};
use tables::TunedText;

/// Find the narrowest widths that hold a budget of accuracy, and write them as choices of quantization.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount tune my-checkpoint --budget \"perplexity<=1.001\" -o tuned.toml
  seamount tune my-checkpoint --budget \"kl<=1e-4\" --per-layer --calibration train.txt
  seamount tune my-checkpoint --budget \"agreement>=0.99\" --text held-out.txt --plot front.svg
  seamount compile my-checkpoint --quant tuned.toml

Scales are calibrated on the first half of the calibration text (4096 tokens at most), and widths tried on the
rest. Exit code 1, and no file, where not even the widest hold the budget.")]
pub(super) struct Args {
    /// The checkpoint's folder.
    dir: PathBuf,
    /// What must hold: perplexity, over that of the published model; kl, the mean divergence in nats a token, or
    /// agreement, the share of equal likeliest tokens, both with the model without its rounding of each token.
    #[arg(long, value_name = "MEASURE<=LIMIT")]
    budget: Budget,
    /// The file of choices; the folder's name with .quant.toml where it is left out.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Gives the projections of each block widths of their own.
    #[arg(long)]
    per_layer: bool,
    /// Text that the search does not see, one passage a line: what was found is evaluated on it once.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Draws the front of widths against accuracy.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Tokens of a window; each starts from a zero state.
    #[arg(long, value_name = "N", default_value = "256", value_parser = clap::value_parser!(u32).range(1..))]
    window: u32,
    /// Tokens that each candidate predicts at most.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    max_tokens: usize,
    /// Ends the search with the best so far; the result then depends on the machine.
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<u64>,
    #[command(flatten, next_help_heading = "Options of the compilation")]
    options: Options,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = Checkpoint::open(&args.dir)?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.quant.toml", checkpoint.name())));
    check_folder(&path)?;
    args.plot.as_deref().map(check_folder).transpose()?;
    let Resolved { options, notes } = args.options.resolve(&checkpoint, Some(&args.dir))?;
    output.notes(&notes);
    let heldout = args.text.as_deref().map(|path| super::eval::read_tokens(&checkpoint, path)).transpose()?;
    let tuned = args.search(&checkpoint, &options, heldout)?;

    if let Some(quant) = &tuned.quant {
        write_file(&path, &format!("# Tuned for {}.\n{}", tuned.budget, quant.to_toml()))?;
    }
    if let Some(file) = &args.plot {
        write_file(file, &plot::svg(checkpoint.name(), &tuned))?;
    }
    let file = tuned.quant.is_some().then_some(path.as_path());
    output.result(TunedText { tuned: &tuned, file, plot: args.plot.as_deref() }, &tuned)?;
    Ok(if tuned.best.is_some() { Outcome::Done } else { Outcome::CheckFailed })
}

impl Args {
    fn search(
        &self,
        checkpoint: &Checkpoint,
        options: &CompileOptions,
        heldout: Option<Vec<u32>>,
    ) -> Result<Tuned, Failure> {
        let tune_options = TuneOptions {
            budget: self.budget,
            per_layer: self.per_layer,
            window: self.window as usize,
            max_tokens: self.max_tokens,
            heldout,
        };
        let deadline = self.time_limit.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let mut watch = Watch { bar: progress::bar(1, "tune"), stage: String::new(), best: String::new(), deadline };
        let tuned = tune(checkpoint, options, &tune_options, &mut watch);
        watch.bar.finish_and_clear();
        Ok(tuned?)
    }
}

/// Shows how far the search is, and the best so far.
struct Watch {
    bar: ProgressBar,
    stage: String,
    best: String,
    deadline: Option<Instant>,
}

impl TuneObserver for Watch {
    fn stage(&mut self, name: &str) {
        name.clone_into(&mut self.stage);
        self.show();
    }

    fn measured(&mut self, n_tried: usize, n_expected: usize, best: Option<&Trial>) {
        self.bar.set_length(n_expected as u64);
        self.bar.set_position(n_tried as u64);
        if let Some(best) = best {
            self.best = format!("; best {} bits at {:.6}", best.n_bits(), best.score.perplexity_ratio);
        }
        self.show();
    }

    fn goes_on(&mut self) -> bool {
        self.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }
}

impl Watch {
    fn show(&self) {
        self.bar.set_message(format!("{}{}", self.stage, self.best));
    }
}
