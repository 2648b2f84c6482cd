//! `seamount reproduce`

use std::fmt::{self, Write as _};

use clap::ValueEnum;
use indicatif::ProgressBar;
use seamount::Watcher;
use seamount::reproduce::{self, Basis, Figure, Machine, MappingRow, Reproduction};

use super::output::Output;
use super::progress;
use super::{Failure, Outcome};

/// Predict published figures, and what other mappings of the same model would do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount reproduce paper-370m
  seamount reproduce paper-370m --format json | jq .figures")]
pub(super) struct Args {
    /// What to reproduce.
    what: What,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The 370M MatMul-free model on 24 Loihi 2 chips (arXiv 2503.18002).
    #[value(name = "paper-370m")]
    Paper370m,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let spinner = progress::spinner();
    let reproduction = match args.what {
        What::Paper370m => reproduce::paper_370m(&mut Spinner(spinner.clone())),
    };
    spinner.finish_and_clear();
    let reproduction = reproduction.map_err(|error| Failure::new("reproduce", error))?;
    output.result(Text(&reproduction), &reproduction)?;
    Ok(Outcome::Done)
}

struct Spinner(ProgressBar);

impl Watcher for Spinner {
    fn stage(&mut self, name: &str) {
        self.0.set_message(name.to_owned());
    }
}

struct Text<'a>(&'a Reproduction);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Reproduction { systems, figures, machines, mappings } = self.0;
        writeln!(f, "370M MatMul-free model on 24 Loihi 2 chips, arXiv 2503.18002; random weights")?;
        writeln!(f, "\nPublished mapping: 8-bit weights, a block a chip, head and embedding on the host")?;
        let mut table = vec![row(["", "unit", "published"].map(str::to_owned).into_iter().chain(systems.clone()))];
        table[0].push("basis".to_owned());
        table.extend(figures.iter().map(figure));
        write!(f, "{}", aligned(&table))?;
        for figure in figures.iter().filter(|figure| figure.ratio.iter().any(|ratio| (ratio - 1.0).abs() > 0.1)) {
            writeln!(f, "  off by more than 10 %: {} ({}): {}", figure.name, figure.unit, figure.note)?;
        }
        writeln!(f, "\nPublished figures, lowest and highest over lengths of text")?;
        let heads = ["", "tokens/s", "mJ/token", "prefill tokens/s", "prefill mJ/token", "first token ms"];
        let mut table = vec![row(heads.map(str::to_owned))];
        table.extend(machines.iter().map(machine));
        write!(f, "{}", aligned(&table))?;
        for (at, system) in systems.iter().enumerate() {
            writeln!(f, "\nPredictions under the constants of {system}")?;
            let heads = [
                "mapping",
                "chips",
                "cores",
                "steps",
                "tokens/s",
                "at most",
                "mJ/token",
                "x faster",
                "x less energy",
                "prefill tokens/s",
                "prefill mJ/token",
                "first token ms",
                "time goes to",
                "energy to",
            ];
            let mut table = vec![row(heads.map(str::to_owned))];
            let shown = |mapping: &&MappingRow| mapping.made_for.as_ref().is_none_or(|made_for| made_for == system);
            table.extend(mappings.iter().filter(shown).map(|mapping| mapping_row(mapping, at)));
            write!(f, "{}", aligned(&table))?;
            // Of one text, on any number of chips.
            let made_for = |mapping: &&MappingRow| mapping.made_for.as_ref() == Some(system) && mapping.n_streams == 1;
            let most = mappings.iter().filter(made_for).filter_map(|mapping| mapping.most_tokens_per_s);
            let most = most.fold(0.0, f64::max) / mappings[0].predictions[at].generate.tokens_per_s.value;
            if most < 2.0 {
                writeln!(
                    f,
                    "  one text: {most:.2} times the published mapping's tokens/s is the most for any of these networks"
                )?;
            }
        }
        writeln!(f, "\n\"at most\": what no mapping of the same network on as many chips passes")?;
        writeln!(f, "\nOptions of `seamount compile`")?;
        let mut options: Vec<_> =
            mappings.iter().map(|mapping| vec![mapping.name.clone(), mapping.options.clone()]).collect();
        options.dedup();
        write!(f, "{}", aligned(&options))
    }
}

fn row(cells: impl IntoIterator<Item = String>) -> Vec<String> {
    cells.into_iter().collect()
}

fn figure(figure: &Figure) -> Vec<String> {
    let mut cells = vec![figure.name.clone(), figure.unit.clone(), number(figure.published)];
    let predicted = figure.predicted.iter().zip(&figure.ratio);
    cells.extend(predicted.map(|(&value, ratio)| format!("{} ({:+.1} %)", number(value), 100.0 * (ratio - 1.0))));
    cells.push(
        match figure.basis {
            Basis::Fitted => "fitted",
            Basis::Predicted => "predicted",
        }
        .to_owned(),
    );
    cells
}

fn machine(machine: &Machine) -> Vec<String> {
    let range =
        |(low, high): (f64, f64)| if low < high { format!("{}-{}", number(low), number(high)) } else { number(low) };
    let open = |(low, high): (f64, Option<f64>)| match high {
        Some(high) => range((low, high)),
        None => format!(">= {}", number(low)),
    };
    vec![
        machine.name.clone(),
        range(machine.generate_tokens_per_s),
        open(machine.generate_mj_per_token),
        range(machine.prefill_tokens_per_s),
        open(machine.prefill_mj_per_token),
        machine.first_token_ms.map_or_else(|| "-".to_owned(), number),
    ]
}

fn mapping_row(mapping: &MappingRow, system: usize) -> Vec<String> {
    let prediction = &mapping.predictions[system];
    // The bound holds under the constants that the mapping was looked for under.
    let is_made_for = mapping.made_for.is_some() || system == 0;
    vec![
        mapping.name.clone(),
        mapping.n_chips.to_string(),
        mapping.n_cores.to_string(),
        mapping.latency_steps.to_string(),
        number(prediction.generate.tokens_per_s.value),
        mapping.most_tokens_per_s.filter(|_| is_made_for).map_or_else(|| "-".to_owned(), number),
        number(prediction.generate.mj_per_token.value),
        format!("{:.2}", prediction.generate_speedup),
        format!("{:.2}", prediction.generate_energy_saving),
        number(prediction.prefill.tokens_per_s.value),
        number(prediction.prefill.mj_per_token.value),
        number(prediction.first_token_ms.value),
        prediction.generate.time_bound.name().to_owned(),
        prediction.generate.energy_bound.name().to_owned(),
    ]
}

/// Three digits, more where they stand before the point.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Rows with their cells under each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        _ = writeln!(text, "  {}", line.trim_end());
    }
    text
}
