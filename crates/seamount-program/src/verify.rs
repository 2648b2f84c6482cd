//! The structural verifier of programs.
//!
//! It collects broken rules in the order in which they are met, and stops at [`MAX_VIOLATIONS`]. The rules:
//!
//! | id | rule |
//! |---|---|
//! | `body` | every body keeps the rules of [`seamount_microcode::verify`] on the program's arch |
//! | `group-body` | a group's body exists |
//! | `group-layer` | a group's layer, if any, is one of the meta's layers |
//! | `group-covered` | the slices of a group hold each of its neurons once |
//! | `place` | a chip core exists on the arch, is not marked bad, and no two cores share one |
//! | `slice-group` | a slice's group exists |
//! | `slice-size` | a slice has at most 65536 neurons, as many as a sparse entry can name |
//! | `slots` | a slice has a word of the arch for each slot of each of its neurons |
//! | `block-target` | a synapse block feeds a slice of its core and an accumulator of that slice's body |
//! | `axons` | a block has axons, and each axon from 0 to the last that a block names belongs to a block |
//! | `rows` | rows are aligned, do not overlap within a block, and lie inside the image |
//! | `weights` | every row is written as [`rows`] says |
//! | `delay` | a block's delay is one that the arch's synapses have |
//! | `routes` | a route table has one ascending range for each source |
//! | `dest` | a destination is an input axon that exists or an output of the host |
//! | `host` | the host's table is complete, its latency at least a step, its scale positive, its special tokens in the vocabulary |
//! | `memory` | a chip core stays within the limits of the arch |

use std::collections::BTreeMap;
use std::fmt;

use seamount_microcode::semantics::Word;
use seamount_microcode::{Machine, VerifiedBody};
use thiserror::Error;

use crate::program::{Core, Dest, Encoding, HOST_OUTPUT, Place, Program, Routes, Slice, SynapseBlock, index};
use crate::rows;

/// Where the verifier stops collecting: a program that breaks so many rules is damaged as a whole.
pub const MAX_VIOLATIONS: usize = 64;

/// The most neurons of a slice: a sparse entry names its neuron in 16 bits.
pub const MAX_SLICE_NEURONS: u32 = 1 << 16;

/// What verification found out; holding it proves that the program keeps all rules.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The bodies, by their index in the program.
    pub bodies: Vec<VerifiedBody>,
    /// The machine that the bodies were verified for.
    pub machine: Machine,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}: {message} [{rule}]")]
pub struct Violation {
    /// Id of the rule, as in the head of the verifier's file.
    pub rule: &'static str,
    /// What breaks it.
    pub place: Locus,
    /// What was expected and found.
    pub message: String,
}

/// A part of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locus {
    /// A body, by index.
    Body(usize),
    /// A group, by index.
    Group(usize),
    /// A core, by index.
    Core(usize),
    /// A slice of a core.
    Slice(usize, usize),
    /// A synapse block of a core.
    Block(usize, usize),
    /// The host.
    Host,
}

/// Checks every rule.
///
/// # Errors
/// The broken rules, at least one and at most [`MAX_VIOLATIONS`].
pub fn verify(program: &Program) -> Result<Verified, Vec<Violation>> {
    let arch = &program.arch;
    let word = Word::new(arch.register_bits()).expect("invariant: an arch's words have 2 to 32 bits");
    let machine = Machine { word, n_registers: arch.registers_per_neuron() };
    let n_axons = program.cores.iter().map(Core::n_axons).collect();
    let mut verifier = Verifier { program, word, n_axons, violations: Vec::new() };
    let bodies = verifier.bodies(&machine);
    verifier.groups();
    verifier.places();
    for core_idx in 0..program.cores.len() {
        verifier.core(core_idx);
    }
    verifier.host();
    if verifier.violations.is_empty() { Ok(Verified { bodies, machine }) } else { Err(verifier.violations) }
}

