//! A program laid out to be run: verified bodies, weights as bytes, the length of every route.

use std::collections::BTreeSet;
use std::sync::Arc;

use seamount_arch::{Arch, Overflow};
use seamount_microcode::VerifiedBody;
use seamount_microcode::semantics::Word;
use seamount_program::{Core, Dest, Encoding, Place, Program, SynapseBlock, Violation, rows, verify};

use crate::reach::Reach;

/// A verified program and what is worked out of it once.
#[derive(Debug)]
pub(crate) struct Image {
    pub program: Arc<Program>,
    /// The bodies, by their index in the program.
    pub bodies: Vec<VerifiedBody>,
    /// The width of registers and slots.
    pub word: Word,
    /// The width of accumulators, and what a sum does that does not fit.
    pub accumulator: Word,
    pub overflow: Overflow,
    pub payload_bits: u32,
    /// The cores, by their index in the program.
    pub cores: Vec<CoreImage>,
    /// For each axon of each core the weights of its rows.
    pub axon_ops: Vec<Vec<u64>>,
    /// How long what is sent stays on its way.
    pub reach: Reach,
}

#[derive(Debug)]
pub(crate) struct CoreImage {
    /// Whether the host plays this core.
    pub on_host: bool,
    pub slices: Vec<SliceImage>,
    pub blocks: Vec<BlockImage>,
    /// Where the blocks of consecutive axons change: an axon, and which blocks have it and those up to the next entry.
    pub blocks_from_axon: Vec<(u32, Vec<usize>)>,
    /// Source `i` has `routes[first_routes[i]..first_routes[i + 1]]`.
    pub first_routes: Vec<usize>,
    pub routes: Vec<Route>,
}

#[derive(Debug)]
pub(crate) struct SliceImage {
    pub group: u32,
    /// Index into [`Image::bodies`].
    pub body: usize,
    pub first_neuron: u32,
    pub n_neurons: usize,
    pub n_accumulators: usize,
    /// The number of the slice's first source in [`CoreImage::first_routes`].
    pub first_source: usize,
}

/// The axons of a synapse block.
#[derive(Debug)]
pub(crate) struct BlockImage {
    pub first_axon: u32,
    /// Index into [`CoreImage::slices`].
    pub slice: usize,
    pub acc: usize,
    pub delay_steps: usize,
    /// Whether all axons use the first row.
    pub is_shared: bool,
    pub rows: Rows,
}

/// The weights of a block.
#[derive(Debug)]
pub(crate) enum Rows {
    /// `[n_rows, n_neurons]`
    Dense { n_neurons: usize, weights: Vec<i8> },
    /// (neuron, weight), `[n_rows, n_per_row]`
    Sparse { n_per_row: usize, entries: Vec<(u16, i8)> },
}

/// A destination and how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub dest: Dest,
    /// Links between routers on the way.
    pub hops: u32,
    /// Borders between chips on the way.
    pub chip_crossings: u32,
}

impl Image {
    /// Verifies the program and lays it out.
    pub(crate) fn new(program: Arc<Program>) -> Result<Self, Vec<Violation>> {
        let verified = verify(&program)?;
        let arch = &program.arch;
        let accumulator = Word::new(arch.accumulator_bits()).expect("invariant: an arch's words have 8 to 32 bits");
        let cores = program.cores.iter().map(|core| core_image(&program, core)).collect();
        Ok(Self {
            bodies: verified.bodies,
            word: verified.machine.word,
            accumulator,
            overflow: arch.overflow(),
            payload_bits: arch.payload_bits_max(),
            cores,
            axon_ops: program.cores.iter().map(axon_ops).collect(),
            reach: Reach::new(&program),
            program,
        })
    }
}

impl CoreImage {
    /// Where the spikes of a source go.
    pub(crate) fn routes_of(&self, source: usize) -> &[Route] {
        &self.routes[self.first_routes[source]..self.first_routes[source + 1]]
    }

    /// The blocks that have an input axon, in their order.
    pub(crate) fn blocks_of(&self, axon: u32) -> impl Iterator<Item = &BlockImage> {
        let after = self.blocks_from_axon.partition_point(|&(first, _)| first <= axon);
        let blocks = after.checked_sub(1).map(|at| self.blocks_from_axon[at].1.as_slice()).unwrap_or_default();
        blocks.iter().map(|&block| &self.blocks[block])
    }
}

