//! The one text syntax of all levels.
//!
//! ```text
//! model "tiny" {
//!   vocab_size = 8
//!   @embed : f32[8, 4] sha256:5df6…
//!   @gamma : f32[4] = [1.0, 0.5, 2.0, 1.0]
//!   %0 = embed @embed : f32[4]
//!   %1 = rms_norm %0, @gamma {eps = 1e-6} : f32[4]
//!   output "logits", %1
//! }
//! ```
//!
//! A file is a tree of [`Block`]s: attributes, constants, statements and inner blocks, in order. Each level turns
//! its own structures into this tree and back; names of operations and attributes are checked there, so that the
//! lexer, the parser and the printer know no level. `//` starts a comment. The brace of a block ends its line; the
//! attributes of a statement begin on the line of their brace. Constants with more elements than the printer's limit,
//! or with elements that are no finite numbers, are elided to their digest.

mod lex;
mod parse;
mod print;
mod read;

pub(crate) use lex::is_name;
pub use parse::{parse, parse_passes};
pub use print::{DEFAULT_ELIDE_ABOVE, Print};
pub use read::{Attributes, Reader, nearest};

use crate::dag::ValueId;
use crate::tensor::Tensor;

/// A keyword, a name, and what stands between braces.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    /// `model`, `fixed`, `network`, `fn`, `group`, ...
    pub keyword: String,
    /// The quoted name.
    pub name: String,
    /// `key = value` lines.
    pub attributes: Vec<(String, Value)>,
    /// `@name : type = data` lines.
    pub constants: Vec<(String, Tensor)>,
    /// Inner blocks; they stand before the statements.
    pub blocks: Vec<Block>,
    /// Statements, in order.
    pub statements: Vec<Statement>,
    /// Where the block starts in its source.
    pub at: Position,
}

/// `%3 = op operand, operand {key = value} : type`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    /// The value that it defines.
    pub result: Option<ValueId>,
    /// The operation's name.
    pub op: String,
    /// What it is applied to.
    pub operands: Vec<Operand>,
    /// Its options.
    pub attributes: Vec<(String, Value)>,
    /// The result's type.
    pub ty: Option<Type>,
    /// Where the statement starts in its source.
    pub at: Position,
}

/// One operand of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// `%3`
    Value(ValueId),
    /// `@layers.0.gamma`
    Symbol(String),
    /// `17`
    Int(i64),
    /// `"layer.0"`
    Text(String),
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `true`
    Bool(bool),
    /// `17`
    Int(i64),
    /// `1e-6`
    Float(f64),
    /// `"text"`
    Text(String),
    /// `late` (a bare word) for choices
    Word(String),
    /// `@name`
    Symbol(String),
    /// `[1, 2]`
    List(Vec<Value>),
}

/// `s24[160] * 2^-16`: element, shape, and the real value of one unit where it is an integer.
#[derive(Debug, Clone, PartialEq)]
pub struct Type {
    /// `f32`, `s24`, ...
    pub elem: String,
    /// Outermost dimension first.
    pub shape: Vec<usize>,
    /// Real value = integer × scale.
    pub scale: Option<f64>,
}

/// A place in a source text, from 1; 0 where there is no source. All places are equal to each other, so that
/// trees compare by what they say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl PartialEq for Position {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Text that does not say a module.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}:{}: {message}", at.line, at.column)]
pub struct ParseError {
    /// Where.
    pub at: Position,
    /// What was expected and what was found.
    pub message: String,
}

impl ParseError {
    /// An error at a place.
    pub fn new(at: Position, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}
