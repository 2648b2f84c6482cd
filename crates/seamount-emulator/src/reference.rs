//! The reference engine: what happens in a step, in the order in which it happens.

use std::collections::VecDeque;
use std::sync::Arc;

use seamount_arch::Overflow;
use seamount_microcode::{PortId, ProbeId};
use seamount_program::{Dest, HOST_OUTPUT, Host, Program};

use crate::emulate::Keep;
use crate::error::{EmulatorError, Fault, FaultKind};
use crate::events::Events;
use crate::image::{BlockImage, CoreImage, Image, Route, Rows, SliceImage, index};
use crate::neuron::{Effects, Neuron, Scratch};
use crate::observer::{Observer, Site};
use crate::state::Snapshot;

/// A program in the middle of a run, one neuron and one instruction at a time.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    image: Arc<Image>,
    state: State,
}

#[derive(Clone, Debug)]
struct State {
    /// The number of the next step.
    step: u64,
    /// The steps in which logits are due.
    due: VecDeque<u64>,
    cores: Vec<CoreState>,
    /// Tokens that the host has sent and that may still arrive, by their age: the first is that of this step.
    tokens: VecDeque<Option<u32>>,
    /// What happened since the beginning, on each core.
    events: Vec<Events>,
    /// What happened in the last step, on each core.
    step_events: Vec<Events>,
    host_events: Events,
}

#[derive(Clone, Debug)]
struct CoreState {
    slices: Vec<SliceState>,
    /// Spikes that were sent and may still arrive, by their age: the first are those of the last step.
    sent: VecDeque<Vec<Sent>>,
    /// Synaptic operations of the messages that arrive in the next step.
    arriving_ops: u64,
}

#[derive(Clone, Debug)]
struct SliceState {
    /// `[n_neurons, n_slots]`
    slots: Vec<i32>,
    /// `[n_neurons, n_accumulators]`
    accumulators: Vec<i32>,
    /// What arrives in this step, by accumulator.
    arriving: Vec<Arrivals>,
}

/// Exact sums of weight × payload, on their way to one accumulator of every neuron of a slice.
#[derive(Clone, Debug)]
struct Arrivals {
    /// Whether any of `sums` may be other than zero.
    any: bool,
    /// `[n_neurons]`
    sums: Vec<i64>,
}

/// A payload on its way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// The core's number for the (slice, port, neuron) that sent it.
    source: usize,
    payload: i64,
}

impl Reference {
    /// A run of `program` at its beginning.
    pub(crate) fn new(program: Arc<Program>) -> Result<Self, EmulatorError> {
        let image = Arc::new(Image::new(program).map_err(EmulatorError::Invalid)?);
        let state = State::new(&image);
        Ok(Self { image, state })
    }

    pub(crate) fn reset(&mut self) {
        self.state = State::new(&self.image);
    }

    pub(crate) fn program(&self) -> &Arc<Program> {
        &self.image.program
    }

    pub(crate) fn n_steps(&self) -> u64 {
        self.state.step
    }

    /// How many steps it takes to send `n_tokens`, one every step, and to wait for all logits.
    pub(crate) fn steps_to_drain(&self, n_tokens: usize) -> usize {
        steps_to_drain(self.state.step, self.state.due.back().copied(), n_tokens, &self.image.program)
    }

    pub(crate) fn events(&self) -> &[Events] {
        &self.state.events
    }

    pub(crate) fn step_events(&self) -> &[Events] {
        &self.state.step_events
    }

    pub(crate) fn host_events(&self) -> Events {
        self.state.host_events
    }

    /// What a slot of a slice's neurons holds.
    pub(crate) fn slot_values(&self, core: usize, slice: usize, slot: usize) -> Vec<i32> {
        let image = &self.image.cores[core].slices[slice];
        let n_slots = self.image.bodies[image.body].slots.len();
        assert!(slot < n_slots, "slot {slot} of {n_slots}");
        self.state.cores[core].slices[slice].slots.iter().skip(slot).step_by(n_slots).copied().collect()
    }

    /// Slots and accumulators of a neuron, counted in its slice.
    pub(crate) fn neuron(&self, core: usize, slice: usize, neuron: usize) -> (&[i32], &[i32]) {
        let image = &self.image.cores[core].slices[slice];
        let body = &self.image.bodies[image.body];
        let (n_slots, n_accumulators) = (body.slots.len(), body.accumulators.len());
        let SliceState { slots, accumulators, .. } = &self.state.cores[core].slices[slice];
        (&slots[neuron * n_slots..][..n_slots], &accumulators[neuron * n_accumulators..][..n_accumulators])
    }

