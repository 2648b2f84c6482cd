//! The registry of all passes, and running them one after the other.

use std::time::Instant;

use seamount_ir::Module;
use seamount_ir::pass::{Pass, PassError, Registered};
use seamount_ir::syntax::{ParseError, Position, parse_passes};

/// All passes there are, in the order in which a model meets them.
pub fn all() -> Vec<Registered> {
    let mut passes = seamount_quant::registry::passes();
    passes.extend(seamount_lower::passes());
    passes
}

/// Passes to be run in order.
#[derive(Debug, Default)]
pub struct Pipeline(pub Vec<Box<dyn Pass>>);

impl Pipeline {
    /// Reads a list such as `fold-double-norm, quantize{payload_bits = 8}`.
    ///
    /// # Errors
    /// Where the text is no such list, a pass is unknown (with the nearest name), or an option is.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let registry = all();
        let make = |(name, options): (String, _)| match registry.iter().find(|pass| pass.info.name == name) {
            Some(pass) => (pass.make)(options),
            None => {
                let names = registry.iter().map(|pass| pass.info.name);
                let nearest = seamount_ir::syntax::nearest(&name, names).unwrap_or_default();
                let message = format!("unknown pass `{name}`; did you mean `{nearest}`?");
                Err(ParseError::new(Position { line: 1, column: 1 }, message))
            }
        };
        parse_passes(text)?.into_iter().map(make).collect::<Result<_, _>>().map(Self)
    }

    /// Runs the passes, verifies after each, and shows each result to `after`.
    ///
    /// # Errors
    /// Where a pass cannot run, or leaves a module that breaks the rules of its level.
    pub fn run(&self, mut module: Module, mut after: impl FnMut(&str, &Module)) -> Result<Module, FailedPass> {
        for pass in &self.0 {
            let name = pass.info().name;
            let failed = |source| FailedPass { pass: name, source };
            tracing::debug!(pass = name, "runs");
            let begun = Instant::now();
            module = pass.run(module).map_err(failed)?;
            module = module.verify().map_err(|violations| failed(violations.into()))?;
            tracing::debug!(pass = name, seconds = begun.elapsed().as_secs_f64(), "ran");
            after(name, &module);
        }
        Ok(module)
    }
}

/// A pass that could not run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("pass `{pass}`: {source}")]
pub struct FailedPass {
    /// Its name.
    pub pass: &'static str,
    /// Why.
    pub source: PassError,
}
