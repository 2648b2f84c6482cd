//! What changed from one mapping to another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Resource;
use crate::cost::{CostMode, CostRow};
use crate::report::{LayerKind, LimitRow, Report, RunsOn};
use crate::resource::rounded;

/// What changed from one report to another. What is the same in both is left out, but for amounts and limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportDiff {
    /// The first report's program.
    pub before: DiffSide,
    /// The second report's program.
    pub after: DiffSide,
    /// Options of the compiler that changed, by name.
    pub options: Vec<ValueChange>,
    /// Numbers of the system that changed, in the order of an architecture file.
    pub parameters: Vec<ValueChange>,
    /// What is used of the system and what a token does, changed or not.
    pub amounts: Vec<AmountChange>,
    /// What is predicted, changed or not: for each way in which tokens follow each other that both reports have.
    pub costs: Vec<CostChange>,
    /// Fill of each limit of a neurocore, changed or not.
    pub limits: Vec<LimitChange>,
    /// Layers that changed, in the order of the second report; those that are gone come last.
    pub layers: Vec<LayerChange>,
    /// Groups that changed, in the same order.
    pub groups: Vec<GroupChange>,
}

/// A program that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffSide {
    /// Name of the model.
    pub model: String,
    /// Name of the system.
    pub arch: String,
    /// The compiler and its version.
    pub producer: String,
}

/// A value that is not the same in both; `None` where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueChange {
    /// What it is called.
    pub name: String,
    /// In the first report.
    pub before: Option<Value>,
    /// In the second report.
    pub after: Option<Value>,
}

/// An amount in both reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AmountChange {
    /// What it is, as the key of a report.
    pub name: String,
    /// In the first report.
    pub before: f64,
    /// In the second report.
    pub after: f64,
}

/// What is predicted in both reports if tokens follow each other in some way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostChange {
    /// How tokens follow each other.
    pub mode: CostMode,
    /// Texts at the same time.
    pub n_streams: u32,
    /// Tokens of all texts a second, in the first report.
    pub tokens_per_s_before: f64,
    /// Tokens of all texts a second, in the second report.
    pub tokens_per_s_after: f64,
    /// Energy of a token, in the first report.
    pub mj_per_token_before: f64,
    /// Energy of a token, in the second report.
    pub mj_per_token_after: f64,
    /// What most of the time is spent on, in the first report.
    pub time_bound_before: String,
    /// What most of the time is spent on, in the second report.
    pub time_bound_after: String,
}

/// A limit of a neurocore in both reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitChange {
    /// The resource.
    pub resource: Resource,
    /// What a neurocore has, in the first report.
    pub available_before: u64,
    /// What a neurocore has, in the second report.
    pub available_after: u64,
    /// Mean fill of the used neurocores, in the first report.
    pub fill_mean_before: f64,
    /// Mean fill of the used neurocores, in the second report.
    pub fill_mean_after: f64,
    /// Fill of the fullest neurocore, in the first report.
    pub fill_max_before: f64,
    /// Fill of the fullest neurocore, in the second report.
    pub fill_max_after: f64,
}

/// What a layer or a group takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Cores that hold any of it.
    pub n_cores: u64,
    /// Chips that hold any of it, ascending.
    pub chips: Vec<u32>,
    /// Its bytes.
    pub total_bytes: u64,
}

/// A layer that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerChange {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub runs_on: RunsOn,
    /// What it takes in the first report; `None` if it is not there.
    pub before: Option<Share>,
    /// What it takes in the second report; `None` if it is not there.
    pub after: Option<Share>,
}

/// A group that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupChange {
    /// Its name.
    pub name: String,
    /// Who runs it.
    pub runs_on: RunsOn,
    /// What it takes in the first report; `None` if it is not there.
    pub before: Option<Share>,
    /// What it takes in the second report; `None` if it is not there.
    pub after: Option<Share>,
    /// Neurons that live on another neurocore than before.
    pub n_neurons_moved: u64,
    /// Neurons that live on another chip than before.
    pub n_neurons_moved_to_other_chips: u64,
}

