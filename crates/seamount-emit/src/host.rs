//! The host's side of a program.

use seamount_ir::network::{Network, Source, Target};
use seamount_program::{Host, Routes};

use crate::error::EmitError;
use crate::program::{EmitOptions, number};
use crate::routes::Destinations;

/// The embedding table, where its channels and the tick go, and how logits are read.
///
/// # Errors
/// [`EmitError::Constant`] and [`EmitError::Range`] for the embedding, [`EmitError::Size`].
pub(crate) fn emit(
    network: &Network,
    destinations: &Destinations,
    latency_steps: u32,
    options: &EmitOptions,
) -> Result<Host, EmitError> {
    let name = &network.embedding;
    let width = network.n_sources(Source::Embedding);
    let constant = |source| EmitError::Constant { name: name.clone(), source };
    let table = network.constants[name].to_i32().map_err(constant)?;
    let payload = |&value: &i32| {
        let range = |_| EmitError::Range { name: name.clone(), value, place: "the host's table", bits: i16::BITS };
        i16::try_from(value).map_err(range)
    };
    let sends_logits = network.projections.iter().any(|projection| projection.target == Target::Logits);
    let vocab_size = number("tokens of the vocabulary", network.vocab_size)?;
    Ok(Host {
        vocab_size,
        width: number("channels of the embedding", width)?,
        embedding: table.iter().map(payload).collect::<Result<_, _>>()?,
        input: Routes::from_lists((0..width).map(|channel| destinations.of(Source::Embedding, channel))),
        tick: destinations.of(Source::Tick, 0),
        n_outputs: if sends_logits { vocab_size } else { 0 },
        logit_scale: network.logit_scale,
        latency_steps,
        bos_id: options.bos_id,
        eos_id: options.eos_id,
    })
}
