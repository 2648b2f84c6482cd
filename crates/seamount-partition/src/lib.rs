//! Maps neuron groups onto neurocores.
//!
//! Entry point: [`partition`]. It cuts every group into slices that fit a neurocore, and packs the slices onto the cores
//! and chips of a system. The result is a [`CoreMap`]: which neurons live where, and what each core uses of what it has.
//! [`Layout`] is the one place that knows how many bytes and axons slices and cores take; the emitter lays out the very
//! same.
//!
//! **Invariant:** this crate knows no microcode and no program; what a body needs arrives as [`Footprint`].
//! **Invariant:** the same network, system and options give the same map.

mod axons;
mod error;
mod layout;
mod load;
mod map;
mod pack;
mod slice;
mod sparse;
mod text;
mod usage;
mod verify;

pub use axons::{AxonMap, AxonRun, InputAxons};
pub use error::PartitionError;
pub use layout::{BlockLayout, Footprint, Layout, RowEncoding, SPARSE_ENTRY_BYTES, WeightEncoding};
pub use load::{CoreLoad, Slice, SliceLoad};
pub use map::{CoreMap, CorePlan, LocatedSlice, Place, SlicePlan};
pub use usage::{Capacity, Excess, Limit, Usage};
pub use verify::{MapViolation, MapViolations};

use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::network::Network;

/// What the user may choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How matrices are written.
    pub weights: WeightEncoding,
    /// Each layer of the model begins on a chip of its own, as in the published mapping of the 370M model; what belongs to no
    /// layer goes with its neighbor.
    pub one_layer_per_chip: bool,
}

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
    let layout = Layout::new(network, footprints, arch, options.weights)?;
    let slices = slice::cut(&layout)?;
    pack::pack(&layout, arch, options, &slices)
}
