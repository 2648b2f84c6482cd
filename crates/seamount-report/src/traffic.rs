//! Where the messages of a token pass, and in which step what happens.

use std::collections::{BTreeMap, BTreeSet};

use seamount_arch::{Direction, LinkLoads};
use seamount_program::{Dest, Flow, Place, Program, Sender};

use crate::account::{count, index};
use crate::report::{ChipLinkRow, EdgeRow, LinkDirection, RouterLinkRow, StepRow, Traffic};

/// Who feeds whom.
pub(crate) fn edges(flow: &Flow) -> Vec<EdgeRow> {
    let row = |edge: &seamount_program::Edge| EdgeRow {
        from_group_idx: edge.from,
        to_group_idx: edge.to,
        delay_steps: edge.delay_steps,
        n_messages: edge.n_axons,
        n_synaptic_ops: edge.n_synaptic_ops,
    };
    flow.edges.iter().map(row).collect()
}

/// Counts each output axon on the way that its messages take.
pub(crate) fn traffic(program: &Program) -> Traffic {
    let arch = &program.arch;
    let mut loads = LinkLoads::new(arch);
    let mut traffic = Traffic::default();
    for (sender, dests) in program.sent() {
        let from = match sender {
            Sender::Host => None,
            Sender::Slice { core_idx, .. } => place(program, core_idx),
        };
        for dest in dests {
            match (from, place(program, dest.core_idx)) {
                (Some(from), Some(to)) => {
                    loads.add(from, to, 1);
                    traffic.n_messages += 1;
                }
                (None, _) | (_, None) => traffic.n_host_messages += 1,
            }
        }
    }
    let mut borders = BTreeMap::new();
    for (link, n_messages) in loads.loads() {
        let chip = arch.chip_of_router(link.x, link.y);
        let (x, y) = link.leads_to().expect("invariant: routes stay in the plane");
        let next = arch.chip_of_router(x, y);
        if next != chip {
            *borders.entry((chip, next)).or_insert(0) += n_messages;
            traffic.n_chip_crossings += n_messages;
        }
        traffic.n_hops += n_messages;
        traffic.n_messages_max = n_messages.max(traffic.n_messages_max);
        let direction = match link.direction {
            Direction::East => LinkDirection::East,
            Direction::West => LinkDirection::West,
            Direction::South => LinkDirection::South,
            Direction::North => LinkDirection::North,
        };
        traffic.router_links.push(RouterLinkRow { x: link.x, y: link.y, direction, n_messages });
    }
    traffic.n_chip_messages_max = borders.values().copied().max().unwrap_or(0);
    let row = |((from_chip, to_chip), n_messages)| ChipLinkRow { from_chip, to_chip, n_messages };
    traffic.chip_links = borders.into_iter().map(row).collect();
    traffic
}

/// What happens in each step of a token, up to its logits.
pub(crate) fn steps(program: &Program, flow: &Flow) -> Vec<StepRow> {
    let n_steps = program.host.latency_steps.max(flow.steps.iter().flatten().max().map_or(0, |last| last + 1));
    let row = |step| StepRow {
        step,
        groups: Vec::new(),
        n_cores: 0,
        n_messages: 0,
        n_synaptic_ops: 0,
        n_synaptic_ops_max: 0,
        busiest_core_idx: None,
    };
    let mut rows: Vec<_> = (0..n_steps).map(row).collect();
    for (group, step) in (0..).zip(&flow.steps) {
        if let Some(step) = step {
            rows[index(*step)].groups.push(group);
        }
    }
    for core in program.cores.iter().filter(|core| core.place != Place::Host) {
        let steps: BTreeSet<_> = core.slices.iter().filter_map(|slice| step_of(flow, slice.group)).collect();
        steps.into_iter().for_each(|step| rows[index(step)].n_cores += 1);
    }
    let mut met = vec![BTreeMap::<u32, u64>::new(); program.cores.len()];
    for (sender, dests) in program.sent() {
        let arrives = match sender {
            Sender::Host => Some(0),
            Sender::Slice { group, .. } => step_of(flow, group).map(|step| step + 1),
        };
        let Some(arrives) = arrives else { continue };
        if let Some(row) = arrives.checked_sub(1).and_then(|sent| rows.get_mut(index(sent))) {
            row.n_messages += count(dests.len());
        }
        for &dest in dests {
            if place(program, dest.core_idx).is_some() {
                *met[index(dest.core_idx)].entry(arrives).or_default() += weights(program, dest);
            }
        }
    }
    for (core_idx, met) in (0..).zip(met) {
        for (step, n) in met {
            let Some(row) = rows.get_mut(index(step)) else { continue };
            row.n_synaptic_ops += n;
            if n > row.n_synaptic_ops_max {
                (row.n_synaptic_ops_max, row.busiest_core_idx) = (n, Some(core_idx));
            }
        }
    }
    rows
}

/// Weights that a message to a destination meets.
fn weights(program: &Program, dest: Dest) -> u64 {
    let core = &program.cores[index(dest.core_idx)];
    let of_block = |block: &seamount_program::SynapseBlock| {
        let n_neurons = core.slices.get(index(block.slice)).map_or(0, |slice| slice.n_neurons);
        u64::from(block.encoding.weights_per_row(n_neurons))
    };
    core.blocks_of(dest.axon).map(of_block).sum()
}

fn step_of(flow: &Flow, group: u32) -> Option<u32> {
    flow.steps.get(index(group)).copied().flatten()
}

/// The neurocore of an index of the program, as (chip, core); `None` for the host and for one that the system lacks.
fn place(program: &Program, core_idx: u32) -> Option<(u32, u32)> {
    match program.cores.get(index(core_idx))?.place {
        Place::Chip { chip, core } => {
            let arch = &program.arch;
            (chip < arch.n_chips() && core < arch.cores_per_chip()).then_some((chip, core))
        }
        Place::Host => None,
    }
}
