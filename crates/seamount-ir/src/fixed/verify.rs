//! What holds at the fixed-point level.
//!
//! - `operands`: an operation has as many operands as it takes.
//! - `constant`: a named constant exists, is of integers, and has the shape that its use asks for; the weights of a
//!   linear layer are ternary or 8-bit; names and scales have a text form.
//! - `kernel`: a called function exists and takes one input; its own rules are listed with it.
//! - `width`: widths of operands and result fit the operation, and are not zero.
//! - `bits`: a type has between 2 bits and the word's; a sum has the accumulator's.
//! - `scale`: scales are finite and positive; what is added has one scale; a product's scale is that of its factors.
//! - `attribute`: a threshold is a word from 1.
//! - `shift`: shifts are below twice the word.
//! - `outputs`: there is a `logits` output of the vocabulary's size, and outputs are values of the graph.
//! - `tokens`: there is exactly one `embed`, of as many rows as the vocabulary has tokens.

use super::{Factor, Fixed, FixedType, LOGITS, Op};
use crate::dag::ValueId;
use crate::tensor::{Elem, check_names};
use crate::verified::{Findings, Verified, Violations};

/// Relative difference up to which two scales are the same.
const SCALE_TOLERANCE: f64 = 1e-9;

impl Fixed {
    /// Checks every rule.
    ///
    /// # Errors
    /// All the rules that are broken.
    pub fn verify(self) -> Result<Verified<Self>, Violations> {
        let mut findings = Findings::default();
        check_names(&self.constants, &mut findings);
        for (name, kernel) in &self.kernels {
            findings.require(*name == kernel.name, "kernel", format!("fn {name:?}"), || "is named otherwise".into());
            kernel.check(self.word, &mut findings);
        }
        for value in self.graph.in_order() {
            Checker { fixed: &self, value, findings: &mut findings }.check();
        }
        self.check_outputs(&mut findings);
        findings.into_result().map(|()| Verified::assume(self))
    }

    fn check_outputs(&self, findings: &mut Findings) {
        for (name, &value) in &self.outputs {
            findings
                .require(self.graph.contains(value), "outputs", value, || format!("output {name:?} does not exist"));
        }
        match self.outputs.get(LOGITS) {
            None => findings.add("outputs", "fixed", "there is no `logits` output"),
            Some(&logits) if self.graph.contains(logits) => {
                let width = self.graph.node(logits).ty.width;
                findings.require(width == self.vocab_size, "outputs", logits, || {
                    format!("{width} logits for {} tokens", self.vocab_size)
                });
            }
            Some(_) => {}
        }
        let n_embeds = self
            .graph
            .in_order()
            .iter()
            .filter(|&&value| matches!(self.graph.node(value).op, Op::Embed { .. }))
            .count();
        findings.require(n_embeds == 1, "tokens", "fixed", || format!("{n_embeds} embeds, expected 1"));
    }
}

struct Checker<'c> {
    fixed: &'c Fixed,
    value: ValueId,
    findings: &'c mut Findings,
}