impl fmt::Display for Locus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(body) => write!(f, "body {body}"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::Core(core) => write!(f, "core {core}"),
            Self::Slice(core, slice) => write!(f, "core {core}, slice {slice}"),
            Self::Block(core, block) => write!(f, "core {core}, synapse block {block}"),
            Self::Host => f.write_str("host"),
        }
    }
}

struct Verifier<'a> {
    program: &'a Program,
    word: Word,
    /// Input axons of each core.
    n_axons: Vec<u64>,
    violations: Vec<Violation>,
}

impl Verifier<'_> {
    fn broken(&mut self, rule: &'static str, place: Locus, message: String) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push(Violation { rule, place, message });
        }
    }

    fn bodies(&mut self, machine: &Machine) -> Vec<VerifiedBody> {
        let mut verified = Vec::with_capacity(self.program.bodies.len());
        for (body_idx, body) in self.program.bodies.iter().enumerate() {
            match seamount_microcode::verify(body.clone(), machine) {
                Ok(body) => verified.push(body),
                Err(errors) => {
                    for error in errors {
                        self.broken("body", Locus::Body(body_idx), error.to_string());
                    }
                }
            }
        }
        verified
    }

    fn groups(&mut self) {
        let program = self.program;
        let mut ranges = vec![Vec::new(); program.groups.len()];
        for slice in program.cores.iter().flat_map(|core| &core.slices) {
            if let Some(ranges) = ranges.get_mut(index(slice.group)) {
                ranges.push((slice.first_neuron, slice.n_neurons));
            }
        }
        for (group_idx, (group, mut ranges)) in program.groups.iter().zip(ranges).enumerate() {
            let place = Locus::Group(group_idx);
            if index(group.body) >= program.bodies.len() {
                self.broken("group-body", place, format!("body {} does not exist", group.body));
            }
            if let Some(layer) = group.layer.filter(|&layer| index(layer) >= program.meta.layers.len()) {
                self.broken("group-layer", place, format!("layer {layer} does not exist"));
            }
            ranges.sort_unstable();
            let mut next = 0_u64;
            for (first, n) in ranges {
                if u64::from(first) != next {
                    self.broken("group-covered", place, format!("neuron {} follows neuron {next}", first));
                }
                next = u64::from(first) + u64::from(n);
            }
            if next != u64::from(group.n_neurons) {
                let message = format!("slices hold {next} neurons, the group has {}", group.n_neurons);
                self.broken("group-covered", place, message);
            }
        }
    }

    fn places(&mut self) {
        let arch = &self.program.arch;
        let mut taken = BTreeMap::new();
        for (core_idx, core) in self.program.cores.iter().enumerate() {
            let locus = Locus::Core(core_idx);
            let Place::Chip { chip, core: number } = core.place else { continue };
            if chip >= arch.n_chips() || number >= arch.cores_per_chip() {
                let (n_chips, n_cores) = (arch.n_chips(), arch.cores_per_chip());
                let message = format!(
                    "neurocore {number} of chip {chip} does not exist on {n_chips} chips of {n_cores} neurocores"
                );
                self.broken("place", locus, message);
            } else if arch.is_bad_core(chip, number) {
                self.broken("place", locus, format!("neurocore {number} of chip {chip} is marked bad"));
            }
            if let Some(earlier) = taken.insert((chip, number), core_idx) {
                self.broken("place", locus, format!("core {earlier} is at neurocore {number} of chip {chip} too"));
            }
        }
    }

    fn core(&mut self, core_idx: usize) {
        let core = &self.program.cores[core_idx];
        let mut n_sources = 0_u64;
        for (slice_idx, slice) in core.slices.iter().enumerate() {
            n_sources += self.slice(Locus::Slice(core_idx, slice_idx), slice);
        }
        self.axons(core_idx, core);
        for (block_idx, block) in core.synapse_blocks.iter().enumerate() {
            self.block(Locus::Block(core_idx, block_idx), core, block);
        }
        let locus = Locus::Core(core_idx);
        self.routes(locus, &core.routes, n_sources);
        self.dests(locus, &core.routes.dests);
        let core_idx = u32::try_from(core_idx).unwrap_or(HOST_OUTPUT);
        for excess in self.program.core_excesses(core_idx) {
            self.broken("memory", locus, excess.to_string());
        }
    }

    /// Returns how many sources the slice has.
    fn slice(&mut self, locus: Locus, slice: &Slice) -> u64 {
        let Some(body) = self.program.body_of(slice.group) else {
            if index(slice.group) >= self.program.groups.len() {
                self.broken("slice-group", locus, format!("group {} does not exist", slice.group));
            }
            return 0;
        };
        if slice.n_neurons > MAX_SLICE_NEURONS {
            self.broken("slice-size", locus, format!("{} neurons, the most is {MAX_SLICE_NEURONS}", slice.n_neurons));
        }
        let n_neurons = index(slice.n_neurons);
        let expected = n_neurons.checked_mul(body.slots.len());
        if expected != Some(slice.slots.len()) {
            let n_slots = body.slots.len();
            let message = format!("{} words for {n_neurons} neurons of {n_slots} slots", slice.slots.len());
            self.broken("slots", locus, message);
        }
        if let Some(value) = slice.slots.iter().find(|&&value| !self.word.contains(value)) {
            let message = format!("{value} does not fit in {} bits", self.word.bits());
            self.broken("slots", locus, message);
        }
        (body.ports.len() as u64) * u64::from(slice.n_neurons)
    }

    fn axons(&mut self, core_idx: usize, core: &Core) {
        let mut order: Vec<usize> = (0..core.synapse_blocks.len()).collect();
        order.sort_by_key(|&block_idx| {
            let block = &core.synapse_blocks[block_idx];
            (block.first_axon, block.n_axons)
        });
        let mut covered = 0;
        for block_idx in order {
            let block = &core.synapse_blocks[block_idx];
            let first = u64::from(block.first_axon);
            if block.n_axons == 0 || first > covered || block.end_axon() > u32::MAX.into() {
                let message = format!("{} axons from {first}, where {covered} belong to blocks", block.n_axons);
                self.broken("axons", Locus::Block(core_idx, block_idx), message);
            }
            covered = covered.max(block.end_axon());
        }
    }

    fn block(&mut self, locus: Locus, core: &Core, block: &SynapseBlock) {
        let arch = &self.program.arch;
        if block.delay_steps > arch.synaptic_delay_steps_max() {
            let (delay, most) = (block.delay_steps, arch.synaptic_delay_steps_max());
            self.broken("delay", locus, format!("a delay of {delay} steps, the longest is {most}"));
        }
        let Some(slice) = core.slices.get(index(block.slice)) else {
            self.broken("block-target", locus, format!("slice {} does not exist", block.slice));
            return;
        };
        if let Some(body) = self.program.body_of(slice.group)
            && body.accumulator_name(block.acc).is_none()
        {
            self.broken("block-target", locus, format!("body `{}` has no accumulator {}", body.name, block.acc));
        }
        if let Err(message) = check_rows(core, block, slice.n_neurons, arch.synapse_row_align_bytes()) {
            self.broken("rows", locus, message);
            return;
        }
        for axon in 0..block.n_axons {
            let row =
                core.row(block, slice.n_neurons, axon).expect("invariant: the row was checked to be in the image");
            let n_neurons = index(slice.n_neurons);
            let checked = match block.encoding {
                Encoding::Dense2 => rows::check_dense2(row, n_neurons),
                Encoding::Dense8 => Ok(()),
                Encoding::Sparse { n_per_row: _ } => rows::unpack_sparse(row, n_neurons).map(drop),
            };
            if let Err(error) = checked {
                self.broken("weights", locus, format!("axon {}: {error}", block.first_axon.saturating_add(axon)));
                return;
            }
            if block.row_stride_bytes == 0 {
                return;
            }
        }
    }

    fn routes(&mut self, locus: Locus, routes: &Routes, n_sources: u64) {
        let offsets = &routes.offsets;
        let begins_at_0 = offsets.first() == Some(&0);
        let ends_at_last = offsets.last().map(|&end| index(end)) == Some(routes.dests.len());
        if !begins_at_0 || !ends_at_last || !offsets.is_sorted() {
            self.broken("routes", locus, "the ranges of the route table do not follow each other".to_owned());
        }
        if routes.n_sources() as u64 != n_sources {
            let message = format!("the route table has {} sources, expected {n_sources}", routes.n_sources());
            self.broken("routes", locus, message);
        }
    }

    fn dests(&mut self, locus: Locus, dests: &[Dest]) {
        let program = self.program;
        for dest in dests {
            if dest.core_idx == HOST_OUTPUT {
                if dest.axon >= program.host.n_outputs {
                    let message = format!("output {} of the host, which has {}", dest.axon, program.host.n_outputs);
                    self.broken("dest", locus, message);
                }
                continue;
            }
            match self.n_axons.get(index(dest.core_idx)).copied() {
                None => self.broken("dest", locus, format!("core {} does not exist", dest.core_idx)),
                Some(n_axons) if u64::from(dest.axon) >= n_axons => {
                    let message = format!("axon {} of core {}, which has {n_axons}", dest.axon, dest.core_idx);
                    self.broken("dest", locus, message);
                }
                Some(_) => {}
            }
        }
    }

    fn host(&mut self) {
        let host = &self.program.host;
        let locus = Locus::Host;
        let expected = index(host.vocab_size).checked_mul(index(host.width));
        if expected != Some(host.embedding.len()) {
            let (vocab, width, found) = (host.vocab_size, host.width, host.embedding.len());
            self.broken("host", locus, format!("{found} embedding values for {vocab} tokens of {width} channels"));
        }
        if host.latency_steps == 0 {
            self.broken("host", locus, "a latency of 0 steps".to_owned());
        }
        if !(host.logit_scale.is_finite() && host.logit_scale > 0.0) {
            self.broken("host", locus, format!("a logit scale of {}", host.logit_scale));
        }
        for id in [host.bos_id, host.eos_id].into_iter().flatten().filter(|&id| id >= host.vocab_size) {
            self.broken("host", locus, format!("token {id} of a vocabulary of {}", host.vocab_size));
        }
        self.routes(locus, &host.input, host.width.into());
        for dest in host.input.dests.iter().chain(&host.tick).filter(|dest| dest.core_idx == HOST_OUTPUT) {
            self.broken("dest", locus, format!("the host's input leads to its own output {}", dest.axon));
        }
        self.dests(locus, &host.input.dests);
        self.dests(locus, &host.tick);
    }
}

/// Alignment, stride and bounds of a block's rows.
fn check_rows(core: &Core, block: &SynapseBlock, n_neurons: u32, align_bytes: u64) -> Result<(), String> {
    let (offset, stride) = (block.offset_bytes, u64::from(block.row_stride_bytes));
    if !offset.is_multiple_of(align_bytes.max(1)) || !stride.is_multiple_of(align_bytes.max(1)) {
        return Err(format!("offset {offset} and stride {stride} are no multiples of {align_bytes} bytes"));
    }
    let row_bytes = block.encoding.row_bytes(n_neurons) as u64;
    if stride != 0 && stride < row_bytes {
        return Err(format!("rows of {row_bytes} bytes are {stride} bytes apart"));
    }
    let n_strides = u64::from(block.n_axons.saturating_sub(1));
    let end = (stride * n_strides).checked_add(offset).and_then(|last| last.checked_add(row_bytes));
    let image_bytes = core.synapses.len() as u64;
    if end.is_some_and(|end| end <= image_bytes) {
        return Ok(());
    }
    Err(format!("rows of {row_bytes} bytes from offset {offset} leave the image of {image_bytes} bytes"))
}
