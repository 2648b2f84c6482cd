//! `lower-to-network`: integer operations become neuron groups and projections.

use std::collections::{BTreeMap, BTreeSet};

use seamount_ir::fixed::{Fixed, LOGITS, Op};
use seamount_ir::network::{BodyOp, GroupId, Network, Port, Projection, Source, Target, Weights};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module, ValueId, Verified};

use crate::body::{self, Input};
use crate::grouping::{Grouping, gathers};
use crate::names::{self, Unique};
use crate::tick::is_tick;

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
        let mut fixed = fixed.verify()?.into_inner();
        if !self.probes {
            fixed = without_shown_values(fixed);
        }
        let network = Lowering::new(&fixed.verify()?)?.run()?;
        Ok(Module::Network(network.verify()?.into_inner()))
    }
}

/// What the payloads of a port are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortValue {
    /// A value of the fixed level, channel by channel; the first may have a word added.
    Value(ValueId),
    /// A 1 from the first neuron, nothing from the others.
    Tick,
}

/// By name of a group of the network that a fixed module becomes, what each of its ports sends.
///
/// # Errors
/// As the pass.
pub fn port_values(fixed: &Verified<Fixed>) -> Result<BTreeMap<String, Vec<PortValue>>, PassError> {
    let fixed = without_shown_values((**fixed).clone());
    let fixed = fixed.verify()?;
    let lowering = Lowering::new(&fixed)?;
    let value = |sent: &Sent| match *sent {
        Sent::Value(value) | Sent::Biased(value, _) => PortValue::Value(value),
        Sent::Tick(_) => PortValue::Tick,
    };
    let ports = lowering.sends.iter().map(|sends| sends.iter().map(value).collect());
    Ok(names::groups(&fixed, &lowering.grouping).into_iter().zip(ports).collect())
}

/// The module with its logits as its only output, and what they need.
fn without_shown_values(mut fixed: Fixed) -> Fixed {
    fixed.outputs.retain(|name, _| name == LOGITS);
    fixed.graph.remove_dead(fixed.outputs.values().copied());
    fixed
}

/// A stream of payloads that a group sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    /// A value.
    Value(ValueId),
    /// A value, with a word added in the first neuron.
    Biased(ValueId, i32),
    /// A 1 from the first neuron of this value's group, each time that the group works.
    Tick(ValueId),
}

impl Sent {
    pub(crate) fn value(self) -> ValueId {
        match self {
            Sent::Value(value) | Sent::Biased(value, _) | Sent::Tick(value) => value,
        }
    }
}

struct Lowering<'f> {
    fixed: &'f Verified<Fixed>,
    grouping: Grouping,
    /// By group, what arrives from outside, in the order in which its values first need it.
    inputs: Vec<Vec<Input>>,
    /// By group, which of what arrives is its tick.
    ticks: Vec<usize>,
    /// By group, what it sends.
    sends: Vec<BTreeSet<Sent>>,
}

impl<'f> Lowering<'f> {
    fn new(fixed: &'f Verified<Fixed>) -> Result<Self, PassError> {
        for value in fixed.graph.in_order() {
            let op = &fixed.graph.node(value).op;
            if matches!(op, Op::Sigmoid | Op::Silu | Op::InvSqrt { .. }) {
                let message = format!("`{}` is no program of a neuron yet; run `approximate` first", op.name());
                return Err(PassError::cannot(value, message));
            }
        }
        let grouping = Grouping::new(fixed);
        let mut inputs: Vec<Vec<Input>> =
            grouping.groups().iter().map(|members| inputs(fixed, &grouping, members)).collect();
        let ticks = forward_ticks(fixed, &grouping, &mut inputs);
        let mut sends = vec![BTreeSet::new(); inputs.len()];
        let heard = inputs.iter().flatten().filter_map(|&input| sent(fixed, input));
        for sent in heard.chain([Sent::Value(fixed.outputs[LOGITS])]) {
            sends[grouping.of(sent.value())].insert(sent);
        }
        Ok(Self { fixed, grouping, inputs, ticks, sends })
    }

