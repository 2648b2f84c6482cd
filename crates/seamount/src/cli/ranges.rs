//! `seamount ranges`

use std::fmt;
use std::path::PathBuf;

use seamount::quantize;
use seamount::ranges::{RangeReport, ValueRow};
use seamount_hf::Checkpoint;
use seamount_quant::ranges::Holder;

use super::compile::{Options, Resolved};
use super::output::Output;
use super::progress::with_spinner;
use super::{Failure, Outcome};

/// Show what sums and states can come to, and whether that fits what holds them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount ranges my-checkpoint
  seamount ranges my-checkpoint --payload-bits 12 --calibration train.txt
  seamount ranges my-checkpoint --guarantee-no-overflow
  seamount ranges my-checkpoint --all --format json

The worst case is over all texts, by interval arithmetic from weights and widths; what is observed, over the
calibration text.")]
pub(super) struct Args {
    /// The checkpoint's folder.
    dir: PathBuf,
    /// Shows every value, not sums and states alone.
    #[arg(long)]
    all: bool,
    #[command(flatten, next_help_heading = "Options of the compilation")]
    options: Options,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let checkpoint = Checkpoint::open(&args.dir)?;
    let Resolved { options, notes } = args.options.resolve(&checkpoint, Some(&args.dir))?;
    output.notes(&notes);
    let mut report = with_spinner(|stages| {
        let quantized = quantize(&checkpoint, &options, stages)?;
        RangeReport::of(&quantized)
    })?;
    if !args.all {
        report.values.retain(|row| row.holder != Holder::Value);
    }
    output.result(Table(&report), &report)?;
    Ok(Outcome::Done)
}

struct Table<'r>(&'r RangeReport);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RangeReport { model, n_tokens, accumulator_bits, overflow, sums, values, .. } = self.0;
        writeln!(f, "{model}: sums have {accumulator_bits} bits, and {overflow}; observed over {n_tokens} tokens")?;
        let names = values.iter().map(|row| row.name.len()).max().unwrap_or_default();
        writeln!(f, "{:>5} {:<6}{:<names$} {:>37} {:>19}", "", "", "", "worst case", "observed")?;
        let head = ["holds", "bits", "needs", "of what fits", "fits", "needs", "saturations"];
        let [holds, bits, needs, load, fits, observed, saturations] = head;
        write!(f, "{:>5} {:<6}{:<names$} {holds:<11}{bits:>5}{needs:>7}", "layer", "value", "name")?;
        writeln!(f, "{load:>14}{fits:>6}{observed:>7}{saturations:>13}")?;
        for row in values {
            let ValueRow { value, name, bits, worst_bits, load, observed_bits, n_saturations, .. } = row;
            let layer = row.layer.map_or_else(String::new, |layer| layer.to_string());
            let holds = match row.holder {
                Holder::LayerSum => "layer sum",
                Holder::ChannelSum => "norm sum",
                Holder::State => "state",
                Holder::Value => "value",
            };
            let fits = if row.may_overflow { "no" } else { "yes" };
            let load = percent(*load);
            let observed = observed_bits.map_or_else(|| "-".to_owned(), |bits| bits.to_string());
            write!(f, "{layer:>5} {value:<6}{name:<names$} {holds:<11}{bits:>5}{worst_bits:>7}{load:>14}{fits:>6}")?;
            writeln!(f, "{observed:>7}{n_saturations:>13}")?;
        }
        writeln!(f, "sums: {sums}")
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 10_000.0 { format!("{percent:.1} %") } else { format!("{percent:.1e} %") }
}
