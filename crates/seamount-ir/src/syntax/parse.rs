//! Tokens to a tree of blocks.

use std::collections::BTreeSet;

use super::lex::{Token, lex};
use super::{Attributes, Block, Operand, ParseError, Position, Statement, Type, Value};
use crate::dag::ValueId;
use crate::tensor::{Digest, Elem, Tensor};

/// Deepest nesting of blocks and lists that is read.
const MAX_DEPTH: u32 = 16;

/// Reads one block: a whole module as text.
///
/// # Errors
/// The first place where the text is not of the syntax.
pub fn parse(text: &str) -> Result<Block, ParseError> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0 };
    let keyword = parser.word("a level (`model`, `fixed` or `network`)")?;
    let block = parser.block(keyword, 0)?;
    match parser.peek() {
        Token::End => Ok(block),
        other => Err(parser.unexpected("nothing after the closing brace", other)),
    }
}

/// Reads a list of passes: `fold-double-norm, calibrate{tokens = [1, 2]}`.
///
/// # Errors
/// The first place where the text is not of the syntax.
pub fn parse_passes(text: &str) -> Result<Vec<(String, Attributes)>, ParseError> {
    let tokens = lex(text)?;
    let mut parser = Parser { tokens: &tokens, next: 0 };
    let mut passes = Vec::new();
    loop {
        let at = parser.at();
        let name = parser.word("a pass")?.to_owned();
        passes.push((name, Attributes::new(at, parser.attributes()?)));
        match parser.peek() {
            Token::End => return Ok(passes),
            _ => parser.expect(',')?,
        }
    }
}

struct Parser<'p, 't> {
    tokens: &'p [(Position, Token<'t>)],
    next: usize,
}

impl<'p, 't> Parser<'p, 't> {
    fn peek(&self) -> &'p Token<'t> {
        &self.tokens[self.next].1
    }

    fn peek_second(&self) -> &'p Token<'t> {
        &self.tokens[(self.next + 1).min(self.tokens.len() - 1)].1
    }

    fn at(&self) -> Position {
        self.tokens[self.next].0
    }

    fn advance(&mut self) -> &'p Token<'t> {
        let token = self.peek();
        if *token != Token::End {
            self.next += 1;
        }
        token
    }

    fn unexpected(&self, expected: &str, found: &Token<'_>) -> ParseError {
        ParseError::new(self.at(), format!("expected {expected}, found {}", found.describe()))
    }

    fn twice(&self, key: &str) -> ParseError {
        ParseError::new(self.at(), format!("`{key}` is given twice"))
    }

    fn accept(&mut self, punct: char) -> bool {
        let found = *self.peek() == Token::Punct(punct);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, punct: char) -> Result<(), ParseError> {
        if self.accept(punct) { Ok(()) } else { Err(self.unexpected(&format!("`{punct}`"), self.peek())) }
    }

