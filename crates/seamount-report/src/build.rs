//! From a program to its report.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use seamount_arch::{Parameter, Status};
use seamount_program::{Core, Dest, Encoding, Flow, Place, Program, Slice};

use crate::account::{self, CoreAccount, count, index};
use crate::report::{
    ArchSection, ChipRow, CoreRow, EncodingRow, FullestCore, GroupRow, HostCoreRow, LayerKind, LayerRow, LimitRow,
    Mapping, ParameterRow, ParameterStatus, ProgramSection, Report, RunsOn, SCHEMA_VERSION, SliceRow, WeightEncoding,
    find,
};
use crate::resource::{Resource, ratio, rounded};
use crate::traffic;
use crate::usage::Usage;

/// How many cores [`Report::fullest_cores`] has.
const N_FULLEST: usize = 10;

impl Report {
    /// What `program` holds, where it lies and which limit binds.
    ///
    /// Never fails: what a dangling index of an invalid program refers to counts nothing.
    pub fn of(program: &Program) -> Self {
        let accounts: Vec<_> = (0..).zip(&program.cores).map(|(idx, core)| account(program, idx, core)).collect();
        let kinds = kinds(program);
        let cores = cores(program, &accounts);
        let limits = limits(program, &cores);
        let chips = chips(program, &cores);
        let flow = program.flow();
        Self {
            schema_version: SCHEMA_VERSION,
            program: program_section(program),
            arch: arch_section(program),
            mapping: mapping(program, &accounts, &cores, &chips),
            encodings: encodings(program, &accounts),
            layers: layers(program, &accounts, &kinds),
            groups: groups(program, &accounts, &kinds, &flow),
            fullest_cores: fullest(&cores),
            host_cores: host_cores(program, &accounts),
            edges: traffic::edges(&flow),
            steps: traffic::steps(program, &flow),
            traffic: traffic::traffic(program),
            parameters: parameters(program),
            limits,
            chips,
            cores,
            cost: None,
            activity: None,
        }
    }
}

fn account(program: &Program, core_idx: u32, core: &Core) -> CoreAccount {
    let memory = program.core_memory(core_idx).expect("invariant: the index is one of the program's cores");
    account::of_core(program, core, &memory)
}

fn program_section(program: &Program) -> ProgramSection {
    let host = &program.host;
    ProgramSection {
        model: program.meta.model.clone(),
        producer: program.meta.producer.clone(),
        options: program.meta.options.clone(),
        file_bytes: None,
        latency_steps: host.latency_steps,
        n_layers: count(program.meta.layers.len()),
        n_groups: count(program.groups.len()),
        n_bodies: count(program.bodies.len()),
        n_instructions: program.bodies.iter().map(|body| count(body.instructions.len())).sum(),
        vocab_size: host.vocab_size,
        n_embedding_channels: host.width,
        n_outputs: host.n_outputs,
        embedding_bytes: count(host.embedding.as_bytes().len()),
        tokenizer_bytes: program.tokenizer.as_ref().map_or(0, |bytes| count(bytes.len())),
    }
}

fn arch_section(program: &Program) -> ArchSection {
    let arch = &program.arch;
    let (n_chip_columns, n_chip_rows) = arch.chip_grid();
    let (n_router_columns, n_router_rows) = arch.router_grid();
    ArchSection {
        name: arch.name().to_owned(),
        description: arch.description().to_owned(),
        sha256: arch.sha256().iter().map(|byte| format!("{byte:02x}")).collect(),
        n_chips: arch.n_chips(),
        n_chip_columns,
        n_chip_rows,
        n_cores_per_chip: arch.cores_per_chip(),
        n_router_columns,
        n_router_rows,
        n_cores_per_router: arch.cores_per_router(),
        bad_cores: arch.bad_cores().to_vec(),
    }
}

fn mapping(program: &Program, accounts: &[CoreAccount], cores: &[CoreRow], chips: &[ChipRow]) -> Mapping {
    let arch = &program.arch;
    let usage: Usage = cores.iter().map(|core| core.usage).sum();
    let n_host_cores = count(program.cores.len()) - count(cores.len());
    let on_host = accounts.iter().zip(&program.cores).filter(|(_, core)| core.place == Place::Host);
    let n_cores = u64::from(arch.n_chips()) * u64::from(arch.cores_per_chip());
    let bad: BTreeSet<_> = arch.bad_cores().iter().collect();
    Mapping {
        n_chips_used: count(chips.len()),
        n_chips_available: arch.n_chips().into(),
        n_cores_used: count(cores.len()),
        n_cores_available: n_cores.saturating_sub(count(bad.len())),
        n_cores_on_used_chips: chips.iter().map(|chip| chip.n_cores_available).sum(),
        usage,
        free_bytes: (count(cores.len()) * arch.bytes_per_core()).saturating_sub(usage.total_bytes),
        nearest_limit: fullest(cores).first().and_then(|row| Some(find(cores, row.core_idx)?.nearest_limit)),
        n_host_cores,
        host_usage: on_host.map(|(account, _)| account.usage).sum(),
    }
}

