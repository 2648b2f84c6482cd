//! Which neurons live on which core.

use std::collections::BTreeMap;
use std::fmt;

use seamount_ir::network::{GroupId, Network};
use serde::{Deserialize, Serialize};

use crate::layout::WeightEncoding;
use crate::load::Slice;
use crate::usage::{Capacity, Usage};

/// Which neurons live on which core, and what each core uses.
///
/// Its `Display` is its text form, which [`CoreMap::parse`] reads back. A map that was read is to be checked by
/// [`CoreMap::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoreMap {
    /// Name of the network.
    pub network: String,
    /// Name of the system.
    pub arch: String,
    /// How matrices are written.
    pub weights: WeightEncoding,
    /// What a neurocore has.
    pub capacity: Capacity,
    /// The cores in use: those of the chips in their order, then the host's.
    pub cores: Vec<CorePlan>,
}

/// A core in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorePlan {
    /// Where it is.
    pub place: Place,
    /// The neurons that live there.
    pub slices: Vec<SlicePlan>,
    /// What they take of it.
    pub usage: Usage,
}

/// Where a core is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A neurocore.
    Chip {
        /// Number of the chip in the system.
        chip: u32,
        /// Number of the core on the chip.
        core: u32,
    },
    /// Run by the host, without limits.
    Host,
}

/// Consecutive neurons of a group on one core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlicePlan {
    /// Name of the group.
    pub group: String,
    /// The first neuron, counted in the group.
    pub first_neuron: u32,
    /// How many neurons.
    pub n_neurons: u32,
}

/// Where a slice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocatedSlice {
    /// Index into [`CoreMap::cores`].
    pub core: usize,
    /// Index into [`CorePlan::slices`].
    pub slice: usize,
    /// The first neuron, counted in the group.
    pub first_neuron: usize,
    /// How many neurons.
    pub n_neurons: usize,
}

impl SlicePlan {
    /// The slice's group, if the network has one of its name.
    pub fn group_id(&self, network: &Network) -> Option<GroupId> {
        network.group_ids().find(|&group| network.group(group).name == self.group)
    }

    /// The slice's neurons, counted in the group.
    pub fn neurons(&self) -> std::ops::Range<usize> {
        let first = self.first_neuron as usize;
        first..first + self.n_neurons as usize
    }
}

impl CoreMap {
    /// By group of the network, its slices in the order of their neurons. Slices of unknown groups are left out.
    pub fn slices_by_group(&self, network: &Network) -> Vec<Vec<LocatedSlice>> {
        let ids = group_ids(network);
        let mut located = vec![Vec::new(); network.groups.len()];
        for (core, plan) in self.cores.iter().enumerate() {
            for (slice, plan) in plan.slices.iter().enumerate() {
                let Some(group) = ids.get(plan.group.as_str()) else { continue };
                let (first_neuron, n_neurons) = (plan.first_neuron as usize, plan.n_neurons as usize);
                located[group.index()].push(LocatedSlice { core, slice, first_neuron, n_neurons });
            }
        }
        for slices in &mut located {
            slices.sort_by_key(|slice| slice.first_neuron);
        }
        located
    }

    /// By core, its slices in their order. Slices of unknown groups are left out.
    pub fn slices_by_core(&self, network: &Network) -> Vec<Vec<Slice>> {
        let ids = group_ids(network);
        let slice = |plan: &SlicePlan| Some(Slice { group: *ids.get(plan.group.as_str())?, neurons: plan.neurons() });
        self.cores.iter().map(|core| core.slices.iter().filter_map(slice).collect()).collect()
    }

    /// Neurocores in use, the host's apart.
    pub fn n_neurocores(&self) -> usize {
        self.cores.iter().filter(|core| core.place != Place::Host).count()
    }

    /// Chips in use.
    pub fn n_chips(&self) -> usize {
        let chips = self.cores.iter().filter_map(|core| match core.place {
            Place::Chip { chip, core: _ } => Some(chip),
            Place::Host => None,
        });
        chips.collect::<std::collections::BTreeSet<_>>().len()
    }
}

/// The groups of a network by their names.
pub(crate) fn group_ids(network: &Network) -> BTreeMap<&str, GroupId> {
    network.groups.iter().map(|group| group.name.as_str()).zip(network.group_ids()).collect()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chip { chip, core } => write!(f, "neurocore {core} of chip {chip}"),
            Self::Host => f.write_str("the host"),
        }
    }
}
