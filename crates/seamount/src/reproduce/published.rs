//! What was published.

use seamount_cost::{Costs, Mode, Wavefront};
use serde::Serialize;

use super::Prediction;

/// Tokens of the prompt whose time to the first new token was published.
pub(super) const PROMPT_TOKENS: u64 = 500;

/// The figure that the authors did not measure but estimate.
pub const ONE_CHIP: &str = "generate on one chip (the authors' estimate)";

/// A published figure of Loihi 2 and what is predicted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// What was published.
    pub published: f64,
    /// What is predicted, by system.
    pub predicted: Vec<f64>,
    /// `predicted` over `published`.
    pub ratio: Vec<f64>,
    /// Whether constants were fitted to it.
    pub basis: Basis,
    /// What there is to say about a miss.
    pub note: String,
}

/// How a prediction comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Constants were fitted to this figure: that it is met says nothing.
    Fitted,
    /// No constant was fitted to it.
    Predicted,
}

/// Another machine's published figures for the same model, as lowest and highest over the lengths of text; `None` where
/// only a ratio was published.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// The machine.
    pub name: String,
    /// Tokens a second while generating.
    pub generate_tokens_per_s: (f64, f64),
    /// Energy of a generated token in mJ; the highest is unknown where only a lower bound was published.
    pub generate_mj_per_token: (f64, Option<f64>),
    /// Tokens a second while reading a prompt.
    pub prefill_tokens_per_s: (f64, f64),
    /// Energy of a read token in mJ; the lowest is the best, the highest is unknown where only that was published.
    pub prefill_mj_per_token: (f64, Option<f64>),
    /// From a prompt of 500 tokens to the first new one.
    pub first_token_ms: Option<f64>,
}

/// The figures of Loihi 2. `predictions` and `wavefronts` are of the published mapping, by system.
pub(super) fn figures(predictions: &[Prediction], wavefronts: &[Wavefront], costs: &[Costs]) -> Vec<Figure> {
    let figure = |name: &str, unit: &str, published: f64, basis, note: &str, predicted: Vec<f64>| Figure {
        name: name.to_owned(),
        unit: unit.to_owned(),
        published,
        ratio: predicted.iter().map(|predicted| predicted / published).collect(),
        predicted,
        basis,
        note: note.to_owned(),
    };
    let of = |value: fn(&Prediction) -> f64| predictions.iter().map(value).collect::<Vec<_>>();
    let one_chip = |(costs, wavefront): (&Costs, &Wavefront)| {
        let single = Wavefront { n_chips: 1, ..wavefront.clone() };
        costs.estimate(&single, Mode::FallThrough).tokens_per_s.value
    };
    vec![
        figure("generate", "tokens/s", 41.5, Basis::Fitted, "", of(|row| row.generate.tokens_per_s.value)),
        figure("generate", "mJ/token", 405.0, Basis::Fitted, "", of(|row| row.generate.mj_per_token.value)),
        figure("prefill", "tokens/s", 6632.0, Basis::Fitted, "", of(|row| row.prefill.tokens_per_s.value)),
        figure("prefill", "mJ/token", 3.7, Basis::Fitted, "", of(|row| row.prefill.mj_per_token.value)),
        figure(
            "first token after 500",
            "ms",
            99.0,
            Basis::Predicted,
            "filling and draining the wavefront takes a step for each of its steps; 12 a block are too many",
            of(|row| row.first_token_ms.value),
        ),
        figure(
            ONE_CHIP,
            "tokens/s",
            71.3,
            Basis::Predicted,
            "all that a step takes beside synapses is charged to the system barrier, which one chip does not have",
            costs.iter().zip(wavefronts).map(one_chip).collect(),
        ),
    ]
}

/// The rows of other machines.
pub(super) fn machines() -> Vec<Machine> {
    vec![
        Machine {
            name: "Loihi 2, 24 chips (measured)".to_owned(),
            generate_tokens_per_s: (41.5, 41.5),
            generate_mj_per_token: (405.0, Some(405.0)),
            prefill_tokens_per_s: (6632.0, 6632.0),
            prefill_mj_per_token: (3.7, Some(3.7)),
            first_token_ms: Some(99.0),
        },
        Machine {
            name: "Jetson Orin Nano 8 GB, FP16".to_owned(),
            generate_tokens_per_s: (12.6, 15.4),
            generate_mj_per_token: (719.0, Some(1200.0)),
            prefill_tokens_per_s: (627.0, 3861.0),
            prefill_mj_per_token: (4.4, Some(17.9)),
            first_token_ms: Some(659.0),
        },
        Machine {
            name: "H100 (a third of Loihi 2's rate, 14 times its energy or more)".to_owned(),
            generate_tokens_per_s: (41.5 / 3.0, 41.5 / 3.0),
            generate_mj_per_token: (14.0 * 405.0, None),
            prefill_tokens_per_s: (11_400.0, 84_600.0),
            prefill_mj_per_token: (0.9, None),
            first_token_ms: None,
        },
    ]
}
