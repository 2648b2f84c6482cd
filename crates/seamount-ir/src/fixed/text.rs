//! The fixed-point level as text, and back.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::{Factor, Fixed, FixedType, Node, Op, Overflow};
use crate::dag::{Dag, ValueId};
use crate::kernel::{Kernel, Word};
use crate::model::defined;
use crate::syntax::{self, Attributes, Block, Operand, ParseError, Reader, Statement, Type, Value};

impl Fixed {
    /// The syntax tree. Values are numbered in the order in which they are printed.
    pub fn to_block(&self) -> Block {
        let order = self.graph.in_order();
        let number: BTreeMap<ValueId, ValueId> = order.iter().copied().zip((0..).map(ValueId)).collect();
        let statements = order.iter().map(|&value| self.statement(value, &number));
        let outputs = self.outputs.iter().map(|(name, value)| Statement {
            op: "output".into(),
            operands: vec![Operand::Text(name.clone()), Operand::Value(number[value])],
            ..Statement::default()
        });
        let vocab_size = i64::try_from(self.vocab_size).expect("invariant: sizes fit");
        let mut attributes = vec![("vocab_size".into(), Value::Int(vocab_size))];
        attributes.extend(machine_attributes(self.word, self.accumulator, self.overflow));
        Block {
            keyword: "fixed".into(),
            name: self.name.clone(),
            attributes,
            constants: self.constants.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect(),
            blocks: self.kernels.values().map(Kernel::to_block).collect(),
            statements: statements.chain(outputs).collect(),
            ..Block::default()
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The first place where the text is not of this level. Shapes and types are left to [`Fixed::verify`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::from_block(&syntax::parse(text)?)
    }

    /// Reads a syntax tree.
    ///
    /// # Errors
    /// The first statement that is not one of this level.
    pub fn from_block(block: &Block) -> Result<Self, ParseError> {
        if block.keyword != "fixed" {
            return Err(ParseError::new(block.at, format!("expected `fixed`, found `{}`", block.keyword)));
        }
        let mut attributes = block.attributes();
        let vocab_size = attributes.int("vocab_size")?;
        let vocab_size = attributes.require("vocab_size", vocab_size)?;
        let (word, accumulator, overflow) = read_machine(&mut attributes)?;
        attributes.finish()?;
        let mut kernels = IndexMap::new();
        for inner in &block.blocks {
            if inner.keyword != "fn" {
                return Err(ParseError::new(inner.at, format!("expected `fn`, found `{}`", inner.keyword)));
            }
            let kernel = Kernel::from_block(inner)?;
            if let Some(twice) = kernels.insert(kernel.name.clone(), kernel) {
                return Err(ParseError::new(inner.at, format!("fn {:?} is defined twice", twice.name)));
            }
        }
        let mut fixed = Fixed {
            name: block.name.clone(),
            vocab_size,
            word,
            accumulator,
            overflow,
            constants: block.constants.iter().cloned().collect(),
            kernels,
            graph: Dag::default(),
            outputs: IndexMap::new(),
        };
        let mut values = BTreeMap::new();
        for statement in &block.statements {
            let mut reader = Reader::new(statement);
            if statement.op == "output" {
                let name = reader.text()?;
                let value = defined(&values, &mut reader)?;
                if fixed.outputs.contains_key(&name) {
                    return Err(reader.error(format!("{name:?} is given twice")));
                }
                reader.finish()?;
                fixed.outputs.insert(name, value);
                continue;
            }
            let (op, operands) = read_op(&mut reader, &values)?;
            let layer = reader.attributes.int("layer")?;
            let ty = read_type(statement, &reader)?;
            let result = reader.result()?;
            if values.contains_key(&result) {
                return Err(reader.error(format!("{result} is defined twice")));
            }
            reader.finish()?;
            values.insert(result, fixed.graph.add(Node { op, ty, layer }, &operands));
        }
        Ok(fixed)
    }

    fn statement(&self, value: ValueId, number: &BTreeMap<ValueId, ValueId>) -> Statement {
        let node = self.graph.node(value);
        let mut operands: Vec<Operand> =
            self.graph.operands(value).iter().map(|operand| Operand::Value(number[operand])).collect();
        let int = |key: &str, value: u32| (key.to_owned(), Value::Int(i64::from(value)));
        let mut attributes = Vec::new();
        match &node.op {
            Op::Embed { table: name } | Op::Linear { weight: name } => operands.push(Operand::Symbol(name.clone())),
            Op::Affine { factor, shift, bias } => {
                operands.extend(std::iter::once(factor).chain(bias).map(factor_operand));
                attributes.push(int("shift", *shift));
            }
            Op::Multiply { shift } | Op::GatedRecurrence { shift } => attributes.push(int("shift", *shift)),
            Op::ReduceSum { bias } => attributes.push(("bias".into(), Value::Int(i64::from(*bias)))),
            Op::InvSqrt { fraction } => attributes.push(int("fraction", *fraction)),
            Op::Call { kernel } => operands.insert(0, Operand::Text(kernel.clone())),
            Op::Threshold { level } => attributes.push(("level".into(), Value::Int(i64::from(*level)))),
            Op::Add | Op::Sigmoid | Op::Silu => {}
        }
        if let Some(layer) = node.layer {
            attributes.push(int("layer", layer));
        }
        let FixedType { bits, width, scale } = node.ty;
        Statement {
            result: Some(number[&value]),
            op: node.op.name().into(),
            operands,
            attributes,
            ty: Some(Type { elem: format!("s{bits}"), shape: vec![width], scale: Some(scale) }),
            ..Statement::default()
        }
    }
}

/// The widths and the overflow rule, as attributes of a module.
pub(crate) fn machine_attributes(word: Word, accumulator: Word, overflow: Overflow) -> Vec<(String, Value)> {
    let overflow = match overflow {
        Overflow::Saturate => "saturate",
        Overflow::Wrap => "wrap",
    };
    vec![
        ("word_bits".into(), Value::Int(i64::from(word.bits))),
        ("accumulator_bits".into(), Value::Int(i64::from(accumulator.bits))),
        ("overflow".into(), Value::Word(overflow.into())),
    ]
}

/// Reads what [`machine_attributes`] writes.
pub(crate) fn read_machine(attributes: &mut Attributes) -> Result<(Word, Word, Overflow), ParseError> {
    let mut width = |key| {
        let bits = attributes.int::<u32>(key)?;
        let bits = attributes.require(key, bits)?;
        if (8..=32).contains(&bits) {
            Ok(Word { bits })
        } else {
            Err(attributes.error(format!("`{key}` is {bits}, not in 8..=32")))
        }
    };
    let (word, accumulator) = (width("word_bits")?, width("accumulator_bits")?);
    let overflow = attributes.text("overflow")?;
    let overflow = match attributes.require("overflow", overflow)?.as_str() {
        "saturate" => Overflow::Saturate,
        "wrap" => Overflow::Wrap,
        other => return Err(attributes.error(format!("`overflow` is saturate or wrap, found {other}"))),
    };
    Ok((word, accumulator, overflow))
}

fn read_op(reader: &mut Reader<'_>, values: &BTreeMap<ValueId, ValueId>) -> Result<(Op, Vec<ValueId>), ParseError> {
    let shift = |reader: &mut Reader<'_>| {
        let shift = reader.attributes.int("shift")?;
        reader.attributes.require("shift", shift)
    };
    let one = |reader: &mut Reader<'_>| defined(values, reader);
    Ok(match reader.op() {
        "embed" => (Op::Embed { table: reader.symbol()? }, vec![]),
        "affine" => {
            let x = one(reader)?;
            let factor = read_factor(reader)?;
            let bias = if reader.has_more() { Some(read_factor(reader)?) } else { None };
            (Op::Affine { factor, shift: shift(reader)?, bias }, vec![x])
        }
        "multiply" => (Op::Multiply { shift: shift(reader)? }, vec![one(reader)?, one(reader)?]),
        "threshold" => {
            let level = reader.attributes.int("level")?;
            (Op::Threshold { level: reader.attributes.require("level", level)? }, vec![one(reader)?])
        }
        "add" => (Op::Add, vec![one(reader)?, one(reader)?]),
        "linear" => {
            let x = one(reader)?;
            (Op::Linear { weight: reader.symbol()? }, vec![x])
        }
        "reduce_sum" => {
            let bias = reader.attributes.int("bias")?;
            (Op::ReduceSum { bias: reader.attributes.require("bias", bias)? }, vec![one(reader)?])
        }
        "sigmoid" => (Op::Sigmoid, vec![one(reader)?]),
        "silu" => (Op::Silu, vec![one(reader)?]),
        "inv_sqrt" => {
            let fraction = reader.attributes.int("fraction")?;
            (Op::InvSqrt { fraction: reader.attributes.require("fraction", fraction)? }, vec![one(reader)?])
        }
        "call" => (Op::Call { kernel: reader.text()? }, vec![one(reader)?]),
        "gated_recurrence" => (Op::GatedRecurrence { shift: shift(reader)? }, vec![one(reader)?, one(reader)?]),
        _ => return Err(reader.error("no operation of the fixed level")),
    })
}

fn factor_operand(factor: &Factor) -> Operand {
    match factor {
        Factor::Scalar(value) => Operand::Int(i64::from(*value)),
        Factor::PerChannel(name) => Operand::Symbol(name.clone()),
    }
}

fn read_factor(reader: &mut Reader<'_>) -> Result<Factor, ParseError> {
    match reader.operand()? {
        Operand::Int(int) => i32::try_from(*int).map(Factor::Scalar).map_err(|_| reader.error("the factor is no word")),
        Operand::Symbol(name) => Ok(Factor::PerChannel(name.clone())),
        other => Err(reader.error(format!("expected a factor, an integer or a constant, found {other}"))),
    }
}

fn read_type(statement: &Statement, reader: &Reader<'_>) -> Result<FixedType, ParseError> {
    let wrong = |found: String| reader.error(format!("expected a type such as s16[128] * 2^-8, found {found}"));
    let Some(ty) = &statement.ty else { return Err(wrong("none".into())) };
    let bits = ty.elem.strip_prefix('s').and_then(|bits| bits.parse().ok()).filter(|bits| (1..=32).contains(bits));
    match (bits, ty.shape.as_slice(), ty.scale) {
        (Some(bits), &[width], Some(scale)) => Ok(FixedType { bits, width, scale }),
        _ => Err(wrong(ty.to_string())),
    }
}