fn core_image(program: &Program, core: &Core) -> CoreImage {
    let mut slices = Vec::with_capacity(core.slices.len());
    let mut first_source = 0;
    for slice in &core.slices {
        let body = program.groups[index(slice.group)].body;
        let (n_accumulators, n_ports) = {
            let body = &program.bodies[index(body)];
            (body.accumulators.len(), body.ports.len())
        };
        slices.push(SliceImage {
            group: slice.group,
            body: index(body),
            first_neuron: slice.first_neuron,
            n_neurons: index(slice.n_neurons),
            n_accumulators,
            first_source,
        });
        first_source += n_ports * index(slice.n_neurons);
    }
    CoreImage {
        on_host: core.place == Place::Host,
        slices,
        blocks: core.synapse_blocks.iter().map(|block| block_image(core, block)).collect(),
        blocks_from_axon: blocks_from_axon(&core.synapse_blocks),
        first_routes: core.routes.offsets.iter().map(|&offset| index(offset)).collect(),
        routes: core.routes.dests.iter().map(|&dest| route(program, core.place, dest)).collect(),
    }
}

fn blocks_from_axon(blocks: &[SynapseBlock]) -> Vec<(u32, Vec<usize>)> {
    let borders = blocks.iter().flat_map(|block| [block.first_axon, block.first_axon + block.n_axons]);
    let borders: BTreeSet<u32> = borders.collect();
    let blocks_of = |axon: u32| (0..blocks.len()).filter(move |&block| blocks[block].has_axon(axon)).collect();
    borders.into_iter().map(|axon| (axon, blocks_of(axon))).collect()
}

fn block_image(core: &Core, block: &SynapseBlock) -> BlockImage {
    let n_neurons = core.slices[index(block.slice)].n_neurons;
    let is_shared = block.row_stride_bytes == 0;
    let n_rows = if is_shared { 1 } else { block.n_axons };
    let valid = "invariant: a verified program's rows are valid";
    let bytes = (0..n_rows).map(|row| core.row(block, n_neurons, row).expect(valid));
    let n_neurons = index(n_neurons);
    let rows = match block.encoding {
        Encoding::Dense2 => {
            let weights = bytes.flat_map(|row| rows::unpack_dense2(row, n_neurons).expect(valid)).collect();
            Rows::Dense { n_neurons, weights }
        }
        Encoding::Dense8 => {
            let weights = bytes.flat_map(|row| rows::unpack_dense8(row, n_neurons).expect(valid)).collect();
            Rows::Dense { n_neurons, weights }
        }
        Encoding::Sparse { n_per_row } => {
            let entries = bytes.flat_map(|row| rows::unpack_sparse(row, n_neurons).expect(valid)).collect();
            Rows::Sparse { n_per_row: index(n_per_row), entries }
        }
    };
    BlockImage {
        first_axon: block.first_axon,
        slice: index(block.slice),
        acc: block.acc.index(),
        delay_steps: index(block.delay_steps),
        is_shared,
        rows,
    }
}

/// For each axon of a core the weights of its rows.
fn axon_ops(core: &Core) -> Vec<u64> {
    let mut ops = vec![0; usize::try_from(core.n_axons()).expect("invariant: a verified program's axons have blocks")];
    for block in &core.synapse_blocks {
        let weights = block.encoding.weights_per_row(core.slices[index(block.slice)].n_neurons);
        let of_block = &mut ops[index(block.first_axon)..][..index(block.n_axons)];
        of_block.iter_mut().for_each(|ops| *ops += u64::from(weights));
    }
    ops
}

fn route(program: &Program, from: Place, dest: Dest) -> Route {
    let to = program.cores.get(index(dest.core_idx)).map_or(Place::Host, |core| core.place);
    let (hops, chip_crossings) = distance(&program.arch, from, to);
    Route { dest, hops, chip_crossings }
}

/// Links and chip borders of the way along the row, then along the column; none to or from the host, whose place in the
/// mesh no description gives.
pub(crate) fn distance(arch: &Arch, from: Place, to: Place) -> (u32, u32) {
    match (from, to) {
        (Place::Chip { chip: from_chip, core: from }, Place::Chip { chip: to_chip, core: to }) => {
            let hops = manhattan(arch.core_position(from_chip, from), arch.core_position(to_chip, to));
            let chip_crossings = manhattan(arch.chip_position(from_chip), arch.chip_position(to_chip));
            (hops, chip_crossings)
        }
        (Place::Host, _) | (_, Place::Host) => (0, 0),
    }
}

fn manhattan(from: (u32, u32), to: (u32, u32)) -> u32 {
    from.0.abs_diff(to.0) + from.1.abs_diff(to.1)
}

/// A `u32` as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}