impl Report {
    /// What changed from this report to `after`.
    pub fn diff(&self, after: &Self) -> ReportDiff {
        ReportDiff {
            before: side(self),
            after: side(after),
            options: values(self.program.flat_options(), after.program.flat_options()),
            parameters: values(parameters(self), parameters(after)),
            amounts: amounts(self, after),
            costs: costs(self, after),
            limits: self.limits.iter().zip(&after.limits).map(limit).collect(),
            layers: layers(self, after),
            groups: groups(self, after),
        }
    }
}

fn side(report: &Report) -> DiffSide {
    DiffSide {
        model: report.program.model.clone(),
        arch: report.arch.name.clone(),
        producer: report.program.producer.clone(),
    }
}

/// The rows of both, those of `after` first; a key that is in both comes once.
fn joined<K: Ord + Clone, V>(
    before: impl Iterator<Item = (K, V)>,
    after: impl Iterator<Item = (K, V)>,
) -> Vec<(K, Option<V>, Option<V>)> {
    let mut before: Vec<_> = before.map(Some).collect();
    let at: BTreeMap<K, usize> =
        before.iter().flatten().map(|(key, _)| key.clone()).enumerate().map(|(at, key)| (key, at)).collect();
    let mut rows = Vec::new();
    for (key, value) in after {
        let old = at.get(&key).and_then(|&at| before[at].take()).map(|(_, value)| value);
        rows.push((key, old, Some(value)));
    }
    rows.extend(before.into_iter().flatten().map(|(key, value)| (key, Some(value), None)));
    rows
}

fn parameters(report: &Report) -> Vec<(String, Value)> {
    report.parameters.iter().map(|row| (row.name.clone(), row.value.clone())).collect()
}

fn values(before: Vec<(String, Value)>, after: Vec<(String, Value)>) -> Vec<ValueChange> {
    let changed = joined(before.into_iter(), after.into_iter()).into_iter();
    let changed = changed.filter(|(_, before, after)| before != after);
    changed.map(|(name, before, after)| ValueChange { name, before, after }).collect()
}

fn amounts(before: &Report, after: &Report) -> Vec<AmountChange> {
    let of = |report: &Report| {
        let (mapping, traffic) = (&report.mapping, &report.traffic);
        let busiest = report.steps.iter().map(|step| step.n_synaptic_ops_max);
        [
            ("n_chips_used", mapping.n_chips_used),
            ("n_cores_used", mapping.n_cores_used),
            ("n_host_cores", mapping.n_host_cores),
            ("latency_steps", report.program.latency_steps.into()),
            ("n_neurons", mapping.usage.n_neurons),
            ("n_weights", mapping.usage.n_weights),
            ("total_bytes", mapping.usage.total_bytes),
            ("synapse_bytes", mapping.usage.synapse_bytes),
            ("n_input_axons", mapping.usage.n_input_axons),
            ("n_output_axons", mapping.usage.n_output_axons),
            ("n_synapses", mapping.usage.n_synapses),
            ("n_synaptic_ops_max", busiest.clone().max().unwrap_or(0)),
            ("n_synaptic_ops_in_series", busiest.sum()),
            ("n_hops", traffic.n_hops),
            ("n_chip_crossings", traffic.n_chip_crossings),
            ("n_messages_max", traffic.n_messages_max),
        ]
    };
    let amount = |((name, before), (_, after)): ((&str, u64), (&str, u64))| AmountChange {
        name: name.to_owned(),
        before: before as f64,
        after: after as f64,
    };
    let mut rows: Vec<_> = of(before).into_iter().zip(of(after)).map(amount).collect();
    let averages = |report: &Report| report.activity.as_ref()?.per_token;
    if let (Some(before), Some(after)) = (averages(before), averages(after)) {
        let row = |name: &str, before, after| AmountChange { name: format!("{name}_per_token"), before, after };
        rows.push(row("synaptic_ops", before.synaptic_ops, after.synaptic_ops));
        rows.push(row("instructions", before.instructions, after.instructions));
        rows.push(row("hops", before.hops, after.hops));
    }
    rows
}

fn costs(before: &Report, after: &Report) -> Vec<CostChange> {
    let rows =
        |report: &Report| -> Vec<CostRow> { report.cost.as_ref().map(|cost| cost.modes.clone()).unwrap_or_default() };
    let before = rows(before);
    let both = rows(after).into_iter().filter_map(|after| {
        let key = |row: &CostRow| (row.mode, row.n_streams);
        let before = before.iter().find(|before| key(before) == key(&after))?;
        Some(CostChange {
            mode: after.mode,
            n_streams: after.n_streams,
            tokens_per_s_before: before.tokens_per_s.value,
            tokens_per_s_after: after.tokens_per_s.value,
            mj_per_token_before: before.mj_per_token.value,
            mj_per_token_after: after.mj_per_token.value,
            time_bound_before: before.time_bound.clone(),
            time_bound_after: after.time_bound,
        })
    });
    both.collect()
}

