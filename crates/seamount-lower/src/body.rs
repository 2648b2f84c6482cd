//! What one neuron of a group does for a token.

use std::collections::BTreeMap;

use seamount_ir::fixed::{Factor, Fixed, FixedType, LOGITS, Op};
use seamount_ir::kernel::{Arg, Compare, Kernel, Local, ScalarOp};
use seamount_ir::network::{Accumulator, BodyBuilder, BodyOp, Group, Param, Port};
use seamount_ir::tensor::{Constants, Tensor};
use seamount_ir::{ValueId, Verified};

use crate::lower_to_network::Sent;
use crate::names::{self, Unique};

/// What arrives at a group from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The host's tick.
    Tick,
    /// A sum over other neurons, or the host's embedding: a value of this group.
    Gathered(ValueId),
    /// A value of another group, one by one or to all.
    Carried(ValueId),
    /// The tick that the group of a value sends on.
    Forwarded(ValueId),
}

/// A group to be built.
pub(crate) struct Plan<'p> {
    pub(crate) name: String,
    /// Its values, in order.
    pub(crate) members: &'p [ValueId],
    /// What arrives, one accumulator each.
    pub(crate) inputs: &'p [Input],
    /// Which of them says that a token is there.
    pub(crate) tick: usize,
    /// What it sends.
    pub(crate) ports: Vec<(Sent, Port)>,
}

/// Builds a group, and the constants that only it needs, under names that nobody has.
pub(crate) fn build(fixed: &Verified<Fixed>, plan: Plan<'_>, constant_names: &mut Unique) -> (Group, Constants) {
    let first = fixed.graph.node(plan.members[0]);
    let mut names = Unique::default();
    let mut accumulator = |input: &Input| names.name(&names::accumulator(fixed, *input));
    let group = Group {
        name: plan.name.clone(),
        layer: first.layer,
        n_neurons: first.ty.width,
        on_host: false,
        accumulators: plan
            .inputs
            .iter()
            .map(|input| Accumulator { name: accumulator(input), delay_steps: 0 })
            .collect(),
        tick: plan.tick,
        params: Vec::new(),
        states: Vec::new(),
        ports: plan.ports.iter().map(|(_, port)| port.clone()).collect(),
        body: Vec::new(),
    };
    let mut writer = Writer {
        fixed,
        plan: &plan,
        group,
        constants: Constants::new(),
        constant_names,
        body: BodyBuilder::default(),
        locals: BTreeMap::new(),
    };
    for &value in plan.members {
        let result = writer.value(value);
        writer.locals.insert(value, result);
        writer.show(value, result);
        writer.send(value, result);
    }
    let Writer { mut group, constants, body, .. } = writer;
    group.body = body.finish();
    (group, constants)
}

struct Writer<'w> {
    fixed: &'w Verified<Fixed>,
    plan: &'w Plan<'w>,
    group: Group,
    constants: Constants,
    constant_names: &'w mut Unique,
    body: BodyBuilder,
    locals: BTreeMap<ValueId, Arg>,
}

