//! What a report holds. `docs/report.md` has the same, key by key.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Activity, Cost, Resource, Usage};

/// Version of the JSON: it grows when a key changes its meaning or goes away, not when one is added.
pub const SCHEMA_VERSION: u32 = 1;

/// What a program holds, where it lies and which limit binds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The program.
    pub program: ProgramSection,
    /// The system that it was compiled for.
    pub arch: ArchSection,
    /// What is used of the system, and what the host does instead.
    pub mapping: Mapping,
    /// What is used of each resource of a neurocore, in the order of [`Resource::ALL`].
    pub limits: Vec<LimitRow>,
    /// How the weights are written.
    pub encodings: Vec<EncodingRow>,
    /// Chips that are used, by number.
    pub chips: Vec<ChipRow>,
    /// Layers: embed, blocks, head; what the chips run before what the host runs.
    pub layers: Vec<LayerRow>,
    /// Neuron groups, in the order of the program.
    pub groups: Vec<GroupRow>,
    /// The ten fullest neurocores, the fullest first.
    pub fullest_cores: Vec<FullestCore>,
    /// Neurocores, in the order of the program.
    pub cores: Vec<CoreRow>,
    /// Cores that the host plays, in the order of the program.
    pub host_cores: Vec<HostCoreRow>,
    /// Who feeds whom, in the order of the senders; the host comes first.
    pub edges: Vec<EdgeRow>,
    /// The steps of a token.
    pub steps: Vec<StepRow>,
    /// Where the messages of a token pass.
    pub traffic: Traffic,
    /// The numbers of the system, with where they come from.
    pub parameters: Vec<ParameterRow>,
    /// What the program is predicted to take in time and energy; `None` if nobody predicted it.
    pub cost: Option<Cost>,
    /// What happened while the program ran; `None` if it did not run.
    pub activity: Option<Activity>,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProgramSection {
    /// Name of the model.
    pub model: String,
    /// The compiler and its version.
    pub producer: String,
    /// The options that it was compiled with.
    pub options: BTreeMap<String, serde_json::Value>,
    /// Size of the file; `None` where only its caller knows, see [`Report::with_file_bytes`].
    pub file_bytes: Option<u64>,
    /// Steps from a token to its logits.
    pub latency_steps: u32,
    /// Layers that the program names.
    pub n_layers: u64,
    /// Neuron groups.
    pub n_groups: u64,
    /// Bodies of microcode.
    pub n_bodies: u64,
    /// Instructions of all bodies, each body once.
    pub n_instructions: u64,
    /// Tokens that have an embedding.
    pub vocab_size: u32,
    /// Channels of an embedding.
    pub n_embedding_channels: u32,
    /// Logits that the host reads.
    pub n_outputs: u32,
    /// The embedding table, on the host.
    pub embedding_bytes: u64,
    /// The tokenizer's file; 0 if there is none.
    pub tokenizer_bytes: u64,
}

/// The system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArchSection {
    /// Its name.
    pub name: String,
    /// One line that says what it is.
    pub description: String,
    /// SHA-256 of its canonical description, in hexadecimal.
    pub sha256: String,
    /// Chips that there are.
    pub n_chips: u32,
    /// Columns of chips.
    pub n_chip_columns: u32,
    /// Rows of chips.
    pub n_chip_rows: u32,
    /// Neurocores of a chip, the bad ones included.
    pub n_cores_per_chip: u32,
    /// Columns of routers of a chip.
    pub n_router_columns: u32,
    /// Rows of routers of a chip.
    pub n_router_rows: u32,
    /// Neurocores that share a router.
    pub n_cores_per_router: u32,
    /// Neurocores that must stay empty, as `[chip, core]`.
    pub bad_cores: Vec<(u32, u32)>,
}

/// What is used of the system, and what the host does instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Mapping {
    /// Chips that hold anything.
    pub n_chips_used: u64,
    /// Chips that there are.
    pub n_chips_available: u64,
    /// Neurocores that hold anything.
    pub n_cores_used: u64,
    /// Good neurocores that there are.
    pub n_cores_available: u64,
    /// Good neurocores of the chips that hold anything.
    pub n_cores_on_used_chips: u64,
    /// All neurocores together.
    pub usage: Usage,
    /// Memory of the used neurocores that is left.
    pub free_bytes: u64,
    /// The resource that is nearest to its limit on any neurocore: what binds the mapping. `None` without neurocores.
    pub nearest_limit: Option<Resource>,
    /// Cores that the host plays.
    pub n_host_cores: u64,
    /// What those would use on a chip.
    pub host_usage: Usage,
}

