//! What is worked out of a program once: which neurons run together, what each hears, and where what it sends is counted.
//!
//! A slice is cut into *parts* of at most [`MOST_NEURONS`]. Parts form *stages*: a part stands in a later stage than all
//! that it hears, so that many steps of one stage can be run before those of the next. Where neurons hear each other in a
//! circle there is one stage, and one step at a time.
//!
//! Axons exist in the program only: here a synapse block is a matrix between a *feed*, the payloads of the sources that
//! reach the block's axons, and an accumulator of a part.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use seamount_arch::Overflow;
use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, Instr, VerifiedBody};
use seamount_program::{Core, Dest, Encoding, HOST_OUTPUT, Place, Program, SynapseBlock, rows, verify};

use super::kernels::{Kind, LANES, Matrix};
use super::quiet::{Quiet, quiet};
use super::sources::{Origin, Segment, Source, Sources, Whereabouts};
use crate::error::EmulatorError;
use crate::image::{distance, index};

/// Neurons of a part.
const MOST_NEURONS: usize = 256;

/// Weights that take about as long as it takes to wake the threads.
const WORTH_THREADS: usize = 1 << 22;

/// A program that is ready to be run.
#[derive(Debug)]
pub(super) struct Plan {
    pub program: Arc<Program>,
    pub bodies: Vec<BodyPlan>,
    pub word: Word,
    pub accumulator: Word,
    pub overflow: Overflow,
    pub payload_bits: u32,
    /// By stage.
    pub parts: Vec<PartPlan>,
    pub stages: Vec<Stage>,
    /// Whether there is but one stage, whose parts may hear each other: then steps run one at a time.
    pub is_circular: bool,
    /// Whether a step is so long that other threads are of use.
    pub is_worth_threads: bool,
    /// Where the host's channels lead, and its tick.
    pub embedding: PortPlan,
    pub tick: PortPlan,
    /// Synaptic operations of a spike by core, for all classes of routes: neurons of a group often share them.
    pub synaptic_ops: Vec<Vec<(usize, u64)>>,
    /// By core, whether the host plays it.
    pub on_host: Vec<bool>,
}

#[derive(Debug)]
pub(super) struct BodyPlan {
    pub body: VerifiedBody,
    pub n_registers: usize,
    /// What a neuron does in a step in which all its accumulators are zero, if it is next to nothing.
    pub quiet: Option<Quiet>,
}

/// Parts that may run at the same time, and what they hear.
#[derive(Debug)]
pub(super) struct Stage {
    pub parts: Range<usize>,
    pub feeds: Vec<Feed>,
}

/// Consecutive neurons of a slice.
#[derive(Debug)]
pub(super) struct PartPlan {
    pub core: usize,
    pub slice: usize,
    pub group: u32,
    pub body: usize,
    /// Counted in the slice.
    pub first_in_slice: usize,
    /// Counted in the group.
    pub first_neuron: u32,
    pub n_neurons: usize,
    pub inputs: Vec<Input>,
    pub ports: Vec<PortPlan>,
}

/// A synapse block.
#[derive(Debug)]
pub(super) struct Input {
    /// Index into [`Stage::feeds`].
    pub feed: usize,
    pub accumulator: usize,
    pub synapses: Synapses,
    /// The largest magnitude of the weights that a neuron has in it, summed.
    pub gain: u64,
}

#[derive(Debug)]
pub(super) enum Synapses {
    Matrix(Matrix),
    /// All axons have this row.
    Shared(Vec<i8>),
    /// Axon `first_source + i` has one weight, to neuron `first_neuron + i`.
    Diagonal {
        first_source: usize,
        first_neuron: usize,
        weights: Vec<i8>,
    },
    /// (axon of the block, neuron of the part, weight)
    Sparse(Vec<(u32, u32, i8)>),
}

