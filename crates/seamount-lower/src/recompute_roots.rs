//! `recompute-roots`: each neuron that waits for an inverse root computes it from the squares.
//!
//! A *root* is a group of one neuron that adds up spikes with weight one, applies a function, and sends the result to all
//! neurons of the groups behind it. These neurons can as well add the same spikes up and apply the same function: the
//! result is there a step earlier, for more input axons and more synaptic operations. What a barrier costs and how many
//! cores share the operations decides whether that pays.
//!
//! Source: rematerialization in register allocation (Briggs, Cooper and Torczon 1992), which computes a value again where it
//! is used rather than carry it there. Ours differs in that what is saved is a step, not a register.

use std::collections::BTreeSet;

use seamount_ir::kernel::{Arg, Local};
use seamount_ir::network::{BodyBuilder, BodyOp, Group, GroupId, Network, Projection, Source, Target, Weights};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

use crate::balance_delays::{clear, early_ticks};

/// Lets neurons compute roots that another neuron would send them.
#[derive(Debug, Clone)]
pub struct RecomputeRoots {
    /// Most synaptic operations a token that a root may cost more.
    pub max_ops: usize,
}

/// What is known of `recompute-roots`.
pub static INFO: PassInfo = PassInfo {
    name: "recompute-roots",
    description: "Lets each neuron that waits for an inverse root compute it from the squares, a step earlier.",
    from: Level::Network,
    to: Level::Network,
    options: &[("max_ops", "unlimited", "most synaptic operations a token that this may cost for a root")],
};

impl RecomputeRoots {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let max_ops = options.int("max_ops")?.unwrap_or(usize::MAX);
        options.finish()?;
        Ok(Box::new(Self { max_ops }))
    }
}

impl Pass for RecomputeRoots {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Network(network) = module else { return Err(PassError::level(&INFO, &module)) };
        let mut network = network.verify()?.into_inner();
        let roots: Vec<Root> = network.group_ids().filter_map(|group| Root::find(&network, group)).collect();
        clear(&mut network);
        let mut early = early_ticks(&network);
        let mut gone = BTreeSet::new();
        for root in roots {
            if root.n_ops(&network) > self.max_ops {
                continue;
            }
            let before = (network.groups.clone(), network.projections.clone());
            root.move_into_users(&mut network);
            let now = early_ticks(&network);
            // A token's tick must not come before its other data: a root that comes last is waited for.
            if now.iter().zip(&early).any(|(now, before)| now > before) {
                (network.groups, network.projections) = before;
                continue;
            }
            tracing::debug!(root = network.group(root.group).name, "is computed by those that wait for it");
            early = now;
            gone.insert(root.group);
        }
        remove(&mut network, &gone);
        Ok(Module::Network(network.verify()?.into_inner()))
    }
}

