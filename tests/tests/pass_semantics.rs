//! Passes of the model level keep what the model computes: logits before and after each, in the float interpreter.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use rayon::prelude::*;
use seamount::passes::Pipeline;
use seamount_ir::model::{Interpreter, LOGITS, Model, Op, WeightRule};
use seamount_ir::tensor::Tensor;
use seamount_ir::{Module, ValueId};
use seamount_tests::{checkpoint, heldout_tokens};

/// A pass and how far it may move a logit, largest and mean. Zero is to the bit. Each runs on the result of those
/// before it; rounding goes first, because values that passes move by a float's last bits may round to other levels.
const TOLERANCES: [(&str, f32, f32); 7] = [
    ("fold-double-norm", 5e-5, 5e-6),
    ("fold-gate-norm", 3e-4, 2e-5),
    ("fold-lower-bound", 0.0, 0.0),
    ("ternarize", 0.0, 0.0),
    ("split-projections", 0.0, 0.0),
    ("expand-norm", 5e-5, 5e-6),
    ("late-norm", 5e-5, 5e-6),
];

const N_TOKENS: usize = 96;
const N_SEQUENCES: usize = 4;

#[test]
fn passes_keep_the_logits_of_a_checkpoint() {
    let checkpoint = checkpoint("stories-1m");
    let model = checkpoint.to_model().unwrap();
    let tokens = heldout_tokens(&checkpoint);
    let sequences: Vec<&[u32]> = tokens.chunks(N_TOKENS).take(N_SEQUENCES).collect();
    keeps_logits("stories-1m", model, &sequences);
}

#[test]
fn passes_keep_the_logits_of_random_models() {
    for seed in 1..=20 {
        let mut random = Random(seed);
        let model = random_model(&mut random);
        let tokens: Vec<u32> = (0..12).map(|_| random.below(VOCAB)).collect();
        keeps_logits(&format!("seed {seed}"), model, &[&tokens]);
    }
}

/// Nine norms a block, of which three share a vector; two before the head.
#[test]
fn a_block_needs_four_roots_and_the_head_one() {
    let model = checkpoint("stories-1m").to_model().unwrap();
    let count = |module: &Module, name: &str| {
        let Module::Model(model) = module else { panic!("not a model") };
        let ops = model.graph.in_order().into_iter().map(|value| model.graph.node(value).op.name());
        ops.filter(|op| *op == name).count()
    };
    let module = Module::Model(model);
    assert_eq!(count(&module, "rms_norm"), 4 * 9 + 2);
    let folded = run(module, "fold-double-norm, fold-gate-norm, drop-token-rounding, expand-norm, late-norm");
    assert_eq!((count(&folded, "rms_norm"), count(&folded, "inv_sqrt")), (0, 4 * 4 + 1));
}

/// What rounding itself does is the published model's own error: it is seen, not forbidden.
#[test]
fn dropping_the_rounding_moves_logits_less_than_it_changes_words() {
    let checkpoint = checkpoint("stories-1m");
    let model = Module::Model(checkpoint.to_model().unwrap());
    let tokens = heldout_tokens(&checkpoint);
    let sequences: Vec<&[u32]> = tokens.chunks(N_TOKENS).take(N_SEQUENCES).collect();
    let before = logits(&model, &sequences);
    let after = logits(&run(model, "drop-token-rounding"), &sequences);
    let (_, mean) = difference(&before, &after);
    let best = |logits: &[f32]| logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(token, _)| token);
    let same = before.iter().zip(&after).filter(|(a, b)| best(a) == best(b)).count();
    assert!(mean > 0.0, "the model rounds nothing");
    assert!(mean < 0.3, "mean difference {mean}");
    assert!(same * 100 >= before.len() * 90, "the best token differs at {} of {}", before.len() - same, before.len());
}

/// The interpreter's own order of sums decides the last bits of a range, and nothing else does.
#[test]
fn calibration_is_the_same_at_any_thread_count() {
    let model = random_model(&mut Random(7));
    let tokens: Vec<String> = (0..9).map(|n| format!("[{n}, {}, {}]", (n * 5) % VOCAB, (n * 3) % VOCAB)).collect();
    let passes = format!("calibrate{{tokens = [{}]}}", tokens.join(", "));
    let with_threads = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| run(Module::Model(model.clone()), &passes).to_string())
    };
    let one = with_threads(1);
    assert!(one.contains("observed"));
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(5));
}

fn keeps_logits(name: &str, model: Model, sequences: &[&[u32]]) {
    let mut module = run(Module::Model(model), "drop-token-rounding");
    let mut before = logits(&module, sequences);
    for (pass, max_allowed, mean_allowed) in TOLERANCES {
        module = run(module, pass);
        let after = logits(&module, sequences);
        let (max, mean) = difference(&before, &after);
        assert!(max <= max_allowed && mean <= mean_allowed, "{name}, {pass}: largest {max}, mean {mean}");
        before = after;
    }
}

fn run(module: Module, passes: &str) -> Module {
    Pipeline::parse(passes).unwrap().run(module, |_, _| {}).unwrap()
}

