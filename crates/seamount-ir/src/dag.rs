//! An acyclic graph of operations with ordered operands.
//!
//! **Invariant:** operand order lives in the node; the edges of the underlying petgraph only answer "who uses this".

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;

use petgraph::Direction;
use petgraph::stable_graph::{NodeIndex, StableDiGraph};

/// A value: the result of one operation. Displays as `%12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

impl fmt::Display for ValueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "%{}", self.0)
    }
}

#[derive(Debug, Clone)]
struct Entry<N> {
    node: N,
    operands: Vec<ValueId>,
}

/// Nodes of type `N`, each with an ordered list of operands.
#[derive(Debug, Clone)]
pub struct Dag<N> {
    graph: StableDiGraph<Entry<N>, ()>,
}

impl<N> Default for Dag<N> {
    fn default() -> Self {
        Self { graph: StableDiGraph::new() }
    }
}

impl<N> Dag<N> {
    /// Adds a node over existing operands and returns its value.
    pub fn add(&mut self, node: N, operands: &[ValueId]) -> ValueId {
        let index = self.graph.add_node(Entry { node, operands: operands.to_vec() });
        self.link(index);
        id(index)
    }

    /// The number of nodes.
    pub fn len(&self) -> usize {
        self.graph.node_count()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the value exists.
    pub fn contains(&self, value: ValueId) -> bool {
        self.graph.contains_node(index(value))
    }

    /// The node that defines a value.
    ///
    /// # Panics
    /// If the value was removed: that is a bug of the caller.
    pub fn node(&self, value: ValueId) -> &N {
        &self.graph.node_weight(index(value)).expect("invariant: the value exists").node
    }

    /// The node that defines a value, for changing it in place.
    ///
    /// # Panics
    /// If the value was removed: that is a bug of the caller.
    pub fn node_mut(&mut self, value: ValueId) -> &mut N {
        &mut self.graph.node_weight_mut(index(value)).expect("invariant: the value exists").node
    }

    /// The operands of a value, in order.
    ///
    /// # Panics
    /// If the value was removed: that is a bug of the caller.
    pub fn operands(&self, value: ValueId) -> &[ValueId] {
        &self.graph.node_weight(index(value)).expect("invariant: the value exists").operands
    }

    /// Gives a value other operands.
    pub fn set_operands(&mut self, value: ValueId, operands: &[ValueId]) {
        let at = index(value);
        self.graph.retain_edges(|graph, edge| graph.edge_endpoints(edge).is_none_or(|(_, to)| to != at));
        self.graph.node_weight_mut(at).expect("invariant: the value exists").operands = operands.to_vec();
        self.link(at);
    }

    /// The values that use a value, each once, by id.
    pub fn users(&self, value: ValueId) -> Vec<ValueId> {
        let users: BTreeSet<ValueId> =
            self.graph.neighbors_directed(index(value), Direction::Outgoing).map(id).collect();
        users.into_iter().collect()
    }

    /// Makes every user of `old` use `new` instead.
    pub fn replace_uses(&mut self, old: ValueId, new: ValueId) {
        for user in self.users(old) {
            if user != new {
                let operands: Vec<ValueId> =
                    self.operands(user).iter().map(|&operand| if operand == old { new } else { operand }).collect();
                self.set_operands(user, &operands);
            }
        }
    }

    /// Removes the nodes that none of `roots` depends on; returns how many.
    pub fn remove_dead(&mut self, roots: impl IntoIterator<Item = ValueId>) -> usize {
        let mut live: BTreeSet<ValueId> = BTreeSet::new();
        let mut open: Vec<ValueId> = roots.into_iter().collect();
        while let Some(value) = open.pop() {
            if live.insert(value) {
                open.extend_from_slice(self.operands(value));
            }
        }
        let before = self.len();
        self.graph.retain_nodes(|_, at| live.contains(&id(at)));
        before - self.len()
    }

    /// All values, operands before users, ties broken by id.
    pub fn in_order(&self) -> Vec<ValueId> {
        let mut waiting: BTreeMap<ValueId, usize> = BTreeMap::new();
        let mut ready = BinaryHeap::new();
        for at in self.graph.node_indices() {
            let operands: BTreeSet<ValueId> = self.operands(id(at)).iter().copied().collect();
            if operands.is_empty() {
                ready.push(Reverse(id(at)));
            }
            waiting.insert(id(at), operands.len());
        }
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(value)) = ready.pop() {
            order.push(value);
            for user in self.users(value) {
                let left = waiting.get_mut(&user).expect("invariant: every node waits");
                *left -= 1;
                if *left == 0 {
                    ready.push(Reverse(user));
                }
            }
        }
        order
    }

    fn link(&mut self, at: NodeIndex) {
        let operands = self.operands(id(at)).to_vec();
        for operand in operands {
            self.graph.update_edge(index(operand), at, ());
        }
    }
}

fn index(value: ValueId) -> NodeIndex {
    NodeIndex::from(value.0)
}

fn id(index: NodeIndex) -> ValueId {
    ValueId(u32::try_from(index.index()).expect("invariant: node indices are 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_topological_with_ties_by_id() {
        let mut dag = Dag::default();
        let a = dag.add("a", &[]);
        let b = dag.add("b", &[]);
        let c = dag.add("c", &[a, b]);
        let d = dag.add("d", &[a]);
        assert_eq!(dag.in_order(), [a, b, c, d]);
        dag.set_operands(c, &[d, b]);
        assert_eq!(dag.in_order(), [a, b, d, c]);
        assert_eq!(dag.operands(c), [d, b]);
    }

    #[test]
    fn a_value_used_twice_by_one_node_is_one_user() {
        let mut dag = Dag::default();
        let a = dag.add("a", &[]);
        let square = dag.add("square", &[a, a]);
        assert_eq!(dag.users(a), [square]);
        let b = dag.add("b", &[]);
        dag.replace_uses(a, b);
        assert_eq!(dag.operands(square), [b, b]);
        assert_eq!(dag.remove_dead([square]), 1);
        assert!(!dag.contains(a));
    }
}
