//! Whether everything that is sent arrives, and everything lives somewhere, once.

use std::collections::{BTreeMap, BTreeSet};

use seamount_program::{Dest, HOST_OUTPUT, Program};

use crate::cores::axons_of;
use crate::rule::{Finding, Rule};
use crate::{count, index};

/// Findings of a kind that are listed; beyond, their number is.
const LISTED: usize = 10;

pub(crate) fn check(program: &Program) -> Vec<Finding> {
    let mut findings = neurons(program);
    let (feeds, mut stray) = feeds(program);
    for (core_idx, core) in (0..).zip(&program.cores) {
        let axons: BTreeSet<u32> = core.synapse_blocks.iter().flat_map(axons_of).collect();
        let fed = feeds.get(&core_idx);
        let times = |axon: &u32| fed.and_then(|fed| fed.get(axon)).copied().unwrap_or(0);
        let wrong: Vec<u32> = axons.iter().copied().filter(|axon| times(axon) != 1).collect();
        if let Some(first) = wrong.first() {
            let n = wrong.len();
            let message = format!(
                "{n} input axons of core{core_idx} are not fed by exactly one source: axon {first} by {}",
                times(first)
            );
            findings.push(Finding { rule: Rule::AxonFed, message, core_idx: Some(core_idx) });
        }
        stray += fed.map_or(0, |fed| fed.keys().filter(|axon| !axons.contains(axon)).count());
    }
    if stray > 0 {
        let message = format!("{stray} routes lead to axons that no block names");
        findings.push(Finding { rule: Rule::AxonFed, message, core_idx: None });
    }
    findings.extend(outputs(program));
    findings
}

/// Every neuron of a group is in one slice.
fn neurons(program: &Program) -> Vec<Finding> {
    let mut slices: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
    for slice in program.cores.iter().flat_map(|core| &core.slices) {
        slices.entry(slice.group).or_default().push((slice.first_neuron, slice.n_neurons));
    }
    let mut findings = Vec::new();
    for (number, group) in (0..).zip(&program.groups) {
        let mut of_group = slices.remove(&number).unwrap_or_default();
        of_group.sort_unstable();
        let mut next = 0_u64;
        for (first, n) in of_group {
            if u64::from(first) != next {
                let what = if u64::from(first) < next { "lives twice" } else { "lives nowhere" };
                let neuron = next.min(u64::from(first));
                let message = format!("neuron {neuron} of group {:?} {what}", group.name);
                findings.push(Finding { rule: Rule::NeuronOnce, message, core_idx: None });
            }
            next = u64::from(first) + u64::from(n);
        }
        if next != u64::from(group.n_neurons) {
            let message =
                format!("group {:?} has {} neurons, {next} of them live somewhere", group.name, group.n_neurons);
            findings.push(Finding { rule: Rule::NeuronOnce, message, core_idx: None });
        }
    }
    findings.truncate(LISTED);
    findings
}

/// By core, how often each of its axons is named as a destination; and the destinations that name no core.
fn feeds(program: &Program) -> (BTreeMap<u32, BTreeMap<u32, u32>>, usize) {
    let mut feeds: BTreeMap<u32, BTreeMap<u32, u32>> = BTreeMap::new();
    let mut stray = 0;
    for dest in dests(program).filter(|dest| dest.core_idx != HOST_OUTPUT) {
        if index(dest.core_idx) < program.cores.len() {
            *feeds.entry(dest.core_idx).or_default().entry(dest.axon).or_default() += 1;
        } else {
            stray += 1;
        }
    }
    (feeds, stray)
}

fn outputs(program: &Program) -> Option<Finding> {
    let mut times: BTreeMap<u32, u64> = BTreeMap::new();
    for dest in dests(program).filter(|dest| dest.core_idx == HOST_OUTPUT) {
        *times.entry(dest.axon).or_default() += 1;
    }
    let n_once = times.values().filter(|&&times| times == 1).count();
    let (found, expected) = (count(n_once), u64::from(program.host.n_outputs));
    let all_exist = times.keys().all(|&output| output < program.host.n_outputs);
    (found != expected || times.len() != n_once || !all_exist).then(|| {
        let message = format!("the host reads {expected} logits, {found} of them come from exactly one source");
        Finding { rule: Rule::OutputOnce, message, core_idx: None }
    })
}

/// Every destination of every source.
fn dests(program: &Program) -> impl Iterator<Item = &Dest> {
    let of_cores = program.cores.iter().flat_map(|core| &core.routes.dests);
    of_cores.chain(&program.host.input.dests).chain(&program.host.tick)
}
