//! `fold-double-norm`: of two norms in a row only the second needs a root.

use std::collections::BTreeMap;

use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::{Module, ValueId};

use crate::rewrite::Rewrite;

/// What is known of `fold-double-norm`.
pub static INFO: PassInfo = PassInfo {
    name: "fold-double-norm",
    description: "Replaces the first of two consecutive norms by its channel weights: its scalar cancels in the second.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `rms_norm(rms_norm(x, γ1, ε1), γ2, ε2)` → `rms_norm(affine(x, γ1), γ2, ε1·ε2)`.
///
/// With `r² = 1/(mean(x²) + ε1)` the left side is `x·γ1·γ2 / sqrt(mean((x·γ1)²) + ε2/r²)`, and
/// `ε2/r² = ε2·mean(x²) + ε1·ε2`. The constant part is kept, which makes both sides equal for small `x`; the other
/// part is dropped, which changes the result by the factor `1 + δ/2` with
/// `δ ≤ ε2·mean(x²)/mean((x·γ1)²)`, which is `ε2` divided by the mean square of `γ1`, weighted with `x²`.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldDoubleNorm;

impl Pass for FoldDoubleNorm {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        let mut weighted: BTreeMap<ValueId, ValueId> = BTreeMap::new();
        for value in rewrite.order() {
            let Op::RmsNorm { weight, eps } = rewrite.op(value).clone() else {
                rewrite.copy(value);
                continue;
            };
            let inner = rewrite.operands(value)[0];
            let Op::RmsNorm { weight: inner_weight, eps: inner_eps } = rewrite.new.graph.node(inner).op.clone() else {
                rewrite.copy(value);
                continue;
            };
            tracing::debug!(pass = INFO.name, %value, inner_weight, weight, "two norms became one");
            let (x, width) = (rewrite.new.graph.operands(inner)[0], rewrite.new.width(inner));
            let x = *weighted
                .entry(inner)
                .or_insert_with(|| rewrite.emit(value, Op::Affine { scale: inner_weight, bias: None }, &[x], width));
            let norm = rewrite.emit(value, Op::RmsNorm { weight, eps: inner_eps * eps }, &[x], width);
            rewrite.set(value, norm);
        }
        Ok(rewrite.finish())
    }
}
