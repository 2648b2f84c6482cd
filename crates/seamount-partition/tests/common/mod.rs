//! Random balanced networks, and systems with other numbers.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::fixed::Overflow;
use seamount_ir::kernel::{Local, ScalarOp, Word};
use seamount_ir::network::{
    Accumulator, BodyBuilder, BodyOp, Group, GroupId, Network, Param, Port, Projection, Source, Target, Weights,
};
use seamount_ir::tensor::{Elem, Tensor};

/// One Loihi 2 chip.
pub const ONE_CHIP: &str = "loihi2-oheo-gulch";

/// A change of one parameter: section, key, value.
pub type Change = (&'static str, &'static str, String);

/// One Loihi 2 chip with other numbers.
pub fn arch(changes: &[Change]) -> Arch {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for (section, key, value) in changes {
        let line = format!("{key} = {{ value = {value}, status = \"assumed\", note = \"test\" }}\n");
        sections.entry(section).or_default().push_str(&line);
    }
    let sections: String = sections.iter().map(|(section, lines)| format!("[{section}]\n{lines}")).collect();
    let text = format!("extends = \"{ONE_CHIP}\"\nname = \"test\"\ndescription = \"test\"\n{sections}");
    Arch::from_toml(&text).expect("in range")
}

/// Limits that are sometimes too tight.
pub fn limits() -> impl Strategy<Value = Vec<Change>> {
    let parameter = |section: &'static str, key: &'static str, values: std::ops::Range<u32>| {
        prop::option::weighted(0.4, values).prop_map(move |value| value.map(|value| (section, key, value.to_string())))
    };
    let bad = prop::collection::btree_set(0..8_u32, 0..4).prop_map(|cores| {
        let cores: Vec<[u32; 2]> = cores.into_iter().map(|core| [0, core]).collect();
        Some(("chip", "bad_cores", format!("{cores:?}")))
    });
    let cores = (8..40_u32).prop_map(|cores| Some(("chip", "cores", cores.to_string())));
    (
        parameter("core", "total_bytes", 500..6000),
        parameter("core", "synapse_bytes", 60..2000),
        parameter("core", "input_axons", 10..200),
        parameter("core", "output_axons", 10..200),
        parameter("core", "neurons", 1..40),
        parameter("core", "microcode_bytes", 80..800),
        parameter("layout", "synapse_row_align_bytes", 1..9),
        bad,
        cores,
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i)| [a, b, c, d, e, f, g, h, i].into_iter().flatten().collect())
}

/// How a group gets its data from the group before it.
#[derive(Clone, Copy, Debug)]
pub enum Data {
    Ternary,
    Int8,
    Ones,
    Identity,
}

/// A group in numbers: neurons, data, whether what the group before the last sends comes too, seed.
pub type RawGroup = (usize, Data, bool, u32);

pub fn raw_group() -> impl Strategy<Value = RawGroup> {
    let data = prop_oneof![Just(Data::Ternary), Just(Data::Int8), Just(Data::Ones), Just(Data::Identity)];
    (1..30_usize, data, any::<bool>(), any::<u32>())
}

/// A balanced network that need not fit anything.
pub fn network() -> impl Strategy<Value = Verified<Network>> {
    let sizes = (1..6_usize, 1..12_usize, any::<u32>(), any::<bool>());
    (sizes, prop::collection::vec(raw_group(), 1..5)).prop_map(|((vocab_size, width, seed, head_on_host), groups)| {
        build(vocab_size, width, seed, head_on_host, &groups)
    })
}

/// A chain of groups, each of which gets its tick and its data from the one before, and may get more from the one
/// before that, a step later. The last has a neuron for each token of the vocabulary.
fn build(vocab_size: usize, width: usize, seed: u32, head_on_host: bool, raw: &[RawGroup]) -> Verified<Network> {
    let mut random = Random(seed);
    let word = Word { bits: 24 };
    let mut network = Network {
        name: "random".into(),
        vocab_size,
        word,
        accumulator: word,
        overflow: Overflow::Saturate,
        constants: Default::default(),
        embedding: "table".into(),
        logit_scale: 1.0,
        groups: Vec::new(),
        projections: Vec::new(),
        latency_steps: Some(u32::try_from(raw.len()).unwrap()),
    };
    let table: Vec<i16> = (0..vocab_size * width).map(|_| i16::try_from(random.around_zero(1000)).unwrap()).collect();
    network.constants.insert("table".into(), Tensor::i16(vec![vocab_size, width], &table));
    // Payloads that arrive in the step of the next group, and where its tick comes from.
    let mut before: Vec<(Source, Source)> = vec![(Source::Embedding, Source::Tick)];
    for (at, &(n_neurons, data, skips, seed)) in raw.iter().enumerate() {
        let is_last = at + 1 == raw.len();
        let n_neurons = if is_last { vocab_size } else { n_neurons };
        let skip = if skips && at > 0 { Some(before[at - 1].0) } else { None };
        let id = GroupId(u32::try_from(at).unwrap());
        random.0 ^= seed;
        network.groups.push(group(at, n_neurons, skip.is_some(), is_last && head_on_host));
        let params: Vec<i32> = (0..n_neurons).map(|_| random.around_zero(100)).collect();
        network.constants.insert(format!("bias{at}"), Tensor::i32(vec![n_neurons], &params));
        let (source, tick) = before[at];
        project(&mut network, &mut random, source, Target::Accumulator(id, 0), data);
        if seed % 3 == 0 {
            // A second projection from the same port, as a token mixer has three.
            let data = [Data::Identity, Data::Ones, Data::Ternary, Data::Int8][(seed / 3 % 4) as usize];
            project(&mut network, &mut random, source, Target::Accumulator(id, 0), data);
        }
        network.projections.push(Projection::new(tick, Target::Accumulator(id, 1), Weights::Ones));
        if let Some(skip) = skip {
            project(&mut network, &mut random, skip, Target::Accumulator(id, 2), Data::Ternary);
        }
        before.push((Source::Port(id, 0), Source::Port(id, 1)));
    }
    let (source, _) = *before.last().unwrap();
    network.projections.push(Projection::new(source, Target::Logits, Weights::Identity));
    network.verify().expect("the builder keeps the rules")
}