/// What sources send, put side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feed {
    pub n_sources: usize,
    /// Steps that it waits beyond the one that every spike takes.
    pub delay_steps: u64,
    pub segments: Vec<Segment>,
    /// Whether it is multiplied by a matrix.
    pub needs_digits: bool,
}

/// Where a port of a part leads.
#[derive(Clone, Debug, Default)]
pub(super) struct PortPlan {
    pub classes: Vec<RouteClass>,
    /// Runs of neurons that lead to outputs of the host.
    pub outputs: Vec<OutputRun>,
    /// The longest delay behind it.
    pub delay_steps: u64,
}

/// Consecutive neurons whose spikes are counted in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouteClass {
    pub neurons: Range<usize>,
    pub n_messages: u64,
    pub hops: u64,
    pub chip_crossings: u64,
    /// Index into [`Plan::synaptic_ops`].
    pub synaptic_ops: usize,
    /// Whether it leads to a core at all.
    pub leads_to_cores: bool,
}

/// Neuron `first_neuron + i` leads to output `first_output + i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputRun {
    pub first_neuron: usize,
    pub n: usize,
    pub first_output: u32,
}

impl Plan {
    /// Verifies and plans a program. `None` if it does what this engine is not made for: then the reference runs it.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`].
    pub(super) fn new(program: Arc<Program>) -> Result<Option<Self>, EmulatorError> {
        let verified = verify(&program).map_err(EmulatorError::Invalid)?;
        let arch = &program.arch;
        let accumulator = Word::new(arch.accumulator_bits()).expect("invariant: an arch's words have 8 to 32 bits");
        let word = verified.machine.word;
        let sources = Sources::new(&program);
        if !sums_fit(&program, &sources) {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut interned = Interned::default();
        for (core_idx, core) in program.cores.iter().enumerate() {
            let counting = Counting::new(&program, core.place, &sources);
            let mut first_source = 0;
            for (slice_idx, slice) in core.slices.iter().enumerate() {
                let body = index(program.groups[index(slice.group)].body);
                let n_ports = program.bodies[body].ports.len();
                let n_neurons = index(slice.n_neurons);
                let ports: Vec<_> = (0..n_ports)
                    .map(|port| {
                        let dests = |n| core.routes.of(first_source + port * n_neurons + n);
                        counting.port(n_neurons, dests, &mut interned)
                    })
                    .collect();
                first_source += n_ports * n_neurons;
                parts.extend(cut(n_neurons).map(|range| PartPlan {
                    core: core_idx,
                    slice: slice_idx,
                    group: slice.group,
                    body,
                    first_in_slice: range.start,
                    first_neuron: slice.first_neuron + u32::try_from(range.start).expect("invariant: as many neurons"),
                    n_neurons: range.len(),
                    inputs: Vec::new(),
                    ports: ports.iter().map(|port| port.of(&range)).collect(),
                }));
            }
        }
        let host = &program.host;
        let counting = Counting::new(&program, Place::Host, &sources);
        let embedding = counting.port(index(host.width), |channel| host.input.of(channel), &mut interned);
        let tick = counting.port(1, |_| &host.tick, &mut interned);
        let bodies = verified.bodies.into_iter().map(|body| BodyPlan {
            quiet: quiet(&body, word),
            n_registers: n_registers(&body),
            body,
        });
        let mut plan = Self {
            bodies: bodies.collect(),
            word,
            accumulator,
            overflow: arch.overflow(),
            payload_bits: arch.payload_bits_max(),
            parts,
            stages: Vec::new(),
            is_circular: false,
            is_worth_threads: false,
            embedding,
            tick,
            synaptic_ops: interned.lists,
            on_host: program.cores.iter().map(|core| core.place == Place::Host).collect(),
            program: Arc::clone(&program),
        };
        plan.stage(&sources);
        plan.connect(&sources);
        let inputs = plan.parts.iter().flat_map(|part| &part.inputs);
        plan.is_worth_threads = inputs.map(Input::n_weights).sum::<usize>() >= WORTH_THREADS;
        Ok(Some(plan))
    }

    /// What slots of a part hold at the start, `[neuron, slot]`.
    pub(super) fn initial_slots(&self, part: &PartPlan) -> &[i32] {
        let n_slots = self.bodies[part.body].body.slots.len();
        let slice = &self.program.cores[part.core].slices[part.slice];
        &slice.slots[part.first_in_slice * n_slots..][..part.n_neurons * n_slots]
    }

    /// Sorts the parts into stages.
    fn stage(&mut self, sources: &Sources) {
        let levels = sources.levels(&self.program);
        self.is_circular = levels.is_none();
        let level = |part: &PartPlan| levels.as_ref().map_or(0, |levels| levels[part.core][part.slice]);
        let mut parts = std::mem::take(&mut self.parts);
        // The sort is stable: within a stage parts stay in the order of cores, slices and neurons.
        parts.sort_by_key(level);
        let mut first = 0;
        for stage in parts.chunk_by(|a, b| level(a) == level(b)) {
            self.stages.push(Stage { parts: first..first + stage.len(), feeds: Vec::new() });
            first += stage.len();
        }
        self.parts = parts;
    }

    /// Finds what each part hears, and its weights.
    fn connect(&mut self, sources: &Sources) {
        let whereabouts = self.whereabouts();
        let program = &self.program;
        // For each part its blocks and their feeds.
        let mut heard: Vec<Vec<(&SynapseBlock, usize)>> = Vec::with_capacity(self.parts.len());
        for stage in &mut self.stages {
            let mut feeds: BTreeMap<Feed, usize> = BTreeMap::new();
            for part in &self.parts[stage.parts.clone()] {
                let blocks = program.cores[part.core].synapse_blocks.iter();
                let own = blocks.filter(|block| index(block.slice) == part.slice).map(|block| {
                    let segments = sources.segments(part.core, block).into_iter();
                    let feed = Feed {
                        n_sources: index(block.n_axons),
                        delay_steps: block.delay_steps.into(),
                        segments: segments.flat_map(|found| whereabouts.parts_of(&found)).collect(),
                        needs_digits: is_matrix(block),
                    };
                    let n_feeds = feeds.len();
                    (block, *feeds.entry(feed).or_insert(n_feeds))
                });
                heard.push(own.collect());
            }
            let mut in_order: Vec<_> = feeds.into_iter().collect();
            in_order.sort_by_key(|&(_, at)| at);
            stage.feeds = in_order.into_iter().map(|(feed, _)| feed).collect();
        }
        self.parts.par_iter_mut().zip(heard).for_each(|(part, heard)| {
            let core = &program.cores[part.core];
            let neurons = part.first_in_slice..part.first_in_slice + part.n_neurons;
            part.inputs = heard
                .into_iter()
                .map(|(block, feed)| {
                    let (synapses, gain) = synapses(core, block, neurons.clone());
                    Input { feed, accumulator: block.acc.index(), synapses, gain }
                })
                .collect();
        });
        for feed in self.stages.iter().flat_map(|stage| &stage.feeds) {
            for segment in &feed.segments {
                let port = match segment.source {
                    Source::Part(part, port) => &mut self.parts[part].ports[port],
                    Source::Embedding => &mut self.embedding,
                    Source::Tick => &mut self.tick,
                };
                port.delay_steps = port.delay_steps.max(feed.delay_steps);
            }
        }
    }

    fn whereabouts(&self) -> Whereabouts {
        let mut whereabouts = Whereabouts::new(&self.program);
        for (at, part) in self.parts.iter().enumerate() {
            whereabouts.insert(part.core, part.slice, part.first_in_slice, part.n_neurons, at);
        }
        whereabouts
    }
}

impl PartPlan {
    /// The first of its weights that are a matrix.
    pub(super) fn first_matrix(&self) -> Option<&Matrix> {
        self.inputs.iter().find_map(Input::matrix)
    }
}

impl Input {
    /// Its weights, if they are a matrix.
    pub(super) fn matrix(&self) -> Option<&Matrix> {
        match &self.synapses {
            Synapses::Matrix(matrix) => Some(matrix),
            Synapses::Shared(_) | Synapses::Diagonal { .. } | Synapses::Sparse(_) => None,
        }
    }

