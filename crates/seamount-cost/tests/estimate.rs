//! Estimates worked out by hand, and what holds for any wavefront.

use std::num::NonZeroU32;

use proptest::prelude::*;
use seamount_arch::Arch;
use seamount_cost::{Bound, CoreWork, Corner, Costs, LinkKind, Mode, Step, TimeTerm, Wavefront};

/// Numbers that can be added up in the head: a synaptic operation takes 1 ns and costs 1 pJ, a neuron takes 10 ns, an
/// instruction 1 ns, a message between chips 4 ns, a step 100 ns, and 1000 ns more on several chips; a chip takes 1 W.
fn costs() -> Costs {
    let number =
        |name: &str, value: &str| format!("{name} = {{ value = {value}, status = \"measured\", source = \"x\" }}\n");
    let text = [
        "extends = \"loihi2-kapoho-point\"\nname = \"round\"\ndescription = \"round numbers\"\n[time]\n",
        &number("synaptic_op_ns", "1.0"),
        &number("synaptic_op_best_ns", "0.5"),
        &number("neuron_ns", "10.0"),
        &number("neuron_best_ns", "10.0"),
        "instruction_ns = { value = 1.0, status = \"assumed\", note = \"x\" }\n",
        &number("spike_ns", "0.0"),
        &number("chip_link_bytes_per_ns", "0.2"),
        &number("barrier_ns", "100.0"),
        &number("system_barrier_ns", "1000.0"),
        &number("system_barrier_best_ns", "1000.0"),
        &number("system_barrier_worst_ns", "2000.0"),
        "[energy]\n",
        &number("synaptic_op_pj", "1.0"),
        "[power]\n",
        &number("static_w_per_chip", "1.0"),
        &number("static_worst_w_per_chip", "2.0"),
    ]
    .concat();
    Costs::of(&Arch::from_toml(&text).expect("the arch of the test reads"))
}

fn ops(n: f64) -> CoreWork {
    CoreWork { synaptic_ops: n, ..CoreWork::default() }
}

/// Two cores, three steps: 500 operations on the first, nothing, 300 on the second.
fn wavefront(n_chips: u32) -> Wavefront {
    let quiet = CoreWork { neurons: 5.0, instructions: 10.0, ..CoreWork::default() };
    let step = |core, n| Step { cores: vec![(core, ops(n))], links: vec![] };
    Wavefront {
        n_chips,
        quiet: vec![quiet; 2],
        links: vec![],
        steps: vec![step(0, 500.0), Step::default(), step(1, 300.0)],
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-12)
}

#[test]
fn one_token_at_a_time_takes_each_step_in_turn() {
    let estimate = costs().estimate(&wavefront(1), Mode::FallThrough);
    // 500 and 300 operations bind their steps, 5 quiet neurons with 2 instructions each the one between.
    let steps: Vec<f64> = estimate.steps.iter().map(|step| step.ns).collect();
    assert_eq!(steps, [600.0, 160.0, 400.0]);
    let bounds: Vec<Bound> = estimate.steps.iter().map(|step| step.bound).collect();
    assert_eq!(bounds, [Bound::Synapses, Bound::Barrier, Bound::Synapses]);
    assert_eq!(estimate.token_ns.value, 1160.0);
    assert_eq!(estimate.latency_ns, estimate.token_ns);
    assert!(close(estimate.tokens_per_s.value, 1e9 / 1160.0));
    assert_eq!(estimate.bound, Bound::Synapses);
    // 1160 ns at 1 W, 800 operations of 1 pJ.
    assert!(close(estimate.energy.static_mj, 1160e-6));
    assert!(close(estimate.energy.dynamic_mj, 800e-9));
    assert_eq!(estimate.energy.bound, Bound::StaticPower);
}

#[test]
fn a_token_every_step_takes_the_slowest_step() {
    let estimate = costs().estimate(&wavefront(1), Mode::Pipelined);
    assert_eq!(estimate.steps.len(), 1);
    assert_eq!(estimate.token_ns.value, 600.0);
    assert_eq!(estimate.latency_ns.value, 1800.0);
    assert_eq!((estimate.steps[0].core, estimate.steps[0].link), (Some(0), None));
}

#[test]
fn several_chips_wait_for_each_other_and_all_take_power() {
    let estimate = costs().estimate(&wavefront(4), Mode::Pipelined);
    assert_eq!(estimate.token_ns.value, 1600.0);
    assert_eq!(estimate.bound, Bound::Barrier);
    assert!(close(estimate.energy.static_mj, 4.0 * 1600e-6));
}

