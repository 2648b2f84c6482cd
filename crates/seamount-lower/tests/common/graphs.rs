//! Random fixed-level graphs: layers with late norms over any vector there is, and elementwise operations between any
//! two. Every layer's neurons have an inverse root, as every model's have, so that every group has a tick.

use proptest::collection::vec;
use proptest::prelude::*;
use seamount_ir::fixed::{Factor, Fixed, FixedType, LOGITS, Node, Op, Overflow};
use seamount_ir::kernel::{Arg, Kernel, ScalarOp, Word};
use seamount_ir::tensor::{Elem, Tensor};
use seamount_ir::{ValueId, Verified};

pub const VOCAB_SIZE: usize = 5;
const UNIT: f64 = 1.0;
const ROOT: &str = "root";
const ROOT_FRACTION: u32 = 12;
const GATE_SHIFT: u32 = 10;

/// One step of building a graph. Numbers choose among the values that there are, by their remainder.
#[derive(Debug, Clone)]
pub enum Growth {
    /// A layer of `width` over a vector, times the inverse root of it.
    Layer { x: usize, width: usize, weights: Vec<i8> },
    /// Another factor of each channel, and a bias.
    Affine { x: usize, words: Vec<i32>, narrow: bool },
    /// The sum of two vectors of one width.
    Add { a: usize, b: usize },
    /// The product of two vectors of one width.
    Multiply { a: usize, b: usize },
    /// Zero for what is small.
    Threshold { x: usize },
    /// A state that two vectors of one width drive.
    Recurrence { f: usize, u: usize },
    /// A name for a vector.
    Output { x: usize },
}

/// A random graph.
#[derive(Debug, Clone)]
pub struct Plan {
    pub embedding: Vec<i16>,
    pub width: usize,
    pub growth: Vec<Growth>,
    pub head: Vec<i8>,
    pub overflow: Overflow,
}

pub fn plans() -> impl Strategy<Value = Plan> {
    let weights = || vec(-1_i8..=1, 64);
    let any = || 0..1000_usize;
    let growth = prop_oneof![
        3 => (any(), 1..5_usize, weights()).prop_map(|(x, width, weights)| Growth::Layer { x, width, weights }),
        2 => (any(), vec(-4096..4096, 8), proptest::bool::ANY)
            .prop_map(|(x, words, narrow)| Growth::Affine { x, words, narrow }),
        3 => (any(), any()).prop_map(|(a, b)| Growth::Add { a, b }),
        2 => (any(), any()).prop_map(|(a, b)| Growth::Multiply { a, b }),
        1 => any().prop_map(|x| Growth::Threshold { x }),
        1 => (any(), any()).prop_map(|(f, u)| Growth::Recurrence { f, u }),
        1 => any().prop_map(|x| Growth::Output { x }),
    ];
    let overflow = prop_oneof![Just(Overflow::Saturate), Just(Overflow::Wrap)];
    (vec(-300_i16..300, VOCAB_SIZE * 4), 1..5_usize, vec(growth, 1..24), weights(), overflow)
        .prop_map(|(embedding, width, growth, head, overflow)| Plan { embedding, width, growth, head, overflow })
}

/// Builds a graph as planned.
pub fn build(plan: &Plan) -> Verified<Fixed> {
    let mut builder = Builder {
        fixed: Fixed {
            name: "random".into(),
            vocab_size: VOCAB_SIZE,
            word: Word { bits: 24 },
            accumulator: Word { bits: 24 },
            overflow: plan.overflow,
            constants: [].into_iter().collect(),
            kernels: [(ROOT.to_owned(), falling())].into_iter().collect(),
            graph: seamount_ir::Dag::default(),
            outputs: [].into_iter().collect(),
        },
        vectors: Vec::new(),
    };
    let table = &plan.embedding[..VOCAB_SIZE * plan.width];
    builder.constant("embed", Tensor::i16(vec![VOCAB_SIZE, plan.width], table));
    let embed = builder.add(Op::Embed { table: "embed".into() }, &[], 16, plan.width, UNIT);
    builder.vectors.push(embed);
    for growth in &plan.growth {
        builder.grow(growth);
    }
    let last = *builder.vectors.last().unwrap();
    let logits = builder.layer(last, VOCAB_SIZE, &plan.head);
    builder.fixed.outputs.insert(LOGITS.into(), logits);
    builder.fixed.verify().unwrap()
}

/// A function of sums from 1 that falls and is never zero: from 2^12 for small ones to half of it.
fn falling() -> Kernel {
    let mut kernel = Kernel::new(ROOT, 1);
    let small = kernel.push(ScalarOp::Shl(Arg::Local(seamount_ir::kernel::Local(0)), (-12).into()));
    let negated = kernel.push(ScalarOp::Neg(small.into()));
    kernel.result = kernel.push(ScalarOp::Add(negated.into(), 4096.into())).into();
    kernel
}

