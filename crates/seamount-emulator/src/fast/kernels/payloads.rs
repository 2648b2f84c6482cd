//! Payloads as the kernels want them.

use std::ops::Range;

use super::{Kind, MOST_AT_ONCE};

/// Some rows of payloads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Payloads {
    pub n_sources: usize,
    /// `[row][source]`
    pub values: Vec<i32>,
    /// The sum of each row.
    pub sums: Vec<i64>,
    /// The largest magnitude in any row.
    pub largest: u32,
    /// What is multiplied: a digit to the base 256, -128 to 127, of a row. Each row has as many as its largest value needs.
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

impl Payloads {
    pub(crate) fn n_rows(&self) -> usize {
        self.sums.len()
    }

    /// The values of a row.
    pub(crate) fn row(&self, row: usize) -> &[i32] {
        &self.values[row * self.n_sources..][..self.n_sources]
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
        kind.excess().wrapping_mul(self.sums[row] as i32)
    }

    /// Works out the sums and the largest of the values, and the digits if they are asked for.
    #[inline(always)]
    pub(super) fn prepare(&mut self, with_digits: bool) {
        let Self { n_sources, values, sums, largest, multiplied, digits, bytes } = self;
        let n_sources = (*n_sources).max(1);
        let n_fours = n_sources.div_ceil(4);
        sums.clear();
        *largest = 0;
        multiplied.clear();
        for (row, values) in values.chunks_exact(n_sources).enumerate() {
            let (mut least, mut greatest, mut sum) = (0, 0, 0);
            for &value in values {
                least = value.min(least);
                greatest = value.max(greatest);
                sum += i64::from(value);
            }
            sums.push(sum);
            *largest = least.unsigned_abs().max(greatest.unsigned_abs()).max(*largest);
            if with_digits {
                multiplied.extend((0..count_digits(least, greatest)).map(|place| Digit { row, place }));
            }
        }
        // All of them are written.
        digits.resize(multiplied.len() * n_fours, 0);
        bytes.clear();
        bytes.resize(4 * n_fours, 0);
        for block in blocks(multiplied.len()) {
            let digits = &mut digits[block.start * n_fours..block.end * n_fours];
            for (at, digit) in multiplied[block.clone()].iter().enumerate() {
                let values = &values[digit.row * n_sources..][..n_sources];
                bytes.iter_mut().zip(values).for_each(|(byte, &value)| *byte = digit_of(value, digit.place));
                let out = digits[at..].iter_mut().step_by(block.len());
                out.zip(bytes.as_chunks().0).for_each(|(out, &four)| *out = u32::from_le_bytes(four));
            }
        }
    }
}

/// How many digits the numbers from `least` to `greatest` need. Four hold anything, modulo 2³².
fn count_digits(least: i32, greatest: i32) -> usize {
    // One digit goes from -128 to 127; each further one takes what is below 256 times as far.
    let ends = [(-0x80, 0x7f), (-0x8080, 0x7f7f), (-0x80_8080, 0x7f_7f7f)];
    1 + ends.iter().take_while(|&&(low, high)| least < low || greatest > high).count()
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