#[test]
fn the_ends_of_an_interval_are_the_ends_of_all_constants() {
    let estimate = costs().estimate(&wavefront(4), Mode::Pipelined);
    // Half the time for an operation, twice the barrier.
    assert_eq!((estimate.token_ns.low, estimate.token_ns.high), (250.0 + 1100.0, 500.0 + 2100.0));
    assert!(close(estimate.tokens_per_s.low, 1e9 / 2600.0));
    // The greater end has twice the power, too.
    assert!(close(estimate.energy.mj.high, 4.0 * 2.0 * 2600e-6 + 800e-9));
}

#[test]
fn a_result_says_what_it_rests_on() {
    let mut wavefront = wavefront(1);
    wavefront.steps.truncate(1);
    let busy = CoreWork { instructions: 590.0, ..CoreWork::default() };
    wavefront.steps[0].cores[0].1 = busy;
    let estimate = costs().estimate(&wavefront, Mode::FallThrough);
    // 50 ns of neurons, 600 of assumed instructions, 100 of barrier.
    let parts: Vec<(TimeTerm, f64)> = estimate.time_parts.iter().map(|part| (part.term, part.amount)).collect();
    let expected = [(TimeTerm::Neurons, 50.0), (TimeTerm::Instructions, 600.0), (TimeTerm::Barrier, 100.0)];
    assert_eq!(parts, expected);
    assert_eq!(estimate.bound, Bound::Microcode);
    assert!(close(estimate.time_rests_on.assumed, 0.8) && close(estimate.time_rests_on.measured, 0.2));
    // Measured power over a time that is mostly assumed.
    assert!(close(estimate.energy.rests_on.assumed, 0.8));
}

#[test]
fn a_busy_link_binds() {
    let mut wavefront = wavefront(2);
    wavefront.links = vec![LinkKind::EastWest, LinkKind::Chip];
    wavefront.steps[1].links = vec![(0, 10.0), (1, 500.0)];
    let step = costs().estimate(&wavefront, Mode::FallThrough).steps[1];
    // 500 messages of 0.8 bytes at 0.2 bytes/ns.
    assert_eq!((step.ns, step.bound, step.core, step.link), (3100.0, Bound::Links, None, Some(1)));
}

#[test]
fn a_prompt_is_as_long_as_its_tokens_and_the_way_of_the_last() {
    let costs = costs();
    // 600, 600 with the first token in the quiet step, 600 with both ends busy, then 400 or less while it drains.
    assert_eq!(costs.prefill_ns(&wavefront(1), 0).value, 0.0);
    assert_eq!(costs.prefill_ns(&wavefront(1), 1).value, 1160.0);
    assert_eq!(costs.prefill_ns(&wavefront(1), 2).value, 600.0 + 600.0 + 400.0 + 400.0);
    assert_eq!(costs.prefill_ns(&wavefront(1), 10).value, 10.0 * 600.0 + 2.0 * 400.0);
}

#[test]
fn an_empty_wavefront_takes_nothing_but_the_barrier() {
    let estimate = costs().estimate(&Wavefront { n_chips: 1, ..Wavefront::default() }, Mode::FallThrough);
    assert_eq!((estimate.token_ns.value, estimate.bound), (100.0, Bound::Barrier));
}

/// What the published figures of the 370M model say if all static power is of 24 chips and all dynamic energy of a
/// block's 12,845,056 weights: 0.70 W and 3.8 pJ, the constants of the shipped file.
#[test]
fn energy_of_the_published_370m_model() {
    let arch = Arch::shipped("loihi2-alia-point").expect("shipped");
    let (watts, joules) = (24.0 * arch.static_w_per_chip(), 24.0 * 12_845_056.0 * arch.energy_synaptic_op_pj() * 1e-12);
    let mj = |tokens_per_s: f64| (watts / tokens_per_s + joules) * 1e3;
    assert!((mj(41.5) / 405.0 - 1.0).abs() < 0.01, "{}", mj(41.5));
    assert!((mj(6632.0) / 3.7 - 1.0).abs() < 0.01, "{}", mj(6632.0));
}

