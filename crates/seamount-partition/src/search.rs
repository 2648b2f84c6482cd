//! Looks for the mapping that an objective asks for.
//!
//! One number decides between few cores and short steps: how much time a core is worth, or how long a core may work in a
//! phase. For each such number cores are filled; the number is narrowed down to the one with the least time on the chips
//! that may be used, and for the least energy the number of chips as well.

use rayon::prelude::*;
use seamount_arch::Arch;
use seamount_cost::Mode;

use crate::chips::Chips;
use crate::demand::Demand;
use crate::fill::{Style, Worth};
use crate::load::Slice;
use crate::options::{Effort, Objective, Options};
use crate::plan::{Target, count_readers};
use crate::tight::{Cores, SLICE_COST, Try, all, settle, tries};
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
    static_w_per_chip: f64,
}

impl<'a> Search<'a> {
    pub(crate) fn new(
        demand: &'a Demand<'a>,
        work: &'a Work,
        chips: &'a Chips,
        arch: &Arch,
        options: &'a Options,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Self {
        let mode = match options.objective {
            Objective::Throughput => Mode::Pipelined,
            Objective::Chips | Objective::Latency | Objective::Energy => Mode::Streams(options.n_streams),
        };
        let spacing = mode.spacing(work.n_steps);
        Self { demand, work, chips, options, stop, spacing, static_w_per_chip: arch.static_w_per_chip() }
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
                let least = found.into_iter().min_by(|a, b| self.static_mj(a).total_cmp(&self.static_mj(b)));
                least.expect("invariant: the fewest chips are among them")
            }
        };
        Some(best)
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
        let (mut low, mut high) = self.range(smallest);
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

    /// Where the number is looked for.
    fn range(&self, smallest: &Candidate) -> (f64, f64) {
        if self.shares_phases() {
            let longest: f64 = self.phases(&smallest.cores).into_iter().fold(1.0, f64::max);
            (longest / 64.0, longest)
        } else {
            (10.0, 1e6)
        }
    }

    /// Whether tokens follow each other so closely that groups of the same kind work at the same time.
    fn shares_phases(&self) -> bool {
        self.spacing.saturating_mul(2) <= self.work.n_steps
    }

    fn at(&self, point: f64, most_cores: usize) -> Option<Candidate> {
        let target = |spread: f64| {
            if self.shares_phases() { Target::Within { ns: point } } else { Target::Worth { core_ns: point, spread } }
        };
        let styles =
            [(4, Worth::Scarcity, 0.3), (3, Worth::Bytes, 0.6), (6, Worth::Scarcity, 0.0), (8, Worth::Scarcity, 0.2)];
        let n_styles = match self.options.effort {
            Effort::Quick | Effort::Normal => 2,
            Effort::High | Effort::Highest => styles.len(),
        };
        let tries: Vec<Try> = styles[..n_styles]
            .iter()
            .map(|&(window, worth, spread)| (target(spread), Style { window, worth, slice_cost: SLICE_COST }))
            .collect();
        let found: Vec<Option<Candidate>> = tries
            .par_iter()
            .map(|&(target, style)| {
                let cores = settle(self.demand, self.work, self.spacing, target, style, most_cores)?;
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

    fn static_mj(&self, candidate: &Candidate) -> f64 {
        self.static_w_per_chip * f64::from(candidate.n_chips) * candidate.token_ns * 1e-6
    }
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