    fn n_weights(&self) -> usize {
        match &self.synapses {
            Synapses::Matrix(matrix) => matrix.n_sources * matrix.n_neurons,
            Synapses::Shared(weights) | Synapses::Diagonal { weights, .. } => weights.len(),
            Synapses::Sparse(entries) => entries.len(),
        }
    }
}

impl Feed {
    /// Whether each source stands in one place, so that payloads need not be added.
    pub(super) fn is_one_to_one(&self) -> bool {
        let mut next = 0;
        self.segments.iter().all(|segment| {
            let follows = segment.at >= next;
            next = segment.at + segment.n;
            follows
        })
    }
}

impl PortPlan {
    /// Whether anybody hears it.
    pub(super) fn leads_anywhere(&self) -> bool {
        !self.outputs.is_empty() || self.classes.iter().any(|class| class.leads_to_cores)
    }

    /// The first output that a neuron leads to.
    pub(super) fn first_output_of(&self, neuron: usize) -> Option<u32> {
        let run = self.outputs.iter().find(|run| (run.first_neuron..run.first_neuron + run.n).contains(&neuron))?;
        Some(run.first_output + u32::try_from(neuron - run.first_neuron).expect("invariant: as many outputs"))
    }

    /// The same of some of the neurons.
    fn of(&self, neurons: &Range<usize>) -> Self {
        let clip = |first: usize, end: usize| {
            let (first, end) = (first.max(neurons.start), end.min(neurons.end));
            (first < end).then(|| first - neurons.start..end - neurons.start)
        };
        let classes = self.classes.iter().filter_map(|class| {
            let neurons = clip(class.neurons.start, class.neurons.end)?;
            Some(RouteClass { neurons, ..class.clone() })
        });
        let outputs = self.outputs.iter().filter_map(|run| {
            let clipped = clip(run.first_neuron, run.first_neuron + run.n)?;
            let skipped = clipped.start + neurons.start - run.first_neuron;
            let first_output = run.first_output + u32::try_from(skipped).expect("invariant: as many outputs");
            Some(OutputRun { first_neuron: clipped.start, n: clipped.len(), first_output })
        });
        Self { classes: classes.collect(), outputs: outputs.collect(), delay_steps: self.delay_steps }
    }
}

/// Lists of synaptic operations, each once.
#[derive(Default)]
struct Interned {
    lists: Vec<Vec<(usize, u64)>>,
    indices: BTreeMap<Vec<(usize, u64)>, usize>,
}

impl Interned {
    fn index(&mut self, list: Vec<(usize, u64)>) -> usize {
        *self.indices.entry(list).or_insert_with_key(|list| {
            self.lists.push(list.clone());
            self.lists.len() - 1
        })
    }
}

/// Works out how spikes from one place are counted.
struct Counting<'a> {
    program: &'a Program,
    from: Place,
    sources: &'a Sources,
}

