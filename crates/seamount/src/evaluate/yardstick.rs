//! Predictions of both float models, made once, that many fixed-point models are held against.

use seamount_ir::Verified;
use seamount_ir::fixed::Fixed;
use seamount_ir::model::Model;

use super::compare::{Means, Score, Sums};
use super::predict::{Payloads, Predictions, Predictor};
use super::windows::Windows;
use super::{EvaluateError, without_rounding};

/// A text, and what the published and the unrounded model predict of it.
///
/// It keeps both models' probabilities of every token of the vocabulary, in double precision.
pub(crate) struct Yardstick<'t> {
    windows: Windows<'t>,
    /// Of each window, those of the published and those of the unrounded model.
    predictions: Vec<Vec<Predictions>>,
    published: Means,
}

/// What a model's payloads come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    /// Share that is zero and is not sent, 0 to 1.
    pub(crate) zero_payload_share: f64,
    /// Bytes that are sent, a token.
    pub(crate) payload_bytes_per_token: f64,
}

impl<'t> Yardstick<'t> {
    pub(crate) fn new(model: &Verified<Model>, tokens: &'t [u32], window: usize) -> Result<Self, EvaluateError> {
        let windows = Windows::new(tokens, window, model.vocab_size)?;
        let references = [Predictor::float(model)?, Predictor::float(&without_rounding(model)?)?];
        let predictions = windows.map(|tokens| {
            let inputs = &tokens[..tokens.len() - 1];
            references.iter().map(|reference| reference.predict(inputs)).collect::<Result<Vec<_>, _>>()
        })?;
        let sums = predictions.iter().zip(windows.targets());
        let sums = sums.map(|(references, targets)| Sums::of(&references[0], references, targets));
        let published = Sums::total(sums).means(windows.n_tokens());
        Ok(Self { windows, predictions, published })
    }

    /// Tokens that are predicted.
    pub(crate) fn n_tokens(&self) -> usize {
        self.windows.n_tokens()
    }

    /// Tokens of a window.
    pub(crate) fn window(&self) -> usize {
        self.windows.window()
    }

    /// Holds a model against both.
    pub(crate) fn measure(&self, fixed: &Verified<Fixed>) -> Result<(Score, Sent), EvaluateError> {
        let subject = Predictor::fixed(fixed)?;
        let sums = self.windows.map_with(&self.predictions, |tokens, references| {
            let (inputs, targets) = (&tokens[..tokens.len() - 1], &tokens[1..]);
            Ok(Sums::of(&subject.predict(inputs)?, references, targets))
        })?;
        let means = Sums::total(sums.into_iter()).means(self.n_tokens());
        let payloads: Payloads = means.payloads.iter().copied().sum();
        let sent = Sent {
            zero_payload_share: payloads.zero_share(),
            payload_bytes_per_token: payloads.bytes_per_token(self.n_tokens()),
        };
        Ok((means.score(&self.published, false), sent))
    }
}
