//! What holds of a core map.
//!
//! - `fit`: it is of this network, system and kind of core.
//! - `group`: a slice is of a group of the network, not empty, and not longer than sparse rows can number.
//! - `covered`: the slices of a group hold each of its neurons once.
//! - `place`: a core exists, is not bad, and is named once; groups that the host runs are there, others are not.
//! - `usage`: what a core is said to use is what its slices take.
//! - `limit`: a neurocore uses no more than it has.

use std::collections::BTreeSet;
use std::fmt;

use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::network::Network;

use crate::error::PartitionError;
use crate::layout::{Footprint, Layout};
use crate::map::{CoreMap, Place, group_ids};
use crate::slice::MAX_NEURONS_PER_SLICE;
use crate::usage::Capacity;

/// A broken rule of a core map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapViolation {
    /// The rule's id, as in the head of the verifier's file.
    pub rule: &'static str,
    /// The core or group.
    pub at: String,
    /// What was expected and found.
    pub message: String,
}

/// All the rules that a core map breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the core map breaks {} rule(s):\n{}", .0.len(), itertools::join(.0, "\n"))]
pub struct MapViolations(pub Vec<MapViolation>);

impl fmt::Display for MapViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.at, self.message, self.rule)
    }
}

impl CoreMap {
    /// Checks every rule.
    ///
    /// # Errors
    /// All the rules that are broken; a network that cannot be laid out at all breaks `fit`.
    pub fn verify(
        &self,
        network: &Verified<Network>,
        footprints: &[Footprint],
        arch: &Arch,
    ) -> Result<(), MapViolations> {
        let mut checker = Checker { map: self, violations: Vec::new() };
        match Layout::new(network, footprints, arch, self.weights) {
            Err(error) => checker.refuse(&error),
            Ok(layout) => {
                checker.fit(network, arch);
                checker.covered(network);
                checker.places(network, arch);
                checker.usage(&layout);
            }
        }
        if checker.violations.is_empty() { Ok(()) } else { Err(MapViolations(checker.violations)) }
    }
}

struct Checker<'a> {
    map: &'a CoreMap,
    violations: Vec<MapViolation>,
}

impl Checker<'_> {
    fn broken(&mut self, rule: &'static str, at: impl fmt::Display, message: String) {
        self.violations.push(MapViolation { rule, at: at.to_string(), message });
    }

    fn refuse(&mut self, error: &PartitionError) {
        self.broken("fit", "network", error.to_string());
    }

    fn fit(&mut self, network: &Network, arch: &Arch) {
        let map = self.map;
        if map.network != network.name {
            self.broken("fit", "map", format!("is of network {:?}, expected {:?}", map.network, network.name));
        }
        if map.arch != arch.name() {
            self.broken("fit", "map", format!("is for system {:?}, expected {:?}", map.arch, arch.name()));
        }
        if map.capacity != Capacity::of(arch) {
            self.broken("fit", "map", format!("is for neurocores of another kind than {:?} has", arch.name()));
        }
    }

    fn covered(&mut self, network: &Network) {
        let map = self.map;
        let ids = group_ids(network);
        for core in &map.cores {
            for slice in &core.slices {
                if !ids.contains_key(slice.group.as_str()) {
                    self.broken("group", core.place, format!("there is no neuron group {:?}", slice.group));
                } else if slice.n_neurons == 0 {
                    self.broken("group", core.place, format!("has an empty slice of {:?}", slice.group));
                } else if slice.neurons().len() > MAX_NEURONS_PER_SLICE {
                    let (group, n) = (&slice.group, slice.n_neurons);
                    let message = format!("has {n} neurons of {group:?}, a slice has at most {MAX_NEURONS_PER_SLICE}");
                    self.broken("group", core.place, message);
                }
            }
        }
        for (group, slices) in network.groups.iter().zip(map.slices_by_group(network)) {
            let mut next = 0;
            for slice in slices {
                if slice.first_neuron != next {
                    self.broken("covered", &group.name, format!("neuron {} follows {next}", slice.first_neuron));
                }
                next = slice.first_neuron + slice.n_neurons;
            }
            if next != group.n_neurons {
                self.broken("covered", &group.name, format!("slices hold {next} neurons of {}", group.n_neurons));
            }
        }
    }

    fn places(&mut self, network: &Network, arch: &Arch) {
        let map = self.map;
        let ids = group_ids(network);
        let mut taken = BTreeSet::new();
        for core in &map.cores {
            if !taken.insert(core.place) {
                self.broken("place", core.place, "is named twice".to_owned());
            }
            if let Place::Chip { chip, core: number } = core.place {
                if chip >= arch.n_chips() || number >= arch.cores_per_chip() {
                    let (n_chips, n_cores) = (arch.n_chips(), arch.cores_per_chip());
                    let message = format!("does not exist on {n_chips} chips of {n_cores} neurocores");
                    self.broken("place", core.place, message);
                } else if arch.is_bad_core(chip, number) {
                    self.broken("place", core.place, "is marked bad".to_owned());
                }
            }
            for slice in &core.slices {
                let belongs = ids.get(slice.group.as_str()).map(|&group| network.group(group).on_host);
                let is = core.place == Place::Host;
                if belongs.is_some_and(|belongs| belongs != is) {
                    let on = if is { "a chip" } else { "the host" };
                    self.broken(
                        "place",
                        core.place,
                        format!("has neurons of {:?}, which belongs on {on}", slice.group),
                    );
                }
            }
        }
    }

    fn usage(&mut self, layout: &Layout<'_>) {
        let map = self.map;
        for (core, found) in map.cores.iter().zip(layout.usages(&map.slices_by_core(layout.network()))) {
            if found != core.usage {
                self.broken("usage", core.place, format!("is said to use {:?}, its slices take {found:?}", core.usage));
            }
            if core.place != Place::Host {
                for excess in found.excesses(layout.capacity()) {
                    self.broken("limit", core.place, excess.to_string());
                }
            }
        }
    }
}
