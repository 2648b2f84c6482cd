//! Passes: named steps from a level to itself or to the one below, with options as data.

use std::fmt;

use crate::module::{Level, Module};
use crate::syntax::{Attributes, ParseError};
use crate::tensor::TensorError;
use crate::verified::Violations;

/// What is known of a pass without running it.
#[derive(Debug, Clone, Copy)]
pub struct PassInfo {
    /// Verb-object, as in `fold-double-norm`.
    pub name: &'static str,
    /// One sentence: what it does and why.
    pub description: &'static str,
    /// The level that it reads.
    pub from: Level,
    /// The level that it gives.
    pub to: Level,
    /// Its options: key, default, meaning.
    pub options: &'static [(&'static str, &'static str, &'static str)],
}

/// A step of the compiler.
pub trait Pass: fmt::Debug {
    /// What is known of it.
    fn info(&self) -> &'static PassInfo;

    /// Does it.
    ///
    /// # Errors
    /// Where the module is of another level, lacks data, or has something that the pass cannot honor.
    fn run(&self, module: Module) -> Result<Module, PassError>;
}

/// A pass in a registry: what is known, and how it is made from its options.
#[derive(Debug, Clone, Copy)]
pub struct Registered {
    /// What is known of it.
    pub info: &'static PassInfo,
    /// Makes it; refuses unknown options.
    pub make: fn(Attributes) -> Result<Box<dyn Pass>, ParseError>,
}

/// Why a pass cannot run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PassError {
    /// The module is of another level.
    #[error("`{pass}` runs on the {expected} level, the module is of the {found} level")]
    Level {
        /// The pass.
        pass: &'static str,
        /// What it reads.
        expected: Level,
        /// What it got.
        found: Level,
    },
    /// A constant is missing its data, or is of another type.
    #[error("@{name}: {source}")]
    Constant {
        /// Its name.
        name: String,
        /// Why.
        source: TensorError,
    },
    /// The module breaks rules of its level.
    #[error(transparent)]
    Violations(#[from] Violations),
    /// Something at a place cannot be done.
    #[error("{at}: {message}")]
    Cannot {
        /// The value, constant or group.
        at: String,
        /// What was expected, what was found, what to do.
        message: String,
    },
}

impl PassError {
    /// Something at a place cannot be done.
    pub fn cannot(at: impl fmt::Display, message: impl Into<String>) -> Self {
        PassError::Cannot { at: at.to_string(), message: message.into() }
    }

    /// Wraps a tensor's error with the constant's name.
    pub fn constant(name: &str) -> impl FnOnce(TensorError) -> Self + use<> {
        let name = name.to_owned();
        move |source| PassError::Constant { name, source }
    }

    /// The module is of another level than the pass reads.
    pub fn level(info: &PassInfo, found: &Module) -> Self {
        PassError::Level { pass: info.name, expected: info.from, found: found.level() }
    }
}
