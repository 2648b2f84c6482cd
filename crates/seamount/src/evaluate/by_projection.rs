//! What is sent to linear layers: how many payloads are zero, and so not sent.

use seamount_ir::ValueId;
use seamount_ir::fixed::{Fixed, Op};
use seamount_quant::config::layer_of;
use serde::Serialize;

use super::compare::{Score, compare};
use super::predict::{Payloads, Predictor, payload_types};
use super::windows::Windows;
use super::{EvaluateError, without_rounding};
use crate::compile::Compilation;

/// Zeros among payloads, and how well the program that sends them predicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByProjection {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// How well the program predicts.
    #[serde(flatten)]
    pub score: Score,
    /// Share of all payloads that are zero and are not sent, 0 to 1.
    pub zero_payload_share: f64,
    /// Bytes of payloads that are sent, a token; each is counted once, wherever it goes.
    pub payload_bytes_per_token: f64,
    /// The payloads, in the order in which they are computed.
    pub payloads: Vec<Payload>,
}

/// One value that linear layers multiply, over all tokens and channels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Payload {
    /// The block, from 0; none of the head.
    pub block: Option<u32>,
    /// The projections that read it, by their names in the block, sorted.
    pub projections: Vec<String>,
    /// Width, sign included.
    pub bits: u32,
    /// The least magnitude that is sent, in units of the payload.
    pub spike_threshold: u32,
    /// Channels.
    pub n_channels: u64,
    /// Share of zeros, 0 to 1.
    pub zero_share: f64,
    /// Bytes that are sent, a token.
    pub bytes_per_token: f64,
}

/// Evaluates the fixed-point model, whose integers are the program's, and counts what it sends. `done` is told of each
/// window.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate_by_projection(
    compilation: &Compilation,
    tokens: &[u32],
    window: usize,
    done: impl Fn() + Sync,
) -> Result<ByProjection, EvaluateError> {
    let Compilation { model, fixed, .. } = compilation;
    let windows = Windows::new(tokens, window, model.vocab_size)?;
    let references = [Predictor::float(model)?, Predictor::float(&without_rounding(model)?)?];
    let means = compare(&references, &[Predictor::fixed(fixed)?], &windows, done)?;
    let (published, own) = (&means[0], &means[references.len()]);
    let n_tokens = windows.n_tokens();

    let mut values: Vec<(usize, ValueId)> =
        payload_types(fixed).into_iter().map(|(value, (index, _))| (index, value)).collect();
    values.sort_unstable();
    let payloads = values.iter().zip(&own.payloads);
    let total: Payloads = own.payloads.iter().copied().sum();
    Ok(ByProjection {
        n_tokens,
        window: windows.window(),
        score: own.score(published, false),
        zero_payload_share: total.zero_share(),
        payload_bytes_per_token: total.bytes_per_token(n_tokens),
        payloads: payloads.map(|((_, value), counts)| Payload::new(fixed, *value, *counts, n_tokens)).collect(),
    })
}

impl Payload {
    fn new(fixed: &Fixed, value: ValueId, counts: Payloads, n_tokens: usize) -> Self {
        let node = fixed.graph.node(value);
        let mut projections: Vec<String> = fixed
            .graph
            .users(value)
            .into_iter()
            .filter_map(|user| {
                let Op::Linear { weight } = &fixed.graph.node(user).op else { return None };
                Some(name_in_block(weight).to_owned())
            })
            .collect();
        projections.sort_unstable();
        projections.dedup();
        Self {
            block: node.layer,
            projections,
            bits: node.ty.bits,
            spike_threshold: if let Op::Threshold { level } = node.op { level.unsigned_abs() } else { 1 },
            n_channels: node.ty.width as u64,
            zero_share: counts.zero_share(),
            bytes_per_token: counts.bytes_per_token(n_tokens),
        }
    }
}

/// `attn.o_proj` of `layers.3.attn.o_proj.weight`; rows of a layer are called as the whole layer.
pub(crate) fn name_in_block(weight: &str) -> &str {
    let layer = layer_of(weight);
    let after_block = |rest: &'_ str| {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        (digits > 0 && rest[digits..].starts_with('.')).then_some(digits + 1)
    };
    for (at, _) in layer.match_indices("layers.") {
        let rest = &layer[at + "layers.".len()..];
        if let Some(skipped) = after_block(rest) {
            return &rest[skipped..];
        }
    }
    layer
}

#[cfg(test)]
mod tests {
    use super::name_in_block;

    #[test]
    fn a_projection_is_called_as_in_its_block() {
        assert_eq!(name_in_block("model.layers.13.attn.o_proj.weight"), "attn.o_proj");
        assert_eq!(name_in_block("layers.0.mlp.gate_proj.rows-0-512.weight"), "mlp.gate_proj");
        assert_eq!(name_in_block("lm_head.weight"), "lm_head");
        assert_eq!(name_in_block("my.layers.x"), "my.layers.x");
    }
}