impl<'a> Counting<'a> {
    fn new(program: &'a Program, from: Place, sources: &'a Sources) -> Self {
        Self { program, from, sources }
    }

    fn port<'d>(&self, n_neurons: usize, dests: impl Fn(usize) -> &'d [Dest], interned: &mut Interned) -> PortPlan {
        let mut port = PortPlan::default();
        let mut last: &[Dest] = &[];
        for neuron in 0..n_neurons {
            let dests = dests(neuron);
            match port.classes.last_mut() {
                Some(class) if self.are_alike(last, dests) => class.neurons.end = neuron + 1,
                Some(_) | None => port.classes.push(self.class(neuron, dests, interned)),
            }
            last = dests;
            for dest in dests.iter().filter(|dest| dest.core_idx == HOST_OUTPUT) {
                port.add_output(neuron, dest.axon);
            }
        }
        port
    }

    /// Whether destinations count the same, in the same order.
    fn are_alike(&self, a: &[Dest], b: &[Dest]) -> bool {
        let alike = |(a, b): (&Dest, &Dest)| a.core_idx == b.core_idx && self.ops(*a) == self.ops(*b);
        a.len() == b.len() && a.iter().zip(b).all(alike)
    }

    fn ops(&self, dest: Dest) -> u64 {
        if dest.core_idx == HOST_OUTPUT { 0 } else { self.sources.synaptic_ops(dest) }
    }

    fn class(&self, neuron: usize, dests: &[Dest], interned: &mut Interned) -> RouteClass {
        let mut class = RouteClass {
            neurons: neuron..neuron + 1,
            n_messages: dests.len() as u64,
            hops: 0,
            chip_crossings: 0,
            synaptic_ops: 0,
            leads_to_cores: false,
        };
        let mut by_core: BTreeMap<usize, u64> = BTreeMap::new();
        for dest in dests {
            let to = self.program.cores.get(index(dest.core_idx)).map_or(Place::Host, |core| core.place);
            let (hops, crossings) = distance(&self.program.arch, self.from, to);
            class.hops += u64::from(hops);
            class.chip_crossings += u64::from(crossings);
            if dest.core_idx != HOST_OUTPUT {
                *by_core.entry(index(dest.core_idx)).or_default() += self.ops(*dest);
            }
        }
        class.leads_to_cores = !by_core.is_empty();
        class.synaptic_ops = interned.index(by_core.into_iter().collect());
        class
    }
}

