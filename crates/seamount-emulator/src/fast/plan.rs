//! What is worked out of a program once: which neurons run together, what each hears, and where what it sends is counted.
//!
//! Neurons of one group run together, in *parts* of up to some [hundreds](MOST_LANES) or
//! [thousands](MOST_COMPILED_LANES), whatever cores they are on: a part has a *piece* of each slice that it takes neurons
//! from. Parts form *stages*: a part stands in a later stage than all that it hears, so that many steps of one stage can be
//! run before those of the next. Where neurons hear each other in a circle there is one stage, and one step at a time.

use std::ops::Range;
use std::sync::Arc;

use itertools::Itertools as _;
use seamount_arch::Overflow;
use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, Instr, VerifiedBody};
use seamount_program::{Place, Program, verify};

use super::counting::{Counting, Interned, PortPlan};
use super::feed::{FeedPlan, FeedPort};
use super::inputs::{Feeds, Input, inputs_of};
use super::kernels::{Kernel, LANES, Matrix};
use super::native::Ways;
use super::quiet::{Quiet, quiet};
use super::sources::{Origin, Source, Sources, Whereabouts};
use crate::error::EmulatorError;
use crate::image::index;

/// Neurons of a part whose microcode runs by the instruction: few enough that what an instruction reads and writes stays in
/// the first cache, and enough that the instruction's own cost does not matter.
const MOST_LANES: usize = 512;

/// Neurons of a part whose microcode is compiled, so that each is gone through once: few enough that what a block of steps
/// adds up for them stays in the second cache, and enough that a part's own cost does not matter.
const MOST_COMPILED_LANES: usize = 2048;

/// Neurons that are worth a thread of their own.
const LEAST_LANES: usize = 64;

/// Slices are cut at multiples of this many neurons, half of what a kernel sums at once.
const CUT_LANES: usize = 2 * LANES;

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
    /// The least lag of the stages that send outputs.
    pub output_lag: u64,
    /// The longest lag of all.
    pub longest_lag: u64,
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
    /// Those that have been compiled.
    pub ways: Ways,
}

/// Parts that may run at the same time, and what they hear.
#[derive(Debug)]
pub(super) struct Stage {
    pub parts: Range<usize>,
    pub feeds: Vec<FeedPlan>,
    /// Those of the feeds that hear nothing of the stage before: they are gathered while that stage's parts run.
    pub early: Vec<usize>,
    pub late: Vec<usize>,
    /// Steps that a token takes at least to get here: what arrives in a step was sent by a stage that lags less in a step
    /// that is as much earlier, or in one before it.
    pub lag: u64,
}

/// Neurons of a group that run together, a lane each.
#[derive(Debug)]
pub(super) struct PartPlan {
    pub group: u32,
    pub body: usize,
    /// Ascending by lane.
    pub pieces: Vec<Piece>,
    /// A multiple of [`LANES`].
    pub n_lanes: usize,
    /// By accumulator.
    pub inputs: Vec<Input>,
    /// The feeds of these, each once.
    pub feeds: Vec<usize>,
    /// By accumulator, whether each lane gets what arrives through one input.
    pub has_sole_input: Vec<bool>,
    pub ports: Vec<PortPlan>,
    /// The part with a matrix that the same thread will probably run after it.
    pub next: usize,
}

/// Consecutive neurons of a slice. Their first lane is a multiple of [`LANES`].
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub core: usize,
    pub slice: usize,
    pub first_in_slice: usize,
    /// Counted in the group.
    pub first_neuron: u32,
    pub n_neurons: usize,
    pub first_lane: usize,
}

/// Where a neuron is: the order of these is that in which the reference runs them.
pub(super) type Location = (usize, usize, usize);