/// What is used of one resource, over all neurocores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LimitRow {
    /// The resource.
    pub resource: Resource,
    /// What a neurocore has of it.
    pub available: u64,
    /// What all neurocores use.
    pub used_total: u64,
    /// What a used neurocore uses on average.
    pub used_mean: f64,
    /// `used_mean` of `available`, 0 to 1.
    pub fill_mean: f64,
    /// What the neurocore with the most of it uses.
    pub used_max: u64,
    /// `used_max` of `available`, 0 to 1.
    pub fill_max: f64,
    /// That neurocore, as an index of the program; `None` without neurocores.
    pub fullest_core_idx: Option<u32>,
    /// Neurocores that have no other resource nearer to its limit.
    pub n_cores_bound: u64,
}

/// Weights of one encoding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EncodingRow {
    /// How a row is written.
    pub encoding: WeightEncoding,
    /// Who runs what they feed.
    pub runs_on: RunsOn,
    /// Blocks of input axons.
    pub n_blocks: u64,
    /// Input axons.
    pub n_input_axons: u64,
    /// Weights that are stored.
    pub n_weights: u64,
    /// Bytes of the synapse images.
    pub synapse_bytes: u64,
}

/// How a row of weights is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightEncoding {
    /// Two bits a neuron.
    Dense2,
    /// A byte a neuron.
    Dense8,
    /// Four bytes an entry.
    Sparse,
}

/// Who runs a neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsOn {
    /// Neurocores.
    Chip,
    /// The host.
    Host,
}

/// A chip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChipRow {
    /// Its number.
    pub chip: u32,
    /// Its neurocores that hold anything.
    pub n_cores_used: u64,
    /// Its good neurocores.
    pub n_cores_available: u64,
    /// What is used of them.
    pub usage: Usage,
    /// `usage.total_bytes` of the bytes of all its good neurocores, 0 to 1.
    pub fill: f64,
}

/// A layer, as far as the chips or the host run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LayerRow {
    /// What kind of layer.
    pub kind: LayerKind,
    /// Number of the block; `None` for embed and head.
    pub layer: Option<u32>,
    /// What it is called.
    pub name: String,
    /// Who runs it.
    pub runs_on: RunsOn,
    /// Its neuron groups.
    pub n_groups: u64,
    /// Cores that hold any of it; a core that several layers share counts for each.
    pub n_cores: u64,
    /// Chips that hold any of it, ascending.
    pub chips: Vec<u32>,
    /// What it uses. A body that several layers share on a core is charged to the first slice of the core that runs it.
    pub usage: Usage,
}

/// A kind of layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// Groups of no block that the host sends to.
    Embed,
    /// A block of the model.
    Block,
    /// Groups of no block that the host does not send to: what comes after the last block.
    Head,
}

/// A neuron group, as far as the chips or the host run it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupRow {
    /// Its index in the program.
    pub group_idx: u32,
    /// Its name.
    pub name: String,
    /// The kind of its layer.
    pub kind: LayerKind,
    /// Number of its block; `None` for embed and head.
    pub layer: Option<u32>,
    /// Name of its body.
    pub body: String,
    /// The step in which it works on a token, counted from the step that the token is sent in; `None` if it hears nothing
    /// of a token.
    pub step: Option<u32>,
    /// Who runs it.
    pub runs_on: RunsOn,
    /// Cores that hold any of it.
    pub n_cores: u64,
    /// Chips that hold any of it, ascending.
    pub chips: Vec<u32>,
    /// What it uses.
    pub usage: Usage,
}

/// A neurocore among the fullest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FullestCore {
    /// Its index in the program.
    pub core_idx: u32,
    /// Fill of the resource that is nearest to its limit, 0 to 1.
    pub fill: f64,
}

/// A neurocore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoreRow {
    /// Its index in the program.
    pub core_idx: u32,
    /// Number of its chip.
    pub chip: u32,
    /// Its number on the chip.
    pub core: u32,
    /// What it uses.
    pub usage: Usage,
    /// The resource that is nearest to its limit.
    pub nearest_limit: Resource,
    /// Fill of that resource, 0 to 1.
    pub fill: f64,
    /// What lives there.
    pub slices: Vec<SliceRow>,
}

/// A core that the host plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostCoreRow {
    /// Its index in the program.
    pub core_idx: u32,
    /// What it would use on a chip.
    pub usage: Usage,
    /// What lives there.
    pub slices: Vec<SliceRow>,
}

/// Consecutive neurons of a group on one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SliceRow {
    /// Index of the group.
    pub group_idx: u32,
    /// Name of the group.
    pub group: String,
    /// The first neuron, counted in the group.
    pub first_neuron: u32,
    /// How many neurons.
    pub n_neurons: u32,
}

/// Output axons from one group to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeRow {
    /// Index of the group that sends; `None` for the host.
    pub from_group_idx: Option<u32>,
    /// Index of the group that is fed; `None` for the logits that the host reads.
    pub to_group_idx: Option<u32>,
    /// Steps that spikes wait in the synapse, beyond the one that every spike takes.
    pub delay_steps: u32,
    /// Its output axons: the messages of a token without zero payloads.
    pub n_messages: u64,
    /// Weights that these messages meet; none at the host.
    pub n_synaptic_ops: u64,
}

