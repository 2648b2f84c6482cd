//! What a step does: arrival, overflow, delays, rows, routes, faults.

mod common;

use std::sync::Arc;

use common::{At, Net, ONE_CHIP, arch, arch_with, arch_with_delays, on_core};
use seamount_arch::Arch;
use seamount_emulator::{Emulator, EmulatorError, Events, Fault, FaultKind, Recorder};
use seamount_program::Place;

/// Sends what arrives.
const RELAY: &str = ".body relay\n.acc a0 in\n.port p0 out\nRDC r0, in\nSPIKE out, r0\n";

/// One relay for each output, fed by the host's channels through `connect`; token t is row t of `embedding`.
fn relays(arch: &Arch, width: u32, embedding: &[i16], n: u32, connect: impl FnOnce(&mut Net, At)) -> Emulator {
    let mut net = Net::new(arch, width, embedding, 1);
    let group = net.group(on_core(0), RELAY, n, &[]);
    connect(&mut net, group);
    for neuron in 0..n {
        net.output(group, "out", neuron, neuron);
    }
    net.emulator()
}

fn inputs(net: &mut Net, to: At, first_axon: u32, width: u32) {
    for channel in 0..width {
        net.input(channel as usize, to, first_axon + channel);
    }
}

#[test]
fn a_spike_adds_weight_times_payload_and_costs_the_weights_of_its_row() {
    let mut emulator = relays(&arch(ONE_CHIP), 2, &[10, -3, 0, 7], 5, |net, group| {
        let axon = net.dense2(group, "in", &[&[1, -1, 0, 1, 1], &[0, 1, 1, -1, 1]], 0);
        inputs(net, group, axon, 2);
        let axon = net.dense8(group, "in", &[&[0, 0, 0, 0, 127], &[0, 0, 0, -128, 0]], 0);
        inputs(net, group, axon, 2);
        let axon = net.sparse(group, "in", &[&[(2, 100), (2, 1)], &[(0, 5), (1, 0)]], 0);
        inputs(net, group, axon, 2);
        let axon = net.broadcast(group, "in", 2);
        inputs(net, group, axon, 2);
    });
    let expected = |a: i32, b: i32| {
        let dense2 = [a, b - a, b, a - b, a + b];
        let dense8 = [0, 0, 0, -128 * b, 127 * a];
        let sparse = [5 * b, 0, 101 * a, 0, 0];
        (0..5).map(|k| dense2[k] + dense8[k] + sparse[k] + a + b).collect::<Vec<_>>()
    };
    assert_eq!(emulator.generate(0), Ok(expected(10, -3)));
    assert_eq!(emulator.step_events()[0].synaptic_ops, 2 * (5 + 5 + 2 + 5));
    assert_eq!(emulator.generate(1), Ok(expected(0, 7)));
    // Channel 0 is zero for token 1 and sends nothing.
    assert_eq!(emulator.step_events()[0].synaptic_ops, 5 + 5 + 2 + 5);
    // 3 payloads and 2 ticks without destinations, of 4 destinations each.
    let host = emulator.host_events();
    assert_eq!((host.spikes, host.zero_payloads, host.messages), (5, 1, 12));
}

#[test]
fn a_message_meets_every_block_of_its_axon() {
    let body = ".body b\n.acc a0 in\n.acc a1 more\n.port p0 out
        RDC r0, in\nRDC r1, more\nMUL_SHR r1, r1, 1000, #0\nADD r0, r0, r1\nSPIKE out, r0\n";
    let mut net = Net::new(&arch(ONE_CHIP), 3, &[1, 10, 100], 1);
    let group = net.group(on_core(0), body, 1, &[]);
    let axon = net.dense2(group, "in", &[&[1], &[1]], 0);
    net.dense8(group, "more", &[&[2], &[3]], 0);
    net.move_last_block(group, axon + 1);
    net.broadcast(group, "in", 3);
    net.move_last_block(group, axon);
    inputs(&mut net, group, axon, 3);
    net.output(group, "out", 0, 0);
    let mut emulator = net.emulator();
    assert_eq!(emulator.generate(0), Ok(vec![(1 + 10) + 1000 * (2 * 10 + 3 * 100) + (1 + 10 + 100)]));
    assert_eq!(emulator.step_events()[0].synaptic_ops, 2 + 2 + 3);
    assert_eq!(emulator.host_events().messages, 3);
}

#[test]
fn the_sum_of_a_step_is_exact_and_overflows_once() {
    // 127 * 32767 = 4161409: three of them leave 24 bits, and one of them back again does not.
    let embedding = [i16::MAX, i16::MAX, i16::MAX, -i16::MAX, i16::MAX, i16::MAX, i16::MAX, 0];
    let run = |arch: &Arch, token| {
        let mut emulator = relays(arch, 4, &embedding, 1, |net, group| {
            let axon = net.dense8(group, "in", &[&[127_i8] as &[i8]; 4], 0);
            inputs(net, group, axon, 4);
        });
        (emulator.generate(token).expect("no fault")[0], emulator.events()[0].accumulator_overflows)
    };
    let saturating = arch(ONE_CHIP);
    let wrapping = arch_with(ONE_CHIP, "overflow", "\"wrap\"");
    assert_eq!(run(&saturating, 0), (2 * 4_161_409, 0));
    assert_eq!(run(&wrapping, 0), (2 * 4_161_409, 0));
    assert_eq!(run(&saturating, 1), ((1 << 23) - 1, 1));
    assert_eq!(run(&wrapping, 1), (3 * 4_161_409 - (1 << 24), 1));
}

