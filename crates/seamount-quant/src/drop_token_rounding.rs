//! `drop-token-rounding`: no neuron knows the largest magnitude of a token.

use seamount_ir::Module;
use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};

use crate::rewrite::Rewrite;

/// What is known of `drop-token-rounding`.
pub static INFO: PassInfo = PassInfo {
    name: "drop-token-rounding",
    description: "Removes rounding to each token's own scale; quantization rounds to static scales instead.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `round_per_token(x)` → `x`. Changes results by the rounding of the published model, which has the more error.
#[derive(Debug, Clone, Copy, Default)]
pub struct DropTokenRounding;

impl Pass for DropTokenRounding {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        for value in rewrite.order() {
            if matches!(rewrite.op(value), Op::RoundPerToken { .. }) {
                tracing::debug!(pass = INFO.name, %value, "removed");
                let x = rewrite.operands(value)[0];
                rewrite.set(value, x);
            } else {
                rewrite.copy(value);
            }
        }
        Ok(rewrite.finish())
    }
}
