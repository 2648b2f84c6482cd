//! Both engines give the same integers, the same counts and the same faults, for programs by chance.

mod common;

use std::sync::Arc;

use common::generated::{Chance, program};
use common::{ONE_CHIP, arch, arch_with_delays};
use proptest::prelude::*;
use seamount_arch::Arch;
use seamount_emulator::{Emulator, EmulatorError, Engine, Events, Kernel, Options, Recorder, Streams};
use seamount_program::Program;

fn generated_one() -> Arc<Program> {
    program(&mut Chance::new(2), &arch_with_delays())
}

fn fast(program: &Arc<Program>, kernel: Kernel) -> Emulator {
    let options = Options { kernel: Some(kernel), ..Options::default() };
    Emulator::with_options(Arc::clone(program), options).expect("a valid program")
}

fn reference(program: &Arc<Program>) -> Emulator {
    let options = Options { engine: Engine::Reference, ..Options::default() };
    Emulator::with_options(Arc::clone(program), options).expect("a valid program")
}

/// Chips that differ in what their sums and payloads may be.
fn systems() -> Vec<Arch> {
    let delays = || arch_with_delays().to_toml();
    let changed = |parameter: &str, value: &str| {
        let text = delays();
        let (before, after) = text.split_once(&format!("\n{parameter} = {{ value = ")).expect("a parameter");
        let (_, after) = after.split_once(',').expect("a status after the value");
        Arch::from_toml(&format!("{before}\n{parameter} = {{ value = {value},{after}")).expect("a valid architecture")
    };
    vec![
        arch_with_delays(),
        arch_with_delays(),
        changed("overflow", "\"wrap\""),
        changed("payload_bits_max", "16"),
        changed("accumulator_bits", "32"),
        changed("accumulator_bits", "16"),
    ]
}

/// All that can be seen of a run.
#[derive(Debug, PartialEq)]
struct Seen {
    logits: Result<Vec<Vec<i32>>, EmulatorError>,
    counts: Option<(Vec<Events>, Vec<Events>, Events, u64)>,
    recorder: Recorder,
}

fn counts(emulator: &Emulator) -> (Vec<Events>, Vec<Events>, Events, u64) {
    (emulator.events().to_vec(), emulator.step_events().to_vec(), emulator.host_events(), emulator.n_steps())
}

/// Sends tokens, step by step.
fn stepped(mut emulator: Emulator, tokens: &[Option<u32>]) -> Vec<Seen> {
    let mut seen = Vec::new();
    for &token in tokens {
        let mut recorder = Recorder::default();
        let logits = emulator.step_observed(token, &mut recorder).map(|output| output.logits.into_iter().collect());
        let faulted = logits.is_err();
        // What is counted in a step with a fault is undefined.
        seen.push(Seen { logits, counts: (!faulted).then(|| counts(&emulator)), recorder });
        if faulted {
            break;
        }
    }
    seen
}

/// Sends tokens in bulk, in two pieces, the second one after the other's logits.
fn in_bulk(mut emulator: Emulator, tokens: &[u32], observed: bool) -> Vec<Seen> {
    let mut seen = Vec::new();
    let (first, rest) = tokens.split_at(tokens.len() / 2);
    for tokens in [first, rest] {
        let mut recorder = Recorder::default();
        let logits = if observed { emulator.prefill_observed(tokens, &mut recorder) } else { emulator.prefill(tokens) };
        let faulted = logits.is_err();
        seen.push(Seen { logits, counts: (!faulted).then(|| counts(&emulator)), recorder });
        if faulted {
            break;
        }
    }
    seen
}

fn available() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

