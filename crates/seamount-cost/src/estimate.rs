//! Time and energy of a token.

use std::num::NonZeroU32;

use seamount_arch::Status;
use serde::{Deserialize, Serialize};

use crate::constants::{Corner, Costs};
use crate::rates::Rates;
use crate::term::{Bound, EnergyTerm, TimeTerm};
use crate::work::{CoreWork, Step, Wavefront};

/// How tokens follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One at a time: the next enters when the logits of the one before have left. This is how one text is generated.
    FallThrough,
    /// One every step. This is how a prompt is read.
    Pipelined,
    /// As many independent texts, walking behind each other at equal distances.
    Streams(NonZeroU32),
}

/// What a wavefront takes in a mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// How tokens follow each other.
    pub mode: Mode,
    /// Steps from a token to the next that enters, whatever text it belongs to.
    pub steps_per_token: u32,
    /// Steps from a token to its logits.
    pub latency_steps: u32,
    /// The steps from one entering token to the next, in their order; they repeat.
    pub steps: Vec<StepTime>,
    /// Time from a token to the next that enters.
    pub token_ns: Interval,
    /// Time from a token to its logits.
    pub latency_ns: Interval,
    /// Tokens of all texts.
    pub tokens_per_s: Interval,
    /// Energy of a token.
    pub energy: Energy,
    /// What most of `token_ns` is spent on.
    pub bound: Bound,
    /// `token_ns` by what it is charged by, what is zero left out.
    pub time_parts: Vec<Part<TimeTerm>>,
    /// How well the constants are known on which `token_ns` rests.
    pub time_rests_on: Shares,
}

/// What a step takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepTime {
    /// All of it, barrier included.
    pub ns: f64,
    /// What most of it is spent on.
    pub bound: Bound,
    /// The core that takes longest, if a core does.
    pub core: Option<u32>,
    /// The link that takes longest, if it takes longer than every core.
    pub link: Option<u32>,
}

/// Energy of a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// All of it.
    pub mj: Interval,
    /// Of the powered chips, whatever they do.
    pub static_mj: f64,
    /// Of the events.
    pub dynamic_mj: f64,
    /// What most of it is spent on.
    pub bound: Bound,
    /// By what it is charged by in mJ, what is zero left out.
    pub parts: Vec<Part<EnergyTerm>>,
    /// How well the constants are known on which it rests; static energy rests on those of time as well.
    pub rests_on: Shares,
}

/// A value and the ends of what is believed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lesser end.
    pub low: f64,
    /// With the constants as they are charged.
    pub value: f64,
    /// The greater end.
    pub high: f64,
}

/// A part of a sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part<T> {
    /// What it is charged by.
    pub term: T,
    /// How much, in the unit of the sum.
    pub amount: f64,
    /// How well the parameter is known.
    pub status: Status,
}

/// Shares of a result by how well the constants are known that it rests on; together 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// On published ones.
    pub published: f64,
    /// On measured ones, fits included.
    pub measured: f64,
    /// On assumptions.
    pub assumed: f64,
}

impl Mode {
    /// Steps from one entering token to the next.
    #[must_use]
    pub fn spacing(self, latency_steps: u32) -> u32 {
        match self {
            Self::FallThrough => latency_steps.max(1),
            Self::Pipelined => 1,
            Self::Streams(n_streams) => latency_steps.div_ceil(n_streams.get()).max(1),
        }
    }
}

impl Costs {
    /// Time and energy of a token of a wavefront.
    #[must_use]
    pub fn estimate(&self, wavefront: &Wavefront, mode: Mode) -> Estimate {
        let latency_steps = wavefront.latency_steps();
        let spacing = mode.spacing(latency_steps);
        let [best, stated, worst] = [Corner::Best, Corner::Stated, Corner::Worst]
            .map(|corner| Account::of(self.rates(corner), wavefront, spacing));
        let token_ns = Interval { low: best.ns(), value: stated.ns(), high: worst.ns() };
        let laps = f64::from(latency_steps) / f64::from(spacing);
        let time_parts = parts(&TimeTerm::ALL, &stated.time, |term| self.time_status(term));
        let time_rests_on = Shares::of(time_parts.iter().map(|part| (part.status, part.amount)));
        let energy = self.energy([&best, &stated, &worst], &time_rests_on);
        Estimate {
            mode,
            steps_per_token: spacing,
            latency_steps,
            token_ns,
            latency_ns: token_ns.map(|ns| ns * laps),
            tokens_per_s: token_ns.map(|ns| if ns > 0.0 { 1e9 / ns } else { 0.0 }),
            energy,
            bound: largest(time_parts.iter().map(|part| (part.term.bound(), part.amount)), Bound::Barrier),
            time_parts,
            time_rests_on,
            steps: stated.steps,
        }
    }

