//! What parts use adds up to what the program's own accounting says.

mod common;

use common::{RowsOf, Sketch, arch};
use proptest::collection::vec;
use proptest::prelude::*;
use seamount_program::{Dest, Encoding, Place, Program};
use seamount_report::{Report, RunsOn, Usage};

/// A slice of a group with its blocks.
#[derive(Clone, Debug)]
struct SliceSpec {
    group: usize,
    n_neurons: u32,
    blocks: Vec<(Encoding, u32, RowsOf, bool, usize)>,
    /// Neurons that send, all to the first core.
    senders: Vec<u32>,
}

fn encoding() -> impl Strategy<Value = Encoding> {
    let sparse = (1..4_u32).prop_map(|n_per_row| Encoding::Sparse { n_per_row });
    prop_oneof![Just(Encoding::Dense2), Just(Encoding::Dense8), sparse]
}

fn slice() -> impl Strategy<Value = SliceSpec> {
    let rows_of = prop_oneof![Just(RowsOf::Each), Just(RowsOf::Shared)];
    let block = (encoding(), 1..20_u32, rows_of, any::<bool>(), 0..3_usize);
    (0..6_usize, 1..40_u32, vec(block, 0..4), vec(any::<u32>(), 0..10)).prop_map(
        |(group, n_neurons, blocks, senders)| SliceSpec {
            group,
            n_neurons,
            blocks,
            senders: senders.into_iter().map(|neuron| neuron % n_neurons).collect(),
        },
    )
}

fn build(cores: &[(bool, Vec<SliceSpec>)]) -> Program {
    let mut sketch = Sketch::new(&arch("loihi2-kapoho-point"), 4, 2, &["block 0", "block 1"]);
    let bodies = [sketch.body("one", 1, 0, 1), sketch.body("two", 2, 3, 2)];
    let layers = [None, Some(0), Some(0), Some(1), Some(1), None];
    let groups: Vec<_> = layers
        .into_iter()
        .enumerate()
        .map(|(at, layer)| sketch.group(&format!("group{at}"), layer, bodies[at % 2]))
        .collect();
    for (number, (on_host, slices)) in (0..).zip(cores) {
        let place = if *on_host { Place::Host } else { Place::Chip { chip: number % 8, core: number / 8 } };
        let core = sketch.core(place);
        let mut n_blocks = 0;
        for spec in slices {
            let slice = sketch.slice(core, groups[spec.group], spec.n_neurons);
            for &(encoding, n_axons, rows_of, again, unused) in &spec.blocks {
                sketch.unused(core, unused);
                let axon = sketch.block(core, slice, encoding, n_axons, rows_of);
                sketch.input(0, Dest { core_idx: core, axon });
                n_blocks += 1;
                if again {
                    sketch.same_rows(core, n_blocks - 1);
                    n_blocks += 1;
                    if unused == 1 {
                        // Some of its axons are the earlier block's.
                        sketch.move_last_block(core, axon + n_axons / 2);
                    }
                }
                spec.senders
                    .iter()
                    .for_each(|&neuron| sketch.connect(core, slice, 0, neuron, Dest { core_idx: core, axon }));
            }
        }
    }
    sketch.finish()
}

/// The sum over cores by the program's accounting; weights are not in it.
fn accounted(program: &Program, runs_on: RunsOn) -> Usage {
    let mut total = Usage::default();
    for (core_idx, core) in (0..).zip(&program.cores) {
        if (core.place == Place::Host) == (runs_on == RunsOn::Host) {
            let memory = program.core_memory(core_idx).expect("an existing core");
            total.n_neurons += memory.n_neurons;
            total.n_input_axons += memory.n_input_axons;
            total.n_output_axons += memory.n_output_axons;
            total.total_bytes += memory.total_bytes();
            total.synapse_bytes += memory.synapse_bytes;
            total.input_axon_bytes += memory.input_axon_bytes;
            total.output_axon_bytes += memory.output_axon_bytes;
            total.state_bytes += memory.state_bytes;
            total.microcode_bytes += memory.microcode_bytes;
        }
    }
    total
}

fn without_weights(usage: Usage) -> Usage {
    Usage { n_weights: 0, n_synapses: 0, ..usage }
}

proptest! {
    #[test]
    fn layers_groups_cores_and_chips_each_add_up_to_the_programs_accounting(
        cores in vec((any::<bool>(), vec(slice(), 1..4)), 0..6),
    ) {
        let program = build(&cores);
        prop_assert!(seamount_program::verify(&program).is_ok());
        let report = Report::of(&program);
        for (runs_on, total) in [(RunsOn::Chip, report.mapping.usage), (RunsOn::Host, report.mapping.host_usage)] {
            prop_assert_eq!(without_weights(total), accounted(&program, runs_on));
            let layers = report.layers.iter().filter(|row| row.runs_on == runs_on);
            prop_assert_eq!(layers.map(|row| row.usage).sum::<Usage>(), total);
            let groups = report.groups.iter().filter(|row| row.runs_on == runs_on);
            prop_assert_eq!(groups.map(|row| row.usage).sum::<Usage>(), total);
            let encodings = || report.encodings.iter().filter(|row| row.runs_on == runs_on);
            prop_assert_eq!(encodings().map(|row| row.n_weights).sum::<u64>(), total.n_weights);
            prop_assert_eq!(encodings().map(|row| row.n_input_axons).sum::<u64>(), total.n_input_axons);
            let unread = program.cores.iter().filter(|core| core.synapse_blocks.is_empty());
            prop_assert!(unread.map(|core| core.synapses.len()).all(|bytes| bytes == 0));
            prop_assert_eq!(encodings().map(|row| row.synapse_bytes).sum::<u64>(), total.synapse_bytes);
        }
        prop_assert_eq!(report.cores.iter().map(|row| row.usage).sum::<Usage>(), report.mapping.usage);
        prop_assert_eq!(report.host_cores.iter().map(|row| row.usage).sum::<Usage>(), report.mapping.host_usage);
        prop_assert_eq!(report.chips.iter().map(|row| row.usage).sum::<Usage>(), report.mapping.usage);
        for limit in &report.limits {
            prop_assert_eq!(limit.used_total, limit.resource.used(&report.mapping.usage));
        }
        let bound: u64 = report.limits.iter().map(|limit| limit.n_cores_bound).sum();
        prop_assert_eq!(bound, report.mapping.n_cores_used);
        prop_assert!(!report.to_text(100).is_empty());
    }
}