/// The logits of every token of every sequence, each from a zero state.
fn logits(module: &Module, sequences: &[&[u32]]) -> Vec<Vec<f32>> {
    let Module::Model(model) = module.clone() else { panic!("not a model") };
    let interpreter = Interpreter::new(&model.verify().unwrap()).unwrap();
    let one = |sequence: &&[u32]| {
        let mut state = interpreter.initial_state();
        let step = |&token: &u32| interpreter.step(token, &mut state).unwrap().output(LOGITS).unwrap().to_vec();
        sequence.iter().map(step).collect::<Vec<_>>()
    };
    sequences.par_iter().map(one).collect::<Vec<_>>().concat()
}

/// The largest and the mean difference.
fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> (f32, f32) {
    let pairs = || a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs());
    let n = u16::try_from(a.len()).unwrap();
    let mean_of_vectors = pairs().sum::<f32>() / f32::from(n) / f32::from(u16::try_from(a[0].len()).unwrap());
    (pairs().fold(0.0, f32::max), mean_of_vectors)
}

const VOCAB: u32 = 16;
const WIDTH: usize = 8;
const INNER: usize = 8;
const INTERMEDIATE: usize = 12;
const N_LAYERS: usize = 2;

/// The published structure with random weights.
fn random_model(random: &mut Random) -> Model {
    let mut model = Model { name: "random".into(), vocab_size: VOCAB as usize, ..Model::default() };
    let mut build = Build { model: &mut model, random, layer: None };
    let table = build.constant("embed", vec![VOCAB as usize, WIDTH]);
    let bounds = build.constant("bounds", vec![N_LAYERS, INNER]);
    let mut x = build.model.add(Op::Embed { table }, &[], WIDTH, None);
    for layer in 0..N_LAYERS {
        build.layer = u32::try_from(layer).ok();
        let normed = build.norm(x, 1e-6);
        let forget = build.bit_linear(normed, INNER);
        let forget = build.op(Op::Sigmoid, &[forget], INNER);
        let forget = build.op(Op::LowerBound { bounds: bounds.clone(), layer }, &[forget], INNER);
        let input = build.bit_linear(normed, INNER);
        let input = build.op(Op::Silu, &[input], INNER);
        let state = build.op(Op::GatedRecurrence, &[forget, input], INNER);
        let gate = build.bit_linear(normed, INNER);
        let gate = build.norm(gate, 1e-6);
        let state = build.op(Op::Silu, &[state], INNER);
        let mixed = build.op(Op::Multiply, &[gate, state], INNER);
        let mixed = build.bit_linear(mixed, WIDTH);
        x = build.op(Op::Add, &[x, mixed], WIDTH);
        let normed = build.norm(x, 1e-6);
        let both = build.bit_linear(normed, 2 * INTERMEDIATE);
        let gate = build.op(Op::Slice { start: 0 }, &[both], INTERMEDIATE);
        let value = build.op(Op::Slice { start: INTERMEDIATE }, &[both], INTERMEDIATE);
        let gate = build.op(Op::Silu, &[gate], INTERMEDIATE);
        let mixed = build.op(Op::Multiply, &[gate, value], INTERMEDIATE);
        let mixed = build.bit_linear(mixed, WIDTH);
        x = build.op(Op::Add, &[x, mixed], WIDTH);
    }
    build.layer = None;
    let normed = build.norm(x, 1e-6);
    let logits = build.bit_linear(normed, VOCAB as usize);
    model.outputs.insert(LOGITS.into(), logits);
    model
}

struct Build<'b> {
    model: &'b mut Model,
    random: &'b mut Random,
    layer: Option<u32>,
}

impl Build<'_> {
    fn op(&mut self, op: Op, operands: &[ValueId], width: usize) -> ValueId {
        self.model.add(op, operands, width, self.layer)
    }

    /// Elements between -1 and 1, away from zero, so that no vector of the model vanishes.
    fn constant(&mut self, base: &str, shape: Vec<usize>) -> String {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.random.signed()).collect();
        let name = self.model.fresh_name(base);
        self.model.constants.insert(name.clone(), Tensor::f32(shape, &values));
        name
    }

    fn norm(&mut self, x: ValueId, eps: f64) -> ValueId {
        let width = self.model.width(x);
        let weight = self.constant("norm", vec![width]);
        self.op(Op::RmsNorm { weight, eps }, &[x], width)
    }

    fn bit_linear(&mut self, x: ValueId, outputs: usize) -> ValueId {
        let inputs = self.model.width(x);
        let normed = self.norm(x, 1e-8);
        let rounded = self.op(Op::RoundPerToken { bits: 8 }, &[normed], inputs);
        let weight = self.constant("weight", vec![outputs, inputs]);
        self.op(Op::Linear { weight, rule: WeightRule::AbsmeanTernary }, &[rounded], outputs)
    }
}

/// A linear congruential generator: the same models on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from(self.0 >> 48).unwrap()
    }

    fn below(&mut self, n: u32) -> u32 {
        u32::from(self.next()) % n
    }

    fn signed(&mut self) -> f32 {
        let magnitude = 0.1 + 0.9 * f32::from(self.next()) / 65536.0;
        if self.next() & 1 == 0 { magnitude } else { -magnitude }
    }
}
