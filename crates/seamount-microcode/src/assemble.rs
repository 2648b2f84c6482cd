//! The assembler: text to a body.
//!
//! ```text
//! .body double        ; a comment
//! .acc a0 sum
//! .param s0 gain
//! .port p0 out
//!
//!     RDC r0, sum     ; or by number: RDC r0, a0
//!     EQ r0, 0
//!     JMP_C.t done
//!     RMW.LD r1, [gain]
//!     MUL_SHR.R r0, r0, r1, #12
//!     SPIKE out, r0
//! done:
//! ```
//!
//! Declarations are numbered from 0 within their kind and say their number; a name may stand for the number after its
//! declaration. Numbers are decimal or, after `0x`, hexadecimal. What the text means is checked here; what the
//! instructions may do is the verifier's.

use std::collections::HashMap;

use thiserror::Error;

use crate::tokens::{Token, tokens};
use crate::{
    AccId, Body, Condition, Instr, Polarity, PortId, ProbeId, Reg, Rounding, Slot, SlotDecl, SlotKind, Src, is_name,
};

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct AssembleError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub kind: AssembleErrorKind,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssembleErrorKind {
    /// Something else was expected.
    #[error("expected {expected}, found {found}")]
    Expected {
        /// What the language has here.
        expected: String,
        /// What the text has here.
        found: String,
    },
    /// No instruction is called so.
    #[error("`{0}` is no instruction")]
    UnknownMnemonic(String),
    /// No directive is called so.
    #[error("`{0}` is no directive; there are .body, .acc, .param, .state, .port and .probe")]
    UnknownDirective(String),
    /// A name that nothing was declared under.
    #[error("no {what} is called `{name}`")]
    UnknownName {
        /// Kind of thing that was looked for.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A name or label that is taken.
    #[error("`{0}` is declared twice")]
    Duplicate(String),
    /// A number that does not fit where it stands.
    #[error("{number} is not within {least} to {greatest}")]
    Range {
        /// The number as written.
        number: String,
        /// The least that fits.
        least: i64,
        /// The greatest that fits.
        greatest: i64,
    },
    /// More instructions than a jump can address.
    #[error("more than 65535 instructions")]
    TooLong,
}

/// Assembles one body.
///
/// # Errors
/// [`AssembleError`] for the first thing that is wrong.
pub fn assemble(text: &str) -> Result<Body, AssembleError> {
    let mut assembler = Assembler::default();
    let mut n_lines = 1;
    for (line, code) in (1..).zip(text.lines()) {
        n_lines = line;
        let tokens = tokens(code);
        let cursor = Cursor { line, end_column: code.chars().count() + 1, tokens: &tokens };
        if !tokens.is_empty() {
            assembler.line(cursor)?;
        }
    }
    assembler.finish(n_lines)
}

#[derive(Default)]
struct Assembler<'a> {
    body: Body,
    has_body: bool,
    labels: HashMap<&'a str, u16>,
    /// Jumps to labels: address of the jump, label, line.
    jumps: Vec<(usize, Token<'a>, usize)>,
}

impl<'a> Assembler<'a> {
    fn line(&mut self, mut cursor: Cursor<'_, 'a>) -> Result<(), AssembleError> {
        if !self.has_body && cursor.peek() != Some(".body") {
            return Err(cursor.expected("`.body` and a name"));
        }
        if cursor.tokens.get(1).is_some_and(|token| token.text == ":") {
            self.label(&mut cursor)?;
        }
        match cursor.peek() {
            None => Ok(()),
            Some(directive) if directive.starts_with('.') => self.directive(&mut cursor, directive),
            Some(mnemonic) => self.instruction(&mut cursor, mnemonic),
        }?;
        cursor.end()
    }

    fn label(&mut self, cursor: &mut Cursor<'_, 'a>) -> Result<(), AssembleError> {
        let here = *cursor;
        let label = cursor.name("a label")?;
        cursor.punctuation(":")?;
        if self.labels.insert(label, self.address(&here)?).is_some() {
            return Err(here.error(AssembleErrorKind::Duplicate(label.to_owned())));
        }
        Ok(())
    }

    fn directive(&mut self, cursor: &mut Cursor<'_, 'a>, directive: &str) -> Result<(), AssembleError> {
        let here = *cursor;
        cursor.advance();
        let (prefix, count) = match directive {
            ".body" if self.has_body => return Err(here.error(AssembleErrorKind::Duplicate(".body".to_owned()))),
            ".body" => {
                self.has_body = true;
                self.body.name = cursor.name("a name")?.to_owned();
                return Ok(());
            }
            ".acc" => (AccId::PREFIX, self.body.accumulators.len()),
            ".param" | ".state" => (Slot::PREFIX, self.body.slots.len()),
            ".port" => (PortId::PREFIX, self.body.ports.len()),
            ".probe" => (ProbeId::PREFIX, self.body.probes.len()),
            other => return Err(here.error(AssembleErrorKind::UnknownDirective(other.to_owned()))),
        };
        if count > usize::from(u8::MAX) {
            let range = AssembleErrorKind::Range { number: count.to_string(), least: 0, greatest: 255 };
            return Err(here.error(range));
        }
        let id = format!("{prefix}{count}");
        if cursor.peek() != Some(id.as_str()) {
            return Err(cursor.expected(&format!("`{id}`, the next number")));
        }
        cursor.advance();
        let name_at = *cursor;
        let name = cursor.name("a name")?;
        let is_taken = match directive {
            ".acc" => self.body.accumulator(name).is_some(),
            ".port" => self.body.port(name).is_some(),
            ".probe" => self.body.probe(name).is_some(),
            _ => self.body.slot(name).is_some(),
        };
        if is_taken {
            return Err(name_at.error(AssembleErrorKind::Duplicate(name.to_owned())));
        }
        let name = name.to_owned();
        match directive {
            ".acc" => self.body.accumulators.push(name),
            ".param" => self.body.slots.push(SlotDecl { name, kind: SlotKind::Param }),
            ".state" => self.body.slots.push(SlotDecl { name, kind: SlotKind::State }),
            ".port" => self.body.ports.push(name),
            _ => self.body.probes.push(name),
        }
        Ok(())
    }

    fn instruction(&mut self, cursor: &mut Cursor<'_, 'a>, mnemonic: &str) -> Result<(), AssembleError> {
        let here = *cursor;
        cursor.advance();
        let instr = match mnemonic {
            "RMW.LD" => {
                let rd = cursor.register()?;
                Instr::RmwLd { rd, slot: self.comma_slot(cursor)? }
            }
            "RMW.ST" => {
                let slot = self.slot(cursor)?;
                Instr::RmwSt { slot, ra: cursor.comma_register()? }
            }
            "RMW.XCHG" => {
                let (rd, slot) = (cursor.register()?, self.comma_slot(cursor)?);
                Instr::RmwXchg { rd, slot, ra: cursor.comma_register()? }
            }
            "RMW.ADD" => {
                let (rd, slot) = (cursor.register()?, self.comma_slot(cursor)?);
                Instr::RmwAdd { rd, slot, ra: cursor.comma_register()? }
            }
            "RDC" => {
                let rd = cursor.register()?;
                cursor.punctuation(",")?;
                let body = &self.body;
                Instr::Rdc {
                    rd,
                    acc: AccId(cursor.numbered("accumulator", AccId::PREFIX, |n| Some(body.accumulator(n)?.0))?),
                }
            }
            "MOV" => {
                let rd = cursor.register()?;
                Instr::Mov { rd, src: cursor.comma_src()? }
            }
            "NEG" => {
                let rd = cursor.register()?;
                Instr::Neg { rd, ra: cursor.comma_register()? }
            }
            "SEL" | "AND" | "OR" | "SHL" | "ADD" | "MIN" | "MUL_SHR" | "MUL_SHR.R" => arithmetic(cursor, mnemonic)?,
            "LT" | "GE" | "EQ" => {
                let (ra, src) = (cursor.register()?, cursor.comma_src()?);
                match mnemonic {
                    "LT" => Instr::Lt { ra, src },
                    "GE" => Instr::Ge { ra, src },
                    _ => Instr::Eq { ra, src },
                }
            }
            "SKP_C.t" => Instr::SkpC { when: Polarity::True },
            "SKP_C.f" => Instr::SkpC { when: Polarity::False },
            "JMP_C.t" => self.jump(cursor, Condition::True)?,
            "JMP_C.f" => self.jump(cursor, Condition::False)?,
            "JMP_C.a" => self.jump(cursor, Condition::Always)?,
            "SPIKE" => {
                let body = &self.body;
                let port = PortId(cursor.numbered("port", PortId::PREFIX, |name| Some(body.port(name)?.0))?);
                Instr::Spike { port, ra: cursor.comma_register()? }
            }
            "PROBE" => {
                let body = &self.body;
                let probe = ProbeId(cursor.numbered("probe", ProbeId::PREFIX, |name| Some(body.probe(name)?.0))?);
                Instr::Probe { probe, ra: cursor.comma_register()? }
            }
            other => return Err(here.error(AssembleErrorKind::UnknownMnemonic(other.to_owned()))),
        };
        self.address(&here)?;
        self.body.instructions.push(instr);
        Ok(())
    }

    fn jump(&mut self, cursor: &mut Cursor<'_, 'a>, when: Condition) -> Result<Instr, AssembleError> {
        let mut target = 0;
        if let Some(address) = cursor.peek().and_then(|text| text.strip_prefix('@')) {
            target = cursor.number(address, 0, u16::MAX.into())?;
            cursor.advance();
        } else {
            let label = cursor.tokens.first().copied();
            cursor.name("a label")?;
            self.jumps.extend(label.map(|label| (self.body.instructions.len(), label, cursor.line)));
        }
        let mut max = None;
        if cursor.peek() == Some("max") {
            cursor.advance();
            max = Some(cursor.number(cursor.peek().unwrap_or_default(), 0, u16::MAX.into())?);
            cursor.advance();
        }
        Ok(Instr::JmpC { when, target, max })
    }

    fn slot(&self, cursor: &mut Cursor<'_, 'a>) -> Result<Slot, AssembleError> {
        cursor.punctuation("[")?;
        let slot = cursor.numbered("slot", Slot::PREFIX, |name| Some(self.body.slot(name)?.0))?;
        cursor.punctuation("]")?;
        Ok(Slot(slot))
    }

    fn comma_slot(&self, cursor: &mut Cursor<'_, 'a>) -> Result<Slot, AssembleError> {
        cursor.punctuation(",")?;
        self.slot(cursor)
    }

    /// The address of the next instruction.
    fn address(&self, cursor: &Cursor<'_, 'a>) -> Result<u16, AssembleError> {
        u16::try_from(self.body.instructions.len()).map_err(|_| cursor.error(AssembleErrorKind::TooLong))
    }

    fn finish(mut self, n_lines: usize) -> Result<Body, AssembleError> {
        if !self.has_body {
            return Err(Cursor { line: n_lines, end_column: 1, tokens: &[] }.expected("`.body` and a name"));
        }
        for (address, label, line) in self.jumps {
            let Some(&at) = self.labels.get(label.text) else {
                let kind = AssembleErrorKind::UnknownName { what: "label", name: label.text.to_owned() };
                return Err(AssembleError { line, column: label.column, kind });
            };
            if let Instr::JmpC { target, .. } = &mut self.body.instructions[address] {
                *target = at;
            }
        }
        Ok(self.body)
    }
}

/// The instructions of the form `OP rd, ra, src`.
fn arithmetic(cursor: &mut Cursor<'_, '_>, mnemonic: &str) -> Result<Instr, AssembleError> {
    let (rd, ra, src) = (cursor.register()?, cursor.comma_register()?, cursor.comma_src()?);
    let mut mul_shr = |rounding| Ok(Instr::MulShr { rd, ra, src, shift: cursor.comma_shift()?, rounding });
    Ok(match mnemonic {
        "SEL" => Instr::Sel { rd, ra, src },
        "AND" => Instr::And { rd, ra, src },
        "OR" => Instr::Or { rd, ra, src },
        "SHL" => Instr::Shl { rd, ra, src },
        "ADD" => Instr::Add { rd, ra, src },
        "MIN" => Instr::Min { rd, ra, src },
        "MUL_SHR" => mul_shr(Rounding::Floor)?,
        _ => mul_shr(Rounding::HalfUp)?,
    })
}

/// What is left of a line.
#[derive(Clone, Copy)]
struct Cursor<'t, 'a> {
    line: usize,
    end_column: usize,
    tokens: &'t [Token<'a>],
}

