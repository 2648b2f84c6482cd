//! Core maps of networks, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::num::NonZeroU32;
use std::time::Duration;

use common::{arch, limits, network};
use proptest::prelude::*;
use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::network::{GroupId, Network, Target, Weights};
use seamount_ir::tensor::{Elem, Tensor};
use seamount_partition::{
    CoreMap, Effort, Footprint, Objective, Options, PartitionError, Place, WeightEncoding, partition,
};

const AUTO: Options = options(WeightEncoding::Auto);
const TERNARY: Options = options(WeightEncoding::Ternary2);
const INT8: Options = options(WeightEncoding::Int8);

/// Slices that are cut evenly, as the tests count them.
const fn options(weights: WeightEncoding) -> Options {
    let mut options = Options::new(weights);
    options.effort = Effort::Quick;
    options
}

/// All that may be chosen.
fn choices() -> impl Strategy<Value = Options> {
    let objective =
        prop::sample::select(vec![Objective::Chips, Objective::Latency, Objective::Throughput, Objective::Energy]);
    let effort = prop::sample::select(vec![Effort::Quick, Effort::Normal, Effort::High]);
    let weights = prop::sample::select(vec![WeightEncoding::Auto, WeightEncoding::Ternary2, WeightEncoding::Int8]);
    let numbers = (prop::option::of(1..3_u32), 1..5_u32);
    (weights, objective, effort, numbers).prop_map(|(weights, objective, effort, (max_chips, n_streams))| Options {
        weights,
        objective,
        max_chips: max_chips.and_then(NonZeroU32::new),
        max_token_time: max_chips.map(|n| Duration::from_micros(u64::from(n) * 300)),
        n_streams: NonZeroU32::new(n_streams).unwrap(),
        effort,
        seed: 0,
        one_layer_per_chip: false,
    })
}

