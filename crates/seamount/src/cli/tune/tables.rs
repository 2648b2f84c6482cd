//! What a search found, as tables for a terminal.

use std::fmt;
use std::path::Path;

use seamount::evaluate::Score;
use seamount::tune::{HeldOut, Point, Trial, Tuned};

use crate::cli::eval::{percent, tiny};

/// Candidates of the front that are shown at most.
const MAX_FRONT: usize = 16;

pub(super) struct TunedText<'t> {
    pub(super) tuned: &'t Tuned,
    /// Where the configuration was written.
    pub(super) file: Option<&'t Path>,
    pub(super) plot: Option<&'t Path>,
}

impl fmt::Display for TunedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tuned { budget, n_tokens, window, n_calibration_tokens, n_tried, is_complete, .. } = self.tuned;
        let stopped = if *is_complete { "" } else { "; the time ran out" };
        writeln!(f, "{budget}: {n_tried} candidates on {n_tokens} tokens in windows of {window}{stopped}")?;
        writeln!(f, "scales calibrated on {n_calibration_tokens} other tokens\n")?;
        write_points(f, self.tuned)?;
        write_front(f, self.tuned)?;
        if let Some(heldout) = &self.tuned.heldout {
            write_heldout(f, heldout)?;
        }
        match self.file {
            Some(file) => writeln!(f, "\nwritten to {}", file.display())?,
            None => writeln!(f, "\nnot even the widest hold the budget: nothing is written")?,
        }
        match self.plot {
            Some(plot) => writeln!(f, "drawn in {}", plot.display()),
            None => Ok(()),
        }
    }
}

fn write_points(f: &mut fmt::Formatter<'_>, tuned: &Tuned) -> fmt::Result {
    let mut row = |[key, channels, alone, start, bits]: [&str; 5]| {
        writeln!(f, "{key:<44}{channels:>10}{alone:>20}{start:>10}{bits:>10}")
    };
    row(["width", "channels", "KL alone, narrowest", "from", "to"])?;
    let best = tuned.best.as_ref().map(|best| &best.bits);
    for (index, Point { keys, n_channels }) in tuned.points.iter().enumerate() {
        row([
            &name(keys),
            &n_channels.to_string(),
            &tiny(tuned.alone_kl_nats[index]),
            &tuned.start.bits[index].to_string(),
            &best.map_or_else(|| "-".to_owned(), |bits| bits[index].to_string()),
        ])?;
    }
    Ok(())
}

/// The first key in full, of the others what follows the last dot.
fn name(keys: &[String]) -> String {
    let others = keys[1..].iter().map(|key| key.rsplit('.').next().unwrap_or(key));
    std::iter::once(keys[0].as_str()).chain(others).collect::<Vec<_>>().join(", ")
}

fn write_front(f: &mut fmt::Formatter<'_>, tuned: &Tuned) -> fmt::Result {
    let mut row = |[payload, state, all, zero, sent, ratio, divergence, agreement, mark]: [&str; 9]| {
        let line = format!(
            "{payload:>9}{state:>10}{all:>10}{zero:>9}{sent:>10}{ratio:>12}{divergence:>12}{agreement:>12}  {mark}"
        );
        writeln!(f, "{}", line.trim_end())
    };
    row(["", "", "", "", "", "", "", "", ""])?;
    row(["payload", "state", "all", "zero", "bytes", "", "KL, nats,", "top-1,", ""])?;
    row(["bits", "bits", "bits", "payloads", "sent", "ratio", "unrounded", "unrounded", ""])?;
    let is_best = |trial: &Trial| tuned.best.as_ref().is_some_and(|best| best.bits == trial.bits);
    let is_start = |trial: &Trial| tuned.start.bits == trial.bits;
    let n_skipped = tuned.front.len().div_ceil(MAX_FRONT).max(1);
    let shown = tuned.front.iter().enumerate();
    let shown = shown.filter(|(index, trial)| index % n_skipped == 0 || is_best(trial) || is_start(trial));
    let mut shown: Vec<&Trial> = shown.map(|(_, trial)| trial).collect();
    // The first widths need not be on the front.
    if !shown.iter().any(|trial| is_start(trial)) {
        shown.insert(0, &tuned.start);
    }
    for trial in shown {
        let Score { perplexity_ratio, mean_kl_nats_unrounded, top1_agreement_unrounded, .. } = trial.score;
        let mark = match (is_best(trial), is_start(trial), trial.holds) {
            (true, _, _) => "taken",
            (false, true, _) => "before",
            (false, false, true) => "",
            (false, false, false) => "over budget",
        };
        row([
            &trial.payload_bits_per_token.to_string(),
            &trial.state_bits_per_token.to_string(),
            &trial.n_bits().to_string(),
            &percent(trial.zero_payload_share),
            &format!("{:.1}", trial.payload_bytes_per_token),
            &format!("{perplexity_ratio:.6}"),
            &tiny(mean_kl_nats_unrounded),
            &format!("{:.3} %", 100.0 * top1_agreement_unrounded),
            mark,
        ])?;
    }
    Ok(())
}

fn write_heldout(f: &mut fmt::Formatter<'_>, heldout: &HeldOut) -> fmt::Result {
    writeln!(f, "\nheld-out text, {} tokens", heldout.n_tokens)?;
    let mut write = |name: &str, score: &Score, more: &str| {
        let (divergence, agreement) = (tiny(score.mean_kl_nats_unrounded), 100.0 * score.top1_agreement_unrounded);
        let ratio = score.perplexity_ratio;
        writeln!(f, "{name:<8}ratio {ratio:.6}, KL {divergence} nats a token, top-1 {agreement:.3} %{more}")
    };
    write("before", &heldout.start, "")?;
    match &heldout.best {
        Some(best) => write("taken", best, if heldout.holds { "" } else { "; over budget here" }),
        None => Ok(()),
    }
}