    fn run(self) -> Result<Network, PassError> {
        let fixed = self.fixed;
        let logits = fixed.outputs[LOGITS];
        let embed = fixed.graph.in_order().into_iter().find_map(|value| match &fixed.graph.node(value).op {
            Op::Embed { table } => Some(table.clone()),
            _ => None,
        });
        let mut network = Network {
            name: fixed.name.clone(),
            vocab_size: fixed.vocab_size,
            word: fixed.word,
            accumulator: fixed.accumulator,
            overflow: fixed.overflow,
            constants: fixed.constants.clone(),
            embedding: embed.expect("invariant: a verified module has an embed, and all else comes from it"),
            logit_scale: fixed.graph.node(logits).ty.scale,
            groups: Vec::new(),
            projections: Vec::new(),
            latency_steps: None,
        };
        let mut constant_names = Unique::default();
        constant_names.extend(fixed.constants.keys().cloned());
        for ((id, name), inputs) in (0..).map(GroupId).zip(names::groups(fixed, &self.grouping)).zip(&self.inputs) {
            self.check_carried(&name, inputs)?;
            let feeds: Vec<(Source, Weights)> = inputs.iter().map(|&input| self.feed(input)).collect();
            let mut ports = Unique::default();
            let plan = body::Plan {
                members: &self.grouping.groups()[id.index()],
                inputs,
                tick: self.ticks[id.index()],
                ports: self.sends[id.index()].iter().map(|&sent| (sent, self.port(sent, &mut ports))).collect(),
                name,
            };
            let (group, constants) = body::build(fixed, plan, &mut constant_names);
            let count = |is: fn(&BodyOp) -> bool| group.body.iter().filter(|op| is(op)).count();
            tracing::debug!(
                group = group.name,
                neurons = group.n_neurons,
                accumulators = group.accumulators.len(),
                operations = count(|op| matches!(op, BodyOp::Scalar(_))),
                "made"
            );
            network.groups.push(group);
            network.constants.extend(constants);
            for (accumulator, ((source, weights), input)) in feeds.into_iter().zip(inputs).enumerate() {
                let mut projection = Projection::new(source, Target::Accumulator(id, accumulator), weights);
                if let Input::Forwarded(_) = input {
                    // Only the first neuron sends a tick.
                    projection.sources = Some(0..1);
                }
                network.projections.push(projection);
            }
        }
        let source = self.source(Sent::Value(logits));
        network.projections.push(Projection::new(source, Target::Logits, Weights::Identity));
        let used: BTreeSet<String> = constants(&network).map(str::to_owned).collect();
        network.constants.retain(|name, _| used.contains(name));
        Ok(network)
    }

    /// What is carried passes an accumulator, which must not cut it.
    fn check_carried(&self, name: &str, inputs: &[Input]) -> Result<(), PassError> {
        let limit = self.fixed.accumulator.bits;
        for &input in inputs {
            let (Input::Carried(value) | Input::Gathered(value)) = input else { continue };
            let bits = self.fixed.graph.node(value).ty.bits;
            if bits > limit {
                let message = format!("{value} arrives with {bits} bits, an accumulator has {limit}");
                return Err(PassError::cannot(format!("neuron group {name:?}"), message));
            }
        }
        Ok(())
    }

    fn feed(&self, input: Input) -> (Source, Weights) {
        let fixed = self.fixed;
        let source = match (input, sent(fixed, input)) {
            (_, Some(sent)) => self.source(sent),
            (Input::Tick, None) => Source::Tick,
            (Input::Gathered(_) | Input::Carried(_) | Input::Forwarded(_), None) => Source::Embedding,
        };
        let weights = match input {
            Input::Tick | Input::Forwarded(_) => Weights::Ones,
            Input::Carried(value) if fixed.graph.node(value).ty.width == 1 => Weights::Ones,
            Input::Carried(_) => Weights::Identity,
            Input::Gathered(value) => match &fixed.graph.node(value).op {
                Op::Linear { weight } => Weights::Matrix(weight.clone()),
                Op::ReduceSum { .. } => Weights::Ones,
                _ => Weights::Identity,
            },
        };
        (source, weights)
    }

