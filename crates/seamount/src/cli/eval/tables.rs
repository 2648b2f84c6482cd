//! Evaluations as tables for a terminal.

use std::fmt;
use std::path::Path;

use seamount::Evaluation;
use seamount::evaluate::{ByLayer, ByPass, ByProjection, Payload, StepScore, Sweep};
use seamount_partition::WeightEncoding;

use super::Analysis;

pub(super) struct EvaluationText<'e>(pub(super) &'e Evaluation);

impl fmt::Display for EvaluationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evaluation { n_tokens, window, perplexity_emulated, n_saturations, n_accumulator_overflows, .. } = self.0;
        writeln!(f, "tokens                 {n_tokens} in windows of {window}")?;
        if let (Some(published), Some(unrounded)) = (self.0.perplexity_float, self.0.perplexity_unrounded) {
            writeln!(f, "perplexity, published  {published:.5}")?;
            writeln!(f, "perplexity, unrounded  {unrounded:.5}")?;
        }
        writeln!(f, "perplexity, emulated   {perplexity_emulated:.5}")?;
        if let Some(ratio) = self.0.perplexity_ratio {
            writeln!(f, "ratio to published     {ratio:.6}")?;
        }
        let Evaluation { top1_agreement, mean_kl_nats, top1_agreement_unrounded, mean_kl_nats_unrounded, .. } = self.0;
        for (name, agreement, divergence) in [
            ("published", top1_agreement, mean_kl_nats),
            ("unrounded", top1_agreement_unrounded, mean_kl_nats_unrounded),
        ] {
            if let (Some(agreement), Some(divergence)) = (agreement, divergence) {
                let divergence = tiny(*divergence);
                writeln!(f, "against {name}      top-1 {:.3} %, mean KL {divergence} nats a token", 100.0 * agreement)?;
            }
        }
        writeln!(f, "accumulator overflows  {n_accumulator_overflows}")?;
        writeln!(f, "register saturations   {}", n_saturations - n_accumulator_overflows)
    }
}

/// What was asked for, one table below the other.
pub(super) struct AnalysisText<'a> {
    pub(super) analysis: &'a Analysis,
    pub(super) plot: Option<&'a Path>,
}

impl fmt::Display for AnalysisText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Analysis { by_pass, by_layer, by_projection, sweep } = self.analysis;
        let mut gap = "";
        if let Some(by_pass) = by_pass {
            write_by_pass(f, by_pass)?;
            gap = "\n";
        }
        if let Some(by_layer) = by_layer {
            f.write_str(gap)?;
            write_by_layer(f, by_layer)?;
            gap = "\n";
        }
        if let Some(by_projection) = by_projection {
            f.write_str(gap)?;
            write_by_projection(f, by_projection)?;
            gap = "\n";
        }
        if let (Some(sweep), Some(path)) = (sweep, self.plot) {
            f.write_str(gap)?;
            write_sweep(f, sweep)?;
            writeln!(f, "drawn in {}", path.display())?;
        }
        Ok(())
    }
}

fn write_by_pass(f: &mut fmt::Formatter<'_>, by_pass: &ByPass) -> fmt::Result {
    let ByPass { n_tokens, window, perplexity_unrounded, steps } = by_pass;
    writeln!(f, "{n_tokens} tokens in windows of {window}; unrounded is the published model without its rounding")?;
    writeln!(f, "of each token, of perplexity {perplexity_unrounded:.5}")?;
    writeln!(f, "{:<41}{:>23}{:>23}", "after the step", "against the published", "against the unrounded")?;
    let head = ["perplexity", "ratio", "KL, nats", "top-1", "KL, nats", "top-1", "saturations"];
    write_score(f, "", &head.map(str::to_owned))?;
    for StepScore { step, score, .. } in steps {
        let percent = |share: f64| format!("{:.3} %", 100.0 * share);
        let cells = [
            format!("{:.5}", score.perplexity),
            format!("{:.6}", score.perplexity_ratio),
            tiny(score.mean_kl_nats),
            percent(score.top1_agreement),
            tiny(score.mean_kl_nats_unrounded),
            percent(score.top1_agreement_unrounded),
            score.n_saturations.map_or_else(|| "-".to_owned(), |n| n.to_string()),
        ];
        write_score(f, step, &cells)?;
    }
    Ok(())
}

fn write_score(f: &mut fmt::Formatter<'_>, step: &str, cells: &[String; 7]) -> fmt::Result {
    let [perplexity, ratio, divergence, agreement, divergence_unrounded, agreement_unrounded, saturations] = cells;
    write!(f, "{step:<20}{perplexity:>11}{ratio:>10}{divergence:>11}{agreement:>12}")?;
    writeln!(f, "{divergence_unrounded:>11}{agreement_unrounded:>12}{saturations:>13}")
}

