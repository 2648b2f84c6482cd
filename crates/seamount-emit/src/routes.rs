//! Which input axons a source reaches.
//!
//! The destinations of a source come in the order of the cores, then the host's outputs.

use seamount_ir::network::{Source, Target};
use seamount_partition::{AxonMap, CoreMap, InputAxons, Layout};
use seamount_program::{Dest, HOST_OUTPUT};

use crate::error::EmitError;
use crate::program::number;

/// The input axons of all cores, and what reaches them.
pub(crate) struct Destinations {
    axons: AxonMap,
    /// The sources of logits, one that is read twice comes twice.
    to_host: Vec<Source>,
}

impl Destinations {
    /// Numbers the input axons of every core.
    ///
    /// # Errors
    /// [`EmitError::Size`].
    pub(crate) fn new(layout: &Layout<'_>, map: &CoreMap) -> Result<Self, EmitError> {
        let network = layout.network();
        let axons = layout.axon_map(map.slices_by_core(network).iter().map(Vec::as_slice));
        number("cores", map.cores.len())?;
        for core in 0..map.cores.len() {
            number("input axons of a core", axons.core(core).len())?;
        }
        let to_host = network.projections.iter().filter(|projection| projection.target == Target::Logits);
        Ok(Self { axons, to_host: to_host.map(|projection| projection.source).collect() })
    }

    /// The input axons of a core of the map.
    pub(crate) fn axons(&self, core: usize) -> &InputAxons {
        self.axons.core(core)
    }

    /// The destinations of one neuron or channel of a source.
    pub(crate) fn of(&self, source: Source, neuron: usize) -> Vec<Dest> {
        let small = |n: usize| u32::try_from(n).expect("invariant: cores and their axons were numbered in 32 bits");
        let on_cores = self.axons.destinations(source, neuron);
        let mut dests: Vec<Dest> =
            on_cores.map(|(core, axon)| Dest { core_idx: small(core), axon: small(axon) }).collect();
        let to_host = self.to_host.iter().filter(|&&of| of == source);
        dests.extend(to_host.map(|_| Dest { core_idx: HOST_OUTPUT, axon: small(neuron) }));
        dests
    }
}
