//! Puts filled cores on chips and routers.
//!
//! Cores come in the order of the data and fill one chip after the other, each the neighbor of the one before. On a chip
//! they change places as long as messages then pass fewer links: pairs are exchanged at random, and what makes the way
//! longer is kept with a chance that falls.
//!
//! Source: simulated annealing on hop-weighted traffic, as in placement of cores on a network on chip (Hu and Marculescu
//! 2003) and of logic blocks (VPR, Betz and Rose 1997). Ours differs in that chips are annealed one by one, the others held
//! still, since a core leaves its chip only against the order of the data.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use seamount_arch::{Arch, LinkLoads};
use seamount_ir::network::{Network, Source};

use crate::chips::Chips;
use crate::error::PartitionError;
use crate::layout::{Layout, count};
use crate::load::Slice;
use crate::map::{CoreMap, Place};
use crate::options::{Effort, Options};
use crate::pack::{check_size, plans};

/// What messages are on their way when every neuron sends once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Links between routers that all messages pass together.
    pub hops: u64,
    /// Messages over the busiest of these links.
    pub busiest_link: u64,
}

/// Puts cores, which come in the order of the data, on chips, and what the host runs on its core.
///
/// # Errors
/// [`PartitionError::Cores`] if there are too few.
pub(crate) fn place(
    layout: &Layout<'_>,
    arch: &Arch,
    chips: &Chips,
    options: &Options,
    cores: Vec<Vec<Slice>>,
) -> Result<CoreMap, PartitionError> {
    check_size(layout, arch, chips, cores.len(), chips.n_chips_for(cores.len()))?;
    let places = arrange(arch, options, &Flows::new(layout, &cores), chips.places(cores.len()), chips);
    let mut placed: Vec<(Place, Vec<Slice>)> =
        places.into_iter().map(|(chip, core)| Place::Chip { chip, core }).zip(cores).collect();
    placed.sort_by_key(|(place, _)| *place);
    let network = layout.network();
    let hosted = hosted(network);
    if !hosted.is_empty() {
        placed.push((Place::Host, hosted));
    }
    let (places, cores): (Vec<_>, Vec<_>) = placed.into_iter().unzip();
    Ok(CoreMap {
        network: network.name.clone(),
        arch: arch.name().to_owned(),
        weights: layout.weights(),
        capacity: *layout.capacity(),
        cores: plans(layout, &places, &cores),
    })
}

/// All that the host runs.
pub(crate) fn hosted(network: &Network) -> Vec<Slice> {
    let groups = network.group_ids().filter(|&group| network.group(group).on_host);
    let slices = groups.map(|group| Slice { group, neurons: 0..network.group(group).n_neurons });
    slices.filter(|slice| !slice.neurons.is_empty()).collect()
}

/// Counts the messages of a map on the links that they pass.
pub(crate) fn traffic(layout: &Layout<'_>, arch: &Arch, map: &CoreMap) -> Traffic {
    let flows = Flows::new(layout, &map.slices_by_core(layout.network()));
    let place = |core: usize| match map.cores[core].place {
        Place::Chip { chip, core } => Some((chip, core)),
        Place::Host => None,
    };
    let mut loads = LinkLoads::new(arch);
    for (from, flows) in flows.to.iter().enumerate() {
        for &(to, n_messages) in flows {
            if let (Some(from), Some(to)) = (place(from), place(to)) {
                loads.add(from, to, n_messages);
            }
        }
    }
    let loads = loads.loads();
    Traffic {
        hops: loads.iter().map(|(_, n_messages)| n_messages).sum(),
        busiest_link: loads.iter().map(|&(_, n_messages)| n_messages).max().unwrap_or(0),
    }
}

/// By core, how many messages it sends to which core; and the same by the core that gets them.
struct Flows {
    to: Vec<Vec<(usize, u32)>>,
    from: Vec<Vec<(usize, u32)>>,
}

impl Flows {
    fn new(layout: &Layout<'_>, cores: &[Vec<Slice>]) -> Self {
        let axons = layout.axon_map(cores.iter().map(Vec::as_slice));
        let mut to = vec![Vec::new(); cores.len()];
        let mut from = vec![Vec::new(); cores.len()];
        // By core, messages to it from the core at hand.
        let mut n_messages = vec![0_u32; cores.len()];
        for (sender, slices) in cores.iter().enumerate() {
            for slice in slices {
                for port in 0..layout.network().group(slice.group).ports.len() {
                    for run in axons.runs_of(Source::Port(slice.group, port)) {
                        let (start, end) =
                            (run.neurons.start.max(slice.neurons.start), run.neurons.end.min(slice.neurons.end));
                        let n = u32::try_from(end.saturating_sub(start)).expect("invariant: slices are small");
                        n_messages[run.core] += n;
                    }
                }
            }
            for (receiver, n_messages) in n_messages.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
                to[sender].push((receiver, *n_messages));
                from[receiver].push((sender, *n_messages));
                *n_messages = 0;
            }
        }
        Self { to, from }
    }

    /// Whom a core sends to and gets from, with how many messages.
    fn of(&self, core: usize) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.to[core].iter().chain(&self.from[core]).copied()
    }
}

/// Exchanges that are tried for each place of a chip.
fn n_tries(effort: Effort) -> u64 {
    match effort {
        Effort::Quick => 0,
        Effort::Normal => 100,
        Effort::High => 400,
        Effort::Highest => 2000,
    }
}

/// Times that all chips are gone through.
const SWEEPS: u64 = 2;

