//! `place-head`: who computes the logits, the chip or the host.

use seamount_ir::network::{Network, Source, Target};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

/// Marks the groups after the last block as the host's or the chip's.
#[derive(Debug, Clone, Default)]
pub struct PlaceHead {
    /// Whether the host computes the head.
    pub on_host: bool,
}

/// What is known of `place-head`.
pub static INFO: PassInfo = PassInfo {
    name: "place-head",
    description: "Gives the groups after the last block to the host, or to the chip.",
    from: Level::Network,
    to: Level::Network,
    options: &[("on", "chip", "who computes the logits: chip or host")],
};

impl PlaceHead {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let on_host = match options.text("on")?.as_deref() {
            None | Some("chip") => false,
            Some("host") => true,
            Some(other) => return Err(options.error(format!("`on` is chip or host, found {other}"))),
        };
        options.finish()?;
        Ok(Box::new(Self { on_host }))
    }
}

impl Pass for PlaceHead {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Network(network) = module else { return Err(PassError::level(&INFO, &module)) };
        let mut network = network.verify()?.into_inner();
        let head = head(&network);
        for (group, in_head) in network.groups.iter_mut().zip(head) {
            group.on_host = in_head && self.on_host;
            if group.on_host {
                tracing::debug!(group = group.name, neurons = group.n_neurons, "is the host's");
            }
        }
        Ok(Module::Network(network.verify()?.into_inner()))
    }
}

/// By group, whether it comes after the last block: it is of no block, does not hear the host, and leads to no group
/// that is not of the head.
fn head(network: &Network) -> Vec<bool> {
    let mut head: Vec<bool> = network.groups.iter().map(|group| group.layer.is_none()).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for projection in &network.projections {
            let Target::Accumulator(to, _) = projection.target else { continue };
            let outside = match projection.source {
                Source::Embedding | Source::Tick => to,
                Source::Port(from, _) if !head[to.index()] => from,
                Source::Port(..) => continue,
            };
            changed |= std::mem::replace(&mut head[outside.index()], false);
        }
    }
    head
}
