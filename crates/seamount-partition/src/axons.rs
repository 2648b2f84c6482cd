//! Which input axons cores have, and which of them the spikes of a neuron reach.
//!
//! An input axon of a core stands for one neuron of a source: all synapses on the core that read this neuron hang on it,
//! whichever slices, accumulators and encodings they belong to. So a spike reaches each core once at most.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_ir::network::Source;

/// The input axons of one core: the neurons or channels of each source that something on it reads.
///
/// Axons are numbered over the sources in their order, and in a source over its neurons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputAxons {
    /// By source, ranges in ascending order that neither overlap nor touch.
    by_source: BTreeMap<Source, Vec<Range<usize>>>,
    n_axons: usize,
}

/// Consecutive input axons of one core, for consecutive neurons of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AxonRun {
    /// Index of the core.
    pub core: usize,
    /// Neurons or channels of the source.
    pub neurons: Range<usize>,
    /// The core's number for the axon of the first of them.
    pub first_axon: usize,
}

/// The input axons of all cores, and by source where its spikes go.
#[derive(Debug, Default)]
pub struct AxonMap {
    cores: Vec<InputAxons>,
    /// By source, in the order of the cores, and for a core in the order of its neurons.
    runs: BTreeMap<Source, Vec<AxonRun>>,
}

impl InputAxons {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.n_axons
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.n_axons == 0
    }

    /// Makes sure of an axon for each of these neurons.
    pub fn insert(&mut self, source: Source, neurons: Range<usize>) {
        if neurons.is_empty() {
            return;
        }
        let ranges = self.by_source.entry(source).or_default();
        // Those that overlap or touch the new range become one with it.
        let first = ranges.partition_point(|range| range.end < neurons.start);
        let after = ranges.partition_point(|range| range.start <= neurons.end);
        let merged = &ranges[first..after];
        let start = merged.first().map_or(neurons.start, |range| range.start.min(neurons.start));
        let end = merged.last().map_or(neurons.end, |range| range.end.max(neurons.end));
        let n_before: usize = merged.iter().map(Range::len).sum();
        self.n_axons += end - start - n_before;
        ranges.splice(first..after, std::iter::once(start..end));
    }

    /// Makes sure of all axons of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (&source, ranges) in &other.by_source {
            for range in ranges {
                self.insert(source, range.clone());
            }
        }
    }

    /// How many axons [`extend`](Self::extend) would add.
    pub fn n_missing(&self, other: &Self) -> usize {
        let missing = other.by_source.iter().map(|(source, ranges)| {
            let own = self.by_source.get(source).map(Vec::as_slice).unwrap_or_default();
            ranges.iter().map(|range| range.len() - n_common(own, range)).sum::<usize>()
        });
        missing.sum()
    }

    /// The number of the axon of a neuron or channel, if it has one.
    pub fn number(&self, source: Source, neuron: usize) -> Option<usize> {
        let mut runs = self.runs().filter(|(of, _, _)| *of == source);
        let (_, neurons, first_axon) = runs.find(|(_, neurons, _)| neurons.contains(&neuron))?;
        Some(first_axon + neuron - neurons.start)
    }

    /// Consecutive axons in their order: of which source, of which of its neurons, and the number of the first.
    pub fn runs(&self) -> impl Iterator<Item = (Source, Range<usize>, usize)> + '_ {
        let ranges =
            self.by_source.iter().flat_map(|(&source, ranges)| ranges.iter().map(move |range| (source, range)));
        ranges.scan(0, |next, (source, range)| {
            let first_axon = *next;
            *next += range.len();
            Some((source, range.clone(), first_axon))
        })
    }
}

impl AxonMap {
    /// The map of cores with these axons.
    pub fn new(cores: Vec<InputAxons>) -> Self {
        let mut runs: BTreeMap<Source, Vec<AxonRun>> = BTreeMap::new();
        for (core, axons) in cores.iter().enumerate() {
            for (source, neurons, first_axon) in axons.runs() {
                runs.entry(source).or_default().push(AxonRun { core, neurons, first_axon });
            }
        }
        Self { cores, runs }
    }

