//! The quantization that a checkpoint was trained for: `quantization_config` of its `config.json`.

use std::collections::BTreeMap;

use seamount_ir::model::Observed;
use serde_json::{Map, Value, json};

use crate::config::{ConfigError, QuantConfig};
use crate::set_ranges::Ranges;

/// `quant_method` of a checkpoint that is trained for Seamount's integers.
pub const METHOD: &str = "seamount";
/// The version of the format.
pub const VERSION: u64 = 1;

/// Choices of quantization and the ranges that scales come from.
///
/// As JSON: the tables of [`QuantConfig`] beside `quant_method`, `version` and `ranges`,
/// `{"layers.0.attn.i_proj.input": [least, largest, root mean square], ...}` by the [names](crate::names) of values. A
/// fourth number, where there is a spike tolerance, is the magnitude below which values are negligible. `densities` may
/// stand beside them, `{"layers.0.mixer": [share of each port], ...}`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TrainedQuant {
    /// Widths, clipping, scales and norms; keys that are left out keep their defaults.
    pub config: QuantConfig,
    /// The range of every value; without them the checkpoint is calibrated as any other.
    pub ranges: Option<Ranges>,
    /// By neuron group, for each of its ports the share of neurons that send; none where that is not known.
    pub densities: Densities,
}

/// By neuron group, for each of its ports the share of neurons whose payload is not zero.
pub type Densities = BTreeMap<String, Vec<f64>>;

/// What is no `quantization_config` of ours.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainedError {
    /// A key or a value of the choices.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A method that is not ours.
    #[error(
        "`quant_method` is {found}, expected \"{METHOD}\": give the unquantized checkpoint, the compiler makes the \
         weights ternary itself"
    )]
    Method {
        /// What stands there, or `missing`.
        found: String,
    },
    /// A version that is not known.
    #[error("`version` is {found}, expected {VERSION}")]
    Version {
        /// What stands there, or `missing`.
        found: String,
    },
    /// A share that is none.
    #[error("`{key}` is {found}, expected a list of shares from 0 to 1")]
    Density {
        /// `densities`, with the group's name.
        key: String,
        /// What stands there.
        found: Value,
    },
    /// A range that is none.
    #[error("`{key}` is {found}, expected [least, largest, root mean square], three numbers with least <= largest")]
    Range {
        /// `ranges`, with the value's name.
        key: String,
        /// What stands there.
        found: Value,
    },
}

impl TrainedQuant {
    /// Reads the value of `quantization_config`. Whether there is a range for every value is seen when the ranges are
    /// [set](crate::set_ranges).
    ///
    /// # Errors
    /// [`TrainedError`]: unknown keys name the nearest known one.
    pub fn from_json(found: &Value) -> Result<Self, TrainedError> {
        let stands = |value: Option<&Value>| value.map_or_else(|| "missing".to_owned(), Value::to_string);
        if found.get("quant_method").and_then(Value::as_str) != Some(METHOD) {
            return Err(TrainedError::Method { found: stands(found.get("quant_method")) });
        }
        if found.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err(TrainedError::Version { found: stands(found.get("version")) });
        }
        let mut choices = toml::Table::new();
        let (mut ranges, mut densities) = (None, Densities::new());
        for (key, value) in found.as_object().into_iter().flatten() {
            match key.as_str() {
                "quant_method" | "version" => {}
                "ranges" => ranges = read_ranges(value)?,
                "densities" => densities = read_densities(value)?,
                _ if value.is_null() => {}
                _ => {
                    let value = toml::Value::try_from(value).map_err(|error| ConfigError::Toml(error.to_string()))?;
                    choices.insert(key.clone(), value);
                }
            }
        }
        let config = QuantConfig::default().with_table(choices, &["quant_method", "version", "ranges", "densities"])?;
        Ok(Self { config, ranges, densities })
    }

    /// The value of `quantization_config`.
    ///
    /// # Panics
    /// Never: configurations are JSON objects.
    pub fn to_json(&self) -> Value {
        let config = serde_json::to_value(&self.config).expect("invariant: configurations are JSON");
        let mut whole = Map::from_iter([("quant_method".into(), json!(METHOD)), ("version".into(), json!(VERSION))]);
        whole.extend(config.as_object().cloned().expect("invariant: configurations are JSON objects"));
        if let Some(ranges) = &self.ranges {
            let range = |(name, seen): (&String, &Observed)| {
                let numbers = [seen.min, seen.max, seen.rms].into_iter().chain(seen.negligible);
                (name.clone(), numbers.map(shortest).collect())
            };
            whole.insert("ranges".into(), Value::Object(ranges.iter().map(range).collect()));
        }
        if !self.densities.is_empty() {
            whole.insert("densities".into(), json!(self.densities));
        }
        Value::Object(whole)
    }

    /// Whether ranges are as these choices ask for: they say how norms are arranged, magnitudes clipped and small ones
    /// dropped, which decides what values there are and how far they reach.
    pub fn ranges_for(&self, chosen: &QuantConfig) -> Option<&Ranges> {
        let of = |config: &QuantConfig| {
            let payload = &config.payload;
            (config.norm.clone(), payload.clip, payload.percentile, payload.spike_tolerance)
        };
        self.ranges.as_ref().filter(|_| of(chosen) == of(&self.config))
    }
}