impl<'a> Cursor<'_, 'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.first().map(|token| token.text)
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.get(1..).unwrap_or_default();
    }

    fn error(&self, kind: AssembleErrorKind) -> AssembleError {
        let column = self.tokens.first().map_or(self.end_column, |token| token.column);
        AssembleError { line: self.line, column, kind }
    }

    fn expected(&self, expected: &str) -> AssembleError {
        let found = self.peek().map_or_else(|| "the end of the line".to_owned(), |text| format!("`{text}`"));
        self.error(AssembleErrorKind::Expected { expected: expected.to_owned(), found })
    }

    fn end(&self) -> Result<(), AssembleError> {
        if self.tokens.is_empty() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    fn punctuation(&mut self, text: &str) -> Result<(), AssembleError> {
        if self.peek() != Some(text) {
            return Err(self.expected(&format!("`{text}`")));
        }
        self.advance();
        Ok(())
    }

    fn name(&mut self, what: &str) -> Result<&'a str, AssembleError> {
        let name = self.peek().filter(|text| is_name(text)).ok_or_else(|| self.expected(what))?;
        self.advance();
        Ok(name)
    }

    fn register(&mut self) -> Result<Reg, AssembleError> {
        self.numbered("register", Reg::PREFIX, |_name| None).map(Reg)
    }

    fn comma_register(&mut self) -> Result<Reg, AssembleError> {
        self.punctuation(",")?;
        self.register()
    }

    /// The number of an operand: after its letter, or looked up by its declared name.
    fn numbered(
        &mut self,
        what: &'static str,
        prefix: char,
        look_up: impl FnOnce(&str) -> Option<u8>,
    ) -> Result<u8, AssembleError> {
        let article = if what.starts_with('a') { "an" } else { "a" };
        let missing = || self.expected(&format!("{article} {what}"));
        let text = self.peek().ok_or_else(missing)?;
        let digits = text.strip_prefix(prefix).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let number = match digits {
            Some(digits) => self.number(digits, 0, u8::MAX.into())?,
            None if is_name(text) && what != "register" => {
                let unknown = AssembleErrorKind::UnknownName { what, name: text.to_owned() };
                look_up(text).ok_or_else(|| self.error(unknown))?
            }
            None => return Err(missing()),
        };
        self.advance();
        Ok(number)
    }

    fn comma_src(&mut self) -> Result<Src, AssembleError> {
        self.punctuation(",")?;
        let text = self.peek().ok_or_else(|| self.expected("a register or a number"))?;
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            let value = self.number(text, -(1 << 23), (1 << 23) - 1)?;
            self.advance();
            return Ok(Src::Imm(value));
        }
        if text.starts_with(Reg::PREFIX) {
            return self.register().map(Src::Reg);
        }
        Err(self.expected("a register or a number"))
    }

    fn comma_shift(&mut self) -> Result<u8, AssembleError> {
        self.punctuation(",")?;
        let digits = self.peek().and_then(|text| text.strip_prefix('#'));
        let shift = self.number(digits.ok_or_else(|| self.expected("`#` and a shift"))?, 0, u8::MAX.into())?;
        self.advance();
        Ok(shift)
    }

    /// Reads `text` as a number within a range that `T` can hold.
    fn number<T: TryFrom<i64>>(&self, text: &str, least: i64, greatest: i64) -> Result<T, AssembleError> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (radix, digits) = digits.strip_prefix("0x").map_or((10, digits), |digits| (16, digits));
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Err(self.expected("a number"));
        }
        let range = || self.error(AssembleErrorKind::Range { number: text.to_owned(), least, greatest });
        let value = sign * i64::from_str_radix(digits, radix).map_err(|_| range())?;
        if !(least..=greatest).contains(&value) {
            return Err(range());
        }
        T::try_from(value).map_err(|_| range())
    }
}