    /// The input axons of a core.
    ///
    /// # Panics
    /// If there is no such core.
    pub fn core(&self, core: usize) -> &InputAxons {
        &self.cores[core]
    }

    /// The input axons that read a source, in the order of the cores.
    pub fn runs_of(&self, source: Source) -> &[AxonRun] {
        self.runs.get(&source).map(Vec::as_slice).unwrap_or_default()
    }

    /// The core and axon of each destination of a neuron or channel, in the order of the cores.
    pub fn destinations(&self, source: Source, neuron: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let runs = self.runs_of(source).iter().filter(move |run| run.neurons.contains(&neuron));
        runs.map(move |run| (run.core, run.first_axon + neuron - run.neurons.start))
    }

    /// Destinations of these neurons of a source, all together.
    pub fn n_destinations(&self, source: Source, neurons: &Range<usize>) -> usize {
        self.runs_of(source).iter().map(|run| common(&run.neurons, neurons)).sum()
    }
}

/// How many numbers are in both ranges.
fn common(a: &Range<usize>, b: &Range<usize>) -> usize {
    a.end.min(b.end).saturating_sub(a.start.max(b.start))
}

/// How many numbers of a range are in ranges that do not overlap.
fn n_common(ranges: &[Range<usize>], range: &Range<usize>) -> usize {
    ranges.iter().map(|own| common(own, range)).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use seamount_ir::network::GroupId;

    use super::*;

    fn source(number: usize) -> Source {
        [Source::Embedding, Source::Tick, Source::Port(GroupId(3), 0), Source::Port(GroupId(3), 1)][number]
    }

    type Inserts = Vec<(usize, Range<usize>)>;

    fn inserts() -> impl Strategy<Value = Inserts> {
        prop::collection::vec((0..4_usize, (0..20_usize, 0..8_usize).prop_map(|(at, n)| at..at + n)), 0..12)
    }

    fn axons(inserts: &Inserts) -> InputAxons {
        let mut axons = InputAxons::default();
        for (number, range) in inserts {
            axons.insert(source(*number), range.clone());
        }
        axons
    }

    fn set(inserts: &Inserts) -> BTreeSet<(Source, usize)> {
        inserts.iter().flat_map(|(number, range)| range.clone().map(|neuron| (source(*number), neuron))).collect()
    }

    proptest! {
        #[test]
        fn axons_are_a_set_numbered_in_its_order(a in inserts(), b in inserts()) {
            let (mut axons_a, axons_b) = (axons(&a), axons(&b));
            for (number, &(source, neuron)) in set(&a).iter().enumerate() {
                prop_assert_eq!(axons_a.number(source, neuron), Some(number));
            }
            prop_assert_eq!(axons_a.len(), set(&a).len());
            prop_assert_eq!(axons_a.n_missing(&axons_b), set(&b).difference(&set(&a)).count());
            axons_a.extend(&axons_b);
            prop_assert_eq!(&axons_a, &axons(&[a, b].concat()));
        }

        #[test]
        fn a_neuron_reaches_every_core_that_has_an_axon_for_it(a in inserts(), b in inserts(), range in 0..20_usize) {
            let cores = [axons(&a), axons(&b)];
            let map = AxonMap::new(cores.to_vec());
            let mut n_in_range = 0;
            for number in 0..4 {
                let source = source(number);
                for neuron in 0..28 {
                    let expected = cores.iter().map(|core| core.number(source, neuron)).enumerate();
                    let expected: Vec<_> = expected.filter_map(|(core, axon)| Some((core, axon?))).collect();
                    let found: Vec<_> = map.destinations(source, neuron).collect();
                    n_in_range += if neuron < range { found.len() } else { 0 };
                    prop_assert_eq!(found, expected);
                }
            }
            let counted: usize = (0..4).map(|number| map.n_destinations(source(number), &(0..range))).sum();
            prop_assert_eq!(counted, n_in_range);
        }
    }
}
