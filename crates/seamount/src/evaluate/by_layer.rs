//! Values inside the fixed-point model, which are those of the program, beside the float model's.

use seamount_ir::fixed::{self, Fixed};
use seamount_ir::model;
use serde::Serialize;

use super::windows::Windows;
use super::{EvaluateError, without_rounding};
use crate::compile::Compilation;

/// How near values are to the float model without its rounding of each token.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByLayer {
    /// Tokens that were read.
    pub n_tokens: usize,
    /// Tokens of a window.
    pub window: usize,
    /// The values, in the order in which they are computed.
    pub taps: Vec<Tap>,
}

/// A value of the model, over all tokens and channels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tap {
    /// `layer.N` is the residual stream after block N, `state.N` the recurrence of block N; `logits`.
    pub name: String,
    /// Mean square of the float value over that of the difference, in decibels; none where nothing differs.
    pub snr_db: Option<f64>,
    /// Cosine of the angle between the float and the fixed-point value.
    pub cosine: f64,
    /// What the published model's own rounding leaves of its signal, for comparison.
    pub snr_published_db: Option<f64>,
    /// Sums and results that did not fit, in all operations after the tap before.
    pub n_saturations: u64,
}

/// Evaluates the float and the fixed-point model on the same tokens and compares their named values. `done` is told of
/// each window.
///
/// # Errors
/// [`EvaluateError`].
pub fn evaluate_by_layer(
    compilation: &Compilation,
    tokens: &[u32],
    window: usize,
    done: impl Fn() + Sync,
) -> Result<ByLayer, EvaluateError> {
    let windows = Windows::new(tokens, window, compilation.model.vocab_size)?;
    let models = Models {
        published: model::Interpreter::new(&compilation.model)?,
        unrounded: model::Interpreter::new(&without_rounding(&compilation.model)?)?,
        fixed: fixed::Interpreter::new(&compilation.fixed)?,
    };
    let places = places(&compilation.fixed);
    let of_windows = windows.map(|tokens| {
        let sums = one_window(&models, &places, &tokens[..tokens.len() - 1]);
        done();
        sums
    })?;
    let mut totals = vec![Sums::default(); places.len()];
    for sums in &of_windows {
        totals.iter_mut().zip(sums).for_each(|(total, sums)| total.add(sums));
    }
    let taps = places.iter().zip(&totals).map(|(place, total)| total.tap(&place.name)).collect();
    Ok(ByLayer { n_tokens: windows.n_tokens(), window: windows.window(), taps })
}

struct Models {
    published: model::Interpreter,
    unrounded: model::Interpreter,
    fixed: fixed::Interpreter,
}

/// A tap, and the operations whose saturations count as its own, in the order of the text.
struct Place {
    name: String,
    operations: std::ops::Range<usize>,
}

fn places(fixed: &Fixed) -> Vec<Place> {
    let order = fixed.graph.in_order();
    let mut places: Vec<Place> = Vec::with_capacity(fixed.outputs.len());
    let mut first = 0;
    for (at, value) in order.iter().enumerate() {
        for (name, _) in fixed.outputs.iter().filter(|(_, output)| *output == value) {
            places.push(Place { name: name.clone(), operations: first..at + 1 });
            first = at + 1;
        }
    }
    if let Some(last) = places.last_mut() {
        last.operations.end = order.len();
    }
    places
}

fn one_window(models: &Models, places: &[Place], inputs: &[u32]) -> Result<Vec<Sums>, EvaluateError> {
    let mut published_state = models.published.initial_state();
    let mut unrounded_state = models.unrounded.initial_state();
    let mut fixed_state = models.fixed.initial_state();
    let mut sums = vec![Sums::default(); places.len()];
    for &token in inputs {
        let published = models.published.step(token, &mut published_state)?;
        let unrounded = models.unrounded.step(token, &mut unrounded_state)?;
        let fixed = models.fixed.step(token, &mut fixed_state)?;
        for (sums, Place { name, operations }) in sums.iter_mut().zip(places) {
            let floats = |values: &model::Values<'_>| -> Vec<f64> {
                let channels = values.output(name).expect("invariant: passes keep named outputs");
                channels.iter().copied().map(f64::from).collect()
            };
            let scale = fixed.output_scale(name).expect("invariant: places are outputs");
            let integers = fixed.output(name).expect("invariant: places are outputs");
            let real = integers.iter().map(|&integer| f64::from(integer) * scale);
            sums.add_channels(&floats(&unrounded), &floats(&published), real);
            sums.n_saturations += fixed.saturations.0[operations.clone()].iter().sum::<u64>();
        }
    }
    Ok(sums)
}

/// Over tokens and channels.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    /// Squares of the float value.
    signal: f64,
    /// Squares of the fixed-point value.
    fixed: f64,
    /// Products of both.
    product: f64,
    /// Squares of their difference.
    noise: f64,
    /// Squares of what the published model's rounding does.
    rounding: f64,
    n_saturations: u64,
}

impl Sums {
    fn add_channels(&mut self, unrounded: &[f64], published: &[f64], fixed: impl Iterator<Item = f64>) {
        for ((&float, &rounded), fixed) in unrounded.iter().zip(published).zip(fixed) {
            self.signal += float * float;
            self.fixed += fixed * fixed;
            self.product += float * fixed;
            self.noise += (float - fixed) * (float - fixed);
            self.rounding += (float - rounded) * (float - rounded);
        }
    }

    fn add(&mut self, other: &Self) {
        self.signal += other.signal;
        self.fixed += other.fixed;
        self.product += other.product;
        self.noise += other.noise;
        self.rounding += other.rounding;
        self.n_saturations += other.n_saturations;
    }

    fn tap(&self, name: &str) -> Tap {
        let decibels = |noise: f64| (noise > 0.0).then(|| 10.0 * (self.signal / noise).log10());
        let lengths = (self.signal * self.fixed).sqrt();
        Tap {
            name: name.to_owned(),
            snr_db: decibels(self.noise),
            cosine: if lengths > 0.0 { self.product / lengths } else { 1.0 },
            snr_published_db: decibels(self.rounding),
            n_saturations: self.n_saturations,
        }
    }
}
