//! Typed access to what stands in a tree: each key is taken once, what is left is an error.

use super::{Block, Operand, ParseError, Position, Statement, Value};
use crate::dag::ValueId;

/// The attributes of a block or statement, taken by key. [`Attributes::finish`] refuses what nobody took and names
/// the nearest key that would have been.
#[derive(Debug, Clone)]
pub struct Attributes {
    at: Position,
    left: Vec<(String, Value)>,
    known: Vec<&'static str>,
}

impl Attributes {
    /// The attributes found at a place.
    pub fn new(at: Position, attributes: Vec<(String, Value)>) -> Self {
        Self { at, left: attributes, known: Vec::new() }
    }

    /// Takes a key, if it is there.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let found = self.left.iter().position(|(name, _)| name == key)?;
        Some(self.left.remove(found).1)
    }

    /// Takes an integer of a type and range, if the key is there.
    ///
    /// # Errors
    /// If the value is no integer or does not fit.
    pub fn int<T: TryFrom<i64>>(&mut self, key: &'static str) -> Result<Option<T>, ParseError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Int(value)) => match T::try_from(value) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(self.error(format!("`{key}` is out of range: {value}"))),
            },
            Some(other) => Err(self.error(format!("`{key}` wants an integer, found {other}"))),
        }
    }

    /// Takes a number, if the key is there.
    ///
    /// # Errors
    /// If the value is no number.
    pub fn float(&mut self, key: &'static str) -> Result<Option<f64>, ParseError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Float(value)) => Ok(Some(value)),
            #[expect(clippy::cast_precision_loss, reason = "written integers are small")]
            Some(Value::Int(value)) => Ok(Some(value as f64)),
            Some(other) => Err(self.error(format!("`{key}` wants a number, found {other}"))),
        }
    }

    /// Takes `true` or `false`, if the key is there.
    ///
    /// # Errors
    /// If the value is neither.
    pub fn bool(&mut self, key: &'static str) -> Result<Option<bool>, ParseError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(other) => Err(self.error(format!("`{key}` wants true or false, found {other}"))),
        }
    }

    /// Takes a bare word or a quoted text, if the key is there.
    ///
    /// # Errors
    /// If the value is neither.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, ParseError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Text(value) | Value::Word(value)) => Ok(Some(value)),
            Some(other) => Err(self.error(format!("`{key}` wants a word, found {other}"))),
        }
    }

    /// Takes the name of a constant, if the key is there.
    ///
    /// # Errors
    /// If the value is no `@name`.
    pub fn symbol(&mut self, key: &'static str) -> Result<Option<String>, ParseError> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Symbol(value)) => Ok(Some(value)),
            Some(other) => Err(self.error(format!("`{key}` wants a constant such as `@name`, found {other}"))),
        }
    }

    /// Takes a list of integers, if the key is there.
    ///
    /// # Errors
    /// If the value is no list of integers that fit.
    pub fn ints<T: TryFrom<i64>>(&mut self, key: &'static str) -> Result<Option<Vec<T>>, ParseError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let wrong = |found: &Value| self.error(format!("`{key}` wants a list of integers, found {found}"));
        let Value::List(list) = &value else { return Err(wrong(&value)) };
        list.iter()
            .map(|item| match item {
                Value::Int(int) => T::try_from(*int).map_err(|_| wrong(item)),
                other => Err(wrong(other)),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Takes a list of numbers, if the key is there.
    ///
    /// # Errors
    /// If the value is no list of numbers.
    pub fn floats(&mut self, key: &'static str) -> Result<Option<Vec<f64>>, ParseError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let wrong = |found: &Value| self.error(format!("`{key}` wants a list of numbers, found {found}"));
        let Value::List(list) = &value else { return Err(wrong(&value)) };
        list.iter()
            .map(|item| match item {
                Value::Float(float) => Ok(*float),
                #[expect(clippy::cast_precision_loss, reason = "written integers are small")]
                Value::Int(int) => Ok(*int as f64),
                other => Err(wrong(other)),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Demands a key that was looked for.
    ///
    /// # Errors
    /// If it was not there.
    pub fn require<T>(&self, key: &'static str, value: Option<T>) -> Result<T, ParseError> {
        value.ok_or_else(|| self.error(format!("`{key}` is missing")))
    }

    /// Refuses the keys that nobody took.
    ///
    /// # Errors
    /// The first of them, with the nearest known key.
    pub fn finish(self) -> Result<(), ParseError> {
        let Some((key, _)) = self.left.first() else { return Ok(()) };
        let hint = nearest(key, self.known.iter().copied())
            .map(|name| format!("; did you mean `{name}`?"))
            .unwrap_or_default();
        Err(self.error(format!("unknown attribute `{key}`{hint}")))
    }

    /// An error at the place of the attributes.
    pub fn error(&self, message: String) -> ParseError {
        ParseError::new(self.at, message)
    }
}

/// A statement being read: operands in order, attributes by key.
#[derive(Debug)]
pub struct Reader<'s> {
    statement: &'s Statement,
    next: usize,
    /// The statement's attributes.
    pub attributes: Attributes,
}

impl<'s> Reader<'s> {
    /// Starts at the first operand.
    pub fn new(statement: &'s Statement) -> Self {
        let attributes = Attributes::new(statement.at, statement.attributes.clone());
        Self { statement, next: 0, attributes }
    }

    /// The operation's name.
    pub fn op(&self) -> &'s str {
        &self.statement.op
    }

    /// An error at this statement.
    pub fn error(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(self.statement.at, format!("`{}`: {}", self.statement.op, message.into()))
    }

    /// The next operand, which must be a value.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn value(&mut self) -> Result<ValueId, ParseError> {
        match self.operand()? {
            Operand::Value(value) => Ok(*value),
            other => Err(self.error(format!("expected a value such as `%3`, found {other}"))),
        }
    }

    /// The next operand, which must be a constant's name.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn symbol(&mut self) -> Result<String, ParseError> {
        match self.operand()? {
            Operand::Symbol(name) => Ok(name.clone()),
            other => Err(self.error(format!("expected a constant such as `@name`, found {other}"))),
        }
    }

    /// The next operand, which must be a quoted text.
    ///
    /// # Errors
    /// If it is missing or something else.
    pub fn text(&mut self) -> Result<String, ParseError> {
        match self.operand()? {
            Operand::Text(text) => Ok(text.clone()),
            other => Err(self.error(format!("expected a quoted text, found {other}"))),
        }
    }

    /// The next operand, whatever it is.
    ///
    /// # Errors
    /// If there is none.
    pub fn operand(&mut self) -> Result<&'s Operand, ParseError> {
        let operand = self.statement.operands.get(self.next).ok_or_else(|| self.error("an operand is missing"))?;
        self.next += 1;
        Ok(operand)
    }

    /// Whether operands are left.
    pub fn has_more(&self) -> bool {
        self.next < self.statement.operands.len()
    }

    /// The value that the statement defines.
    ///
    /// # Errors
    /// If it defines none.
    pub fn result(&self) -> Result<ValueId, ParseError> {
        self.statement.result.ok_or_else(|| self.error("gives a value, which needs a name: `%n = …`"))
    }

    /// Refuses operands and attributes that nobody took.
    ///
    /// # Errors
    /// The first of them.
    pub fn finish(self) -> Result<(), ParseError> {
        match self.statement.operands.get(self.next) {
            Some(extra) => Err(self.error(format!("takes no more operands, found {extra}"))),
            None => self.attributes.finish(),
        }
    }
}

impl Block {
    /// The block's attributes, to be taken by key.
    pub fn attributes(&self) -> Attributes {
        Attributes::new(self.at, self.attributes.clone())
    }
}

/// The known word that is the fewest edits away, for error messages.
pub fn nearest<'n>(word: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    known.into_iter().min_by_key(|name| distance(word, name))
}

/// The number of single-character edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
