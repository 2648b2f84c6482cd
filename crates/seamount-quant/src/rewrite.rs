//! Rebuilding a model operation by operation: how every pass of the model level is written.

use std::collections::BTreeMap;

use seamount_ir::model::{Model, Node, Observed, Op};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::tensor::Tensor;
use seamount_ir::{Dag, Module, ValueId};

/// A model being rebuilt. A pass walks [`Rewrite::order`] and for each value either copies its operation or emits
/// others in its place; patterns are matched on what was emitted, so that one rewrite sees the result of another.
#[derive(Debug)]
pub(crate) struct Rewrite {
    /// The model as it was.
    pub(crate) old: Model,
    /// The model as it becomes; it has the constants of the old one from the start.
    pub(crate) new: Model,
    values: BTreeMap<ValueId, ValueId>,
}

impl Rewrite {
    /// Starts from a module that must be a valid model.
    pub(crate) fn new(info: &PassInfo, module: Module) -> Result<Self, PassError> {
        let Module::Model(model) = module else { return Err(PassError::level(info, &module)) };
        let old = model.verify()?.into_inner();
        let new = Model { graph: Dag::default(), outputs: indexmap::IndexMap::new(), ..old.clone() };
        Ok(Self { old, new, values: BTreeMap::new() })
    }

    /// The values of the old model, operands before users.
    pub(crate) fn order(&self) -> Vec<ValueId> {
        self.old.graph.in_order()
    }

    /// The operation of an old value.
    pub(crate) fn op(&self, value: ValueId) -> &Op {
        &self.old.graph.node(value).op
    }

    /// The operands of an old value, as they are in the new model.
    pub(crate) fn operands(&self, value: ValueId) -> Vec<ValueId> {
        self.old.graph.operands(value).iter().map(|operand| self.values[operand]).collect()
    }

    /// Takes over an old value's operation as it is.
    pub(crate) fn copy(&mut self, value: ValueId) {
        let node = self.old.graph.node(value).clone();
        self.put(value, node);
    }

    /// Takes over an old value with another operation over the same operands, which gives the same vector.
    pub(crate) fn copy_as(&mut self, value: ValueId, op: Op) {
        let node = Node { op, ..self.old.graph.node(value).clone() };
        self.put(value, node);
    }

    /// Adds an operation in the layer of an old value. Nothing is known of what it will take in calibration.
    pub(crate) fn emit(&mut self, near: ValueId, op: Op, operands: &[ValueId], width: usize) -> ValueId {
        let layer = self.old.graph.node(near).layer;
        self.new.add(op, operands, width, layer)
    }

    /// Lets a new value stand for an old one, of which it has the same vector, up to rounding.
    pub(crate) fn set(&mut self, old: ValueId, new: ValueId) {
        let observed: Option<Observed> = self.old.graph.node(old).observed;
        let node = self.new.graph.node_mut(new);
        node.observed = node.observed.or(observed);
        self.values.insert(old, new);
    }

    /// Adds a constant under a name like `base` that is free, or the one that is there with the same elements.
    pub(crate) fn constant(&mut self, base: &str, tensor: Tensor) -> String {
        if self.new.constants.get(base) == Some(&tensor) {
            return base.to_owned();
        }
        let name = self.new.fresh_name(base);
        self.new.constants.insert(name.clone(), tensor);
        name
    }

    /// A constant's elements.
    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f32>, PassError> {
        self.new.constants[name].to_f32().map_err(PassError::constant(name))
    }

    /// Whether an old value is a named result of the model.
    pub(crate) fn is_output(&self, value: ValueId) -> bool {
        self.old.outputs.values().any(|&output| output == value)
    }

    /// The new model, without what nothing needs.
    pub(crate) fn finish(mut self) -> Module {
        self.new.outputs = self.old.outputs.iter().map(|(name, value)| (name.clone(), self.values[value])).collect();
        self.new.remove_dead();
        Module::Model(self.new)
    }

    fn put(&mut self, value: ValueId, node: Node) {
        let operands = self.operands(value);
        let new = self.new.graph.add(node, &operands);
        self.values.insert(value, new);
    }
}

/// Makes a pass that has no options.
pub(crate) fn without_options<P: Pass + Default + 'static>(options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
    options.finish()?;
    Ok(Box::new(P::default()))
}
