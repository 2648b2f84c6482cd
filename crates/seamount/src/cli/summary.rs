//! What a compilation and a run come to, in a few lines.

use std::fmt;
use std::path::{Path, PathBuf};

use seamount::ranges::SumsSummary;
use seamount::{Compilation, CompileError};
use seamount_emulator::Events;
use seamount_report::Report;
use serde::Serialize;

use super::Failure;

/// What was compiled, and where it went.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    model: String,
    arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<PathBuf>,
    file_bytes: u64,
    n_weights: u64,
    n_chips_used: u64,
    n_cores_used: u64,
    n_groups: u64,
    n_neurons: u64,
    synapse_bytes: u64,
    latency_steps: u32,
    sums: SumsSummary,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    bounds: BoundsSummary,
}

/// What no mapping can be below, and what this one comes to.
#[derive(Debug, Serialize)]
struct BoundsSummary {
    n_chips: u64,
    n_cores: u64,
    /// The limit that asks for so many.
    limit: &'static str,
    /// Time from a token to the next, as the search counts it: every payload is sent, and messages spread evenly over the
    /// links of a chip.
    token_us: f64,
    reached_token_us: f64,
    /// Links that messages pass when every neuron sends once, and messages over the busiest.
    hops: u64,
    busiest_link: u64,
}

impl Summary {
    /// Of a compilation that takes `file_bytes`, in a file where it is kept.
    ///
    /// # Errors
    /// Where a constant of the model has no data.
    pub(super) fn of(compilation: &Compilation, file_bytes: u64, path: Option<&Path>) -> Result<Self, Failure> {
        let program = &compilation.program;
        let report = Report::of(program);
        let model = &compilation.fixed;
        let n_weights = model
            .graph
            .in_order()
            .into_iter()
            .filter_map(|value| match &model.graph.node(value).op {
                seamount_ir::fixed::Op::Linear { weight } => Some(model.constants[weight].n_elements() as u64),
                _ => None,
            })
            .sum();
        let sums = SumsSummary::of(model, &compilation.calibrated).map_err(CompileError::from)?;
        Ok(Self {
            model: program.meta.model.clone(),
            arch: program.arch.name().to_owned(),
            output: path.map(Path::to_owned),
            file_bytes,
            n_weights,
            n_chips_used: report.mapping.n_chips_used,
            n_cores_used: report.mapping.n_cores_used,
            n_groups: program.groups.len() as u64,
            n_neurons: program.groups.iter().map(|group| u64::from(group.n_neurons)).sum(),
            synapse_bytes: report.mapping.usage.synapse_bytes,
            latency_steps: program.host.latency_steps,
            sums,
            notes: Vec::new(),
            bounds: BoundsSummary::of(compilation),
        })
    }

    /// With what a user may not expect of it.
    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }
}

impl BoundsSummary {
    fn of(compilation: &Compilation) -> Self {
        let bounds = &compilation.bounds;
        let limit = bounds.by_limit.iter().find(|bound| bound.n_cores() == bounds.n_cores);
        Self {
            n_chips: bounds.n_chips,
            n_cores: bounds.n_cores,
            limit: limit.map_or("", |bound| bound.limit.id()),
            token_us: bounds.token_ns / 1000.0,
            reached_token_us: compilation.token_ns / 1000.0,
            hops: compilation.traffic.hops,
            busiest_link: compilation.traffic.busiest_link,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} weights in {} neurons of {} groups",
            self.model,
            grouped(self.n_weights),
            grouped(self.n_neurons),
            self.n_groups
        )?;
        writeln!(
            f,
            "{}: {} chip(s), {} neurocores, {} bytes of synapses, {} steps from token to logits",
            self.arch,
            self.n_chips_used,
            self.n_cores_used,
            grouped(self.synapse_bytes),
            self.latency_steps
        )?;
        writeln!(f, "sums: {}", self.sums)?;
        let bounds = &self.bounds;
        writeln!(
            f,
            "bounds: {} chip(s), {} neurocores by {}; {:.1} us a token, {:.1} expected; {} hops, {} messages on a link",
            bounds.n_chips,
            bounds.n_cores,
            bounds.limit,
            bounds.token_us,
            bounds.reached_token_us,
            grouped(bounds.hops),
            grouped(bounds.busiest_link),
        )?;
        let file = self.output.as_ref().map_or_else(|| "program".into(), |path| path.display().to_string());
        writeln!(f, "{file}: {} bytes", grouped(self.file_bytes))
    }
}

/// What happened on the cores, over some tokens.
#[derive(Debug)]
pub(super) struct EventsText<'e> {
    pub(super) events: &'e Events,
    pub(super) n_tokens: usize,
    pub(super) n_steps: u64,
}

impl fmt::Display for EventsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tokens in {} steps", grouped(self.n_tokens as u64), grouped(self.n_steps))?;
        writeln!(f, "{:<22} {:>16} {:>14}", "events on the chips", "in all", "a token")?;
        let events = self.events;
        for (name, count) in [
            ("spikes", events.spikes),
            ("zero payloads, unsent", events.zero_payloads),
            ("messages", events.messages),
            ("synaptic operations", events.synaptic_ops),
            ("instructions", events.instructions),
            ("hops", events.hops),
            ("chip crossings", events.chip_crossings),
            ("accumulator overflows", events.accumulator_overflows),
            ("register saturations", events.register_saturations),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "shown to one digit")]
            let each = count as f64 / self.n_tokens.max(1) as f64;
            writeln!(f, "{name:<22} {:>16} {each:>14.1}", grouped(count))?;
        }
        Ok(())
    }
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