fn group(at: usize, n_neurons: usize, skips: bool, on_host: bool) -> Group {
    let accumulator = |name: &str, delay_steps| Accumulator { name: name.into(), delay_steps };
    let mut accumulators = vec![accumulator("x", 0), accumulator("tick", 0)];
    if skips {
        accumulators.push(accumulator("skip", 1));
    }
    let mut body = BodyBuilder::default();
    let mut x = body.push(BodyOp::Accumulator(0));
    if skips {
        let skip = body.push(BodyOp::Accumulator(2));
        x = add(&mut body, x, skip);
    }
    let bias = body.push(BodyOp::Param(0));
    x = add(&mut body, x, bias);
    let state = body.push(BodyOp::State(0));
    let decayed = body.push(BodyOp::Scalar(ScalarOp::Shl(state.into(), (-1).into())));
    x = add(&mut body, x, decayed);
    body.effect(BodyOp::SetState(0, x.into()));
    // Groups differ in their microcode, so that cores hold several bodies.
    let clamped = body.push(BodyOp::Scalar(ScalarOp::Min(x.into(), (1000 + i32::try_from(at % 3).unwrap()).into())));
    body.effect(BodyOp::Send(0, clamped.into()));
    body.effect(BodyOp::Send(1, 1.into()));
    Group {
        name: format!("layer.{at}"),
        layer: Some(u32::try_from(at).unwrap()),
        n_neurons,
        on_host,
        accumulators,
        tick: 1,
        params: vec![Param { name: "bias".into(), values: format!("bias{at}") }],
        states: vec!["h".into()],
        ports: ["y", "alive"].map(|name| Port { name: name.into(), bits: 24 }).into(),
        body: body.finish(),
    }
}

fn add(body: &mut BodyBuilder, a: Local, b: Local) -> Local {
    body.push(BodyOp::Scalar(ScalarOp::Add(a.into(), b.into())))
}

fn project(network: &mut Network, random: &mut Random, source: Source, target: Target, data: Data) {
    let Target::Accumulator(group, _) = target else { return };
    let (n_sources, n_targets) = (network.n_sources(source), network.group(group).n_neurons);
    let name = format!("w{}", network.projections.len());
    let mut matrix = |elem: Elem, most: i32| {
        // Some matrices have few weights that are not zero.
        let rarity = [0, 0, 5, 8, 20][usize::try_from(random.around_zero(2) + 2).unwrap()];
        let mut weight = || if random.around_zero(rarity) == 0 { random.around_zero(most) } else { 0 };
        let weights: Vec<i8> = (0..n_sources * n_targets).map(|_| i8::try_from(weight()).unwrap()).collect();
        network.constants.insert(name.clone(), Tensor::i8(elem, vec![n_targets, n_sources], &weights));
        Weights::Matrix(name.clone())
    };
    let weights = match data {
        Data::Identity if n_sources == n_targets => Weights::Identity,
        Data::Ones => Weights::Ones,
        Data::Ternary | Data::Identity => matrix(Elem::Ternary, 1),
        Data::Int8 => matrix(Elem::I8, 127),
    };
    // A part of the sources, as of a sum in parts.
    let first = usize::try_from(random.around_zero(3)).unwrap_or(0);
    let sources = (weights != Weights::Identity && first > 0 && first < n_sources).then_some(first..n_sources);
    network.projections.push(Projection { sources, ..Projection::new(source, target, weights) });
}

/// A linear congruential generator (Knuth's MMIX constants, high bits), for data that need not be shrunk.
struct Random(u32);

impl Random {
    /// A number from `-most` to `most`.
    fn around_zero(&mut self, most: i32) -> i32 {
        let state = u64::from(self.0).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = state >> 32;
        self.0 = u32::try_from(high).unwrap();
        i32::try_from(high % u64::from(2 * most.unsigned_abs() + 1)).unwrap() - most
    }
}
