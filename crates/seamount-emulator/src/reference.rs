//! The reference engine: what happens in a step, in the order in which it happens.

use std::collections::VecDeque;
use std::sync::Arc;

use seamount_arch::Overflow;
use seamount_microcode::{PortId, ProbeId};
use seamount_program::{HOST_OUTPUT, Program};

use crate::error::{EmulatorError, Fault, FaultKind};
use crate::events::Events;
use crate::image::{BlockImage, CoreImage, Image, Route, Rows, SliceImage, index};
use crate::neuron::{Effects, Neuron, Scratch};
use crate::observer::{Observer, Site};

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
    /// Messages that arrive at each core in the next step.
    inboxes: Vec<Vec<Message>>,
    /// What happened since the beginning, on each core.
    events: Vec<Events>,
    /// What happened in the last step, on each core.
    step_events: Vec<Events>,
    host_events: Events,
}

#[derive(Clone, Debug)]
struct CoreState {
    slices: Vec<SliceState>,
}

#[derive(Clone, Debug)]
struct SliceState {
    /// `[n_neurons, n_slots]`
    slots: Vec<i32>,
    /// `[n_neurons, n_accumulators]`
    accumulators: Vec<i32>,
    /// For each accumulator what arrives in this step, the next one, and so on up to the longest delay.
    arriving: Vec<VecDeque<Arrivals>>,
}

/// Exact sums of weight × payload, on their way to one accumulator of every neuron of a slice.
#[derive(Clone, Debug)]
struct Arrivals {
    /// Whether any of `sums` may be other than zero.
    any: bool,
    /// `[n_neurons]`
    sums: Vec<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    axon: u32,
    payload: i32,
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

    /// Runs a step for each input while `observer` looks on; gives the logits that were due.
    pub(crate) fn advance(
        &mut self,
        inputs: &[Option<u32>],
        observer: &mut impl Observer,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        let mut logits = Vec::new();
        for &token in inputs {
            logits.extend(self.step(token, observer)?);
        }
        Ok(logits)
    }

    fn step(&mut self, token: Option<u32>, observer: &mut impl Observer) -> Result<Option<Vec<i32>>, EmulatorError> {
        if let Some(token) = token {
            self.send_token(token)?;
        }
        self.state.step_events.fill(Events::default());
        self.receive();
        let logits = self.run_neurons(observer)?;
        self.account();
        self.state.step += 1;
        Ok(logits)
    }

    /// The host sends a token's embedding and the tick; both arrive in the step that is about to run.
    fn send_token(&mut self, token: u32) -> Result<(), EmulatorError> {
        let host = &self.image.program.host;
        if token >= host.vocab_size {
            return Err(EmulatorError::Token { token, vocab_size: host.vocab_size });
        }
        let state = &mut self.state;
        let width = index(host.width);
        let channels = &host.embedding[index(token) * width..][..width];
        let tick = std::iter::once((1, host.tick.as_slice()));
        let input = channels.iter().enumerate().map(|(channel, &payload)| (payload.into(), host.input.of(channel)));
        for (payload, dests) in input.chain(tick) {
            if payload == 0 {
                state.host_events.zero_payloads += 1;
                continue;
            }
            state.host_events.spikes += 1;
            state.host_events.messages += dests.len() as u64;
            for dest in dests {
                state.inboxes[index(dest.core_idx)].push(Message { axon: dest.axon, payload });
            }
        }
        state.due.push_back(state.step + u64::from(host.latency_steps) - 1);
        Ok(())
    }

    /// First part of a step: what arrives is added to the accumulators.
    fn receive(&mut self) {
        let State { cores, inboxes, step_events, .. } = &mut self.state;
        for (((core, image), inbox), events) in cores.iter_mut().zip(&self.image.cores).zip(inboxes).zip(step_events) {
            for message in inbox.drain(..) {
                for block in image.blocks_of(message.axon) {
                    let arriving = &mut core.slices[block.slice].arriving[block.acc][block.delay_steps];
                    events.synaptic_ops += arriving.add(block, message);
                }
            }
            for slice in &mut core.slices {
                slice.accumulate(&self.image, events);
            }
        }
    }

