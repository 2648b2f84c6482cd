//! The search: each point alone, then all together by what they lose alone, then bit by bit.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::allocate::{Curve, allocations};
use super::bench::Bench;
use super::{Trial, TuneError, TuneObserver};

/// Widths at which each point is measured alone, besides its narrowest: close to each other where losses are large.
const ALONE: [u32; 4] = [10, 12, 14, 18];
/// Candidates that are measured at once, before it is asked whether to go on.
const AT_ONCE: usize = 4;

/// Widths, one a point.
type Bits = Vec<u32>;

pub(super) struct Search<'s, O> {
    bench: &'s Bench<'s>,
    observer: &'s mut O,
    /// Nothing of widths without an integer form.
    tried: BTreeMap<Bits, Option<Trial>>,
    /// Candidates that are expected in all.
    n_expected: usize,
    stopped: bool,
}

/// What a search found.
pub(super) struct Found {
    /// The widths that it began with.
    pub(super) start: Trial,
    /// The narrowest that hold the budget; none where not even the widest do.
    pub(super) best: Option<Trial>,
    /// Of each point, the divergence that it alone adds at the narrowest width.
    pub(super) alone: Vec<f64>,
    /// All that was measured.
    pub(super) tried: Vec<Trial>,
    /// Whether it came to its end.
    pub(super) is_complete: bool,
}

impl<'s, O: TuneObserver> Search<'s, O> {
    pub(super) fn new(bench: &'s Bench<'s>, observer: &'s mut O) -> Self {
        Self { bench, observer, tried: BTreeMap::new(), n_expected: 0, stopped: false }
    }

    /// Begins with the configuration's own widths, or with the widest where these do not hold the budget.
    pub(super) fn run(mut self) -> Result<Found, TuneError> {
        let own = self.bench.start();
        let widest = vec![self.bench.word_bits(); own.len()];
        let n_alone: usize = (0..own.len()).map(|point| self.alone(point, own[point]).count()).sum();
        self.n_expected = 1 + n_alone + 4 * own.len();

        self.observer.stage("measure the widths as they are");
        self.measure(std::slice::from_ref(&own))?;
        let start = self.trial(&own).cloned().expect("invariant: the bench has quantized these widths");
        let mut top = own;
        if !start.holds && widest != top {
            self.measure(std::slice::from_ref(&widest))?;
            top = widest;
        }
        let mut alone = vec![0.0; top.len()];
        if self.trial(&top).is_some_and(|trial| trial.holds) {
            let curves = self.curves(&top)?;
            alone = curves.iter().map(|curve| curve.loss(curve.narrowest())).collect();
            if let Some(bits) = self.together(&curves, &top)? {
                self.narrow_further(bits, &curves)?;
            }
        }
        let best = self.best().cloned();
        Ok(Found {
            start,
            best,
            alone,
            tried: self.tried.into_values().flatten().collect(),
            is_complete: !self.stopped,
        })
    }

    /// Measures each point alone, all others as they are at the top.
    fn curves(&mut self, top: &Bits) -> Result<Vec<Curve>, TuneError> {
        self.observer.stage("measure each point alone");
        let narrowed = |point: usize, bits: u32| {
            let mut candidate = top.clone();
            candidate[point] = bits;
            candidate
        };
        let points = 0..top.len();
        let candidates = points.clone().flat_map(|point| self.alone(point, top[point]).map(move |bits| (point, bits)));
        let candidates: Vec<Bits> = candidates.map(|(point, bits)| narrowed(point, bits)).collect();
        self.measure(&candidates)?;
        let lost = |bits: &Bits| self.trial(bits).map(|trial| trial.score.mean_kl_nats_unrounded);
        let least = lost(top).expect("invariant: the top was measured");
        let curve = |point: usize| {
            let measured =
                self.alone(point, top[point]).filter_map(|bits| Some((bits, lost(&narrowed(point, bits))? - least)));
            Curve::through(&measured.collect::<Vec<_>>(), top[point], self.bench.points()[point].n_channels)
        };
        Ok(points.map(curve).collect())
    }