    /// What the run remembers.
    pub(crate) fn save(&self) -> Snapshot {
        let (reach, state) = (&self.image.reach, &self.state);
        let mut snapshot = Snapshot::initial(&self.image.program);
        snapshot.step = state.step;
        snapshot.due = state.due.iter().copied().collect();
        // After a fault, which leaves things half done, some would come before the first step.
        let sent_at = |age: usize| state.step.checked_sub(1 + age as u64);
        let tokens = state.tokens.iter().enumerate().filter_map(|(age, &token)| Some((sent_at(age)?, token?)));
        snapshot.tokens = tokens.collect();
        snapshot.tokens.reverse();
        snapshot.host_events = state.host_events;
        let cores = state.cores.iter().zip(&reach.sources).zip(&state.events);
        for (snapshot, ((core, reach), events)) in snapshot.cores.iter_mut().zip(cores) {
            snapshot.events = *events;
            snapshot.arriving_ops = core.arriving_ops;
            for (age, spikes) in core.sent.iter().enumerate() {
                let Some(step) = sent_at(age) else { continue };
                for &Sent { source, payload } in spikes.iter().filter(|sent| age < reach[sent.source]) {
                    snapshot.add_spike(step, source, payload);
                }
            }
            for (snapshot, slice) in snapshot.slices.iter_mut().zip(&core.slices) {
                snapshot.slots.clone_from(&slice.slots);
                snapshot.accumulators.clone_from(&slice.accumulators);
            }
        }
        snapshot
    }

    /// Goes on from what another run of the program remembered.
    pub(crate) fn load(&mut self, snapshot: &Snapshot) {
        self.reset();
        let (reach, state) = (&self.image.reach, &mut self.state);
        let age = |step: u64| usize::try_from(snapshot.step - 1 - step).expect("invariant: a delay");
        state.step = snapshot.step;
        state.due = snapshot.due.iter().copied().collect();
        state.tokens = vec![None; reach.host.saturating_sub(1)].into();
        for &(step, token) in &snapshot.tokens {
            state.tokens[age(step)] = Some(token);
        }
        state.host_events = snapshot.host_events;
        let cores = state.cores.iter_mut().zip(&mut state.events).zip(&reach.cores);
        for (((core, events), &reach), snapshot) in cores.zip(&snapshot.cores) {
            *events = snapshot.events;
            core.arriving_ops = snapshot.arriving_ops;
            core.sent = vec![Vec::new(); reach].into();
            for (&(step, source), &payload) in &snapshot.spikes {
                core.sent[age(step)].push(Sent { source, payload });
            }
            for (slice, snapshot) in core.slices.iter_mut().zip(&snapshot.slices) {
                slice.slots.clone_from(&snapshot.slots);
                slice.accumulators.clone_from(&snapshot.accumulators);
            }
        }
    }

    /// Runs a step for each input while `observer` looks on; gives the logits that were due.
    pub(crate) fn advance(
        &mut self,
        inputs: &[Option<u32>],
        keep: Keep,
        observer: &mut impl Observer,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        let mut logits = Vec::new();
        for &token in inputs {
            logits.extend(self.step(token, observer)?);
            keep.of(&mut logits);
        }
        Ok(logits)
    }

    fn step(&mut self, token: Option<u32>, observer: &mut impl Observer) -> Result<Option<Vec<i32>>, EmulatorError> {
        let mut step = self.begin(token)?;
        let image = Arc::clone(&self.image);
        for (core, core_image) in image.cores.iter().enumerate() {
            for (slice, slice_image) in core_image.slices.iter().enumerate() {
                for neuron in 0..slice_image.n_neurons {
                    step.at(core, slice, neuron);
                    self.run_neuron(&mut step, false, observer)?;
                }
            }
        }
        Ok(self.end(step))
    }