impl Plan {
    /// Verifies and plans a program for a kernel and a number of threads. `None` if it does what this engine is not made for: then the
    /// reference runs it.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`].
    pub(super) fn new(program: Arc<Program>, kernel: Kernel, n_threads: usize) -> Result<Option<Self>, EmulatorError> {
        let verified = verify(&program).map_err(EmulatorError::Invalid)?;
        let arch = &program.arch;
        let accumulator = Word::new(arch.accumulator_bits()).expect("invariant: an arch's words have 8 to 32 bits");
        let word = verified.machine.word;
        let sources = Sources::new(&program);
        if !sums_fit(&program, &sources) {
            return Ok(None);
        }
        let host = &program.host;
        let mut interned = Interned::default();
        let ports = ports_of_slices(&program, &sources, &mut interned);
        let counting = Counting::new(&program, Place::Host, &sources);
        let embedding = counting.port(index(host.width), |channel| host.input.of(channel), &mut interned);
        let tick = counting.port(1, |_| &host.tick, &mut interned);
        let bodies = verified.bodies.into_iter().map(|body| BodyPlan {
            quiet: quiet(&body, word),
            n_registers: n_registers(&body),
            ways: Ways::default(),
            body,
        });
        let levels = sources.levels(&program);
        let mut plan = Self {
            bodies: bodies.collect(),
            word,
            accumulator,
            overflow: arch.overflow(),
            payload_bits: arch.payload_bits_max(),
            parts: Vec::new(),
            stages: Vec::new(),
            is_circular: levels.is_none(),
            is_worth_threads: false,
            output_lag: 0,
            longest_lag: 0,
            embedding,
            tick,
            synaptic_ops: interned.lists,
            on_host: program.cores.iter().map(|core| core.place == Place::Host).collect(),
            program: Arc::clone(&program),
        };
        let most_lanes = if kernel.compiles() { MOST_COMPILED_LANES } else { MOST_LANES };
        plan.stage(levels, &ports, |slices: &[Piece]| cut(slices, n_threads, most_lanes));
        plan.connect(&sources);
        plan.find_lags();
        plan.find_next(n_threads);
        let inputs = plan.parts.iter().flat_map(|part| &part.inputs);
        plan.is_worth_threads = inputs.map(Input::n_weights).sum::<usize>() >= WORTH_THREADS;
        Ok(Some(plan))
    }

    /// Sorts the slices into stages, and makes parts of them as `cut` says.
    fn stage(
        &mut self,
        levels: Option<Vec<Vec<u32>>>,
        ports: &[Vec<Vec<PortPlan>>],
        cut: impl Fn(&[Piece]) -> Vec<Vec<Piece>>,
    ) {
        let program = Arc::clone(&self.program);
        let level = |core: usize, slice: usize| levels.as_ref().map_or(0, |levels| levels[core][slice]);
        let slices = program.cores.iter().enumerate().flat_map(|(core, of_core)| {
            of_core.slices.iter().enumerate().map(move |(slice, of_slice)| (core, slice, of_slice))
        });
        let in_order = slices.sorted_by_key(|&(core, slice, of_slice)| {
            (level(core, slice), of_slice.group, of_slice.first_neuron, core, slice)
        });
        let together = in_order.chunk_by(|&(core, slice, of_slice)| (level(core, slice), of_slice.group));
        for ((level, group), slices) in &together {
            let slices = slices.map(|(core, slice, of_slice)| Piece {
                core,
                slice,
                first_in_slice: 0,
                first_neuron: of_slice.first_neuron,
                n_neurons: index(of_slice.n_neurons),
                first_lane: 0,
            });
            let body = index(program.groups[index(group)].body);
            let first = self.parts.len();
            for pieces in cut(&slices.collect::<Vec<_>>()) {
                let n_lanes = pieces.last().map_or(0, |last| last.end_lane().next_multiple_of(LANES));
                let mut of_part = vec![PortPlan::default(); program.bodies[body].ports.len()];
                for (at, piece) in pieces.iter().enumerate() {
                    let neurons = piece.first_in_slice..piece.first_in_slice + piece.n_neurons;
                    for (port, of_slice) in of_part.iter_mut().zip(&ports[piece.core][piece.slice]) {
                        port.add_piece(of_slice, &neurons, at, piece.first_lane);
                    }
                }
                self.parts.push(PartPlan {
                    group,
                    body,
                    pieces,
                    n_lanes,
                    inputs: Vec::new(),
                    feeds: Vec::new(),
                    has_sole_input: Vec::new(),
                    next: 0,
                    ports: of_part,
                });
            }
            let parts = first..self.parts.len();
            match self.stages.get_mut(index(level)) {
                Some(stage) => stage.parts.end = parts.end,
                None => {
                    self.stages.push(Stage { parts, feeds: Vec::new(), early: Vec::new(), late: Vec::new(), lag: 0 })
                }
            }
        }
    }

