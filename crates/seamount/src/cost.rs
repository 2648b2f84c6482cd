//! What a program is predicted to cost, as the report shows it.

use std::num::NonZeroU32;

use seamount_cost::{Costs, Estimate, Interval, Mode, Shares};
use seamount_profile::{Densities, Profile, ProfileError};
use seamount_program::Program;
use seamount_report::{Basis, Cost, CostMode, CostPart, CostRow, CostStep, Span};

/// Tokens of the prompt whose time is said.
const PROMPT_TOKENS: u64 = 500;
/// Texts at the same time, of which the cost is said.
const STREAMS: [u32; 2] = [8, 24];

/// What a program is predicted to cost on its system, with the densities that it records.
///
/// # Errors
/// [`ProfileError`].
pub fn cost(program: &Program) -> Result<Cost, ProfileError> {
    let wavefront = Profile::new(program)?.expected(&Densities::recorded(program));
    let costs = Costs::of(&program.arch);
    let streams = STREAMS.iter().filter_map(|&n| NonZeroU32::new(n)).map(Mode::Streams);
    let modes = [Mode::FallThrough, Mode::Pipelined].into_iter().chain(streams);
    let estimates: Vec<Estimate> = modes.map(|mode| costs.estimate(&wavefront, mode)).collect();
    let steps = estimates[0].steps.iter().map(|step| CostStep { us: us(step.ns), bound: step.bound.name().to_owned() });
    Ok(Cost {
        prompt_tokens: PROMPT_TOKENS,
        first_token_us: span(costs.prefill_ns(&wavefront, PROMPT_TOKENS), us),
        steps: steps.collect(),
        modes: estimates.iter().map(row).collect(),
    })
}

fn row(estimate: &Estimate) -> CostRow {
    let (mode, n_streams) = match estimate.mode {
        Mode::FallThrough => (CostMode::FallThrough, 1),
        Mode::Pipelined => (CostMode::Pipelined, 1),
        Mode::Streams(n) => (CostMode::Streams, n.get()),
    };
    let part = |part: &seamount_cost::Part<seamount_cost::TimeTerm>| CostPart {
        parameter: part.term.parameter().to_owned(),
        share: rounded(part.amount / estimate.token_ns.value),
        status: part.status.name().to_owned(),
    };
    CostRow {
        mode,
        n_streams,
        steps_per_token: estimate.steps_per_token,
        tokens_per_s: span(estimate.tokens_per_s, rounded),
        token_us: span(estimate.token_ns, us),
        mj_per_token: span(estimate.energy.mj, rounded),
        static_mj: rounded(estimate.energy.static_mj),
        dynamic_mj: rounded(estimate.energy.dynamic_mj),
        time_bound: estimate.bound.name().to_owned(),
        energy_bound: estimate.energy.bound.name().to_owned(),
        time_rests_on: basis(&estimate.time_rests_on),
        energy_rests_on: basis(&estimate.energy.rests_on),
        time_parts: estimate.time_parts.iter().map(part).collect(),
    }
}

fn span(interval: Interval, unit: fn(f64) -> f64) -> Span {
    Span { low: unit(interval.low), value: unit(interval.value), high: unit(interval.high) }
}

fn basis(shares: &Shares) -> Basis {
    Basis { published: rounded(shares.published), measured: rounded(shares.measured), assumed: rounded(shares.assumed) }
}

/// Nanoseconds in microseconds.
fn us(ns: f64) -> f64 {
    rounded(ns * 1e-3)
}

/// Six decimals, so that JSON stays short and the same everywhere.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