/// Microcode of some size, different for groups whose bodies differ.
fn footprints(network: &Network) -> Vec<Footprint> {
    let footprint = |(at, group): (u32, &seamount_ir::network::Group)| Footprint {
        body: at % 3,
        n_slots: u32::try_from(group.params.len() + group.states.len()).unwrap(),
        n_accumulators: u32::try_from(group.accumulators.len()).unwrap(),
        n_instructions: 12 + at % 3,
    };
    (0..).zip(&network.groups).map(footprint).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_network_gets_a_legal_map_or_a_named_reason(
        network in network(),
        changes in limits(),
        options in choices(),
    ) {
        let arch = arch(&changes);
        let footprints = footprints(&network);
        match partition(&network, &footprints, &arch, &options) {
            Ok(map) => {
                prop_assert_eq!(map.verify(&network, &footprints, &arch), Ok(()));
                prop_assert_eq!(&partition(&network, &footprints, &arch, &options).unwrap(), &map);
                prop_assert_eq!(&CoreMap::parse(&map.to_string()).unwrap(), &map);
                let json = serde_json::to_string(&map).unwrap();
                prop_assert_eq!(&serde_json::from_str::<CoreMap>(&json).unwrap(), &map);
            }
            Err(PartitionError::Neuron { excess, .. }) => prop_assert!(excess.needed > excess.available),
            Err(PartitionError::Cores { needed_chips, available_chips, .. }) => {
                prop_assert!(needed_chips > available_chips);
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// What a map takes of all cores together.
fn synapse_bytes(map: &CoreMap) -> u64 {
    map.cores.iter().map(|core| core.usage.synapse_bytes).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// On one core each, so that the bytes of the same slices are compared.
    #[test]
    fn the_cheapest_encoding_is_never_worse_than_one_for_all(network in network()) {
        let arch = arch(&[]);
        let bytes = |options| synapse_bytes(&partition(&network, &footprints(&network), &arch, options).unwrap());
        prop_assert!(bytes(&AUTO) <= bytes(&TERNARY));
        prop_assert!(bytes(&AUTO) <= bytes(&INT8));
    }
}

/// A projection whose slices are cut by synapse memory, behind an embedding that reaches it one by one.
const LINEAR: &str = r#"
network "linear" {
  vocab_size = 2
  word_bits = 24
  accumulator_bits = 24
  overflow = saturate
  embedding = @table
  logit_scale = 1.0
  latency_steps = 3
  @table : i16[2, 64] sha256:0000000000000000000000000000000000000000000000000000000000000000
  @w : ternary[1000, 64] sha256:0000000000000000000000000000000000000000000000000000000000000000
  @head : i8[2, 1000] sha256:0000000000000000000000000000000000000000000000000000000000000000
  group "embedding" {
    neurons = 64
    accumulator "x"
    accumulator "tick" {tick = true}
    port "y" {bits = 16}
    port "tick" {bits = 16}
    %0 = read_accumulator "x"
    send "y", %0
    send "tick", 1
  }
  group "layer.0.linear" {
    neurons = 1000
    layer = 0
    accumulator "x"
    accumulator "tick" {tick = true}
    port "y" {bits = 16}
    port "tick" {bits = 16}
    %0 = read_accumulator "x"
    send "y", %0
    send "tick", 1
  }
  group "head" {
    neurons = 2
    accumulator "x"
    accumulator "tick" {tick = true}
    port "y" {bits = 16}
    %0 = read_accumulator "x"
    send "y", %0
  }
  project "host:embedding", "embedding:x" {weights = identity}
  project "host:tick", "embedding:tick" {weights = ones}
  project "embedding:y", "layer.0.linear:x" {weights = @w}
  project "embedding:tick", "layer.0.linear:tick" {weights = ones}
  project "layer.0.linear:y", "head:x" {weights = @head}
  project "layer.0.linear:tick", "head:tick" {weights = ones}
  project "head:y", "host:logits" {weights = identity}
}
"#;

fn linear() -> Verified<Network> {
    Network::parse(LINEAR).unwrap().verify().unwrap()
}

fn map(network: &Verified<Network>, arch: &Arch, options: &Options) -> Result<CoreMap, PartitionError> {
    partition(network, &footprints(network), arch, options)
}

fn change(section: &'static str, key: &'static str, value: impl ToString) -> common::Change {
    (section, key, value.to_string())
}

#[test]
fn a_core_map_reads_like_this() {
    // Large enough for the head's two thousand axons, too small for all of the linear group's synapses.
    let arch = arch(&[change("core", "synapse_bytes", 10_000)]);
    insta::assert_snapshot!(map(&linear(), &arch, &TERNARY).unwrap());
}

#[test]
fn two_bits_take_a_quarter_of_eight() {
    let arch = Arch::shipped(common::ONE_CHIP).unwrap();
    let bytes = |options| {
        let map = map(&linear(), &arch, options).unwrap();
        synapse_bytes(&map)
    };
    // 64 rows of 1000 weights; the identity's 64 and the head's 1000 rows of 8 bytes; three shared rows.
    assert_eq!(bytes(&TERNARY), 64 * 256 + 64 * 8 + 1000 * 8 + (16 + 256 + 8));
    assert_eq!(bytes(&INT8), 64 * 1000 + 64 * 8 + 1000 * 8 + (64 + 1000 + 8));
}

/// A second projection from the same port into the same neurons, and the same port into another group.
fn with_readers_of_one_port() -> Verified<Network> {
    let mut network = linear().into_inner();
    let mut again = network.projections[2].clone();
    again.weights = Weights::Ones;
    network.projections.push(again);
    let mut twin = network.groups[1].clone();
    twin.name = "layer.0.twin".into();
    network.groups.push(twin);
    for (index, accumulator) in [(2, 0), (3, 1)] {
        let mut projection = network.projections[index].clone();
        projection.target = Target::Accumulator(GroupId(3), accumulator);
        network.projections.push(projection);
    }
    network.verify().unwrap()
}

#[test]
fn a_core_has_one_axon_for_each_neuron_that_it_reads() {
    let axons = |network: &Verified<Network>, arch: &Arch| {
        let map = map(network, arch, &TERNARY).unwrap();
        let sums = map.cores.iter().map(|core| [core.usage.n_input_axons, core.usage.n_output_axons]);
        let [input, output] = sums.reduce(|a, b| [a[0] + b[0], a[1] + b[1]]).unwrap();
        (map.cores.len(), input, output)
    };
    let roomy = arch(&[]);
    // The host's 64 channels and tick; the embedding's 64 and 64 ticks; the linear group's 1000 and 1000 ticks.
    let alone = 65 + 2 * 64 + 2 * 1000;
    // From the embedding and the linear group on one core, and a logit from each neuron of the head.
    assert_eq!(axons(&linear(), &roomy), (1, alone, alone - 65 + 2));
    // Further readers on the core add no axon.
    assert_eq!(axons(&with_readers_of_one_port(), &roomy), (1, alone, alone - 65 + 2));
    // The embedding and the head share a core; each of the four others adds an axon for each neuron that it reads.
    let small = arch(&[change("core", "neurons", 500)]);
    let (n_cores, input, output) = axons(&with_readers_of_one_port(), &small);
    assert_eq!((n_cores, input - output), (5, 65 - 2));
    assert_eq!(input, 65 + 4 * 2 * 64 + 2 * 1000);
}

#[test]
fn few_weights_are_written_one_by_one() {
    let mut network = linear().into_inner();
    // A source has weights for every 50th neuron, so that 1000 neurons have 20 of its weights.
    let weight = |at: usize| i8::from((at / 64 + at % 64).is_multiple_of(50));
    let weights: Vec<i8> = (0..1000 * 64).map(weight).collect();
    network.constants.insert("w".into(), Tensor::i8(Elem::Ternary, vec![1000, 64], &weights));
    let network = network.verify().unwrap();
    let bytes = |options| synapse_bytes(&map(&network, &arch(&[]), options).unwrap());
    assert_eq!(bytes(&TERNARY) - bytes(&AUTO), 64 * 256 - 64 * 20 * 4);
    // A chip without two-bit weights stores as many weights in eight bits, or one by one.
    let wide = arch(&[change("synapse", "weight_bits", "[8]")]);
    assert_eq!(synapse_bytes(&map(&network, &wide, &AUTO).unwrap()), bytes(&INT8) - 64 * 1000 + 64 * 20 * 4);
}

#[test]
fn bad_cores_stay_empty() {
    let arch = arch(&[change("chip", "bad_cores", "[[0, 0], [0, 2]]"), change("core", "neurons", 400)]);
    let map = map(&linear(), &arch, &TERNARY).unwrap();
    let places: Vec<Place> = map.cores.iter().map(|core| core.place).collect();
    assert_eq!(places, [1, 3, 4].map(|core| Place::Chip { chip: 0, core }));
}

#[test]
fn groups_of_the_host_have_no_limits() {
    let mut network = linear().into_inner();
    network.groups[2].on_host = true;
    let network = network.verify().unwrap();
    let arch = arch(&[change("core", "input_axons", 130)]);
    let map = map(&network, &arch, &TERNARY).unwrap();
    let host = map.cores.last().unwrap();
    assert_eq!((host.place, host.usage.n_input_axons), (Place::Host, 2000));
}

#[test]
fn refusals_say_the_limit_both_numbers_and_what_would_help() {
    let refuse = |changes: &[common::Change], options| map(&linear(), &arch(changes), options).unwrap_err().to_string();
    let refusals = [
        refuse(&[change("core", "input_axons", 1024)], &TERNARY),
        refuse(&[change("core", "output_axons", 3), change("core", "neurons", 300)], &TERNARY),
        refuse(&[change("core", "synapse_bytes", 900)], &INT8),
        refuse(&[change("core", "microcode_bytes", 40)], &TERNARY),
        refuse(&[change("core", "total_bytes", 20_000)], &INT8),
        refuse(&[change("chip", "cores", 2), change("core", "synapse_bytes", 10_000)], &INT8),
        refuse(&[change("synapse", "weight_bits", "[8]")], &TERNARY),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

/// The network of [`LINEAR`] with `n_layers` linear groups side by side, each a layer of its own.
fn layers(n_layers: u32) -> Verified<Network> {
    let mut network = linear().into_inner();
    let linear = network.groups[1].clone();
    for at in 1..n_layers {
        let mut group = linear.clone();
        group.name = format!("layer.{at}.linear");
        group.layer = Some(at);
        network.groups.push(group);
        let id = GroupId(u32::try_from(network.groups.len() - 1).unwrap());
        for (index, accumulator) in [(2, 0), (3, 1)] {
            let mut projection = network.projections[index].clone();
            projection.target = Target::Accumulator(id, accumulator);
            network.projections.push(projection);
        }
    }
    network.verify().unwrap()
}

#[test]
fn each_layer_may_have_a_chip_of_its_own() {
    let arch = Arch::shipped("loihi2-kapoho-point").unwrap();
    let chips = |one_layer_per_chip| {
        let map = map(&layers(4), &arch, &Options { one_layer_per_chip, ..TERNARY }).unwrap();
        let mut chips = std::collections::BTreeMap::new();
        for core in &map.cores {
            let Place::Chip { chip, core: _ } = core.place else { panic!("nothing is on the host") };
            chips.extend(core.slices.iter().map(|slice| (slice.group.clone(), chip)));
        }
        chips
    };
    let together = chips(false);
    assert!(together.values().all(|&chip| chip == 0), "{together:?}");
    let apart: Vec<(String, u32)> = chips(true).into_iter().collect();
    // The head comes before the other layers in this network's order, and stays beside the first.
    let expected = [("embedding", 0), ("head", 0), ("layer.0.linear", 0), ("layer.1.linear", 1), ("layer.2.linear", 2)];
    assert_eq!(apart[..5], expected.map(|(group, chip)| (group.to_owned(), chip)));
}

#[test]
fn too_many_cores_name_a_larger_system() {
    let network = layers(400);
    let arch = Arch::shipped(common::ONE_CHIP).unwrap();
    let error = map(&network, &arch, &INT8).unwrap_err();
    insta::assert_snapshot!(error);
}

#[test]
fn each_rule_of_a_map_can_be_broken() {
    let network = linear();
    let arch = Arch::shipped(common::ONE_CHIP).unwrap();
    let good = map(&network, &arch, &TERNARY).unwrap();
    let rules = |change: &dyn Fn(&mut CoreMap)| {
        let mut map = good.clone();
        change(&mut map);
        let violations = map.verify(&network, &footprints(&network), &arch).unwrap_err();
        violations.0.iter().map(|violation| violation.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&|map| map.arch = "other".into()), ["fit"]);
    assert_eq!(rules(&|map| map.capacity.n_neurons = 1), ["fit"]);
    assert_eq!(rules(&|map| map.cores[0].slices[0].group = "other".into()), ["group", "covered", "usage"]);
    assert_eq!(rules(&|map| map.cores[0].slices[1].n_neurons = 0)[..2], ["group", "covered"]);
    assert_eq!(rules(&|map| map.cores[0].slices[1].n_neurons = 1 << 20)[..2], ["group", "covered"]);
    assert_eq!(rules(&|map| map.cores[0].slices[1].n_neurons -= 1), ["covered", "usage"]);
    assert_eq!(rules(&|map| map.cores[0].place = Place::Chip { chip: 1, core: 0 }), ["place"]);
    assert!(rules(&|map| map.cores[0].place = Place::Host).contains(&"place"));
    assert_eq!(rules(&|map| map.cores.push(map.cores[0].clone()))[..3], ["covered", "covered", "covered"]);
    assert_eq!(rules(&|map| map.cores[0].usage.synapse_bytes += 1), ["usage"]);
    let tight = common::arch(&[change("core", "neurons", 1)]);
    let violations = good.verify(&network, &footprints(&network), &tight).unwrap_err();
    assert!(violations.0.iter().any(|violation| violation.rule == "limit"), "{violations}");
}

#[test]
fn text_that_is_no_map_is_refused_where_it_goes_wrong() {
    let text = map(&linear(), &Arch::shipped(common::ONE_CHIP).unwrap(), &TERNARY).unwrap().to_string();
    let error = |from: &str, to: &str| CoreMap::parse(&text.replacen(from, to, 1)).unwrap_err().to_string();
    let errors = [
        error("core_map", "map"),
        error("weights = ternary", "weights = binary"),
        error("chip 0 core 0", "chip 0"),
        error("state_bytes", "state_bits"),
        error("first = 0", "first = -1"),
        error("slice", "piece"),
    ];
    insta::assert_snapshot!(errors.join("\n"));
}
