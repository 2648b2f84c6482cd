//! `fold-gate-norm`: a norm inside a product that is normalized again needs no root.

use std::collections::BTreeMap;

use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::{Module, ValueId};

use crate::rewrite::Rewrite;

/// What is known of `fold-gate-norm`.
pub static INFO: PassInfo = PassInfo {
    name: "fold-gate-norm",
    description: "Replaces a norm by its channel weights where only a product uses it that is normalized next.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `rms_norm(multiply(rms_norm(g, γ1, ε1), u), γ2, ε2)` → `rms_norm(multiply(affine(g, γ1), u), γ2, ε1·ε2)`.
///
/// The scalar of the inner norm is a factor of the whole product and cancels in the outer norm. ε is carried as in
/// [`fold-double-norm`](crate::fold_double_norm::FoldDoubleNorm): what is dropped changes the result by the factor
/// `1 + δ/2` with `δ ≤ ε2·mean(g²)/mean((g·γ1·u)²)`, which is small unless `u` vanishes.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldGateNorm;

impl Pass for FoldGateNorm {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        // Products by what they were emitted as, to the product without the norms and the product of their epsilons.
        let mut folded: BTreeMap<ValueId, (ValueId, f64)> = BTreeMap::new();
        for value in rewrite.order() {
            let Op::RmsNorm { weight, eps } = rewrite.op(value).clone() else {
                rewrite.copy(value);
                continue;
            };
            let product = rewrite.operands(value)[0];
            let (x, inner_eps) = match folded.get(&product) {
                Some(&known) => known,
                None => {
                    let Some(found) = without_norms(&mut rewrite, value, product) else {
                        rewrite.copy(value);
                        continue;
                    };
                    folded.insert(product, found);
                    found
                }
            };
            tracing::debug!(pass = INFO.name, %value, weight, "the norm inside the product cancels");
            let width = rewrite.old.width(value);
            let norm = rewrite.emit(value, Op::RmsNorm { weight, eps: inner_eps * eps }, &[x], width);
            rewrite.set(value, norm);
        }
        Ok(rewrite.finish())
    }
}

/// The product over the channel weights of the norms that it multiplies, and the product of their epsilons.
fn without_norms(rewrite: &mut Rewrite, near: ValueId, product: ValueId) -> Option<(ValueId, f64)> {
    if rewrite.new.graph.node(product).op != Op::Multiply {
        return None;
    }
    let width = rewrite.new.width(product);
    let mut operands = rewrite.new.graph.operands(product).to_vec();
    let mut epsilon = None;
    for operand in &mut operands {
        let Op::RmsNorm { weight, eps } = rewrite.new.graph.node(*operand).op.clone() else { continue };
        // The norm of a single channel is a scalar of the product, not its vector.
        if rewrite.new.width(*operand) != width {
            continue;
        }
        let inner = rewrite.new.graph.operands(*operand)[0];
        *operand = rewrite.emit(near, Op::Affine { scale: weight, bias: None }, &[inner], width);
        epsilon = Some(epsilon.unwrap_or(1.0) * eps);
    }
    let epsilon = epsilon?;
    Some((rewrite.emit(near, Op::Multiply, &operands, width), epsilon))
}
