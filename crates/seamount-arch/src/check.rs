//! Whether the parameters of a description agree with each other.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::arch::Arch;
use crate::parameter::Status;

/// Everything in a description that contradicts something else in it, in the order of [`Rule::ALL`].
///
/// | rule | what must hold |
/// |---|---|
/// | `chip-grid` | the grid has a place for each chip |
/// | `router-mesh` | the routers have a place for each neurocore |
/// | `bad-cores` | each bad neurocore exists, is listed once, and leaves good ones |
/// | `core-memory` | synapses and microcode are no larger than the memory they are a part of |
/// | `row-alignment` | the synapse memory is a whole number of aligned rows |
/// | `state-word` | a neuron's word has room for a register and an accumulator |
/// | `range` | the best that anyone states is no more than what is charged, the worst no less |
/// | `source` | a published or measured number says where |
/// | `reason` | an assumed number says why, or where it was taken from |
#[must_use]
pub fn check(arch: &Arch) -> Vec<Finding> {
    Rule::ALL
        .into_iter()
        .flat_map(|rule| rule.broken(arch).into_iter().map(move |message| Finding { rule, message }))
        .collect()
}

/// A rule that a description breaks, and where.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The parameters and numbers that break it.
    pub message: String,
}

/// The rules of [`check`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the table of `check` says what each one demands")]
pub enum Rule {
    ChipGrid,
    RouterMesh,
    BadCores,
    CoreMemory,
    RowAlignment,
    StateWord,
    Range,
    Source,
    Reason,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 9] = [
        Self::ChipGrid,
        Self::RouterMesh,
        Self::BadCores,
        Self::CoreMemory,
        Self::RowAlignment,
        Self::StateWord,
        Self::Range,
        Self::Source,
        Self::Reason,
    ];

    /// The stable name of the rule.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::ChipGrid => "chip-grid",
            Self::RouterMesh => "router-mesh",
            Self::BadCores => "bad-cores",
            Self::CoreMemory => "core-memory",
            Self::RowAlignment => "row-alignment",
            Self::StateWord => "state-word",
            Self::Range => "range",
            Self::Source => "source",
            Self::Reason => "reason",
        }
    }

    fn broken(self, arch: &Arch) -> Vec<String> {
        match self {
            Self::ChipGrid => chip_grid(arch),
            Self::RouterMesh => router_mesh(arch),
            Self::BadCores => bad_cores(arch),
            Self::CoreMemory => core_memory(arch),
            Self::RowAlignment => row_alignment(arch),
            Self::StateWord => state_word(arch),
            Self::Range => range(arch),
            Self::Source => source(arch),
            Self::Reason => reason(arch),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

fn chip_grid(arch: &Arch) -> Vec<String> {
    let (columns, rows) = arch.chip_grid();
    let (places, chips) = (u64::from(columns) * u64::from(rows), u64::from(arch.n_chips()));
    let text = || format!("a grid of {columns} x {rows} has {places} places for system.chips = {chips} chips");
    (places < chips).then(text).into_iter().collect()
}

fn router_mesh(arch: &Arch) -> Vec<String> {
    let (columns, rows) = arch.router_grid();
    let (per_router, cores) = (arch.cores_per_router(), arch.cores_per_chip());
    let places = u64::from(columns) * u64::from(rows) * u64::from(per_router);
    let text = || {
        format!(
            "{columns} x {rows} routers with {per_router} cores each have {places} places for chip.cores = {cores} cores"
        )
    };
    (places < u64::from(cores)).then(text).into_iter().collect()
}

fn bad_cores(arch: &Arch) -> Vec<String> {
    let (chips, cores) = (arch.n_chips(), arch.cores_per_chip());
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for &(chip, core) in arch.bad_cores() {
        if chip >= chips || core >= cores {
            findings.push(format!("core {core} of chip {chip} is not one of {cores} cores of {chips} chips"));
        } else if !seen.insert((chip, core)) {
            findings.push(format!("core {core} of chip {chip} is listed twice"));
        }
    }
    if seen.len() as u64 == u64::from(chips) * u64::from(cores) {
        findings.push(format!("all {} cores of the system are bad", seen.len()));
    }
    findings
}

fn core_memory(arch: &Arch) -> Vec<String> {
    let total = arch.bytes_per_core();
    let parts =
        [("synapse_bytes", arch.synapse_bytes_per_core()), ("microcode_bytes", arch.microcode_bytes_per_core())];
    let too_large = parts.into_iter().filter(|&(_, bytes)| bytes > total);
    too_large
        .map(|(name, bytes)| format!("core.{name} is {bytes} bytes, core.total_bytes only {total} bytes"))
        .collect()
}

fn row_alignment(arch: &Arch) -> Vec<String> {
    let (bytes, align) = (arch.synapse_bytes_per_core(), arch.synapse_row_align_bytes());
    let text = || format!("core.synapse_bytes is {bytes} bytes, no multiple of rows aligned to {align} bytes");
    (!bytes.is_multiple_of(align)).then(text).into_iter().collect()
}

fn state_word(arch: &Arch) -> Vec<String> {
    let bits = 8 * arch.state_word_bytes();
    let parts = [("register", arch.register_bits()), ("accumulator", arch.accumulator_bits())];
    let too_wide = parts.into_iter().filter(|&(_, width)| u64::from(width) > bits);
    too_wide
        .map(|(name, width)| format!("word.{name}_bits is {width} bits, layout.state_word_bytes holds {bits} bits"))
        .collect()
}

fn range(arch: &Arch) -> Vec<String> {
    let (barrier, power) = (arch.time_system_barrier_ns(), arch.static_w_per_chip());
    let ordered = [
        (
            "time.synaptic_op_best_ns",
            arch.time_synaptic_op_best_ns(),
            "time.synaptic_op_ns",
            arch.time_synaptic_op_ns(),
        ),
        ("time.neuron_best_ns", arch.time_neuron_best_ns(), "time.neuron_ns", arch.time_neuron_ns()),
        ("time.system_barrier_best_ns", arch.time_system_barrier_best_ns(), "time.system_barrier_ns", barrier),
        ("time.system_barrier_ns", barrier, "time.system_barrier_worst_ns", arch.time_system_barrier_worst_ns()),
        ("power.static_w_per_chip", power, "power.static_worst_w_per_chip", arch.static_worst_w_per_chip()),
    ];
    let reversed = ordered.into_iter().filter(|&(_, less, _, more)| less > more);
    reversed.map(|(name, less, bound, more)| format!("{name} is {less}, {bound} only {more}")).collect()
}

fn source(arch: &Arch) -> Vec<String> {
    let unsourced = arch.parameters().filter(|p| p.status != Status::Assumed && p.source.trim().is_empty());
    unsourced.map(|p| format!("{} is {} and names no source", p.name, p.status)).collect()
}

fn reason(arch: &Arch) -> Vec<String> {
    let unexplained = arch
        .parameters()
        .filter(|p| p.status == Status::Assumed && p.source.trim().is_empty() && p.note.trim().is_empty());
    unexplained.map(|p| format!("{} is assumed, with neither a note nor a source", p.name)).collect()
}