    fn energy(&self, corners: [&Account; 3], time_rests_on: &Shares) -> Energy {
        let [low, value, high] = corners.map(|account| account.energy.iter().sum::<f64>());
        let stated = corners[1];
        let parts = parts(&EnergyTerm::ALL, &stated.energy, |term| self.energy_status(term));
        let static_mj = stated.energy[EnergyTerm::Static as usize];
        // Power times time is as well known as the worse known of the two.
        let of_power = Status::ALL.map(|status| {
            (worse(self.energy_status(EnergyTerm::Static), status), static_mj * time_rests_on.share(status))
        });
        let of_events = parts.iter().filter(|part| part.term != EnergyTerm::Static);
        let rests_on = Shares::of(of_events.map(|part| (part.status, part.amount)).chain(of_power));
        Energy {
            mj: Interval { low, value, high },
            static_mj,
            dynamic_mj: value - static_mj,
            bound: largest(parts.iter().map(|part| (part.term.bound(), part.amount)), Bound::StaticPower),
            parts,
            rests_on,
        }
    }
}

impl Interval {
    /// The image under a monotone function.
    pub(crate) fn map(self, function: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (function(self.low), function(self.high));
        Self { low: a.min(b), value: function(self.value), high: a.max(b) }
    }
}

impl Shares {
    /// The share of a status.
    #[must_use]
    pub fn share(&self, status: Status) -> f64 {
        match status {
            Status::Published => self.published,
            Status::Measured => self.measured,
            Status::Assumed => self.assumed,
        }
    }

    fn of(amounts: impl Iterator<Item = (Status, f64)>) -> Self {
        let mut sums = [0.0; 3];
        for (status, amount) in amounts {
            sums[status as usize] += amount;
        }
        let total: f64 = sums.iter().sum();
        let share = |status: Status| if total > 0.0 { sums[status as usize] / total } else { 0.0 };
        Self { published: share(Status::Published), measured: share(Status::Measured), assumed: share(Status::Assumed) }
    }
}

/// The sums of the steps from one entering token to the next, at one corner.
struct Account {
    steps: Vec<StepTime>,
    /// By [`TimeTerm`], in ns.
    time: [f64; TimeTerm::ALL.len()],
    /// By [`EnergyTerm`], in mJ.
    energy: [f64; EnergyTerm::ALL.len()],
}

impl Account {
    fn of(rates: &Rates, wavefront: &Wavefront, spacing: u32) -> Self {
        let mut account = Self {
            steps: Vec::with_capacity(spacing as usize),
            time: [0.0; TimeTerm::ALL.len()],
            energy: [0.0; EnergyTerm::ALL.len()],
        };
        let mut moment = Moment::quiet(wavefront);
        for phase in 0..spacing as usize {
            for step in wavefront.steps.iter().skip(phase).step_by(spacing as usize) {
                moment.enter(step);
                account.charge(rates, wavefront, step);
            }
            let (step, terms) = moment.time(rates);
            account.steps.push(step);
            for (term, ns) in terms {
                account.time[term as usize] += ns;
            }
            moment.clear(wavefront.steps.iter().skip(phase).step_by(spacing as usize));
        }
        let quiet = wavefront.quiet.iter().fold(CoreWork::default(), |mut sum, &work| {
            sum += work;
            sum
        });
        for (term, pj) in rates.core_energy(&(quiet * f64::from(spacing))) {
            account.energy[term as usize] += pj;
        }
        account.energy[EnergyTerm::Static as usize] = rates.static_pj(wavefront.n_chips, account.ns());
        account.energy = account.energy.map(|pj| pj * PJ);
        account
    }

    /// Adds the energy of what a token does in a step.
    fn charge(&mut self, rates: &Rates, wavefront: &Wavefront, step: &Step) {
        for (_, work) in &step.cores {
            for (term, pj) in rates.core_energy(work) {
                self.energy[term as usize] += pj;
            }
        }
        for &(link, n_messages) in &step.links {
            let (term, pj) = rates.link_energy(wavefront.links[link as usize], n_messages);
            self.energy[term as usize] += pj;
        }
    }

