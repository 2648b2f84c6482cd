//! A text in windows.

use rayon::prelude::*;

use super::EvaluateError;

/// Consecutive windows of a text. Each has one token more than it predicts, which is the first of the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Windows<'t> {
    tokens: &'t [u32],
    window: usize,
    n_windows: usize,
}

impl<'t> Windows<'t> {
    /// All whole windows of a text of a vocabulary.
    pub(super) fn new(tokens: &'t [u32], window: usize, vocab_size: usize) -> Result<Self, EvaluateError> {
        let n_windows = tokens.len().saturating_sub(1).checked_div(window).unwrap_or(0);
        if n_windows == 0 {
            return Err(EvaluateError::Short { n_tokens: tokens.len(), needed: window + 1 });
        }
        let tokens = &tokens[..=n_windows * window];
        match tokens.iter().find(|&&token| token as usize >= vocab_size) {
            Some(&token) => Err(EvaluateError::Token { token, vocab_size }),
            None => Ok(Self { tokens, window, n_windows }),
        }
    }

    /// Tokens that are predicted.
    pub(super) fn n_tokens(&self) -> usize {
        self.n_windows * self.window
    }

    /// Tokens of a window.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// Does something with each window in parallel; gives the results in order.
    pub(super) fn map<T: Send>(
        &self,
        each: impl Fn(&'t [u32]) -> Result<T, EvaluateError> + Sync,
    ) -> Result<Vec<T>, EvaluateError> {
        let one = |index| each(&self.tokens[index * self.window..=(index + 1) * self.window]);
        (0..self.n_windows).into_par_iter().map(one).collect()
    }
}