impl Checker<'_> {
    fn check(&mut self) {
        let node = self.fixed.graph.node(self.value);
        let operands = self.fixed.graph.operands(self.value);
        let (found, expected, name) = (operands.len(), node.op.n_operands(), node.op.name());
        self.require(found == expected, "operands", || format!("`{name}` takes {expected} operand(s), has {found}"));
        if found != expected {
            return;
        }
        let FixedType { bits, width, scale } = node.ty;
        let word = self.fixed.word.bits;
        self.require((2..=word).contains(&bits), "bits", || format!("{bits} bits, not in 2..={word}"));
        self.require(scale.is_finite() && scale > 0.0, "scale", || format!("one unit is {scale}"));
        self.require(width > 0, "width", || "has no channels".into());
        let types: Vec<FixedType> = operands.iter().map(|&operand| self.fixed.graph.node(operand).ty).collect();
        match &node.op {
            Op::Embed { table } => self.shape(table, &[self.fixed.vocab_size, width]),
            Op::Affine { factor, shift, bias } => {
                self.width(types[0].width, width);
                self.shift(*shift);
                for factor in std::iter::once(factor).chain(bias) {
                    self.factor(factor, width);
                }
            }
            Op::Multiply { shift } => {
                self.shift(*shift);
                self.width(types[0].width.max(types[1].width), width);
                let fits = types[0].width == types[1].width || types.iter().any(|ty| ty.width == 1);
                self.require(fits, "width", || format!("multiplies {} by {}", types[0].width, types[1].width));
                self.scale(types[0].scale * types[1].scale * 2f64.powi(shift.cast_signed()), scale);
            }
            Op::Add => {
                self.width(types[0].width, width);
                self.width(types[1].width, width);
                self.scale(types[0].scale, scale);
                self.scale(types[1].scale, scale);
            }
            Op::Threshold { level } => {
                self.width(types[0].width, width);
                self.scale(types[0].scale, scale);
                self.require(bits >= types[0].bits, "bits", || format!("{bits} bits for values of {}", types[0].bits));
                let most = self.fixed.word.max();
                let fits = (1..=most).contains(&i64::from(*level));
                self.require(fits, "attribute", || format!("level = {level}, not in 1..={most}"));
            }
            Op::Linear { weight } => {
                self.accumulates(bits);
                self.shape(weight, &[width, types[0].width]);
                if let Some(tensor) = self.fixed.constants.get(weight) {
                    let narrow = matches!(tensor.elem(), Elem::Ternary | Elem::I8);
                    self.require(narrow, "constant", || format!("@{weight} is {tensor}, expected ternary or i8"));
                    self.scale(types[0].scale * tensor.scale().unwrap_or(1.0), scale);
                }
            }
            Op::ReduceSum { bias } => {
                self.accumulates(bits);
                self.width(1, width);
                self.scale(types[0].scale, scale);
                let word = self.fixed.word;
                self.require((word.min()..=word.max()).contains(&i64::from(*bias)), "bits", || format!("bias {bias}"));
            }
            Op::Sigmoid | Op::Silu => self.width(types[0].width, width),
            Op::InvSqrt { fraction } => {
                self.width(types[0].width, width);
                self.require(*fraction < 2 * word, "shift", || format!("{fraction} fraction bits"));
            }
            Op::Call { kernel } => {
                self.width(types[0].width, width);
                let inputs = self.fixed.kernels.get(kernel).map(|kernel| kernel.n_inputs);
                self.require(inputs == Some(1), "kernel", || format!("there is no fn {kernel:?} of one input"));
            }
            Op::GatedRecurrence { shift } => {
                self.width(types[0].width, width);
                self.width(types[1].width, width);
                self.shift(*shift);
                self.scale(2f64.powi(-shift.cast_signed()), types[0].scale);
                self.scale(types[1].scale, scale);
            }
        }
    }

    fn require(&mut self, holds: bool, rule: &'static str, message: impl FnOnce() -> String) {
        self.findings.require(holds, rule, self.value, message);
    }

    fn width(&mut self, expected: usize, found: usize) {
        self.require(expected == found, "width", || format!("expected {expected} channels, has {found}"));
    }

    fn scale(&mut self, expected: f64, found: f64) {
        let same = (expected - found).abs() <= SCALE_TOLERANCE * found.abs();
        self.require(same, "scale", || format!("expected a unit of {expected:e}, has {found:e}"));
    }

    fn shift(&mut self, shift: u32) {
        let limit = 2 * self.fixed.word.bits;
        self.require(shift < limit, "shift", || format!("shifts by {shift}, not below {limit}"));
    }

    fn accumulates(&mut self, bits: u32) {
        let expected = self.fixed.accumulator.bits.min(self.fixed.word.bits);
        self.require(bits == expected, "bits", || format!("a sum has {expected} bits, its type says {bits}"));
    }

    fn factor(&mut self, factor: &Factor, width: usize) {
        match factor {
            Factor::Scalar(value) => {
                let word = self.fixed.word;
                let fits = (word.min()..=word.max()).contains(&i64::from(*value));
                self.require(fits, "bits", || format!("{value} is no word"));
            }
            Factor::PerChannel(name) => self.shape(name, &[width]),
        }
    }

    fn shape(&mut self, name: &str, expected: &[usize]) {
        let Some(tensor) = self.fixed.constants.get(name) else {
            return self.require(false, "constant", || format!("there is no constant @{name}"));
        };
        let shape = tensor.shape();
        self.require(shape == expected, "constant", || format!("@{name} is {shape:?}, expected {expected:?}"));
        let integer = tensor.elem().is_integer();
        self.require(integer, "constant", || format!("@{name} is of {}, expected integers", tensor.elem().name()));
    }
}
