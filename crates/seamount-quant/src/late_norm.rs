//! `late-norm`: the root arrives behind the projection, not before it.

use seamount_ir::Module;
use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};

use crate::rewrite::Rewrite;

/// What is known of `late-norm`.
pub static INFO: PassInfo = PassInfo {
    name: "late-norm",
    description: "Moves a scalar factor from before a linear layer to behind it, so that the norm's sum hides behind it.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `linear(multiply(v, r))` → `multiply(linear(v), r)` with `r` a scalar: a linear layer is linear.
///
/// The source sends `v` at once, without waiting for `r`; a group that sums squares works at the same time, and its
/// root arrives at the destination one step after the spikes.
#[derive(Debug, Clone, Copy, Default)]
pub struct LateNorm;

impl Pass for LateNorm {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        for value in rewrite.order() {
            let op = rewrite.op(value).clone();
            let operands = rewrite.operands(value);
            let factors = match (&op, operands.first()) {
                (Op::Linear { .. }, Some(&x)) => scalar_product(&rewrite, x),
                _ => None,
            };
            let Some((vector, root)) = factors else {
                rewrite.copy(value);
                continue;
            };
            tracing::debug!(pass = INFO.name, %value, "the scalar factor now follows the linear layer");
            let width = rewrite.old.width(value);
            let sum = rewrite.emit(value, op, &[vector], width);
            let scaled = rewrite.emit(value, Op::Multiply, &[sum, root], width);
            rewrite.set(value, scaled);
        }
        Ok(rewrite.finish())
    }
}

/// The vector and the scalar of a product of the two.
fn scalar_product(rewrite: &Rewrite, x: seamount_ir::ValueId) -> Option<(seamount_ir::ValueId, seamount_ir::ValueId)> {
    if rewrite.new.graph.node(x).op != Op::Multiply || rewrite.new.width(x) == 1 {
        return None;
    }
    let operands = rewrite.new.graph.operands(x);
    let (a, b) = (operands[0], operands[1]);
    match (rewrite.new.width(a), rewrite.new.width(b)) {
        (_, 1) => Some((a, b)),
        (1, _) => Some((b, a)),
        _ => None,
    }
}