    /// First part of a step: the host sends, and every core receives.
    pub(crate) fn begin(&mut self, token: Option<u32>) -> Result<Step, EmulatorError> {
        self.send_token(token)?;
        let State { step, due, cores, step_events, .. } = &mut self.state;
        step_events.fill(Events::default());
        let is_due = due.front() == Some(step);
        if is_due {
            due.pop_front();
        }
        let n_cores = cores.len();
        self.receive();
        Ok(Step {
            core: 0,
            slice: 0,
            neuron: 0,
            scratch: Scratch::new(),
            sent: vec![Vec::new(); n_cores],
            arriving_ops: vec![0; n_cores],
            logits: is_due.then(|| vec![0; index(self.image.program.host.n_outputs)]),
        })
    }

    /// Last part of a step: counts are added up, and what was sent is on its way. Returns the logits if they were due.
    pub(crate) fn end(&mut self, step: Step) -> Option<Vec<i32>> {
        for (core, (sent, ops)) in self.state.cores.iter_mut().zip(step.sent.into_iter().zip(step.arriving_ops)) {
            core.sent.push_front(sent);
            core.arriving_ops = ops;
        }
        self.account();
        self.state.step += 1;
        step.logits
    }

    /// The host sends a token's embedding and the tick; both arrive in the step that is about to run.
    fn send_token(&mut self, token: Option<u32>) -> Result<(), EmulatorError> {
        let host = &self.image.program.host;
        let state = &mut self.state;
        if let Some(token) = token {
            if token >= host.vocab_size {
                return Err(EmulatorError::Token { token, vocab_size: host.vocab_size });
            }
            for (payload, dests) in host_payloads(host, token) {
                if payload == 0 {
                    state.host_events.zero_payloads += 1;
                    continue;
                }
                state.host_events.spikes += 1;
                state.host_events.messages += dests.len() as u64;
                for dest in dests {
                    let (core, axon) = (index(dest.core_idx), index(dest.axon));
                    state.cores[core].arriving_ops += self.image.axon_ops[core][axon];
                }
            }
            state.due.push_back(state.step + u64::from(host.latency_steps) - 1);
        }
        state.tokens.push_front(token);
        Ok(())
    }

    /// What arrives is added to the accumulators.
    fn receive(&mut self) {
        let (image, state) = (&*self.image, &mut self.state);
        for (age, token) in state.tokens.iter().enumerate() {
            let Some(token) = *token else { continue };
            for (payload, dests) in host_payloads(&image.program.host, token).filter(|&(payload, _)| payload != 0) {
                for &dest in dests {
                    arrive(image, &mut state.cores, dest, payload, age);
                }
            }
        }
        for (core, core_image) in image.cores.iter().enumerate() {
            // What a core hears of itself is added to it as well, so its spikes are taken out as long as they are read.
            let sent = std::mem::take(&mut state.cores[core].sent);
            for (age, spikes) in sent.iter().enumerate() {
                for &Sent { source, payload } in spikes {
                    for route in core_image.routes_of(source).iter().filter(|route| route.dest.core_idx != HOST_OUTPUT)
                    {
                        arrive(image, &mut state.cores, route.dest, payload, age);
                    }
                }
            }
            state.cores[core].sent = sent;
        }
        for (core, events) in state.cores.iter_mut().zip(&mut state.step_events) {
            events.synaptic_ops += std::mem::take(&mut core.arriving_ops);
            for slice in &mut core.slices {
                slice.accumulate(image, events);
            }
        }
    }

    /// Second part of a step, for each neuron in order: it runs, to the end or, with `once`, for one instruction.
    pub(crate) fn run_neuron(
        &mut self,
        step: &mut Step,
        once: bool,
        observer: &mut impl Observer,
    ) -> Result<(), Fault> {
        let (image, state) = (&*self.image, &mut self.state);
        let core_image = &image.cores[step.core];
        let slice_image = &core_image.slices[step.slice];
        let body = &image.bodies[slice_image.body];
        let (n_slots, n_accumulators) = (body.slots.len(), body.accumulators.len());
        let slice = &mut state.cores[step.core].slices[step.slice];
        let mut neuron = Neuron {
            word: image.word,
            slots: &mut slice.slots[step.neuron * n_slots..][..n_slots],
            accumulators: &mut slice.accumulators[step.neuron * n_accumulators..][..n_accumulators],
            events: &mut state.step_events[step.core],
        };
        let number = |n: usize| u32::try_from(n).expect("invariant: cores and neurons have 32 bits");
        let site = Site {
            step: state.step,
            core: number(step.core),
            group: slice_image.group,
            neuron: slice_image.first_neuron + number(step.neuron),
        };
        let mut outbox = Outbox {
            core: core_image,
            slice: slice_image,
            neuron_in_slice: step.neuron,
            payload_bits: image.payload_bits,
            axon_ops: &image.axon_ops,
            sent: &mut step.sent[step.core],
            arriving_ops: &mut step.arriving_ops,
            logits: step.logits.as_deref_mut(),
            probe_names: &body.probes,
            site,
            observer,
        };
        let done = match body.instructions.get(step.scratch.pc) {
            Some(&instr) if once => neuron.execute(instr, &mut step.scratch, &mut outbox),
            Some(_) | None => neuron.run(body, &mut step.scratch, &mut outbox),
        };
        done.map_err(|(pc, kind)| site.fault(pc, kind))
    }

