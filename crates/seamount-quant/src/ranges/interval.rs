//! Intervals of integers, and what the machine's operations make of them.

use seamount_ir::kernel::Word;
use serde::Serialize;

/// All integers from `least` to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Interval {
    /// The least.
    pub least: i64,
    /// The largest.
    pub most: i64,
}

impl Interval {
    /// One integer.
    pub fn point(value: i64) -> Self {
        Self { least: value, most: value }
    }

    /// All values of a word.
    pub fn of(word: Word) -> Self {
        Self { least: word.min(), most: word.max() }
    }

    /// The smallest interval that has all of these; `None` of none.
    pub fn hull(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(Self::or)
    }

    /// The smallest interval that has both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// Whether `other` lies within.
    pub fn holds(self, other: Self) -> bool {
        self.least <= other.least && other.most <= self.most
    }

    /// Width of the narrowest signed integer that has all values, sign included.
    pub fn bits(self) -> u32 {
        let bits = |value: i64| 65 - if value < 0 { !value } else { value }.leading_zeros();
        bits(self.least).max(bits(self.most))
    }

    /// The largest magnitude.
    pub fn magnitude(self) -> u64 {
        self.least.unsigned_abs().max(self.most.unsigned_abs())
    }

    /// The image under a function that never falls.
    #[must_use]
    pub(super) fn rising(self, function: impl Fn(i64) -> i64) -> Self {
        Self { least: function(self.least), most: function(self.most) }
    }

    #[must_use]
    pub(super) fn saturate(self, word: Word) -> Self {
        self.rising(|x| word.saturate(x))
    }

    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self { least: self.least + other.least, most: self.most + other.most }
    }

    #[must_use]
    pub(super) fn negated(self) -> Self {
        Self { least: -self.most, most: -self.least }
    }

    #[must_use]
    pub(super) fn times(self, other: Self) -> Self {
        let corners =
            [self.least * other.least, self.least * other.most, self.most * other.least, self.most * other.most];
        let (least, most) = corners.iter().fold((i64::MAX, i64::MIN), |(lo, hi), &x| (lo.min(x), hi.max(x)));
        Self { least, most }
    }

    /// The products of each value with itself.
    #[must_use]
    pub(super) fn squared(self) -> Self {
        let ends = [self.least * self.least, self.most * self.most];
        let least = if self.least <= 0 && self.most >= 0 { 0 } else { ends[0].min(ends[1]) };
        Self { least, most: ends[0].max(ends[1]) }
    }

    /// `>>r shift`, which never falls.
    #[must_use]
    pub(super) fn shift_rounding(self, shift: u32) -> Self {
        self.rising(|x| if shift == 0 { x } else { ((x >> (shift - 1)) + 1) >> 1 })
    }

    /// What is left where values below `level` become zero.
    #[must_use]
    pub(super) fn threshold(self, level: i64) -> Self {
        let keeps = |x: i64| x.abs() >= level;
        Self {
            least: if keeps(self.least) { self.least } else { 0.min(self.most) },
            most: if keeps(self.most) { self.most } else { 0.max(self.least) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(least: i64, most: i64) -> Interval {
        Interval { least, most }
    }

    #[test]
    fn bits_are_those_of_twos_complement() {
        for (least, most, bits) in
            [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (0, 2, 3), (-128, 127, 8), (-129, 0, 9)]
        {
            assert_eq!(interval(least, most).bits(), bits, "{least} to {most}");
        }
    }

    #[test]
    fn images_have_every_value_and_no_looser_end() {
        let ends = -5..=5_i64;
        let all = ends.clone().flat_map(|a| ends.clone().filter(move |&b| a <= b).map(move |b| interval(a, b)));
        for x in all {
            let values = x.least..=x.most;
            let tight = |image: Interval, of: &dyn Fn(i64) -> i64| {
                let found = Interval::hull(values.clone().map(|value| Interval::point(of(value))));
                assert_eq!(found, Some(image), "{x:?}");
            };
            tight(x.squared(), &|value| value * value);
            tight(x.negated(), &|value| -value);
            tight(x.shift_rounding(2), &|value| (value + 2) >> 2);
            tight(x.times(interval(-3, -3)), &|value| -3 * value);
            for level in 1..4 {
                let kept = Interval::hull(values.clone().map(|v| Interval::point(if v.abs() < level { 0 } else { v })));
                assert!(x.threshold(level).holds(kept.unwrap_or(x)), "{x:?} at {level}");
            }
        }
    }
}
