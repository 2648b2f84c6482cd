//! What each neurocore holds against what it has.

use std::collections::{BTreeMap, BTreeSet};

use seamount_program::{Core, Encoding, Place, Program, SynapseBlock};

use crate::rule::{Finding, Rule};
use crate::{count, index};

pub(crate) fn check(program: &Program) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (core_idx, core) in (0..).zip(&program.cores) {
        let Place::Chip { chip, core: number } = core.place else { continue };
        let mut add = |rule, message: String| {
            let message = format!("neurocore {number} of chip {chip} {message}");
            findings.push(Finding { rule, message, core_idx: Some(core_idx) });
        };
        let (n_chips, n_cores) = (program.arch.n_chips(), program.arch.cores_per_chip());
        if chip >= n_chips || number >= n_cores {
            add(Rule::Place, format!("is not one of {n_cores} neurocores of {n_chips} chips"));
        }
        if program.arch.bad_cores().contains(&(chip, number)) {
            add(Rule::Place, "is bad and must stay empty".to_owned());
        }
        if let Some(first) = taken.insert((chip, number), core_idx) {
            add(Rule::Place, format!("is used by core{first} of the program and by core{core_idx}"));
        }
        limits(program, core, &mut add);
        synapses(program, core, &mut add);
    }
    findings
}

/// Memory and tables.
fn limits(program: &Program, core: &Core, add: &mut impl FnMut(Rule, String)) {
    let arch = &program.arch;
    let mut bodies: BTreeSet<u32> = BTreeSet::new();
    let (mut n_neurons, mut n_words) = (0_u64, 0_u64);
    for slice in &core.slices {
        let group = &program.groups[index(slice.group)];
        let body = &program.bodies[index(group.body)];
        bodies.insert(group.body);
        n_neurons += u64::from(slice.n_neurons);
        // A word for each slot is stored; the accumulators are words beside them.
        n_words += count(slice.slots.len()) + u64::from(slice.n_neurons) * count(body.accumulators.len());
    }
    let n_instructions: usize = bodies.iter().map(|&body| program.bodies[index(body)].instructions.len()).sum();
    let axons = core.synapse_blocks.iter().flat_map(axons_of).collect::<BTreeSet<u32>>();
    let synapse_bytes = count(core.synapses.len());
    let microcode_bytes = count(n_instructions) * arch.instruction_bytes();
    let (n_in, n_out) = (count(axons.len()), count(core.routes.dests.len()));
    let total_bytes = synapse_bytes
        + microcode_bytes
        + n_in * arch.input_axon_bytes()
        + n_out * arch.output_axon_bytes()
        + n_words * arch.state_word_bytes();
    let limits = [
        (Rule::TotalBytes, total_bytes, arch.bytes_per_core(), "bytes of memory"),
        (Rule::SynapseBytes, synapse_bytes, arch.synapse_bytes_per_core(), "bytes of synapse memory"),
        (Rule::MicrocodeBytes, microcode_bytes, arch.microcode_bytes_per_core(), "bytes of microcode"),
        (Rule::FanIn, n_in, arch.input_axons_per_core().into(), "input axons"),
        (Rule::FanOut, n_out, arch.output_axons_per_core().into(), "output axons"),
        (Rule::Neurons, n_neurons, arch.neurons_per_core().into(), "neurons"),
    ];
    for (rule, needed, available, what) in limits {
        if needed > available {
            add(rule, format!("needs {needed} {what}, has {available}"));
        }
    }
}

/// Widths, delays and rows.
fn synapses(program: &Program, core: &Core, add: &mut impl FnMut(Rule, String)) {
    let arch = &program.arch;
    for (number, block) in core.synapse_blocks.iter().enumerate() {
        let n_neurons = core.slices[index(block.slice)].n_neurons;
        let (bits, row_bytes) = match block.encoding {
            Encoding::Dense2 => (2, u64::from(n_neurons).div_ceil(4)),
            Encoding::Dense8 => (8, u64::from(n_neurons)),
            Encoding::Sparse { n_per_row } => (8, 4 * u64::from(n_per_row)),
        };
        if !arch.synapse_weight_bits().any(|packed| packed == bits) {
            add(
                Rule::WeightBits,
                format!("has weights of {bits} bits in block {number}, which the system does not pack"),
            );
        }
        if block.delay_steps > arch.synaptic_delay_steps_max() {
            let (delay, most) = (block.delay_steps, arch.synaptic_delay_steps_max());
            add(Rule::Delay, format!("delays block {number} by {delay} steps, the system by at most {most}"));
        }
        let n_strides = u64::from(block.n_axons.saturating_sub(1));
        let end = u64::from(block.row_stride_bytes)
            .checked_mul(n_strides)
            .and_then(|before| before.checked_add(block.offset_bytes)?.checked_add(row_bytes));
        let image = count(core.synapses.len());
        if block.n_axons > 0 && end.is_none_or(|end| end > image) {
            let end = end.map_or_else(|| "beyond 64 bits".to_owned(), |end| format!("at byte {end}"));
            add(Rule::Rows, format!("has rows of block {number} that end {end} of an image of {image} bytes"));
        }
    }
}

/// The input axons that a block names.
pub(crate) fn axons_of(block: &SynapseBlock) -> std::ops::Range<u32> {
    block.first_axon..block.first_axon.saturating_add(block.n_axons)
}
