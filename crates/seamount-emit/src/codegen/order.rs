//! The order in which a body's values are computed.

use seamount_ir::kernel::{Arg, Local};

use super::dataflow::{Dataflow, Definition, Effect};

/// A way to order a body and to hold its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strategy {
    /// Computes a value only when an effect needs it, the operand that holds the most values first; otherwise in the
    /// order of the source.
    pub(super) depth_first: bool,
    /// Loads a parameter anew for each use, instead of holding it.
    pub(super) reload_params: bool,
}

impl Strategy {
    /// All ways, the plainest first.
    pub(super) const ALL: [Self; 4] = [
        Self { depth_first: false, reload_params: false },
        Self { depth_first: true, reload_params: false },
        Self { depth_first: false, reload_params: true },
        Self { depth_first: true, reload_params: true },
    ];
}

/// One step of the evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Computes a value.
    Define(Local),
    /// Does something.
    Do(Effect),
}

/// Orders the values before their uses, each once, and the effects as they were.
///
/// Parameters, states and sums come right before their first use, but a state's load comes before its store.
///
/// Source: the register need of a tree follows Sethi and Ullman, "The Generation of Optimal Code for Arithmetic
/// Expressions", 1970; a body is a graph, so that for shared values it is a heuristic.
pub(super) fn order(dataflow: &Dataflow, strategy: Strategy) -> Vec<Step> {
    let needs = register_needs(dataflow);
    let mut walk = Walk { dataflow, strategy, needs, done: vec![false; dataflow.values.len()], steps: vec![] };
    let mut next_local = 0;
    for (effect, &n_before) in dataflow.effects.iter().zip(&dataflow.n_locals_before) {
        if !strategy.depth_first {
            for at in next_local..n_before {
                walk.define_in_source_order(at);
            }
            next_local = n_before;
        }
        walk.need(effect.arg());
        if let Effect::SetState(state, _) = *effect {
            walk.load_before_store(state);
        }
        walk.steps.push(Step::Do(*effect));
    }
    walk.steps
}

struct Walk<'d> {
    dataflow: &'d Dataflow,
    strategy: Strategy,
    needs: Vec<usize>,
    done: Vec<bool>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn define_in_source_order(&mut self, at: usize) {
        if let Some(Definition::Scalar(_)) = self.dataflow.values[at] {
            self.need(Arg::Local(Local(u32::try_from(at).expect("invariant: bodies are short"))));
        }
    }

    fn need(&mut self, arg: Arg) {
        let Arg::Local(local) = arg else { return };
        if std::mem::replace(&mut self.done[local.0 as usize], true) {
            return;
        }
        if let Definition::Scalar(op) = self.dataflow.definition(local) {
            let mut args = op.args();
            if self.strategy.depth_first {
                args.sort_by_key(|arg| std::cmp::Reverse(need_of(*arg, &self.needs)));
            }
            for arg in args {
                self.need(arg);
            }
        }
        self.steps.push(Step::Define(local));
    }

    fn load_before_store(&mut self, state: usize) {
        let load = self.dataflow.values.iter().position(|value| *value == Some(Definition::State(state)));
        if let Some(at) = load {
            self.need(Arg::Local(Local(u32::try_from(at).expect("invariant: bodies are short"))));
        }
    }
}

/// Registers that it takes to compute each value if none is shared.
fn register_needs(dataflow: &Dataflow) -> Vec<usize> {
    let mut needs: Vec<usize> = Vec::with_capacity(dataflow.values.len());
    for value in &dataflow.values {
        let need = match value {
            None => 0,
            Some(Definition::Accumulator(_) | Definition::Param(_) | Definition::State(_)) => 1,
            Some(Definition::Scalar(op)) => {
                let mut operands: Vec<usize> = op.args().into_iter().map(|arg| need_of(arg, &needs)).collect();
                operands.sort_unstable_by(|a, b| b.cmp(a));
                operands.into_iter().enumerate().map(|(n_held, need)| n_held + need).max().unwrap_or(1)
            }
        };
        needs.push(need);
    }
    needs
}

fn need_of(arg: Arg, needs: &[usize]) -> usize {
    match arg {
        Arg::Local(local) => needs[local.0 as usize],
        Arg::Const(_) => 0,
    }
}
