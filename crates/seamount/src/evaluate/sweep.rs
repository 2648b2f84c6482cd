//! Bytes against accuracy: payload widths and weight encodings.

use seamount_hf::Checkpoint;
use seamount_partition::WeightEncoding;
use seamount_report::Report;
use serde::Serialize;

use super::compare::{Means, Score, compare};
use super::predict::{Payloads, Predictor};
use super::windows::Windows;
use super::{EvaluateError, without_rounding};
use crate::compile::{Compilation, CompileOptions, Watcher, compile};

/// The widths of payloads that a sweep tries, widest first.
pub const PAYLOAD_BITS: [u32; 6] = [24, 16, 14, 12, 10, 8];
/// The encodings that a sweep tries. They change no integer.
pub const WEIGHTS: [WeightEncoding; 2] = [WeightEncoding::Ternary2, WeightEncoding::Int8];

/// What each width and encoding costs and loses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sweep {
    /// Tokens that were predicted.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// By width, then by encoding.
    pub points: Vec<SweepPoint>,
}

/// One width with one encoding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepPoint {
    /// Width of the payloads that linear layers multiply.
    pub payload_bits: u32,
    /// How weights are stored.
    pub weights: WeightEncoding,
    /// Bytes of the program's file.
    pub program_bytes: u64,
    /// Bytes of memory that it takes on all neurocores.
    pub core_memory_bytes: u64,
    /// Bytes of payloads that neurons send to linear layers, a token; each is counted once, wherever it goes.
    pub payload_bytes_per_token: f64,
    /// Share of these payloads that are zero and are not sent, 0 to 1.
    pub zero_payload_share: f64,
    /// How well the program predicts.
    #[serde(flatten)]
    pub score: Score,
}

/// Compiles a checkpoint with each width, the same for all layers, and each encoding, and evaluates each width: the
/// fixed-point model gives the integers of its programs. The watcher sees which compilation runs; `done` is told of
/// each window.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate_sweep(
    checkpoint: &Checkpoint,
    options: &CompileOptions,
    tokens: &[u32],
    window: usize,
    watcher: &mut impl Watcher,
    done: impl Fn() + Sync,
) -> Result<Sweep, EvaluateError> {
    let model = checkpoint.to_model().map_err(crate::CompileError::from)?.verify()?;
    let windows = Windows::new(tokens, window, model.vocab_size)?;
    let mut subjects = Vec::with_capacity(PAYLOAD_BITS.len());
    let mut sizes = Vec::with_capacity(PAYLOAD_BITS.len());
    for payload_bits in PAYLOAD_BITS {
        let mut sizes_here = Vec::with_capacity(WEIGHTS.len());
        for (index, weights) in WEIGHTS.into_iter().enumerate() {
            watcher.stage(&format!(
                "compile with payloads of {payload_bits} bits ({} of {})",
                index + 1,
                WEIGHTS.len()
            ));
            let mut options = CompileOptions { weights, ..options.clone() };
            options.quant.payload.bits = payload_bits;
            let compilation = compile(checkpoint, &options, &mut ())?;
            sizes_here.push(Size::of(weights, &compilation));
            if index == 0 {
                subjects.push(Predictor::fixed(&compilation.fixed)?);
            }
        }
        sizes.push((payload_bits, sizes_here));
    }
    watcher.stage("evaluate");
    let references = [Predictor::float(&model)?, Predictor::float(&without_rounding(&model)?)?];
    let means = compare(&references, &subjects, &windows, done)?;
    let (published, of_widths) = (&means[0], &means[references.len()..]);
    let points = sizes.iter().zip(of_widths).flat_map(|((payload_bits, sizes), means)| {
        sizes.iter().map(|size| size.point(*payload_bits, means, published, windows.n_tokens()))
    });
    Ok(Sweep { n_tokens: windows.n_tokens(), window: windows.window(), points: points.collect() })
}

struct Size {
    weights: WeightEncoding,
    program_bytes: u64,
    core_memory_bytes: u64,
}

impl Size {
    fn of(weights: WeightEncoding, compilation: &Compilation) -> Self {
        let program_bytes = compilation.program.to_bytes().len() as u64;
        let core_memory_bytes = Report::of(&compilation.program).mapping.usage.total_bytes;
        Self { weights, program_bytes, core_memory_bytes }
    }

    fn point(&self, payload_bits: u32, means: &Means, published: &Means, n_tokens: usize) -> SweepPoint {
        let payloads: Payloads = means.payloads.iter().copied().sum();
        SweepPoint {
            payload_bits,
            weights: self.weights,
            program_bytes: self.program_bytes,
            core_memory_bytes: self.core_memory_bytes,
            payload_bytes_per_token: payloads.bytes_per_token(n_tokens),
            zero_payload_share: payloads.zero_share(),
            score: means.score(published, false),
        }
    }
}
