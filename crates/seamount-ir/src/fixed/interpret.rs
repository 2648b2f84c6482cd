//! Evaluates the fixed-point level: the oracle of everything below it.

use std::collections::BTreeMap;

use super::{Factor, Fixed, FixedType, Op, Overflow};
use crate::dag::ValueId;
use crate::kernel::{Kernel, Word, evaluate};
use crate::model::InterpretError;
use crate::verified::Verified;

/// A module made ready: operations in order, constants as integers.
#[derive(Debug, Clone)]
pub struct Interpreter {
    machine: Machine,
    steps: Vec<Step>,
    names: Vec<ValueId>,
    outputs: BTreeMap<String, usize>,
    vocab_size: usize,
    n_states: usize,
}

/// What a model carries from token to token: one vector a recurrence, in the order of the text. Starts at zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State(pub Vec<Vec<i32>>);

/// How often a result did not fit, by operation in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Saturations(pub Vec<u64>);

impl Saturations {
    /// Over all operations.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// All values of one token, in the order of the text.
#[derive(Debug, Clone)]
pub struct Values<'i> {
    interpreter: &'i Interpreter,
    values: Vec<Vec<i32>>,
    /// What did not fit, by operation.
    pub saturations: Saturations,
}

#[derive(Debug, Clone, Copy)]
struct Machine {
    word: Word,
    accumulator: Word,
    overflow: Overflow,
}

#[derive(Debug, Clone)]
struct Step {
    kind: Kind,
    operands: Vec<usize>,
    ty: FixedType,
    input_scale: f64,
}

#[derive(Debug, Clone)]
enum Kind {
    Embed(Vec<i32>),
    Affine { factor: Vec<i32>, shift: u32, bias: Vec<i32> },
    Multiply { shift: u32 },
    Add,
    Threshold { level: i32 },
    Linear(Vec<i8>),
    ReduceSum { bias: i32 },
    Sigmoid,
    Silu,
    InvSqrt { fraction: u32 },
    Call(Kernel),
    GatedRecurrence { state: usize, shift: u32 },
}

impl Interpreter {
    /// Reads the constants.
    ///
    /// # Errors
    /// [`InterpretError::Constant`] where one is elided.
    pub fn new(fixed: &Verified<Fixed>) -> Result<Self, InterpretError> {
        let names = fixed.graph.in_order();
        let at: BTreeMap<ValueId, usize> = names.iter().enumerate().map(|(index, &value)| (value, index)).collect();
        let mut n_states = 0;
        let mut steps = Vec::with_capacity(names.len());
        for &value in &names {
            let node = fixed.graph.node(value);
            let operands: Vec<usize> = fixed.graph.operands(value).iter().map(|operand| at[operand]).collect();
            let input_scale = fixed.graph.operands(value).first().map_or(1.0, |&x| fixed.graph.node(x).ty.scale);
            let kind = prepare(fixed, &node.op, node.ty.width, &mut n_states)?;
            steps.push(Step { kind, operands, ty: node.ty, input_scale });
        }
        let outputs = fixed.outputs.iter().map(|(name, value)| (name.clone(), at[value])).collect();
        let machine = Machine { word: fixed.word, accumulator: fixed.accumulator, overflow: fixed.overflow };
        Ok(Self { machine, steps, names, outputs, vocab_size: fixed.vocab_size, n_states })
    }

    /// The state before the first token.
    pub fn initial_state(&self) -> State {
        State(vec![Vec::new(); self.n_states])
    }

    /// Evaluates one token.
    ///
    /// # Errors
    /// [`InterpretError::Token`].
    pub fn step(&self, token: u32, state: &mut State) -> Result<Values<'_>, InterpretError> {
        let row = token as usize;
        if row >= self.vocab_size {
            return Err(InterpretError::Token { token, vocab_size: self.vocab_size });
        }
        let mut values: Vec<Vec<i32>> = Vec::with_capacity(self.steps.len());
        let mut saturations = Saturations(vec![0; self.steps.len()]);
        for (step, n_saturated) in self.steps.iter().zip(&mut saturations.0) {
            let value = Evaluation { machine: self.machine, step, values: &values, n_saturated }.run(row, state);
            values.push(value);
        }
        Ok(Values { interpreter: self, values, saturations })
    }
}