    fn source(&self, sent: Sent) -> Source {
        let place = self.grouping.of(sent.value());
        let port = self.sends[place].iter().position(|other| *other == sent);
        let id = u32::try_from(place).expect("invariant: groups are few");
        Source::Port(GroupId(id), port.expect("invariant: what is fed is sent"))
    }

    fn port(&self, sent: Sent, names: &mut Unique) -> Port {
        let bits = match sent {
            Sent::Value(value) => self.fixed.graph.node(value).ty.bits,
            Sent::Biased(..) => self.fixed.word.bits,
            Sent::Tick(_) => TICK_BITS,
        };
        Port { name: names.name(&names::port(self.fixed, sent)), bits }
    }
}

/// What arrives at a group from outside, in the order in which its values first need it.
fn inputs(fixed: &Fixed, grouping: &Grouping, members: &[ValueId]) -> Vec<Input> {
    let mut inputs = Vec::new();
    let mut add = |input| {
        if !inputs.contains(&input) {
            inputs.push(input);
        }
    };
    for &value in members {
        if gathers(fixed, value) {
            add(Input::Gathered(value));
        } else if matches!(fixed.graph.node(value).op, Op::Embed { .. }) {
            add(Input::Gathered(value));
            add(Input::Tick);
        }
        for &operand in fixed.graph.operands(value) {
            if grouping.is_carried(fixed, value, operand) {
                add(Input::Carried(operand));
            }
        }
    }
    inputs
}

/// Width of a 1, sign included.
const TICK_BITS: u32 = 2;

/// Lets every group have a tick in the step in which it works: where none of what it hears is never zero and arrives
/// last, the group that it hears last sends it one. Returns the place of each group's tick among its inputs.
fn forward_ticks(fixed: &Fixed, grouping: &Grouping, inputs: &mut [Vec<Input>]) -> Vec<usize> {
    // The step in which each group works, before anything waits.
    let mut works: Vec<u32> = Vec::with_capacity(inputs.len());
    let mut ticks = Vec::with_capacity(inputs.len());
    for inputs in inputs {
        let from = |input: &Input| sent(fixed, *input).map(|sent| grouping.of(sent.value()));
        let arrives = |input: &Input| from(input).map_or(0, |place| works[place] + 1);
        let last = inputs.iter().map(arrives).max().unwrap_or(0);
        let in_time = inputs.iter().position(|input| is_tick(fixed, *input) && arrives(input) == last);
        let heard_last = inputs.iter().find(|&input| arrives(input) == last).and_then(from);
        ticks.push(in_time.unwrap_or(inputs.len()));
        if let (None, Some(place)) = (in_time, heard_last) {
            inputs.push(Input::Forwarded(grouping.groups()[place][0]));
        }
        works.push(last);
    }
    ticks
}

/// What another group sends so that this arrives; nothing where the host does.
fn sent(fixed: &Fixed, input: Input) -> Option<Sent> {
    match input {
        Input::Tick => None,
        Input::Carried(value) => Some(Sent::Value(value)),
        Input::Forwarded(value) => Some(Sent::Tick(value)),
        Input::Gathered(value) => {
            let operand = *fixed.graph.operands(value).first()?;
            Some(match fixed.graph.node(value).op {
                Op::ReduceSum { bias } if bias != 0 => Sent::Biased(operand, bias),
                _ => Sent::Value(operand),
            })
        }
    }
}

/// The constants that a network names.
fn constants(network: &Network) -> impl Iterator<Item = &str> {
    let params = network.groups.iter().flat_map(|group| &group.params).map(|param| param.values.as_str());
    let weights = network.projections.iter().filter_map(|projection| match &projection.weights {
        Weights::Matrix(name) => Some(name.as_str()),
        Weights::Identity | Weights::Ones => None,
    });
    params.chain(weights).chain([network.embedding.as_str()])
}
