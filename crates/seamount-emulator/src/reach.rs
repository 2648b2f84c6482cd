//! How long what is sent stays on its way.

use seamount_program::{Core, Dest, Program};

use crate::image::index;

/// For each source the number of steps in which what it sends in one step arrives, or might: from the next step on for a
/// neuron, from the same one on for the host, up to the longest delay of a synapse that it leads to.
#[derive(Debug)]
pub(crate) struct Reach {
    /// By core and source; 0 for what leads to no core.
    pub sources: Vec<Vec<usize>>,
    /// The longest of each core.
    pub cores: Vec<usize>,
    /// The longest of the host's channels and its tick.
    pub host: usize,
}

impl Reach {
    /// The reach of all sources of a verified program.
    pub(crate) fn new(program: &Program) -> Self {
        let delays: Vec<_> = program.cores.iter().map(axon_delays).collect();
        let of = |dests: &[Dest]| {
            let to_cores = dests.iter().filter_map(|dest| delays.get(index(dest.core_idx))?.get(index(dest.axon)));
            to_cores.map(|delay| delay + 1).max().unwrap_or(0)
        };
        let of_core = |core: &Core| (0..core.routes.n_sources()).map(|source| of(core.routes.of(source))).collect();
        let sources: Vec<Vec<usize>> = program.cores.iter().map(of_core).collect();
        let host = &program.host;
        Self {
            cores: sources.iter().map(|sources| sources.iter().copied().max().unwrap_or(0)).collect(),
            sources,
            host: of(&host.input.dests).max(of(&host.tick)),
        }
    }
}

/// For each axon of a core the longest delay of its synapses.
fn axon_delays(core: &Core) -> Vec<usize> {
    let n_axons = core.synapse_blocks.iter().map(|block| index(block.first_axon) + index(block.n_axons)).max();
    let mut delays = vec![0; n_axons.unwrap_or(0)];
    for block in &core.synapse_blocks {
        let of_block = &mut delays[index(block.first_axon)..][..index(block.n_axons)];
        of_block.iter_mut().for_each(|delay| *delay = index(block.delay_steps).max(*delay));
    }
    delays
}