/// What each root of a network would cost, in synaptic operations a token, without duplicates, the least first.
pub fn costs_of_roots(network: &Network) -> Vec<usize> {
    let roots = network.group_ids().filter_map(|group| Root::find(network, group));
    roots.map(|root| root.n_ops(network)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A neuron whose work its users can do.
struct Root {
    group: GroupId,
    /// Where its result goes: accumulators that hear nothing else.
    users: Vec<(GroupId, usize)>,
}

impl Root {
    /// Gives nothing for a group that is no root, or has a user that hears more than its result where that arrives.
    fn find(network: &Network, id: GroupId) -> Option<Self> {
        let group = network.group(id);
        let is_plain = group.n_neurons == 1
            && group.accumulators.len() == 1
            && group.ports.len() == 1
            && group.params.is_empty()
            && group.states.is_empty();
        if !is_plain || body(group).is_none() {
            return None;
        }
        let is_sum = feeding(network, (id, 0)).all(|projection| projection.weights == Weights::Ones);
        let n_sources: usize = feeding(network, (id, 0)).map(|projection| network.sources(projection).len()).sum();
        if !is_sum || n_sources < 2 {
            return None;
        }
        let mut users = Vec::new();
        for projection in network.projections.iter().filter(|projection| projection.source == Source::Port(id, 0)) {
            let Target::Accumulator(user, at) = projection.target else { return None };
            let hears_nothing_else = feeding(network, (user, at)).count() == 1;
            if projection.weights != Weights::Ones
                || !hears_nothing_else
                || network.group(user).on_host != group.on_host
            {
                return None;
            }
            users.push((user, at));
        }
        Some(Self { group: id, users })
    }

    /// Synaptic operations a token that users do beyond what the root did.
    fn n_ops(&self, network: &Network) -> usize {
        let n_sources: usize =
            feeding(network, (self.group, 0)).map(|projection| network.sources(projection).len()).sum();
        let n_neurons: usize = self.users.iter().map(|(user, _)| network.group(*user).n_neurons).sum();
        n_sources.saturating_mul(n_neurons)
    }

    /// Leaves the root without projections.
    fn move_into_users(&self, network: &mut Network) {
        let (to_root, mut others): (Vec<_>, Vec<_>) = std::mem::take(&mut network.projections)
            .into_iter()
            .filter(|projection| projection.source != Source::Port(self.group, 0))
            .partition(|projection| projection.target == Target::Accumulator(self.group, 0));
        let function = network.group(self.group).clone();
        for &(user, at) in &self.users {
            let to_user = to_root.iter().cloned();
            others.extend(to_user.map(|projection| Projection { target: Target::Accumulator(user, at), ..projection }));
            let user = &mut network.groups[user.index()];
            user.body = inlined(&user.body, at, body(&function).expect("invariant: the root was found"));
            user.accumulators[at].name = name(user, at);
        }
        others.sort_by_key(|projection| projection.target);
        network.projections = others;
    }
}

/// What arrives at an accumulator.
fn feeding(network: &Network, (group, accumulator): (GroupId, usize)) -> impl Iterator<Item = &Projection> {
    let target = Target::Accumulator(group, accumulator);
    network.projections.iter().filter(move |projection| projection.target == target)
}

/// The operations of a body that reads its accumulator, computes, and sends, and the result that it sends.
fn body(group: &Group) -> Option<(&[BodyOp], Arg)> {
    let (BodyOp::Accumulator(0), rest) = group.body.split_first()? else { return None };
    let (BodyOp::Send(0, result), operations) = rest.split_last()? else { return None };
    operations.iter().all(|op| matches!(op, BodyOp::Scalar(_))).then_some((operations, *result))
}

/// A body in which an accumulator's sum is replaced with a function of it.
fn inlined(user: &[BodyOp], accumulator: usize, (function, result): (&[BodyOp], Arg)) -> Vec<BodyOp> {
    let mut builder = BodyBuilder::default();
    // By local of the user, what it has become.
    let mut locals: Vec<Arg> = Vec::new();
    for op in user {
        if op.has_result() {
            let mut new = builder.push(renamed(op, &locals)).into();
            if *op == BodyOp::Accumulator(accumulator) {
                let mut own = vec![new];
                for op in function {
                    own.push(builder.push(renamed(op, &own)).into());
                }
                new = lookup(result, &own);
            }
            locals.push(new);
        } else {
            builder.effect(renamed(op, &locals));
        }
    }
    builder.finish()
}

fn renamed(op: &BodyOp, locals: &[Arg]) -> BodyOp {
    match op {
        BodyOp::Accumulator(_) | BodyOp::Param(_) | BodyOp::State(_) => op.clone(),
        BodyOp::Scalar(scalar) => BodyOp::Scalar(scalar.map(|arg| lookup(arg, locals))),
        BodyOp::SetState(state, arg) => BodyOp::SetState(*state, lookup(*arg, locals)),
        BodyOp::Send(port, arg) => BodyOp::Send(*port, lookup(*arg, locals)),
        BodyOp::Probe(name, arg) => BodyOp::Probe(name.clone(), lookup(*arg, locals)),
    }
}

fn lookup(arg: Arg, locals: &[Arg]) -> Arg {
    match arg {
        Arg::Local(Local(index)) => locals[index as usize],
        Arg::Const(_) => arg,
    }
}

/// What an accumulator that adds squares up is called.
fn name(user: &Group, accumulator: usize) -> String {
    let mut name = "squares".to_owned();
    let others = || user.accumulators.iter().enumerate().filter(|(at, _)| *at != accumulator);
    while others().any(|(_, other)| other.name == name) {
        name.push('_');
    }
    name
}

/// Takes groups without projections out of a network.
fn remove(network: &mut Network, gone: &BTreeSet<GroupId>) {
    let moved = |id: GroupId| {
        let n_before = gone.range(..id).count();
        GroupId(id.0 - u32::try_from(n_before).expect("invariant: groups are few"))
    };
    for projection in &mut network.projections {
        if let Source::Port(group, _) = &mut projection.source {
            *group = moved(*group);
        }
        if let Target::Accumulator(group, _) = &mut projection.target {
            *group = moved(*group);
        }
    }
    let ids: Vec<GroupId> = network.group_ids().collect();
    let mut ids = ids.iter();
    network.groups.retain(|_| ids.next().is_some_and(|id| !gone.contains(id)));
}
