//! Predictions against the text, and against those of reference models.

use serde::Serialize;

use super::EvaluateError;
use super::predict::{Payloads, Predictions, Predictor};
use super::windows::Windows;
use crate::sample::argmax;

/// How well something predicts a text, and how near it is to the float models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// `exp` of the mean cross entropy.
    pub perplexity: f64,
    /// Perplexity over that of the published model.
    pub perplexity_ratio: f64,
    /// Mean divergence from the published model's prediction, in nats a token.
    pub mean_kl_nats: f64,
    /// Share of positions at which the published model names the same likeliest token.
    pub top1_agreement: f64,
    /// The same divergence from the model without its rounding of each token.
    pub mean_kl_nats_unrounded: f64,
    /// The same share with the model without its rounding of each token.
    pub top1_agreement_unrounded: f64,
    /// Sums and results that did not fit; none where there are floats.
    pub n_saturations: Option<u64>,
}

/// Means over a text.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) perplexity: f64,
    /// Against each reference, in their order.
    pub(super) against: Vec<Against>,
    pub(super) n_saturations: u64,
    pub(super) n_overflows: u64,
    /// Over the text, value by value.
    pub(super) payloads: Vec<Payloads>,
}

/// A comparison with a reference.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Against {
    /// Divergence from the reference's prediction, in nats.
    pub(super) divergence: f64,
    /// Positions, or their share, at which both name the same likeliest token.
    pub(super) agreed: f64,
}

impl Means {
    /// As a score, where the references are the published and the unrounded model.
    pub(super) fn score(&self, published: &Self, is_float: bool) -> Score {
        let [rounded, unrounded] = self.against[..] else { unreachable!("invariant: there are two references") };
        Score {
            perplexity: self.perplexity,
            perplexity_ratio: self.perplexity / published.perplexity,
            mean_kl_nats: rounded.divergence,
            top1_agreement: rounded.agreed,
            mean_kl_nats_unrounded: unrounded.divergence,
            top1_agreement_unrounded: unrounded.agreed,
            n_saturations: (!is_float).then_some(self.n_saturations),
        }
    }
}

/// Evaluates references and subjects; gives the means of all, references first. `done` is told of each window.
pub(super) fn compare(
    references: &[Predictor],
    subjects: &[Predictor],
    windows: &Windows<'_>,
    done: impl Fn() + Sync,
) -> Result<Vec<Means>, EvaluateError> {
    let of_windows = windows.map(|tokens| {
        let sums = one_window(references, subjects, tokens);
        done();
        sums
    })?;
    let mut totals = vec![Sums::default(); references.len() + subjects.len()];
    for sums in of_windows {
        totals.iter_mut().zip(&sums).for_each(|(total, sums)| total.add(sums));
    }
    Ok(totals.into_iter().map(|total| total.means(windows.n_tokens())).collect())
}

/// Sums over the tokens of a window, or of all.
#[derive(Debug, Default, Clone)]
pub(super) struct Sums {
    cross_entropy: f64,
    against: Vec<Against>,
    n_saturations: u64,
    n_overflows: u64,
    payloads: Vec<Payloads>,
}

fn one_window(references: &[Predictor], subjects: &[Predictor], tokens: &[u32]) -> Result<Vec<Sums>, EvaluateError> {
    let (inputs, targets) = (&tokens[..tokens.len() - 1], &tokens[1..]);
    let predict = |predictor: &Predictor| predictor.predict(inputs);
    let references: Vec<Predictions> = references.iter().map(predict).collect::<Result<_, _>>()?;
    let mut sums: Vec<Sums> = references.iter().map(|own| Sums::of(own, &references, targets)).collect();
    for subject in subjects {
        sums.push(Sums::of(&subject.predict(inputs)?, &references, targets));
    }
    Ok(sums)
}

impl Sums {
    pub(super) fn of(predictions: &Predictions, references: &[Predictions], targets: &[u32]) -> Self {
        let rows = &predictions.log_probabilities;
        Self {
            cross_entropy: -rows.iter().zip(targets).map(|(row, &target)| row[target as usize]).sum::<f64>(),
            against: references.iter().map(|reference| Against::of(rows, &reference.log_probabilities)).collect(),
            n_saturations: predictions.n_saturations,
            n_overflows: predictions.n_overflows,
            payloads: predictions.payloads.clone(),
        }
    }

    /// The sums of all windows, added in their order.
    pub(super) fn total(windows: impl Iterator<Item = Self>) -> Self {
        windows.fold(Self::default(), |mut total, sums| {
            total.add(&sums);
            total
        })
    }

    fn add(&mut self, other: &Self) {
        self.cross_entropy += other.cross_entropy;
        self.n_saturations += other.n_saturations;
        self.n_overflows += other.n_overflows;
        self.payloads.resize(other.payloads.len(), Payloads::default());
        self.payloads.iter_mut().zip(&other.payloads).for_each(|(total, count)| *total += *count);
        self.against.resize(other.against.len(), Against::default());
        for (total, against) in self.against.iter_mut().zip(&other.against) {
            total.divergence += against.divergence;
            total.agreed += against.agreed;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "token counts are exact in doubles")]
    /// Their means a token.
    pub(super) fn means(self, n_tokens: usize) -> Means {
        let n = n_tokens as f64;
        let mean = |against: Against| Against { divergence: against.divergence / n, agreed: against.agreed / n };
        Means {
            perplexity: (self.cross_entropy / n).exp(),
            against: self.against.into_iter().map(mean).collect(),
            n_saturations: self.n_saturations,
            n_overflows: self.n_overflows,
            payloads: self.payloads,
        }
    }
}

impl Against {
    fn of(rows: &[Vec<f64>], reference: &[Vec<f64>]) -> Self {
        let mut sums = Self::default();
        for (q, p) in rows.iter().zip(reference) {
            sums.divergence += p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum::<f64>();
            sums.agreed += f64::from(u8::from(argmax(p) == argmax(q)));
        }
        sums
    }
}
