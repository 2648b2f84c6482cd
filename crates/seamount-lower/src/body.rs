//! What one neuron of a group does for a token.

use std::collections::BTreeMap;

use seamount_ir::fixed::{Factor, Fixed, FixedType, Op};
use seamount_ir::kernel::{Arg, Kernel, Local, ScalarOp};
use seamount_ir::network::{Accumulator, BodyBuilder, BodyOp, Group, Param, Port};
use seamount_ir::pass::PassError;
use seamount_ir::tensor::{Constants, Tensor};
use seamount_ir::{ValueId, Verified};

use crate::lower_to_network::Sent;

/// What arrives at a group from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The host's tick.
    Tick,
    /// A sum over other neurons, or the host's embedding: a value of this group.
    Gathered(ValueId),
    /// A value of another group, one by one or to all.
    Carried(ValueId),
}

/// A group to be built.
pub(crate) struct Plan<'p> {
    pub(crate) name: String,
    /// Its values, in order.
    pub(crate) members: &'p [ValueId],
    /// What arrives, one accumulator each.
    pub(crate) inputs: &'p [Input],
    /// What it sends.
    pub(crate) ports: Vec<(Sent, Port)>,
    /// What it shows.
    pub(crate) probes: Vec<(ValueId, String)>,
}

/// Builds a group, and the constants that only it needs.
pub(crate) fn build(fixed: &Verified<Fixed>, plan: Plan<'_>) -> Result<(Group, Constants), PassError> {
    let first = fixed.graph.node(plan.members[0]);
    let tick = tick(fixed, &plan)?;
    let accumulators = plan
        .inputs
        .iter()
        .enumerate()
        .map(|(at, input)| Accumulator { name: accumulator_name(fixed, *input, at, tick), delay_steps: 0 })
        .collect();
    let group = Group {
        name: plan.name.clone(),
        layer: first.layer,
        n_neurons: first.ty.width,
        on_host: false,
        accumulators,
        tick,
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
        body: BodyBuilder::default(),
        locals: BTreeMap::new(),
    };
    for &value in plan.members {
        writer.value(value);
        writer.send(value);
    }
    let Writer { mut group, constants, body, .. } = writer;
    group.body = body.finish();
    Ok((group, constants))
}

/// The accumulator that is never zero when the token is there: the host's tick, an inverse root, or the sum that an
/// inverse root is of.
fn tick(fixed: &Fixed, plan: &Plan<'_>) -> Result<usize, PassError> {
    let is_tick = |input: &Input| match *input {
        Input::Tick => true,
        Input::Gathered(value) => {
            matches!(fixed.graph.node(value).op, Op::ReduceSum { bias } if bias > 0)
        }
        Input::Carried(value) => is_inverse_root(fixed, value),
    };
    plan.inputs.iter().position(is_tick).ok_or_else(|| {
        let message = "nothing tells its neurons that a token is there: no norm reaches it, so that a token of zeros \
                       would pass unseen";
        PassError::cannot(format!("neuron group {:?}", plan.name), message)
    })
}

/// A function of a sum that is at least 1: its kernel gives no zero there.
fn is_inverse_root(fixed: &Fixed, value: ValueId) -> bool {
    let of_sum = |value: ValueId| {
        fixed
            .graph
            .operands(value)
            .first()
            .is_some_and(|&operand| matches!(fixed.graph.node(operand).op, Op::ReduceSum { bias } if bias > 0))
    };
    matches!(fixed.graph.node(value).op, Op::Call { .. }) && of_sum(value)
}

fn accumulator_name(fixed: &Fixed, input: Input, at: usize, tick: usize) -> String {
    match input {
        Input::Tick => "tick".into(),
        Input::Gathered(value) => match &fixed.graph.node(value).op {
            Op::Linear { weight } => {
                let path = weight.strip_suffix(".weight").unwrap_or(weight);
                path.rsplit('.').next().unwrap_or(path).to_owned()
            }
            Op::ReduceSum { .. } => "sum".into(),
            _ => "embedding".into(),
        },
        Input::Carried(_) if at == tick => "inverse_root".into(),
        Input::Carried(value) => format!("carry_{}", value.0),
    }
}

struct Writer<'w> {
    fixed: &'w Verified<Fixed>,
    plan: &'w Plan<'w>,
    group: Group,
    constants: Constants,
    body: BodyBuilder,
    locals: BTreeMap<ValueId, Arg>,
}

