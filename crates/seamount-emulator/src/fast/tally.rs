//! What parts count while they run: as little as tells all, the rest is worked out when it is asked for.

use super::counting::RouteClass;
use super::kernels::Kernel;
use super::plan::PartPlan;
use crate::events::Events;

/// What a part has counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub all: Share,
    /// In the last step of the last block.
    pub last: Share,
    pub last_step: u64,
    /// In each step in which nothing happens.
    quiet: Share,
    /// The last of them in which something was counted by the ports, too.
    spiking_step: Option<u64>,
}

/// Counts of some steps. Spikes are counted by their [`Tally`].
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// Instructions of each neuron that all have executed.
    pub instructions: u64,
    /// What else has been counted, by piece; nothing in most steps.
    pieces: Vec<Events>,
}

/// What is counted in a step.
#[derive(Clone, Debug, Default)]
pub(super) struct StepCounts {
    pub share: Share,
    /// Whether a port was to send, if only zeros.
    pub has_spiked: bool,
    /// Whether anything was sent.
    pub has_sent: bool,
}

/// The spikes of a port, by class of routes; nothing if it was never to send.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Vec<OfClass>);

#[derive(Clone, Copy, Debug, Default)]
struct OfClass {
    all: Spikes,
    /// Those of the last steps in which there were any, of an even and of an odd one, each beside the step's number and one.
    recent: [(u64, Spikes); 2],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spikes {
    pub n_sent: u64,
    /// Payloads of zero, which are not sent.
    pub n_zero: u64,
}

impl Counts {
    /// Adds up what was counted in a step, which may be the last of the block.
    pub(super) fn charge(&mut self, counted: &mut StepCounts, step: u64, is_last: bool) {
        self.all.add(&counted.share, 1);
        if is_last {
            self.last.clone_from(&counted.share);
            self.last_step = step;
        }
        counted.clear();
    }

    /// Notes what a step counts as long as nothing arrives.
    pub(super) fn rest_as(&mut self, counted: &StepCounts, step: u64) {
        self.quiet.clone_from(&counted.share);
        self.spiking_step = counted.has_spiked.then_some(step);
    }

    /// The same, where it is known to be so many instructions of each neuron.
    pub(super) fn rest_with(&mut self, instructions: u64) {
        self.quiet.clear();
        self.quiet.instructions = instructions;
        self.spiking_step = None;
    }

    /// Adds up `n` steps in which nothing happens; `step` is the last of them, and perhaps of the block.
    pub(super) fn rest<'t>(&mut self, n: u64, step: u64, is_last: bool, tallies: impl Iterator<Item = &'t mut Tally>) {
        self.all.add(&self.quiet, n);
        if is_last {
            self.last.clone_from(&self.quiet);
        }
        self.last_step = step;
        if let Some(spiking_step) = &mut self.spiking_step {
            let from = std::mem::replace(spiking_step, step);
            tallies.for_each(|tally| tally.repeat(from, n, step));
        }
    }
}

impl Share {
    fn add(&mut self, other: &Self, times: u64) {
        self.instructions += other.instructions * times;
        if !other.pieces.is_empty() {
            let all = self.of_pieces(other.pieces.len());
            all.iter_mut().zip(&other.pieces).for_each(|(all, &events)| *all += events.times(times));
        }
    }

    fn clear(&mut self) {
        self.instructions = 0;
        self.pieces.clear();
    }

    /// What is rarely counted, by piece.
    pub(super) fn of_pieces(&mut self, n_pieces: usize) -> &mut [Events] {
        self.pieces.resize(n_pieces, Events::default());
        &mut self.pieces
    }

    /// Everything of a piece but its spikes.
    pub(super) fn events(&self, plan: &PartPlan, piece: usize) -> Events {
        let mut events = self.pieces.get(piece).copied().unwrap_or_default();
        events.instructions += self.instructions * plan.pieces[piece].n_neurons as u64;
        events
    }
}

impl StepCounts {
    fn clear(&mut self) {
        self.share.clear();
        (self.has_spiked, self.has_sent) = (false, false);
    }
}

impl Tally {
    /// Adds spikes of a class, one of `n_classes`. Steps ascend.
    #[inline(always)]
    pub(super) fn add(&mut self, step: u64, n_classes: usize, class: usize, spikes: Spikes) {
        if self.0.is_empty() {
            self.0.resize(n_classes, OfClass::default());
        }
        self.0[class].add(step, spikes);
    }

    pub(super) fn fetch(&self, kernel: Kernel) {
        kernel.fetch(&self.0);
    }

    /// Adds what was counted in a step `n` times more; `step` is the last of these.
    fn repeat(&mut self, from: u64, n: u64, step: u64) {
        for of_class in &mut self.0 {
            let once = of_class.in_step(from);
            of_class.add(step, once);
            of_class.all.n_sent += once.n_sent * (n - 1);
            of_class.all.n_zero += once.n_zero * (n - 1);
        }
    }

    pub(super) fn all(&self, class: usize) -> Spikes {
        self.0.get(class).map_or(Spikes::default(), |of_class| of_class.all)
    }

    /// Those of one of the last two steps.
    pub(super) fn in_step(&self, step: u64, class: usize) -> Spikes {
        self.0.get(class).map_or(Spikes::default(), |of_class| of_class.in_step(step))
    }
}

impl OfClass {
    #[inline(always)]
    fn add(&mut self, step: u64, spikes: Spikes) {
        let (stamp, recent) = &mut self.recent[usize::from(step % 2 == 1)];
        if *stamp != step + 1 {
            (*stamp, *recent) = (step + 1, Spikes::default());
        }
        for sum in [recent, &mut self.all] {
            sum.n_sent += spikes.n_sent;
            sum.n_zero += spikes.n_zero;
        }
    }

    fn in_step(&self, step: u64) -> Spikes {
        let (stamp, recent) = self.recent[usize::from(step % 2 == 1)];
        if stamp == step + 1 { recent } else { Spikes::default() }
    }
}

impl RouteClass {
    /// What spikes count where they are sent.
    pub(super) fn events(&self, Spikes { n_sent, n_zero }: Spikes) -> Events {
        Events {
            spikes: n_sent,
            zero_payloads: n_zero,
            messages: n_sent * self.n_messages,
            hops: n_sent * self.hops,
            chip_crossings: n_sent * self.chip_crossings,
            ..Events::default()
        }
    }
}
