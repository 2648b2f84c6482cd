//! What each value of a model is called outside of it, whatever its number is.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use seamount_ir::ValueId;
use seamount_ir::model::{Model, Op};

/// The name of every value, in the order of the graph: what `ranges` of a checkpoint's `quantization_config` go by.
///
/// By the first of these rules that applies:
/// 1. A named output has its name: `layer.0`, `state.0`, `logits`.
/// 2. The operand of a linear layer is that layer's `input`: `layers.0.attn.i_proj.input`; of several that read it, the
///    first one's.
/// 3. What has a matrix, a table or channel factors is called as they are: `layers.0.attn.i_proj`, `embeddings`,
///    `layers.0.attn.g_norm`.
/// 4. Anything else is called after its first operand and its operation: `layers.0.attn.f_proj.multiply.sigmoid`.
///
/// A name that is taken is followed by `.2`, `.3`, ...
pub fn value_names(model: &Model) -> IndexMap<ValueId, String> {
    let graph = &model.graph;
    let mut given: BTreeMap<ValueId, String> = BTreeMap::new();
    for value in graph.in_order() {
        if let Op::Linear { weight, .. } = &graph.node(value).op {
            given.entry(graph.operands(value)[0]).or_insert_with(|| format!("{}.input", whole_matrix(weight)));
        }
    }
    given.extend(model.outputs.iter().map(|(name, &value)| (value, name.clone())));
    let mut names: IndexMap<ValueId, String> = IndexMap::new();
    let mut taken: BTreeSet<String> = given.values().cloned().collect();
    for value in graph.in_order() {
        let name = match given.get(&value) {
            Some(name) => name.clone(),
            None => {
                let op = &graph.node(value).op;
                let base = match op.constants().first() {
                    Some(constant) => constant.replace(".weight", ""),
                    None => format!("{}.{}", names[&graph.operands(value)[0]], op.name()),
                };
                let numbered = (2..).map(|n| format!("{base}.{n}"));
                let fresh = std::iter::once(base.clone()).chain(numbered).find(|name| !taken.contains(name));
                fresh.expect("invariant: there are more numbers than values")
            }
        };
        taken.insert(name.clone());
        names.insert(value, name);
    }
    names
}

/// The layer's name of a matrix or of some of its rows.
fn whole_matrix(weight: &str) -> &str {
    let layer = weight.strip_suffix(".weight").unwrap_or(weight);
    match layer.rsplit_once('.') {
        Some((whole, rows)) if rows.starts_with("rows-") => whole,
        _ => layer,
    }
}
