//! Looks for the mapping that an objective asks for.
//!
//! Where one token is on its way at a time, two numbers decide between few cores and short steps: how much time a core is
//! worth, and over how many cores a step may be spread. They give each step a time (`pace.rs`), and slices of the sizes that
//! keep it are spread over cores (`spread.rs`). Pairs on a grid are tried, then more around the best.
//!
//! Where tokens follow each other, one number decides: how long a core may work in a phase. It is narrowed down to the one
//! with the least time on the chips that may be used, and for the least energy the number of chips as well.

use std::collections::BTreeSet;

use rayon::prelude::*;
use seamount_cost::Mode;

use crate::chips::Chips;
use crate::demand::Demand;
use crate::fill::{Style, Worth};
use crate::load::Slice;
use crate::options::{Effort, Objective, Options};
use crate::pace::{Kinds, Pace};
use crate::plan::{Target, count_readers};
use crate::spread::Evenly;
use crate::tight::{Cores, SLICE_COST, Way, all, settle, tries};
use crate::work::{Phase, Work, add};

/// A mapping and what it comes to.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) cores: Cores,
    pub(crate) n_chips: u32,
    /// Time from a token to the next.
    pub(crate) token_ns: f64,
}

pub(crate) struct Search<'a> {
    demand: &'a Demand<'a>,
    work: &'a Work,
    chips: &'a Chips,
    options: &'a Options,
    /// Whether time is up.
    stop: &'a (dyn Fn() -> bool + Sync),
    spacing: u32,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        demand: &'a Demand<'a>,
        work: &'a Work,
        chips: &'a Chips,
        options: &'a Options,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        let mode = match options.objective {
            Objective::Throughput => Mode::Pipelined,
            Objective::Chips | Objective::Latency | Objective::Energy => Mode::Streams(options.n_streams),
        };
        let spacing = mode.spacing(work.n_steps);
        Self { demand, work, chips, options, stop, spacing }
    }

    /// The best mapping; nothing if none was found that keeps all limits.
    pub(crate) fn run(&self) -> Option<Candidate> {
        let tries = tries();
        let n_tries = if self.options.effort >= Effort::High { tries.len() } else { 4 };
        let found = all(self.demand, self.work, self.spacing, &tries[..n_tries]);
        let found = found.into_iter().map(|cores| self.candidate(cores));
        let rank =
            |a: &Candidate, b: &Candidate| (a.cores.len().cmp(&b.cores.len())).then(a.token_ns.total_cmp(&b.token_ns));
        let smallest = found.min_by(rank)?;
        if smallest.n_chips > self.chips.n_allowed() {
            return Some(smallest);
        }
        let most = self.chips.n_allowed();
        let best = match self.options.objective {
            Objective::Chips => smallest,
            Objective::Latency | Objective::Energy if !self.shares_phases() => self.spread(smallest),
            Objective::Latency | Objective::Throughput => {
                // Fewer chips may be faster: one chip ends its steps sooner than several.
                let of = |n_chips: u32| self.fastest(&smallest, n_chips);
                let (few, many) = rayon::join(|| of(smallest.n_chips), || of(most));
                if few.token_ns <= many.token_ns { few } else { many }
            }
            Objective::Energy => {
                let n_chips = steps_between(smallest.n_chips, most);
                let found: Vec<Candidate> =
                    n_chips.into_par_iter().map(|n_chips| self.fastest(&smallest, n_chips)).collect();
                let least = found.into_iter().min_by(|a, b| self.rank(a).total_cmp(&self.rank(b)));
                least.expect("invariant: the fewest chips are among them")
            }
        };
        Some(best)
    }

    /// The best mapping over many paces, where one token is on its way at a time.
    fn spread(&self, smallest: Candidate) -> Candidate {
        let (n_rounds, n_filled) = match self.options.effort {
            Effort::Quick => (0, 0),
            Effort::Normal => (3, 16),
            Effort::High => (4, 32),
            Effort::Highest => (6, 96),
        };
        let most_cores = self.chips.n_cores(self.chips.n_allowed());
        let mut best = smallest;
        let kinds = Kinds::new(self.demand, self.work);
        let mut known: BTreeSet<Vec<usize>> = BTreeSet::new();
        let (mut prices, mut widths) = (grid(PRICES, N_PRICES), self.widths());
        for _ in 0..n_rounds {
            let points: Vec<(f64, usize)> =
                prices.iter().flat_map(|&price| widths.iter().map(move |&width| (price, width))).collect();
            let paces: Vec<Option<Pace>> = points
                .par_iter()
                .map(|&(price, width)| Pace::new(self.demand, self.work, self.spacing, &kinds, price, width))
                .collect();
            // Many points come to the same sizes.
            let paces = points.into_iter().zip(paces);
            let mut paces: Vec<_> = paces
                .filter_map(|(point, pace)| Some((point, pace.filter(|pace| known.insert(pace.sizes.clone()))?)))
                .collect();
            // Cores are filled for those that promise most, and for the next ones if none of these is better.
            paces.sort_by(|(_, a), (_, b)| self.promise(a).total_cmp(&self.promise(b)));
            let mut best_point = None;
            for paces in paces.chunks(n_filled) {
                let found: Vec<Option<Candidate>> =
                    paces.par_iter().map(|(_, pace)| self.paced(pace, most_cores)).collect();
                for ((point, _), found) in paces.iter().zip(found) {
                    if let Some(found) = found.filter(|found| self.rank(found) < self.rank(&best)) {
                        best = found;
                        best_point = Some(*point);
                    }
                }
                if best_point.is_some() || paces.iter().all(|(_, pace)| self.promise(pace) > self.rank(&best)) {
                    break;
                }
            }
            let Some((price, width)) = best_point.filter(|_| !(self.stop)()) else { break };
            prices = around(&prices, price);
            widths = nearby(&widths, width);
        }
        best
    }

    /// What becomes of slices of given sizes.
    fn paced(&self, pace: &Pace, most_cores: usize) -> Option<Candidate> {
        if (self.stop)() {
            return None;
        }
        let way = |least| Way::Even(Evenly { least, n_open: N_OPEN });
        let settle = |least| settle(self.demand, self.work, self.spacing, Target::Paced(pace), way(least), most_cores);
        let found = LEAST.into_iter().filter_map(settle).map(|cores| self.candidate(cores));
        found.min_by(|a, b| self.rank(a).total_cmp(&self.rank(b)))
    }

    /// Over how many cores a step may be spread: up to two chips.
    fn widths(&self) -> Vec<usize> {
        let n_cores = self.chips.n_cores(1).max(8);
        [n_cores / 4, n_cores / 3, n_cores / 2, n_cores * 3 / 4, n_cores, n_cores * 3 / 2, 2 * n_cores].to_vec()
    }

    /// What is to be least: for those that are too slow, the time, and always more than for the others.
    fn rank(&self, candidate: &Candidate) -> f64 {
        self.rank_of(candidate.token_ns, candidate.n_chips)
    }

    fn rank_of(&self, token_ns: f64, n_chips: u32) -> f64 {
        let most_ns = self.options.max_token_time.map_or(f64::INFINITY, |most| most.as_secs_f64() * 1e9);
        if token_ns > most_ns {
            return TOO_SLOW + token_ns;
        }
        match self.options.objective {
            Objective::Energy => token_ns * f64::from(n_chips),
            Objective::Chips | Objective::Latency | Objective::Throughput => token_ns,
        }
    }

    /// What the rank of a pace's mapping will be, if cores get full.
    fn promise(&self, pace: &Pace) -> f64 {
        let n_chips = self.chips.n_chips_for(usize::try_from(pace.n_cores).unwrap_or(usize::MAX)).max(1);
        let token_ns = pace.token_ns + f64::from(self.spacing()) * self.work.rates.barriers_ns(n_chips);
        let is_too_large = n_chips > self.chips.n_allowed();
        self.rank_of(token_ns, n_chips) + if is_too_large { 2.0 * TOO_SLOW } else { 0.0 }
    }

    /// The mapping with the least time on so many chips.
    ///
    /// Shorter steps take more cores, so that the number is bisected for the shortest that so many chips hold.
    fn fastest(&self, smallest: &Candidate, n_chips: u32) -> Candidate {
        let mut best = smallest.clone();
        let n_rounds = match self.options.effort {
            Effort::Quick => 0,
            Effort::Normal => 7,
            Effort::High => 9,
            Effort::Highest => 12,
        };
        let most_cores = self.chips.n_cores(n_chips);
        let longest: f64 = self.phases(&smallest.cores).into_iter().fold(1.0, f64::max);
        let (mut low, mut high) = (longest / 64.0, longest);
        for _ in 0..n_rounds {
            if (self.stop)() {
                break;
            }
            let middle = (low * high).sqrt();
            match self.at(middle, most_cores) {
                None => low = middle,
                Some(candidate) => {
                    high = middle;
                    if candidate.token_ns < best.token_ns {
                        best = candidate;
                    }
                }
            }
        }
        best
    }

    /// Whether tokens follow each other so closely that groups of the same kind work at the same time.
    fn shares_phases(&self) -> bool {
        self.spacing.saturating_mul(2) <= self.work.n_steps
    }

    fn at(&self, ns: f64, most_cores: usize) -> Option<Candidate> {
        let styles = [(4, Worth::Scarcity), (3, Worth::Bytes), (6, Worth::Scarcity), (8, Worth::Scarcity)];
        let n_styles = match self.options.effort {
            Effort::Quick | Effort::Normal => 2,
            Effort::High | Effort::Highest => styles.len(),
        };
        let found: Vec<Option<Candidate>> = styles[..n_styles]
            .par_iter()
            .map(|&(window, worth)| {
                let way = Way::Full(Style { window, worth, slice_cost: SLICE_COST });
                let cores = settle(self.demand, self.work, self.spacing, Target::Within { ns }, way, most_cores)?;
                Some(self.candidate(cores))
            })
            .collect();
        found.into_iter().flatten().min_by(|a, b| a.token_ns.total_cmp(&b.token_ns))
    }

    /// Steps from a token to the next.
    pub(crate) fn spacing(&self) -> u32 {
        self.spacing.min(self.work.n_steps)
    }

    /// Time from a token to the next on cores of so many chips.
    pub(crate) fn token_ns(&self, cores: &[Vec<Slice>], n_chips: usize) -> f64 {
        let barriers = self.work.rates.barriers_ns(u32::try_from(n_chips).unwrap_or(u32::MAX));
        self.phases(cores).into_iter().map(|ns| ns + barriers).sum()
    }

    fn candidate(&self, cores: Cores) -> Candidate {
        let n_chips = self.chips.n_chips_for(cores.len());
        let token_ns = self.token_ns(&cores, n_chips as usize);
        Candidate { cores, n_chips, token_ns }
    }

    /// By phase, the time of the slowest core or link.
    fn phases(&self, cores: &[Vec<Slice>]) -> Vec<f64> {
        let n_readers = count_readers(self.demand, cores);
        let n_phases = self.spacing() as usize;
        let (mut slowest, mut n_messages) = (vec![0.0; n_phases], vec![0.0; n_phases]);
        let mut of_core: Vec<Phase> = Vec::new();
        for slices in cores {
            of_core.clear();
            for slice in slices {
                let n = slice.neurons.len();
                let n_output_axons = self.demand.n_output_axons(slice.group, n, &n_readers);
                add(&mut of_core, self.work.phases(slice.group, n, n_output_axons, self.spacing));
            }
            for (phase, work) in &of_core {
                let phase = *phase as usize;
                slowest[phase] = self.work.rates.core_ns(work).max(slowest[phase]);
                n_messages[phase] += work.messages_out;
            }
        }
        // A layer is on one chip; where all work at the same time, all chips share the messages.
        let n_chips = if self.shares_phases() { f64::from(self.chips.n_chips_for(cores.len()).max(1)) } else { 1.0 };
        let links = n_messages.into_iter().map(|n_messages| n_messages / n_chips * self.work.link_ns);
        slowest.into_iter().zip(links).map(|(core, link): (f64, f64)| core.max(link)).collect()
    }
}