fn any_work() -> impl Strategy<Value = CoreWork> {
    prop::array::uniform7(0.0..1000.0_f64).prop_map(|[a, b, c, d, e, f, g]| CoreWork {
        synaptic_ops: a,
        synapse_bytes: b,
        neurons: c,
        instructions: d,
        spikes: e,
        messages_in: f,
        messages_out: g,
    })
}

const KINDS: [LinkKind; 3] = [LinkKind::EastWest, LinkKind::NorthSouth, LinkKind::Chip];

prop_compose! {
    fn any_wavefront()(
        n_chips in 1..4_u32,
        quiet in prop::collection::vec(any_work(), 4),
        steps in prop::collection::vec((0..4_u32, any_work(), 0..3_u32, 0.0..500.0_f64), 1..12),
    ) -> Wavefront {
        let steps = steps.into_iter().map(|(core, work, link, n_messages)| Step {
            cores: vec![(core, work)],
            links: vec![(link, n_messages)],
        });
        Wavefront { n_chips, quiet, links: KINDS.to_vec(), steps: steps.collect() }
    }
}

proptest! {
    #[test]
    fn streams_lie_between_one_token_at_a_time_and_one_a_step(wavefront in any_wavefront(), k in 1..20_u32) {
        let costs = costs();
        let estimate = |mode| costs.estimate(&wavefront, mode);
        let streams = |k| estimate(Mode::Streams(NonZeroU32::new(k).expect("at least 1")));
        let (one, all, some) = (estimate(Mode::FallThrough), estimate(Mode::Pipelined), streams(k));
        prop_assert_eq!(streams(1).token_ns, one.token_ns);
        prop_assert_eq!(streams(wavefront.latency_steps()).token_ns, all.token_ns);
        prop_assert!(some.token_ns.value <= one.token_ns.value * (1.0 + 1e-9));
        prop_assert!(all.token_ns.value <= some.token_ns.value * (1.0 + 1e-9));
        prop_assert!(all.energy.mj.value <= one.energy.mj.value * (1.0 + 1e-9));
    }

    #[test]
    fn parts_make_up_the_whole(wavefront in any_wavefront(), k in 1..20_u32) {
        let estimate = costs().estimate(&wavefront, Mode::Streams(NonZeroU32::new(k).expect("at least 1")));
        let time: f64 = estimate.time_parts.iter().map(|part| part.amount).sum();
        let energy: f64 = estimate.energy.parts.iter().map(|part| part.amount).sum();
        prop_assert!(close(time, estimate.token_ns.value));
        prop_assert!(close(energy, estimate.energy.mj.value));
        for shares in [estimate.time_rests_on, estimate.energy.rests_on] {
            prop_assert!(close(shares.published + shares.measured + shares.assumed, 1.0));
        }
        prop_assert!(estimate.token_ns.low <= estimate.token_ns.value && estimate.token_ns.value <= estimate.token_ns.high);
    }

    #[test]
    fn more_work_never_takes_less(wavefront in any_wavefront(), work in any_work(), core in 0..4_u32) {
        let costs = costs();
        let mut more = wavefront.clone();
        more.steps[0].cores = vec![more.steps[0].cores[0]];
        more.steps.push(Step { cores: vec![(core, work)], links: vec![] });
        for mode in [Mode::FallThrough, Mode::Pipelined] {
            let (before, after) = (costs.estimate(&wavefront, mode), costs.estimate(&more, mode));
            prop_assert!(before.token_ns.value <= after.token_ns.value);
            prop_assert!(before.energy.mj.value <= after.energy.mj.value);
        }
    }

    #[test]
    fn a_prompt_of_one_token_falls_through_and_a_long_one_flows(wavefront in any_wavefront(), n in 12..1000_u64) {
        let costs = costs();
        let prefill = |n| costs.prefill_ns(&wavefront, n).value;
        let (one, all) = (costs.estimate(&wavefront, Mode::FallThrough), costs.estimate(&wavefront, Mode::Pipelined));
        prop_assert!((prefill(1) / one.token_ns.value - 1.0).abs() < 1e-9);
        prop_assert!(((prefill(n + 1) - prefill(n)) / all.token_ns.value - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_time_of_a_core_is_its_slowest_unit(work in any_work()) {
        let costs = costs();
        let rates = costs.rates(Corner::Stated);
        let time = rates.core_time(&work);
        prop_assert_eq!(time.ns, rates.core_ns(&work));
        prop_assert!(time.ns >= rates.core_ns(&(work * 0.5)));
    }
}