    fn word(&mut self, expected: &str) -> Result<&'t str, ParseError> {
        match self.peek() {
            Token::Word(word) => {
                self.advance();
                Ok(word)
            }
            other => Err(self.unexpected(expected, other)),
        }
    }

    /// `"name" { … }`, after the keyword.
    fn block(&mut self, keyword: &str, depth: u32) -> Result<Block, ParseError> {
        let mut block = Block { keyword: keyword.to_owned(), at: self.at(), ..Block::default() };
        if depth == MAX_DEPTH {
            return Err(ParseError::new(self.at(), format!("blocks nest deeper than {MAX_DEPTH}")));
        }
        match self.peek() {
            Token::Text(name) => block.name.clone_from(name),
            other => return Err(self.unexpected("a quoted name", other)),
        }
        self.advance();
        self.expect('{')?;
        let mut constants = BTreeSet::new();
        while !self.accept('}') {
            match (self.peek(), self.peek_second()) {
                (Token::Symbol(name), _) => {
                    if !constants.insert(*name) {
                        return Err(ParseError::new(self.at(), format!("@{name} is defined twice")));
                    }
                    block.constants.push(self.constant()?);
                }
                (Token::Word(key), Token::Punct('=')) => {
                    if block.attributes.iter().any(|(name, _)| name == key) {
                        return Err(self.twice(key));
                    }
                    self.advance();
                    self.advance();
                    block.attributes.push(((*key).to_owned(), self.value(0)?));
                }
                (Token::Word(keyword), Token::Text(_)) if self.opens_block() => {
                    self.advance();
                    block.blocks.push(self.block(keyword, depth + 1)?);
                }
                (Token::Word(_) | Token::Value(_), _) => block.statements.push(self.statement()?),
                (other, _) => return Err(self.unexpected("an attribute, a constant, a statement or `}`", other)),
            }
        }
        Ok(block)
    }

    /// `keyword "name" {` at the end of a line; the attributes of a statement begin on the line of their brace.
    fn opens_block(&self) -> bool {
        match self.tokens.get(self.next + 2..) {
            Some([(brace, Token::Punct('{')), (inside, _), ..]) => inside.line > brace.line,
            _ => false,
        }
    }

    fn constant(&mut self) -> Result<(String, Tensor), ParseError> {
        let Token::Symbol(name) = self.advance() else { return Err(self.unexpected("a constant", self.peek())) };
        self.expect(':')?;
        let at = self.at();
        let ty = self.ty()?;
        let elem = Elem::from_name(&ty.elem)
            .ok_or_else(|| ParseError::new(at, format!("`{}` is no element type of a constant", ty.elem)))?;
        if ty.shape.iter().try_fold(elem.n_bytes(), |n, &dim| n.checked_mul(dim)).is_none() {
            return Err(ParseError::new(at, "a constant of this shape fits no memory"));
        }
        let tensor = match self.peek() {
            Token::Digest(digest) => {
                self.advance();
                Tensor::elided(elem, ty.shape, Digest(*digest))
            }
            Token::Punct('=') => {
                self.advance();
                self.data(elem, ty.shape)?
            }
            other => return Err(self.unexpected("`= [values]` or `sha256:digest`", other)),
        };
        Ok(((*name).to_owned(), tensor.with_scale(ty.scale)))
    }

    fn data(&mut self, elem: Elem, shape: Vec<usize>) -> Result<Tensor, ParseError> {
        let at = self.at();
        let mut bytes = Vec::new();
        self.expect('[')?;
        while !self.accept(']') {
            let at = self.at();
            let Token::Number(text) = self.advance() else { return Err(self.unexpected("a number", self.peek())) };
            encode(elem, text, &mut bytes)
                .ok_or_else(|| ParseError::new(at, format!("`{text}` is not of type {}", elem.name())))?;
            if !self.accept(',') && *self.peek() != Token::Punct(']') {
                return Err(self.unexpected("`,` or `]`", self.peek()));
            }
        }
        Tensor::from_bytes(elem, shape, bytes.into()).map_err(|error| ParseError::new(at, error.to_string()))
    }

    fn statement(&mut self) -> Result<Statement, ParseError> {
        let mut statement = Statement { at: self.at(), ..Statement::default() };
        if let Token::Value(id) = self.peek() {
            self.advance();
            self.expect('=')?;
            statement.result = Some(ValueId(*id));
        }
        self.word("an operation")?.clone_into(&mut statement.op);
        while let Some(operand) = self.operand()? {
            statement.operands.push(operand);
            if !self.accept(',') {
                break;
            }
        }
        statement.attributes = self.attributes()?;
        if self.accept(':') {
            statement.ty = Some(self.ty()?);
        }
        Ok(statement)
    }

    /// `{key = value, …}`, or nothing.
    fn attributes(&mut self) -> Result<Vec<(String, Value)>, ParseError> {
        let mut attributes = Vec::new();
        if !self.accept('{') {
            return Ok(attributes);
        }
        while !self.accept('}') {
            if let Token::Word(key) = self.peek()
                && attributes.iter().any(|(name, _)| name == key)
            {
                return Err(self.twice(key));
            }
            let key = self.word("an attribute")?;
            self.expect('=')?;
            attributes.push((key.to_owned(), self.value(0)?));
            if !self.accept(',') && *self.peek() != Token::Punct('}') {
                return Err(self.unexpected("`,` or `}`", self.peek()));
            }
        }
        Ok(attributes)
    }

    fn operand(&mut self) -> Result<Option<Operand>, ParseError> {
        let operand = match self.peek() {
            Token::Value(id) => {
                // `%3 = …` on the next line is the next statement.
                if *self.peek_second() == Token::Punct('=') {
                    return Ok(None);
                }
                Operand::Value(ValueId(*id))
            }
            Token::Symbol(name) => Operand::Symbol((*name).to_owned()),
            Token::Number(text) => {
                Operand::Int(text.parse().map_err(|_| ParseError::new(self.at(), format!("`{text}` is no integer")))?)
            }
            Token::Text(text) => Operand::Text(text.clone()),
            _ => return Ok(None),
        };
        self.advance();
        Ok(Some(operand))
    }

    fn value(&mut self, depth: u32) -> Result<Value, ParseError> {
        let at = self.at();
        if depth == MAX_DEPTH {
            return Err(ParseError::new(at, format!("lists nest deeper than {MAX_DEPTH}")));
        }
        Ok(match self.advance() {
            Token::Word("true") => Value::Bool(true),
            Token::Word("false") => Value::Bool(false),
            Token::Word(word) => Value::Word((*word).to_owned()),
            Token::Symbol(name) => Value::Symbol((*name).to_owned()),
            Token::Text(text) => Value::Text(text.clone()),
            Token::Number(text) => number(text).ok_or_else(|| ParseError::new(at, format!("`{text}` is no number")))?,
            Token::Punct('[') => {
                let mut list = Vec::new();
                while !self.accept(']') {
                    list.push(self.value(depth + 1)?);
                    if !self.accept(',') && *self.peek() != Token::Punct(']') {
                        return Err(self.unexpected("`,` or `]`", self.peek()));
                    }
                }
                Value::List(list)
            }
            other => return Err(ParseError::new(at, format!("expected a value, found {}", other.describe()))),
        })
    }

    fn ty(&mut self) -> Result<Type, ParseError> {
        let elem = self.word("a type")?.to_owned();
        let mut shape = Vec::new();
        self.expect('[')?;
        while !self.accept(']') {
            match self.peek() {
                Token::Number(text) => shape
                    .push(text.parse().map_err(|_| ParseError::new(self.at(), format!("`{text}` is no dimension")))?),
                other => return Err(self.unexpected("a dimension", other)),
            }
            self.advance();
            if !self.accept(',') && *self.peek() != Token::Punct(']') {
                return Err(self.unexpected("`,` or `]`", self.peek()));
            }
        }
        let scale = if self.accept('*') { Some(self.scale()?) } else { None };
        Ok(Type { elem, shape, scale })
    }

    /// `2^-16` or `1.5e-4`.
    fn scale(&mut self) -> Result<f64, ParseError> {
        let at = self.at();
        let wrong = || ParseError::new(at, "expected a scale such as `2^-16` or `1.5e-4`");
        let Token::Number(base) = self.advance() else { return Err(wrong()) };
        let base: f64 = base.parse().map_err(|_| wrong())?;
        let scale = if self.accept('^') {
            let Token::Number(exponent) = self.advance() else { return Err(wrong()) };
            base.powf(f64::from(exponent.parse::<i32>().map_err(|_| wrong())?))
        } else {
            base
        };
        if scale.is_finite() && scale > 0.0 { Ok(scale) } else { Err(wrong()) }
    }
}

fn number(text: &str) -> Option<Value> {
    if let Ok(int) = text.parse() {
        return Some(Value::Int(int));
    }
    text.parse().ok().filter(|float: &f64| float.is_finite()).map(Value::Float)
}

fn encode(elem: Elem, text: &str, bytes: &mut Vec<u8>) -> Option<()> {
    match elem {
        Elem::F32 => bytes.extend(text.parse::<f32>().ok()?.to_le_bytes()),
        Elem::F16 => bytes.extend(half::f16::from_f32(text.parse().ok()?).to_le_bytes()),
        Elem::Bf16 => bytes.extend(half::bf16::from_f32(text.parse().ok()?).to_le_bytes()),
        Elem::I32 => bytes.extend(text.parse::<i32>().ok()?.to_le_bytes()),
        Elem::I16 => bytes.extend(text.parse::<i16>().ok()?.to_le_bytes()),
        Elem::I8 => bytes.extend(text.parse::<i8>().ok()?.to_le_bytes()),
        Elem::Ternary => {
            bytes.extend(text.parse::<i8>().ok().filter(|value| (-1..=1).contains(value))?.to_le_bytes());
        }
    }
    Some(())
}