fn limits(program: &Program, cores: &[CoreRow]) -> Vec<LimitRow> {
    let row = |resource: Resource| {
        let available = resource.available(&program.arch);
        let used_total = cores.iter().map(|core| resource.used(&core.usage)).sum::<u64>();
        let fullest = cores.iter().max_by_key(|core| (resource.used(&core.usage), Reverse(core.core_idx)));
        let used_max = fullest.map_or(0, |core| resource.used(&core.usage));
        let used_mean = used_total as f64 / count(cores.len().max(1)) as f64;
        LimitRow {
            resource,
            available,
            used_total,
            used_mean: rounded(used_mean),
            fill_mean: rounded(used_mean / available.max(1) as f64),
            used_max,
            fill_max: ratio(used_max, available),
            fullest_core_idx: fullest.map(|core| core.core_idx),
            n_cores_bound: count(cores.iter().filter(|core| core.nearest_limit == resource).count()),
        }
    };
    Resource::ALL.into_iter().map(row).collect()
}

fn encodings(program: &Program, accounts: &[CoreAccount]) -> Vec<EncodingRow> {
    let mut rows = BTreeMap::new();
    for (core, account) in program.cores.iter().zip(accounts) {
        let runs_on = runs_on(core);
        for (block, of_block) in core.synapse_blocks.iter().zip(&account.blocks) {
            let encoding = match block.encoding {
                Encoding::Dense2 => WeightEncoding::Dense2,
                Encoding::Dense8 => WeightEncoding::Dense8,
                Encoding::Sparse { .. } => WeightEncoding::Sparse,
            };
            let empty =
                EncodingRow { encoding, runs_on, n_blocks: 0, n_input_axons: 0, n_weights: 0, synapse_bytes: 0 };
            let row = rows.entry((runs_on, encoding)).or_insert(empty);
            row.n_blocks += 1;
            row.n_input_axons += of_block.n_input_axons;
            row.n_weights += of_block.n_weights;
            row.synapse_bytes += of_block.synapse_bytes;
        }
    }
    rows.into_values().collect()
}

fn chips(program: &Program, cores: &[CoreRow]) -> Vec<ChipRow> {
    let arch = &program.arch;
    let mut by_chip = BTreeMap::<u32, (u64, Usage)>::new();
    for core in cores {
        let (n_cores, usage) = by_chip.entry(core.chip).or_default();
        *n_cores += 1;
        *usage += core.usage;
    }
    let row = |(chip, (n_cores_used, usage)): (u32, (u64, Usage))| {
        let bad: BTreeSet<_> = arch.bad_cores().iter().filter(|bad| bad.0 == chip).collect();
        let n_cores_available = u64::from(arch.cores_per_chip()).saturating_sub(count(bad.len()));
        let fill = ratio(usage.total_bytes, n_cores_available * arch.bytes_per_core());
        ChipRow { chip, n_cores_used, n_cores_available, usage, fill }
    };
    by_chip.into_iter().map(row).collect()
}

/// A layer's or a group's part, while it is collected.
#[derive(Default)]
struct Part {
    groups: BTreeSet<u32>,
    n_cores: u64,
    last_core: Option<usize>,
    chips: BTreeSet<u32>,
    usage: Usage,
}

/// Sums up slices under a key; a slice without key counts nowhere.
fn parts<K: Ord>(
    program: &Program,
    accounts: &[CoreAccount],
    key: impl Fn(u32, RunsOn) -> Option<K>,
) -> BTreeMap<K, Part> {
    let mut parts = BTreeMap::<K, Part>::new();
    for (core_idx, (core, account)) in program.cores.iter().zip(accounts).enumerate() {
        for (slice, &usage) in core.slices.iter().zip(&account.slices) {
            let Some(key) = key(slice.group, runs_on(core)) else { continue };
            let part = parts.entry(key).or_default();
            part.groups.insert(slice.group);
            if part.last_core.replace(core_idx) != Some(core_idx) {
                part.n_cores += 1;
            }
            if let Place::Chip { chip, .. } = core.place {
                part.chips.insert(chip);
            }
            part.usage += usage;
        }
    }
    parts
}

fn layers(program: &Program, accounts: &[CoreAccount], kinds: &[LayerKind]) -> Vec<LayerRow> {
    let key = |group: u32, runs_on| {
        let group = index(group);
        Some((*kinds.get(group)?, program.groups[group].layer, runs_on))
    };
    let row = |((kind, layer, runs_on), part): ((LayerKind, Option<u32>, RunsOn), Part)| LayerRow {
        kind,
        layer,
        name: layer_name(program, kind, layer),
        runs_on,
        n_groups: count(part.groups.len()),
        n_cores: part.n_cores,
        chips: part.chips.into_iter().collect(),
        usage: part.usage,
    };
    parts(program, accounts, key).into_iter().map(row).collect()
}

