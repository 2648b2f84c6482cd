//! What a message sets off at the input axon where it arrives.

use seamount_program::{Core, Program};

use crate::index;

/// The input axons of a core.
pub(crate) struct Axons {
    /// By axon, the weights that a message meets.
    synaptic_ops: Vec<f64>,
    /// By axon, the bytes of the rows that are read for it.
    synapse_bytes: Vec<f64>,
    /// Axon `a` is named by `blocks[first[a]..first[a + 1]]` of the core's blocks.
    first: Vec<usize>,
    blocks: Vec<usize>,
}

impl Axons {
    pub(crate) fn of(core: &Core) -> Self {
        let ends = core.synapse_blocks.iter().map(|block| index(block.first_axon) + index(block.n_axons));
        let n_axons = ends.max().unwrap_or(0);
        let (mut synaptic_ops, mut synapse_bytes) = (vec![0.0; n_axons], vec![0.0; n_axons]);
        let mut first = vec![0; n_axons + 1];
        for block in &core.synapse_blocks {
            let n_neurons = core.slices.get(index(block.slice)).map_or(0, |slice| slice.n_neurons);
            let n_ops = f64::from(block.encoding.weights_per_row(n_neurons));
            let row_bytes = block.encoding.row_bytes(n_neurons) as f64;
            for axon in axons_of(block) {
                synaptic_ops[axon] += n_ops;
                synapse_bytes[axon] += row_bytes;
                first[axon + 1] += 1;
            }
        }
        for axon in 0..n_axons {
            first[axon + 1] += first[axon];
        }
        let mut next = first.clone();
        let mut blocks = vec![0; first[n_axons]];
        for (number, block) in core.synapse_blocks.iter().enumerate() {
            for axon in axons_of(block) {
                blocks[next[axon]] = number;
                next[axon] += 1;
            }
        }
        Self { synaptic_ops, synapse_bytes, first, blocks }
    }

    /// Weights that a message meets at an axon, and the bytes that are read for it.
    pub(crate) fn work(&self, axon: u32) -> (f64, f64) {
        (self.synaptic_ops[index(axon)], self.synapse_bytes[index(axon)])
    }

    /// The blocks that name an axon, by their numbers.
    pub(crate) fn blocks(&self, axon: u32) -> &[usize] {
        &self.blocks[self.first[index(axon)]..self.first[index(axon) + 1]]
    }
}

fn axons_of(block: &seamount_program::SynapseBlock) -> std::ops::Range<usize> {
    let first = index(block.first_axon);
    first..first + index(block.n_axons)
}

/// The input axons of all cores.
pub(crate) fn axons(program: &Program) -> Vec<Axons> {
    program.cores.iter().map(Axons::of).collect()
}