    /// Adds the step's counts to the run's, moves those of cores that the host plays to the host, and forgets what has
    /// arrived everywhere.
    fn account(&mut self) {
        let State { events, step_events, host_events, cores, tokens, .. } = &mut self.state;
        for ((total, step), core) in events.iter_mut().zip(step_events).zip(&self.image.cores) {
            if core.on_host {
                *host_events += std::mem::take(step);
            }
            *total += *step;
        }
        for (core, reach) in cores.iter_mut().zip(&self.image.reach.cores) {
            core.sent.truncate(*reach);
        }
        tokens.truncate(self.image.reach.host.saturating_sub(1));
    }
}

/// How many steps it takes from `step` on, where the last logits are due in step `due`, to send `n_tokens` and to wait for
/// all logits.
pub(crate) fn steps_to_drain(step: u64, due: Option<u64>, n_tokens: usize, program: &Program) -> usize {
    let last = match n_tokens {
        0 => due,
        _ => Some(step + n_tokens as u64 + u64::from(program.host.latency_steps) - 2),
    };
    let n_steps = last.map_or(0, |last| last + 1 - step);
    usize::try_from(n_steps).expect("invariant: as many steps as there are tokens and steps of latency")
}

impl State {
    fn new(image: &Image) -> Self {
        let cores = image.program.cores.iter().zip(&image.cores);
        let cores: Vec<_> = cores
            .map(|(core, core_image)| {
                let slices = core.slices.iter().zip(&core_image.slices);
                let slices = slices.map(|(slice, image)| SliceState::new(&slice.slots, image)).collect();
                CoreState { slices, sent: VecDeque::new(), arriving_ops: 0 }
            })
            .collect();
        Self {
            step: 0,
            due: VecDeque::new(),
            tokens: VecDeque::new(),
            events: vec![Events::default(); cores.len()],
            step_events: vec![Events::default(); cores.len()],
            host_events: Events::default(),
            cores,
        }
    }
}

impl SliceState {
    fn new(slots: &[i32], image: &SliceImage) -> Self {
        let none = Arrivals { any: false, sums: vec![0; image.n_neurons] };
        Self {
            slots: slots.to_vec(),
            accumulators: vec![0; image.n_neurons * image.n_accumulators],
            arriving: vec![none; image.n_accumulators],
        }
    }

    /// Adds what arrives now to the accumulators. The sum of a step is exact, and the overflow rule is applied to it once,
    /// so that the order of the messages does not matter.
    fn accumulate(&mut self, image: &Image, events: &mut Events) {
        let n_accumulators = self.arriving.len();
        for (acc, now) in self.arriving.iter_mut().enumerate() {
            if now.any {
                let values = self.accumulators.iter_mut().skip(acc).step_by(n_accumulators);
                for (value, sum) in values.zip(&mut now.sums) {
                    let exact = i64::from(*value) + std::mem::take(sum);
                    let outcome = match image.overflow {
                        Overflow::Saturate => image.accumulator.saturate(exact),
                        Overflow::Wrap => image.accumulator.wrap(exact),
                    };
                    events.accumulator_overflows += u64::from(outcome.saturated);
                    *value = outcome.value;
                }
                now.any = false;
            }
        }
    }
}

impl Arrivals {
    /// Adds weight × payload for all weights of an axon.
    fn add(&mut self, block: &BlockImage, axon: u32, payload: i64) {
        self.any = true;
        let row = if block.is_shared { 0 } else { index(axon - block.first_axon) };
        match &block.rows {
            Rows::Dense { n_neurons, weights } => {
                let weights = &weights[row * n_neurons..][..*n_neurons];
                for (sum, &weight) in self.sums.iter_mut().zip(weights) {
                    *sum += i64::from(weight) * payload;
                }
            }
            Rows::Sparse { n_per_row, entries } => {
                for &(neuron, weight) in &entries[row * n_per_row..][..*n_per_row] {
                    self.sums[usize::from(neuron)] += i64::from(weight) * payload;
                }
            }
        }
    }
}

