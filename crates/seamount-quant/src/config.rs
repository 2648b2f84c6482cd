//! Every choice of quantization, as data: what `--quant FILE` reads and `seamount quant show` prints.

use std::collections::BTreeMap;

use seamount_ir::syntax::nearest;
use serde::{Deserialize, Serialize};

use crate::functions::ErrorBound;

/// Every choice of quantization. A TOML file gives any part of it; the rest keeps its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuantConfig {
    /// What linear layers multiply.
    pub payload: PayloadConfig,
    /// Widths of values that neurons keep or hand on.
    pub state: StateConfig,
    /// What becomes of the norms.
    pub norm: NormConfig,
    /// What scales are calibrated on.
    pub calibration: CalibrationConfig,
    /// How far integer functions may err.
    pub functions: FunctionConfig,
}

/// What scales are calibrated on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationConfig {
    /// Tokens of a text that are used at most, from its beginning; more change scales little.
    pub max_tokens: u32,
}

/// What linear layers multiply: the values between a norm and the weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayloadConfig {
    /// Width, sign included: 8 to 24.
    pub bits: u32,
    /// How the range of a scale follows from what calibration saw.
    pub clip: Clip,
    /// Share of magnitudes, in percent, that `clip = "percentile"` keeps whole.
    pub percentile: f64,
    /// Range of a scale over what `clip` says; 0 chooses by width: 4 from 16 bits, 2 from 11, else 1.
    pub headroom: f64,
    /// Which units payloads may have.
    pub scales: Scales,
    /// Payloads below this magnitude, in units of the payload, are zero and send nothing.
    pub spike_threshold: u32,
    /// Share of a payload's energy, its sum of squares in calibration, that may be dropped for the sake of zeros: each
    /// layer takes the largest threshold that keeps within it, or `spike_threshold` where that is larger.
    pub spike_tolerance: f64,
    /// Other widths by the end of a layer's name: `o_proj`, `mlp.down_proj`, `layers.3.attn.i_proj`; the longest
    /// name that fits counts.
    pub widths: BTreeMap<String, u32>,
    /// Other thresholds by the end of a layer's name; such a layer takes no other.
    pub thresholds: BTreeMap<String, u32>,
}

/// How the range of a payload's scale follows from what calibration saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// The largest magnitude.
    Max,
    /// The magnitude that a share of all values stays below.
    Percentile,
    /// The magnitude at which rounding and clipping together have the least mean square error.
    Mse,
}

/// Which units payloads may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scales {
    /// Any: from 12 bits the nearest that makes the unit of the layer's sum a power of two, which saves an
    /// instruction; below that the one that the range asks for.
    Free,
    /// Powers of two.
    Pow2,
}

/// Widths of values that neurons keep or hand on, sign included: 8 to 24.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// The residual stream.
    pub residual_bits: u32,
    /// What token and channel mixers add to it.
    pub branch_bits: u32,
    /// The forget gate.
    pub gate_bits: u32,
    /// The recurrence's input.
    pub recurrent_input_bits: u32,
    /// The recurrence's state.
    pub recurrent_state_bits: u32,
    /// The logits.
    pub logit_bits: u32,
    /// All other values between operations.
    pub value_bits: u32,
}

/// What becomes of the norms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NormConfig {
    /// Whether norms whose scalar cancels in a later one are folded into it.
    pub fold: bool,
    /// Where the inverse root is multiplied.
    pub placement: NormPlacement,
    /// Replaces every norm's epsilon, as the paper's authors did with 1e-3; 0 keeps the model's.
    pub epsilon: f64,
}

/// How far integer functions may err: a bound buys instructions, as `seamount quant functions` shows. A number, or a
/// text such as `"2^-12"`; 0 is the finest function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionConfig {
    /// Of a sigmoid's value.
    pub sigmoid_error: ErrorBound,
    /// Of a silu's value.
    pub silu_error: ErrorBound,
    /// Of an inverse root, relative to it, beyond the half unit of its rounding.
    pub inv_sqrt_error: ErrorBound,
}

/// Where the inverse root is multiplied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlacement {
    /// At the destination, after the weights: the reduction hides behind the projection.
    Late,
    /// At the source, before the weights: payloads have each token's own scale, two steps later.
    Early,
}

