//! `split-projections`: one matrix for each consumer of its rows.

use std::collections::BTreeSet;

use seamount_ir::model::{Op, WeightRule};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::{Module, ValueId};

use crate::config::ROWS;
use crate::rewrite::Rewrite;

/// What is known of `split-projections`.
pub static INFO: PassInfo = PassInfo {
    name: "split-projections",
    description: "Gives each slice of a linear layer its own rows of the matrix, so that slices vanish.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[],
};

/// `slice(linear(x, W))` → `linear(x, rows of W)`, where slices are all that uses the layer.
///
/// The rows share the scale of the whole matrix, so the ternary rule must have been applied before: a layer with the
/// rule stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct SplitProjections;

impl Pass for SplitProjections {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let mut rewrite = Rewrite::new(&INFO, module)?;
        let sliced: BTreeSet<ValueId> = rewrite.order().into_iter().filter(|&v| only_sliced(&rewrite, v)).collect();
        for value in rewrite.order() {
            let Op::Slice { start } = *rewrite.op(value) else {
                rewrite.copy(value);
                continue;
            };
            let whole = rewrite.old.graph.operands(value)[0];
            if !sliced.contains(&whole) {
                rewrite.copy(value);
                continue;
            }
            let Op::Linear { weight, rule } = rewrite.op(whole).clone() else {
                rewrite.copy(value);
                continue;
            };
            let width = rewrite.old.width(value);
            let rows = rewrite.new.constants[&weight].rows(start, width).map_err(PassError::constant(&weight))?;
            let name = rewrite.constant(&name_of_rows(&weight, start, start + width), rows);
            tracing::debug!(pass = INFO.name, %value, weight, rows = name, "the slice has its own rows");
            let x = rewrite.operands(whole)[0];
            let split = rewrite.emit(value, Op::Linear { weight: name, rule }, &[x], width);
            rewrite.set(value, split);
        }
        Ok(rewrite.finish())
    }
}

/// The name of rows `start..end`; what stands before `.weight` names the layer, so the rows are put there.
fn name_of_rows(weight: &str, start: usize, end: usize) -> String {
    match weight.strip_suffix(".weight") {
        Some(layer) => format!("{layer}{ROWS}{start}-{end}.weight"),
        None => format!("{weight}{ROWS}{start}-{end}"),
    }
}

/// Whether a value is a linear layer that only slices use, and whose rows can stand alone.
fn only_sliced(rewrite: &Rewrite, value: ValueId) -> bool {
    let Op::Linear { weight, rule } = rewrite.op(value) else { return false };
    let users = rewrite.old.graph.users(value);
    if rewrite.is_output(value) || !users.iter().all(|&user| matches!(rewrite.op(user), Op::Slice { .. })) {
        return false;
    }
    match rule {
        WeightRule::AsIs => true,
        WeightRule::AbsmeanTernary => {
            let why = "the rows share the whole matrix's ternary scale: run `ternarize` first";
            tracing::debug!(pass = INFO.name, %value, weight, "not split: {why}");
            false
        }
    }
}
