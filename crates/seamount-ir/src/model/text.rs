//! The model level as text, and back.

use std::collections::BTreeMap;

use super::{Model, Node, Observed, Op, WeightRule};
use crate::dag::ValueId;
use crate::syntax::{self, Block, Operand, ParseError, Reader, Statement, Type, Value};

impl Model {
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
        Block {
            keyword: "model".into(),
            name: self.name.clone(),
            attributes: vec![("vocab_size".into(), int(self.vocab_size))],
            constants: self.constants.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect(),
            statements: statements.chain(outputs).collect(),
            ..Block::default()
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The first place where the text is not a model. Shapes are left to [`Model::verify`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::from_block(&syntax::parse(text)?)
    }

    /// Reads a syntax tree.
    ///
    /// # Errors
    /// The first statement that is not one of this level.
    pub fn from_block(block: &Block) -> Result<Self, ParseError> {
        if block.keyword != "model" {
            return Err(ParseError::new(block.at, format!("expected `model`, found `{}`", block.keyword)));
        }
        if let Some(inner) = block.blocks.first() {
            return Err(ParseError::new(inner.at, format!("a model has no `{}` blocks", inner.keyword)));
        }
        let mut attributes = block.attributes();
        let vocab_size = attributes.int("vocab_size")?;
        let vocab_size = attributes.require("vocab_size", vocab_size)?;
        attributes.finish()?;
        let constants = block.constants.iter().cloned().collect();
        let mut model = Model { name: block.name.clone(), vocab_size, constants, ..Model::default() };
        let mut values = BTreeMap::new();
        for statement in &block.statements {
            let mut reader = Reader::new(statement);
            if statement.op == "output" {
                let name = reader.text()?;
                let value = defined(&values, &mut reader)?;
                if model.outputs.contains_key(&name) {
                    return Err(reader.error(format!("{name:?} is given twice")));
                }
                reader.finish()?;
                model.outputs.insert(name, value);
                continue;
            }
            let (op, operands, layer, observed) = read_node(&mut reader, &values)?;
            let width = vector_width(statement, &reader)?;
            let result = reader.result()?;
            if values.contains_key(&result) {
                return Err(reader.error(format!("{result} is defined twice")));
            }
            reader.finish()?;
            values.insert(result, model.graph.add(Node { op, width, layer, observed }, &operands));
        }
        Ok(model)
    }

    fn statement(&self, value: ValueId, number: &BTreeMap<ValueId, ValueId>) -> Statement {
        let node = self.graph.node(value);
        let operands = self.graph.operands(value).iter().map(|operand| Operand::Value(number[operand]));
        let constants = node.op.constants().into_iter().map(|name| Operand::Symbol(name.to_owned()));
        let mut attributes = match &node.op {
            Op::RmsNorm { eps, .. } | Op::InvSqrt { eps } => vec![("eps".into(), Value::Float(*eps))],
            Op::RoundPerToken { bits } => vec![("bits".into(), Value::Int(i64::from(*bits)))],
            Op::Linear { rule: WeightRule::AbsmeanTernary, .. } => {
                vec![("rule".into(), Value::Word(ABSMEAN_TERNARY.into()))]
            }
            Op::Slice { start } => vec![("start".into(), int(*start))],
            Op::LowerBound { layer, .. } => vec![("row".into(), int(*layer))],
            Op::Embed { .. }
            | Op::Linear { rule: WeightRule::AsIs, .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::Multiply
            | Op::Add
            | Op::Affine { .. }
            | Op::MeanSquare
            | Op::GatedRecurrence => vec![],
        };
        if let Some(layer) = node.layer {
            attributes.push(("layer".into(), Value::Int(i64::from(layer))));
        }
        if let Some(Observed { min, max, rms, negligible }) = node.observed {
            let seen = [min, max, rms].into_iter().chain(negligible);
            attributes.push(("observed".into(), Value::List(seen.map(Value::Float).collect())));
        }
        Statement {
            result: Some(number[&value]),
            op: node.op.name().into(),
            operands: operands.chain(constants).collect(),
            attributes,
            ty: Some(Type { elem: "f32".into(), shape: vec![node.width], scale: None }),
            ..Statement::default()
        }
    }
}

const ABSMEAN_TERNARY: &str = "absmean_ternary";

type ReadNode = (Op, Vec<ValueId>, Option<u32>, Option<Observed>);

fn read_node(reader: &mut Reader<'_>, values: &BTreeMap<ValueId, ValueId>) -> Result<ReadNode, ParseError> {
    let mut operands = Vec::new();
    let op = match reader.op() {
        "embed" => Op::Embed { table: reader.symbol()? },
        "rms_norm" => {
            operands.push(defined(values, reader)?);
            Op::RmsNorm { weight: reader.symbol()?, eps: required_float(reader, "eps")? }
        }
        "round_per_token" => {
            operands.push(defined(values, reader)?);
            let bits = reader.attributes.int("bits")?;
            Op::RoundPerToken { bits: reader.attributes.require("bits", bits)? }
        }
        "linear" => {
            operands.push(defined(values, reader)?);
            let rule = match reader.attributes.text("rule")?.as_deref() {
                None => WeightRule::AsIs,
                Some(ABSMEAN_TERNARY) => WeightRule::AbsmeanTernary,
                Some(other) => return Err(reader.error(format!("unknown weight rule `{other}`"))),
            };
            Op::Linear { weight: reader.symbol()?, rule }
        }
        "slice" => {
            operands.push(defined(values, reader)?);
            let start = reader.attributes.int("start")?;
            Op::Slice { start: reader.attributes.require("start", start)? }
        }
        "lower_bound" => {
            operands.push(defined(values, reader)?);
            let layer = reader.attributes.int("row")?;
            Op::LowerBound { bounds: reader.symbol()?, layer: reader.attributes.require("row", layer)? }
        }
        "affine" => {
            operands.push(defined(values, reader)?);
            let scale = reader.symbol()?;
            let bias = if reader.has_more() { Some(reader.symbol()?) } else { None };
            Op::Affine { scale, bias }
        }
        "inv_sqrt" => {
            operands.push(defined(values, reader)?);
            Op::InvSqrt { eps: required_float(reader, "eps")? }
        }
        name => {
            let op = match name {
                "sigmoid" => Op::Sigmoid,
                "silu" => Op::Silu,
                "multiply" => Op::Multiply,
                "add" => Op::Add,
                "mean_square" => Op::MeanSquare,
                "gated_recurrence" => Op::GatedRecurrence,
                _ => return Err(reader.error("no operation of the model level")),
            };
            for _ in 0..op.n_operands() {
                operands.push(defined(values, reader)?);
            }
            op
        }
    };
    let layer = reader.attributes.int("layer")?;
    let observed = reader.attributes.floats("observed")?;
    let observed = match observed.as_deref() {
        None => None,
        Some(&[min, max, rms]) => Some(Observed { min, max, rms, negligible: None }),
        Some(&[min, max, rms, negligible]) => Some(Observed { min, max, rms, negligible: Some(negligible) }),
        Some(_) => return Err(reader.error("`observed` wants [min, max, rms] or [min, max, rms, negligible]")),
    };
    Ok((op, operands, layer, observed))
}

fn required_float(reader: &mut Reader<'_>, key: &'static str) -> Result<f64, ParseError> {
    let value = reader.attributes.float(key)?;
    reader.attributes.require(key, value)
}

/// The next operand, which must have been defined above.
pub(crate) fn defined(values: &BTreeMap<ValueId, ValueId>, reader: &mut Reader<'_>) -> Result<ValueId, ParseError> {
    let name = reader.value()?;
    values.get(&name).copied().ok_or_else(|| reader.error(format!("{name} is not defined above")))
}

fn vector_width(statement: &Statement, reader: &Reader<'_>) -> Result<usize, ParseError> {
    match &statement.ty {
        Some(Type { elem, shape, scale: None }) if elem == "f32" && shape.len() == 1 => Ok(shape[0]),
        Some(other) => Err(reader.error(format!("expected a type such as f32[128], found {other}"))),
        None => Err(reader.error("the type is missing: `: f32[128]`")),
    }
}

fn int(value: usize) -> Value {
    Value::Int(i64::try_from(value).expect("invariant: sizes fit"))
}
