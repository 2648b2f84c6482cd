//! Units from ranges.

use seamount_ir::kernel::Word;

/// A unit that is a power of two, by its exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exponent(pub(super) i32);

impl Exponent {
    /// The least power of two of which `word` can hold `magnitude`.
    pub(super) fn holding(magnitude: f64, word: Word) -> Self {
        if magnitude <= 0.0 {
            return Self(1 - word.bits.cast_signed());
        }
        #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits")]
        let range = word.max() as f64;
        #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles are small")]
        let exponent = (magnitude / range).log2().ceil() as i32;
        Self(exponent)
    }

    /// The least power of two that is not below a unit.
    pub(super) fn above(unit: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles are small")]
        let exponent = unit.max(f64::MIN_POSITIVE).log2().ceil() as i32;
        Self(exponent)
    }

    /// The largest power of two that is not above a unit.
    pub(super) fn below(unit: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles are small")]
        let exponent = unit.max(f64::MIN_POSITIVE).log2().floor() as i32;
        Self(exponent)
    }

    /// The unit itself.
    pub(super) fn unit(self) -> f64 {
        2f64.powi(self.0)
    }
}

/// Integer factors with one shift, such that `x · factor >> shift` is `x · real` as nearly as words allow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Factors {
    pub(super) factors: Vec<i32>,
    pub(super) shift: u32,
}

impl Factors {
    /// The largest shift for which all factors are words.
    pub(super) fn nearest(real: &[f64], word: Word) -> Option<Self> {
        let largest = real.iter().fold(0f64, |top, factor| top.max(factor.abs()));
        #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits")]
        let range = word.max() as f64 - 0.5;
        let limit = 2 * word.bits - 1;
        #[expect(clippy::cast_possible_truncation, reason = "clamped to the shifts there are")]
        let shift =
            if largest > 0.0 { (range / largest).log2().floor().clamp(-1.0, f64::from(limit)) as i32 } else { 0 };
        let shift = u32::try_from(shift).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "the shift was chosen so that factors are words")]
        let factors = real.iter().map(|factor| (factor * 2f64.powi(shift.cast_signed())).round() as i32).collect();
        Some(Self { factors, shift })
    }
}

/// Bits of an inverse root where it is smallest; payloads have fewer, or as many.
const ROOT_BITS: f64 = 16.0;

/// The plan of one inverse root mean square.
///
/// Squares are of `v = x / sqrt(d)·2^(j+p)`, so that their sum `S` is the mean square times `4^j`, and
/// `2^f / sqrt(S)` is the inverse root in the unit `2^(j-f)`, a power of two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RootPlan {
    /// The sum of squares is the mean square in units of `4^-j`.
    pub(super) j: i32,
    /// Right shift of each square, always even.
    pub(super) square_shift: u32,
    /// The real value of one unit of `v`.
    pub(super) v_unit: f64,
    /// Fraction bits of the inverse root.
    pub(super) fraction: u32,
    /// Epsilon in units of the sum, at least 1: the tick must not be zero.
    pub(super) bias: i32,
}

/// What is observed at a root mean square.
#[derive(Debug, Clone, Copy)]
pub(super) struct RootRange {
    pub(super) width: usize,
    /// The largest magnitude of a channel.
    pub(super) abs_max: f64,
    /// The least and the largest mean square.
    pub(super) mean_square: (f64, f64),
    pub(super) eps: f64,
}

impl RootPlan {
    #[expect(clippy::cast_possible_truncation, reason = "small exponents, clamped")]
    pub(super) fn new(range: RootRange, headroom: f64, word: Word, sum_word: Word) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits, widths are small")]
        let (sum_limit, word_limit, root_width) =
            (sum_word.max() as f64, word.max() as f64, (range.width as f64).sqrt());
        let largest = (range.mean_square.1 + range.eps).max(f64::MIN_POSITIVE) * headroom * headroom;
        let j = ((sum_limit / largest).log2() / 2.0).floor().clamp(-60.0, 60.0) as i32;
        let v_limit = (range.abs_max * headroom).max(f64::MIN_POSITIVE);
        let half_shift = (word_limit * root_width * 2f64.powi(-j) / v_limit).log2().floor();
        let half_shift = half_shift.clamp(0.0, f64::from(word.bits - 1)) as i32;
        Self::with(range, headroom, word, (j, half_shift))
    }

    /// The plan of the finest sum that cannot overflow, even where every channel is as large as a word; `None` if there
    /// is none.
    ///
    /// Since `v` saturates at a word, no channel adds more than `4^(w-1-p)`: the least `p` for which that of all channels
    /// and the bias fit. What `v` must hold gives `j + p`, and each bit of its headroom costs the sum two: it has none
    /// but what rounding to a power of two leaves, up to a factor of 2. A channel beyond that counts as the largest.
    #[expect(clippy::cast_possible_truncation, reason = "small exponents, clamped")]
    pub(super) fn guaranteed(self, range: RootRange, headroom: f64, word: Word, sum_word: Word) -> Option<Self> {
        #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits, widths are small")]
        let (word_limit, root_width) = (word.max() as f64, (range.width as f64).sqrt());
        let v_limit = range.abs_max.max(f64::MIN_POSITIVE);
        let sum = (word_limit * root_width / v_limit).log2().floor().clamp(-60.0, 60.0) as i32;
        let largest = |plan: &Self| {
            let square = (word.min() * word.min()) >> plan.square_shift;
            i64::try_from(range.width).ok()?.checked_mul(square)?.checked_add(i64::from(plan.bias))
        };
        let half_shifts = 0..word.bits.cast_signed();
        let plans =
            half_shifts.map(|half_shift| Self::with(range, headroom, word, (self.j.min(sum - half_shift), half_shift)));
        plans.into_iter().find(|plan| largest(plan).is_some_and(|sum| sum <= sum_word.max()))
    }

    /// The plan for a sum in units of `4^-j` of squares that are shifted by twice `half_shift`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small exponents, clamped")]
    fn with(range: RootRange, headroom: f64, word: Word, (j, half_shift): (i32, i32)) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "words have at most 32 bits, widths are small")]
        let (word_limit, root_width) = (word.max() as f64, (range.width as f64).sqrt());
        let scale = 4f64.powi(j);
        let largest = (range.mean_square.1 + range.eps).max(f64::MIN_POSITIVE) * scale;
        let least = ((range.mean_square.0 + range.eps) * scale / (headroom * headroom)).max(1.0);
        let by_least = (word_limit.log2() + least.log2() / 2.0).floor();
        // At the largest mean square that calibration saw, the root has at least so many bits: the others are for
        // vectors smaller than any that it saw.
        let by_largest = (ROOT_BITS + largest.log2() / 2.0).ceil();
        let fraction = by_least.min(by_largest).clamp(12.0, 34.0);
        Self {
            j,
            square_shift: 2 * half_shift.unsigned_abs(),
            v_unit: root_width * 2f64.powi(-j - half_shift),
            fraction: fraction as u32,
            bias: (range.eps * scale).round().clamp(1.0, word_limit) as i32,
        }
    }

    /// The real value of one unit of the sum.
    #[expect(clippy::cast_precision_loss, reason = "widths are small")]
    pub(super) fn sum_unit(&self, width: usize) -> f64 {
        width as f64 * 4f64.powi(-self.j)
    }

    /// The unit of the inverse root.
    pub(super) fn root(&self) -> Exponent {
        Exponent(self.j - self.fraction.cast_signed())
    }
}
