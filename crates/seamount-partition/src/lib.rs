//! Maps neuron groups onto neurocores.
//!
//! Entry point: [`partition`]. It cuts every group into slices that fit a neurocore, and packs the slices onto the cores
//! and chips of a system. The result is a [`CoreMap`]: which neurons live where, and what each core uses of what it has.
//! [`Layout`] is the one place that knows how many bytes and axons slices and cores take; the emitter lays out the very
//! same.
//!
//! **Invariant:** this crate knows no microcode and no program; what a body needs arrives as [`Footprint`].
//! **Invariant:** the same network, system and options give the same map.

mod alike;
mod axons;
mod bounds;
mod chips;
mod demand;
mod error;
mod fill;
mod layout;
mod load;
mod map;
mod options;
mod pace;
mod pack;
mod place;
mod plan;
mod search;
mod slice;
mod sparse;
mod spread;
mod text;
mod tight;
mod usage;
mod verify;
mod work;

pub use axons::{AxonMap, AxonRun, InputAxons};
pub use bounds::{Bounds, ResourceBound};
pub use error::PartitionError;
pub use layout::{BlockLayout, Footprint, Layout, RowEncoding, SPARSE_ENTRY_BYTES, WeightEncoding};
pub use load::{CoreLoad, Slice, SliceLoad};
pub use map::{CoreMap, CorePlan, LocatedSlice, Place, SlicePlan};
pub use options::{Effort, Objective, Options};
pub use place::Traffic;
pub use usage::{Capacity, Excess, Limit, Usage};
pub use verify::{MapViolation, MapViolations};

use std::num::NonZeroU32;

use chips::Chips;
use demand::Demand;
use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::network::Network;
use search::Search;
use work::Work;

/// Cuts the groups of a network into slices and packs them onto the cores of a system.
///
/// `footprints` has an entry for each group, in the order of the network. Groups that the host runs go to one core of
/// the host, which has no limits.
///
/// # Errors
/// [`PartitionError`] names the limit that cannot be kept, the group, both numbers and what would help.
pub fn partition(
    network: &Verified<Network>,
    footprints: &[Footprint],
    arch: &Arch,
    options: &Options,
) -> Result<CoreMap, PartitionError> {
    partition_until(network, footprints, arch, options, &|| false).map(|mapping| mapping.map)
}

/// A core map, and how good it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Which neurons live where.
    pub map: CoreMap,
    /// What no map of this network on this system can be below.
    pub bounds: Bounds,
    /// Time from a token to the next as the search counted it, in ns: every payload is sent, and messages spread evenly
    /// over the links of a chip.
    pub token_ns: f64,
    /// What passes the links when every neuron sends once.
    pub traffic: Traffic,
}

/// As [`partition`], but looks for no better map once `stop` says so, and says how good the map is.
///
/// Where `stop` depends on time, so does the map.
///
/// # Errors
/// [`PartitionError`].
pub fn partition_until(
    network: &Verified<Network>,
    footprints: &[Footprint],
    arch: &Arch,
    options: &Options,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<Mapping, PartitionError> {
    let layout = Layout::new(network, footprints, arch, options.weights)?;
    let demand = Demand::new(&layout);
    let work = Work::new(&demand, arch);
    let chips = Chips::new(arch, options.max_chips.map(NonZeroU32::get));
    let search = Search::new(&demand, &work, &chips, options, stop);
    let is_searched = options.effort > Effort::Quick && !options.one_layer_per_chip;
    let found = if is_searched { search.run() } else { None };
    let map = match found {
        Some(found) => place::place(&layout, arch, &chips, options, found.cores)?,
        None => pack::pack(&layout, arch, &chips, options, &slice::cut(&layout)?)?,
    };
    let cores: Vec<Vec<Slice>> = map.slices_by_core(network);
    let n_on_chips = map.n_neurocores();
    let token_ns = search.token_ns(&cores[..n_on_chips], map.n_chips());
    let bounds = Bounds::new(&demand, &work, arch, search.spacing(), map.n_chips());
    let traffic = place::traffic(&layout, arch, &map);
    Ok(Mapping { map, bounds, token_ns, traffic })
}
