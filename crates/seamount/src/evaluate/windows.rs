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
        (0..self.n_windows).into_par_iter().map(|index| each(self.tokens_of(index))).collect()
    }

    /// The same with what belongs to each window.
    pub(super) fn map_with<T: Send, U: Sync>(
        &self,
        others: &[U],
        each: impl Fn(&'t [u32], &U) -> Result<T, EvaluateError> + Sync,
    ) -> Result<Vec<T>, EvaluateError> {
        let pairs = (0..self.n_windows).into_par_iter().zip(others);
        pairs.map(|(index, other)| each(self.tokens_of(index), other)).collect()
    }

    /// What is predicted of each window.
    pub(super) fn targets(&self) -> impl Iterator<Item = &'t [u32]> {
        (0..self.n_windows).map(|index| &self.tokens_of(index)[1..])
    }

    fn tokens_of(&self, index: usize) -> &'t [u32] {
        &self.tokens[index * self.window..=(index + 1) * self.window]
    }
}