#[test]
fn accumulators_keep_what_is_not_read() {
    let body = ".body b\n.acc a0 in\n.acc a1 read\n.port p0 out
        RDC r0, read\nEQ r0, 0\nJMP_C.t end\nRDC r0, in\nSPIKE out, r0\nend:\n";
    let mut net = Net::new(&arch(ONE_CHIP), 2, &[5, 0, 7, 1], 1);
    let group = net.group(on_core(0), body, 1, &[]);
    let data = net.dense2(group, "in", &[&[1]], 0);
    let read = net.dense2(group, "read", &[&[1]], 0);
    net.input(0, group, data);
    net.input(1, group, read);
    net.output(group, "out", 0, 0);
    let mut emulator = net.emulator();
    assert_eq!(emulator.generate(0), Ok(vec![0]));
    assert_eq!(emulator.generate(0), Ok(vec![0]));
    assert_eq!(emulator.generate(1), Ok(vec![17]));
    assert_eq!(emulator.generate(1), Ok(vec![7]));
}

#[test]
fn synaptic_delays_add_to_the_step_that_every_spike_takes() {
    let body = ".body b\n.acc a0 in\n.probe q0 seen\nRDC r0, in\nEQ r0, 0\nJMP_C.t end\nPROBE seen, r0\nend:\n";
    let mut net = Net::new(&arch_with_delays(), 1, &[1, 10], 1);
    let source = net.group(on_core(0), RELAY, 1, &[]);
    let sink = net.group(on_core(1), body, 1, &[]);
    let axon = net.dense2(source, "in", &[&[1]], 0);
    net.input(0, source, axon);
    for (weight, delay) in [(1, 0), (2, 1), (4, 3)] {
        let axon = net.dense8(sink, "in", &[&[weight]], delay);
        net.connect(source, "out", 0, sink, axon);
    }
    let mut emulator = net.emulator();
    let mut recorder = Recorder::default();
    for token in [Some(0), Some(1), None, None, None, None, None] {
        emulator.step_observed(token, &mut recorder).expect("no fault");
    }
    let seen: Vec<_> = recorder.probes.iter().map(|record| (record.site.step, record.value)).collect();
    assert_eq!(seen, [(1, 1), (2, 2 + 10), (3, 20), (4, 4), (5, 40)]);
    assert!(recorder.probes.iter().all(|record| record.name == "seen" && record.site.core == 1));
    let sent: Vec<_> = recorder.spikes.iter().map(|record| (record.site.step, record.payload)).collect();
    assert_eq!(sent, [(0, 1), (1, 10)]);
}

#[test]
fn saturations_of_registers_are_counted() {
    let body = ".body b\n.acc a0 in\n.state s0 sum\n.port p0 out
        RDC r0, in\nEQ r0, 0\nJMP_C.t end
        SHL r1, r0, 20\nADD r1, r1, r1\nMUL_SHR r2, r1, r1, #4\nNEG r2, r2\nRMW.ADD r3, [sum], r1\nRMW.ADD r3, [sum], r1
        SPIKE out, r3\nend:\n";
    let mut net = Net::new(&arch(ONE_CHIP), 1, &[7, 8], 1);
    let group = net.group(on_core(0), body, 1, &[0]);
    let axon = net.dense2(group, "in", &[&[1]], 0);
    net.input(0, group, axon);
    net.output(group, "out", 0, 0);
    let mut emulator = net.emulator();
    assert_eq!(emulator.generate(0), Ok(vec![(1 << 23) - 1]));
    // 7 << 20 fits; its double, the square of that, and the second sum do not.
    assert_eq!(emulator.events()[0].register_saturations, 3);
    // 8 << 20 does not fit either, and the state is full from the start.
    assert_eq!(emulator.generate(1), Ok(vec![(1 << 23) - 1]));
    assert_eq!(emulator.events()[0].register_saturations, 3 + 5);
}

#[test]
fn skipped_instructions_are_not_counted() {
    let body = ".body b\n.acc a0 in\n.port p0 out\nRDC r0, in\nEQ r0, 0\nSKP_C.t\nSPIKE out, r0\n";
    let mut net = Net::new(&arch(ONE_CHIP), 1, &[1], 1);
    let group = net.group(on_core(0), body, 1, &[]);
    let axon = net.dense2(group, "in", &[&[1]], 0);
    net.input(0, group, axon);
    net.output(group, "out", 0, 0);
    let mut emulator = net.emulator();
    assert_eq!(emulator.generate(0), Ok(vec![1]));
    assert_eq!(emulator.step_events()[0].instructions, 4);
    emulator.step(None).expect("no fault");
    assert_eq!(emulator.step_events()[0].instructions, 3);
    let total = Events { spikes: 1, messages: 1, synaptic_ops: 1, instructions: 7, ..Events::default() };
    assert_eq!(emulator.events(), [total]);
}

