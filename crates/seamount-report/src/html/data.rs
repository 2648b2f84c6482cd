//! The data of a page: a report whose long lists are columns, and where equal amounts are written once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::activity::{CoreCounts, EventCounts, EventKind};
use crate::explored::Explored;
use crate::report::{CoreRow, HostCoreRow, LinkDirection, Report, RouterLinkRow, SliceRow};
use crate::resource::Resource;
use crate::usage::Usage;

/// What a page is drawn from.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PageData {
    /// The report without what follows.
    report: Report,
    /// Distinct amounts that cores use, in the order of [`amounts`].
    usages: Vec<[u64; 10]>,
    /// For each of them the nearest limit, as an index into [`Resource::ALL`].
    nearest: Vec<usize>,
    /// For each of them the fill of that limit.
    fill: Vec<f64>,
    cores: Cores,
    host_cores: Cores,
    /// Slices of the neurocores, then of the cores that the host plays.
    slices: Slices,
    links: Links,
    activity: Option<Counts>,
    explored: Option<Explored>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cores {
    core_idx: Vec<u32>,
    chip: Vec<u32>,
    core: Vec<u32>,
    /// Index into [`PageData::usages`].
    usage: Vec<usize>,
    n_slices: Vec<usize>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Slices {
    group_idx: Vec<u32>,
    first_neuron: Vec<u32>,
    n_neurons: Vec<u32>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Links {
    x: Vec<u32>,
    y: Vec<u32>,
    /// 0 to 3 in the order of [`DIRECTIONS`].
    direction: Vec<usize>,
    n_messages: Vec<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    core_idx: Vec<u32>,
    counts: BTreeMap<EventKind, Vec<u64>>,
}

const DIRECTIONS: [LinkDirection; 4] =
    [LinkDirection::East, LinkDirection::West, LinkDirection::South, LinkDirection::North];

impl PageData {
    pub(super) fn of(report: &Report, explored: Option<&Explored>) -> Self {
        let mut report = report.clone();
        let mut tables = Tables::default();
        let mut cores = Cores::default();
        for row in std::mem::take(&mut report.cores) {
            cores.push(row.core_idx, (row.chip, row.core), &row.slices);
            cores.usage.push(tables.usage(&row.usage, Some((row.nearest_limit, row.fill))));
            tables.slices.extend(row.slices);
        }
        let mut host_cores = Cores::default();
        for row in std::mem::take(&mut report.host_cores) {
            host_cores.push(row.core_idx, (0, 0), &row.slices);
            host_cores.usage.push(tables.usage(&row.usage, None));
            tables.slices.extend(row.slices);
        }
        let links = Links::of(std::mem::take(&mut report.traffic.router_links));
        let activity = report.activity.as_mut().map(|activity| Counts::of(std::mem::take(&mut activity.cores)));
        let Tables { usages, nearest, fill, slices, .. } = tables;
        let slices = Slices::of(slices);
        let explored = explored.cloned();
        Self { report, usages, nearest, fill, cores, host_cores, slices, links, activity, explored }
    }

    pub(super) fn into_parts(self) -> (Report, Option<Explored>) {
        let Self { mut report, usages, nearest, fill, cores, host_cores, slices, links, activity, explored } = self;
        let names: BTreeMap<u32, String> =
            report.groups.iter().map(|group| (group.group_idx, group.name.clone())).collect();
        let mut slices = slices.into_rows(&names).into_iter();
        let mut next = |n: usize| slices.by_ref().take(n).collect::<Vec<_>>();
        for at in 0..cores.core_idx.len() {
            let usage = cores.usage[at];
            report.cores.push(CoreRow {
                core_idx: cores.core_idx[at],
                chip: cores.chip[at],
                core: cores.core[at],
                usage: of_amounts(usages[usage]),
                nearest_limit: Resource::ALL[nearest[usage]],
                fill: fill[usage],
                slices: next(cores.n_slices[at]),
            });
        }
        for at in 0..host_cores.core_idx.len() {
            let usage = of_amounts(usages[host_cores.usage[at]]);
            let slices = next(host_cores.n_slices[at]);
            report.host_cores.push(HostCoreRow { core_idx: host_cores.core_idx[at], usage, slices });
        }
        report.traffic.router_links = links.into_rows();
        if let (Some(all), Some(counts)) = (&mut report.activity, activity) {
            all.cores = counts.into_rows();
        }
        (report, explored)
    }
}

/// What is collected over all cores.
#[derive(Default)]
struct Tables {
    known: BTreeMap<([u64; 10], bool), usize>,
    usages: Vec<[u64; 10]>,
    nearest: Vec<usize>,
    fill: Vec<f64>,
    slices: Vec<SliceRow>,
}

impl Tables {
    /// The number of an amount. Cores with equal amounts have equal fills; those of the host have none.
    fn usage(&mut self, usage: &Usage, limit: Option<(Resource, f64)>) -> usize {
        let amounts = amounts(usage);
        *self.known.entry((amounts, limit.is_some())).or_insert_with(|| {
            self.usages.push(amounts);
            let nearest = limit.and_then(|(nearest, _)| Resource::ALL.iter().position(|&resource| resource == nearest));
            self.nearest.push(nearest.unwrap_or(0));
            self.fill.push(limit.map_or(0.0, |(_, fill)| fill));
            self.usages.len() - 1
        })
    }
}

impl Cores {
    fn push(&mut self, core_idx: u32, (chip, core): (u32, u32), slices: &[SliceRow]) {
        self.core_idx.push(core_idx);
        self.chip.push(chip);
        self.core.push(core);
        self.n_slices.push(slices.len());
    }
}

impl Slices {
    fn of(rows: Vec<SliceRow>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.group_idx.push(row.group_idx);
            columns.first_neuron.push(row.first_neuron);
            columns.n_neurons.push(row.n_neurons);
        }
        columns
    }

    fn into_rows(self, names: &BTreeMap<u32, String>) -> Vec<SliceRow> {
        let columns = self.group_idx.into_iter().zip(self.first_neuron).zip(self.n_neurons);
        let row = |((group_idx, first_neuron), n_neurons)| SliceRow {
            group_idx,
            group: names.get(&group_idx).cloned().unwrap_or_default(),
            first_neuron,
            n_neurons,
        };
        columns.map(row).collect()
    }
}

impl Links {
    fn of(rows: Vec<RouterLinkRow>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            let direction = DIRECTIONS.iter().position(|&direction| direction == row.direction);
            columns.x.push(row.x);
            columns.y.push(row.y);
            columns.direction.push(direction.expect("invariant: all directions are listed"));
            columns.n_messages.push(row.n_messages);
        }
        columns
    }

    fn into_rows(self) -> Vec<RouterLinkRow> {
        let columns = self.x.into_iter().zip(self.y).zip(self.direction).zip(self.n_messages);
        let row =
            |(((x, y), direction), n_messages)| RouterLinkRow { x, y, direction: DIRECTIONS[direction], n_messages };
        columns.map(row).collect()
    }
}

