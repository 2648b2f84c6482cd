//! The fast engine: the reference's integers and counts, many at a time.
//!
//! [`Fast`] runs some steps of several streams, each a text of its own. `plan.rs` is what it knows of a program, `feed.rs`
//! what neurons hear, `arrivals.rs` its sums, `part.rs` a part's steps, `machine.rs` its microcode, `native.rs` and `trace.rs`
//! the same compiled, `outbox.rs` and `sent.rs` what it sends,
//! `tally.rs` and `counted.rs` all counts, `team.rs` the threads, and `kernels/` the loops that take the time.

mod arrivals;
mod counted;
mod counting;
mod feed;
mod inputs;
mod kernels;
mod lanes;
mod machine;
mod native;
mod outbox;
mod part;
mod plan;
mod quiet;
mod range;
mod sent;
mod sources;
mod state;
mod tally;
mod team;
mod trace;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;

use seamount_program::{Host, Program};

pub use self::kernels::{Kernel, Product};
pub(crate) use self::plan::most_sent;

use self::counted::{Counted, Loaded};
use self::counting::PortPlan;
use self::feed::{Heard, HostSent, Steps};
use self::outbox::{PartFault, Record, Shown};
use self::part::{Block, Part};
use self::plan::{Piece, Plan};
use self::sent::Sent;
use self::tally::Spikes;
use crate::emulate::Keep;
use crate::error::{EmulatorError, Fault};
use crate::events::Events;
use crate::image::index;
use crate::observer::{Observer, Site};
use crate::reference::steps_to_drain;

/// Tokens that go through a stage in one block of steps. More would share each read of a weight still better, but what they
/// send must be kept until the block is over.
const BLOCK_TOKENS: usize = 64;

/// As many at least are of one stream: a stream's block costs something by itself.
const STREAM_TOKENS: usize = 16;

/// A program in the middle of a run of some streams.
#[derive(Clone, Debug)]
pub(crate) struct Fast {
    plan: Arc<Plan>,
    kernel: Kernel,
    /// `[part][stream]`
    parts: Vec<Vec<Part>>,
    streams: Vec<Stream>,
    /// What the host has sent, by stream.
    host: Vec<HostSent>,
    /// Kept from stage to stage for its memory: what every other stage hears, and the rest.
    heard: [Vec<Heard>; 2],
}

/// A text.
#[derive(Clone, Debug)]
struct Stream {
    /// The number of the next step.
    step: u64,
    /// The steps in which logits are due.
    due: VecDeque<u64>,
    /// What the host has sent.
    host_events: Events,
    /// What had been counted when the state was loaded.
    loaded: Loaded,
    /// All that has been counted, once it has been asked for.
    counted: OnceLock<Counted>,
}

impl Stream {
    fn new(n_cores: usize) -> Self {
        Self {
            step: 0,
            due: VecDeque::new(),
            host_events: Events::default(),
            loaded: Loaded::nothing(n_cores),
            counted: OnceLock::new(),
        }
    }
}

impl Fast {
    /// `n_streams` runs of `program` at their beginning; `None` if it must be left to the reference.
    pub(crate) fn new(
        program: Arc<Program>,
        n_streams: usize,
        kernel: Option<Kernel>,
    ) -> Result<Option<Self>, EmulatorError> {
        let kernel = kernel.unwrap_or_else(Kernel::fastest);
        if !kernel.is_available() {
            return Err(EmulatorError::Kernel(kernel));
        }
        let Some(plan) = Plan::new(program, kernel, rayon::current_num_threads())? else { return Ok(None) };
        let n_cores = plan.program.cores.len();
        let stream = Stream::new(n_cores);
        Ok(Some(Self {
            kernel,
            parts: parts(&plan, n_streams),
            streams: vec![stream; n_streams],
            host: vec![HostSent::default(); n_streams],
            heard: Default::default(),
            plan: Arc::new(plan),
        }))
    }

    pub(crate) fn reset(&mut self) {
        self.parts = parts(&self.plan, self.streams.len());
        self.host.fill(HostSent::default());
        self.streams.fill(Stream::new(self.plan.program.cores.len()));
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.plan.program
    }

