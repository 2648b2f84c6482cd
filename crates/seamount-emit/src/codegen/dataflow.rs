//! A body as values and effects: what is computed from what, and nothing that nobody reads.

use seamount_ir::kernel::{Arg, Compare, Kernel, Local, ScalarOp, Word, evaluate};
use seamount_ir::network::{BodyOp, Group};

/// Values and effects of a body. Arguments name values that are defined here, never copies of others.
#[derive(Debug)]
pub(super) struct Dataflow {
    /// By the body's local: how it is computed; `None` where another value or a constant stands for it, or where
    /// nobody reads it.
    pub(super) values: Vec<Option<Definition>>,
    /// What the body does, in its order.
    pub(super) effects: Vec<Effect>,
    /// By effect: the number of locals that the body defines before it.
    pub(super) n_locals_before: Vec<usize>,
    /// The names of the probes, by the number in [`Effect::Probe`].
    pub(super) probes: Vec<String>,
}

/// How a value is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Definition {
    /// The sum in an accumulator, delayed.
    Accumulator(usize),
    /// A parameter.
    Param(usize),
    /// A state as it was before the run.
    State(usize),
    /// An operation; the left side of a comparison is never a constant.
    Scalar(ScalarOp),
}

/// What a body does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Effect {
    /// Stores a state; at most once for each.
    SetState(usize, Arg),
    /// Sends a payload.
    Send(usize, Arg),
    /// Shows a value.
    Probe(usize, Arg),
}

impl Effect {
    /// What it is given.
    pub(super) fn arg(&self) -> Arg {
        match *self {
            Self::SetState(_, arg) | Self::Send(_, arg) | Self::Probe(_, arg) => arg,
        }
    }
}

impl Dataflow {
    /// Simplifies a group's body.
    pub(super) fn new(group: &Group, word: Word) -> Self {
        let mut dataflow = Self { values: vec![], effects: vec![], n_locals_before: vec![], probes: vec![] };
        // What each local of the body is: a value defined here or a constant.
        let mut meaning: Vec<Arg> = Vec::new();
        let mut states: Vec<Option<Arg>> = vec![None; group.states.len()];
        for op in &group.body {
            let of = |arg: Arg| match arg {
                Arg::Local(local) => meaning[local.0 as usize],
                Arg::Const(_) => arg,
            };
            let definition = match op {
                BodyOp::Accumulator(at) => Ok(Definition::Accumulator(*at)),
                BodyOp::Param(at) => Ok(Definition::Param(*at)),
                BodyOp::State(at) => states[*at].map_or(Ok(Definition::State(*at)), Err),
                BodyOp::Scalar(op) => match fold(op.map(of), word) {
                    Folded::Op(op) => Ok(Definition::Scalar(op)),
                    Folded::Arg(arg) => Err(arg),
                },
                BodyOp::SetState(at, arg) => {
                    let arg = of(*arg);
                    states[*at] = Some(arg);
                    dataflow.effect(Effect::SetState(*at, arg));
                    continue;
                }
                BodyOp::Send(port, arg) => {
                    dataflow.effect(Effect::Send(*port, of(*arg)));
                    continue;
                }
                BodyOp::Probe(name, arg) => {
                    let probe = dataflow.probe(name);
                    dataflow.effect(Effect::Probe(probe, of(*arg)));
                    continue;
                }
            };
            let arg = definition.map_or_else(|arg| arg, |definition| dataflow.value(definition));
            // A copy leaves its own place empty, so that values keep the numbers of the body's locals.
            if arg != Arg::Local(local(meaning.len())) {
                dataflow.values.push(None);
            }
            meaning.push(arg);
        }
        dataflow.drop_dead_stores(group.states.len());
        dataflow.drop_dead_values();
        dataflow
    }

    /// The definition of a value.
    pub(super) fn definition(&self, local: Local) -> Definition {
        self.values[local.0 as usize].expect("invariant: arguments name values that are defined")
    }

    /// Whether the sum of an accumulator is a value.
    pub(super) fn reads_accumulator(&self, at: usize) -> bool {
        self.values.contains(&Some(Definition::Accumulator(at)))
    }

    /// The value for a definition: an earlier equal one, or a new one in the next place.
    fn value(&mut self, definition: Definition) -> Arg {
        let equal = self.values.iter().position(|known| *known == Some(definition));
        let at = equal.unwrap_or(self.values.len());
        if equal.is_none() {
            self.values.push(Some(definition));
        }
        Arg::Local(local(at))
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
        self.n_locals_before.push(self.values.len());
    }