    fn ns(&self) -> f64 {
        self.steps.iter().map(|step| step.ns).sum()
    }
}

/// A picojoule in millijoules.
const PJ: f64 = 1e-9;

/// What all tokens that are on their way make cores and links do at one moment.
pub(crate) struct Moment<'a> {
    wavefront: &'a Wavefront,
    cores: Vec<CoreWork>,
    links: Vec<f64>,
}

impl<'a> Moment<'a> {
    pub(crate) fn quiet(wavefront: &'a Wavefront) -> Self {
        Self { wavefront, cores: wavefront.quiet.clone(), links: vec![0.0; wavefront.links.len()] }
    }

    /// A token does what it does in `step`.
    pub(crate) fn enter(&mut self, step: &Step) {
        for &(core, work) in &step.cores {
            self.cores[core as usize] += work;
        }
        for &(link, n_messages) in &step.links {
            self.links[link as usize] += n_messages;
        }
    }

    /// Forgets the tokens, which were in `steps`.
    fn clear<'s>(&mut self, steps: impl Iterator<Item = &'s Step>) {
        for step in steps {
            for &(core, _) in &step.cores {
                self.cores[core as usize] = self.wavefront.quiet[core as usize];
            }
            for &(link, _) in &step.links {
                self.links[link as usize] = 0.0;
            }
        }
    }

    /// The time of the moment and what it is made of.
    fn time(&self, rates: &Rates) -> (StepTime, Vec<(TimeTerm, f64)>) {
        let mut slowest = (0.0, None, None);
        for (core, work) in (0..).zip(&self.cores) {
            let ns = rates.core_ns(work);
            if ns > slowest.0 {
                slowest = (ns, Some(core), None);
            }
        }
        for (link, (&kind, &n_messages)) in (0..).zip(self.wavefront.links.iter().zip(&self.links)) {
            let ns = rates.link_ns(kind, n_messages);
            if ns > slowest.0 {
                slowest = (ns, None, Some(link));
            }
        }
        let (work_ns, core, link) = slowest;
        let mut terms = match (core, link) {
            (Some(core), _) => rates.core_terms(&self.cores[core as usize]),
            (None, Some(link)) => vec![(rates.link_term(self.wavefront.links[link as usize]), work_ns)],
            (None, None) => vec![],
        };
        terms.push((TimeTerm::Barrier, rates.barrier_ns));
        let barriers_ns = rates.barriers_ns(self.wavefront.n_chips);
        terms.push((TimeTerm::SystemBarrier, barriers_ns - rates.barrier_ns));
        let bound = largest(terms.iter().map(|&(term, ns)| (term.bound(), ns)), Bound::Barrier);
        (StepTime { ns: work_ns + barriers_ns, bound, core, link }, terms)
    }

    /// The time of the moment.
    pub(crate) fn ns(&self, rates: &Rates) -> f64 {
        let cores = self.cores.iter().map(|work| rates.core_ns(work));
        let links = self.wavefront.links.iter().zip(&self.links).map(|(&kind, &n)| rates.link_ns(kind, n));
        cores.chain(links).fold(0.0, f64::max) + rates.barriers_ns(self.wavefront.n_chips)
    }

    /// A token leaves `step`.
    pub(crate) fn leave(&mut self, step: &Step) {
        for &(core, work) in &step.cores {
            self.cores[core as usize] -= work;
        }
        for &(link, n_messages) in &step.links {
            self.links[link as usize] -= n_messages;
        }
    }
}

/// What most is spent on; the first of [`Bound::ALL`] among equals, `otherwise` if nothing is spent.
fn largest(amounts: impl Iterator<Item = (Bound, f64)>, otherwise: Bound) -> Bound {
    let mut sums = [0.0; Bound::ALL.len()];
    for (bound, amount) in amounts {
        sums[bound as usize] += amount;
    }
    let mut most = (0.0, otherwise);
    for (bound, sum) in Bound::ALL.into_iter().zip(sums) {
        if sum > most.0 {
            most = (sum, bound);
        }
    }
    most.1
}

fn parts<T: Copy>(terms: &[T], amounts: &[f64], status: impl Fn(T) -> Status) -> Vec<Part<T>> {
    let spent = terms.iter().zip(amounts).filter(|&(_, &amount)| amount > 0.0);
    spent.map(|(&term, &amount)| Part { term, amount, status: status(term) }).collect()
}

/// The worse known of two.
fn worse(a: Status, b: Status) -> Status {
    if a as usize > b as usize { a } else { b }
}
