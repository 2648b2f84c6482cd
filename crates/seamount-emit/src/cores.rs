//! The cores of a program: slots, synapse images and routes.

use rayon::prelude::*;
use seamount_arch::Arch;
use seamount_ir::network::{GroupId, Network, Source, Weights};
use seamount_microcode::AccId;
use seamount_partition::{BlockLayout, CoreMap, CorePlan, Layout, Place, RowEncoding, SlicePlan};
use seamount_program::rows::{ImageBuilder, pack_dense2, pack_dense8, pack_sparse};
use seamount_program::{Core, Encoding, Routes, Slice, SynapseBlock};

use crate::codegen::Microcode;
use crate::error::EmitError;
use crate::program::number;
use crate::routes::Destinations;

/// All cores, in the order of the map. They are built in parallel and do not depend on each other.
///
/// # Errors
/// [`EmitError::Constant`], [`EmitError::Range`] and [`EmitError::Size`], of the first core that has one.
pub(crate) fn emit(
    layout: &Layout<'_>,
    map: &CoreMap,
    microcode: &Microcode,
    destinations: &Destinations,
    arch: &Arch,
    has_weights: bool,
) -> Result<Vec<Core>, EmitError> {
    let emitter = Emitter { layout, microcode, destinations, arch, has_weights };
    // Collected as results first, so that the first error in order is reported whichever thread comes first.
    let cores: Vec<Result<Core, EmitError>> =
        map.cores.par_iter().enumerate().map(|(core, plan)| emitter.core(core, plan)).collect();
    cores.into_iter().collect()
}

struct Emitter<'a> {
    layout: &'a Layout<'a>,
    microcode: &'a Microcode,
    destinations: &'a Destinations,
    arch: &'a Arch,
    has_weights: bool,
}

