//! The network level as text, and back.

use std::collections::BTreeMap;

use super::{Accumulator, BodyOp, Group, GroupId, Network, Param, Port, Projection, Source, Target, Weights};
use crate::dag::ValueId;
use crate::fixed::text::{machine_attributes, read_machine};
use crate::kernel::Local;
use crate::kernel::text::{operand, read_arg, read_scalar, scalar_statement};
use crate::syntax::{self, Block, Operand, ParseError, Reader, Statement, Value};

impl Network {
    /// The syntax tree.
    pub fn to_block(&self) -> Block {
        let mut attributes = vec![("vocab_size".into(), int(self.vocab_size))];
        attributes.extend(machine_attributes(self.word, self.accumulator, self.overflow));
        attributes.push(("embedding".into(), Value::Symbol(self.embedding.clone())));
        attributes.push(("logit_scale".into(), Value::Float(self.logit_scale)));
        if let Some(latency) = self.latency_steps {
            attributes.push(("latency_steps".into(), Value::Int(i64::from(latency))));
        }
        Block {
            keyword: "network".into(),
            name: self.name.clone(),
            attributes,
            constants: self.constants.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect(),
            blocks: self.groups.iter().map(group_block).collect(),
            statements: self.projections.iter().map(|projection| self.projection_statement(projection)).collect(),
            ..Block::default()
        }
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// The first place where the text is not of this level. Shapes and balance are left to [`Network::verify`].
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        Self::from_block(&syntax::parse(text)?)
    }

    /// Reads a syntax tree.
    ///
    /// # Errors
    /// The first statement that is not one of this level.
    pub fn from_block(block: &Block) -> Result<Self, ParseError> {
        if block.keyword != "network" {
            return Err(ParseError::new(block.at, format!("expected `network`, found `{}`", block.keyword)));
        }
        let mut attributes = block.attributes();
        let vocab_size = attributes.int("vocab_size")?;
        let vocab_size = attributes.require("vocab_size", vocab_size)?;
        let (word, accumulator, overflow) = read_machine(&mut attributes)?;
        let embedding = attributes.symbol("embedding")?;
        let embedding = attributes.require("embedding", embedding)?;
        let logit_scale = attributes.float("logit_scale")?;
        let logit_scale = attributes.require("logit_scale", logit_scale)?;
        let latency_steps = attributes.int("latency_steps")?;
        attributes.finish()?;
        let mut network = Network {
            name: block.name.clone(),
            vocab_size,
            word,
            accumulator,
            overflow,
            constants: block.constants.iter().cloned().collect(),
            embedding,
            logit_scale,
            groups: block.blocks.iter().map(read_group).collect::<Result<_, _>>()?,
            projections: Vec::new(),
            latency_steps,
        };
        let ids: BTreeMap<String, GroupId> =
            network.groups.iter().map(|group| group.name.clone()).zip(network.group_ids()).collect();
        for statement in &block.statements {
            let projection = network.read_projection(statement, &ids)?;
            network.projections.push(projection);
        }
        Ok(network)
    }

    fn projection_statement(&self, projection: &Projection) -> Statement {
        let source = match projection.source {
            Source::Embedding => EMBEDDING.to_owned(),
            Source::Tick => TICK.to_owned(),
            Source::Port(group, port) => end(&self.group(group).name, &self.group(group).ports[port].name),
        };
        let target = match projection.target {
            Target::Logits => LOGITS.to_owned(),
            Target::Accumulator(group, at) => end(&self.group(group).name, &self.group(group).accumulators[at].name),
        };
        let weights = match &projection.weights {
            Weights::Matrix(name) => Value::Symbol(name.clone()),
            Weights::Identity => Value::Word("identity".into()),
            Weights::Ones => Value::Word("ones".into()),
        };
        let mut attributes = vec![("weights".to_owned(), weights)];
        if let Some(sources) = &projection.sources {
            attributes.push(("first_source".into(), int(sources.start)));
            attributes.push(("n_sources".into(), int(sources.len())));
        }
        if projection.delay_steps > 0 {
            attributes.push(("delay".into(), Value::Int(i64::from(projection.delay_steps))));
        }
        let operands = vec![Operand::Text(source), Operand::Text(target)];
        Statement { op: "project".into(), operands, attributes, ..Statement::default() }
    }

