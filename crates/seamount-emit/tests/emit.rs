//! Networks as programs: what the emulator makes of them, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
#[path = "../../seamount-partition/tests/common/mod.rs"]
mod networks;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::Direct;
use networks::{Change, arch, limits, network};
use proptest::prelude::*;
use seamount_arch::Arch;
use seamount_emit::{EmitOptions, emit, footprints};
use seamount_emulator::Emulator;
use seamount_ir::Verified;
use seamount_ir::network::{Network, Target, Weights};
use seamount_partition::{CoreMap, Options, PartitionError, Usage, WeightEncoding, partition};
use seamount_program::{Encoding, HOST_OUTPUT, Place, Program, rows, verify};

const AUTO: Options = Options::new(WeightEncoding::Auto);
const TERNARY: Options = Options::new(WeightEncoding::Ternary2);
const INT8: Options = Options::new(WeightEncoding::Int8);

fn tiny() -> Verified<Network> {
    Network::parse(include_str!("networks/tiny.smir")).unwrap().verify().unwrap()
}

fn one_chip() -> Arch {
    Arch::shipped(networks::ONE_CHIP).unwrap()
}

fn change(section: &'static str, key: &'static str, value: impl ToString) -> Change {
    (section, key, value.to_string())
}

fn map(network: &Verified<Network>, arch: &Arch, options: &Options) -> Result<CoreMap, PartitionError> {
    partition(network, &footprints(network, arch).unwrap(), arch, options)
}

/// Compiles a network, and checks that the program keeps its rules and holds what the core map says.
fn compile(network: &Verified<Network>, arch: &Arch, options: &Options) -> Result<Program, PartitionError> {
    let map = map(network, arch, options)?;
    let program = emit(network, &map, arch, EmitOptions::default()).unwrap();
    if let Err(violations) = verify(&program) {
        panic!("{}", violations.iter().map(|violation| format!("{violation}\n")).collect::<String>());
    }
    for (core_idx, core) in (0..).zip(&map.cores) {
        let memory = program.core_memory(core_idx).unwrap();
        let usage = Usage {
            synapse_bytes: memory.synapse_bytes,
            input_axon_bytes: memory.input_axon_bytes,
            output_axon_bytes: memory.output_axon_bytes,
            state_bytes: memory.state_bytes,
            microcode_bytes: memory.microcode_bytes,
            n_input_axons: memory.n_input_axons,
            n_output_axons: memory.n_output_axons,
            n_neurons: memory.n_neurons,
        };
        assert_eq!(usage, core.usage, "core {core_idx}: the program's recount against the core map");
    }
    check_axons(&program);
    check_synapses(network, &program);
    Ok(program)
}

/// Every input axon is the destination of one neuron, and of one only.
fn check_axons(program: &Program) {
    let n_axons = program.cores.iter().map(|core| usize::try_from(core.n_axons()).unwrap());
    let mut n_reached: Vec<Vec<u32>> = n_axons.map(|n_axons| vec![0; n_axons]).collect();
    let from_cores = program.cores.iter().flat_map(|core| &core.routes.dests);
    for dest in from_cores.chain(&program.host.input.dests).chain(&program.host.tick) {
        if dest.core_idx != HOST_OUTPUT {
            n_reached[dest.core_idx as usize][dest.axon as usize] += 1;
        }
    }
    assert!(n_reached.iter().flatten().all(|&n| n == 1), "{n_reached:?}");
}

/// Every weight that is not zero is in the program once: by group and accumulator as many as in the network.
fn check_synapses(network: &Network, program: &Program) {
    let mut expected = BTreeMap::new();
    for projection in &network.projections {
        let Target::Accumulator(to, accumulator) = projection.target else { continue };
        let (n_targets, sources) = (network.group(to).n_neurons, network.sources(projection));
        let n_nonzero = match &projection.weights {
            Weights::Identity => n_targets,
            Weights::Ones => n_targets * sources.len(),
            Weights::Matrix(name) => {
                let weights = network.constants[name].to_i8().unwrap();
                let rows = weights.chunks(network.n_sources(projection.source));
                rows.flat_map(|row| &row[sources.clone()]).filter(|weight| **weight != 0).count()
            }
        };
        *expected.entry((to.index(), accumulator)).or_insert(0) += n_nonzero;
    }
    let mut found = BTreeMap::new();
    for core in &program.cores {
        for block in &core.synapse_blocks {
            let slice = &core.slices[block.slice as usize];
            let n_neurons = slice.n_neurons as usize;
            for axon in 0..block.n_axons {
                let row = core.row(block, slice.n_neurons, axon).unwrap();
                let weights: Vec<i8> = match block.encoding {
                    Encoding::Dense2 => rows::unpack_dense2(row, n_neurons).unwrap(),
                    Encoding::Dense8 => rows::unpack_dense8(row, n_neurons).unwrap(),
                    Encoding::Sparse { n_per_row: _ } => {
                        rows::unpack_sparse(row, n_neurons).unwrap().into_iter().map(|(_, weight)| weight).collect()
                    }
                };
                let n_nonzero = weights.into_iter().filter(|&weight| weight != 0).count();
                *found.entry((slice.group as usize, block.acc.index())).or_insert(0) += n_nonzero;
            }
        }
    }
    assert_eq!(found, expected);
}