/// Text that is no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or a value of another type.
    #[error("{0}")]
    Toml(String),
    /// A key that there is not.
    #[error("unknown key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// The key with its table.
        key: String,
        /// The known one of the fewest edits.
        nearest: String,
    },
    /// A value out of its range.
    #[error("`{key}` is {found}, not in {expected}")]
    Range {
        /// The key with its table.
        key: String,
        /// The value.
        found: String,
        /// The range.
        expected: &'static str,
    },
}

impl Default for PayloadConfig {
    fn default() -> Self {
        Self {
            bits: 16,
            clip: Clip::Max,
            percentile: 99.99,
            headroom: 0.0,
            scales: Scales::Free,
            spike_threshold: 0,
            spike_tolerance: 0.0,
            widths: BTreeMap::new(),
            thresholds: BTreeMap::new(),
        }
    }
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            residual_bits: 24,
            branch_bits: 24,
            gate_bits: 24,
            recurrent_input_bits: 24,
            recurrent_state_bits: 24,
            logit_bits: 24,
            value_bits: 24,
        }
    }
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self { max_tokens: 4096 }
    }
}

impl Default for NormConfig {
    fn default() -> Self {
        Self { fold: true, placement: NormPlacement::Late, epsilon: 0.0 }
    }
}

impl QuantConfig {
    /// Reads TOML.
    ///
    /// # Errors
    /// [`ConfigError`]: unknown keys name the nearest known one.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::default().with_toml(text)
    }

    /// This configuration with what TOML gives in place of its own values.
    ///
    /// # Errors
    /// As [`QuantConfig::from_toml`].
    pub fn with_toml(&self, text: &str) -> Result<Self, ConfigError> {
        let given: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::Toml(error.to_string()))?;
        self.with_table(given, &[])
    }

    /// This configuration with what a table gives; `beside` are keys that its source has as well, for advice.
    pub(crate) fn with_table(&self, given: toml::Table, beside: &[&str]) -> Result<Self, ConfigError> {
        let mut whole = self.to_table();
        check_keys("", &given, &Self::default().to_table(), beside)?;
        merge(&mut whole, given);
        let config: Self = whole.try_into().map_err(|error: toml::de::Error| ConfigError::Toml(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// The keys whose values are not those of another configuration: `payload.bits = 8 (was 16)`.
    pub fn changes_from(&self, other: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        differences("", &self.to_table(), &other.to_table(), &mut changes);
        changes
    }

    fn to_table(&self) -> toml::Table {
        toml::Table::try_from(self).expect("invariant: configurations are TOML")
    }

    /// The whole configuration as TOML.
    ///
    /// # Panics
    /// Never: every configuration is TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("invariant: configurations are TOML")
    }

    /// The same configuration with no value wider than the machine's word.
    #[must_use]
    pub fn within_word(mut self, word_bits: u32) -> Self {
        self.widths_mut().into_iter().for_each(|(_, bits)| *bits = (*bits).min(word_bits));
        self
    }

    /// Every width by its key.
    pub fn widths_mut(&mut self) -> Vec<(String, &mut u32)> {
        let Self { payload, state, .. } = self;
        let fixed = [
            ("payload.bits", &mut payload.bits),
            ("state.residual_bits", &mut state.residual_bits),
            ("state.branch_bits", &mut state.branch_bits),
            ("state.gate_bits", &mut state.gate_bits),
            ("state.recurrent_input_bits", &mut state.recurrent_input_bits),
            ("state.recurrent_state_bits", &mut state.recurrent_state_bits),
            ("state.logit_bits", &mut state.logit_bits),
            ("state.value_bits", &mut state.value_bits),
        ];
        let others = payload.widths.iter_mut().map(|(name, bits)| (format!("payload.widths.{name}"), bits));
        fixed.into_iter().map(|(key, bits)| (key.to_owned(), bits)).chain(others).collect()
    }

    /// Checks that every value is in its range.
    ///
    /// # Errors
    /// [`ConfigError::Range`] for the first that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        for (key, bits) in self.clone().widths_mut() {
            require((MIN_BITS..=MAX_BITS).contains(bits), key, *bits, "8 to 24")?;
        }
        let PayloadConfig { percentile, headroom, spike_threshold, spike_tolerance, .. } = self.payload;
        require((50.0..=100.0).contains(&percentile), "payload.percentile", percentile, "50 to 100")?;
        let by_width = headroom == 0.0;
        require(by_width || (0.25..=64.0).contains(&headroom), "payload.headroom", headroom, "0, or 0.25 to 64")?;
        let of_layers =
            self.payload.thresholds.iter().map(|(name, level)| (format!("payload.thresholds.{name}"), *level));
        for (key, level) in of_layers.chain([("payload.spike_threshold".to_owned(), spike_threshold)]) {
            require(level <= MAX_THRESHOLD, key, level, "0 to 2^23 - 1")?;
        }
        require((0.0..1.0).contains(&spike_tolerance), "payload.spike_tolerance", spike_tolerance, "0 to below 1")?;
        let max_tokens = self.calibration.max_tokens;
        require((1..=1 << 24).contains(&max_tokens), "calibration.max_tokens", max_tokens, "1 to 2^24")?;
        let epsilon = self.norm.epsilon;
        require((0.0..=1.0).contains(&epsilon), "norm.epsilon", epsilon, "0 to 1")
    }
}

