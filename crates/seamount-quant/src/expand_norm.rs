//! `expand-norm`: a norm as what a neuromorphic engineer draws, a sum of squares and its inverse root.

use std::collections::BTreeMap;

use seamount_ir::model::Op;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::tensor::Tensor;
use seamount_ir::{Module, ValueId};

use crate::rewrite::Rewrite;

/// What is known of `expand-norm`.
pub static INFO: PassInfo = PassInfo {
    name: "expand-norm",
    description: "Writes rms_norm as mean_square, inv_sqrt and products, so that norms of one vector share the root.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `rms_norm(x, γ, ε)` → `multiply(affine(x, γ), inv_sqrt(mean_square(x), ε))`.
///
/// Norms of the same vector with the same ε share one root. Where `x` is itself `affine(z, a)` without a bias, the two
/// factors of a channel become one, `affine(z, a·γ)`; the mean square stays that of `x`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExpandNorm;

impl Pass for ExpandNorm {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        let mut roots: BTreeMap<(ValueId, u64), ValueId> = BTreeMap::new();
        for value in rewrite.order() {
            let Op::RmsNorm { weight, eps } = rewrite.op(value).clone() else {
                rewrite.copy(value);
                continue;
            };
            let x = rewrite.operands(value)[0];
            let width = rewrite.new.width(x);
            let root = *roots.entry((x, eps.to_bits())).or_insert_with(|| {
                let mean_square = rewrite.emit(value, Op::MeanSquare, &[x], 1);
                rewrite.emit(value, Op::InvSqrt { eps }, &[mean_square], 1)
            });
            let (operand, scale) = scaled(&mut rewrite, x, &weight)?;
            tracing::debug!(pass = INFO.name, %value, weight, scale, "expanded");
            let scaled = rewrite.emit(value, Op::Affine { scale, bias: None }, &[operand], width);
            let normalized = rewrite.emit(value, Op::Multiply, &[scaled, root], width);
            rewrite.set(value, normalized);
        }
        Ok(rewrite.finish())
    }
}

/// What to multiply by which constant, so that the product is `x · weight`.
fn scaled(rewrite: &mut Rewrite, x: ValueId, weight: &str) -> Result<(ValueId, String), PassError> {
    let Op::Affine { scale, bias: None } = rewrite.new.graph.node(x).op.clone() else {
        return Ok((x, weight.to_owned()));
    };
    let (inner, outer) = (rewrite.floats(&scale)?, rewrite.floats(weight)?);
    let product: Vec<f32> = inner.iter().zip(&outer).map(|(a, b)| a * b).collect();
    let name = rewrite.constant(&format!("{weight}.folded"), Tensor::f32(vec![product.len()], &product));
    Ok((rewrite.new.graph.operands(x)[0], name))
}
