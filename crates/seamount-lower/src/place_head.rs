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
        let Module::Network(mut network) = module else { return Err(PassError::level(&INFO, &module)) };
        let head = head(&network);
        for (group, in_head) in network.groups.iter_mut().zip(head) {
            group.on_host = in_head && self.on_host;
        }
        Ok(Module::Network(network))
    }
}

/// The groups of no block that do not hear the host: what comes after the last block.
fn head(network: &Network) -> Vec<bool> {
    let mut head: Vec<bool> = network.groups.iter().map(|group| group.layer.is_none()).collect();
    for projection in &network.projections {
        if let (Source::Embedding | Source::Tick, Target::Accumulator(group, _)) =
            (projection.source, projection.target)
        {
            head[group.index()] = false;
        }
    }
    head
}