/// The lowest and the highest price of a core that is tried, in ns a token.
const PRICES: (f64, f64) = (50.0, 1e5);
/// Prices that are tried at first, and around the best.
const N_PRICES: u32 = 14;
/// Least parts of a slice's size that are put on a core with others.
const LEAST: [f64; 2] = [1.0, 0.5];
/// Cores that have room for later slices.
const N_OPEN: usize = 256;
/// More than any energy or time.
const TOO_SLOW: f64 = 1e30;

/// Numbers from one to another, each the same factor above the last.
fn grid((low, high): (f64, f64), n: u32) -> Vec<f64> {
    let part = |at: u32| f64::from(at) / f64::from((n - 1).max(1));
    (0..n).map(|at| low * (high / low).powf(part(at))).collect()
}

/// As many numbers, between those beside one of them.
fn around(numbers: &[f64], best: f64) -> Vec<f64> {
    let at = numbers.iter().position(|&number| number >= best).unwrap_or(0);
    let (low, high) = (numbers[at.saturating_sub(1)], numbers[(at + 1).min(numbers.len() - 1)]);
    grid((low, high), N_PRICES)
}

/// One of several numbers with numbers halfway to those beside it.
fn nearby(numbers: &[usize], best: usize) -> Vec<usize> {
    let at = numbers.iter().position(|&number| number >= best).unwrap_or(0);
    let (low, high) = (numbers[at.saturating_sub(1)], numbers[(at + 1).min(numbers.len() - 1)]);
    vec![low.midpoint(best), best, best.midpoint(high)]
}

/// Numbers from `least` to `most`: all if they are few, else ever farther apart.
fn steps_between(least: u32, most: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut next = least;
    while next < most {
        numbers.push(next);
        next += (next / 4).max(1);
    }
    numbers.push(most.max(least));
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_chips_lie_ever_farther_apart() {
        assert_eq!(steps_between(1, 1), [1]);
        assert_eq!(steps_between(6, 24), [6, 7, 8, 10, 12, 15, 18, 22, 24]);
    }
}