/// Narrowest and widest value.
const MIN_BITS: u32 = 8;
const MAX_BITS: u32 = 24;

impl PayloadConfig {
    /// The width for a layer, by the longest name in `widths` that its own ends with.
    pub fn bits_of(&self, layer: &str) -> u32 {
        longest_fit(&self.widths, layer).unwrap_or(self.bits)
    }

    /// The threshold for a layer whose payload has negligible values below a magnitude, in units of the payload.
    pub fn threshold_of(&self, layer: &str, negligible_below: Option<f64>) -> u32 {
        // What rounds to less than the level is dropped: magnitudes below the level less a half.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at payloads' range")]
        let tolerated = negligible_below.map_or(0, |units| (units + 0.5).floor().min(f64::from(MAX_THRESHOLD)) as u32);
        longest_fit(&self.thresholds, layer).unwrap_or(self.spike_threshold.max(tolerated))
    }

    /// The range of a scale over what `clip` says, for payloads of a width.
    pub fn headroom_of(&self, bits: u32) -> f64 {
        if self.headroom > 0.0 { self.headroom } else { default_headroom(bits) }
    }
}

/// The name of the layer of a weight: what stands before `.weight`, also where some of its rows stand alone.
pub fn layer_of(weight: &str) -> &str {
    let layer = weight.strip_suffix(".weight").unwrap_or(weight);
    layer.rfind(ROWS).map_or(layer, |at| &layer[..at])
}

/// Between the name of a layer and the numbers of those of its rows that stand alone.
pub(crate) const ROWS: &str = ".rows-";

/// The largest threshold.
const MAX_THRESHOLD: u32 = (1 << 23) - 1;

/// What the longest name says that a layer's own ends with.
fn longest_fit(by_name: &BTreeMap<String, u32>, layer: &str) -> Option<u32> {
    let fits = |name: &str| layer == name || layer.strip_suffix(name).is_some_and(|before| before.ends_with('.'));
    let named = by_name.iter().filter(|(name, _)| fits(name)).max_by_key(|(name, _)| name.len());
    named.map(|(_, value)| *value)
}

/// Room that a value of some bits leaves for what calibration did not see: wide values can afford more.
pub fn default_headroom(bits: u32) -> f64 {
    match bits {
        16.. => 4.0,
        11.. => 2.0,
        _ => 1.0,
    }
}

fn require(
    holds: bool,
    key: impl Into<String>,
    found: impl ToString,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError::Range { key: key.into(), found: found.to_string(), expected }) }
}