impl Writer<'_> {
    fn value(&mut self, value: ValueId) -> Arg {
        let fixed = self.fixed;
        let node = fixed.graph.node(value);
        let operands = fixed.graph.operands(value);
        match &node.op {
            Op::Linear { .. } | Op::ReduceSum { .. } | Op::Embed { .. } => self.input(Input::Gathered(value)),
            Op::Affine { factor, shift, bias } => {
                let x = self.operand(operands[0]);
                let factor = self.factor(factor, "factor");
                let mut y = self.product(x, factor, *shift);
                if let Some(bias) = bias {
                    let bias = self.factor(bias, "bias");
                    y = self.scalar(ScalarOp::Add(y, bias));
                }
                self.clamp(y, node.ty)
            }
            Op::Multiply { shift } => {
                let (a, b) = (self.operand(operands[0]), self.operand(operands[1]));
                let y = self.product(a, b, *shift);
                self.clamp(y, node.ty)
            }
            Op::Add => {
                let (a, b) = (self.operand(operands[0]), self.operand(operands[1]));
                let y = self.scalar(ScalarOp::Add(a, b));
                self.clamp(y, node.ty)
            }
            Op::Threshold { level } => {
                let x = self.operand(operands[0]);
                let negated = self.scalar(ScalarOp::Neg(x));
                let lesser = self.scalar(ScalarOp::Min(x, negated));
                self.scalar(ScalarOp::Select {
                    compare: Compare::Lt,
                    lhs: lesser,
                    rhs: (1 - level).into(),
                    then: x,
                    otherwise: 0.into(),
                })
            }
            Op::Call { kernel } => {
                let x = self.operand(operands[0]);
                let y = self.inline(&fixed.kernels[kernel], x);
                self.clamp(y, node.ty)
            }
            Op::GatedRecurrence { shift } => {
                let (f, u) = (self.operand(operands[0]), self.operand(operands[1]));
                let state = self.group.states.len();
                self.group.states.push(format!("h_{state}"));
                let h = self.body.push(BodyOp::State(state)).into();
                let negated = self.scalar(ScalarOp::Neg(u));
                let difference = self.scalar(ScalarOp::Add(h, negated));
                let kept = self.product(f, difference, *shift);
                let next = self.scalar(ScalarOp::Add(u, kept));
                let next = self.clamp(next, node.ty);
                self.body.effect(BodyOp::SetState(state, next));
                next
            }
            Op::Sigmoid | Op::Silu | Op::InvSqrt { .. } => {
                unreachable!("invariant: the pass refuses functions without a program")
            }
        }
    }

    /// Shows a value under each of its names but `logits`, which the host has anyway.
    fn show(&mut self, value: ValueId, result: Arg) {
        let names = self.fixed.outputs.iter().filter(|(name, shown)| **shown == value && *name != LOGITS);
        for (name, _) in names {
            self.body.effect(BodyOp::Probe(name.clone(), result));
        }
    }

    fn send(&mut self, value: ValueId, result: Arg) {
        let plan = self.plan;
        let ports = plan.ports.iter().enumerate().filter(|(_, (sent, _))| sent.value() == value);
        for (port, (sent, _)) in ports {
            let payload = match *sent {
                Sent::Value(_) => result,
                Sent::Biased(_, bias) => {
                    let bias = self.first_neuron(bias, "epsilon");
                    self.scalar(ScalarOp::Add(result, bias))
                }
                Sent::Tick(_) => self.first_neuron(1, "tick"),
            };
            self.body.effect(BodyOp::Send(port, payload));
        }
    }

    /// A word in the first neuron, zero in the others.
    fn first_neuron(&mut self, word: i32, role: &str) -> Arg {
        let mut words = vec![0; self.group.n_neurons];
        words[0] = word;
        let name = self.constant_names.name(&format!("{}.{role}", self.group.name));
        self.constants.insert(name.clone(), Tensor::i32(vec![words.len()], &words));
        self.param(role, &name)
    }

    fn factor(&mut self, factor: &Factor, role: &str) -> Arg {
        match factor {
            Factor::Scalar(word) => Arg::Const(*word),
            Factor::PerChannel(values) => self.param(role, values),
        }
    }

    fn param(&mut self, role: &str, values: &str) -> Arg {
        let at = self.group.params.len();
        self.group.params.push(Param { name: format!("{role}_{at}"), values: values.to_owned() });
        self.body.push(BodyOp::Param(at)).into()
    }

    fn operand(&mut self, value: ValueId) -> Arg {
        if let Some(&arg) = self.locals.get(&value) {
            return arg;
        }
        let arg = self.input(Input::Carried(value));
        self.locals.insert(value, arg);
        arg
    }

    /// Reading an accumulator clears it: each is read once.
    fn input(&mut self, input: Input) -> Arg {
        let at = self.plan.inputs.iter().position(|other| *other == input);
        self.body.push(BodyOp::Accumulator(at.expect("invariant: what is read arrives"))).into()
    }

    fn product(&mut self, a: Arg, b: Arg, shift: u32) -> Arg {
        self.scalar(ScalarOp::MulShr { a, b, shift, round: shift > 0 })
    }

    fn scalar(&mut self, op: ScalarOp) -> Arg {
        self.body.push(BodyOp::Scalar(op)).into()
    }

    /// Saturates to a narrower type: a shift up saturates, the shift back restores the unit.
    fn clamp(&mut self, x: Arg, ty: FixedType) -> Arg {
        let spare = (self.fixed.word.bits - ty.bits).cast_signed();
        if spare == 0 {
            return x;
        }
        let up = self.scalar(ScalarOp::Shl(x, spare.into()));
        self.scalar(ScalarOp::Shl(up, (-spare).into()))
    }

    fn inline(&mut self, kernel: &Kernel, input: Arg) -> Arg {
        let mut locals = vec![input];
        let rename = |arg: Arg, locals: &[Arg]| match arg {
            Arg::Local(Local(index)) => locals[index as usize],
            Arg::Const(_) => arg,
        };
        for op in &kernel.ops {
            let result = self.scalar(op.map(|arg| rename(arg, &locals)));
            locals.push(result);
        }
        rename(kernel.result, &locals)
    }
}