/// Texts of several lengths through one program, against runs of their own.
fn streams_of(seed: u64) -> Result<(), TestCaseError> {
    let mut chance = Chance::new(seed);
    let program = program(&mut chance, &arch_with_delays());
    let lengths = [3, 0, 40, 7];
    let texts: Vec<Vec<u32>> = lengths.map(|n| (0..n).map(|_| chance.below(4)).collect()).into();
    let next = [Some(1), None, Some(0), Some(3)];
    let mut streams = Streams::new(Arc::clone(&program), texts.len(), Options::default()).expect("a valid program");
    let mut alone: Vec<_> = texts.iter().map(|_| reference(&program)).collect();
    let expected: Result<Vec<_>, _> =
        alone.iter_mut().zip(&texts).map(|(emulator, text)| emulator.prefill(text)).collect();
    let found = streams.prefill(&texts);
    prop_assert_eq!(&found, &expected);
    if found.is_ok() {
        let expected: Result<Vec<_>, _> = alone
            .iter_mut()
            .zip(next)
            .map(|(emulator, token)| token.map(|token| emulator.generate(token)).transpose())
            .collect();
        let found = streams.generate(&next);
        prop_assert_eq!(&found, &expected);
        if found.is_ok() {
            let last: Vec<_> = texts.iter().map(|text| text.iter().copied().take(2).collect::<Vec<u32>>()).collect();
            let expected: Result<Vec<_>, _> =
                alone.iter_mut().zip(&last).map(|(emulator, text)| Ok(emulator.prefill(text)?.pop())).collect();
            let found = streams.read(&last);
            prop_assert_eq!(&found, &expected);
            if found.is_err() {
                return Ok(());
            }
            for (stream, emulator) in alone.iter().enumerate() {
                prop_assert_eq!(streams.events(stream), emulator.events());
                prop_assert_eq!(streams.host_events(stream), emulator.host_events());
                prop_assert_eq!(streams.n_steps(stream), emulator.n_steps());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(common::cases(600))]

    #[test]
    fn programs_by_chance(seed: u64) {
        let mut chance = Chance::new(seed);
        let systems = systems();
        let system = &systems[chance.below(6) as usize];
        let program = program(&mut chance, system);
        let kernels: Vec<_> = available().collect();
        let kernel = kernels[chance.below(12) as usize % kernels.len()];
        let every_step = !chance.once_in(4);
        let tokens: Vec<Option<u32>> =
            (0..12).map(|_| (every_step || chance.once_in(2)).then(|| chance.below(4))).collect();
        let expected = stepped(reference(&program), &tokens);
        let found = stepped(fast(&program, kernel), &tokens);
        prop_assert_eq!(&found, &expected);
        let tokens: Vec<u32> = (0..50).map(|_| chance.below(4)).collect();
        for observed in [false, true] {
            let expected = in_bulk(reference(&program), &tokens, observed);
            let found = in_bulk(fast(&program, kernel), &tokens, observed);
            prop_assert_eq!(&found, &expected);
        }
    }
}

proptest! {
    #![proptest_config(common::cases(300))]

    #[test]
    fn streams_are_runs_of_their_own(seed: u64) {
        streams_of(seed)?;
    }
}

#[test]
fn of_many_errors_that_of_the_first_stream_is_told() {
    // Neurons hear each other in a circle, so that steps run one at a time; a later stream faults in an earlier step.
    streams_of(539_215_514_374_769_144).expect("equal");
}

#[test]
fn the_fast_engine_leaves_to_the_reference_what_may_not_fit() {
    assert_eq!(Emulator::new(generated_one()).unwrap().engine(), Engine::Fast);
    let mut net = common::Net::new(&arch(ONE_CHIP), 1, &[1], 1);
    let relay = ".body relay\n.acc a0 in\n.port p0 out\nRDC r0, in\nSPIKE out, r0\n";
    let group = net.group(common::on_core(0), relay, 256, &[]);
    let axon = net.dense8(group, "in", &[&[1; 256]], 0);
    net.input(0, group, axon);
    for neuron in 0..256 {
        net.output(group, "out", neuron, 0);
    }
    let mut emulator = net.emulator();
    // 256 payloads of 24 bits.
    assert_eq!(emulator.engine(), Engine::Reference);
    assert_eq!(emulator.generate(0), Ok(vec![256]));
}

#[test]
fn an_unknown_token_stops_a_text_where_it_stands() {
    let program = generated_one();
    let (mut expected, mut found) = (reference(&program), fast(&program, Kernel::fastest()));
    let tokens = [1, 2, 9, 3];
    assert_eq!(found.prefill(&tokens), expected.prefill(&tokens));
    assert_eq!(counts(&found), counts(&expected));
}