impl Values<'_> {
    /// A named output, such as `logits`.
    pub fn output(&self, name: &str) -> Option<&[i32]> {
        self.interpreter.outputs.get(name).map(|&at| self.values[at].as_slice())
    }

    /// The real value of one unit of a named output.
    pub fn output_scale(&self, name: &str) -> Option<f64> {
        self.interpreter.outputs.get(name).map(|&at| self.interpreter.steps[at].ty.scale)
    }

    /// Every value with what it is called in the graph.
    pub fn iter(&self) -> impl Iterator<Item = (ValueId, &[i32])> {
        self.interpreter.names.iter().copied().zip(self.values.iter().map(Vec::as_slice))
    }
}

fn prepare(fixed: &Fixed, op: &Op, width: usize, n_states: &mut usize) -> Result<Kind, InterpretError> {
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| InterpretError::Constant { name, source }
    };
    let words = |name: &str| fixed.constants[name].to_i32().map_err(failed(name));
    let factor = |factor: &Factor| match factor {
        Factor::Scalar(value) => Ok(vec![*value; width]),
        Factor::PerChannel(name) => words(name),
    };
    Ok(match op {
        Op::Embed { table } => Kind::Embed(words(table)?),
        Op::Affine { factor: by, shift, bias } => {
            let bias = bias.as_ref().map_or_else(|| Ok(vec![0; width]), factor)?;
            Kind::Affine { factor: factor(by)?, shift: *shift, bias }
        }
        Op::Multiply { shift } => Kind::Multiply { shift: *shift },
        Op::Add => Kind::Add,
        Op::Threshold { level } => Kind::Threshold { level: *level },
        Op::Linear { weight } => Kind::Linear(fixed.constants[weight].to_i8().map_err(failed(weight))?),
        Op::ReduceSum { bias } => Kind::ReduceSum { bias: *bias },
        Op::Sigmoid => Kind::Sigmoid,
        Op::Silu => Kind::Silu,
        Op::InvSqrt { fraction } => Kind::InvSqrt { fraction: *fraction },
        Op::Call { kernel } => Kind::Call(fixed.kernels[kernel].clone()),
        Op::GatedRecurrence { shift } => {
            *n_states += 1;
            Kind::GatedRecurrence { state: *n_states - 1, shift: *shift }
        }
    })
}

struct Evaluation<'e> {
    machine: Machine,
    step: &'e Step,
    values: &'e [Vec<i32>],
    n_saturated: &'e mut u64,
}

