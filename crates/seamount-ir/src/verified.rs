//! The proof that a verifier accepted something.

use std::fmt;
use std::ops::Deref;

/// A value that its level's verifier accepted. Later stages demand it, so that nothing unchecked reaches them.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    pub(crate) fn assume(value: T) -> Self {
        Self(value)
    }

    /// Gives the value back for changing; it must be verified again.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// One broken rule: its stable id, where, and what was expected and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule's id, as listed at the head of the level's verifier.
    pub rule: &'static str,
    /// The value, constant, group or projection at which it broke, in text form.
    pub at: String,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.at, self.message, self.rule)
    }
}

/// All the rules that something breaks, in the order of its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} broken rule(s):\n{}", .0.len(), itertools::join(.0, "\n"))]
pub struct Violations(pub Vec<Violation>);

/// Collects violations while a verifier walks its level.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Violation>);

impl Findings {
    pub(crate) fn add(&mut self, rule: &'static str, at: impl fmt::Display, message: impl Into<String>) {
        self.0.push(Violation { rule, at: at.to_string(), message: message.into() });
    }

    pub(crate) fn require(
        &mut self,
        holds: bool,
        rule: &'static str,
        at: impl fmt::Display,
        message: impl FnOnce() -> String,
    ) {
        if !holds {
            self.add(rule, at, message());
        }
    }

    pub(crate) fn into_result(self) -> Result<(), Violations> {
        if self.0.is_empty() { Ok(()) } else { Err(Violations(self.0)) }
    }
}
