//! `lower-to-network`: integer operations become neuron groups and projections.

use std::collections::{BTreeMap, BTreeSet};

use seamount_ir::fixed::{Fixed, LOGITS, Op};
use seamount_ir::network::{GroupId, Network, Port, Projection, Source, Target, Weights};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module, ValueId, Verified};

use crate::body::{self, Input};
use crate::grouping::{Grouping, Reach, gathers};

/// Groups operations by neuron, and lets what crosses between neurons travel as graded spikes.
#[derive(Debug, Clone, Default)]
pub struct LowerToNetwork {
    /// Whether neurons show the named outputs of the model, at one instruction each.
    pub probes: bool,
}

/// What is known of `lower-to-network`.
pub static INFO: PassInfo = PassInfo {
    name: "lower-to-network",
    description: "Turns integer operations into neuron groups with a body each, and projections between them.",
    from: Level::Fixed,
    to: Level::Network,
    options: &[("probes", "false", "whether neurons show the model's named outputs (one instruction each)")],
};

impl LowerToNetwork {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let probes = options.bool("probes")?.unwrap_or(false);
        options.finish()?;
        Ok(Box::new(Self { probes }))
    }
}

impl Pass for LowerToNetwork {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Fixed(fixed) = module else { return Err(PassError::level(&INFO, &module)) };
        let network = Lowering::new(&fixed.verify()?, self.probes)?.run()?;
        Ok(Module::Network(network.verify()?.into_inner()))
    }
}

struct Lowering<'f> {
    fixed: &'f Verified<Fixed>,
    probes: bool,
    grouping: Grouping,
    /// Values of each group, in order.
    groups: Vec<Vec<ValueId>>,
    /// Graph group to network group.
    ids: BTreeMap<ValueId, GroupId>,
}

impl<'f> Lowering<'f> {
    fn new(fixed: &'f Verified<Fixed>, probes: bool) -> Result<Self, PassError> {
        let order = fixed.graph.in_order();
        for &value in &order {
            let op = &fixed.graph.node(value).op;
            if matches!(op, Op::Sigmoid | Op::Silu | Op::InvSqrt { .. }) {
                let message = format!("`{}` is no program of a neuron yet; run `approximate` first", op.name());
                return Err(PassError::cannot(value, message));
            }
        }
        let grouping = Grouping::new(fixed);
        let groups = grouping.groups(&order);
        let ids = groups.iter().map(|members| grouping.of(members[0])).zip((0..).map(GroupId)).collect();
        Ok(Self { fixed, probes, grouping, groups, ids })
    }

    fn run(self) -> Result<Network, PassError> {
        let fixed = self.fixed;
        let embed = fixed.graph.in_order().into_iter().find_map(|value| match &fixed.graph.node(value).op {
            Op::Embed { table } => Some(table.clone()),
            _ => None,
        });
        let names = self.names();
        let mut network = Network {
            name: fixed.name.clone(),
            vocab_size: fixed.vocab_size,
            word: fixed.word,
            accumulator: fixed.accumulator,
            overflow: fixed.overflow,
            constants: fixed.constants.clone(),
            embedding: embed.ok_or_else(|| PassError::cannot("fixed", "has no embed"))?,
            logit_scale: fixed.graph.node(fixed.outputs[LOGITS]).ty.scale,
            groups: Vec::new(),
            projections: Vec::new(),
            latency_steps: None,
        };
        let sends: Vec<BTreeSet<Sent>> = self.sends();
        for ((members, name), sent) in self.groups.iter().zip(names).zip(&sends) {
            let inputs = self.inputs(members);
            let ports = sent.iter().map(|sent| (*sent, self.port(*sent))).collect();
            let probes = if self.probes { self.probes_of(members) } else { Vec::new() };
            let plan = body::Plan { name, members, inputs: &inputs, ports, probes };
            let (group, constants) = body::build(fixed, plan)?;
            network.constants.extend(constants);
            let id = GroupId(u32::try_from(network.groups.len()).expect("invariant: groups are few"));
            for (accumulator, input) in inputs.iter().enumerate() {
                let (source, weights) = self.feed(*input, &sends);
                let target = Target::Accumulator(id, accumulator);
                network.projections.push(Projection { source, target, weights, delay_steps: 0 });
            }
            network.groups.push(group);
        }
        let source = self.source(Sent::Value(fixed.outputs[LOGITS]), &sends);
        network.projections.push(Projection {
            source,
            target: Target::Logits,
            weights: Weights::Identity,
            delay_steps: 0,
        });
        Ok(network)
    }