impl Evaluation<'_> {
    fn run(mut self, row: usize, state: &mut State) -> Vec<i32> {
        let step = self.step;
        let values = self.values;
        let x = |index: usize| values[step.operands[index]].as_slice();
        let word = self.machine.word;
        match &step.kind {
            Kind::Embed(table) => table[row * step.ty.width..][..step.ty.width].to_vec(),
            Kind::Affine { factor, shift, bias } => {
                let channels = x(0).iter().zip(factor).zip(bias);
                channels
                    .map(|((&x, &factor), &bias)| {
                        let scaled = self.clip(word, product(x, factor, *shift));
                        let moved = self.clip(word, scaled + i64::from(bias));
                        self.result(moved)
                    })
                    .collect()
            }
            Kind::Multiply { shift } => {
                let (a, b) = if x(0).len() == 1 { (x(1), x(0)) } else { (x(0), x(1)) };
                let pairs = a.iter().zip(b.iter().cycle());
                pairs.map(|(&a, &b)| self.result(product(a, b, *shift))).collect()
            }
            Kind::Add => {
                let pairs = x(0).iter().zip(x(1));
                pairs.map(|(&a, &b)| self.result(i64::from(a) + i64::from(b))).collect()
            }
            Kind::Threshold { level } => {
                x(0).iter().map(|&x| if x.unsigned_abs() < level.unsigned_abs() { 0 } else { x }).collect()
            }
            Kind::Linear(weights) => {
                let rows = weights.chunks_exact(x(0).len());
                rows.map(|row| self.accumulate(integer_dot(row, x(0)))).collect()
            }
            Kind::ReduceSum { bias } => {
                let (first, rest) = x(0).split_first().expect("invariant: vectors have channels");
                let first = self.clip(word, i64::from(*first) + i64::from(*bias));
                vec![self.accumulate(first + rest.iter().map(|&x| i64::from(x)).sum::<i64>())]
            }
            Kind::Sigmoid => x(0).iter().map(|&x| self.ideal(x, |real| 1.0 / (1.0 + (-real).exp()))).collect(),
            Kind::Silu => x(0).iter().map(|&x| self.ideal(x, |real| real / (1.0 + (-real).exp()))).collect(),
            Kind::InvSqrt { fraction } => x(0).iter().map(|&x| self.inv_sqrt(x, *fraction)).collect(),
            Kind::Call(kernel) => {
                let mut locals = Vec::new();
                x(0).iter().map(|&x| self.result(evaluate(kernel, word, &[i64::from(x)], &mut locals))).collect()
            }
            Kind::GatedRecurrence { state: index, shift } => {
                let h = &mut state.0[*index];
                h.resize(step.ty.width, 0);
                for ((h, &f), &u) in h.iter_mut().zip(x(0)).zip(x(1)) {
                    let negated = self.clip(word, -i64::from(u));
                    let difference = self.clip(word, i64::from(*h) + negated);
                    let kept = self.clip(word, shift_rounding(i64::from(f) * difference, *shift));
                    *h = self.result(i64::from(u) + kept);
                }
                h.clone()
            }
        }
    }

    fn clip(&mut self, word: Word, exact: i64) -> i64 {
        let clipped = word.saturate(exact);
        *self.n_saturated += u64::from(clipped != exact);
        clipped
    }

    fn result(&mut self, exact: i64) -> i32 {
        let clipped = self.clip(Word { bits: self.step.ty.bits }, exact);
        i32::try_from(clipped).expect("invariant: types have at most 32 bits")
    }

    fn accumulate(&mut self, exact: i64) -> i32 {
        let accumulator = self.machine.accumulator;
        let kept = match self.machine.overflow {
            Overflow::Saturate => accumulator.saturate(exact),
            Overflow::Wrap => accumulator.wrap(exact),
        };
        *self.n_saturated += u64::from(kept != exact);
        i32::try_from(self.machine.word.saturate(kept)).expect("invariant: words have at most 32 bits")
    }

    /// The nearest integer to a real function of a real operand.
    fn ideal(&mut self, x: i32, function: impl Fn(f64) -> f64) -> i32 {
        let exact = function(f64::from(x) * self.step.input_scale) / self.step.ty.scale;
        #[expect(clippy::cast_possible_truncation, reason = "saturating is what is meant")]
        let nearest = (exact + 0.5).floor() as i64;
        self.result(nearest)
    }

    fn inv_sqrt(&mut self, x: i32, fraction: u32) -> i32 {
        let exact = 2f64.powi(fraction.cast_signed()) / f64::from(x.max(1)).sqrt();
        #[expect(clippy::cast_possible_truncation, reason = "saturating is what is meant")]
        let nearest = (exact + 0.5).floor() as i64;
        self.result(nearest)
    }
}

fn product(a: i32, b: i32, shift: u32) -> i64 {
    shift_rounding(i64::from(a) * i64::from(b), shift)
}

fn shift_rounding(exact: i64, shift: u32) -> i64 {
    if shift == 0 { exact } else { ((exact >> (shift - 1)) + 1) >> 1 }
}

/// `Σ w·x`, exact: partial sums of 64 products of 8 by 24 bits cannot leave 64 bits, nor 32.
fn integer_dot(weights: &[i8], x: &[i32]) -> i64 {
    let parts = weights.chunks(1 << 6).zip(x.chunks(1 << 6));
    parts.map(|(w, x)| w.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum::<i64>()).sum()
}
