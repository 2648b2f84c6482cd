//! What values lie between.

use seamount_microcode::semantics::Word;

/// What a value is known to lie between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub low: i64,
    pub high: i64,
}

impl Bounds {
    pub(super) fn of(word: Word) -> Self {
        Self { low: word.min().into(), high: word.max().into() }
    }

    pub(super) fn of_32_bits() -> Self {
        Self { low: i32::MIN.into(), high: i32::MAX.into() }
    }

    pub(super) fn of_number(value: i32) -> Self {
        Self { low: value.into(), high: value.into() }
    }

    pub(super) fn holds(self, other: Self) -> bool {
        self.low <= other.low && other.high <= self.high
    }

    /// What saturation makes of it.
    pub(super) fn within(self, word: Self) -> Self {
        Self { low: self.low.clamp(word.low, word.high), high: self.high.clamp(word.low, word.high) }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The product; `is_square` if both factors are the same.
    pub(super) fn times(self, other: Self, is_square: bool) -> Self {
        let corners = [self.low * other.low, self.low * other.high, self.high * other.low, self.high * other.high];
        let (low, high) = corners.iter().fold((i64::MAX, i64::MIN), |(low, high), &at| (low.min(at), high.max(at)));
        Self { low: if is_square { low.max(0) } else { low }, high }
    }
}
