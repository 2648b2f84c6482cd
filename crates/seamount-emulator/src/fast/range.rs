//! A word's bounds, and what instructions do at them.

use seamount_microcode::semantics::Word;

/// A word of [`Word`], whose bounds stand ready. Words of fewer than 32 bits add without leaving an `i32`.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub word: Word,
    pub min: i32,
    pub max: i32,
}

impl Range {
    pub(super) fn new(word: Word) -> Self {
        Self { word, min: word.min(), max: word.max() }
    }

    /// `SHL` of words of fewer than 32 bits, and something other than zero if it saturates: [`semantics::shl`] without a
    /// branch.
    #[inline(always)]
    pub(super) fn shift(self, a: i32, amount: i32) -> (i32, i32) {
        let (left, lost) = self.shift_left(a, amount.max(0));
        let right = a >> amount.min(0).unsigned_abs().min(31);
        if amount < 0 { (right, 0) } else { (left, lost) }
    }

    /// The same where it is known to go to the left.
    #[inline(always)]
    pub(super) fn shift_left(self, a: i32, amount: i32) -> (i32, i32) {
        let Self { word, min, max } = self;
        let n_bits = word.bits().cast_signed();
        // Further than by all bits but one nothing but zero fits.
        let places = amount.min(n_bits - 1);
        let fitting = a.min(max >> places).max(min >> places);
        let ones = if a > fitting { (1 << places) - 1 } else { 0 };
        let beyond = if amount < n_bits { 0 } else { a };
        (fitting << places | ones, (fitting ^ a) | beyond)
    }
}

#[cfg(test)]
mod tests {
    use seamount_microcode::semantics;

    use super::*;

    #[test]
    fn shifts_are_those_of_the_reference() {
        for bits in [8, 16, 24, 31] {
            let word = Word::new(bits).expect("a legal width");
            let range = Range::new(word);
            let near = |value: i32| (-2..=2).map(move |by| value.saturating_add(by).clamp(word.min(), word.max()));
            let powers = (0..31).flat_map(|place| [1 << place, -(1 << place)]);
            for a in powers.chain([0, word.min(), word.max()]).flat_map(near) {
                for amount in (-40..=40).chain([i32::MIN, i32::MAX]) {
                    let expected = semantics::shl(word, a, amount);
                    let (value, lost) = range.shift(a, amount);
                    assert_eq!(
                        (value, lost != 0),
                        (expected.value, expected.saturated),
                        "{a} << {amount}, {bits} bits"
                    );
                    if amount >= 0 {
                        assert_eq!(range.shift_left(a, amount), (value, lost));
                    }
                }
            }
        }
    }
}