/// What the host sends for a token, and where to: its embedding, and the tick.
fn host_payloads(host: &Host, token: u32) -> impl Iterator<Item = (i64, &[Dest])> {
    let channels = host.payloads(token).enumerate();
    let input = channels.map(|(channel, payload)| (payload.into(), host.input.of(channel)));
    input.chain(std::iter::once((1, host.tick.as_slice())))
}

/// Adds a payload of some age to what its destination's synapses of as long a delay feed.
fn arrive(image: &Image, cores: &mut [CoreState], dest: Dest, payload: i64, age: usize) {
    let core = index(dest.core_idx);
    for block in image.cores[core].blocks_of(dest.axon).filter(|block| block.delay_steps == age) {
        cores[core].slices[block.slice].arriving[block.acc].add(block, dest.axon, payload);
    }
}

/// A step that is being run: which neuron, how far, and what was sent so far.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub core: usize,
    pub slice: usize,
    /// Counted in the slice.
    pub neuron: usize,
    pub scratch: Scratch,
    /// By core.
    sent: Vec<Vec<Sent>>,
    /// Synaptic operations of what is sent, by the core that receives it.
    arriving_ops: Vec<u64>,
    /// The outputs, if logits are due.
    logits: Option<Vec<i32>>,
}

impl Step {
    /// Whether logits come in this step.
    pub(crate) fn awaits_logits(&self) -> bool {
        self.logits.is_some()
    }

    /// Goes to the beginning of a neuron's run.
    pub(crate) fn at(&mut self, core: usize, slice: usize, neuron: usize) {
        (self.core, self.slice, self.neuron) = (core, slice, neuron);
        self.scratch.begin();
    }
}

/// Where the spikes and probes of one neuron go.
struct Outbox<'a, O> {
    core: &'a CoreImage,
    slice: &'a SliceImage,
    neuron_in_slice: usize,
    payload_bits: u32,
    axon_ops: &'a [Vec<u64>],
    sent: &'a mut Vec<Sent>,
    arriving_ops: &'a mut [u64],
    /// The outputs, if logits are due.
    logits: Option<&'a mut [i32]>,
    probe_names: &'a [String],
    site: Site,
    observer: &'a mut O,
}

impl<O: Observer> Effects for Outbox<'_, O> {
    fn spike(&mut self, events: &mut Events, port: PortId, payload: i32) -> Result<(), FaultKind> {
        if payload == 0 {
            events.zero_payloads += 1;
            return Ok(());
        }
        let sign = payload >> (self.payload_bits - 1);
        if sign != 0 && sign != -1 {
            return Err(FaultKind::PayloadWidth { payload, bits: self.payload_bits });
        }
        self.observer.spike(self.site, port, payload);
        let source = self.slice.first_source + port.index() * self.slice.n_neurons + self.neuron_in_slice;
        let routes = self.core.routes_of(source);
        self.sent.push(Sent { source, payload: payload.into() });
        events.spikes += 1;
        events.messages += routes.len() as u64;
        for &Route { dest, hops, chip_crossings } in routes {
            events.hops += u64::from(hops);
            events.chip_crossings += u64::from(chip_crossings);
            if dest.core_idx == HOST_OUTPUT {
                let stray = FaultKind::StrayOutput { output: dest.axon };
                let logit = &mut self.logits.as_deref_mut().ok_or(stray)?[index(dest.axon)];
                *logit = logit.saturating_add(payload);
            } else {
                let core = index(dest.core_idx);
                self.arriving_ops[core] += self.axon_ops[core][index(dest.axon)];
            }
        }
        Ok(())
    }

    fn probe(&mut self, probe: ProbeId, value: i32) {
        self.observer.probe(self.site, probe, &self.probe_names[probe.index()], value);
    }
}

impl Site {
    fn fault(self, pc: usize, kind: FaultKind) -> Fault {
        Fault { step: self.step, core: self.core, group: self.group, neuron: self.neuron, pc, kind }
    }
}
