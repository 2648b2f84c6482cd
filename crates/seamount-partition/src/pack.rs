//! Packs slices onto cores and chips.
//!
//! Slices come in the order of the data. Each goes to the first core in use of the current chip that has room, else to the
//! chip's next core, else to the next chip. So neighbors in the data are neighbors on the chips, a group stays on as few
//! chips as its place in the order allows, and small groups fill the gaps that large ones leave.

use std::collections::BTreeSet;
use std::ops::Range;

use seamount_arch::Arch;
use seamount_ir::network::GroupId;

use crate::error::PartitionError;
use crate::layout::Layout;
use crate::map::{CoreMap, CorePlan, Place, SlicePlan};
use crate::slice::is_head;
use crate::usage::{Capacity, Usage};

/// Places every slice; `slices` has the ranges of each group.
///
/// # Errors
/// [`PartitionError::Cores`] if the system has too few cores.
pub(crate) fn pack(layout: &Layout<'_>, arch: &Arch, slices: &[Vec<Range<usize>>]) -> Result<CoreMap, PartitionError> {
    let n_slices: Vec<usize> = slices.iter().map(Vec::len).collect();
    let mut packer = Packer { layout, arch, cores: vec![], first_of_chip: 0, next: (0, 0) };
    let mut host = Open::new(Place::Host);
    for group in layout.network().group_ids() {
        for neurons in &slices[group.index()] {
            let usage = layout.slice_usage(group, neurons, &n_slices);
            if layout.network().group(group).on_host {
                host.put(layout, group, neurons, usage);
            } else {
                packer.put(group, neurons, usage);
            }
        }
    }
    let mut cores: Vec<CorePlan> = packer.cores.into_iter().map(|core| core.plan).collect();
    check_size(layout, arch, &cores)?;
    if !host.plan.slices.is_empty() {
        cores.push(host.plan);
    }
    Ok(CoreMap {
        network: layout.network().name.clone(),
        arch: arch.name().to_owned(),
        weights: layout.weights(),
        capacity: *layout.capacity(),
        cores,
    })
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
    fn put(&mut self, group: GroupId, neurons: &Range<usize>, usage: Usage) {
        let (layout, capacity) = (self.layout, self.layout.capacity());
        let current = &mut self.cores[self.first_of_chip..];
        if let Some(core) = current.iter_mut().find(|core| core.with(layout, group, usage).fits(capacity)) {
            return core.put(layout, group, neurons, usage);
        }
        let mut core = Open::new(self.open());
        core.put(layout, group, neurons, usage);
        self.cores.push(core);
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
    plan: CorePlan,
    bodies: BTreeSet<u32>,
}

impl Open {
    fn new(place: Place) -> Self {
        Self { plan: CorePlan { place, slices: Vec::new(), usage: Usage::default() }, bodies: BTreeSet::new() }
    }

    /// What the core would use with another slice.
    fn with(&self, layout: &Layout<'_>, group: GroupId, usage: Usage) -> Usage {
        let mut sum = self.plan.usage;
        sum += usage;
        if !self.bodies.contains(&layout.body(group)) {
            sum += layout.microcode_usage(group);
        }
        sum
    }

    fn put(&mut self, layout: &Layout<'_>, group: GroupId, neurons: &Range<usize>, usage: Usage) {
        self.plan.usage = self.with(layout, group, usage);
        self.bodies.insert(layout.body(group));
        let number = |n: usize| u32::try_from(n).expect("invariant: a group has fewer than 2^32 neurons");
        self.plan.slices.push(SlicePlan {
            group: layout.network().group(group).name.clone(),
            first_neuron: number(neurons.start),
            n_neurons: number(neurons.len()),
        });
    }
}

fn check_size(layout: &Layout<'_>, arch: &Arch, cores: &[CorePlan]) -> Result<(), PartitionError> {
    let last = cores.last().map(|core| core.place);
    let needed_chips = match last {
        Some(Place::Chip { chip, core: _ }) => u64::from(chip) + 1,
        Some(Place::Host) | None => 0,
    };
    if needed_chips <= u64::from(arch.n_chips()) {
        return Ok(());
    }
    let n_bad =
        arch.bad_cores().iter().filter(|(chip, _)| *chip < arch.n_chips()).collect::<BTreeSet<_>>().len() as u64;
    Err(PartitionError::Cores {
        needed_cores: cores.len() as u64,
        needed_chips,
        arch: arch.name().to_owned(),
        available_cores: u64::from(arch.n_chips()) * u64::from(arch.cores_per_chip()) - n_bad,
        available_chips: arch.n_chips().into(),
        help: larger_systems(layout, arch, needed_chips),
    })
}

fn larger_systems(layout: &Layout<'_>, arch: &Arch, needed_chips: u64) -> String {
    let network = layout.network();
    let mut help = Vec::new();
    let has_wide_ternary = network.group_ids().any(|group| layout.has_wide_ternary(group));
    if has_wide_ternary && arch.synapse_weight_bits().any(|bits| bits == 2) {
        help.push("--weights ternary".to_owned());
    }
    if network.groups.iter().any(|group| !group.on_host && is_head(network, group)) {
        help.push("--head host".to_owned());
    }
    let shipped = Arch::shipped_names().into_iter().filter_map(|name| Arch::shipped(name).ok());
    let same_cores = |other: &Arch| {
        (Capacity::of(other), other.cores_per_chip()) == (Capacity::of(arch), arch.cores_per_chip())
            && u64::from(other.n_chips()) >= needed_chips
    };
    let larger: Vec<String> = shipped.filter(same_cores).map(|other| other.name().to_owned()).collect();
    match larger.first() {
        Some(smallest) => help.push(format!("a larger system: --arch {smallest}")),
        None => help.push("an arch file with more chips".to_owned()),
    }
    help.join(", or ")
}
