//! Bodies of groups against their microcode.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Done, evaluate_body, run_body};
use proptest::prelude::*;
use seamount_emit::codegen::{CodegenError, group_body};
use seamount_ir::kernel::{Arg, Compare, Local, ScalarOp, Word};
use seamount_ir::network::{Accumulator, BodyBuilder, BodyOp, Group, Network, Param, Port};
use seamount_microcode::{Machine, semantics, verify};

/// The word of every shipped system.
const WORD: Word = Word { bits: 24 };

/// The registers of every shipped system.
const N_REGISTERS: u32 = 16;

/// A group whose tick is its last accumulator.
fn group(delays: &[u32], n_params: usize, n_states: usize, body: Vec<BodyOp>) -> Group {
    let accumulator = |(at, &delay_steps)| Accumulator { name: format!("x{at}"), delay_steps };
    let mut accumulators: Vec<Accumulator> = delays.iter().enumerate().map(accumulator).collect();
    accumulators.push(Accumulator { name: "tick".into(), delay_steps: 0 });
    Group {
        name: "test".into(),
        layer: None,
        n_neurons: 1,
        on_host: false,
        tick: accumulators.len() - 1,
        accumulators,
        params: (0..n_params).map(|at| Param { name: format!("w{at}"), values: "unused".into() }).collect(),
        states: (0..n_states).map(|at| format!("h{at}")).collect(),
        ports: ["y", "z"].map(|name| Port { name: name.into(), bits: 24 }).into(),
        body,
    }
}

/// Operations as numbers, so that any numbers are a body.
type RawOp = (u8, u32, u32, u32, u32, i32);

fn body(ops: &[RawOp], word: Word, n_accumulators: usize, n_params: usize, n_states: usize) -> Vec<BodyOp> {
    let mut body = BodyBuilder::default();
    let first = body.push(BodyOp::Accumulator(0));
    let mut n_locals = 1;
    for &(kind, a, b, c, d, constant) in ops {
        let arg = |raw: u32| match raw % 5 {
            // Constants of wider words than an immediate has bits.
            0 => Arg::Const(constant.wrapping_shr(raw >> 27) << (word.bits - WORD.bits)),
            _ => Arg::Local(Local(raw / 5 % n_locals)),
        };
        let at = |n: usize| a as usize % n;
        let select = |compare| {
            BodyOp::Scalar(ScalarOp::Select { compare, lhs: arg(a), rhs: arg(b), then: arg(c), otherwise: arg(d) })
        };
        let op = match kind % 20 {
            0 => BodyOp::Accumulator(at(n_accumulators)),
            1 if n_params > 0 => BodyOp::Param(at(n_params)),
            2 | 3 if n_states > 0 => BodyOp::State(at(n_states)),
            4 | 5 if n_states > 0 => BodyOp::SetState(at(n_states), arg(b)),
            6 => BodyOp::Send(at(2), arg(b)),
            7 => BodyOp::Probe(format!("q {}", a % 3), arg(b)),
            8 => BodyOp::Scalar(ScalarOp::Neg(arg(a))),
            9 => BodyOp::Scalar(ScalarOp::Min(arg(a), arg(b))),
            10 => BodyOp::Scalar(ScalarOp::And(arg(a), arg(b))),
            11 => BodyOp::Scalar(ScalarOp::Or(arg(a), arg(b))),
            12 => BodyOp::Scalar(ScalarOp::Shl(arg(a), arg(b))),
            13 | 14 => BodyOp::Scalar(ScalarOp::MulShr { a: arg(a), b: arg(b), shift: c % 48, round: d % 2 == 0 }),
            15 => select(Compare::Eq),
            16 => select(Compare::Lt),
            17 => select(Compare::Ge),
            _ => BodyOp::Scalar(ScalarOp::Add(arg(a), arg(b))),
        };
        if op.has_result() {
            body.push(op);
            n_locals += 1;
        } else {
            body.effect(op);
        }
    }
    body.effect(BodyOp::Send(0, Local(n_locals - 1).into()));
    body.effect(BodyOp::Probe("first".into(), first.into()));
    body.finish()
}

fn word() -> impl Strategy<Value = i32> {
    let (min, max) = (-(1 << 23), (1 << 23) - 1);
    prop_oneof![-4..=4_i32, min..=max, Just(min), Just(max), (0..24_u32).prop_map(move |bit| (1 << bit).min(max))]
}

fn raw_op() -> impl Strategy<Value = RawOp> {
    (any::<u8>(), any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>(), word())
}

