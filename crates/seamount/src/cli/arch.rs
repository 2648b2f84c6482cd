//! `seamount arch`

use std::fmt::Write as _;

use clap::Subcommand;
use seamount_arch::{Arch, check};
use serde_json::json;

use super::compile::load_arch;
use super::output::Output;
use super::{Failure, Outcome};

/// List, show and check descriptions of systems.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the shipped systems.
    List,
    /// Show every number of a system with its source and how well it is known.
    Show {
        /// A shipped name or a TOML file.
        arch: String,
        /// Prints the whole description as TOML, to start one's own from.
        #[arg(long)]
        toml: bool,
    },
    /// Check that a description's numbers go together; exit code 1 where they do not.
    Check {
        /// Shipped names or TOML files; all shipped ones where it is left out.
        archs: Vec<String>,
    },
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    match &args.command {
        Command::List => list(output),
        Command::Show { arch, toml } => show(arch, *toml, output),
        Command::Check { archs } => check_all(archs, output),
    }
}

fn list(output: &mut Output) -> Result<Outcome, Failure> {
    let mut text = String::new();
    let mut values = Vec::new();
    for name in Arch::shipped_names() {
        let arch = load_arch(name)?;
        let (n_chips, n_cores) = (arch.n_chips(), arch.cores_per_chip());
        _ = writeln!(text, "{name:<20} {n_chips:>4} chip(s) of {n_cores} neurocores  {}", arch.description());
        values.push(json!({
            "name": name,
            "description": arch.description(),
            "n_chips": n_chips,
            "n_cores_per_chip": n_cores,
        }));
    }
    output.result(text, &values)?;
    Ok(Outcome::Done)
}

fn show(name: &str, toml: bool, output: &mut Output) -> Result<Outcome, Failure> {
    let arch = load_arch(name)?;
    if toml {
        output.text(arch.to_toml())?;
        return Ok(Outcome::Done);
    }
    let mut text = format!("{}: {}\n\n", arch.name(), arch.description());
    let as_text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for parameter in arch.parameters() {
        let value = as_text(&json!(parameter.value));
        let status = as_text(&json!(parameter.status));
        let value = format!("{value} {}", parameter.unit);
        _ = writeln!(text, "{:<36} {:>22}  {status:<9}  {}", parameter.name, value.trim_end(), parameter.source);
    }
    let parameters: Vec<_> = arch.parameters().collect();
    output
        .result(text, &json!({ "name": arch.name(), "description": arch.description(), "parameters": parameters }))?;
    Ok(Outcome::Done)
}

fn check_all(names: &[String], output: &mut Output) -> Result<Outcome, Failure> {
    let shipped = Arch::shipped_names().map(str::to_owned);
    let names = if names.is_empty() { &shipped[..] } else { names };
    let mut text = String::new();
    let mut values = Vec::new();
    let mut outcome = Outcome::Done;
    for name in names {
        let findings: Vec<String> = check(&load_arch(name)?).iter().map(ToString::to_string).collect();
        if findings.is_empty() {
            _ = writeln!(text, "{name}: sound");
        } else {
            outcome = Outcome::CheckFailed;
        }
        for finding in &findings {
            _ = writeln!(text, "{name}: {finding}");
        }
        values.push(json!({ "name": name, "findings": findings }));
    }
    output.result(text, &values)?;
    Ok(outcome)
}
