//! What a tuned model may lose.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::evaluate::Score;

/// A limit on one measure of accuracy, such as `perplexity<=1.001`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// What is measured.
    pub measure: Measure,
    /// The most, or of an agreement the least, that it may be.
    pub limit: f64,
}

/// A measure of accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Perplexity over that of the published model.
    Perplexity,
    /// Mean divergence from the model without its rounding of each token, in nats a token.
    Kl,
    /// Share of positions at which that model names the same likeliest token.
    Agreement,
}

/// Text that is no budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Neither `<=` nor `>=` stands in it.
    #[error("{0:?} is no budget; expected one such as perplexity<=1.001, kl<=1e-4 or agreement>=0.99")]
    Form(String),
    /// A measure that there is not.
    #[error("unknown measure `{found}`; did you mean `{nearest}`?")]
    Measure {
        /// What stands there.
        found: String,
        /// The known one of the fewest edits.
        nearest: &'static str,
    },
    /// The wrong side of the limit is allowed.
    #[error("`{measure}` is better the {better} it is: write {measure}{sign}{limit}")]
    Sign {
        /// The measure.
        measure: &'static str,
        /// Higher or lower.
        better: &'static str,
        /// The right sign.
        sign: &'static str,
        /// The limit as it was given.
        limit: String,
    },
    /// A limit that nothing, or everything, holds.
    #[error("the limit of `{measure}` is {found}, expected {expected}")]
    Limit {
        /// The measure.
        measure: &'static str,
        /// What stands there.
        found: String,
        /// What may.
        expected: &'static str,
    },
}

impl Measure {
    const ALL: [Self; 3] = [Self::Perplexity, Self::Kl, Self::Agreement];

    /// What it is called in a budget.
    pub fn name(self) -> &'static str {
        match self {
            Self::Perplexity => "perplexity",
            Self::Kl => "kl",
            Self::Agreement => "agreement",
        }
    }

    /// Its value in a score.
    pub fn of(self, score: &Score) -> f64 {
        match self {
            Self::Perplexity => score.perplexity_ratio,
            Self::Kl => score.mean_kl_nats_unrounded,
            Self::Agreement => score.top1_agreement_unrounded,
        }
    }

    /// The lower, the more accurate.
    pub(super) fn loss(self, score: &Score) -> f64 {
        match self {
            Self::Perplexity | Self::Kl => self.of(score),
            Self::Agreement => -self.of(score),
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Perplexity | Self::Kl => "<=",
            Self::Agreement => ">=",
        }
    }
}

impl Budget {
    /// Whether a score is within it.
    pub fn holds(&self, score: &Score) -> bool {
        let found = self.measure.of(score);
        match self.measure {
            Measure::Perplexity | Measure::Kl => found <= self.limit,
            Measure::Agreement => found >= self.limit,
        }
    }
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, BudgetError> {
        let parts = ["<=", ">="].iter().find_map(|sign| Some((*sign, text.split_once(sign)?)));
        let (sign, (name, limit)) = parts.ok_or_else(|| BudgetError::Form(text.to_owned()))?;
        let (name, limit) = (name.trim(), limit.trim());
        let measure = Measure::ALL.into_iter().find(|measure| measure.name() == name).ok_or_else(|| {
            let nearest = seamount_ir::syntax::nearest(name, Measure::ALL.map(Measure::name));
            BudgetError::Measure { found: name.to_owned(), nearest: nearest.unwrap_or(Measure::Perplexity.name()) }
        })?;
        if sign != measure.sign() {
            let better = if sign == "<=" { "higher" } else { "lower" };
            let limit = limit.to_owned();
            return Err(BudgetError::Sign { measure: measure.name(), better, sign: measure.sign(), limit });
        }
        let number = match limit.strip_suffix('%') {
            Some(percent) => percent.trim_end().parse::<f64>().map(|percent| percent / 100.0),
            None => limit.parse(),
        };
        let (range, expected) = match measure {
            Measure::Perplexity => (0.5..=100.0, "a ratio to the published model's perplexity, 0.5 to 100"),
            Measure::Kl => (0.0..=100.0, "a divergence in nats a token, 0 to 100"),
            Measure::Agreement => (0.0..=1.0, "a share, 0 to 1"),
        };
        match number {
            Ok(limit) if range.contains(&limit) => Ok(Self { measure, limit }),
            _ => Err(BudgetError::Limit { measure: measure.name(), found: limit.to_owned(), expected }),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, sign) = (self.measure.name(), self.measure.sign());
        if self.limit != 0.0 && self.limit < 1e-3 {
            write!(f, "{name}{sign}{:e}", self.limit)
        } else {
            write!(f, "{name}{sign}{}", self.limit)
        }
    }
}

impl Serialize for Budget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Measure};

    #[test]
    fn a_budget_reads_back() {
        for (text, measure, limit) in [
            ("perplexity<=1.001", Measure::Perplexity, 1.001),
            ("kl<=1e-4", Measure::Kl, 1e-4),
            ("agreement>=0.99", Measure::Agreement, 0.99),
        ] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!(budget, Budget { measure, limit });
            assert_eq!(budget.to_string(), text);
        }
        assert_eq!(" agreement >= 99 % ".parse(), Ok(Budget { measure: Measure::Agreement, limit: 0.99 }));
    }

    #[test]
    fn what_is_no_budget_says_what_would_be() {
        for (text, message) in [
            ("1.001", "\"1.001\" is no budget; expected one such as perplexity<=1.001, kl<=1e-4 or agreement>=0.99"),
            ("perplexty<=1", "unknown measure `perplexty`; did you mean `perplexity`?"),
            ("agreement<=0.9", "`agreement` is better the higher it is: write agreement>=0.9"),
            ("kl>=1e-4", "`kl` is better the lower it is: write kl<=1e-4"),
            ("agreement>=99", "the limit of `agreement` is 99, expected a share, 0 to 1"),
            ("kl<=small", "the limit of `kl` is small, expected a divergence in nats a token, 0 to 100"),
        ] {
            assert_eq!(text.parse::<Budget>().unwrap_err().to_string(), message);
        }
    }
}