    pub(crate) fn n_streams(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn n_steps(&self, stream: usize) -> u64 {
        self.streams[stream].step
    }

    pub(crate) fn events(&self, stream: usize) -> &[Events] {
        &self.counted(stream).events
    }

    pub(crate) fn step_events(&self, stream: usize) -> &[Events] {
        &self.counted(stream).step_events
    }

    pub(crate) fn host_events(&self, stream: usize) -> Events {
        self.counted(stream).host_events
    }

    /// How many steps it takes to send `n_tokens`, one every step, and to wait for all logits.
    pub(crate) fn steps_to_drain(&self, stream: usize, n_tokens: usize) -> usize {
        let Stream { step, due, .. } = &self.streams[stream];
        steps_to_drain(*step, due.back().copied(), n_tokens, &self.plan.program)
    }

    /// Runs for each stream a step for each of its inputs; gives the logits that were due.
    pub(crate) fn advance(
        &mut self,
        inputs: &[&[Option<u32>]],
        keep: Keep,
    ) -> Result<Vec<Vec<Vec<i32>>>, EmulatorError> {
        self.run(inputs, keep, None::<&mut ()>)
    }

    /// The same of the only stream, while `observer` looks on.
    pub(crate) fn advance_observed(
        &mut self,
        inputs: &[Option<u32>],
        keep: Keep,
        observer: &mut impl Observer,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        Ok(self.run(&[inputs], keep, Some(observer))?.pop().unwrap_or_default())
    }

    fn run(
        &mut self,
        inputs: &[&[Option<u32>]],
        keep: Keep,
        mut observer: Option<&mut impl Observer>,
    ) -> Result<Vec<Vec<Vec<i32>>>, EmulatorError> {
        let vocab_size = self.plan.program.host.vocab_size;
        let is_unknown = |token: &Option<u32>| token.is_some_and(|token| token >= vocab_size);
        // What comes before a token that does not exist is run, as if the tokens had come one by one.
        let known: Vec<&[Option<u32>]> =
            inputs.iter().map(|inputs| inputs.split(is_unknown).next().unwrap_or_default()).collect();
        for (stream, inputs) in self.streams.iter_mut().zip(&known) {
            let latency_steps = u64::from(self.plan.program.host.latency_steps);
            let sent = (stream.step..).zip(*inputs).filter(|(_, token)| token.is_some());
            stream.due.extend(sent.map(|(step, _)| step + latency_steps - 1));
        }
        let mut rest = known.clone();
        let mut logits = vec![Vec::new(); self.streams.len()];
        let mut faults: Vec<Option<(usize, PartFault)>> = vec![None; self.streams.len()];
        let mut is_first = true;
        while rest.iter().any(|rest| !rest.is_empty()) {
            // What observers are told is sorted by step, block by block.
            let lags = observer.is_none();
            let steps = self.send(&mut rest, is_first, lags);
            is_first = false;
            if self.run_block(&steps, observer.is_some()) {
                self.note_faults(&known, &mut faults);
            }
            if let Some(observer) = observer.as_deref_mut() {
                self.tell(observer, faults[0]);
            }
            self.read(&steps, &mut logits);
            self.forget(&steps);
            logits.iter_mut().for_each(|logits| keep.of(logits));
            // A fault ends a stream: of the steps before it those that some stages have not reached yet are run.
            for ((stream, rest), fault) in self.streams.iter().zip(&mut rest).zip(&faults) {
                if let Some((_, fault)) = fault {
                    let n_steps = (fault.step + 1).saturating_sub(stream.step);
                    *rest = &rest[..rest.len().min(usize::try_from(n_steps).unwrap_or(usize::MAX))];
                }
            }
        }
        for (stream, (inputs, known)) in inputs.iter().zip(known).enumerate() {
            if let Some((part, fault)) = faults[stream] {
                return Err(EmulatorError::Fault(self.plan.fault(part, &fault)));
            }
            if let Some(&Some(token)) = inputs.get(known.len()) {
                return Err(EmulatorError::Token { token, vocab_size });
            }
        }
        Ok(logits)
    }

    /// Runs some steps of all streams, stage by stage; whether any part has met a fault.
    fn run_block(&mut self, steps: &[Steps], recording: bool) -> bool {
        let plan = Arc::clone(&self.plan);
        let n_feeds = plan.stages.iter().map(|stage| stage.feeds.len()).max().unwrap_or_default();
        self.heard.iter_mut().for_each(|heard| heard.resize_with(n_feeds, Heard::default));
        let n_threads = if plan.is_worth_threads { rayon::current_num_threads() } else { 1 };
        let block = Block {
            plan: &plan,
            kernel: self.kernel,
            host: &self.host,
            parts: self.parts.iter_mut().map(RwLock::new).collect(),
            heard: self.heard.each_mut().map(|heard| heard.iter_mut().map(RwLock::new).collect()),
            steps,
            has_fault: AtomicBool::new(false),
            recording,
        };
        team::run(&block, 2 * plan.stages.len(), n_threads);
        block.has_fault.into_inner()
    }

    /// The host sends the embeddings of the tokens that the next block begins with, and ticks.
    fn send(&mut self, rest: &mut [&[Option<u32>]], is_first: bool, lags: bool) -> Vec<Steps> {
        let Self { plan, streams, host, .. } = self;
        let latency_steps = u64::from(plan.program.host.latency_steps);
        let n_running = rest.iter().filter(|rest| !rest.is_empty()).count();
        let most = (BLOCK_TOKENS / n_running.max(1)).max(STREAM_TOKENS);
        let mut steps = Vec::with_capacity(rest.len());
        for ((stream, sent), rest) in streams.iter_mut().zip(host).zip(rest) {
            let (first, run_end) = (stream.step, stream.step + rest.len() as u64);
            let n_on_their_way = stream.due.partition_point(|&due| due + 1 < first + latency_steps);
            let (inputs, later) = rest.split_at(plan.steps_of_block(n_on_their_way, rest, most));
            *rest = later;
            for (step, token) in (first..).zip(inputs) {
                let Some(token) = *token else { continue };
                let row = embedding(&plan.program.host, token);
                sent.tokens.push((step, token));
                send_from_host(&plan.embedding, &mut sent.embedding, step, &row, &mut stream.host_events);
                send_from_host(&plan.tick, &mut sent.tick, step, &[1], &mut stream.host_events);
            }
            let end = first + inputs.len() as u64;
            let due = stream.due.iter().copied().take_while(|&due| due < end + plan.longest_lag).collect();
            steps.push(Steps { first, end, is_first, run_end, lags, due });
            stream.step = end;
            stream.counted.take();
        }
        steps
    }

    /// Notes the first fault of each stream. One that runs no steps may have had its fault before.
    fn note_faults(&self, inputs: &[&[Option<u32>]], faults: &mut [Option<(usize, PartFault)>]) {
        for (at, part) in self.parts.iter().enumerate() {
            let running = part.iter().zip(&mut *faults).zip(inputs).filter(|(_, inputs)| !inputs.is_empty());
            for ((part, first), _) in running {
                let Some(fault) = part.fault else { continue };
                if first.is_none_or(|(_, first)| (fault.step, fault.location) < (first.step, first.location)) {
                    *first = Some((at, fault));
                }
            }
        }
    }

    /// The host reads the logits that are due.
    fn read(&mut self, steps: &[Steps], logits: &mut [Vec<Vec<i32>>]) {
        let Self { plan, parts, streams, .. } = self;
        for (at, ((stream, steps), logits)) in streams.iter_mut().zip(steps).zip(logits).enumerate() {
            let end = steps.of(plan.output_lag).end();
            let n_due = stream.due.partition_point(|&due| due < end);
            for due in stream.due.drain(..n_due) {
                let mut outputs = vec![0; index(plan.program.host.n_outputs)];
                for (plan, part) in plan.parts.iter().zip(&*parts) {
                    let ports = plan.ports.iter().zip(&part[at].sent).filter(|(port, _)| port.has_outputs());
                    for (port, sent) in ports {
                        let Some((payloads, _)) = sent.in_step(due) else { continue };
                        for run in &port.outputs {
                            let payloads = &payloads[run.first_neuron..][..run.n];
                            let outputs = &mut outputs[index(run.first_output)..][..run.n];
                            outputs.iter_mut().zip(payloads).for_each(|(output, payload)| *output += payload);
                        }
                    }
                }
                logits.push(outputs);
            }
        }
    }

    /// Forgets what all have heard of the host; parts do the same when they run again.
    fn forget(&mut self, steps: &[Steps]) {
        let Self { plan, host, .. } = self;
        for (host, steps) in host.iter_mut().zip(steps) {
            for (port, sent) in [(&plan.embedding, &mut host.embedding), (&plan.tick, &mut host.tick)] {
                port.forget_heard(sent, steps.of(port.heard_lag.unwrap_or(0)).end());
            }
            let delay_steps = plan.embedding.delay_steps.max(plan.tick.delay_steps);
            host.tokens.retain(|&(step, _)| step + delay_steps >= steps.end);
        }
    }

    /// Tells an observer what the only stream did, in the order of the reference, up to a fault.
    fn tell(&mut self, observer: &mut impl Observer, fault: Option<(usize, PartFault)>) {
        let plan = &self.plan;
        let mut records: Vec<_> = self
            .parts
            .iter_mut()
            .enumerate()
            .flat_map(|(part, streams)| streams[0].records.drain(..).map(move |record| (part, record)))
            .collect();
        let place = |part: usize, record: &Record| {
            (record.step, plan.piece(part, record.lane).location(record.lane), record.order)
        };
        records.sort_by_cached_key(|(part, record)| place(*part, record));
        let end = fault.map(|(_, fault)| (fault.step, fault.location, fault.order));
        for (part, record) in records {
            if end.is_some_and(|end| place(part, &record) >= end) {
                break;
            }
            let site = plan.site(part, record.step, record.lane);
            match record.what {
                Shown::Spike(port, payload) => observer.spike(site, port, payload),
                Shown::Probe(probe, value) => {
                    let names = &plan.bodies[plan.parts[part].body].body.probes;
                    observer.probe(site, probe, &names[probe.index()], value);
                }
            }
        }
    }
}

impl Plan {
    /// In how many steps the host sends in one block, to a stream of whose tokens some are on their way. Either no more tokens
    /// than `most` are on their way then, or there are no more steps.
    fn steps_of_block(&self, n_on_their_way: usize, inputs: &[Option<u32>], most: usize) -> usize {
        if self.is_circular {
            return inputs.len().min(1);
        }
        let mut n_tokens = n_on_their_way;
        let fits = inputs.iter().enumerate().take_while(|&(step, token)| {
            n_tokens += usize::from(token.is_some());
            n_tokens <= most || step < most
        });
        fits.count()
    }