/// Runs a program one token at a time and a token every step, and evaluates its network directly.
fn check_run(network: &Verified<Network>, program: Program, tokens: &[u32]) {
    let mut direct = Direct::new(network);
    let expected: Vec<Vec<i32>> = tokens.iter().map(|&token| direct.logits(token as usize)).collect();
    let mut emulator = Emulator::new(Arc::new(program)).unwrap();
    let generated: Vec<Vec<i32>> = tokens.iter().map(|&token| emulator.generate(token).unwrap()).collect();
    assert_eq!(generated, expected, "fall-through");
    emulator.reset();
    assert_eq!(emulator.prefill(tokens).unwrap(), expected, "pipelined");
}

const TOKENS: [u32; 12] = [0, 1, 2, 3, 4, 5, 5, 2, 2, 1, 0, 3];

#[test]
fn a_program_gives_the_integers_of_its_network() {
    let network = tiny();
    let program = compile(&network, &one_chip(), &TERNARY).unwrap();
    assert_eq!(program.cores.len(), 1);
    let mut direct = Direct::new(&network);
    assert!(TOKENS.iter().any(|&token| direct.logits(token as usize).iter().any(|&logit| logit != 0)));
    check_run(&network, program, &TOKENS);
}

#[test]
fn the_integers_do_not_depend_on_the_places() {
    for (options, neurons) in [(&TERNARY, 1), (&TERNARY, 2), (&INT8, 3), (&INT8, 100)] {
        let arch = arch(&[change("core", "neurons", neurons)]);
        let program = compile(&tiny(), &arch, options).unwrap();
        check_run(&tiny(), program, &TOKENS);
    }
}

#[test]
fn the_host_runs_the_head_where_it_is_told_to() {
    let mut network = tiny().into_inner();
    network.groups[3].on_host = true;
    let network = network.verify().unwrap();
    let program = compile(&network, &one_chip(), &TERNARY).unwrap();
    assert_eq!(program.cores.last().unwrap().place, Place::Host);
    check_run(&network, program, &TOKENS);
}

