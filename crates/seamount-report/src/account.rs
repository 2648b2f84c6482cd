//! The bytes of a core, divided among its slices and its synapse blocks.

use std::collections::BTreeSet;

use seamount_program::{Core, CoreMemory, Program, SynapseBlock};

use crate::Usage;

/// What a core uses, as a whole and in parts.
pub(crate) struct CoreAccount {
    /// All of it.
    pub usage: Usage,
    /// By slice; the sum is `usage` if the core has slices.
    pub slices: Vec<Usage>,
    /// By synapse block.
    pub blocks: Vec<BlockAccount>,
}

/// What a synapse block uses.
#[derive(Clone, Copy, Default)]
pub(crate) struct BlockAccount {
    /// Input axons.
    pub n_input_axons: u64,
    /// Weights that are stored.
    pub n_weights: u64,
    /// Weights that one spike on each axon would meet.
    pub n_synapses: u64,
    /// Bytes of the image, with what lies unused behind its rows.
    pub synapse_bytes: u64,
}

/// The account of a core.
///
/// Each byte and each axon belongs to one slice: an axon or a row that several blocks share to the first of them, a body
/// that several slices run to the first of them, the unused bytes behind a row to the block of the row.
pub(crate) fn of_core(program: &Program, core: &Core, memory: &CoreMemory) -> CoreAccount {
    let blocks = blocks(core);
    let n_weights = blocks.iter().map(|block| block.n_weights).sum();
    let n_synapses = blocks.iter().map(|block| block.n_synapses).sum();
    let mut slices = vec![Usage::default(); core.slices.len()];
    add_neurons(program, core, &mut slices);
    for (block, account) in core.synapse_blocks.iter().zip(&blocks) {
        if let Some(slice) = slices.get_mut(index(block.slice)) {
            slice.n_input_axons += account.n_input_axons;
            slice.input_axon_bytes += account.n_input_axons * program.arch.input_axon_bytes();
            slice.n_weights += account.n_weights;
            slice.n_synapses += account.n_synapses;
            slice.synapse_bytes += account.synapse_bytes;
        }
    }
    if let (true, Some(first)) = (blocks.is_empty(), slices.first_mut()) {
        first.synapse_bytes = memory.synapse_bytes;
    }
    let slices = slices.into_iter().map(Usage::summed).collect();
    CoreAccount { usage: Usage::of_core(memory, n_weights, n_synapses), slices, blocks }
}

/// Neurons, state, output axons and microcode.
fn add_neurons(program: &Program, core: &Core, slices: &mut [Usage]) {
    let arch = &program.arch;
    let mut bodies = BTreeSet::new();
    let mut source = 0;
    for (slice, usage) in core.slices.iter().zip(slices) {
        usage.n_neurons = slice.n_neurons.into();
        let (Some(group), Some(body)) = (program.groups.get(index(slice.group)), program.body_of(slice.group)) else {
            continue;
        };
        let words = u64::from(slice.n_neurons) * count(body.slots.len() + body.accumulators.len());
        usage.state_bytes = words * arch.state_word_bytes();
        if bodies.insert(group.body) {
            usage.microcode_bytes = count(body.instructions.len()) * arch.instruction_bytes();
        }
        let end = source + body.ports.len() * index(slice.n_neurons);
        let offset = |source: usize| core.routes.offsets.get(source).copied().map_or(0, u64::from);
        usage.n_output_axons = offset(end).saturating_sub(offset(source));
        usage.output_axon_bytes = usage.n_output_axons * arch.output_axon_bytes();
        source = end;
    }
}

/// Sweeps over the image from its beginning; each byte goes to the first block that reaches it.
fn blocks(core: &Core) -> Vec<BlockAccount> {
    let mut accounts: Vec<_> = core.synapse_blocks.iter().map(|block| weights(core, block)).collect();
    let mut order: Vec<usize> = (0..accounts.len()).collect();
    order.sort_by_key(|&at| core.synapse_blocks[at].offset_bytes);
    let image_bytes = count(core.synapses.len());
    let mut swept = 0;
    let mut owner = order.first().copied();
    for at in order {
        let (start, end) = extent(core, &core.synapse_blocks[at]);
        let (start, end) = (start.min(image_bytes), end.min(image_bytes));
        if end > swept {
            if let Some(owner) = owner {
                accounts[owner].synapse_bytes += start.saturating_sub(swept);
            }
            accounts[at].synapse_bytes += end - start.max(swept);
            (swept, owner) = (end, Some(at));
        }
    }
    if let Some(owner) = owner {
        accounts[owner].synapse_bytes += image_bytes - swept;
    }
    for (account, n_axons) in accounts.iter_mut().zip(own_axons(core)) {
        account.n_input_axons = n_axons;
    }
    accounts
}

/// By block, how many axons are its own and not an earlier block's.
fn own_axons(core: &Core) -> Vec<u64> {
    let blocks = &core.synapse_blocks;
    let mut n_axons = vec![0; blocks.len()];
    let borders = blocks.iter().flat_map(|block| [block.first_axon.into(), block.end_axon()]);
    let borders: BTreeSet<u64> = borders.collect();
    for (&start, end) in borders.iter().zip(borders.iter().skip(1)) {
        let has = |block: &SynapseBlock| u64::from(block.first_axon) <= start && start < block.end_axon();
        if let Some(first) = blocks.iter().position(has) {
            n_axons[first] += end - start;
        }
    }
    n_axons
}

fn weights(core: &Core, block: &SynapseBlock) -> BlockAccount {
    let per_row = u64::from(block.encoding.weights_per_row(n_neurons(core, block)));
    BlockAccount {
        n_input_axons: 0,
        n_weights: n_rows(block) * per_row,
        n_synapses: u64::from(block.n_axons) * per_row,
        synapse_bytes: 0,
    }
}

/// Where the rows of a block begin and end in the image.
fn extent(core: &Core, block: &SynapseBlock) -> (u64, u64) {
    let row_bytes = count(block.encoding.row_bytes(n_neurons(core, block)));
    let to_last_row = u64::from(block.row_stride_bytes) * n_rows(block).saturating_sub(1);
    (block.offset_bytes, block.offset_bytes.saturating_add(to_last_row).saturating_add(row_bytes))
}

fn n_rows(block: &SynapseBlock) -> u64 {
    if block.row_stride_bytes == 0 { u64::from(block.n_axons.min(1)) } else { block.n_axons.into() }
}

fn n_neurons(core: &Core, block: &SynapseBlock) -> u32 {
    core.slices.get(index(block.slice)).map_or(0, |slice| slice.n_neurons)
}

/// A `u32` as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}

/// A length as a number of reports.
pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).expect("invariant: addresses have at most 64 bits")
}