impl Emitter<'_> {
    fn core(&self, core: usize, plan: &CorePlan) -> Result<Core, EmitError> {
        let axons = self.destinations.axons(core);
        let mut slices = Vec::with_capacity(plan.slices.len());
        let mut synapse_blocks = Vec::new();
        let mut image = ImageBuilder::new(self.arch.synapse_row_align_bytes());
        let mut routes = Vec::new();
        for (slice_idx, slice) in plan.slices.iter().enumerate() {
            let group = self.group(slice);
            slices.push(self.slice(group, slice)?);
            for block in self.layout.blocks(group, &slice.neurons()) {
                let offset_bytes = self.rows(&block, slice, &mut image)?;
                let projection = &self.network().projections[block.projection];
                let first_axon = axons.number(projection.source, block.first_source);
                let first_axon = first_axon.expect("invariant: a core has an axon for each neuron that it reads");
                let stride = usize::try_from(block.stride_bytes).expect("invariant: a row fits in memory");
                synapse_blocks.push(SynapseBlock {
                    slice: number("slices of a core", slice_idx)?,
                    acc: AccId(u8::try_from(block.accumulator).expect("invariant: codegen checked the accumulators")),
                    first_axon: number("input axons of a core", first_axon)?,
                    n_axons: number("input axons of a core", block.n_axons)?,
                    encoding: encoding(block.encoding),
                    row_stride_bytes: number("bytes of a row", stride)?,
                    offset_bytes,
                    delay_steps: projection.delay_steps,
                });
            }
            let n_ports = self.network().group(group).ports.len();
            for port in 0..n_ports {
                let source = Source::Port(group, port);
                routes.extend(slice.neurons().map(|neuron| self.destinations.of(source, neuron)));
            }
        }
        let place = match plan.place {
            Place::Chip { chip, core } => seamount_program::Place::Chip { chip, core },
            Place::Host => seamount_program::Place::Host,
        };
        let (synapses, routes) = (image.finish(), Routes::from_lists(routes));
        Ok(Core { place, slices, synapse_blocks, synapses, routes })
    }

    /// A slice whose parameters stand in their slots; states and delay lines start from zero.
    fn slice(&self, id: GroupId, plan: &SlicePlan) -> Result<Slice, EmitError> {
        let network = self.network();
        let group = network.group(id);
        let n_neurons = plan.neurons().len();
        let body_idx = self.microcode.body_of[id.index()];
        let n_slots = self.microcode.bodies[body_idx as usize].slots.len();
        let mut slots = vec![0; n_slots * n_neurons];
        for (slot, param) in group.params.iter().enumerate() {
            let constant = |source| EmitError::Constant { name: param.values.clone(), source };
            let values = network.constants[&param.values].to_i32().map_err(constant)?;
            for (neuron, &value) in values[plan.neurons()].iter().enumerate() {
                if !(network.word.min()..=network.word.max()).contains(&i64::from(value)) {
                    let (name, bits) = (param.values.clone(), network.word.bits);
                    return Err(EmitError::Range { name, value, place: "a neuron's word", bits });
                }
                slots[neuron * n_slots + slot] = value;
            }
        }
        let group = number("groups", id.index())?;
        Ok(Slice { group, first_neuron: plan.first_neuron, n_neurons: plan.n_neurons, slots })
    }

    /// Appends the rows of a block to the image; returns where they begin.
    fn rows(&self, block: &BlockLayout, slice: &SlicePlan, image: &mut ImageBuilder) -> Result<u64, EmitError> {
        let network = self.network();
        let n_neurons = slice.neurons().len();
        let projection = &network.projections[block.projection];
        match &projection.weights {
            Weights::Ones => Ok(image.push(&row_bytes(block.encoding, &vec![1; n_neurons]))),
            Weights::Identity => {
                let mut offsets = (0..block.n_axons).map(|neuron| {
                    let neuron = u16::try_from(neuron).expect("invariant: a slice has at most 65536 neurons");
                    image.push(&pack_sparse(&[(neuron, 1)]))
                });
                let first = offsets.next();
                offsets.for_each(drop);
                Ok(first.expect("invariant: slices are not empty"))
            }
            Weights::Matrix(_) if !self.has_weights => {
                let row = row_bytes(block.encoding, &vec![0; n_neurons]);
                let first = image.push(&row);
                (1..block.n_axons).for_each(|_| _ = image.push(&row));
                Ok(first)
            }
            Weights::Matrix(name) => {
                let constant = |source| EmitError::Constant { name: name.clone(), source };
                let matrix = network.constants[name].rows(slice.neurons().start, n_neurons).map_err(constant)?;
                let weights = matrix.to_i8().map_err(constant)?;
                let ternary = |weight: &&i8| block.encoding == RowEncoding::Dense2 && !(-1..=1).contains(*weight);
                if let Some(&value) = weights.iter().find(ternary) {
                    let (name, value) = (name.clone(), i32::from(value));
                    return Err(EmitError::Range { name, value, place: "a ternary weight", bits: 2 });
                }
                // The matrix is [neurons, sources]; a row of the image is a column of it.
                let n_columns = network.n_sources(projection.source);
                let mut first = None;
                let mut row = Vec::with_capacity(n_neurons);
                for source in block.first_source..block.first_source + block.n_axons {
                    row.clear();
                    row.extend(weights.iter().skip(source).step_by(n_columns));
                    let offset = image.push(&row_bytes(block.encoding, &row));
                    first.get_or_insert(offset);
                }
                Ok(first.expect("invariant: blocks have axons"))
            }
        }
    }

    fn group(&self, slice: &SlicePlan) -> GroupId {
        slice.group_id(self.network()).expect("invariant: the map was verified")
    }

    fn network(&self) -> &Network {
        self.layout.network()
    }
}

fn encoding(encoding: RowEncoding) -> Encoding {
    match encoding {
        RowEncoding::Dense2 => Encoding::Dense2,
        RowEncoding::Dense8 => Encoding::Dense8,
        RowEncoding::Sparse { n_per_row } => Encoding::Sparse { n_per_row },
    }
}

/// A row of the image, by the weights of all neurons of the slice.
fn row_bytes(encoding: RowEncoding, weights: &[i8]) -> Vec<u8> {
    match encoding {
        RowEncoding::Dense2 => pack_dense2(weights).expect("invariant: the weights were checked to be ternary"),
        RowEncoding::Dense8 => pack_dense8(weights),
        RowEncoding::Sparse { n_per_row } => {
            let neuron = |at| u16::try_from(at).expect("invariant: a slice has at most 65536 neurons");
            let nonzero = weights.iter().enumerate().filter(|&(_, &weight)| weight != 0);
            let mut entries: Vec<(u16, i8)> = nonzero.map(|(at, &weight)| (neuron(at), weight)).collect();
            debug_assert!(entries.len() <= n_per_row as usize, "invariant: the layout counted the longest row");
            entries.resize(n_per_row as usize, (0, 0));
            pack_sparse(&entries)
        }
    }
}
