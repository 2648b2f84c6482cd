//! Several ways to fill cores, the best of which is kept.

use rayon::prelude::*;

use crate::demand::Demand;
use crate::fill::{Part, Style, Worth, fill};
use crate::load::Slice;
use crate::place::hosted;
use crate::plan::{Frame, Plan, Target};
use crate::spread::{Evenly, spread};
use crate::work::Work;

/// Times that cores are filled anew with the numbers of readers that came out.
const ROUNDS: usize = 8;
/// Rounds in which nothing need be gained.
const PATIENCE: usize = 2;

/// Slices by core, in the order of the data.
pub(crate) type Cores = Vec<Vec<Slice>>;

/// A target and a style that suits it.
pub(crate) type Try = (Target<'static>, Style);

/// How cores are used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Each core is filled as full as it gets.
    Full(Style),
    /// Each group is spread over as many cores as it has slices.
    Even(Evenly),
}

/// What comes of the tries, in their order, as far as it keeps all limits.
pub(crate) fn all(demand: &Demand<'_>, work: &Work, spacing: u32, tries: &[Try]) -> Vec<Cores> {
    let settle = |&(target, style): &Try| settle(demand, work, spacing, target, Way::Full(style), usize::MAX);
    tries.par_iter().map(settle).collect::<Vec<_>>().into_iter().flatten().collect()
}

/// The ways to take few cores, the most promising first.
pub(crate) fn tries() -> Vec<Try> {
    let promising = [
        (3, Worth::Scarcity, 1.0),
        (4, Worth::Scarcity, 0.5),
        (4, Worth::Bytes, 1.0),
        (3, Worth::Bytes, 0.5),
        (6, Worth::Scarcity, 1.0),
        (3, Worth::Share, 0.2),
    ];
    let windows = [3, 4, 6].into_iter();
    let all = windows.flat_map(|window| {
        let worths = [Worth::Share, Worth::Bytes, Worth::Scarcity].into_iter();
        worths.flat_map(move |worth| [0.2, 0.5, 1.0].map(|spread| (window, worth, spread)))
    });
    let more = all.filter(|one| !promising.contains(one));
    let style = |window, worth| Style { window, worth, slice_cost: SLICE_COST };
    let tries = promising.into_iter().chain(more);
    tries.map(|(window, worth, spread)| (Target::Largest { spread }, style(window, worth))).collect()
}

/// What a slice more costs, in cores: enough to decide between combinations that fill a core as well.
pub(crate) const SLICE_COST: f64 = 0.005;

/// Fills cores, and again with the numbers of readers that came out, as long as that saves cores.
pub(crate) fn settle(
    demand: &Demand<'_>,
    work: &Work,
    spacing: u32,
    target: Target<'_>,
    way: Way,
    most_cores: usize,
) -> Option<Cores> {
    let mut best: Option<Cores> = None;
    let mut plan = Plan::new(demand, work, spacing, target)?;
    // The first round promises more than is kept: it may be over the limit by a half.
    for round in 0..ROUNDS {
        let limit = if round == 0 { most_cores.saturating_add(most_cores / 2) } else { most_cores };
        let frame = Frame { demand, work, plan: &plan, spacing };
        let parts = match way {
            Way::Full(style) => fill(frame, style, limit),
            Way::Even(style) => spread(frame, style, limit),
        };
        let Some(parts) = parts else { break };
        let mut cores = slices(demand, &parts);
        // What the host runs reads spikes as well, but has no limits.
        cores.push(hosted(demand.layout.network()));
        let usages = demand.layout.usages(&cores);
        cores.pop();
        let is_legal = usages[..cores.len()].iter().all(|usage| usage.fits(demand.capacity()));
        let is_better = is_legal && best.as_ref().is_none_or(|best| cores.len() < best.len());
        let goes_on = match way {
            Way::Full(_) => is_legal && (is_better || round < PATIENCE),
            // Sizes are given: another round serves only to keep what the first promised too little of.
            Way::Even(_) => !is_legal,
        };
        plan = plan.found(demand, &cores);
        if is_better && cores.len() <= most_cores {
            best = Some(cores);
        }
        if !goes_on {
            break;
        }
    }
    best
}

/// The neurons of each group in consecutive ranges, over the cores in their order.
fn slices(demand: &Demand<'_>, cores: &[Vec<Part>]) -> Cores {
    let mut next = vec![0; demand.groups.len()];
    let mut slice = |&(group, n_neurons): &Part| {
        let start: usize = next[group.index()];
        next[group.index()] += n_neurons;
        Slice { group, neurons: start..start + n_neurons }
    };
    cores.iter().map(|parts| parts.iter().map(&mut slice).collect()).collect()
}
