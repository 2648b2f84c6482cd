//! The values that texts really have.

use rayon::prelude::*;
use seamount_ir::fixed::{Fixed, Interpreter};
use seamount_ir::model::InterpretError;
use seamount_ir::{ValueId, Verified};

use super::Interval;

/// What sequences of tokens ask of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Tokens that were read.
    pub n_tokens: usize,
    /// Every value, in the order of the text.
    pub values: Vec<Seen>,
}

/// One value over all tokens and channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The value.
    pub value: ValueId,
    /// What it held.
    pub held: Interval,
    /// How often its operation did not fit, on its way or at its end.
    pub n_saturations: u64,
}

impl Observed {
    /// Runs sequences, each from a zero state.
    ///
    /// # Errors
    /// [`InterpretError`]: an elided constant, a token that is not of the vocabulary.
    pub fn of(fixed: &Verified<Fixed>, sequences: &[Vec<u32>]) -> Result<Self, InterpretError> {
        let interpreter = Interpreter::new(fixed)?;
        let parts: Vec<Vec<Seen>> =
            sequences.par_iter().map(|tokens| one_sequence(&interpreter, tokens)).collect::<Result<_, _>>()?;
        let mut values: Vec<Seen> = Vec::new();
        for part in parts {
            merge(&mut values, part);
        }
        Ok(Self { n_tokens: sequences.iter().map(Vec::len).sum(), values })
    }
}

fn one_sequence(interpreter: &Interpreter, tokens: &[u32]) -> Result<Vec<Seen>, InterpretError> {
    let mut state = interpreter.initial_state();
    let mut seen = Vec::new();
    for &token in tokens {
        let values = interpreter.step(token, &mut state)?;
        let of_token = values.iter().zip(&values.saturations.0).map(|((value, channels), &n_saturations)| {
            let held = Interval::hull(channels.iter().map(|&x| Interval::point(i64::from(x))));
            Seen { value, held: held.expect("invariant: vectors have channels"), n_saturations }
        });
        merge(&mut seen, of_token.collect());
    }
    Ok(seen)
}

fn merge(all: &mut Vec<Seen>, part: Vec<Seen>) {
    if all.is_empty() {
        *all = part;
        return;
    }
    for (seen, more) in all.iter_mut().zip(part) {
        seen.held = seen.held.or(more.held);
        seen.n_saturations += more.n_saturations;
    }
}
