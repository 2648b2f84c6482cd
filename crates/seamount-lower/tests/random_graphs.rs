//! Random graphs lower, balance and verify; the network gives the graph's integers, whether tokens come one at a time or
//! one every step.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "common/graphs.rs"]
mod graphs;
#[path = "common/timed.rs"]
mod timed;

use std::collections::BTreeMap;

use graphs::{Growth, Plan, VOCAB_SIZE, build, plans};
use proptest::prelude::*;
use seamount_ir::fixed::{Fixed, Interpreter, LOGITS, Overflow};
use seamount_ir::network::{Network, Source, Target, Weights};
use seamount_ir::pass::Pass as _;
use seamount_ir::{Module, Verified};
use seamount_lower::balance_delays::BalanceDelays;
use seamount_lower::lower_to_network::LowerToNetwork;
use seamount_lower::recompute_roots::RecomputeRoots;
use seamount_lower::split_fan_in::SplitFanIn;
use timed::Timed;

/// Named vectors, one map a token.
type Trace = Vec<BTreeMap<String, Vec<i64>>>;

fn lowered(fixed: &Verified<Fixed>, synapse_steps: u32) -> Verified<Network> {
    let module = LowerToNetwork { probes: true }.run(Module::Fixed((**fixed).clone())).unwrap();
    let Module::Network(network) = BalanceDelays { synapse_steps }.run(module).unwrap() else {
        panic!("balancing gives a network")
    };
    network.verify().unwrap()
}

fn interpreted(fixed: &Verified<Fixed>, tokens: &[u32]) -> Trace {
    let interpreter = Interpreter::new(fixed).unwrap();
    let mut state = interpreter.initial_state();
    let one = |&token: &u32| {
        let values = interpreter.step(token, &mut state).unwrap();
        let vector = |name: &String| values.output(name).unwrap().iter().map(|&x| i64::from(x)).collect();
        fixed.outputs.keys().map(|name| (name.clone(), vector(name))).collect()
    };
    tokens.iter().map(one).collect()
}

/// Runs tokens `apart` steps from each other. What probes show is of the token that their number says.
fn timed(network: &Network, tokens: &[u32], apart: usize) -> Trace {
    counted(network, tokens, apart).0
}