fn write_by_layer(f: &mut fmt::Formatter<'_>, by_layer: &ByLayer) -> fmt::Result {
    writeln!(f, "{} tokens in windows of {}; signal to noise (SNR) is of the", by_layer.n_tokens, by_layer.window)?;
    writeln!(f, "unrounded model's values over what differs in the program, or in the published model")?;
    let mut row = |value: &str, snr: &str, angle: &str, published: &str, saturations: &str| {
        writeln!(f, "{value:<12}{snr:>9}{angle:>14}{published:>20}{saturations:>14}")
    };
    row("value", "SNR, dB", "1 - cosine", "published SNR, dB", "saturations")?;
    for tap in &by_layer.taps {
        let (snr, published) = (decibels(tap.snr_db), decibels(tap.snr_published_db));
        row(&tap.name, &snr, &tiny(1.0 - tap.cosine), &published, &tap.n_saturations.to_string())?;
    }
    Ok(())
}

fn write_by_projection(f: &mut fmt::Formatter<'_>, found: &ByProjection) -> fmt::Result {
    let ByProjection { n_tokens, window, score, zero_payload_share, payload_bytes_per_token, payloads } = found;
    writeln!(f, "{n_tokens} tokens in windows of {window}; payloads, each counted once for all projections that read")?;
    writeln!(f, "it; zeros, and what is below the threshold, are not sent")?;
    let mut row = |[block, projections, bits, threshold, channels, zero, bytes]: [&str; 7]| {
        writeln!(f, "{block:<7}{projections:<20}{bits:>4}{threshold:>11}{channels:>10}{zero:>10}{bytes:>15}")
    };
    row(["block", "projections", "bits", "threshold", "channels", "zero", "bytes a token"])?;
    for payload in payloads {
        let Payload { block, projections, bits, spike_threshold, n_channels, zero_share, bytes_per_token } = payload;
        row([
            &block.map_or_else(|| "-".to_owned(), |block| block.to_string()),
            &projections.join(", "),
            &bits.to_string(),
            &spike_threshold.to_string(),
            &n_channels.to_string(),
            &percent(*zero_share),
            &format!("{bytes_per_token:.1}"),
        ])?;
    }
    let n_channels: u64 = payloads.iter().map(|payload| payload.n_channels).sum();
    let sent = format!("{payload_bytes_per_token:.1}");
    row(["all", "", "", "", &n_channels.to_string(), &percent(*zero_payload_share), &sent])?;
    let (divergence, agreement) = (tiny(score.mean_kl_nats_unrounded), 100.0 * score.top1_agreement_unrounded);
    writeln!(f, "perplexity {:.5}, {:.6} of the published model's", score.perplexity, score.perplexity_ratio)?;
    writeln!(f, "against the unrounded model: mean KL {divergence} nats a token, top-1 {agreement:.3} %")
}

pub(in crate::cli) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn write_sweep(f: &mut fmt::Formatter<'_>, sweep: &Sweep) -> fmt::Result {
    writeln!(f, "{} tokens in windows of {}; payload widths and encodings of weights", sweep.n_tokens, sweep.window)?;
    let mut row = |[bits, weights, program, memory, sent, zero, ratio, divergence, saturations]: [&str; 9]| {
        write!(f, "{bits:>4} {weights:<8}{program:>11}{memory:>12}{sent:>15}{zero:>10}")?;
        writeln!(f, "{ratio:>10}{divergence:>11}{saturations:>13}")
    };
    row(["", "", "program", "neurocore", "payloads sent,", "zero", "", "KL, nats,", ""])?;
    row(["bits", "weights", "bytes", "bytes", "bytes a token", "payloads", "ratio", "unrounded", "saturations"])?;
    for point in &sweep.points {
        row([
            &point.payload_bits.to_string(),
            weights(point.weights),
            &point.program_bytes.to_string(),
            &point.core_memory_bytes.to_string(),
            &format!("{:.1}", point.payload_bytes_per_token),
            &percent(point.zero_payload_share),
            &format!("{:.6}", point.score.perplexity_ratio),
            &tiny(point.score.mean_kl_nats_unrounded),
            &point.score.n_saturations.unwrap_or(0).to_string(),
        ])?;
    }
    Ok(())
}

/// How an encoding is called on the command line.
pub(super) fn weights(encoding: WeightEncoding) -> &'static str {
    match encoding {
        WeightEncoding::Auto => "auto",
        WeightEncoding::Ternary2 => "ternary",
        WeightEncoding::Int8 => "int8",
    }
}

/// Two digits; what doubles cannot tell from nothing is 0.
pub(in crate::cli) fn tiny(value: f64) -> String {
    if value.abs() < 1e-15 { "0".to_owned() } else { format!("{value:.1e}") }
}

fn decibels(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "exact".to_owned(), |ratio| format!("{ratio:.1}"))
}
