//! A module of any level as one value: what the pass manager and the text tools handle.

use std::fmt;

use crate::fixed::Fixed;
use crate::model::Model;
use crate::network::Network;
use crate::syntax::{self, Block, DEFAULT_ELIDE_ABOVE, ParseError, Print};
use crate::verified::Violations;

/// The levels, top down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Floats.
    Model,
    /// Exact integers.
    Fixed,
    /// Neuron groups.
    Network,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Model => "model",
            Level::Fixed => "fixed",
            Level::Network => "network",
        })
    }
}

/// A module of some level.
#[derive(Debug, Clone)]
pub enum Module {
    /// Floats.
    Model(Model),
    /// Exact integers.
    Fixed(Fixed),
    /// Neuron groups.
    Network(Network),
}

impl Module {
    /// The level.
    pub fn level(&self) -> Level {
        match self {
            Module::Model(_) => Level::Model,
            Module::Fixed(_) => Level::Fixed,
            Module::Network(_) => Level::Network,
        }
    }

    /// Reads a module of whichever level the text says.
    ///
    /// # Errors
    /// The first place where the text is not of its level.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let block = syntax::parse(text)?;
        match block.keyword.as_str() {
            "model" => Model::from_block(&block).map(Module::Model),
            "fixed" => Fixed::from_block(&block).map(Module::Fixed),
            "network" => Network::from_block(&block).map(Module::Network),
            other => {
                let message = format!("expected a level (`model`, `fixed` or `network`), found `{other}`");
                Err(ParseError::new(block.at, message))
            }
        }
    }

    /// The syntax tree.
    pub fn to_block(&self) -> Block {
        match self {
            Module::Model(model) => model.to_block(),
            Module::Fixed(fixed) => fixed.to_block(),
            Module::Network(network) => network.to_block(),
        }
    }

    /// The canonical text, with constants of more elements than `elide_above` as digests.
    pub fn to_text(&self, elide_above: usize) -> String {
        Print { block: &self.to_block(), elide_above }.to_string()
    }

    /// Checks the level's rules.
    ///
    /// # Errors
    /// All the rules that are broken.
    pub fn verify(self) -> Result<Self, Violations> {
        Ok(match self {
            Module::Model(model) => Module::Model(model.verify()?.into_inner()),
            Module::Fixed(fixed) => Module::Fixed(fixed.verify()?.into_inner()),
            Module::Network(network) => Module::Network(network.verify()?.into_inner()),
        })
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(DEFAULT_ELIDE_ABOVE))
    }
}