fn limit((before, after): (&LimitRow, &LimitRow)) -> LimitChange {
    LimitChange {
        resource: before.resource,
        available_before: before.available,
        available_after: after.available,
        fill_mean_before: rounded(before.fill_mean),
        fill_mean_after: rounded(after.fill_mean),
        fill_max_before: rounded(before.fill_max),
        fill_max_after: rounded(after.fill_max),
    }
}

fn layers(before: &Report, after: &Report) -> Vec<LayerChange> {
    type Key<'a> = (LayerKind, Option<u32>, RunsOn, &'a str);
    fn rows(report: &Report) -> impl Iterator<Item = (Key<'_>, Share)> {
        report.layers.iter().map(|row| {
            let share = Share { n_cores: row.n_cores, chips: row.chips.clone(), total_bytes: row.usage.total_bytes };
            ((row.kind, row.layer, row.runs_on, row.name.as_str()), share)
        })
    }
    let changed = joined(rows(before), rows(after)).into_iter().filter(|(_, before, after)| before != after);
    let change = |((_, _, runs_on, name), before, after): (Key<'_>, Option<Share>, Option<Share>)| LayerChange {
        name: name.to_owned(),
        runs_on,
        before,
        after,
    };
    changed.map(change).collect()
}

fn groups(before: &Report, after: &Report) -> Vec<GroupChange> {
    type Key<'a> = (&'a str, RunsOn);
    fn rows(report: &Report) -> impl Iterator<Item = (Key<'_>, Share)> {
        report.groups.iter().map(|row| {
            let share = Share { n_cores: row.n_cores, chips: row.chips.clone(), total_bytes: row.usage.total_bytes };
            ((row.name.as_str(), row.runs_on), share)
        })
    }
    let (old, new) = (places(before), places(after));
    let none = Vec::new();
    let mut changes = Vec::new();
    for ((name, runs_on), before, after) in joined(rows(before), rows(after)) {
        let of = |places: &BTreeMap<&str, Vec<Run>>| places.get(name).unwrap_or(&none).clone();
        let (n_neurons_moved, n_neurons_moved_to_other_chips) = match runs_on {
            RunsOn::Chip => moved(&of(&old), &of(&new)),
            RunsOn::Host => (0, 0),
        };
        if before != after || n_neurons_moved != 0 {
            let name = name.to_owned();
            let change = GroupChange { name, runs_on, before, after, n_neurons_moved, n_neurons_moved_to_other_chips };
            changes.push(change);
        }
    }
    changes
}

/// Consecutive neurons of a group: the first, the one behind the last, and their neurocore as (chip, core).
type Run = (u64, u64, (u32, u32));

/// Where the neurons of each group live on chips, in the order of the neurons.
fn places(report: &Report) -> BTreeMap<&str, Vec<Run>> {
    let mut places = BTreeMap::<&str, Vec<Run>>::new();
    for core in &report.cores {
        for slice in &core.slices {
            let first = u64::from(slice.first_neuron);
            let run = (first, first + u64::from(slice.n_neurons), (core.chip, core.core));
            places.entry(&slice.group).or_default().push(run);
        }
    }
    places.values_mut().for_each(|runs| runs.sort_unstable());
    places
}

/// Neurons that are on chips in both and live on another neurocore, and those of them that live on another chip.
fn moved(before: &[Run], after: &[Run]) -> (u64, u64) {
    let (mut n_moved, mut n_to_other_chips) = (0, 0);
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    while let (Some(&&(first, end, was)), Some(&&(new_first, new_end, is))) = (old.peek(), new.peek()) {
        let n_both = end.min(new_end).saturating_sub(first.max(new_first));
        n_moved += if was == is { 0 } else { n_both };
        n_to_other_chips += if was.0 == is.0 { 0 } else { n_both };
        if end <= new_end {
            old.next();
        }
        if new_end <= end {
            new.next();
        }
    }
    (n_moved, n_to_other_chips)
}
