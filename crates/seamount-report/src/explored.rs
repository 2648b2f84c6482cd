//! Mappings of one model side by side, and which of them no other beats.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::{Table, extra, flexible, grouped, number, text};
use crate::text::DEFAULT_WIDTH;

/// What was tried for a model on a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Explored {
    /// Name of the model.
    pub model: String,
    /// Name of the system.
    pub arch: String,
    /// Tokens of the prompt whose time to the first token is given.
    pub n_prompt_tokens: u64,
    /// The mappings that were tried, in the order of the options.
    pub points: Vec<ExploredPoint>,
}

/// A mapping that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExploredPoint {
    /// What the mapping was to be best at.
    pub objective: String,
    /// How ternary weights are stored.
    pub weights: String,
    /// Texts that walk through the machine behind each other.
    pub streams: u32,
    /// The most chips that it might use; `None` for all of the system's.
    pub max_chips: Option<u32>,
    /// What it came to; `None` if there is no such mapping.
    pub result: Option<ExploredResult>,
    /// Why there is no such mapping; `None` if there is.
    pub error: Option<String>,
    /// Whether no other mapping is at least as good in each of [`ExploredResult::measures`] and better in one.
    pub on_front: bool,
}

/// What a mapping came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExploredResult {
    /// Chips that it uses.
    pub n_chips: u64,
    /// Neurocores that it uses.
    pub n_cores: u64,
    /// Tokens of all texts a second while they are generated.
    pub tokens_per_s: f64,
    /// Energy of a token while texts are generated, in mJ.
    pub energy_mj_per_token: f64,
    /// Tokens a second while a prompt is read.
    pub prefill_tokens_per_s: f64,
    /// Time from a prompt to the token after it, in ms.
    pub time_to_first_token_ms: f64,
    /// What most of the time of a generated token is spent on.
    pub bound: String,
}

impl Explored {
    /// The same with the mappings marked that no other beats.
    #[must_use]
    pub fn with_front(mut self) -> Self {
        let results: Vec<_> = self.points.iter().filter_map(|point| point.result.clone()).collect();
        for point in &mut self.points {
            point.on_front = point.result.as_ref().is_some_and(|of| !results.iter().any(|other| other.beats(of)));
        }
        self
    }

    /// A row for each mapping, for spreadsheets.
    pub fn to_csv(&self) -> String {
        let mut csv = "objective,weights,streams,max_chips,on_front,n_chips,n_cores,tokens_per_s,energy_mj_per_token,\
                       prefill_tokens_per_s,time_to_first_token_ms,bound,error\n"
            .to_owned();
        for point in &self.points {
            let choice = [&point.objective, &point.weights].map(|word| quoted(word)).join(",");
            let (streams, max_chips) = (point.streams, point.max_chips.map(|n| n.to_string()).unwrap_or_default());
            let result = point.result.as_ref().map_or_else(|| ",,,,,,".to_owned(), ExploredResult::csv);
            let error = point.error.as_deref().map(quoted).unwrap_or_default();
            csv += &format!("{choice},{streams},{max_chips},{},{result},{error}\n", point.on_front);
        }
        csv
    }
}

impl ExploredResult {
    /// What mappings are compared by, each the better the less it is.
    pub fn measures(&self) -> [f64; 4] {
        [self.n_chips as f64, -self.tokens_per_s, self.energy_mj_per_token, self.time_to_first_token_ms]
    }

    /// Whether it is at least as good in everything, and better in something.
    fn beats(&self, other: &Self) -> bool {
        let pairs = || self.measures().into_iter().zip(other.measures());
        pairs().all(|(own, other)| own <= other) && pairs().any(|(own, other)| own < other)
    }

    fn csv(&self) -> String {
        let Self { n_chips, n_cores, tokens_per_s, energy_mj_per_token, .. } = self;
        let Self { prefill_tokens_per_s, time_to_first_token_ms, bound, .. } = self;
        let generating = format!("{n_chips},{n_cores},{tokens_per_s},{energy_mj_per_token}");
        format!("{generating},{prefill_tokens_per_s},{time_to_first_token_ms},{}", quoted(bound))
    }
}

/// A cell of a table of comma-separated values.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// A table in lines of [`DEFAULT_WIDTH`]; a star marks what no other mapping beats.
impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} on {}", self.model, self.arch)?;
        let [objective, weights, streams] = [flexible("objective"), text("weights"), number("streams")];
        let [limit, chips, cores] = [number("at most"), number("chips"), number("cores")];
        let [speed, energy] = [number("tokens/s"), number("mJ/token")];
        let [prefill, first] = [extra("prefill/s"), number("first token, ms")];
        let columns = [text(""), objective, weights, streams, limit, chips, cores, speed, energy, prefill, first];
        let mut table = Table::new(columns);
        for point in &self.points {
            let star = if point.on_front { "*" } else { "" };
            let shown = |of: fn(&ExploredResult) -> String| point.result.as_ref().map_or_else(|| "-".to_owned(), of);
            table.row([
                star.to_owned(),
                point.objective.clone(),
                point.weights.clone(),
                point.streams.to_string(),
                point.max_chips.map(|n| n.to_string()).unwrap_or_default(),
                shown(|result| grouped(result.n_chips)),
                shown(|result| grouped(result.n_cores)),
                shown(|result| three_digits(result.tokens_per_s)),
                shown(|result| three_digits(result.energy_mj_per_token)),
                shown(|result| three_digits(result.prefill_tokens_per_s)),
                shown(|result| three_digits(result.time_to_first_token_ms)),
            ]);
        }
        table.lines(DEFAULT_WIDTH).into_iter().try_for_each(|line| writeln!(f, "{line}"))?;
        let n_front = self.points.iter().filter(|point| point.on_front).count();
        writeln!(
            f,
            "  * no other mapping beats it in chips, tokens/s, mJ a token and time to the first token ({n_front})"
        )?;
        for point in self.points.iter().filter(|point| point.error.is_some()) {
            let error = point.error.as_deref().unwrap_or_default();
            writeln!(f, "  {}, {}: {error}", point.objective, point.weights)?;
        }
        Ok(())
    }
}

/// About three significant digits, without an exponent.
fn three_digits(value: f64) -> String {
    match value.abs() {
        least if least < 1.0 => format!("{value:.3}"),
        least if least < 10.0 => format!("{value:.2}"),
        least if least < 1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