impl PortPlan {
    fn add_output(&mut self, neuron: usize, output: u32) {
        if let Some(run) = self.outputs.last_mut()
            && run.first_neuron + run.n == neuron
            && run.first_output.checked_add(u32::try_from(run.n).unwrap_or(u32::MAX)) == Some(output)
        {
            run.n += 1;
            return;
        }
        self.outputs.push(OutputRun { first_neuron: neuron, n: 1, first_output: output });
    }
}

/// Even parts of a slice, of whole vectors but for the last.
fn cut(n_neurons: usize) -> impl Iterator<Item = Range<usize>> {
    let n_parts = n_neurons.div_ceil(MOST_NEURONS).max(1);
    let size = n_neurons.div_ceil(n_parts).next_multiple_of(LANES);
    (0..n_neurons).step_by(size).map(move |first| first..(first + size).min(n_neurons))
}

/// The weights of a block between its axons and some neurons of its slice, and the largest sum of their magnitudes.
fn synapses(core: &Core, block: &SynapseBlock, neurons: Range<usize>) -> (Synapses, u64) {
    let n_neurons = core.slices[index(block.slice)].n_neurons;
    let valid = "invariant: a verified program's rows are valid";
    let row = |axon| core.row(block, n_neurons, axon).expect(valid);
    let n_axons = u64::from(block.n_axons);
    if !is_matrix(block) && !matches!(block.encoding, Encoding::Sparse { .. }) {
        let weights = match block.encoding {
            Encoding::Dense2 => rows::unpack_dense2(row(0), index(n_neurons)).expect(valid),
            Encoding::Dense8 => rows::unpack_dense8(row(0), index(n_neurons)).expect(valid),
            Encoding::Sparse { .. } => Vec::new(),
        };
        let weights = weights[neurons].to_vec();
        let largest = weights.iter().map(|weight| u64::from(weight.unsigned_abs())).max().unwrap_or_default();
        return (Synapses::Shared(weights), largest * n_axons);
    }
    let matrix = |kind, first_byte| {
        let first = usize::try_from(block.offset_bytes).expect(valid) + first_byte;
        Matrix::new(
            kind,
            core.synapses.slice(first..),
            index(block.row_stride_bytes),
            index(block.n_axons),
            neurons.len(),
        )
    };
    match block.encoding {
        Encoding::Dense2 => (Synapses::Matrix(matrix(Kind::Ternary, neurons.start / 4)), n_axons),
        Encoding::Dense8 => (Synapses::Matrix(matrix(Kind::Bytes, neurons.start)), 128 * n_axons),
        Encoding::Sparse { .. } => {
            let mut entries = Vec::new();
            let mut gains = vec![0; neurons.len()];
            for axon in 0..block.n_axons {
                for (neuron, weight) in rows::unpack_sparse(row(axon), index(n_neurons)).expect(valid) {
                    if neurons.contains(&usize::from(neuron)) {
                        let neuron = usize::from(neuron) - neurons.start;
                        gains[neuron] += u64::from(weight.unsigned_abs());
                        entries.push((axon, u32::try_from(neuron).expect("invariant: 16 bits"), weight));
                    }
                }
            }
            (diagonal(entries), gains.into_iter().max().unwrap_or_default())
        }
    }
}

