//! `balance-delays`: what meets at a neuron arrives in the same step.
//!
//! Retiming on a graph without circles: a group works as early as its longest path allows; each shorter path waits
//! for the difference. It waits in the synapse as far as the chip has such delays, else in a delay line of the
//! neuron that it reaches, one word a step.

use std::collections::BTreeMap;

use seamount_ir::network::{GroupId, Network, Projection, Source, Target};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

/// Lets shorter paths wait for longer ones.
#[derive(Debug, Clone, Default)]
pub struct BalanceDelays {
    /// Longest delay that a synapse can hold.
    pub synapse_steps: u32,
}

/// What is known of `balance-delays`.
pub static INFO: PassInfo = PassInfo {
    name: "balance-delays",
    description: "Lets the shorter of two paths to a neuron wait for the longer, so that a token may enter every step.",
    from: Level::Network,
    to: Level::Network,
    options: &[("synapse_steps", "0", "longest delay of a synapse; what is left waits in neuron state")],
};

impl BalanceDelays {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let synapse_steps = options.int("synapse_steps")?.unwrap_or(0);
        options.finish()?;
        Ok(Box::new(Self { synapse_steps }))
    }
}

impl Pass for BalanceDelays {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Network(mut network) = module else { return Err(PassError::level(&INFO, &module)) };
        clear(&mut network);
        let mut network = network.verify()?.into_inner();
        self.balance(&mut network)?;
        Ok(Module::Network(network.verify()?.into_inner()))
    }
}

impl BalanceDelays {
    fn balance(&self, network: &mut Network) -> Result<(), PassError> {
        let works = network.schedule().expect("invariant: in a verified network tokens pass in one direction");
        let arrives = |projection: &Projection| match projection.source {
            Source::Embedding | Source::Tick => 0,
            Source::Port(from, _) => works[from.index()] + 1,
        };
        let logits = network.projections.iter().filter(|projection| projection.target == Target::Logits);
        network.latency_steps = logits.map(arrives).max();
        // What each accumulator waits for: the least and the most of its projections.
        let mut waits: BTreeMap<(GroupId, usize), (u32, u32)> = BTreeMap::new();
        for projection in &network.projections {
            let Target::Accumulator(to, accumulator) = projection.target else { continue };
            let wait = works[to.index()] - arrives(projection);
            let (least, most) = waits.entry((to, accumulator)).or_insert((wait, wait));
            (*least, *most) = ((*least).min(wait), (*most).max(wait));
        }
        for (&(to, accumulator), &(least, most)) in &waits {
            let in_state = most.saturating_sub(self.synapse_steps);
            let group = &mut network.groups[to.index()];
            let at = format!("neuron group {:?}", group.name);
            let is_tick = accumulator == group.tick;
            let accumulator = &mut group.accumulators[accumulator];
            let (name, synapse_steps) = (&accumulator.name, self.synapse_steps);
            if is_tick && in_state > 0 {
                let message =
                    format!("its tick {name:?} comes {most} step(s) before other data, synapses hold {synapse_steps}");
                return Err(PassError::cannot(at, message));
            }
            if in_state > least {
                let apart = most - least;
                let message = format!("two paths to {name:?} differ by {apart} step(s), synapses hold {synapse_steps}");
                return Err(PassError::cannot(at, message));
            }
            if most > 0 {
                tracing::debug!(group = group.name, accumulator = name, steps = most, in_state, "waits");
            }
            accumulator.delay_steps = in_state;
        }
        let in_synapse = |projection: &Projection| match projection.target {
            Target::Accumulator(to, accumulator) => {
                let in_state = network.groups[to.index()].accumulators[accumulator].delay_steps;
                works[to.index()] - arrives(projection) - in_state
            }
            Target::Logits => 0,
        };
        let in_synapse: Vec<u32> = network.projections.iter().map(in_synapse).collect();
        for (projection, in_synapse) in network.projections.iter_mut().zip(in_synapse) {
            projection.delay_steps = in_synapse;
        }
        Ok(())
    }
}

/// Forgets an earlier balance.
pub(crate) fn clear(network: &mut Network) {
    network.latency_steps = None;
    network.projections.iter_mut().for_each(|projection| projection.delay_steps = 0);
    network.groups.iter_mut().flat_map(|group| &mut group.accumulators).for_each(|a| a.delay_steps = 0);
}

/// By group, how many steps its tick comes before the last of what it hears.
pub(crate) fn early_ticks(network: &Network) -> Vec<u32> {
    let works = network.schedule().expect("invariant: in a verified network tokens pass in one direction");
    let mut ticks: Vec<u32> = vec![0; network.groups.len()];
    for projection in &network.projections {
        let Target::Accumulator(to, accumulator) = projection.target else { continue };
        if accumulator == network.group(to).tick {
            let arrives = match projection.source {
                Source::Embedding | Source::Tick => 0,
                Source::Port(from, _) => works[from.index()] + 1,
            };
            let tick = &mut ticks[to.index()];
            *tick = arrives.max(*tick);
        }
    }
    works.iter().zip(ticks).map(|(works, tick)| works - tick).collect()
}
