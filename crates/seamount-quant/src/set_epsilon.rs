//! `set-epsilon`: one epsilon for all norms.

use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

/// What is known of `set-epsilon`.
pub static INFO: PassInfo = PassInfo {
    name: "set-epsilon",
    description: "Gives every norm the same epsilon, large enough to be represented in fixed point.",
    from: Level::Model,
    to: Level::Model,
    options: &[("value", "0.001", "the epsilon, added to mean squares")],
};

/// Replaces the epsilon of every norm and inverse root. The paper's authors used 1e-3.
#[derive(Debug, Clone, Copy)]
pub struct SetEpsilon {
    /// Added to mean squares.
    pub value: f64,
}

impl SetEpsilon {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and an epsilon that is not between 0 and 1.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let value = options.float("value")?.unwrap_or(1e-3);
        if !(0.0..=1.0).contains(&value) {
            return Err(options.error(format!("`value` is {value}, not in 0 to 1")));
        }
        options.finish()?;
        Ok(Box::new(Self { value }))
    }
}

impl Pass for SetEpsilon {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Model(mut model) = module else { return Err(PassError::level(&INFO, &module)) };
        for value in model.graph.in_order() {
            if let Op::RmsNorm { eps, .. } | Op::InvSqrt { eps } = &mut model.graph.node_mut(value).op {
                *eps = self.value;
            }
        }
        Ok(Module::Model(model))
    }
}