/// What probes are called in microcode.
fn microcode_names(mut done: Done) -> Done {
    for (name, _) in &mut done.probed {
        *name = name.replace(' ', "_");
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2000 } else { 20_000 }))]

    #[test]
    fn microcode_does_what_the_body_says(
        ops in prop::collection::vec(raw_op(), 0..40),
        delays in prop::collection::vec(0..3_u32, 1..3),
        n_params in 0..3_usize,
        n_states in 0..3_usize,
        values in prop::collection::vec(word(), 64),
        bits in prop_oneof![Just(24), Just(32)],
    ) {
        let word = Word { bits };
        let body = body(&ops, word, delays.len() + 1, n_params, n_states);
        let group = group(&delays, n_params, n_states, body);
        let microcode = group_body(&group, word, 63).expect("enough registers");
        let machine = Machine { word: semantics::Word::new(bits).unwrap(), n_registers: 63 };
        let microcode = verify(microcode, &machine).expect("microcode keeps the rules").into_inner();

        let params: Vec<i64> = values[..n_params].iter().map(|&value| value.into()).collect();
        let mut states = vec![0; n_states];
        let mut slots = vec![0; microcode.slots.len()];
        slots[..n_params].copy_from_slice(&values[..n_params]);
        // The token of step t delivers an accumulator with k delay steps at step t - k; steps 2, 3 and 5 have a tick.
        let n_accumulators = delays.len();
        let value = |step: usize, at: usize| values[(step * n_accumulators + at) % values.len()];
        let ticks = [2, 3, 5];
        for step in 0..7 {
            let mut sums = vec![0; n_accumulators + 1];
            for (at, &delay) in delays.iter().enumerate() {
                let token = step + delay as usize;
                if ticks.contains(&token) {
                    sums[at] = value(token, at);
                }
            }
            if ticks.contains(&step) {
                sums[n_accumulators] = 7;
            }
            let (done, n_executed) = run_body(&microcode, word, &mut sums, &mut slots);
            if ticks.contains(&step) {
                prop_assert!(sums.iter().all(|&sum| sum == 0), "a token leaves sums {sums:?}:\n{microcode}");
                let mut sums: Vec<i64> = (0..n_accumulators).map(|at| value(step, at).into()).collect();
                sums.push(7);
                let expected = evaluate_body(&group, word, &sums, &params, &mut states);
                prop_assert_eq!(done, microcode_names(expected));
            } else {
                prop_assert_eq!(done, Done::default());
                let n_moves: u32 = delays.iter().filter(|&&delay| delay > 0).map(|delay| 1 + delay).sum();
                prop_assert!(n_executed <= 3 + n_moves as usize, "a quiet step is short");
            }
        }
    }
}

#[test]
fn too_many_values_at_once_are_refused_with_the_numbers() {
    let mut body = BodyBuilder::default();
    let x = body.push(BodyOp::Accumulator(0));
    // Each value is needed again in reverse order, so that no order of evaluation can let go of one.
    let mut values = vec![x];
    for _ in 0..20 {
        let last = *values.last().unwrap();
        values.push(body.push(BodyOp::Scalar(ScalarOp::MulShr {
            a: last.into(),
            b: last.into(),
            shift: 3,
            round: true,
        })));
    }
    let mut sum = *values.last().unwrap();
    for &value in values.iter().rev().skip(1) {
        sum = body.push(BodyOp::Scalar(ScalarOp::MulShr { a: sum.into(), b: value.into(), shift: 1, round: true }));
    }
    body.effect(BodyOp::Send(0, sum.into()));
    let group = group(&[0], 0, 0, body.finish());
    let error = group_body(&group, WORD, N_REGISTERS).unwrap_err();
    assert_eq!(error, CodegenError::Registers { group: "test".into(), needed: 21, available: 16 });
    insta::assert_snapshot!(error, @r#"neuron group "test" needs 21 registers, a neuron has 16 [registers]; help: use a cheaper approximation of its functions, or an arch file with more `word.registers_per_neuron`"#);
}

#[test]
fn an_order_that_holds_fewer_values_is_found() {
    // The source computes twenty products before it adds them up; depth first, two registers are enough.
    let mut body = BodyBuilder::default();
    let x = body.push(BodyOp::Accumulator(0));
    let products: Vec<Local> = (2..22)
        .map(|factor| {
            body.push(BodyOp::Scalar(ScalarOp::MulShr { a: x.into(), b: Arg::Const(factor), shift: 1, round: true }))
        })
        .collect();
    let sum = products
        .into_iter()
        .reduce(|sum, product| body.push(BodyOp::Scalar(ScalarOp::Add(sum.into(), product.into()))));
    body.effect(BodyOp::Send(0, sum.unwrap().into()));
    let group = group(&[0], 0, 0, body.finish());
    assert!(group_body(&group, WORD, 4).is_ok());
}

/// A mixer in small: a gate and an input wait for the root, a state is kept, two ports are sent.
const MIXER: &str = r#"
network "mixer" {
  vocab_size = 1
  word_bits = 24
  accumulator_bits = 24
  overflow = saturate
  embedding = @table
  logit_scale = 1.0
  @table : i16[1, 1] = [1]
  @scale : i32[1] = [1000]
  group "layer.0.mixer" {
    neurons = 1
    layer = 0
    accumulator "forget" {delay = 1}
    accumulator "input" {delay = 1}
    accumulator "root" {tick = true}
    param "scale", @scale
    state "h"
    port "y" {bits = 16}
    port "square" {bits = 24}
    %0 = read_accumulator "root"
    %1 = read_accumulator "forget"
    %2 = mul_shr %1, %0 {shift = 12, round = true}
    %3 = select_lt %2, -2048, 0, %2
    %4 = select_lt %2, -2048, 1, 2
    %5 = select_ge %2, 2048, 4096, %3
    %6 = select_ge %2, 2048, 3, %4
    %7 = read_accumulator "input"
    %8 = mul_shr %7, %0 {shift = 12, round = true}
    %9 = read_param "scale"
    %10 = mul_shr %9, %8 {shift = 10, round = true}
    %11 = neg %5
    %12 = add 4096, %11
    %13 = mul_shr %12, %10 {shift = 12, round = true}
    %14 = read_state "h"
    %15 = mul_shr %5, %14 {shift = 12, round = true}
    %16 = add %15, %13
    %17 = add %16, %6
    set_state "h", %17
    probe "layer.0.mixer", %17
    %18 = shl %17, 8
    %19 = shl %18, -8
    send "y", %19
    %20 = mul_shr %19, %19 {shift = 8, round = true}
    send "square", %20
  }
}
"#;

#[test]
fn a_mixer_reads_like_this() {
    let network = Network::parse(MIXER).unwrap();
    let body = group_body(&network.groups[0], network.word, N_REGISTERS).unwrap();
    insta::assert_snapshot!(body);
}