    /// Finds the narrowest allocation by the curves that holds the budget.
    fn together(&mut self, curves: &[Curve], top: &Bits) -> Result<Option<Bits>, TuneError> {
        self.observer.stage("narrow all points together");
        let mut allocations = allocations(curves);
        if allocations.last() != Some(top) {
            allocations.push(top.clone());
        }
        // The last is the top, which holds.
        let (mut low, mut high) = (0, allocations.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.holds(&allocations[middle])? {
                Some(true) => high = middle,
                Some(false) => low = middle + 1,
                None => return Ok(None),
            }
        }
        Ok(Some(allocations[high].clone()))
    }

    /// Takes single bits from points, first where most are saved for the least loss. A point that once was too narrow
    /// is not tried again.
    fn narrow_further(&mut self, mut bits: Bits, curves: &[Curve]) -> Result<(), TuneError> {
        self.observer.stage("narrow bit by bit");
        let mut is_open = vec![true; bits.len()];
        loop {
            #[expect(clippy::cast_precision_loss, reason = "channels are few")]
            let worth = |&point: &usize| {
                let lost = curves[point].loss(bits[point] - 1) - curves[point].loss(bits[point]);
                self.bench.points()[point].n_channels as f64 / lost.max(f64::MIN_POSITIVE)
            };
            let open = (0..bits.len()).filter(|&point| is_open[point] && bits[point] > curves[point].narrowest());
            let Some(point) = open.max_by(|a, b| worth(a).total_cmp(&worth(b)).then(b.cmp(a))) else { return Ok(()) };
            let mut narrower = bits.clone();
            narrower[point] -= 1;
            match self.holds(&narrower)? {
                Some(true) => bits = narrower,
                Some(false) => is_open[point] = false,
                None => return Ok(()),
            }
        }
    }

    /// Whether widths hold the budget; nothing where the search was stopped before it was known.
    fn holds(&mut self, bits: &Bits) -> Result<Option<bool>, TuneError> {
        self.measure(std::slice::from_ref(bits))?;
        Ok(self.tried.get(bits).map(|trial| trial.as_ref().is_some_and(|trial| trial.holds)))
    }

    /// Measures what was not measured yet, some at once, until the observer says that it is enough. The first
    /// candidate of all is always measured.
    fn measure(&mut self, candidates: &[Bits]) -> Result<(), TuneError> {
        let new: Vec<&Bits> = candidates.iter().filter(|bits| !self.tried.contains_key(*bits)).collect();
        for some in new.chunks(AT_ONCE) {
            self.stopped = self.stopped || (!self.tried.is_empty() && !self.observer.goes_on());
            if self.stopped {
                return Ok(());
            }
            let trials: Vec<Option<Trial>> =
                some.par_iter().map(|bits| self.bench.measure(bits)).collect::<Result<_, _>>()?;
            for (bits, trial) in some.iter().zip(trials) {
                self.tried.insert((*bits).clone(), trial);
            }
            let n_tried = self.tried.len();
            let best = self.best().cloned();
            self.observer.measured(n_tried, self.n_expected.max(n_tried), best.as_ref());
        }
        Ok(())
    }

    /// The narrowest of all that hold the budget; of equals the one that loses less.
    fn best(&self) -> Option<&Trial> {
        let holding = self.tried.values().flatten().filter(|trial| trial.holds);
        let loss = |trial: &Trial| self.bench.budget().measure.loss(&trial.score);
        holding.min_by(|a, b| a.n_bits().cmp(&b.n_bits()).then(loss(a).total_cmp(&loss(b))))
    }

    fn trial(&self, bits: &Bits) -> Option<&Trial> {
        self.tried.get(bits)?.as_ref()
    }

    /// The widths below the top at which a point is measured alone.
    fn alone(&self, point: usize, top: u32) -> impl Iterator<Item = u32> + use<'s, O> {
        let narrowest = self.bench.narrowest(point);
        let wider = ALONE.into_iter().filter(move |&bits| bits > narrowest);
        std::iter::once(narrowest).chain(wider).filter(move |&bits| bits < top)
    }
}