fn read_densities(found: &Value) -> Result<Densities, TrainedError> {
    let wrong = |key: String, found: &Value| TrainedError::Density { key, found: found.clone() };
    let Some(entries) = found.as_object() else {
        return if found.is_null() { Ok(Densities::new()) } else { Err(wrong("densities".into(), found)) };
    };
    let share = |share: &Value| share.as_f64().filter(|share| (0.0..=1.0).contains(share));
    let shares = |entry: &Value| entry.as_array().and_then(|list| list.iter().map(share).collect::<Option<Vec<_>>>());
    let read = |(group, entry): (&String, &Value)| {
        let shares = shares(entry).ok_or_else(|| wrong(format!("densities.{group}"), entry))?;
        Ok((group.clone(), shares))
    };
    entries.iter().map(read).collect()
}

fn read_ranges(found: &Value) -> Result<Option<Ranges>, TrainedError> {
    let wrong = |key: String, found: &Value| TrainedError::Range { key, found: found.clone() };
    let Some(entries) = found.as_object() else {
        return if found.is_null() { Ok(None) } else { Err(wrong("ranges".into(), found)) };
    };
    let mut ranges = Ranges::new();
    for (name, entry) in entries {
        let numbers: Option<Vec<f64>> =
            entry.as_array().and_then(|list| list.iter().map(single_precision).collect::<Option<_>>());
        let range = match numbers.as_deref() {
            Some(&[min, max, rms, ref negligible @ ..])
                if min <= max && rms >= 0.0 && max.is_finite() && min.is_finite() && negligible.len() <= 1 =>
            {
                Observed { min, max, rms, negligible: negligible.first().copied() }
            }
            _ => return Err(wrong(format!("ranges.{name}"), entry)),
        };
        ranges.insert(name.clone(), range);
    }
    Ok(Some(ranges))
}

/// The number of the fewest digits that is the same in single precision.
#[expect(clippy::cast_possible_truncation, reason = "ranges are those of a model in single precision")]
fn shortest(x: f64) -> Value {
    let digits = (x as f32).to_string();
    digits.parse::<f64>().map_or(Value::Null, Value::from)
}

/// A number in single precision, so that every bit of what [`shortest`] wrote comes back.
#[expect(clippy::cast_possible_truncation, reason = "ranges are those of a model in single precision")]
fn single_precision(found: &Value) -> Option<f64> {
    found.as_f64().map(|x| f64::from(x as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        TrainedQuant::from_json(&serde_json::from_str(text).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut trained = TrainedQuant::default();
        trained.config.payload.bits = 8;
        trained.config.payload.widths.insert("o_proj".into(), 12);
        // Every bit of a range counts.
        let range =
            Observed { min: f64::from(-0.1f32), max: f64::from(1.0f32 / 3.0), rms: 0.0625, negligible: Some(0.5) };
        trained.ranges = Some(Ranges::from_iter([("layer.0".to_owned(), range)]));
        let text = trained.to_json().to_string();
        assert!(text.contains(r#""layer.0":[-0.1,0.33333334,0.0625,0.5]"#), "{text}");
        assert_eq!(TrainedQuant::from_json(&serde_json::from_str(&text).unwrap()), Ok(trained));
        let short = json!({"quant_method": "seamount", "version": 1, "ranges": null, "state": null});
        assert_eq!(TrainedQuant::from_json(&short), Ok(TrainedQuant::default()));
    }

    #[test]
    fn other_methods_and_versions_are_refused() {
        assert!(refused(r#"{"bits": 2}"#).starts_with("`quant_method` is missing, expected \"seamount\""));
        assert!(refused(r#"{"quant_method": "bitnet"}"#).starts_with("`quant_method` is \"bitnet\", expected"));
        assert_eq!(refused(r#"{"quant_method": "seamount"}"#), "`version` is missing, expected 1");
        assert_eq!(refused(r#"{"quant_method": "seamount", "version": 2}"#), "`version` is 2, expected 1");
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let with = |rest: &str| refused(&format!(r#"{{"quant_method": "seamount", "version": 1, {rest}}}"#));
        assert_eq!(with(r#""payload": {"bit": 8}"#), "unknown key `payload.bit`; did you mean `payload.bits`?");
        assert_eq!(with(r#""range": {}"#), "unknown key `range`; did you mean `ranges`?");
        assert_eq!(with(r#""payload": {"bits": 4}"#), "`payload.bits` is 4, not in 8 to 24");
        assert!(with(r#""payload": {"bits": "8"}"#).contains("invalid type: string"));
    }

    #[test]
    fn densities_are_shares() {
        let with = |shares: &str| {
            let text = format!(r#"{{"quant_method": "seamount", "version": 1, "densities": {{"mixer": {shares}}}}}"#);
            TrainedQuant::from_json(&serde_json::from_str(&text).unwrap())
        };
        let trained = with("[0.25, 1]").unwrap();
        assert_eq!(trained.densities, Densities::from([("mixer".to_owned(), vec![0.25, 1.0])]));
        assert_eq!(TrainedQuant::from_json(&trained.to_json()), Ok(trained));
        for shares in ["[1.5]", "[-0.1]", "0.5", "[null]"] {
            let message = with(shares).unwrap_err().to_string();
            assert!(message.starts_with("`densities.mixer` is "), "{message}");
        }
    }

    #[test]
    fn ranges_are_three_ordered_numbers() {
        let with = |range: &str| {
            refused(&format!(r#"{{"quant_method": "seamount", "version": 1, "ranges": {{"layer.0": {range}}}}}"#))
        };
        for range in ["[1, 2]", "[2, 1, 1]", "[1, 2, -1]", "\"wide\"", "[null, 1, 1]"] {
            assert!(with(range).starts_with("`ranges.layer.0` is "), "{range}");
        }
    }
}