/// A step of a token that finds the chips idle. Counts are those of a token without zero payloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRow {
    /// Its number; the token is sent in step 0.
    pub step: u32,
    /// Indices of the groups that work, in the order of the program.
    pub groups: Vec<u32>,
    /// Neurocores that hold any of them.
    pub n_cores: u64,
    /// Messages that these groups send; they arrive in the next step.
    pub n_messages: u64,
    /// Weights that meet an arriving payload, on all neurocores.
    pub n_synaptic_ops: u64,
    /// The same on the neurocore that has the most of them.
    pub n_synaptic_ops_max: u64,
    /// That neurocore, as an index of the program; the first of equals; `None` if nothing arrives.
    pub busiest_core_idx: Option<u32>,
}

/// Messages of a token without zero payloads: one for each output axon.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// From neurocore to neurocore.
    pub n_messages: u64,
    /// From or to the host, or a core that it plays; their way is not known.
    pub n_host_messages: u64,
    /// Links between routers that the messages pass.
    pub n_hops: u64,
    /// Borders between chips among them.
    pub n_chip_crossings: u64,
    /// The most that pass one link between routers.
    pub n_messages_max: u64,
    /// The most that pass from one chip to a neighbor.
    pub n_chip_messages_max: u64,
    /// Links between routers that any pass, row by row.
    pub router_links: Vec<RouterLinkRow>,
    /// Borders between chips that any pass, by the chip that they leave.
    pub chip_links: Vec<ChipLinkRow>,
}

/// A link from a router to its neighbor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouterLinkRow {
    /// Column of the router, over all chips.
    pub x: u32,
    /// Row of the router, over all chips.
    pub y: u32,
    /// Where the link leads.
    pub direction: LinkDirection,
    /// Messages that pass it.
    pub n_messages: u64,
}

/// Where a link leads from its router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkDirection {
    /// To the next column.
    East,
    /// To the column before.
    West,
    /// To the next row.
    South,
    /// To the row before.
    North,
}

/// All links from a chip to a neighbor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChipLinkRow {
    /// The chip that messages leave.
    pub from_chip: u32,
    /// The chip that they enter.
    pub to_chip: u32,
    /// Messages that pass.
    pub n_messages: u64,
}

/// A number of the system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterRow {
    /// Its section and key in an architecture file.
    pub name: String,
    /// Its value.
    pub value: serde_json::Value,
    /// The unit of the value; empty for a choice or a list of places.
    pub unit: String,
    /// How well it is known.
    pub status: ParameterStatus,
    /// Where it was found; empty only where it is assumed.
    pub source: String,
    /// What else there is to know.
    pub note: String,
    /// What it means.
    pub about: String,
}

/// How well a number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterStatus {
    /// Stated by the maker, or plain arithmetic on such numbers.
    Published,
    /// Measured by others on the chip, or fitted to what they measured.
    Measured,
    /// A choice that keeps the number adjustable.
    Assumed,
}

impl ProgramSection {
    /// The options by name, as `quant.payload.bits` where they are nested.
    pub fn flat_options(&self) -> Vec<(String, serde_json::Value)> {
        fn add(name: &str, value: &serde_json::Value, leaves: &mut Vec<(String, serde_json::Value)>) {
            match value {
                serde_json::Value::Object(fields) if !fields.is_empty() => {
                    fields.iter().for_each(|(key, value)| add(&format!("{name}.{key}"), value, leaves));
                }
                _ => leaves.push((name.to_owned(), value.clone())),
            }
        }
        let mut leaves = Vec::new();
        self.options.iter().for_each(|(name, value)| add(name, value, &mut leaves));
        leaves
    }
}

impl Report {
    /// The same with what happened while the program ran.
    #[must_use]
    pub fn with_activity(self, activity: Activity) -> Self {
        Self { activity: Some(activity), ..self }
    }

    /// The same with what the program is predicted to take.
    #[must_use]
    pub fn with_cost(self, cost: Cost) -> Self {
        Self { cost: Some(cost), ..self }
    }

    /// The same with the size of the program's file, which a program that was built in memory does not have.
    #[must_use]
    pub fn with_file_bytes(mut self, file_bytes: u64) -> Self {
        self.program.file_bytes = Some(file_bytes);
        self
    }

    /// The neurocore of an index of the program; `None` for a core that the host plays.
    pub fn core(&self, core_idx: u32) -> Option<&CoreRow> {
        find(&self.cores, core_idx)
    }
}

/// The neurocore of an index of the program; `cores` is in the program's order.
pub(crate) fn find(cores: &[CoreRow], core_idx: u32) -> Option<&CoreRow> {
    cores.binary_search_by_key(&core_idx, |row| row.core_idx).ok().map(|at| &cores[at])
}