/// Changes the places of cores within their chips so that messages pass fewer links.
fn arrange(
    arch: &Arch,
    options: &Options,
    flows: &Flows,
    mut places: Vec<(u32, u32)>,
    chips: &Chips,
) -> Vec<(u32, u32)> {
    // Cores of a chip follow each other.
    let mut groups: Vec<(u32, std::ops::Range<usize>)> = Vec::new();
    for (core, &(chip, _)) in places.iter().enumerate() {
        match groups.last_mut() {
            Some((last, cores)) if *last == chip => cores.end = core + 1,
            Some(_) | None => groups.push((chip, core..core + 1)),
        }
    }
    for sweep in 0..SWEEPS {
        let positions: Vec<(u32, u32)> = places.iter().map(|&(chip, core)| arch.core_position(chip, core)).collect();
        let annealed: Vec<Vec<u32>> = groups
            .par_iter()
            .map(|(chip, cores)| {
                let seed = options.seed ^ (u64::from(*chip) << 32) ^ (sweep << 16);
                let mut annealer =
                    Annealer::new(arch, flows, &positions, *chip, cores.clone(), chips.good_cores(*chip), seed);
                annealer.run(n_tries(options.effort));
                annealer.cores()
            })
            .collect();
        for ((_, cores), annealed) in groups.iter().zip(annealed) {
            for (place, core) in places[cores.clone()].iter_mut().zip(annealed) {
                place.1 = core;
            }
        }
    }
    places
}

/// One chip while its cores change places.
struct Annealer<'a> {
    flows: &'a Flows,
    /// Where each core of the mapping is.
    positions: Vec<(u32, u32)>,
    /// The numbers of the chip's places, and where they are.
    seats: Vec<(u32, (u32, u32))>,
    /// By place, the core of the mapping that has it.
    taken: Vec<Option<usize>>,
    /// The cores of the mapping that are on the chip.
    cores: std::ops::Range<usize>,
    random: ChaCha8Rng,
}

impl<'a> Annealer<'a> {
    fn new(
        arch: &Arch,
        flows: &'a Flows,
        positions: &[(u32, u32)],
        chip: u32,
        cores: std::ops::Range<usize>,
        good_cores: &[u32],
        seed: u64,
    ) -> Self {
        let seats: Vec<(u32, (u32, u32))> =
            good_cores.iter().map(|&core| (core, arch.core_position(chip, core))).collect();
        // Places of one router are alike: each core takes the first that is free there.
        let mut taken = vec![None; seats.len()];
        for core in cores.clone() {
            let free = seats.iter().zip(&taken).position(|(seat, by)| seat.1 == positions[core] && by.is_none());
            taken[free.expect("invariant: the chip has a place for each of its cores")] = Some(core);
        }
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { flows, positions: positions.to_vec(), seats, taken, cores, random }
    }

    /// By core of the mapping, its number on the chip.
    fn cores(&self) -> Vec<u32> {
        let seat = |core: usize| self.taken.iter().position(|&by| by == Some(core));
        let seat = |core: usize| self.seats[seat(core).expect("invariant: cores keep a place")].0;
        self.cores.clone().map(seat).collect()
    }

    fn run(&mut self, n_tries: u64) {
        let n_seats = count(self.seats.len());
        if n_seats < 2 {
            return;
        }
        let n_tries = n_tries * n_seats;
        let hottest = self.hops() / (4.0 * crate::fill::ratio(count(self.cores.len()), 1));
        if hottest <= 0.0 {
            return;
        }
        for at in 0..n_tries {
            let left = 1.0 - crate::fill::ratio(at, n_tries);
            let (a, b) = (self.pick(n_seats), self.pick(n_seats));
            if self.seats[a].1 != self.seats[b].1 {
                self.exchange(a, b, hottest * left * left);
            }
        }
    }

    /// Exchanges two places if that shortens the way, or by chance.
    fn exchange(&mut self, a: usize, b: usize, heat: f64) {
        let cores = [self.taken[a], self.taken[b]];
        let before = self.way(cores);
        self.seat(cores[0], b);
        self.seat(cores[1], a);
        let longer = self.way(cores) - before;
        #[expect(clippy::cast_precision_loss, reason = "53 random bits")]
        let chance = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        if longer <= 0.0 || chance < (-longer / heat).exp() {
            self.taken.swap(a, b);
        } else {
            self.seat(cores[0], a);
            self.seat(cores[1], b);
        }
    }

    fn seat(&mut self, core: Option<usize>, seat: usize) {
        if let Some(core) = core {
            self.positions[core] = self.seats[seat].1;
        }
    }

    /// Links that the messages of these cores pass, which come and go between them as often before as after.
    fn way(&self, cores: [Option<usize>; 2]) -> f64 {
        let of_core = |core: usize| {
            let (x, y) = self.positions[core];
            let hops = self.flows.of(core).map(|(other, n_messages)| {
                let (other_x, other_y) = self.positions[other];
                u64::from(n_messages) * u64::from(x.abs_diff(other_x) + y.abs_diff(other_y))
            });
            hops.sum::<u64>()
        };
        crate::fill::ratio(cores.into_iter().flatten().map(of_core).sum(), 1)
    }

    /// Links that all messages of the chip's cores pass.
    fn hops(&self) -> f64 {
        self.cores.clone().map(|core| self.way([Some(core), None])).sum()
    }

    fn pick(&mut self, n: u64) -> usize {
        // The remainder favors low numbers by less than n in 2^64.
        usize::try_from(self.random.next_u64() % n).expect("invariant: places are few")
    }
}
