//! The exact arithmetic of every instruction, as pure functions.
//!
//! A word is a two's complement integer of [`Word::bits`] bits, held in an `i32`. Operands are words. A result that does
//! not fit is saturated, and [`Outcome::saturated`] says so, because the engines count it.

/// The width of registers, neuron state and accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    bits: u32,
}

/// What an instruction that may saturate computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result, a word.
    pub value: i32,
    /// Whether the exact result did not fit.
    pub saturated: bool,
}

impl Word {
    /// A word of `bits` bits; `None` unless 2 to 32.
    pub fn new(bits: u32) -> Option<Self> {
        (2..=32).contains(&bits).then_some(Self { bits })
    }

    /// The width in bits.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// The least word.
    pub fn min(self) -> i32 {
        i32::MIN >> (32 - self.bits)
    }

    /// The greatest word.
    pub fn max(self) -> i32 {
        i32::MAX >> (32 - self.bits)
    }

    /// Whether `value` is a word.
    pub fn contains(self, value: i32) -> bool {
        self.min() <= value && value <= self.max()
    }

    /// The word nearest to `exact`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a clamped value fits its word")]
    pub fn saturate(self, exact: i64) -> Outcome {
        let value = exact.clamp(i64::from(self.min()), i64::from(self.max())) as i32;
        Outcome { value, saturated: i64::from(value) != exact }
    }

    /// The word that has the low bits of `exact`; `saturated` says that others were lost.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "wrapping keeps the low bits on purpose")]
    pub fn wrap(self, exact: i64) -> Outcome {
        let unused = 32 - self.bits;
        let value = ((exact as i32) << unused) >> unused;
        Outcome { value, saturated: i64::from(value) != exact }
    }
}

/// `ADD` and the sum of `RMW.ADD`.
#[inline]
pub fn add(word: Word, a: i32, b: i32) -> Outcome {
    word.saturate(i64::from(a) + i64::from(b))
}

/// `NEG`. Saturates for the least word only.
#[inline]
pub fn neg(word: Word, a: i32) -> Outcome {
    word.saturate(-i64::from(a))
}

/// `MIN`.
#[inline]
pub fn min(a: i32, b: i32) -> i32 {
    a.min(b)
}

/// `AND`, bit by bit.
#[inline]
pub fn and(a: i32, b: i32) -> i32 {
    a & b
}

/// `OR`, bit by bit.
#[inline]
pub fn or(a: i32, b: i32) -> i32 {
    a | b
}

/// `SEL`.
#[inline]
pub fn sel(flag: bool, a: i32, b: i32) -> i32 {
    if flag { a } else { b }
}

/// `SHL`: left and saturating for `amount >= 0`, right and flooring for `amount < 0`. Every amount has a meaning:
/// shifting further than the word is wide gives what the last of its bits would give.
#[inline]
pub fn shl(word: Word, a: i32, amount: i32) -> Outcome {
    if amount < 0 {
        return Outcome { value: a >> amount.unsigned_abs().min(31), saturated: false };
    }
    // 32 places push any word but zero out of 32 bits, and keep the exact result inside 64.
    word.saturate(i64::from(a) << amount.min(32))
}

/// `MUL_SHR`: the exact product, shifted right by `shift` (0 to 47), towards minus infinity.
#[inline]
pub fn mul_shr(word: Word, a: i32, b: i32, shift: u8) -> Outcome {
    word.saturate((i64::from(a) * i64::from(b)) >> shift)
}

/// `MUL_SHR.R`: as [`mul_shr`], to nearest, halves towards plus infinity.
#[inline]
pub fn mul_shr_round(word: Word, a: i32, b: i32, shift: u8) -> Outcome {
    let half = if shift == 0 { 0 } else { 1_i64 << (shift - 1) };
    word.saturate((i64::from(a) * i64::from(b) + half) >> shift)
}

/// `LT`.
#[inline]
pub fn lt(a: i32, b: i32) -> bool {
    a < b
}

/// `GE`.
#[inline]
pub fn ge(a: i32, b: i32) -> bool {
    a >= b
}

/// `EQ`.
#[inline]
pub fn eq(a: i32, b: i32) -> bool {
    a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: Word = Word { bits: 24 };
    const MAX: i32 = 8_388_607;
    const MIN: i32 = -8_388_608;

    fn exact(value: i32) -> Outcome {
        Outcome { value, saturated: false }
    }

    fn saturated(value: i32) -> Outcome {
        Outcome { value, saturated: true }
    }

    #[test]
    fn word_range_follows_its_width() {
        assert_eq!((W.min(), W.max()), (MIN, MAX));
        let full = Word::new(32).unwrap();
        assert_eq!((full.min(), full.max()), (i32::MIN, i32::MAX));
        assert_eq!(Word::new(1), None);
        assert_eq!(Word::new(33), None);
    }

    #[test]
    fn wrap_keeps_the_low_bits() {
        assert_eq!(W.wrap(i64::from(MAX) + 1), saturated(MIN));
        assert_eq!(W.wrap(-1), exact(-1));
        assert_eq!(W.wrap(1 << 40), saturated(0));
    }

    #[test]
    fn add_and_neg_saturate() {
        assert_eq!(add(W, MAX, 1), saturated(MAX));
        assert_eq!(add(W, MIN, -1), saturated(MIN));
        assert_eq!(add(W, MAX, MIN), exact(-1));
        assert_eq!(neg(W, MIN), saturated(MAX));
        assert_eq!(neg(W, MAX), exact(-MAX));
    }

    #[test]
    fn shl_saturates_left_and_floors_right() {
        assert_eq!(shl(W, 3, 4), exact(48));
        assert_eq!(shl(W, 1, 23), saturated(MAX));
        assert_eq!(shl(W, -1, 23), exact(MIN));
        assert_eq!(shl(W, -1, 24), saturated(MIN));
        assert_eq!(shl(W, 0, i32::MAX), exact(0));
        assert_eq!(shl(W, 1, i32::MAX), saturated(MAX));
        assert_eq!(shl(W, -5, -1), exact(-3));
        assert_eq!(shl(W, -5, -63), exact(-1));
        assert_eq!(shl(W, MAX, i32::MIN), exact(0));
    }

    #[test]
    fn clamping_to_a_payload_is_a_shift_up_and_down() {
        let clamp8 = |a| shl(W, shl(W, a, 16).value, -16).value;
        assert_eq!([clamp8(127), clamp8(128), clamp8(-128), clamp8(-129), clamp8(5)], [127, 127, -128, -128, 5]);
    }

    #[test]
    fn mul_shr_floors_and_its_rounding_form_rounds_halves_up() {
        assert_eq!(mul_shr(W, 3, 1, 1), exact(1));
        assert_eq!(mul_shr(W, -3, 1, 1), exact(-2));
        assert_eq!(mul_shr_round(W, 3, 1, 1), exact(2));
        assert_eq!(mul_shr_round(W, -3, 1, 1), exact(-1));
        assert_eq!(mul_shr_round(W, 7, 9, 0), exact(63));
        assert_eq!(mul_shr(W, MIN, MIN, 47), exact(0));
        assert_eq!(mul_shr(W, MIN, MIN, 23), saturated(MAX));
        assert_eq!(mul_shr(W, MIN, MIN, 24), exact(1 << 22));
    }
}