impl Counts {
    fn of(rows: Vec<CoreCounts>) -> Self {
        let column = |kind: EventKind| (kind, rows.iter().map(|row| kind.of(&row.counts)).collect());
        let counts = EventKind::ALL.into_iter().map(column).collect();
        Self { core_idx: rows.iter().map(|row| row.core_idx).collect(), counts }
    }

    fn into_rows(self) -> Vec<CoreCounts> {
        let row = |(at, core_idx): (usize, u32)| {
            let mut counts = EventCounts::default();
            for (kind, column) in &self.counts {
                *kind.of_mut(&mut counts) = column[at];
            }
            CoreCounts { core_idx, counts }
        };
        self.core_idx.iter().copied().enumerate().map(row).collect()
    }
}

/// All amounts but the sum, in the order of `model.js`.
fn amounts(usage: &Usage) -> [u64; 10] {
    [
        usage.n_neurons,
        usage.n_input_axons,
        usage.n_output_axons,
        usage.n_weights,
        usage.n_synapses,
        usage.synapse_bytes,
        usage.input_axon_bytes,
        usage.output_axon_bytes,
        usage.state_bytes,
        usage.microcode_bytes,
    ]
}

fn of_amounts(amounts: [u64; 10]) -> Usage {
    let [n_neurons, n_input_axons, n_output_axons, n_weights, n_synapses, rest @ ..] = amounts;
    let [synapse_bytes, input_axon_bytes, output_axon_bytes, state_bytes, microcode_bytes] = rest;
    let usage = Usage {
        n_neurons,
        n_input_axons,
        n_output_axons,
        n_weights,
        n_synapses,
        total_bytes: 0,
        synapse_bytes,
        input_axon_bytes,
        output_axon_bytes,
        state_bytes,
        microcode_bytes,
    };
    usage.summed()
}
