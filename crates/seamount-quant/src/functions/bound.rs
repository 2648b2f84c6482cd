//! How far a function may err.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

/// The error that a user grants a function; 0 asks for the finest there is. Reads `0.001`, `1e-3` and `2^-12`.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd)]
pub struct ErrorBound(f64);

/// A text or number that is no bound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("an error bound is a number below 1, such as 0.001 or 2^-12, or 0 for the finest function; found {0}")]
pub struct NoBound(String);

impl ErrorBound {
    /// The finest function.
    pub const FINEST: Self = Self(0.0);

    /// A bound of a real number.
    ///
    /// # Errors
    /// [`NoBound`] of what is negative, or not below 1.
    pub fn new(bound: f64) -> Result<Self, NoBound> {
        if (0.0..1.0).contains(&bound) { Ok(Self(bound)) } else { Err(NoBound(bound.to_string())) }
    }

    /// `2^-bits`
    pub fn bits(bits: u32) -> Self {
        Self(2f64.powi(-bits.cast_signed()))
    }

    /// The number; `None` where the finest function is asked for.
    pub fn limit(self) -> Option<f64> {
        (self.0 > 0.0).then_some(self.0)
    }
}

impl FromStr for ErrorBound {
    type Err = NoBound;

    fn from_str(text: &str) -> Result<Self, NoBound> {
        let wrong = || NoBound(format!("{text:?}"));
        let number = match text.trim().strip_prefix("2^") {
            Some(exponent) => 2f64.powi(exponent.parse().map_err(|_| wrong())?),
            None => text.trim().parse().map_err(|_| wrong())?,
        };
        Self::new(number).map_err(|_| wrong())
    }
}

impl fmt::Display for ErrorBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.0.log2();
        if self.0 > 0.0 && exponent == exponent.round() { write!(f, "2^{exponent}") } else { write!(f, "{:?}", self.0) }
    }
}

impl Serialize for ErrorBound {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for ErrorBound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Number(f64),
            Text(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Number(number) => Self::new(number),
            Given::Text(text) => text.parse(),
        }
        .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_powers_of_two_or_numbers() {
        assert_eq!("2^-12".parse(), Ok(ErrorBound::bits(12)));
        assert_eq!("1e-3".parse(), ErrorBound::new(1e-3));
        assert_eq!("0".parse(), Ok(ErrorBound::FINEST));
        assert_eq!((ErrorBound::bits(12).to_string(), ErrorBound::FINEST.to_string()), ("2^-12".into(), "0.0".into()));
        for wrong in ["2^12", "-1", "1", "small", "2^", "NaN", "inf"] {
            assert!(wrong.parse::<ErrorBound>().is_err(), "{wrong}");
        }
    }
}