    /// Finds what each part hears, and its weights.
    fn connect(&mut self, sources: &Sources) {
        let mut whereabouts = Whereabouts::new(&self.program);
        for (part, plan) in self.parts.iter().enumerate() {
            plan.pieces.iter().for_each(|piece| whereabouts.insert(part, piece));
        }
        let width = index(self.program.host.width);
        // The first part of the stage before.
        let mut first_before = None;
        for stage in &mut self.stages {
            let mut feeds = Feeds::default();
            for part in &mut self.parts[stage.parts.clone()] {
                part.inputs = inputs_of(part, &self.program, sources, &whereabouts, &mut feeds);
                part.feeds = part.inputs.iter().map(|input| input.feed).unique().collect();
                let n_accumulators = self.bodies[part.body].body.accumulators.len();
                part.has_sole_input = (0..n_accumulators).map(|accumulator| part.is_sole_input(accumulator)).collect();
            }
            stage.feeds = feeds.into_list().iter().map(|feed| FeedPlan::new(feed, &self.parts, width)).collect();
            let is_early = |feed: &usize| {
                let is_before = |port: &FeedPort, first: usize| match port.source {
                    Source::Part(part, _) => part < first,
                    Source::Embedding | Source::Tick => true,
                };
                let ports = &stage.feeds[*feed].ports;
                first_before.is_some_and(|first| ports.iter().all(|port| is_before(port, first)))
            };
            (stage.early, stage.late) = (0..stage.feeds.len()).partition(is_early);
            first_before = Some(stage.parts.start);
        }
    }

    /// Finds by how much each stage lags, and how long what is sent must be kept for those that hear it.
    fn find_lags(&mut self) {
        let mut lags: Vec<u64> = Vec::with_capacity(self.parts.len());
        for stage in &mut self.stages {
            let heard = stage.feeds.iter().flat_map(|feed| feed.ports.iter().map(move |port| (port.source, feed)));
            let lag_behind = |(source, feed): (Source, &FeedPlan)| match source {
                Source::Part(part, _) => lags.get(part).map_or(0, |lag| lag + 1 + feed.delay_steps),
                Source::Embedding | Source::Tick => feed.delay_steps,
            };
            stage.lag = if self.is_circular { 0 } else { heard.map(lag_behind).min().unwrap_or(0) };
            lags.resize(stage.parts.end, stage.lag);
        }
        for stage in &self.stages {
            for feed in &stage.feeds {
                for port in &feed.ports {
                    let needs_payloads = feed.needs_payloads_of(port);
                    let port = match port.source {
                        Source::Part(part, port) => &mut self.parts[part].ports[port],
                        Source::Embedding => &mut self.embedding,
                        Source::Tick => &mut self.tick,
                    };
                    port.delay_steps = port.delay_steps.max(feed.delay_steps);
                    port.hear(stage.lag, needs_payloads);
                }
            }
        }
        let with_outputs =
            self.parts.iter().zip(&lags).filter(|(part, _)| part.ports.iter().any(PortPlan::has_outputs));
        self.output_lag = with_outputs.map(|(_, &lag)| lag).min().unwrap_or(0);
        self.longest_lag = lags.into_iter().max().unwrap_or(0);
        for port in self.parts.iter_mut().flat_map(|part| &mut part.ports).filter(|port| port.has_outputs()) {
            port.hear(self.output_lag, true);
        }
        for part in &mut self.parts {
            let body = &self.bodies[part.body].body;
            for (at, port) in part.ports.iter_mut().enumerate() {
                // Messages of a step are added lane by lane.
                port.needs_payloads |= most_sent(body, at) > 1;
            }
        }
    }

    /// Finds what comes after each part on its thread: the next one of the stage, or one of the next stage, where threads
    /// take every `n_threads`th; from the last stage the first comes next.
    fn find_next(&mut self, n_threads: usize) {
        let has_matrix: Vec<bool> = self.parts.iter().map(|part| part.first_matrix().is_some()).collect();
        for thread in 0..n_threads.max(1) {
            let of_stage = |stage: &Stage| stage.parts.clone().skip(thread).step_by(n_threads.max(1));
            let in_turn: Vec<usize> = self.stages.iter().flat_map(of_stage).collect();
            let mut next = in_turn.iter().copied().find(|&part| has_matrix[part]).unwrap_or(0);
            for part in in_turn.into_iter().rev() {
                self.parts[part].next = next;
                next = if has_matrix[part] { part } else { next };
            }
        }
    }
}