fn layer_name(program: &Program, kind: LayerKind, layer: Option<u32>) -> String {
    match (kind, layer) {
        (LayerKind::Embed, _) => "embed".to_owned(),
        (LayerKind::Head, _) => "head".to_owned(),
        (LayerKind::Block, None) => "block".to_owned(),
        (LayerKind::Block, Some(layer)) => {
            program.meta.layers.get(index(layer)).cloned().unwrap_or_else(|| format!("block {layer}"))
        }
    }
}

fn groups(program: &Program, accounts: &[CoreAccount], kinds: &[LayerKind], flow: &Flow) -> Vec<GroupRow> {
    let key = |group: u32, runs_on| (index(group) < kinds.len()).then_some((group, runs_on));
    let row = |((group_idx, runs_on), part): ((u32, RunsOn), Part)| {
        let group = &program.groups[index(group_idx)];
        GroupRow {
            group_idx,
            name: group.name.clone(),
            kind: kinds[index(group_idx)],
            layer: group.layer,
            body: program.body_of(group_idx).map(|body| body.name.clone()).unwrap_or_default(),
            step: flow.steps[index(group_idx)],
            runs_on,
            n_cores: part.n_cores,
            chips: part.chips.into_iter().collect(),
            usage: part.usage,
        }
    };
    parts(program, accounts, key).into_iter().map(row).collect()
}

fn parameters(program: &Program) -> Vec<ParameterRow> {
    let row = |parameter: Parameter<'_>| ParameterRow {
        name: parameter.name.to_owned(),
        value: serde_json::to_value(parameter.value).expect("invariant: numbers, words and lists are JSON"),
        unit: parameter.unit.to_owned(),
        status: match parameter.status {
            Status::Published => ParameterStatus::Published,
            Status::Measured => ParameterStatus::Measured,
            Status::Assumed => ParameterStatus::Assumed,
        },
        source: parameter.source.to_owned(),
        note: parameter.note.to_owned(),
        about: parameter.about.to_owned(),
    };
    program.arch.parameters().map(row).collect()
}

/// The kind of the layer of each group.
fn kinds(program: &Program) -> Vec<LayerKind> {
    let heard: BTreeSet<u32> =
        program.host.input.dests.iter().chain(&program.host.tick).flat_map(|&dest| targets(program, dest)).collect();
    let kind = |(group_idx, layer): (u32, Option<u32>)| match layer {
        Some(_) => LayerKind::Block,
        None if heard.contains(&group_idx) => LayerKind::Embed,
        None => LayerKind::Head,
    };
    (0..).zip(program.groups.iter().map(|group| group.layer)).map(kind).collect()
}

/// The groups that a destination feeds.
fn targets(program: &Program, dest: Dest) -> impl Iterator<Item = u32> {
    let core = program.cores.get(index(dest.core_idx));
    let fed = core.into_iter().flat_map(move |core| core.blocks_of(dest.axon).map(move |block| (core, block)));
    fed.filter_map(|(core, block)| core.slices.get(index(block.slice)).map(|slice| slice.group))
}

fn cores(program: &Program, accounts: &[CoreAccount]) -> Vec<CoreRow> {
    let mut rows = Vec::new();
    for ((core_idx, core), account) in (0..).zip(&program.cores).zip(accounts) {
        if let Place::Chip { chip, core: number } = core.place {
            let (nearest_limit, fill) = Resource::nearest(&account.usage, &program.arch);
            let slices = slices(program, &core.slices);
            rows.push(CoreRow { core_idx, chip, core: number, usage: account.usage, nearest_limit, fill, slices });
        }
    }
    rows
}

fn host_cores(program: &Program, accounts: &[CoreAccount]) -> Vec<HostCoreRow> {
    let on_host = (0..).zip(&program.cores).zip(accounts).filter(|((_, core), _)| core.place == Place::Host);
    let row = |((core_idx, core), account): ((u32, &Core), &CoreAccount)| HostCoreRow {
        core_idx,
        usage: account.usage,
        slices: slices(program, &core.slices),
    };
    on_host.map(row).collect()
}

fn slices(program: &Program, slices: &[Slice]) -> Vec<SliceRow> {
    let row = |slice: &Slice| SliceRow {
        group_idx: slice.group,
        group: program.groups.get(index(slice.group)).map(|group| group.name.clone()).unwrap_or_default(),
        first_neuron: slice.first_neuron,
        n_neurons: slice.n_neurons,
    };
    slices.iter().map(row).collect()
}

fn fullest(cores: &[CoreRow]) -> Vec<FullestCore> {
    let mut rows: Vec<_> = cores.iter().map(|core| FullestCore { core_idx: core.core_idx, fill: core.fill }).collect();
    rows.sort_by(|a, b| b.fill.total_cmp(&a.fill).then(a.core_idx.cmp(&b.core_idx)));
    rows.truncate(N_FULLEST);
    rows
}

fn runs_on(core: &Core) -> RunsOn {
    match core.place {
        Place::Chip { .. } => RunsOn::Chip,
        Place::Host => RunsOn::Host,
    }
}