/// As [`timed`], with the number of sums that overflowed.
fn counted(network: &Network, tokens: &[u32], apart: usize) -> (Trace, u64) {
    let latency = network.latency_steps.unwrap() as usize;
    let mut timed = Timed::new(network);
    let mut trace: Trace = vec![BTreeMap::new(); tokens.len()];
    let mut n_shown: BTreeMap<String, usize> = BTreeMap::new();
    // What only a probe shows may come after the logits.
    let last = network.schedule().unwrap().into_iter().max().unwrap() as usize;
    for step in 0..=(tokens.len() - 1) * apart + latency.max(last) {
        let token = if step % apart == 0 { tokens.get(step / apart).copied() } else { None };
        let (logits, shown) = timed.step(token);
        for (name, values) in shown {
            let token = n_shown.entry(name.clone()).or_default();
            trace[*token].insert(name, values);
            *token += 1;
        }
        let since = step.checked_sub(latency).filter(|since| since % apart == 0);
        if let Some(token) = since.map(|since| since / apart).filter(|&token| token < tokens.len()) {
            trace[token].insert(LOGITS.to_owned(), logits);
        }
    }
    (trace, timed.n_overflows)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn networks_give_the_integers_of_their_graphs(
        plan in plans(),
        tokens in proptest::collection::vec(0..u32::try_from(VOCAB_SIZE).unwrap(), 1..6),
        synapse_steps in 0_u32..3,
    ) {
        let fixed = build(&plan);
        let network = lowered(&fixed, synapse_steps);
        prop_assert!(network.projections.iter().all(|projection| projection.delay_steps <= synapse_steps));
        let expected = interpreted(&fixed, &tokens);
        let latency = network.latency_steps.unwrap() as usize;
        prop_assert_eq!(&timed(&network, &tokens, 1), &expected, "a token every step");
        prop_assert_eq!(&timed(&network, &tokens, latency + 1), &expected, "one token at a time");
    }

    #[test]
    fn sums_in_parts_are_the_sums(
        plan in plans(),
        tokens in proptest::collection::vec(0..u32::try_from(VOCAB_SIZE).unwrap(), 1..6),
        (max_axons, max_sources, max_part) in (1..8_usize, 1..6_usize, 1..4_usize),
        recompute in any::<bool>(),
    ) {
        let fixed = build(&plan);
        let mut module = LowerToNetwork { probes: true }.run(Module::Fixed((*fixed).clone())).unwrap();
        if recompute {
            module = RecomputeRoots { max_ops: usize::MAX }.run(module).unwrap();
        }
        let split = SplitFanIn { max_axons, max_sources, max_part }.run(module).unwrap();
        let Module::Network(network) = BalanceDelays { synapse_steps: 0 }.run(split).unwrap() else { panic!() };
        let most = max_sources.max(max_part).min(max_axons);
        for projection in &network.projections {
            let n_sources = network.sources(projection).len();
            // Sums that are the same for all stay whole where parts would take a step more.
            let most = if projection.weights == Weights::Ones { max_axons } else { most };
            prop_assert!(projection.weights == Weights::Identity || n_sources <= most, "{projection:?}");
        }
        let expected = interpreted(&fixed, &tokens);
        let latency = network.latency_steps.unwrap() as usize;
        for apart in [1, latency + 1] {
            let (trace, n_overflows) = counted(&network, &tokens, apart);
            // A part that saturates is the one thing that may change an integer.
            if n_overflows == 0 || network.overflow == Overflow::Wrap {
                prop_assert_eq!(&trace, &expected, "a token every {} steps", apart);
            }
        }
    }

    #[test]
    fn roots_that_are_computed_twice_are_the_same(
        plan in plans(),
        tokens in proptest::collection::vec(0..u32::try_from(VOCAB_SIZE).unwrap(), 1..6),
        max_ops in prop_oneof![Just(usize::MAX), 0..40_usize],
    ) {
        let fixed = build(&plan);
        let before = lowered(&fixed, 0);
        let module = RecomputeRoots { max_ops }.run(Module::Network((*before).clone())).unwrap();
        let Module::Network(network) = BalanceDelays { synapse_steps: 0 }.run(module).unwrap() else { panic!() };
        prop_assert!(network.latency_steps <= before.latency_steps);
        let expected = interpreted(&fixed, &tokens);
        let latency = network.latency_steps.unwrap() as usize;
        for apart in [1, latency + 1] {
            prop_assert_eq!(&timed(&network, &tokens, apart), &expected, "a token every {} steps", apart);
        }
    }

    #[test]
    fn groups_come_after_those_that_they_hear(plan in plans()) {
        for projection in &lowered(&build(&plan), 0).projections {
            if let (Source::Port(from, _), Target::Accumulator(to, _)) = (projection.source, projection.target) {
                prop_assert!(from < to);
            }
        }
    }
}

/// A graph that has everything: layers that end alike, two roots in one group, states, names for one value.
#[test]
fn a_graph_of_all_operations_lowers() {
    let weights = vec![1, -1, 0, 1, 1, 0, -1];
    let growth = vec![
        Growth::Layer { x: 0, width: 3, weights: weights.clone() },
        Growth::Layer { x: 0, width: 3, weights: weights.clone() },
        Growth::Recurrence { f: 1, u: 1 },
        Growth::Layer { x: 3, width: 3, weights: weights.clone() },
        Growth::Add { a: 4, b: 0 },
        Growth::Output { x: 5 },
        Growth::Output { x: 5 },
        Growth::Threshold { x: 5 },
        Growth::Multiply { a: 5, b: 1 },
    ];
    let embedding = (0..20).map(|at| at * 13 - 100).collect();
    let overflow = Overflow::Saturate;
    let fixed = build(&Plan { embedding, width: 3, growth, head: weights, overflow });
    let network = lowered(&fixed, 0);
    assert_eq!(timed(&network, &[0, 1, 4, 2], 1), interpreted(&fixed, &[0, 1, 4, 2]));
}