impl PartPlan {
    /// The first of its weights that are a matrix.
    pub(super) fn first_matrix(&self) -> Option<&Matrix> {
        self.inputs.iter().find_map(Input::matrix)
    }

    /// Whether an accumulator has one input, or a matrix of the same feed for each piece.
    fn is_sole_input(&self, accumulator: usize) -> bool {
        let inputs: Vec<_> = self.inputs.iter().filter(|input| input.accumulator == accumulator).collect();
        let is_one = inputs.len() == 1 && inputs[0].piece.is_none();
        let is_matrix = |(at, input): (usize, &&Input)| {
            input.matrix().is_some() && input.piece == Some(at) && input.feed == inputs[0].feed
        };
        is_one || inputs.len() == self.pieces.len() && inputs.iter().enumerate().all(is_matrix)
    }

    /// The piece that a lane is of; none of the lanes between pieces.
    pub(super) fn piece_at(&self, lane: usize) -> Option<&Piece> {
        let piece = &self.pieces[self.pieces.partition_point(|piece| piece.first_lane <= lane).checked_sub(1)?];
        (lane < piece.end_lane()).then_some(piece)
    }
}

impl Piece {
    pub(super) fn lanes(&self) -> Range<usize> {
        self.first_lane..self.end_lane()
    }

    fn end_lane(&self) -> usize {
        self.first_lane + self.n_neurons
    }

    /// The lanes behind it that are nobody's.
    pub(super) fn spare_lanes(&self) -> Range<usize> {
        self.end_lane()..self.end_lane().next_multiple_of(LANES)
    }

    pub(super) fn location(&self, lane: usize) -> Location {
        (self.core, self.slice, self.first_in_slice + lane - self.first_lane)
    }
}

/// By core and slice, how what its ports send is counted.
fn ports_of_slices(program: &Program, sources: &Sources, interned: &mut Interned) -> Vec<Vec<Vec<PortPlan>>> {
    let of_core = |core: &seamount_program::Core| {
        let counting = Counting::new(program, core.place, sources);
        let mut first_source = 0;
        let of_slice = |slice: &seamount_program::Slice| {
            let n_ports = program.body_of(slice.group).map_or(0, |body| body.ports.len());
            let n_neurons = index(slice.n_neurons);
            let first = first_source;
            first_source += n_ports * n_neurons;
            let port = |port| counting.port(n_neurons, |n| core.routes.of(first + port * n_neurons + n), interned);
            (0..n_ports).map(port).collect()
        };
        core.slices.iter().map(of_slice).collect()
    };
    program.cores.iter().map(of_core).collect()
}

/// Cuts slices, which form a line, into even parts: as many for every thread.
fn cut(slices: &[Piece], n_threads: usize, most_lanes: usize) -> Vec<Vec<Piece>> {
    let n_lanes: usize = slices.iter().map(|slice| slice.n_neurons.next_multiple_of(LANES)).sum();
    let n_parts = n_lanes.div_ceil(most_lanes).next_multiple_of(n_threads.max(1));
    let n_parts = n_parts.min(n_lanes / LEAST_LANES).max(1);
    let mut parts: Vec<Vec<Piece>> = vec![Vec::new(); n_parts];
    let mut line = 0;
    for slice in slices {
        let end = line + slice.n_neurons.next_multiple_of(LANES);
        let cuts = (1..n_parts).map(|part| part * n_lanes / n_parts).filter(|cut| (line..end).contains(cut));
        let cuts = cuts.map(|cut| (cut - line).next_multiple_of(CUT_LANES)).filter(|&cut| cut < slice.n_neurons);
        let bounds = std::iter::once(0).chain(cuts).chain([slice.n_neurons]).dedup().collect::<Vec<_>>();
        for (&from, &to) in bounds.iter().tuple_windows() {
            let part = &mut parts[(line + (from + to) / 2) * n_parts / n_lanes];
            let first_lane = part.last().map_or(0, |last| last.end_lane().next_multiple_of(LANES));
            part.push(Piece {
                first_in_slice: from,
                first_neuron: slice.first_neuron + u32::try_from(from).expect("invariant: as many neurons"),
                n_neurons: to - from,
                first_lane,
                ..*slice
            });
        }
        line = end;
    }
    parts.retain(|part| !part.is_empty());
    parts
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