#[test]
fn a_program_reads_like_this() {
    let arch = arch(&[change("core", "neurons", 8)]);
    let map = map(&tiny(), &arch, &TERNARY).unwrap();
    let program = emit(&tiny(), &map, &arch, EmitOptions::default()).unwrap();
    let mut text = String::new();
    for (at, core) in program.cores.iter().enumerate() {
        text += &format!("core {at} at {:?}\n", core.place);
        for slice in &core.slices {
            let name = &program.groups[slice.group as usize].name;
            let end = slice.first_neuron + slice.n_neurons;
            text += &format!("  slice {name} {}..{end}, slots {:?}\n", slice.first_neuron, slice.slots);
        }
        for block in &core.synapse_blocks {
            let end = block.first_axon + block.n_axons;
            text += &format!(
                "  axons {}..{end} to slice {} {} {:?} at {} stride {}\n",
                block.first_axon, block.slice, block.acc, block.encoding, block.offset_bytes, block.row_stride_bytes
            );
        }
        for source in 0..core.routes.n_sources() {
            let dest = |dest: &seamount_program::Dest| match dest.core_idx {
                HOST_OUTPUT => format!("logit {}", dest.axon),
                core_idx => format!("{core_idx}:{}", dest.axon),
            };
            let dests: Vec<String> = core.routes.of(source).iter().map(dest).collect();
            text += &format!("  source {source} -> {}\n", dests.join(", "));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn text_of_the_network_comes_back() {
    let network = tiny();
    let text = seamount_ir::Module::Network(network.clone().into_inner()).to_text(usize::MAX);
    assert_eq!(Network::parse(&text).unwrap(), *network);
}

#[test]
fn groups_of_equal_microcode_share_a_body() {
    let mut network = tiny().into_inner();
    let mut twin = network.groups[3].clone();
    twin.name = "twin".into();
    twin.n_neurons = 5;
    network.groups.push(twin);
    let id = seamount_ir::network::GroupId(4);
    for (index, accumulator) in [(5, 0), (6, 1)] {
        let mut projection = network.projections[index].clone();
        projection.target = Target::Accumulator(id, accumulator);
        if accumulator == 0 {
            projection.weights = Weights::Identity;
        }
        network.projections.push(projection);
    }
    let network = network.verify().unwrap();
    let program = compile(&network, &one_chip(), &TERNARY).unwrap();
    let bodies: Vec<u32> = program.groups.iter().map(|group| group.body).collect();
    assert_eq!(bodies, [0, 1, 2, 3, 3]);
    check_run(&network, program, &TOKENS);
}

#[test]
fn the_program_is_the_same_at_any_number_of_threads() {
    let arch = arch(&[change("core", "neurons", 1)]);
    let network = tiny();
    let map = map(&network, &arch, &TERNARY).unwrap();
    let with = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| emit(&network, &map, &arch, EmitOptions::default()).unwrap())
    };
    assert_eq!(with(1), with(4));
}

/// Lets the data wait for the root in the synapse instead of in the neuron.
fn wait_in_the_synapse(network: &mut Network) {
    network.groups[2].accumulators[0].delay_steps = 0;
    network.projections[3].delay_steps = 1;
}

#[test]
fn data_may_wait_in_the_synapse_where_the_chip_has_delays() {
    let mut network = tiny().into_inner();
    wait_in_the_synapse(&mut network);
    let network = network.verify().unwrap();
    let program = compile(&network, &arch(&[change("synapse", "delay_steps_max", 1)]), &TERNARY).unwrap();
    assert_eq!(program.bodies[2].slots.len(), 2, "there is no delay line");
    check_run(&network, program, &TOKENS);
}

#[test]
fn what_cannot_be_emitted_is_named() {
    let refuse = |change_network: &dyn Fn(&mut Network), changes: &[Change]| {
        let good = arch(&[]);
        let map = map(&tiny(), &good, &TERNARY).unwrap();
        let mut network = tiny().into_inner();
        change_network(&mut network);
        emit(&network.verify().unwrap(), &map, &arch(changes), EmitOptions::default()).unwrap_err().to_string()
    };
    let constant = |network: &mut Network, name: &str, values: &[i32]| {
        let shape = network.constants[name].shape().to_vec();
        network.constants.insert(name.into(), seamount_ir::tensor::Tensor::i32(shape, values));
    };
    let elided = "@mix : ternary[5, 4] sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff";
    let text = include_str!("networks/tiny.smir");
    let line = text.lines().find(|line| line.contains("@mix :")).unwrap().trim();
    let refusals = [
        refuse(&|network| network.latency_steps = None, &[]),
        refuse(&|network| network.word.bits = 32, &[]),
        refuse(&|_| {}, &[change("word", "payload_bits_max", 20)]),
        refuse(&|network| network.name = "other".into(), &[]),
        refuse(&wait_in_the_synapse, &[]),
        refuse(&|network| constant(network, "embed", &[40_000; 24]), &[]),
        refuse(&|network| constant(network, "gain", &[1 << 24; 5]), &[]),
        refuse(&|network| *network = Network::parse(&text.replace(line, elided)).unwrap(), &[]),
        refuse(&|_| {}, &[change("core", "neurons", 2)]),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_network_that_has_a_place_runs_there(
        network in network(),
        changes in limits(),
        options in prop_oneof![Just(AUTO), Just(TERNARY), Just(INT8)],
        tokens in prop::collection::vec(any::<u32>(), 1..8),
    ) {
        // What does not fit is the partitioner's own property.
        if let Ok(program) = compile(&network, &arch(&changes), &options) {
            let n_tokens = u32::try_from(network.vocab_size).unwrap();
            let tokens: Vec<u32> = tokens.into_iter().map(|token| token % n_tokens).collect();
            check_run(&network, program, &tokens);
        }
    }
}