    /// Second part of a step: every neuron runs. Returns the logits if they are due.
    fn run_neurons(&mut self, observer: &mut impl Observer) -> Result<Option<Vec<i32>>, Fault> {
        let State { step, due, cores, inboxes, step_events, .. } = &mut self.state;
        let step = *step;
        let mut logits = (due.front() == Some(&step)).then(|| vec![0; index(self.image.program.host.n_outputs)]);
        if logits.is_some() {
            due.pop_front();
        }
        let mut scratch = Scratch::new();
        for (core_idx, ((core, image), events)) in (0..).zip(cores.iter_mut().zip(&self.image.cores).zip(step_events)) {
            for (slice, slice_image) in core.slices.iter_mut().zip(&image.slices) {
                let body = &self.image.bodies[slice_image.body];
                let (n_slots, n_accumulators) = (body.slots.len(), body.accumulators.len());
                let mut site =
                    Site { step, core: core_idx, group: slice_image.group, neuron: slice_image.first_neuron };
                for k in 0..slice_image.n_neurons {
                    let mut neuron = Neuron {
                        word: self.image.word,
                        slots: &mut slice.slots[k * n_slots..][..n_slots],
                        accumulators: &mut slice.accumulators[k * n_accumulators..][..n_accumulators],
                        events,
                    };
                    let mut outbox = Outbox {
                        core: image,
                        slice: slice_image,
                        neuron_in_slice: k,
                        payload_bits: self.image.payload_bits,
                        inboxes,
                        logits: logits.as_deref_mut(),
                        probe_names: &body.probes,
                        site,
                        observer,
                    };
                    neuron.run(body, &mut scratch, &mut outbox).map_err(|(pc, kind)| site.fault(pc, kind))?;
                    site.neuron += 1;
                }
            }
        }
        Ok(logits)
    }

    /// Adds the step's counts to the run's, and moves those of cores that the host plays to the host.
    fn account(&mut self) {
        let State { events, step_events, host_events, .. } = &mut self.state;
        for ((total, step), core) in events.iter_mut().zip(step_events).zip(&self.image.cores) {
            if core.on_host {
                *host_events += std::mem::take(step);
            }
            *total += *step;
        }
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
                CoreState { slices: slices.map(|(slice, image)| SliceState::new(&slice.slots, image)).collect() }
            })
            .collect();
        Self {
            step: 0,
            due: VecDeque::new(),
            inboxes: vec![Vec::new(); cores.len()],
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
            accumulators: vec![0; image.n_neurons * image.delays.len()],
            arriving: image.delays.iter().map(|&delay| vec![none.clone(); delay + 1].into()).collect(),
        }
    }

    /// Adds what arrives now to the accumulators. The sum of a step is exact, and the overflow rule is applied to it once,
    /// so that the order of the messages does not matter.
    fn accumulate(&mut self, image: &Image, events: &mut Events) {
        let n_accumulators = self.arriving.len();
        for (acc, arriving) in self.arriving.iter_mut().enumerate() {
            let now = &mut arriving[0];
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
            // What was now is empty again, and becomes the furthest step.
            arriving.rotate_left(1);
        }
    }
}

impl Arrivals {
    /// Adds weight × payload for all weights of the message's axon; returns how many there are.
    fn add(&mut self, block: &BlockImage, message: Message) -> u64 {
        self.any = true;
        let payload = i64::from(message.payload);
        let row = if block.is_shared { 0 } else { index(message.axon - block.first_axon) };
        match &block.rows {
            Rows::Dense { n_neurons, weights } => {
                let weights = &weights[row * n_neurons..][..*n_neurons];
                for (sum, &weight) in self.sums.iter_mut().zip(weights) {
                    *sum += i64::from(weight) * payload;
                }
                *n_neurons as u64
            }
            Rows::Sparse { n_per_row, entries } => {
                for &(neuron, weight) in &entries[row * n_per_row..][..*n_per_row] {
                    self.sums[usize::from(neuron)] += i64::from(weight) * payload;
                }
                *n_per_row as u64
            }
        }
    }
}

/// Where the spikes and probes of one neuron go.
struct Outbox<'a, O> {
    core: &'a CoreImage,
    slice: &'a SliceImage,
    neuron_in_slice: usize,
    payload_bits: u32,
    inboxes: &'a mut [Vec<Message>],
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
        let routes = &self.core.routes[self.core.first_routes[source]..self.core.first_routes[source + 1]];
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
                self.inboxes[index(dest.core_idx)].push(Message { axon: dest.axon, payload });
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