impl Writer<'_> {
    fn value(&mut self, value: ValueId) {
        let fixed = self.fixed;
        let node = fixed.graph.node(value);
        let operands = fixed.graph.operands(value);
        let word_bits = fixed.word.bits;
        let result = match &node.op {
            Op::Linear { .. } | Op::ReduceSum { .. } | Op::Embed { .. } => self.input(Input::Gathered(value)),
            Op::Affine { factor, shift, bias } => {
                let x = self.operand(operands[0]);
                let name = format!("factor_{}", self.group.params.len());
                let factor = self.factor(factor, &name);
                let mut y = self.scalar(ScalarOp::MulShr { a: x, b: factor, shift: *shift, round: *shift > 0 });
                if let Some(bias) = bias {
                    let name = format!("bias_{}", self.group.params.len());
                    let bias = self.factor(bias, &name);
                    y = self.scalar(ScalarOp::Add(y, bias));
                }
                self.clamp(y, node.ty)
            }
            Op::Multiply { shift } => {
                let (a, b) = (self.operand(operands[0]), self.operand(operands[1]));
                let y = self.scalar(ScalarOp::MulShr { a, b, shift: *shift, round: *shift > 0 });
                self.clamp(y, node.ty)
            }
            Op::Add => {
                let (a, b) = (self.operand(operands[0]), self.operand(operands[1]));
                let y = self.scalar(ScalarOp::Add(a, b));
                self.clamp(y, node.ty)
            }
            Op::Call { kernel } => {
                let x = self.operand(operands[0]);
                let y = self.inline(&fixed.kernels[kernel], x);
                self.clamp(y, node.ty)
            }
            Op::GatedRecurrence { shift } => {
                let (f, u) = (self.operand(operands[0]), self.operand(operands[1]));
                self.group.states.push(format!("h_{}", self.group.states.len()));
                let state = self.group.states.len() - 1;
                let h = self.body.push(BodyOp::State(state)).into();
                let negated = self.scalar(ScalarOp::Neg(u));
                let difference = self.scalar(ScalarOp::Add(h, negated));
                let kept = self.scalar(ScalarOp::MulShr { a: f, b: difference, shift: *shift, round: true });
                let next = self.scalar(ScalarOp::Add(u, kept));
                let next = self.clamp(next, node.ty);
                self.body.effect(BodyOp::SetState(state, next));
                next
            }
            Op::Sigmoid | Op::Silu | Op::InvSqrt { .. } => {
                unreachable!("invariant: the pass refuses functions without a program")
            }
        };
        debug_assert!(node.ty.bits <= word_bits, "invariant: verified types are words");
        self.locals.insert(value, result);
        if let Some((_, name)) = self.plan.probes.iter().find(|(probed, _)| *probed == value) {
            self.body.effect(BodyOp::Probe(name.clone(), result));
        }
    }

    fn send(&mut self, value: ValueId) {
        let plan = self.plan;
        for (port, (sent, _)) in plan.ports.iter().enumerate() {
            if sent.value() != value {
                continue;
            }
            let mut payload = self.locals[&value];
            if let Sent::Biased(_, bias) = *sent {
                let bias = self.first_neuron(bias);
                payload = self.scalar(ScalarOp::Add(payload, bias));
            }
            self.body.effect(BodyOp::Send(port, payload));
        }
    }

    /// A word in the first neuron, zero in the others.
    fn first_neuron(&mut self, word: i32) -> Arg {
        let mut words = vec![0; self.group.n_neurons];
        words[0] = word;
        let name = format!("{}.bias_{}", self.group.name, self.group.params.len());
        self.constants.insert(name.clone(), Tensor::i32(vec![words.len()], &words));
        self.param("epsilon", &name)
    }

    fn factor(&mut self, factor: &Factor, name: &str) -> Arg {
        match factor {
            Factor::Scalar(word) => Arg::Const(*word),
            Factor::PerChannel(values) => self.param(name, values),
        }
    }

    fn param(&mut self, name: &str, values: &str) -> Arg {
        self.group.params.push(Param { name: name.to_owned(), values: values.to_owned() });
        self.body.push(BodyOp::Param(self.group.params.len() - 1)).into()
    }

    fn operand(&mut self, value: ValueId) -> Arg {
        match self.locals.get(&value) {
            Some(&arg) => arg,
            None => {
                let arg = self.input(Input::Carried(value));
                self.locals.insert(value, arg);
                arg
            }
        }
    }

    fn input(&mut self, input: Input) -> Arg {
        let at = self.plan.inputs.iter().position(|other| *other == input);
        self.body.push(BodyOp::Accumulator(at.expect("invariant: what is read arrives"))).into()
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
