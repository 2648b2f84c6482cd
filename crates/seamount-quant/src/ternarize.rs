//! `ternarize`: applies the published weight rule once, for good.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use seamount_ir::Module;
use seamount_ir::model::{Op, WeightRule, rules};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::tensor::{Elem, Tensor};

use crate::rewrite::Rewrite;

/// What is known of `ternarize`.
pub static INFO: PassInfo = PassInfo {
    name: "ternarize",
    description: "Stores the weights of linear layers as -1, 0, 1 and a scale, where the published rule says so.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `linear` with the rule `absmean_ternary` → `linear` of a ternary constant with a scale.
///
/// The result is the same to the bit: the rule is what the float interpreter applies. A matrix that only such layers
/// use is replaced under its name; one that is also used as it is (a tied embedding) stays, beside `name.ternary`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ternarize;

impl Pass for Ternarize {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        let used_as_stored = used_as_stored(&rewrite);
        let mut tensors = ternary_tensors(&rewrite)?;
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for value in rewrite.order() {
            let Op::Linear { weight, rule: WeightRule::AbsmeanTernary } = rewrite.op(value).clone() else {
                rewrite.copy(value);
                continue;
            };
            let name = match names.get(&weight) {
                Some(name) => name.clone(),
                None => {
                    let tensor = tensors.remove(&weight).expect("invariant: every such layer's weights were taken");
                    tracing::debug!(pass = INFO.name, weight, scale = tensor.scale(), "ternary");
                    let name = if used_as_stored.contains(&weight) {
                        rewrite.constant(&format!("{weight}.ternary"), tensor)
                    } else {
                        rewrite.new.constants.insert(weight.clone(), tensor);
                        weight.clone()
                    };
                    names.insert(weight, name.clone());
                    name
                }
            };
            rewrite.copy_as(value, Op::Linear { weight: name, rule: WeightRule::AsIs });
        }
        Ok(rewrite.finish())
    }
}

/// The constants that some operation uses without the rule.
fn used_as_stored(rewrite: &Rewrite) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for value in rewrite.order() {
        let op = rewrite.op(value);
        if !matches!(op, Op::Linear { rule: WeightRule::AbsmeanTernary, .. }) {
            names.extend(op.constants().into_iter().map(str::to_owned));
        }
    }
    names
}

/// The ternary weights of all layers with the rule, by their name; matrices are made ternary in parallel.
fn ternary_tensors(rewrite: &Rewrite) -> Result<BTreeMap<String, Tensor>, PassError> {
    let weights: BTreeSet<&str> = rewrite
        .old
        .graph
        .in_order()
        .into_iter()
        .filter_map(|value| match rewrite.op(value) {
            Op::Linear { weight, rule: WeightRule::AbsmeanTernary } => Some(weight.as_str()),
            _ => None,
        })
        .collect();
    let made: Vec<Result<(String, Tensor), PassError>> =
        weights.into_par_iter().map(|weight| Ok((weight.to_owned(), ternary(rewrite, weight)?))).collect();
    made.into_iter().collect()
}

fn ternary(rewrite: &Rewrite, weight: &str) -> Result<Tensor, PassError> {
    let (elements, scale) = rules::absmean_ternary(&rewrite.floats(weight)?);
    let shape = rewrite.new.constants[weight].shape().to_vec();
    Ok(Tensor::i8(Elem::Ternary, shape, &elements).with_scale(Some(f64::from(scale))))
}