/// Whether each axon has a row of its own for all neurons.
fn is_matrix(block: &SynapseBlock) -> bool {
    match block.encoding {
        Encoding::Dense2 | Encoding::Dense8 => block.row_stride_bytes != 0,
        Encoding::Sparse { .. } => false,
    }
}

/// Entries as a diagonal, if they are one.
fn diagonal(entries: Vec<(u32, u32, i8)>) -> Synapses {
    let Some(&(first_source, first_neuron, _)) = entries.first() else { return Synapses::Sparse(entries) };
    let on_it =
        |(at, &(source, neuron, _)): (u32, &(u32, u32, i8))| (source, neuron) == (first_source + at, first_neuron + at);
    if !(0..).zip(&entries).all(on_it) {
        return Synapses::Sparse(entries);
    }
    let weights = entries.iter().map(|&(_, _, weight)| weight).collect();
    Synapses::Diagonal { first_source: index(first_source), first_neuron: index(first_neuron), weights }
}

fn n_registers(body: &Body) -> usize {
    body.instructions.iter().filter_map(Instr::written_register).map(|reg| reg.index() + 1).max().unwrap_or(0)
}

/// How many messages a neuron can send from a port in a step, if all loops run as often as they may.
pub(crate) fn most_sent(body: &Body, port: usize) -> u64 {
    let repeats = |at: usize| {
        // A backward jump over the instruction repeats it up to `max` times, and each one around that, too.
        let around = body.instructions.iter().enumerate().filter_map(|(from, instr)| match instr {
            Instr::JmpC { target, max: Some(max), .. } if usize::from(*target) <= at && at <= from => Some(*max),
            _ => None,
        });
        around.fold(1_u64, |times, max| times.saturating_mul(u64::from(max) + 1))
    };
    let sends = |instr: &Instr| matches!(instr, Instr::Spike { port: to, .. } if to.index() == port);
    let spikes = body.instructions.iter().enumerate().filter(|(_, instr)| sends(instr));
    spikes.fold(0, |sum, (at, _)| sum.saturating_add(repeats(at)))
}

/// Whether the payloads that meet on an axon, or at an output of the host, fit in 32 bits together.
fn sums_fit(program: &Program, sources: &Sources) -> bool {
    let sent = |origin| match origin {
        Origin::Slice { core, slice, port } => {
            let body = program.body_of(program.cores[core].slices[slice].group);
            most_sent(body.expect("invariant: a verified program's groups have bodies"), port)
        }
        Origin::Embedding | Origin::Tick => 1,
    };
    // A payload is a word, or a channel of the embedding.
    let bits = program.arch.payload_bits_max().min(program.arch.register_bits()).max(16);
    let largest = 1_u64 << (bits - 1);
    let most = sources.most_on_an_axon(sent).max(sources.most_on_an_output(program, sent));
    most.checked_mul(largest).is_some_and(|sum| sum < 1 << 31)
}
