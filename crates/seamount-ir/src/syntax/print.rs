//! A tree of blocks to canonical text.

use std::fmt::{self, Write as _};

use itertools::Itertools as _;

use super::{Block, Operand, Statement, Type, Value};
use crate::tensor::{Elem, Tensor};

/// Constants with more elements than this are printed as their digest, unless asked otherwise.
pub const DEFAULT_ELIDE_ABOVE: usize = 16;

/// Prints a block; the Display of this is the canonical text.
#[derive(Debug, Clone, Copy)]
pub struct Print<'b> {
    /// What to print.
    pub block: &'b Block,
    /// Constants with more elements are elided.
    pub elide_above: usize,
}

impl fmt::Display for Print<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.block(f, self.block, 0)
    }
}

impl Print<'_> {
    fn block(&self, f: &mut fmt::Formatter<'_>, block: &Block, depth: usize) -> fmt::Result {
        let pad = "  ".repeat(depth);
        writeln!(f, "{pad}{} {} {{", block.keyword, Quoted(&block.name))?;
        for (key, value) in &block.attributes {
            writeln!(f, "{pad}  {key} = {value}")?;
        }
        for (name, tensor) in &block.constants {
            write!(f, "{pad}  @{name} : {tensor}")?;
            if let Some(scale) = tensor.scale() {
                write!(f, " * {}", Scale(scale))?;
            }
            match tensor.bytes() {
                Ok(bytes) if tensor.n_elements() <= self.elide_above && all_finite(tensor) => {
                    writeln!(f, " = [{}]", elements(tensor.elem(), bytes))?;
                }
                _ => writeln!(f, " {}", tensor.digest())?,
            }
        }
        for inner in &block.blocks {
            self.block(f, inner, depth + 1)?;
        }
        for statement in &block.statements {
            writeln!(f, "{pad}  {statement}")?;
        }
        writeln!(f, "{pad}}}")
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(result) = self.result {
            write!(f, "{result} = ")?;
        }
        f.write_str(&self.op)?;
        if !self.operands.is_empty() {
            write!(f, " {}", self.operands.iter().join(", "))?;
        }
        if !self.attributes.is_empty() {
            let attributes = self.attributes.iter().map(|(key, value)| format!("{key} = {value}")).join(", ");
            write!(f, " {{{attributes}}}")?;
        }
        if let Some(ty) = &self.ty {
            write!(f, " : {ty}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Value(value) => value.fmt(f),
            Operand::Symbol(name) => write!(f, "@{name}"),
            Operand::Int(int) => int.fmt(f),
            Operand::Text(text) => Quoted(text).fmt(f),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => value.fmt(f),
            Value::Int(value) => value.fmt(f),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(text) => Quoted(text).fmt(f),
            Value::Word(word) => f.write_str(word),
            Value::Symbol(name) => write!(f, "@{name}"),
            Value::List(list) => write!(f, "[{}]", list.iter().join(", ")),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.elem, self.shape.iter().join(", "))?;
        match self.scale {
            Some(scale) => write!(f, " * {}", Scale(scale)),
            None => Ok(()),
        }
    }
}

struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

struct Scale(f64);

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.0.log2().round();
        if 2f64.powf(exponent) == self.0 { write!(f, "2^{exponent}") } else { write!(f, "{:?}", self.0) }
    }
}

/// Whether the elements have a text form.
fn all_finite(tensor: &Tensor) -> bool {
    tensor.elem().is_integer() || tensor.to_f32().is_ok_and(|values| values.iter().all(|value| value.is_finite()))
}

fn elements(elem: Elem, bytes: &[u8]) -> String {
    let each = bytes.chunks_exact(elem.n_bytes());
    match elem {
        Elem::F32 => each.map(|b| format!("{:?}", f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).join(", "),
        Elem::F16 => each.map(|b| format!("{:?}", half::f16::from_le_bytes([b[0], b[1]]).to_f32())).join(", "),
        Elem::Bf16 => each.map(|b| format!("{:?}", half::bf16::from_le_bytes([b[0], b[1]]).to_f32())).join(", "),
        Elem::I32 => each.map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).join(", "),
        Elem::I16 => each.map(|b| i16::from_le_bytes([b[0], b[1]])).join(", "),
        Elem::I8 | Elem::Ternary => each.map(|b| b[0].cast_signed()).join(", "),
    }
}
