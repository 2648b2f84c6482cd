//! `balance-delays`: what meets at a neuron arrives in the same step.
//!
//! Retiming on a graph without circles: a group works as early as its longest path allows; each shorter path waits
//! for the difference. It waits in the synapse as far as the chip has such delays, else in a delay line of the
//! neuron that it reaches, one word a step.

use seamount_ir::network::{Network, Source, Target};
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
        let network = network.verify()?.into_inner();
        Ok(Module::Network(self.balance(network)?.verify()?.into_inner()))
    }
}

impl BalanceDelays {
    fn balance(&self, mut network: Network) -> Result<Network, PassError> {
        let schedule =
            network.schedule().ok_or_else(|| PassError::cannot("network", "tokens go in circles: nothing balances"))?;
        for index in 0..network.projections.len() {
            let projection = &network.projections[index];
            let arrives = match projection.source {
                Source::Embedding | Source::Tick => 0,
                Source::Port(from, _) => schedule[from.index()] + 1,
            };
            let (to, accumulator) = match projection.target {
                Target::Accumulator(to, accumulator) => (to, accumulator),
                Target::Logits => {
                    network.latency_steps = Some(arrives);
                    continue;
                }
            };
            let slack = schedule[to.index()] - arrives;
            let group = &mut network.groups[to.index()];
            let in_synapse = slack.min(self.synapse_steps);
            let in_state = slack - in_synapse;
            if accumulator == group.tick && in_state > 0 {
                let message = format!("its tick would have to wait {in_state} step(s)");
                return Err(PassError::cannot(format!("neuron group {:?}", group.name), message));
            }
            group.accumulators[accumulator].delay_steps = in_state;
            if slack > 0 {
                let name = &group.accumulators[accumulator].name;
                tracing::debug!(group = group.name, accumulator = name, in_synapse, in_state, "waits");
            }
            network.projections[index].delay_steps = in_synapse;
        }
        Ok(network)
    }
}

fn clear(network: &mut Network) {
    network.latency_steps = None;
    network.projections.iter_mut().for_each(|projection| projection.delay_steps = 0);
    network.groups.iter_mut().flat_map(|group| &mut group.accumulators).for_each(|a| a.delay_steps = 0);
}
