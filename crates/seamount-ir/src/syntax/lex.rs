//! Text to tokens.

use super::{ParseError, Position};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'t> {
    Word(&'t str),
    Symbol(&'t str),
    Value(u32),
    Number(&'t str),
    Text(String),
    Digest([u8; 32]),
    Punct(char),
    End,
}

impl Token<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Symbol(name) => format!("`@{name}`"),
            Token::Value(id) => format!("`%{id}`"),
            Token::Number(text) => format!("`{text}`"),
            Token::Text(text) => format!("{text:?}"),
            Token::Digest(_) => "a digest".into(),
            Token::Punct(c) => format!("`{c}`"),
            Token::End => "the end of the text".into(),
        }
    }
}

pub(super) fn lex(text: &str) -> Result<Vec<(Position, Token<'_>)>, ParseError> {
    let mut lexer = Lexer { text, rest: text, line: 1, column: 1, counted: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let at = lexer.position();
        let token = lexer.next(at)?;
        let done = token == Token::End;
        tokens.push((at, token));
        if done {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    rest: &'t str,
    line: u32,
    /// The column of byte `counted`.
    column: u32,
    counted: usize,
}

impl<'t> Lexer<'t> {
    fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn position(&mut self) -> Position {
        let passed = self.text[self.counted..self.offset()].chars().count();
        self.column = self.column.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.counted = self.offset();
        Position { line: self.line, column: self.column }
    }

    fn skip_blank(&mut self) {
        loop {
            if let Some(after) = self.rest.strip_prefix('\n') {
                self.rest = after;
                self.line += 1;
                (self.column, self.counted) = (1, self.offset());
            } else if self.rest.starts_with("//") {
                self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
            } else if let Some(after) = self.rest.strip_prefix(char::is_whitespace) {
                self.rest = after;
            } else {
                return;
            }
        }
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn next(&mut self, at: Position) -> Result<Token<'t>, ParseError> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        let after = &self.rest[first.len_utf8()..];
        match first {
            '%' => {
                self.rest = after;
                let digits = self.take_while(|c| c.is_ascii_digit());
                digits.parse().map(Token::Value).map_err(|_| ParseError::new(at, "expected a number after `%`"))
            }
            '@' => {
                self.rest = after;
                let name = self.take_while(is_name);
                if name.is_empty() {
                    return Err(ParseError::new(at, "expected a name after `@`"));
                }
                Ok(Token::Symbol(name))
            }
            '"' => {
                self.rest = after;
                self.text_literal(at)
            }
            '0'..='9' | '-' | '+' => {
                Ok(Token::Number(self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))))
            }
            '_' | 'a'..='z' | 'A'..='Z' => {
                if let Some(hex) = self.rest.strip_prefix("sha256:") {
                    self.rest = hex;
                    return self.digest(at);
                }
                Ok(Token::Word(self.take_while(is_name)))
            }
            '{' | '}' | '[' | ']' | '(' | ')' | ',' | '=' | ':' | '*' | '^' => {
                self.rest = after;
                Ok(Token::Punct(first))
            }
            other => Err(ParseError::new(at, format!("unexpected character {other:?}"))),
        }
    }

    fn text_literal(&mut self, at: Position) -> Result<Token<'t>, ParseError> {
        let mut out = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[offset + 1..];
                    return Ok(Token::Text(out));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, escaped @ ('"' | '\\'))) => out.push(escaped),
                    _ => return Err(ParseError::new(at, "a text may escape only `\\\"`, `\\\\` and `\\n`")),
                },
                '\n' => break,
                c => out.push(c),
            }
        }
        Err(ParseError::new(at, "the text has no closing quote on its line"))
    }

    fn digest(&mut self, at: Position) -> Result<Token<'t>, ParseError> {
        let hex = self.take_while(|c| c.is_ascii_hexdigit());
        let mut digest = [0; 32];
        if hex.len() != 64 {
            return Err(ParseError::new(at, format!("a sha256 digest has 64 hexadecimal digits, found {}", hex.len())));
        }
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok()).unwrap_or(0);
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        Ok(Token::Digest(digest))
    }
}

/// Whether a character may be part of a word or of a constant's name.
pub(crate) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/')
}
