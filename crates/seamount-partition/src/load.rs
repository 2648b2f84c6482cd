//! What slices take of a core together.
//!
//! Neurons, their synapses and their words are a slice's own. Microcode is shared by the slices that run it, and input axons
//! by all blocks that read the same neurons, so that a slice adds less to a core that already has them.

use std::collections::BTreeSet;
use std::ops::Range;

use seamount_ir::network::{GroupId, Source};

use crate::axons::{AxonMap, InputAxons};
use crate::layout::{Layout, count};
use crate::usage::Usage;

/// Consecutive neurons of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// The group.
    pub group: GroupId,
    /// Its neurons.
    pub neurons: Range<usize>,
}

/// What a slice takes of a core that holds nothing else.
#[derive(Clone, Debug)]
pub struct SliceLoad {
    /// What it takes for itself: all but microcode and input axons, which it may share.
    own: Usage,
    body: u32,
    microcode: Usage,
    axons: InputAxons,
}

/// What a core holds while slices are put on it.
#[derive(Clone, Debug, Default)]
pub struct CoreLoad {
    usage: Usage,
    bodies: BTreeSet<u32>,
    axons: InputAxons,
    input_axon_bytes: u64,
}

impl Layout<'_> {
    /// What a slice takes of a core.
    ///
    /// `n_slices` has the number of slices of each group that this one projects to: as many output axons are counted as a
    /// neuron has if no two of the slices that it reaches share a core.
    pub fn slice_load(&self, group: GroupId, neurons: &Range<usize>, n_slices: &[usize]) -> SliceLoad {
        let own = self.own_usage(group, neurons, count(neurons.len()) * self.most_output_axons(group, n_slices));
        SliceLoad {
            own,
            body: self.body(group),
            microcode: self.microcode(group),
            axons: self.input_axons(group, neurons),
        }
    }

    /// A core that holds nothing.
    pub fn empty_core(&self) -> CoreLoad {
        CoreLoad { input_axon_bytes: self.input_axon_bytes, ..CoreLoad::default() }
    }

    /// The input axons of cores that hold these slices.
    pub fn axon_map<'s>(&self, cores: impl IntoIterator<Item = &'s [Slice]>) -> AxonMap {
        let of_core = |slices: &[Slice]| {
            let mut axons = InputAxons::default();
            for slice in slices {
                axons.extend(&self.input_axons(slice.group, &slice.neurons));
            }
            axons
        };
        AxonMap::new(cores.into_iter().map(of_core).collect())
    }

    /// What cores that hold these slices use, to the byte.
    pub fn usages(&self, cores: &[Vec<Slice>]) -> Vec<Usage> {
        let axons = self.axon_map(cores.iter().map(Vec::as_slice));
        let of_core = |slices: &Vec<Slice>| {
            let mut core = self.empty_core();
            for Slice { group, neurons } in slices {
                let own = self.own_usage(*group, neurons, self.n_output_axons(*group, neurons, &axons));
                let (body, microcode) = (self.body(*group), self.microcode(*group));
                core.add(&SliceLoad { own, body, microcode, axons: self.input_axons(*group, neurons) });
            }
            core.usage
        };
        cores.iter().map(of_core).collect()
    }

    /// Output axons of a slice whose destinations are on cores with these input axons.
    pub fn n_output_axons(&self, group: GroupId, neurons: &Range<usize>, axons: &AxonMap) -> u64 {
        let of_port = self.reach[group.index()].iter().enumerate().map(|(port, reach)| {
            let n_on_cores = axons.n_destinations(Source::Port(group, port), neurons);
            count(n_on_cores) + reach.n_logits * count(neurons.len())
        });
        of_port.sum()
    }

    /// What a slice takes that it shares with no other slice.
    fn own_usage(&self, group: GroupId, neurons: &Range<usize>, n_output_axons: u64) -> Usage {
        let footprint = self.footprints[group.index()];
        let n_neurons = count(neurons.len());
        let n_words = n_neurons * u64::from(footprint.n_slots + footprint.n_accumulators);
        Usage {
            synapse_bytes: self.blocks(group, neurons).map(|block| block.image_bytes).sum(),
            state_bytes: n_words * self.state_word_bytes,
            output_axon_bytes: n_output_axons * self.output_axon_bytes,
            n_output_axons,
            n_neurons,
            ..Usage::default()
        }
    }

    /// What a group's microcode takes of a core that does not hold it yet.
    fn microcode(&self, group: GroupId) -> Usage {
        let n_instructions = u64::from(self.footprints[group.index()].n_instructions);
        Usage { microcode_bytes: n_instructions * self.instruction_bytes, ..Usage::default() }
    }

    /// The neurons and channels that a slice reads.
    fn input_axons(&self, group: GroupId, neurons: &Range<usize>) -> InputAxons {
        let mut axons = InputAxons::default();
        for block in self.blocks(group, neurons) {
            let source = self.network.projections[block.projection].source;
            axons.insert(source, block.first_source..block.first_source + block.n_axons);
        }
        axons
    }

    /// Output axons of one neuron, if no two of the slices that it reaches share a core.
    fn most_output_axons(&self, group: GroupId, n_slices: &[usize]) -> u64 {
        let of_port = self.reach[group.index()].iter().map(|reach| {
            let slices = reach.groups.iter().map(|(to, &all)| if all { count(n_slices[to.index()]) } else { 1 });
            slices.sum::<u64>() + reach.n_logits
        });
        of_port.sum()
    }
}

impl SliceLoad {
    /// What the slice takes of a core that holds nothing else.
    pub fn usage(&self, layout: &Layout<'_>) -> Usage {
        layout.empty_core().with(self)
    }
}

impl CoreLoad {
    /// What the core uses.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What the core would use with another slice.
    pub fn with(&self, slice: &SliceLoad) -> Usage {
        let mut usage = self.usage;
        usage += slice.own;
        if !self.bodies.contains(&slice.body) {
            usage += slice.microcode;
        }
        let n_axons = count(self.axons.n_missing(&slice.axons));
        usage.n_input_axons += n_axons;
        usage.input_axon_bytes += n_axons * self.input_axon_bytes;
        usage
    }

    /// Puts a slice on the core.
    pub fn add(&mut self, slice: &SliceLoad) {
        self.usage = self.with(slice);
        self.bodies.insert(slice.body);
        self.axons.extend(&slice.axons);
    }
}