    fn read_projection(
        &self,
        statement: &Statement,
        ids: &BTreeMap<String, GroupId>,
    ) -> Result<Projection, ParseError> {
        let mut reader = Reader::new(statement);
        if statement.op != "project" {
            return Err(reader.error("expected `project`"));
        }
        let (source, target) = (reader.text()?, reader.text()?);
        let missing = |what: &str, end: &str| reader.error(format!("there is no {what} {end:?}"));
        let find =
            |end: &str| end.split_once(':').and_then(|(group, member)| Some((*ids.get(group)?, member.to_owned())));
        let source = match source.as_str() {
            EMBEDDING => Source::Embedding,
            TICK => Source::Tick,
            end => {
                let found = find(end).and_then(|(group, member)| {
                    Some(Source::Port(group, self.group(group).ports.iter().position(|port| port.name == member)?))
                });
                found.ok_or_else(|| missing("port", end))?
            }
        };
        let target = match target.as_str() {
            LOGITS => Target::Logits,
            end => {
                let found = find(end).and_then(|(group, member)| {
                    let at = self.group(group).accumulators.iter().position(|a| a.name == member)?;
                    Some(Target::Accumulator(group, at))
                });
                found.ok_or_else(|| missing("accumulator", end))?
            }
        };
        let weights = match reader.attributes.take("weights") {
            Some(Value::Symbol(name)) => Weights::Matrix(name),
            Some(Value::Word(word)) if word == "identity" => Weights::Identity,
            Some(Value::Word(word)) if word == "ones" => Weights::Ones,
            _ => return Err(reader.error("`weights` is a constant, `identity` or `ones`")),
        };
        let first_source: Option<usize> = reader.attributes.int("first_source")?;
        let n_sources: Option<usize> = reader.attributes.int("n_sources")?;
        let sources = match (first_source, n_sources) {
            (None, None) => None,
            (Some(first), Some(n)) => Some(first..first.saturating_add(n)),
            _ => return Err(reader.error("`first_source` and `n_sources` come together")),
        };
        let delay_steps = reader.attributes.int("delay")?.unwrap_or(0);
        reader.finish()?;
        Ok(Projection { source, target, sources, weights, delay_steps })
    }
}

const EMBEDDING: &str = "host:embedding";
const TICK: &str = "host:tick";
const LOGITS: &str = "host:logits";

fn end(group: &str, member: &str) -> String {
    format!("{group}:{member}")
}

fn int(value: usize) -> Value {
    Value::Int(i64::try_from(value).expect("invariant: sizes fit"))
}

fn group_block(group: &Group) -> Block {
    let mut attributes = vec![("neurons".into(), int(group.n_neurons))];
    if let Some(layer) = group.layer {
        attributes.push(("layer".into(), Value::Int(i64::from(layer))));
    }
    if group.on_host {
        attributes.push(("on_host".into(), Value::Bool(true)));
    }
    let named = |op: &str, name: &str| Statement {
        op: op.into(),
        operands: vec![Operand::Text(name.into())],
        ..Statement::default()
    };
    let mut statements = Vec::new();
    for (at, accumulator) in group.accumulators.iter().enumerate() {
        let mut statement = named("accumulator", &accumulator.name);
        if accumulator.delay_steps > 0 {
            statement.attributes.push(("delay".into(), Value::Int(i64::from(accumulator.delay_steps))));
        }
        if at == group.tick {
            statement.attributes.push(("tick".into(), Value::Bool(true)));
        }
        statements.push(statement);
    }
    for param in &group.params {
        let mut statement = named("param", &param.name);
        statement.operands.push(Operand::Symbol(param.values.clone()));
        statements.push(statement);
    }
    statements.extend(group.states.iter().map(|name| named("state", name)));
    for port in &group.ports {
        let mut statement = named("port", &port.name);
        statement.attributes.push(("bits".into(), Value::Int(i64::from(port.bits))));
        statements.push(statement);
    }
    let mut locals = (0..).map(Local);
    for op in &group.body {
        let result = if op.has_result() { locals.next() } else { None };
        statements.push(body_statement(group, op, result));
    }
    Block { keyword: "group".into(), name: group.name.clone(), attributes, statements, ..Block::default() }
}