    fn probe(&mut self, name: &str) -> usize {
        let known = self.probes.iter().position(|probe| probe == name);
        known.unwrap_or_else(|| {
            self.probes.push(name.to_owned());
            self.probes.len() - 1
        })
    }

    /// Only the last store of each state lasts: loads after a store were given what it stored.
    fn drop_dead_stores(&mut self, n_states: usize) {
        let mut stored = vec![false; n_states];
        for at in (0..self.effects.len()).rev() {
            let Effect::SetState(state, arg) = self.effects[at] else { continue };
            let unchanged = matches!(arg, Arg::Local(local) if self.definition(local) == Definition::State(state));
            if std::mem::replace(&mut stored[state], true) || unchanged {
                self.effects.remove(at);
                self.n_locals_before.remove(at);
            }
        }
    }

    fn drop_dead_values(&mut self) {
        let mut live = vec![false; self.values.len()];
        let mut work: Vec<Arg> = self.effects.iter().map(Effect::arg).collect();
        while let Some(arg) = work.pop() {
            let Arg::Local(local) = arg else { continue };
            if std::mem::replace(&mut live[local.0 as usize], true) {
                continue;
            }
            if let Definition::Scalar(op) = self.definition(local) {
                work.extend(op.args());
            }
        }
        for (value, live) in self.values.iter_mut().zip(live) {
            if !live {
                *value = None;
            }
        }
    }
}

fn local(at: usize) -> Local {
    Local(u32::try_from(at).expect("invariant: bodies are short"))
}

enum Folded {
    Op(ScalarOp),
    Arg(Arg),
}

/// What an operation comes down to; a comparison gets a value on its left side.
fn fold(op: ScalarOp, word: Word) -> Folded {
    if op.args().iter().all(|arg| matches!(arg, Arg::Const(_))) {
        let kernel = Kernel { ops: vec![op], result: Arg::Local(Local(0)), ..Kernel::new("constant", 0) };
        let value = evaluate(&kernel, word, &[], &mut Vec::new());
        return Folded::Arg(Arg::Const(i32::try_from(value).expect("invariant: words have at most 32 bits")));
    }
    match op {
        ScalarOp::Add(a, Arg::Const(0)) | ScalarOp::Add(Arg::Const(0), a) | ScalarOp::Shl(a, Arg::Const(0)) => {
            Folded::Arg(a)
        }
        ScalarOp::Min(a, b) | ScalarOp::And(a, b) | ScalarOp::Or(a, b) if a == b => Folded::Arg(a),
        ScalarOp::Select { then, otherwise, .. } if then == otherwise => Folded::Arg(then),
        ScalarOp::Select { compare, lhs, rhs, then, otherwise } if lhs == rhs => {
            Folded::Arg(if compare == Compare::Lt { otherwise } else { then })
        }
        ScalarOp::Select { compare, lhs: Arg::Const(lhs), rhs, then, otherwise } => {
            fold_select(word, compare, lhs, rhs, then, otherwise)
        }
        ScalarOp::Add(..)
        | ScalarOp::Neg(_)
        | ScalarOp::Min(..)
        | ScalarOp::And(..)
        | ScalarOp::Or(..)
        | ScalarOp::Shl(..)
        | ScalarOp::MulShr { .. }
        | ScalarOp::Select { .. } => Folded::Op(op),
    }
}

/// A selection whose left side is a constant: decided, or turned round.
fn fold_select(word: Word, compare: Compare, lhs: i32, rhs: Arg, then: Arg, otherwise: Arg) -> Folded {
    let holds = |compare| match (compare, rhs) {
        (Compare::Lt, Arg::Const(rhs)) => lhs < rhs,
        (Compare::Ge, Arg::Const(rhs)) => lhs >= rhs,
        (Compare::Eq, Arg::Const(rhs)) => lhs == rhs,
        // Nothing is greater than the greatest word, and everything is at most it.
        (compare, Arg::Local(_)) => compare == Compare::Ge,
    };
    let is_greatest = i64::from(lhs) == word.max();
    if matches!(rhs, Arg::Const(_)) || (is_greatest && compare != Compare::Eq) {
        return Folded::Arg(if holds(compare) { then } else { otherwise });
    }
    // c < x is x >= c + 1, and c >= x is x < c + 1.
    let (compare, bound) = match compare {
        Compare::Lt => (Compare::Ge, lhs + 1),
        Compare::Ge => (Compare::Lt, lhs + 1),
        Compare::Eq => (Compare::Eq, lhs),
    };
    Folded::Op(ScalarOp::Select { compare, lhs: rhs, rhs: Arg::Const(bound), then, otherwise })
}
