//! Why a description of an architecture was refused.

use thiserror::Error;

/// Why a description of an architecture was refused.
///
/// `line` is the line of the text in which it was found, counted from 1.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ArchError {
    /// The text is not TOML.
    #[error("line {line}: not TOML: {message}")]
    Syntax {
        /// Where.
        line: usize,
        /// What the TOML parser says.
        message: String,
    },
    /// A key that no architecture has.
    #[error("line {line}: unknown key `{key}`; the nearest known one is `{nearest}`")]
    UnknownKey {
        /// Where.
        line: usize,
        /// The key, with its section.
        key: String,
        /// The known key that is most like it.
        nearest: String,
    },
    /// `extends` names no shipped description.
    #[error("line {line}: `extends` names `{name}`, which is not shipped; the nearest shipped one is `{nearest}`")]
    UnknownBase {
        /// Where.
        line: usize,
        /// The name given.
        name: String,
        /// The shipped name that is most like it.
        nearest: String,
    },
    /// No shipped system has this name.
    #[error("no shipped system is called `{name}`; the nearest one is `{nearest}`, all are: {known}")]
    UnknownSystem {
        /// The name given.
        name: String,
        /// The shipped name that is most like it.
        nearest: String,
        /// All shipped names, separated by commas.
        known: String,
    },
    /// A key that must be there is not.
    #[error("line {line}: `{key}` is missing")]
    Missing {
        /// Where the table begins that should have it.
        line: usize,
        /// The key, with its section and parameter.
        key: String,
    },
    /// A parameter is neither in the text nor in what it extends.
    #[error("`{key}` is missing; give it, or extend a shipped description that has it (`extends = \"{base}\"`)")]
    MissingParameter {
        /// The parameter, with its section.
        key: &'static str,
        /// A description that has it.
        base: &'static str,
    },
    /// A value of the wrong type.
    #[error("line {line}: `{key}` must be {expected}, found {found}")]
    Type {
        /// Where.
        line: usize,
        /// The key, with its section.
        key: String,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number outside of its range.
    #[error("line {line}: `{key}` is {found}, must be between {min} and {max} {unit}")]
    Range {
        /// Where.
        line: usize,
        /// The key, with its section.
        key: String,
        /// The number given.
        found: String,
        /// The smallest one allowed.
        min: String,
        /// The largest one allowed.
        max: String,
        /// Of all three.
        unit: &'static str,
    },
    /// A list of widths that does not ascend.
    #[error("line {line}: `{key}` must hold at least one number, each larger than the one before; found {found}")]
    Order {
        /// Where.
        line: usize,
        /// The key, with its section.
        key: String,
        /// The list given.
        found: String,
    },
    /// A word that is not one of those possible.
    #[error("line {line}: `{key}` is \"{found}\", must be one of: {known}")]
    Word {
        /// Where.
        line: usize,
        /// The key, with its section.
        key: String,
        /// The word given.
        found: String,
        /// All words, separated by commas.
        known: String,
    },
    /// A unit other than the parameter's own.
    #[error("line {line}: `{key}` is given in `{found}`, its unit is `{expected}`")]
    Unit {
        /// Where.
        line: usize,
        /// The parameter.
        key: String,
        /// Its unit.
        expected: &'static str,
        /// The unit given.
        found: String,
    },
    /// A name that cannot be typed at a prompt.
    #[error("line {line}: the name \"{name}\" must be lower-case letters, digits and hyphens")]
    Name {
        /// Where.
        line: usize,
        /// The name given.
        name: String,
    },
}
