//! Kernels as text, and back:
//!
//! ```text
//! fn "half" {
//!   inputs = 1
//!   %1 = mul_shr %0, 1 {shift = 1, round = true}
//!   return %1
//! }
//! ```

use super::{Arg, Compare, Kernel, Local, ScalarOp};
use crate::dag::ValueId;
use crate::syntax::{Block, Operand, ParseError, Reader, Statement, Value};

impl Kernel {
    pub(crate) fn to_block(&self) -> Block {
        let mut attributes = vec![("inputs".to_owned(), Value::Int(i64::from(self.n_inputs)))];
        if let Some(max_error) = self.max_error {
            attributes.push(("max_error".into(), Value::Float(max_error)));
        }
        let results = (self.n_inputs..).map(Local);
        let mut statements: Vec<Statement> =
            self.ops.iter().zip(results).map(|(&op, result)| scalar_statement(op, result)).collect();
        statements.push(Statement {
            op: "return".into(),
            operands: vec![operand(self.result)],
            ..Statement::default()
        });
        Block { keyword: "fn".into(), name: self.name.clone(), attributes, statements, ..Block::default() }
    }

    pub(crate) fn from_block(block: &Block) -> Result<Self, ParseError> {
        let mut attributes = block.attributes();
        let inputs = attributes.int("inputs")?;
        let mut kernel = Kernel::new(block.name.clone(), attributes.require("inputs", inputs)?);
        kernel.max_error = attributes.float("max_error")?;
        attributes.finish()?;
        let Some((last, body)) = block.statements.split_last().filter(|(last, _)| last.op == "return") else {
            return Err(ParseError::new(block.at, format!("fn {:?} does not end with `return`", block.name)));
        };
        for statement in body {
            let mut reader = Reader::new(statement);
            let op = read_scalar(&mut reader)?.ok_or_else(|| reader.error("no operation of a kernel"))?;
            let (named, defined) = (reader.result()?, kernel.push(op));
            if named.0 != defined.0 {
                return Err(reader.error(format!("defines {defined}, but is named {named}")));
            }
            reader.finish()?;
        }
        let mut reader = Reader::new(last);
        kernel.result = read_arg(&mut reader)?;
        reader.finish()?;
        Ok(kernel)
    }
}

/// An operation as a statement that defines `result`.
pub(crate) fn scalar_statement(op: ScalarOp, result: Local) -> Statement {
    let (name, attributes) = match op {
        ScalarOp::Add(..) => ("add", vec![]),
        ScalarOp::Neg(..) => ("neg", vec![]),
        ScalarOp::Min(..) => ("min", vec![]),
        ScalarOp::And(..) => ("and", vec![]),
        ScalarOp::Or(..) => ("or", vec![]),
        ScalarOp::Shl(..) => ("shl", vec![]),
        ScalarOp::MulShr { shift, round, .. } => (
            "mul_shr",
            vec![("shift".to_owned(), Value::Int(i64::from(shift))), ("round".to_owned(), Value::Bool(round))],
        ),
        ScalarOp::Select { compare: Compare::Lt, .. } => ("select_lt", vec![]),
        ScalarOp::Select { compare: Compare::Ge, .. } => ("select_ge", vec![]),
        ScalarOp::Select { compare: Compare::Eq, .. } => ("select_eq", vec![]),
    };
    Statement {
        result: Some(ValueId(result.0)),
        op: name.into(),
        operands: op.args().into_iter().map(operand).collect(),
        attributes,
        ..Statement::default()
    }
}

/// Reads a statement's operation, where it is one on words.
pub(crate) fn read_scalar(reader: &mut Reader<'_>) -> Result<Option<ScalarOp>, ParseError> {
    let compare = match reader.op() {
        "add" => return Ok(Some(ScalarOp::Add(read_arg(reader)?, read_arg(reader)?))),
        "neg" => return Ok(Some(ScalarOp::Neg(read_arg(reader)?))),
        "min" => return Ok(Some(ScalarOp::Min(read_arg(reader)?, read_arg(reader)?))),
        "and" => return Ok(Some(ScalarOp::And(read_arg(reader)?, read_arg(reader)?))),
        "or" => return Ok(Some(ScalarOp::Or(read_arg(reader)?, read_arg(reader)?))),
        "shl" => return Ok(Some(ScalarOp::Shl(read_arg(reader)?, read_arg(reader)?))),
        "mul_shr" => {
            let (a, b) = (read_arg(reader)?, read_arg(reader)?);
            let (shift, round) = (reader.attributes.int("shift")?, reader.attributes.bool("round")?);
            let shift = reader.attributes.require("shift", shift)?;
            let round = reader.attributes.require("round", round)?;
            return Ok(Some(ScalarOp::MulShr { a, b, shift, round }));
        }
        "select_lt" => Compare::Lt,
        "select_ge" => Compare::Ge,
        "select_eq" => Compare::Eq,
        _ => return Ok(None),
    };
    Ok(Some(ScalarOp::Select {
        compare,
        lhs: read_arg(reader)?,
        rhs: read_arg(reader)?,
        then: read_arg(reader)?,
        otherwise: read_arg(reader)?,
    }))
}

pub(crate) fn operand(arg: Arg) -> Operand {
    match arg {
        Arg::Local(local) => Operand::Value(ValueId(local.0)),
        Arg::Const(constant) => Operand::Int(i64::from(constant)),
    }
}

pub(crate) fn read_arg(reader: &mut Reader<'_>) -> Result<Arg, ParseError> {
    match reader.operand()? {
        Operand::Value(value) => Ok(Arg::Local(Local(value.0))),
        Operand::Int(int) => {
            i32::try_from(*int).map(Arg::Const).map_err(|_| reader.error(format!("{int} is too wide for a word")))
        }
        other => Err(reader.error(format!("expected a value or an integer, found {other}"))),
    }
}
