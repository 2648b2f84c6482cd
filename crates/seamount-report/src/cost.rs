//! What a program is predicted to cost in time and energy.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a program is predicted to cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// One text, a prompt, and several texts at the same time.
    pub modes: Vec<CostRow>,
    /// Tokens of the prompt that `first_token_us` is said of.
    pub prompt_tokens: u64,
    /// From the first token of a prompt to the logits of its last, in µs.
    pub first_token_us: Span,
    /// What each step takes if one token walks through alone, in the order of the steps.
    pub steps: Vec<CostStep>,
}

/// What a program is predicted to cost when tokens follow each other in some way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostRow {
    /// How tokens follow each other.
    pub mode: CostMode,
    /// Texts at the same time.
    pub n_streams: u32,
    /// Steps from a token to the next that enters.
    pub steps_per_token: u32,
    /// Tokens of all texts.
    pub tokens_per_s: Span,
    /// Time from a token to the next that enters, in µs.
    pub token_us: Span,
    /// Energy of a token.
    pub mj_per_token: Span,
    /// Of that, what the chips take whatever they do.
    pub static_mj: f64,
    /// Of that, what the events take.
    pub dynamic_mj: f64,
    /// What most of the time is spent on.
    pub time_bound: String,
    /// What most of the energy is spent on.
    pub energy_bound: String,
    /// How well the constants are known on which the time rests.
    pub time_rests_on: Basis,
    /// How well the constants are known on which the energy rests.
    pub energy_rests_on: Basis,
    /// The time by the parameter that it is charged by.
    pub time_parts: Vec<CostPart>,
}

/// How tokens follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostMode {
    /// One at a time.
    FallThrough,
    /// One every step.
    Pipelined,
    /// Of several texts, at equal distances.
    Streams,
}

/// A value and the ends of what is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// The lesser end.
    pub low: f64,
    /// With the constants as they are charged.
    pub value: f64,
    /// The greater end.
    pub high: f64,
}

/// Shares of a result by how well the constants are known that it rests on, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// On published ones.
    pub published: f64,
    /// On measured ones, fits included.
    pub measured: f64,
    /// On assumptions.
    pub assumed: f64,
}

/// A part of the time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostPart {
    /// The parameter of the system.
    pub parameter: String,
    /// Its share of the time, 0 to 1.
    pub share: f64,
    /// How well it is known.
    pub status: String,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostStep {
    /// What it takes, in µs.
    pub us: f64,
    /// What most of it is spent on.
    pub bound: String,
}

impl CostMode {
    /// What people call it.
    pub(crate) fn name(self, n_streams: u32) -> String {
        match self {
            Self::FallThrough => "one text".to_owned(),
            Self::Pipelined => "a prompt".to_owned(),
            Self::Streams => format!("{n_streams} texts"),
        }
    }
}

impl CostRow {
    /// What people call it.
    pub(crate) fn name(&self) -> String {
        self.mode.name(self.n_streams)
    }
}

/// The value, and the ends where they differ: `42.3 (35.1-49.9)`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [low, value, high] = [self.low, self.value, self.high].map(significant);
        if low == value && high == value { f.write_str(&value) } else { write!(f, "{value} ({low}-{high})") }
    }
}

/// Three digits that count.
pub(crate) fn significant(number: f64) -> String {
    let decimals = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 4,
    };
    format!("{number:.decimals$}")
}
