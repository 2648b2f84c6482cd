//! When each neuron group works, counted from the step in which the host sends the token.
//!
//! A group works when the last of what it reads is there. In a balanced program, the only kind that gives a token's
//! logits at a fixed time, that is its longest path from the host.

use std::collections::BTreeSet;

use seamount_program::{Dest, HOST_OUTPUT, Program};
use thiserror::Error;

use crate::index;
use crate::reach::Axons;

/// Why the work of a program cannot be counted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// Groups wait for each other.
    #[error(
        "neuron group {group:?} waits for itself: its spikes come back to it in a loop of {n_groups} groups or more"
    )]
    Loop {
        /// One of the groups.
        group: String,
        /// Groups that never get to work.
        n_groups: usize,
    },
    /// Logits come at another time than the program says.
    #[error("the longest path from a token to its logits takes {found} steps, the program says {expected}")]
    Latency {
        /// Steps that the program says.
        expected: u32,
        /// Steps of the longest path.
        found: u32,
    },
}

/// By group, the step in which it works; `None` if nothing from the host reaches it.
pub(crate) fn schedule(program: &Program, axons: &[Axons]) -> Result<Vec<Option<u32>>, ProfileError> {
    let edges = Edges::of(program, axons);
    let mut n_before = vec![0_usize; program.groups.len()];
    for &(to, _) in edges.by_group.iter().flatten() {
        n_before[index(to)] += 1;
    }
    let mut works: Vec<Option<u32>> = vec![None; program.groups.len()];
    for dest in program.host.tick.iter().chain(&program.host.input.dests) {
        each_target(program, axons, *dest, |group, delay_steps| {
            works[index(group)] = works[index(group)].max(Some(delay_steps));
        });
    }
    let mut ready: Vec<u32> = (0..).zip(&n_before).filter(|&(_, &n)| n == 0).map(|(group, _)| group).collect();
    let mut n_done = 0;
    while let Some(group) = ready.pop() {
        n_done += 1;
        for &(to, delay_steps) in &edges.by_group[index(group)] {
            let arrives = works[index(group)].map(|step| step + 1 + delay_steps);
            works[index(to)] = works[index(to)].max(arrives);
            n_before[index(to)] -= 1;
            if n_before[index(to)] == 0 {
                ready.push(to);
            }
        }
    }
    if let Some(waiting) = n_before.iter().position(|&n| n > 0) {
        let n_groups = program.groups.len() - n_done;
        return Err(ProfileError::Loop { group: program.groups[waiting].name.clone(), n_groups });
    }
    let found = edges.to_host.iter().filter_map(|&group| works[index(group)]).max().map_or(0, |step| step + 1);
    let expected = program.host.latency_steps;
    if found != expected && !edges.to_host.is_empty() {
        return Err(ProfileError::Latency { expected, found });
    }
    Ok(works)
}

/// Which groups hear which.
struct Edges {
    /// By group, the groups that its spikes reach, and the steps that they wait in the synapse.
    by_group: Vec<BTreeSet<(u32, u32)>>,
    /// The groups that send logits.
    to_host: BTreeSet<u32>,
}

impl Edges {
    fn of(program: &Program, axons: &[Axons]) -> Self {
        let mut edges = Self { by_group: vec![BTreeSet::new(); program.groups.len()], to_host: BTreeSet::new() };
        for core in &program.cores {
            let mut source = 0;
            for slice in &core.slices {
                let n_ports = program.body_of(slice.group).map_or(0, |body| body.ports.len());
                let n_sources = n_ports * index(slice.n_neurons);
                for &dest in (source..source + n_sources).flat_map(|source| core.routes.of(source)) {
                    if dest.core_idx == HOST_OUTPUT {
                        edges.to_host.insert(slice.group);
                    }
                    each_target(program, axons, dest, |group, delay_steps| {
                        edges.by_group[index(slice.group)].insert((group, delay_steps));
                    });
                }
                source += n_sources;
            }
        }
        edges
    }
}

/// Calls `target` with each group that a message reaches and the steps that it waits in the synapse.
fn each_target(program: &Program, axons: &[Axons], dest: Dest, mut target: impl FnMut(u32, u32)) {
    if dest.core_idx == HOST_OUTPUT {
        return;
    }
    let core = &program.cores[index(dest.core_idx)];
    for &block in axons[index(dest.core_idx)].blocks(dest.axon) {
        let block = &core.synapse_blocks[block];
        target(core.slices[index(block.slice)].group, block.delay_steps);
    }
}