/// Refuses keys that the default does not have; tables without keys in the default take any.
fn check_keys(path: &str, given: &toml::Table, known: &toml::Table, beside: &[&str]) -> Result<(), ConfigError> {
    for (key, value) in given {
        match known.get(key) {
            None => {
                let names = known.keys().map(String::as_str).chain(beside.iter().copied());
                let nearest = nearest(key, names).unwrap_or_default();
                let (key, nearest) = (format!("{path}{key}"), format!("{path}{nearest}"));
                return Err(ConfigError::UnknownKey { key, nearest });
            }
            Some(toml::Value::Table(known)) if !known.is_empty() => {
                if let toml::Value::Table(given) = value {
                    check_keys(&format!("{path}{key}."), given, known, &[])?;
                }
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Puts the values of one table over those of another, table by table.
fn merge(whole: &mut toml::Table, given: toml::Table) {
    for (key, value) in given {
        match (whole.get_mut(&key), value) {
            (Some(toml::Value::Table(whole)), toml::Value::Table(given)) => merge(whole, given),
            (_, value) => _ = whole.insert(key, value),
        }
    }
}

/// Notes the keys whose values differ, or that only the first table has.
fn differences(path: &str, new: &toml::Table, old: &toml::Table, changes: &mut Vec<String>) {
    for (key, value) in new {
        match (value, old.get(key)) {
            (toml::Value::Table(new), Some(toml::Value::Table(old))) => {
                differences(&format!("{path}{key}."), new, old, changes);
            }
            (_, Some(was)) if was == value => {}
            (_, Some(was)) => changes.push(format!("{path}{key} = {value} (was {was})")),
            (_, None) => changes.push(format!("{path}{key} = {value} (was not given)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        let mut config = QuantConfig::default();
        config.payload.widths.insert("mlp.down_proj".into(), 12);
        config.norm.placement = NormPlacement::Early;
        assert_eq!(QuantConfig::from_toml(&config.to_toml()), Ok(config));
        assert_eq!(QuantConfig::from_toml(""), Ok(QuantConfig::default()));
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let error = QuantConfig::from_toml("[payload]\nbit = 8\n").unwrap_err();
        assert_eq!(error.to_string(), "unknown key `payload.bit`; did you mean `payload.bits`?");
        let error = QuantConfig::from_toml("[payloads]\n").unwrap_err();
        assert_eq!(error.to_string(), "unknown key `payloads`; did you mean `payload`?");
    }

    #[test]
    fn what_a_file_leaves_out_stays_as_it_was() {
        let base =
            QuantConfig::from_toml("[payload]\nbits = 8\nheadroom = 2.0\n[payload.widths]\no_proj = 9\n").unwrap();
        let over = base.with_toml("[payload]\nbits = 12\n[payload.widths]\nlm_head = 16\n").unwrap();
        assert_eq!((over.payload.bits, over.payload.headroom, over.payload.bits_of("attn.o_proj")), (12, 2.0, 9));
        let changes = ["payload.bits = 12 (was 8)", "payload.widths.lm_head = 16 (was not given)"];
        assert_eq!(over.changes_from(&base), changes);
        assert!(base.changes_from(&base).is_empty());
    }

    #[test]
    fn values_out_of_range_and_of_other_types_are_refused() {
        let error = QuantConfig::from_toml("[payload.widths]\no_proj = 4\n").unwrap_err();
        assert_eq!(error.to_string(), "`payload.widths.o_proj` is 4, not in 8 to 24");
        assert!(QuantConfig::from_toml("[norm]\nplacement = \"soon\"\n").unwrap_err().to_string().contains("late"));
        assert!(QuantConfig::from_toml("[norm]\nepsilon = -1.0\n").is_err());
        let error = QuantConfig::from_toml("[functions]\nsilu_error = \"2^3\"\n").unwrap_err().to_string();
        assert!(error.contains("an error bound is a number below 1"), "{error}");
        let config = QuantConfig::from_toml("[functions]\nsilu_error = \"2^-9\"\ninv_sqrt_error = 0.01\n").unwrap();
        assert_eq!(config.functions.silu_error, ErrorBound::bits(9));
        assert_eq!(QuantConfig::from_toml(&config.to_toml()), Ok(config));
    }

    #[test]
    fn the_longest_name_that_ends_a_layer_gives_its_width() {
        let widths = [("o_proj", 12), ("attn.o_proj", 10), ("layers.3.attn.o_proj", 9), ("proj", 8)];
        let widths = widths.map(|(name, bits)| (name.to_owned(), bits)).into();
        let payload = PayloadConfig { widths, ..PayloadConfig::default() };
        assert_eq!(payload.bits_of("layers.3.attn.o_proj"), 9);
        assert_eq!(payload.bits_of("layers.13.attn.o_proj"), 10);
        assert_eq!(payload.bits_of("layers.1.mlp.down_proj"), 16);
        assert_eq!(payload.bits_of(layer_of("layers.1.attn.o_proj.rows-0-512.weight")), 10);
    }

    #[test]
    fn a_layer_takes_the_threshold_of_its_name_or_the_larger_of_the_others() {
        let thresholds = [("o_proj".to_owned(), 2)].into();
        let payload = PayloadConfig { thresholds, spike_threshold: 3, ..PayloadConfig::default() };
        assert_eq!(payload.threshold_of("layers.0.attn.o_proj", Some(9.0)), 2);
        assert_eq!(payload.threshold_of("layers.0.attn.i_proj", None), 3);
        // Below 5.6 units lies all that rounds to 5 or less.
        assert_eq!(payload.threshold_of("layers.0.attn.i_proj", Some(5.6)), 6);
        assert_eq!(payload.threshold_of("layers.0.attn.i_proj", Some(1e30)), MAX_THRESHOLD);
    }
}
