//! What a model is calibrated on.

use rayon::prelude::*;
use seamount_ir::Verified;
use seamount_ir::model::{InterpretError, Interpreter, LOGITS, Model};

use crate::sample::Sampler;

/// How much is sampled from a model that comes without text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleSize {
    /// Independent texts.
    pub n_sequences: usize,
    /// Tokens of each.
    pub n_tokens: usize,
}

/// Cuts tokens into sequences of at most `window`, of which at most `n_tokens` in all are kept.
pub fn windows(tokens: &[u32], window: usize, n_tokens: usize) -> Vec<Vec<u32>> {
    tokens[..tokens.len().min(n_tokens)].chunks(window).map(<[u32]>::to_vec).collect()
}

/// The first of some sequences, which have at most `n_tokens` together; the last of them may be cut.
pub fn first(sequences: &[Vec<u32>], n_tokens: usize) -> Vec<Vec<u32>> {
    let mut n_left = n_tokens;
    let cut = sequences.iter().map_while(|sequence| {
        let n_kept = sequence.len().min(n_left);
        n_left -= n_kept;
        (n_kept > 0).then(|| sequence[..n_kept].to_vec())
    });
    cut.collect()
}

/// Lets the model speak: sequences from the beginning token, drawn at temperature 1 with seeds that count up.
///
/// # Errors
/// Where a constant of the model is elided.
pub fn sample(
    model: &Verified<Model>,
    bos_id: u32,
    size: SampleSize,
    first_seed: u64,
) -> Result<Vec<Vec<u32>>, InterpretError> {
    let interpreter = Interpreter::new(model)?;
    let one = |seed| {
        let mut sampler = Sampler::new(1.0, 1.0, seed);
        let mut state = interpreter.initial_state();
        let mut tokens = vec![bos_id];
        while tokens.len() < size.n_tokens {
            let values = interpreter.step(tokens[tokens.len() - 1], &mut state)?;
            let logits = values.output(LOGITS).expect("invariant: a verified model has logits");
            let logits: Vec<f64> = logits.iter().map(|&logit| f64::from(logit)).collect();
            tokens.push(sampler.choose(&logits));
        }
        Ok(tokens)
    };
    (first_seed..first_seed + size.n_sequences as u64).into_par_iter().map(one).collect()
}