struct Builder {
    fixed: Fixed,
    /// What further operations may use; all of one unit.
    vectors: Vec<ValueId>,
}

impl Builder {
    fn grow(&mut self, growth: &Growth) {
        let made = match growth {
            Growth::Layer { x, width, weights } => {
                let x = self.pick(*x);
                self.layer(x, *width, weights)
            }
            Growth::Affine { x, words, narrow } => {
                let x = self.pick(*x);
                let width = self.width(x);
                let factor = self.words(words[..width].to_vec());
                let bias = Some(self.words(words[width..2 * width].to_vec()));
                let bits = if *narrow { 9 } else { 24 };
                self.add(Op::Affine { factor, shift: 11, bias }, &[x], bits, width, UNIT)
            }
            Growth::Add { a, b } => {
                let (a, b) = self.pair(*a, *b);
                self.add(Op::Add, &[a, b], 24, self.width(a), UNIT)
            }
            Growth::Multiply { a, b } => {
                let (a, b) = self.pair(*a, *b);
                let product = self.add(Op::Multiply { shift: 8 }, &[a, b], 24, self.width(a), 256.0);
                self.rescale(product, 24, UNIT)
            }
            Growth::Threshold { x } => {
                let x = self.pick(*x);
                self.add(Op::Threshold { level: 100 }, &[x], 24, self.width(x), UNIT)
            }
            Growth::Recurrence { f, u } => {
                let (f, u) = self.pair(*f, *u);
                let gate = self.rescale(f, GATE_SHIFT + 1, 2f64.powi(-GATE_SHIFT.cast_signed()));
                self.add(Op::GatedRecurrence { shift: GATE_SHIFT }, &[gate, u], 20, self.width(u), UNIT)
            }
            Growth::Output { x } => {
                let x = self.pick(*x);
                self.fixed.outputs.insert(format!("output_{}", self.fixed.outputs.len()), x);
                return;
            }
        };
        self.vectors.push(made);
    }

    /// `linear(x) · root(Σ x²)`. Payloads have 10 bits, so that no sum of squares leaves an accumulator, as
    /// after calibration: one that wraps to zero is no tick.
    fn layer(&mut self, x: ValueId, width: usize, weights: &[i8]) -> ValueId {
        let from = self.width(x);
        let payload = self.rescale(x, 10, UNIT);
        let squares = self.add(Op::Multiply { shift: 0 }, &[payload, payload], 24, from, UNIT);
        let sum = self.add(Op::ReduceSum { bias: 1 }, &[squares], 24, 1, UNIT);
        let root_unit = 2f64.powi(-ROOT_FRACTION.cast_signed());
        let root = self.add(Op::Call { kernel: ROOT.into() }, &[sum], 24, 1, root_unit);
        let weights: Vec<i8> = weights.iter().copied().cycle().take(width * from).collect();
        // Every layer is called the same, as layers of different blocks may be.
        let weight = format!("layers.{}.proj.weight", self.fixed.constants.len());
        self.constant(&weight, Tensor::i8(Elem::Ternary, vec![width, from], &weights));
        let sums = self.add(Op::Linear { weight }, &[payload], 24, width, UNIT);
        self.add(Op::Multiply { shift: ROOT_FRACTION }, &[sums, root], 24, width, UNIT)
    }

    fn rescale(&mut self, x: ValueId, bits: u32, unit: f64) -> ValueId {
        let op = Op::Affine { factor: Factor::Scalar(1), shift: 0, bias: None };
        self.add(op, &[x], bits, self.width(x), unit)
    }

    fn words(&mut self, words: Vec<i32>) -> Factor {
        let name = format!("words.{}", self.fixed.constants.len());
        self.constant(&name, Tensor::i32(vec![words.len()], &words));
        Factor::PerChannel(name)
    }

    fn constant(&mut self, name: &str, tensor: Tensor) {
        self.fixed.constants.insert(name.to_owned(), tensor);
    }

    fn add(&mut self, op: Op, operands: &[ValueId], bits: u32, width: usize, scale: f64) -> ValueId {
        self.fixed.graph.add(Node { op, ty: FixedType { bits, width, scale }, layer: None }, operands)
    }

    fn width(&self, value: ValueId) -> usize {
        self.fixed.graph.node(value).ty.width
    }

    fn pick(&self, at: usize) -> ValueId {
        self.vectors[at % self.vectors.len()]
    }

    /// Two vectors of one width.
    fn pair(&self, a: usize, b: usize) -> (ValueId, ValueId) {
        let a = self.pick(a);
        let same: Vec<ValueId> = self.vectors.iter().copied().filter(|&b| self.width(a) == self.width(b)).collect();
        (a, same[b % same.len()])
    }
}
