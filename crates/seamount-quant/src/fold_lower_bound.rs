//! `fold-lower-bound`: the bound of the forget gate is known at compile time.

use seamount_ir::Module;
use seamount_ir::model::{Op, rules};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::tensor::Tensor;

use crate::rewrite::Rewrite;

/// What is known of `fold-lower-bound`.
pub static INFO: PassInfo = PassInfo {
    name: "fold-lower-bound",
    description: "Computes the lower bounds of forget gates, so that a bound is one product and one sum a channel.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `lower_bound(x, bounds, row)` → `affine(x, 1 - b, b)`; nothing at all for row 0, whose bound is zero.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldLowerBound;

impl Pass for FoldLowerBound {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        for value in rewrite.order() {
            let Op::LowerBound { bounds, layer: row } = rewrite.op(value).clone() else {
                rewrite.copy(value);
                continue;
            };
            let x = rewrite.operands(value)[0];
            if row == 0 {
                tracing::debug!(pass = INFO.name, %value, "row 0 is no bound");
                rewrite.set(value, x);
                continue;
            }
            let width = rewrite.old.width(value);
            let bias = rules::lower_bound(&rewrite.floats(&bounds)?, width, row);
            let scale: Vec<f32> = bias.iter().map(|b| 1.0 - b).collect();
            tracing::debug!(pass = INFO.name, %value, bounds, row, "computed");
            let scale = rewrite.constant(&format!("{bounds}.{row}.scale"), Tensor::f32(vec![width], &scale));
            let bias = rewrite.constant(&format!("{bounds}.{row}.bias"), Tensor::f32(vec![width], &bias));
            rewrite.copy_as(value, Op::Affine { scale, bias: Some(bias) });
        }
        Ok(rewrite.finish())
    }
}