/// Two relays behind each other, at two places.
fn chain(arch: &Arch, first: Place, second: Place) -> Emulator {
    let mut net = Net::new(arch, 1, &[3], 2);
    let first = net.group(first, RELAY, 1, &[]);
    let second = net.group(second, RELAY, 1, &[]);
    let into_first = net.dense2(first, "in", &[&[1]], 0);
    let into_second = net.dense2(second, "in", &[&[-1]], 0);
    net.input(0, first, into_first);
    net.connect(first, "out", 0, second, into_second);
    net.output(second, "out", 0, 0);
    net.emulator()
}

#[test]
fn hops_and_crossings_are_those_of_the_mesh() {
    let board = arch("loihi2-kapoho-point");
    for (chip, core) in [(0, 0), (0, 1), (0, 60), (1, 0), (7, 119)] {
        let mut emulator = chain(&board, on_core(2), Place::Chip { chip, core });
        assert_eq!(emulator.generate(0), Ok(vec![-3]));
        let (from, to) = (board.core_position(0, 2), board.core_position(chip, core));
        let (chip_from, chip_to) = (board.chip_position(0), board.chip_position(chip));
        let events = emulator.events()[0];
        assert_eq!(events.hops, u64::from(from.0.abs_diff(to.0) + from.1.abs_diff(to.1)));
        let crossings = u64::from(chip_from.0.abs_diff(chip_to.0) + chip_from.1.abs_diff(chip_to.1));
        assert_eq!((events.chip_crossings, crossings > 0), (crossings, chip != 0));
        // The way to the host is not part of the mesh.
        assert_eq!(emulator.events()[1].hops, 0);
    }
}

#[test]
fn cores_of_the_host_compute_the_same_and_count_for_the_host() {
    let mut on_chip = chain(&arch(ONE_CHIP), on_core(0), on_core(1));
    let mut on_host = chain(&arch(ONE_CHIP), on_core(0), Place::Host);
    assert_eq!(on_chip.generate(0), on_host.generate(0));
    assert_eq!(on_chip.events()[0].messages, on_host.events()[0].messages);
    assert_eq!(on_host.events()[1], Events::default());
    let mut host = on_chip.events()[1];
    host += on_chip.host_events();
    assert_eq!(on_host.host_events(), host);
}

#[test]
fn faults_say_who_did_what() {
    let fault = |arch: &Arch, body: &str, latency| {
        let mut net = Net::new(arch, 1, &[3], latency);
        let group = net.group(on_core(4), body, 2, &[]);
        let axon = net.dense2(group, "in", &[&[0, 1]], 0);
        net.input(0, group, axon);
        net.output(group, "out", 1, 0);
        match net.emulator().generate(0) {
            Err(EmulatorError::Fault(fault)) => fault,
            other => panic!("expected a fault, found {other:?}"),
        }
    };
    let expected = |pc, kind| Fault { step: 0, core: 0, group: 0, neuron: 1, pc, kind };
    let head = ".body b\n.acc a0 in\n.port p0 out\nRDC r0, in\n";
    let countdown =
        format!("{head}EQ r0, 0\nJMP_C.t end\nagain: ADD r0, r0, -1\nEQ r0, 0\nJMP_C.f again max 1\nend:\n");
    let found = fault(&arch(ONE_CHIP), &countdown, 1);
    assert_eq!(found, expected(5, FaultKind::LoopBound { max: 1 }));
    assert_eq!(
        found.to_string(),
        "step 0: neuron 1 of group 0 on core 0, instruction @5: the jump was taken more than 1 times"
    );
    let narrow = arch_with(ONE_CHIP, "payload_bits_max", "2");
    let relay = format!("{head}SPIKE out, r0\n");
    assert_eq!(fault(&narrow, &relay, 1), expected(1, FaultKind::PayloadWidth { payload: 3, bits: 2 }));
    assert_eq!(fault(&arch(ONE_CHIP), &relay, 2), expected(1, FaultKind::StrayOutput { output: 0 }));
}

#[test]
fn tokens_outside_the_vocabulary_are_refused_and_change_nothing() {
    let mut emulator = chain(&arch(ONE_CHIP), on_core(0), on_core(1));
    assert_eq!(emulator.step(Some(1)), Err(EmulatorError::Token { token: 1, vocab_size: 1 }));
    assert_eq!(emulator.n_steps(), 0);
    assert_eq!(emulator.generate(0), Ok(vec![-3]));
}

#[test]
fn invalid_programs_are_refused() {
    let mut program = chain(&arch(ONE_CHIP), on_core(0), on_core(1)).program().as_ref().clone();
    program.cores[0].routes.dests[0].axon = 1;
    let Err(EmulatorError::Invalid(violations)) = Emulator::new(Arc::new(program)) else { panic!("it was accepted") };
    assert_eq!(violations[0].to_string(), "core 0: axon 1 of core 1, which has 1 [dest]");
}