    /// What arrives at a group from outside, in the order in which its values first need it.
    fn inputs(&self, members: &[ValueId]) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut add = |input| {
            if !inputs.contains(&input) {
                inputs.push(input);
            }
        };
        for &value in members {
            if gathers(self.fixed, value) {
                add(Input::Gathered(value));
            } else if matches!(self.fixed.graph.node(value).op, Op::Embed { .. }) {
                add(Input::Gathered(value));
                add(Input::Tick);
            }
            for &operand in self.fixed.graph.operands(value) {
                match self.grouping.reach(self.fixed, value, operand) {
                    Reach::Identity | Reach::Broadcast => add(Input::Carried(operand)),
                    Reach::Local | Reach::Weights => {}
                }
            }
        }
        inputs
    }

    /// What each group sends: a payload for each of its values that is needed elsewhere.
    fn sends(&self) -> Vec<BTreeSet<Sent>> {
        let mut sends = vec![BTreeSet::new(); self.groups.len()];
        for value in self.fixed.graph.in_order() {
            for &operand in self.fixed.graph.operands(value) {
                let sent = match (self.grouping.reach(self.fixed, value, operand), &self.fixed.graph.node(value).op) {
                    (Reach::Local, _) => continue,
                    (_, Op::ReduceSum { bias }) => Sent::Biased(operand, *bias),
                    _ => Sent::Value(operand),
                };
                sends[self.place(operand)].insert(sent);
            }
        }
        let logits = self.fixed.outputs[LOGITS];
        sends[self.place(logits)].insert(Sent::Value(logits));
        sends
    }

    fn feed(&self, input: Input, sends: &[BTreeSet<Sent>]) -> (Source, Weights) {
        match input {
            Input::Tick => (Source::Tick, Weights::Ones),
            Input::Carried(value) => {
                let is_scalar = self.fixed.graph.node(value).ty.width == 1;
                let weights = if is_scalar { Weights::Ones } else { Weights::Identity };
                (self.source(Sent::Value(value), sends), weights)
            }
            Input::Gathered(value) => {
                let operand = self.fixed.graph.operands(value).first().copied();
                match (&self.fixed.graph.node(value).op, operand) {
                    (Op::Linear { weight }, Some(operand)) => {
                        (self.source(Sent::Value(operand), sends), Weights::Matrix(weight.clone()))
                    }
                    (Op::ReduceSum { bias }, Some(operand)) => {
                        (self.source(Sent::Biased(operand, *bias), sends), Weights::Ones)
                    }
                    _ => (Source::Embedding, Weights::Identity),
                }
            }
        }
    }

    fn source(&self, sent: Sent, sends: &[BTreeSet<Sent>]) -> Source {
        let place = self.place(sent.value());
        let port = sends[place].iter().position(|other| *other == sent).expect("invariant: what is fed is sent");
        Source::Port(self.ids[&self.grouping.of(sent.value())], port)
    }

    fn place(&self, value: ValueId) -> usize {
        self.ids[&self.grouping.of(value)].index()
    }

    fn port(&self, sent: Sent) -> Port {
        let value = sent.value();
        let name = match sent {
            Sent::Value(_) => self.port_name(value),
            Sent::Biased(..) => "squares".to_owned(),
        };
        Port { name, bits: self.fixed.graph.node(value).ty.bits }
    }

    /// Named after the weights it meets first, or what it is.
    fn port_name(&self, value: ValueId) -> String {
        let fixed = self.fixed;
        let weight = fixed.graph.users(value).into_iter().find_map(|user| match &fixed.graph.node(user).op {
            Op::Linear { weight } => Some(weight.clone()),
            _ => None,
        });
        match weight {
            Some(weight) => format!("to_{}", last_name(&weight)),
            None if fixed.outputs[LOGITS] == value => LOGITS.to_owned(),
            None if fixed.graph.node(value).ty.width == 1 => "inverse_root".to_owned(),
            None => format!("carry_{}", value.0),
        }
    }

    fn probes_of(&self, members: &[ValueId]) -> Vec<(ValueId, String)> {
        let outputs = self.fixed.outputs.iter().filter(|(name, value)| *name != LOGITS && members.contains(value));
        outputs.map(|(name, value)| (*value, name.clone())).collect()
    }

    /// Groups are called after the weights that feed them; inverse roots after the group that they serve.
    fn names(&self) -> Vec<String> {
        let fixed = self.fixed;
        let mut names: Vec<Option<String>> = Vec::new();
        for members in &self.groups {
            let weights = members.iter().filter_map(|&value| match &fixed.graph.node(value).op {
                Op::Linear { weight } => Some(weight.strip_suffix(".weight").unwrap_or(weight).to_owned()),
                Op::Embed { .. } => Some("embed".to_owned()),
                _ => None,
            });
            names.push(weights.reduce(|a, b| common_path(&a, &b)));
        }
        let mut unique = BTreeSet::new();
        (0..self.groups.len())
            .map(|place| {
                let base = names[place].clone().unwrap_or_else(|| self.name_by_user(place, &names));
                let numbered = (2u32..).map(|n| format!("{base}.{n}"));
                let name = std::iter::once(base.clone()).chain(numbered).find(|name| !unique.contains(name));
                let name = name.expect("invariant: there are more numbers than groups");
                unique.insert(name.clone());
                name
            })
            .collect()
    }

    fn name_by_user(&self, place: usize, names: &[Option<String>]) -> String {
        let graph = &self.fixed.graph;
        let users = self.groups[place].iter().flat_map(|&value| graph.users(value)).map(|user| self.place(user));
        let named = users.filter(|&user| user != place).find_map(|user| names[user].clone());
        named.map_or_else(|| "group".to_owned(), |user| format!("{user}.norm"))
    }
}

/// A stream of payloads that a group sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    /// A value.
    Value(ValueId),
    /// A value, with a word added in the first neuron.
    Biased(ValueId, i32),
}

impl Sent {
    pub(crate) fn value(self) -> ValueId {
        match self {
            Sent::Value(value) | Sent::Biased(value, _) => value,
        }
    }
}

fn last_name(weight: &str) -> &str {
    let path = weight.strip_suffix(".weight").unwrap_or(weight);
    path.rsplit('.').next().unwrap_or(path)
}

/// `layers.0.attn` of `layers.0.attn.i_proj` and `layers.0.attn.f_proj`.
fn common_path(a: &str, b: &str) -> String {
    let common: Vec<&str> = a.split('.').zip(b.split('.')).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    common.join(".")
}
