//! Payloads as the kernels want them.

use std::ops::Range;

use super::{Kernel, Kind, MOST_AT_ONCE};

/// What the values of a row add up to, and how far they go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub sum: i64,
    /// No value is less, nor zero.
    pub least: i32,
    /// No value is greater, nor zero.
    pub greatest: i32,
}

/// Some rows of payloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payloads {
    pub n_sources: usize,
    /// By row.
    extents: Vec<Extent>,
    /// No value of any row has a larger magnitude.
    pub largest: u32,
    /// `[row][source]`, if they are asked for.
    values: Vec<i32>,
    /// What is multiplied, if digits are asked for: a digit to the base 256, -128 to 127, of a row. Each row has as many as
    /// its values may need.
    pub(super) multiplied: Vec<Digit>,
    /// As many digits as are multiplied [at once](Self::blocks) stand together, four sources to a word:
    /// `[block][sources / 4][of the block]`.
    digits: Vec<u32>,
    /// Room for one digit of one row.
    bytes: Vec<u8>,
}

/// A digit of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digit {
    pub row: usize,
    /// 0 is the lowest.
    pub place: usize,
}

impl Extent {
    #[inline(always)]
    pub(crate) fn of(values: &[i32]) -> Self {
        Self::counted(values).0
    }

    /// The same, and how many of the values are not zero.
    #[inline(always)]
    pub(crate) fn counted(values: &[i32]) -> (Self, u64) {
        let mut extent = Self::default();
        let mut n = 0_u32;
        for &value in values {
            extent.sum += i64::from(value);
            extent.least = value.min(extent.least);
            extent.greatest = value.max(extent.greatest);
            n += u32::from(value != 0);
        }
        (extent, n.into())
    }

    /// That of both together.
    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            least: self.least.min(other.least),
            greatest: self.greatest.max(other.greatest),
        }
    }

    /// How many digits the values may need. Four hold anything, modulo 2³².
    fn n_digits(self) -> usize {
        // One digit goes from -128 to 127; each further one takes what is below 256 times as far.
        let ends = [(-0x80, 0x7f), (-0x8080, 0x7f7f), (-0x80_8080, 0x7f_7f7f)];
        1 + ends.iter().take_while(|&&(low, high)| self.least < low || self.greatest > high).count()
    }
}

impl Payloads {
    /// Rows of so many sources, of which nothing but their extents is known yet.
    pub(crate) fn begin(&mut self, n_sources: usize, extents: impl Iterator<Item = Extent>) {
        self.n_sources = n_sources;
        self.extents.clear();
        self.extents.extend(extents);
        let largest = |extent: &Extent| extent.least.unsigned_abs().max(extent.greatest.unsigned_abs());
        self.largest = self.extents.iter().map(largest).max().unwrap_or(0);
        self.multiplied.clear();
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.extents.len()
    }

    /// What a row adds up to.
    pub(crate) fn sum(&self, row: usize) -> i64 {
        self.extents[row].sum
    }

    /// Takes the values of each row; `fill` puts them where it is told to.
    pub(crate) fn set_values(&mut self, fill: impl Fn(usize, &mut [i32])) {
        self.values.resize(self.extents.len() * self.n_sources, 0);
        let rows = self.values.chunks_exact_mut(self.n_sources.max(1));
        rows.enumerate().for_each(|(row, values)| fill(row, values));
    }

    /// The values of a row, if they were taken.
    pub(crate) fn values(&self, row: usize) -> &[i32] {
        &self.values[row * self.n_sources..][..self.n_sources]
    }

    /// Takes the digits of each row; `fill` puts its values where it is told to.
    pub(crate) fn set_digits(&mut self, kernel: Kernel, fill: impl Fn(usize, &mut [i32])) {
        for (row, extent) in self.extents.iter().enumerate() {
            self.multiplied.extend((0..extent.n_digits()).map(|place| Digit { row, place }));
        }
        let n_fours = self.n_sources.div_ceil(4);
        // All of them are written.
        self.digits.resize(self.multiplied.len() * n_fours, 0);
        self.bytes.clear();
        self.bytes.resize(4 * n_fours, 0);
        let mut values = std::mem::take(&mut self.values);
        values.resize(self.n_sources, 0);
        for block in self.blocks() {
            for at in block.clone() {
                if self.multiplied[at].place == 0 {
                    fill(self.multiplied[at].row, &mut values);
                }
                kernel.put_digit(self, &values, &block, at);
            }
        }
        self.values = values;
    }

    /// Puts a digit of a row among those of its block.
    #[inline(always)]
    pub(super) fn put_digit(&mut self, values: &[i32], block: &Range<usize>, at: usize) {
        let Self { n_sources, multiplied, digits, bytes, .. } = self;
        let n_fours = n_sources.div_ceil(4);
        let place = multiplied[at].place;
        bytes.iter_mut().zip(values).for_each(|(byte, &value)| *byte = digit_of(value, place));
        let of_block = &mut digits[block.start * n_fours..block.end * n_fours];
        let out = of_block[at - block.start..].iter_mut().step_by(block.len());
        out.zip(bytes.as_chunks().0).for_each(|(out, &four)| *out = u32::from_le_bytes(four));
    }

    /// The values of a row, put together of its digits.
    pub(crate) fn of_digits(&self, row: usize) -> Vec<i32> {
        let mut values = vec![0_i32; self.n_sources.next_multiple_of(4)];
        for block in self.blocks() {
            let of_row = block.clone().filter(|&at| self.multiplied[at].row == row);
            for at in of_row {
                let words = self.digits(&block)[at - block.start..].iter().step_by(block.len());
                for (values, word) in values.as_chunks_mut::<4>().0.iter_mut().zip(words) {
                    for (value, digit) in values.iter_mut().zip(word.to_le_bytes()) {
                        let digit = i32::from(digit.cast_signed()) << (8 * self.multiplied[at].place);
                        *value = value.wrapping_add(digit);
                    }
                }
            }
        }
        values.truncate(self.n_sources);
        values
    }

    /// What is multiplied at once.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        blocks(self.multiplied.len())
    }

    /// The digits of a block.
    pub(super) fn digits(&self, block: &Range<usize>) -> &[u32] {
        let n_fours = self.n_sources.div_ceil(4);
        &self.digits[block.start * n_fours..block.end * n_fours]
    }

    /// What a kernel's sum is too large by, modulo 2³².
    #[expect(clippy::cast_possible_truncation, reason = "sums are taken modulo 2³²")]
    #[inline(always)]
    pub(super) fn excess(&self, kind: Kind, row: usize) -> i32 {
        kind.excess().wrapping_mul(self.extents[row].sum as i32)
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low byte is the digit")]
fn digit_of(value: i32, place: usize) -> u8 {
    // With 128 added to every digit none is less than zero, and none carries.
    ((value.cast_unsigned().wrapping_add(0x8080_8080) ^ 0x8080_8080) >> (8 * place)) as u8
}

/// Up to four together if that is all; else sixteen at once, then eight, four, two and one.
fn blocks(n: usize) -> impl Iterator<Item = Range<usize>> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let size =
            if n <= 4 { n - next } else { [MOST_AT_ONCE, 8, 4, 2, 1].into_iter().find(|size| next + size <= n)? };
        next += size;
        (size > 0).then_some(next - size..next)
    })
}