    fn piece(&self, part: usize, lane: usize) -> &Piece {
        self.parts[part].piece_at(lane).expect("invariant: what happens is some neuron's")
    }

    fn site(&self, part: usize, step: u64, lane: usize) -> Site {
        let piece = self.piece(part, lane);
        let number = |n: usize| u32::try_from(n).expect("invariant: cores and neurons have 32 bits");
        let neuron = piece.first_neuron + number(lane - piece.first_lane);
        Site { step, core: number(piece.core), group: self.parts[part].group, neuron }
    }

    fn fault(&self, part: usize, fault: &PartFault) -> Fault {
        let Site { step, core, group, neuron } = self.site(part, fault.step, fault.lane);
        Fault { step, core, group, neuron, pc: fault.pc, kind: fault.kind }
    }
}

fn parts(plan: &Plan, n_streams: usize) -> Vec<Vec<Part>> {
    plan.parts.iter().map(|part| vec![Part::new(plan, part); n_streams]).collect()
}

/// What the host's channels send for a token.
fn embedding(host: &Host, token: u32) -> Vec<i32> {
    host.payloads(token).map(i32::from).collect()
}

fn send_from_host(port: &PortPlan, sent: &mut Sent, step: u64, payloads: &[i32], events: &mut Events) {
    let mut n_sent = 0;
    for (at, class) in port.classes.iter().enumerate() {
        let n = payloads[class.neurons.clone()].iter().filter(|&&payload| payload != 0).count();
        n_sent += n as u64;
        events.messages += n as u64 * class.n_messages;
        let n_zero = class.neurons.len() as u64 - n as u64;
        sent.tally.add(step, port.classes.len(), at, Spikes { n_sent: n as u64, n_zero });
    }
    events.spikes += n_sent;
    events.zero_payloads += payloads.len() as u64 - n_sent;
    sent.push(step, payloads, port.extent(payloads), true);
}
