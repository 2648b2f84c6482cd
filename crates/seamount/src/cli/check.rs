//! `seamount check`

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use seamount_cost::{Costs, Mode};
use seamount_profile::{Densities, Profile};
use serde::Serialize;

use super::output::Output;
use super::run::open;
use super::{Failure, Outcome};

/// Check a program against its system, and against what it may cost.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0 if all holds, 1 if not, 2 if the program cannot be read.

Examples:
  seamount check my.smt
  seamount check my.smt --max-chips 8 --min-tokens-per-s 40 --max-mj-per-token 150
  seamount check my.smt --streams 24 --min-tokens-per-s 500 --format json | jq .reasons")]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
    /// The most chips that it may use.
    #[arg(long, value_name = "N")]
    max_chips: Option<u64>,
    /// The fewest tokens a second that are to be predicted while generating.
    #[arg(long, value_name = "RATE")]
    min_tokens_per_s: Option<f64>,
    /// The most energy a generated token that may be predicted, in mJ.
    #[arg(long, value_name = "ENERGY")]
    max_mj_per_token: Option<f64>,
    /// Independent texts that are generated at the same time.
    #[arg(long, value_name = "N", default_value = "1")]
    streams: NonZeroU32,
}

/// What was checked and what does not hold.
#[derive(Debug, Serialize)]
struct Verdict {
    ok: bool,
    n_chips: u64,
    tokens_per_s: f64,
    mj_per_token: f64,
    n_streams: u32,
    reasons: Vec<Reason>,
}

/// Something that does not hold.
#[derive(Debug, Serialize)]
struct Reason {
    /// A rule of the checker, or the option that asks for it.
    rule: String,
    message: String,
    /// Index of the core in the program.
    core_idx: Option<u32>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let program = open(&args.program)?;
    let mut reasons: Vec<Reason> = seamount_check::check(&program)
        .into_iter()
        .map(|finding| Reason {
            rule: finding.rule.id().to_owned(),
            message: finding.message,
            core_idx: finding.core_idx,
        })
        .collect();
    let profile = Profile::new(&program).map_err(|error| Failure::new("profile", error))?;
    let wavefront = profile.expected(&Densities::recorded(&program));
    let estimate = Costs::of(&program.arch).estimate(&wavefront, Mode::Streams(args.streams));
    let (n_chips, tokens_per_s) = (u64::from(wavefront.n_chips), estimate.tokens_per_s.value);
    let mj_per_token = estimate.energy.mj.value;
    let mut demand = |broken: bool, rule: &str, message: String| {
        if broken {
            reasons.push(Reason { rule: rule.to_owned(), message, core_idx: None });
        }
    };
    if let Some(most) = args.max_chips {
        demand(n_chips > most, "max-chips", format!("uses {n_chips} chips, may use {most}"));
    }
    if let Some(least) = args.min_tokens_per_s {
        let message = format!("is predicted {tokens_per_s:.1} tokens/s, is to reach {least} tokens/s");
        demand(tokens_per_s < least, "min-tokens-per-s", message);
    }
    if let Some(most) = args.max_mj_per_token {
        let message = format!("is predicted {mj_per_token:.2} mJ a token, may take {most} mJ");
        demand(mj_per_token > most, "max-mj-per-token", message);
    }
    let ok = reasons.is_empty();
    let verdict = Verdict { ok, n_chips, tokens_per_s, mj_per_token, n_streams: args.streams.get(), reasons };
    output.result(&verdict, &verdict)?;
    Ok(if ok { Outcome::Done } else { Outcome::CheckFailed })
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { n_chips, tokens_per_s, mj_per_token, n_streams, .. } = self;
        let streams = if *n_streams == 1 { String::new() } else { format!(" over {n_streams} texts") };
        writeln!(
            f,
            "{n_chips} chip(s), {tokens_per_s:.1} tokens/s{streams}, {mj_per_token:.2} mJ a token (predicted)"
        )?;
        if self.ok {
            writeln!(f, "sound: every limit was recounted and holds")?;
        }
        self.reasons.iter().try_for_each(|reason| writeln!(f, "{}: {}", reason.rule, reason.message))
    }
}
