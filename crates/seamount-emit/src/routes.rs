//! Which input axons a source reaches.
//!
//! The destinations of a source come in the order of the network's projections, and for each projection in the order
//! of the target's neurons.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_ir::network::{Network, Source, Target, Weights};
use seamount_partition::{BlockLayout, CoreMap, Layout};
use seamount_program::{Dest, HOST_OUTPUT};

use crate::error::EmitError;
use crate::program::number;

/// The input axons of all cores, by projection.
pub(crate) struct Destinations<'n> {
    network: &'n Network,
    /// By projection, the slices that it feeds.
    feeds: Vec<Vec<Feed>>,
    /// By source, its projections.
    projections: BTreeMap<Source, Vec<usize>>,
}

/// The axons of one projection into one slice.
struct Feed {
    core_idx: u32,
    first_axon: u32,
    /// The target neurons.
    neurons: Range<usize>,
}

impl<'n> Destinations<'n> {
    /// Numbers the input axons of every core: over its slices, and in a slice over its blocks.
    ///
    /// # Errors
    /// [`EmitError::Size`].
    pub(crate) fn new(layout: &Layout<'n>, map: &CoreMap) -> Result<Self, EmitError> {
        let network = layout.network();
        let mut feeds: Vec<Vec<Feed>> = network.projections.iter().map(|_| Vec::new()).collect();
        let slices = map.slices_by_group(network);
        // Slices of a core are numbered in the order of the core, feeds of a projection in the order of neurons.
        let mut first_axons: Vec<Vec<u32>> = Vec::with_capacity(map.cores.len());
        for core in &map.cores {
            let mut next = 0;
            let mut firsts = Vec::with_capacity(core.slices.len());
            for slice in &core.slices {
                firsts.push(number("input axons of a core", next)?);
                let id = slice.group_id(network).expect("invariant: the map was verified");
                next += layout.blocks(id, &slice.neurons()).map(|block| block.n_axons).sum::<usize>();
            }
            number("input axons of a core", next)?;
            first_axons.push(firsts);
        }
        for (id, located) in network.group_ids().zip(&slices) {
            for slice in located {
                let core_idx = number("cores", slice.core)?;
                let neurons = slice.first_neuron..slice.first_neuron + slice.n_neurons;
                let mut first_axon = first_axons[slice.core][slice.slice];
                for BlockLayout { projection, n_axons, .. } in layout.blocks(id, &neurons) {
                    feeds[projection].push(Feed { core_idx, first_axon, neurons: neurons.clone() });
                    first_axon += number("input axons of a core", n_axons)?;
                }
            }
        }
        let mut projections: BTreeMap<Source, Vec<usize>> = BTreeMap::new();
        for (index, projection) in network.projections.iter().enumerate() {
            projections.entry(projection.source).or_default().push(index);
        }
        Ok(Self { network, feeds, projections })
    }

    /// The destinations of one neuron or channel of a source.
    pub(crate) fn of(&self, source: Source, neuron: usize) -> Vec<Dest> {
        let offset = |n: usize| u32::try_from(n).expect("invariant: a projection's axons were numbered in 32 bits");
        let mut dests = Vec::new();
        for &index in self.projections.get(&source).into_iter().flatten() {
            let (projection, feeds) = (&self.network.projections[index], &self.feeds[index]);
            match (projection.target, &projection.weights) {
                (Target::Logits, _) => dests.push(Dest { core_idx: HOST_OUTPUT, axon: offset(neuron) }),
                (Target::Accumulator(..), Weights::Matrix(_) | Weights::Ones) => {
                    let dest = |feed: &Feed| Dest { core_idx: feed.core_idx, axon: feed.first_axon + offset(neuron) };
                    dests.extend(feeds.iter().map(dest));
                }
                (Target::Accumulator(..), Weights::Identity) => {
                    let feed = feeds.iter().find(|feed| feed.neurons.contains(&neuron));
                    dests.extend(feed.map(|feed| Dest {
                        core_idx: feed.core_idx,
                        axon: feed.first_axon + offset(neuron - feed.neurons.start),
                    }));
                }
            }
        }
        dests
    }
}
