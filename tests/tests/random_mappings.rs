//! Random small models on random systems: a legal program or a named reason, and the same integers whatever the mapping.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use seamount::{CalibrationText, CompileError, CompileOptions, Division, Roots, compile};
use seamount_arch::Arch;
use seamount_emulator::Emulator;
use seamount_hf::Checkpoint;
use seamount_partition::{Effort, Objective, PartitionError, WeightEncoding};
use tempfile::TempDir;
use xtask::checkpoint::{self, SHARD_BYTES, Shape};

/// Tokens that are calibrated on, and run.
const TOKENS: [u32; 6] = [1, 5, 2, 31, 0, 7];

fn shapes() -> impl Strategy<Value = Shape> {
    (1..5_usize, 1..4_usize, 1..7_usize, 32..70_usize).prop_map(|(hidden, layers, intermediate, vocab)| Shape {
        hidden: 8 * hidden,
        layers,
        intermediate: 16 * intermediate,
        vocab,
    })
}

/// A system whose cores have less of everything, some of them bad.
fn systems() -> impl Strategy<Value = Arch> {
    let memory = (9..15_u32, 8..14_u32);
    let numbers = (20..200_u32, 40..900_u32, 4..200_u32);
    (memory, numbers, 1..5_u32, 4..40_u32).prop_map(
        |((total, synapses), (axons_in, axons_out, neurons), chips, cores)| {
            let (total, synapses) = (1_u32 << total, 1_u32 << synapses);
            let text = format!(
                "extends = \"loihi2-alia-point\"\nname = \"random\"\ndescription = \"Random limits.\"\n\
             [system]\nchips = {{ value = {chips}, status = \"assumed\" }}\n\
             [chip]\ncores = {{ value = {cores}, status = \"assumed\" }}\n\
             bad_cores = {{ value = [[0, 1]], status = \"assumed\" }}\n\
             [core]\ntotal_bytes = {{ value = {}, status = \"assumed\" }}\n\
             synapse_bytes = {{ value = {}, status = \"assumed\" }}\n\
             neurons = {{ value = {neurons}, status = \"assumed\" }}\n\
             input_axons = {{ value = {axons_in}, status = \"assumed\" }}\n\
             output_axons = {{ value = {axons_out}, status = \"assumed\" }}\n",
                total + synapses,
                synapses,
            );
            Arch::from_toml(&text).unwrap()
        },
    )
}

/// All that a mapping may be told, but the system.
fn choices() -> impl Strategy<Value = CompileOptions> {
    let objectives = vec![Objective::Chips, Objective::Latency, Objective::Throughput, Objective::Energy];
    let efforts = vec![Effort::Quick, Effort::Normal, Effort::High];
    let weights = vec![WeightEncoding::Auto, WeightEncoding::Ternary2, WeightEncoding::Int8];
    let roots = vec![Roots::Shared, Roots::Local { max_ops: 500 }, Roots::Local { max_ops: usize::MAX }];
    let number = |range: std::ops::Range<u32>| prop::option::of(range.prop_map(|n| NonZeroU32::new(n).unwrap()));
    let division = (prop::sample::select(roots), number(4..80), number(4..40));
    let division = division.prop_map(|(roots, max_fan_in, max_part)| Division { roots, max_fan_in, max_part });
    (
        (prop::sample::select(objectives), prop::sample::select(efforts), prop::sample::select(weights)),
        (prop::option::of(division), 1..4_u32, any::<u64>(), prop::option::of(1..2000_u64)),
    )
        .prop_map(|((objective, effort, weights), (division, n_streams, seed, most_us))| CompileOptions {
            objective,
            effort,
            weights,
            division,
            n_streams: NonZeroU32::new(n_streams).unwrap(),
            seed,
            max_token_time: most_us.map(Duration::from_micros),
            ..options(Arch::shipped("loihi2-alia-point").unwrap())
        })
}

fn options(arch: Arch) -> CompileOptions {
    let calibration = CalibrationText::Tokens(vec![TOKENS.to_vec()]);
    CompileOptions { calibration, effort: Effort::Quick, ..CompileOptions::new(arch) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_model_gets_a_legal_program_of_the_same_integers_or_a_named_reason(
        shape in shapes(),
        seed in any::<u64>(),
        arch in systems(),
        choices in prop::collection::vec(choices(), 3),
    ) {
        let dir = TempDir::new().unwrap();
        checkpoint::write(dir.path(), &shape, seed, SHARD_BYTES).unwrap();
        let checkpoint = Checkpoint::open(dir.path()).unwrap();
        let logits = |program| Emulator::new(Arc::new(program)).unwrap().prefill(&TOKENS).unwrap();
        let plain = options(Arch::shipped("loihi2-alia-point").unwrap());
        let expected = logits(compile(&checkpoint, &plain, &mut ()).unwrap().program);
        for (at, choice) in choices.into_iter().enumerate() {
            // The first choice has room for anything.
            let variant = if at == 0 { choice } else { CompileOptions { arch: arch.clone(), ..choice } };
            match compile(&checkpoint, &variant, &mut ()) {
                Ok(compilation) => {
                    prop_assert_eq!(seamount_check::check(&compilation.program), vec![]);
                    prop_assert_eq!(&logits(compilation.program), &expected, "{:?}", compilation.division);
                }
                Err(CompileError::Partition(PartitionError::Neuron { excess, .. })) if at > 0 => {
                    prop_assert!(excess.needed > excess.available);
                }
                Err(CompileError::Partition(PartitionError::Cores { needed_chips, available_chips, .. })) if at > 0 => {
                    prop_assert!(needed_chips > available_chips);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
