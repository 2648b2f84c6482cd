//! A balanced, self-timed network gives the same integers with one token in flight and with one in every stage.

mod common;

use common::{Net, arch_with_delays, on_core};
use proptest::prelude::*;
use seamount_emulator::Emulator;

const WIDTH: usize = 3;
const VOCAB: u32 = 5;
const N_VALUES: usize = VOCAB as usize * WIDTH;

/// Stage 1: ticked by the host; sends its value twice, and its square, never zero, to the sum.
const SOURCE: &str = "
.body source
.acc a0 in
.acc a1 tick
.port p0 value
.port p1 square
    RDC r0, in
    RDC r1, tick
    EQ r1, 0
    JMP_C.t end
    SPIKE value, r0
    MUL_SHR r1, r0, r0, #6
    ADD r1, r1, 1
    SPIKE square, r1
end:
";

/// Stage 2: the sum of the squares is its own tick.
const SUM: &str = "
.body sum
.acc a0 in
.port p0 out
    RDC r0, in
    SPIKE out, r0
";

/// Stage 3: ticked by the sum, one step after the values: one of them waits in the synapse, the other in the neuron.
const MIX: &str = "
.body mix
.acc a0 waited
.acc a1 early
.acc a2 tick
.state s0 line
.state s1 past
.port p0 out
    RDC r1, early
    RMW.XCHG r1, [line], r1
    RDC r0, waited
    RDC r2, tick
    EQ r2, 0
    JMP_C.t end
    ADD r0, r0, r1
    RMW.LD r3, [past]
    SHL r3, r3, -1
    ADD r0, r0, r3
    RMW.ST [past], r0
    ADD r0, r0, r2
    SPIKE out, r0
end:
";

fn balanced(embedding: &[i16], waits: u32) -> Emulator {
    let mut net = Net::new(&arch_with_delays(), 3, embedding, 3);
    let source = net.group(on_core(0), SOURCE, 3, &[]);
    let sum = net.group(on_core(1), SUM, 1, &[]);
    let mix = net.group(on_core(2), MIX, 3, &[0; 6]);
    let into_source = net.dense2(source, "in", &[&[1, 1, 0], &[0, -1, 1], &[1, 0, 1]], 0);
    let host_tick = net.broadcast(source, "tick", 1);
    let squares = net.broadcast(sum, "in", 3);
    let waited = net.dense8(mix, "waited", &[&[3, -2, 5], &[1, 1, 1], &[0, 7, -9]], waits);
    let early = net.sparse(mix, "early", &[&[(0, 1)], &[(1, 1)], &[(2, -1)]], 0);
    let tick = net.broadcast(mix, "tick", 1);
    net.tick(source, host_tick);
    for k in 0..3 {
        net.input(k as usize, source, into_source + k);
        net.connect(source, "square", k, sum, squares + k);
        net.connect(source, "value", k, mix, waited + k);
        net.connect(source, "value", k, mix, early + k);
        net.output(mix, "out", k, k);
    }
    net.connect(sum, "out", 0, mix, tick);
    net.emulator()
}

fn embedding() -> impl Strategy<Value = Vec<i16>> {
    proptest::collection::vec(-2000..2000_i16, N_VALUES)
}

fn tokens() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(0..VOCAB, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fall_through_equals_pipelined(embedding in embedding(), tokens in tokens()) {
        let mut emulator = balanced(&embedding, 1);
        let one_by_one: Vec<_> = tokens.iter().map(|&token| emulator.generate(token).unwrap()).collect();
        let steps = emulator.n_steps();
        prop_assert_eq!(steps, 3 * tokens.len() as u64);
        let spikes: u64 = emulator.events().iter().map(|events| events.spikes).sum();
        emulator.reset();
        let pipelined = emulator.prefill(&tokens).unwrap();
        prop_assert_eq!(emulator.n_steps(), tokens.len() as u64 + 2);
        prop_assert_eq!(&pipelined, &one_by_one);
        // The same spikes, in fewer steps.
        prop_assert_eq!(emulator.events().iter().map(|events| events.spikes).sum::<u64>(), spikes);
    }

    #[test]
    fn prefill_then_generate_is_one_text(embedding in embedding(), tokens in tokens(), more in tokens()) {
        let mut whole = balanced(&embedding, 1);
        let all: Vec<_> = tokens.iter().chain(&more).copied().collect();
        let expected = whole.prefill(&all).unwrap();
        let mut emulator = balanced(&embedding, 1);
        let mut found = emulator.prefill(&tokens).unwrap();
        let mut fork = emulator.clone();
        found.extend(more.iter().map(|&token| emulator.generate(token).unwrap()));
        prop_assert_eq!(&found, &expected);
        // A clone goes its own way from the same state.
        prop_assert_eq!(fork.prefill(&more).unwrap(), &expected[tokens.len()..]);
    }
}

#[test]
fn without_the_delay_the_two_ways_differ() {
    let embedding = [100, -50, 25, 7, 70, -700, 11, 12, 13, 0, 0, 1, -1, -2, -3];
    let tokens = [0, 1, 2, 3, 4];
    let mut emulator = balanced(&embedding, 0);
    let one_by_one: Vec<_> = tokens.iter().map(|&token| emulator.generate(token).unwrap()).collect();
    emulator.reset();
    assert_ne!(emulator.prefill(&tokens).unwrap(), one_by_one);
}

#[test]
fn quiet_neurons_leave_after_a_few_instructions() {
    let mut emulator = balanced(&[1; N_VALUES], 1);
    emulator.step(None).unwrap();
    let instructions: Vec<_> = emulator.step_events().iter().map(|events| events.instructions).collect();
    assert_eq!(instructions, [3 * 4, 2, 3 * 6]);
}

#[test]
fn no_tokens_no_steps() {
    let mut emulator = balanced(&[1; N_VALUES], 1);
    assert_eq!(emulator.prefill(&[]), Ok(vec![]));
    assert_eq!(emulator.n_steps(), 0);
}