fn body_statement(group: &Group, op: &BodyOp, result: Option<Local>) -> Statement {
    let (name, operands) = match op {
        BodyOp::Accumulator(at) => ("read_accumulator", vec![Operand::Text(group.accumulators[*at].name.clone())]),
        BodyOp::Param(at) => ("read_param", vec![Operand::Text(group.params[*at].name.clone())]),
        BodyOp::State(at) => ("read_state", vec![Operand::Text(group.states[*at].clone())]),
        BodyOp::Scalar(op) => return scalar_statement(*op, result.expect("invariant: operations have results")),
        BodyOp::SetState(at, arg) => ("set_state", vec![Operand::Text(group.states[*at].clone()), operand(*arg)]),
        BodyOp::Send(at, arg) => ("send", vec![Operand::Text(group.ports[*at].name.clone()), operand(*arg)]),
        BodyOp::Probe(name, arg) => ("probe", vec![Operand::Text(name.clone()), operand(*arg)]),
    };
    Statement { result: result.map(|local| ValueId(local.0)), op: name.into(), operands, ..Statement::default() }
}

fn read_group(block: &Block) -> Result<Group, ParseError> {
    if block.keyword != "group" {
        return Err(ParseError::new(block.at, format!("expected `group`, found `{}`", block.keyword)));
    }
    let mut attributes = block.attributes();
    let n_neurons = attributes.int("neurons")?;
    let mut group = Group {
        name: block.name.clone(),
        layer: attributes.int("layer")?,
        n_neurons: attributes.require("neurons", n_neurons)?,
        on_host: attributes.bool("on_host")?.unwrap_or(false),
        accumulators: vec![],
        tick: usize::MAX,
        params: vec![],
        states: vec![],
        ports: vec![],
        body: vec![],
    };
    attributes.finish()?;
    if let Some(inner) = block.blocks.first() {
        return Err(ParseError::new(inner.at, format!("a group has no inner `{}`", inner.keyword)));
    }
    let mut n_locals = 0;
    for statement in &block.statements {
        let mut reader = Reader::new(statement);
        if !read_declaration(&mut reader, &mut group)? {
            let op = read_body_op(&mut reader, &group)?;
            if op.has_result() {
                if reader.result()? != ValueId(n_locals) {
                    return Err(reader.error(format!("its result is the local %{n_locals}")));
                }
                n_locals += 1;
            }
            group.body.push(op);
        }
        reader.finish()?;
    }
    Ok(group)
}

fn read_declaration(reader: &mut Reader<'_>, group: &mut Group) -> Result<bool, ParseError> {
    match reader.op() {
        "accumulator" => {
            let name = reader.text()?;
            let delay_steps = reader.attributes.int("delay")?.unwrap_or(0);
            if reader.attributes.bool("tick")?.unwrap_or(false) {
                if group.tick != usize::MAX {
                    return Err(reader.error("a group has one tick"));
                }
                group.tick = group.accumulators.len();
            }
            group.accumulators.push(Accumulator { name, delay_steps });
        }
        "param" => group.params.push(Param { name: reader.text()?, values: reader.symbol()? }),
        "state" => group.states.push(reader.text()?),
        "port" => {
            let name = reader.text()?;
            let bits = reader.attributes.int("bits")?;
            group.ports.push(Port { name, bits: reader.attributes.require("bits", bits)? });
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn read_body_op(reader: &mut Reader<'_>, group: &Group) -> Result<BodyOp, ParseError> {
    if let Some(op) = read_scalar(reader)? {
        return Ok(BodyOp::Scalar(op));
    }
    let known = ["read_accumulator", "read_param", "read_state", "set_state", "send", "probe"];
    if !known.contains(&reader.op()) {
        return Err(reader.error("no operation of a group's body"));
    }
    let name = reader.text()?;
    let place = |found: Option<usize>| found.ok_or_else(|| reader.error(format!("{name:?} is not declared above")));
    Ok(match reader.op() {
        "read_accumulator" => BodyOp::Accumulator(place(group.accumulators.iter().position(|a| a.name == name))?),
        "read_param" => BodyOp::Param(place(group.params.iter().position(|p| p.name == name))?),
        "read_state" => BodyOp::State(place(group.states.iter().position(|s| *s == name))?),
        "set_state" => BodyOp::SetState(place(group.states.iter().position(|s| *s == name))?, read_arg(reader)?),
        "send" => BodyOp::Send(place(group.ports.iter().position(|p| p.name == name))?, read_arg(reader)?),
        _ => BodyOp::Probe(name, read_arg(reader)?),
    })
}
