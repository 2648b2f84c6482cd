//! Packs slices onto cores and chips.
//!
//! Slices come in the order of the data. Each goes to the first core in use of the current chip that has room, else to the
//! chip's next core, else to the next chip. So neighbors in the data are neighbors on the chips, a group stays on as few
//! chips as its place in the order allows, and small groups fill the gaps that large ones leave. If each layer is to have a
//! chip of its own, the first slice of a layer goes to the next chip.

use std::ops::Range;

use seamount_arch::Arch;

use crate::chips::Chips;
use crate::error::PartitionError;
use crate::layout::{Layout, count};
use crate::load::{CoreLoad, Slice, SliceLoad};
use crate::map::{CoreMap, CorePlan, Place, SlicePlan};
use crate::options::Options;
use crate::slice::is_head;
use crate::usage::Capacity;

/// Places every slice; `slices` has the ranges of each group.
///
/// # Errors
/// [`PartitionError::Cores`] if the system has too few cores.
pub(crate) fn pack(
    layout: &Layout<'_>,
    arch: &Arch,
    chips: &Chips,
    options: &Options,
    slices: &[Vec<Range<usize>>],
) -> Result<CoreMap, PartitionError> {
    let n_slices: Vec<usize> = slices.iter().map(Vec::len).collect();
    let mut packer = Packer { layout, arch, cores: vec![], first_of_chip: 0, next: (0, 0) };
    let mut host = Vec::new();
    let mut layer = None;
    for group in layout.network().group_ids() {
        let of_group = layout.network().group(group).layer;
        if options.one_layer_per_chip && of_group.is_some() && of_group != layer.or(of_group) {
            packer.leave_chip();
        }
        layer = of_group.or(layer);
        for neurons in &slices[group.index()] {
            let slice = Slice { group, neurons: neurons.clone() };
            if layout.network().group(group).on_host {
                host.push(slice);
            } else {
                packer.put(slice, &layout.slice_load(group, neurons, &n_slices));
            }
        }
    }
    let (mut places, mut cores): (Vec<_>, Vec<_>) =
        packer.cores.into_iter().map(|core| (core.place, core.slices)).unzip();
    let n_chips = match places.last() {
        Some(&Place::Chip { chip, core: _ }) => chip + 1,
        Some(Place::Host) | None => 0,
    };
    check_size(layout, arch, chips, places.len(), n_chips)?;
    if !host.is_empty() {
        places.push(Place::Host);
        cores.push(host);
    }
    Ok(CoreMap {
        network: layout.network().name.clone(),
        arch: arch.name().to_owned(),
        weights: layout.weights(),
        capacity: *layout.capacity(),
        cores: plans(layout, &places, &cores),
    })
}

/// The cores with what they use, which is less than was counted while they were filled where slices that a neuron reaches
/// share a core.
pub(crate) fn plans(layout: &Layout<'_>, places: &[Place], cores: &[Vec<Slice>]) -> Vec<CorePlan> {
    let number = |n: usize| u32::try_from(n).expect("invariant: a group has fewer than 2^32 neurons");
    let plan = |slice: &Slice| SlicePlan {
        group: layout.network().group(slice.group).name.clone(),
        first_neuron: number(slice.neurons.start),
        n_neurons: number(slice.neurons.len()),
    };
    let usages = layout.usages(cores);
    let parts = places.iter().zip(cores).zip(usages);
    parts
        .map(|((&place, slices), usage)| CorePlan { place, slices: slices.iter().map(plan).collect(), usage })
        .collect()
}

struct Packer<'a> {
    layout: &'a Layout<'a>,
    arch: &'a Arch,
    cores: Vec<Open>,
    /// Index of the first core in use on the current chip.
    first_of_chip: usize,
    /// The next core to use, as (chip, core); chips go on beyond those of the system, to know how many are missing.
    next: (u32, u32),
}

impl Packer<'_> {
    fn put(&mut self, slice: Slice, load: &SliceLoad) {
        let capacity = self.layout.capacity();
        let mut current = self.cores[self.first_of_chip..].iter_mut();
        let core = match current.find(|core| core.load.with(load).fits(capacity)) {
            Some(core) => core,
            None => {
                let place = self.open();
                self.cores.push(Open { place, slices: Vec::new(), load: self.layout.empty_core() });
                self.cores.last_mut().expect("invariant: a core was opened")
            }
        };
        core.load.add(load);
        core.slices.push(slice);
    }

    /// What comes next goes to a chip that holds nothing yet.
    fn leave_chip(&mut self) {
        if self.first_of_chip < self.cores.len() {
            self.next = (self.next.0 + 1, 0);
            self.first_of_chip = self.cores.len();
        }
    }

    fn open(&mut self) -> Place {
        loop {
            let (chip, core) = self.next;
            if core == self.arch.cores_per_chip() {
                self.next = (chip + 1, 0);
                self.first_of_chip = self.cores.len();
                continue;
            }
            self.next = (chip, core + 1);
            if !self.arch.is_bad_core(chip, core) {
                return Place::Chip { chip, core };
            }
        }
    }
}

/// A core that may have room.
struct Open {
    place: Place,
    slices: Vec<Slice>,
    load: CoreLoad,
}

/// Whether there are as many chips as needed.
pub(crate) fn check_size(
    layout: &Layout<'_>,
    arch: &Arch,
    chips: &Chips,
    n_cores: usize,
    n_chips: u32,
) -> Result<(), PartitionError> {
    if n_chips <= chips.n_allowed() {
        return Ok(());
    }
    Err(PartitionError::Cores {
        needed_cores: count(n_cores),
        needed_chips: n_chips.into(),
        arch: arch.name().to_owned(),
        available_cores: chips.n_available(),
        available_chips: chips.n_allowed().into(),
        help: more_chips(layout, arch, chips, n_chips),
    })
}

fn more_chips(layout: &Layout<'_>, arch: &Arch, chips: &Chips, needed_chips: u32) -> String {
    let network = layout.network();
    let mut help = Vec::new();
    let has_wide_ternary = network.group_ids().any(|group| layout.has_wide_ternary(group));
    if has_wide_ternary && arch.synapse_weight_bits().any(|bits| bits == 2) {
        help.push("--weights ternary".to_owned());
    }
    if network.groups.iter().any(|group| !group.on_host && is_head(network, group)) {
        help.push("--head host".to_owned());
    }
    if chips.n_allowed() < arch.n_chips() && needed_chips <= arch.n_chips() {
        help.push(format!("--max-chips {needed_chips}"));
        return help.join(", or ");
    }
    let shipped = Arch::shipped_names().into_iter().filter_map(|name| Arch::shipped(name).ok());
    let same_cores = |other: &Arch| {
        (Capacity::of(other), other.cores_per_chip()) == (Capacity::of(arch), arch.cores_per_chip())
            && other.n_chips() >= needed_chips
    };
    let larger: Vec<String> = shipped.filter(same_cores).map(|other| other.name().to_owned()).collect();
    match larger.first() {
        Some(smallest) => help.push(format!("a larger system: --arch {smallest}")),
        None => help.push("an arch file with more chips".to_owned()),
    }
    help.join(", or ")
}
