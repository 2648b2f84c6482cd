//! The host's table of payloads.

use bytes::Bytes;

/// Payloads, packed: a byte each where all of them fit in one, else two.
///
/// One that was read from a file shares its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedding {
    width: Width,
    bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One = 1,
    Two = 2,
}

impl Embedding {
    /// How many values there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.bytes_per_value()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of a value: 1, or 2 if one byte does not hold each of them.
    pub fn bytes_per_value(&self) -> usize {
        self.width as usize
    }

    /// The values as the file has them, little endian.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `n` values from the one at `first`.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn values(&self, first: usize, n: usize) -> impl ExactSizeIterator<Item = i16> {
        let n_bytes = self.bytes_per_value();
        self.bytes[first * n_bytes..(first + n) * n_bytes].chunks_exact(n_bytes).map(|value| match *value {
            [low, high] => i16::from_le_bytes([low, high]),
            _ => i16::from(value[0].cast_signed()),
        })
    }

    /// How many values are not zero.
    pub fn n_not_zero(&self) -> usize {
        match self.width {
            Width::One => self.bytes.iter().filter(|&&value| value != 0).count(),
            Width::Two => self.pairs().iter().filter(|&&value| value != [0, 0]).count(),
        }
    }

    /// Values as the file has them; `None` if `bytes_per_value` is not as few as hold them all.
    pub(crate) fn packed(bytes_per_value: u8, bytes: Bytes) -> Option<Self> {
        match bytes_per_value {
            1 => Some(Self { width: Width::One, bytes }),
            2 => Some(Self { width: Width::Two, bytes }).filter(|table| !table.pairs().iter().all(|&pair| fits(pair))),
            _ => None,
        }
    }

    fn pairs(&self) -> &[[u8; 2]] {
        self.bytes.as_chunks().0
    }
}

impl FromIterator<i16> for Embedding {
    fn from_iter<I: IntoIterator<Item = i16>>(values: I) -> Self {
        let mut pairs = Vec::new();
        pairs.extend(values.into_iter().map(i16::to_le_bytes));
        if pairs.iter().all(|&pair| fits(pair)) {
            let low: Vec<u8> = pairs.iter().map(|&[low, _]| low).collect();
            return Self { width: Width::One, bytes: low.into() };
        }
        Self { width: Width::Two, bytes: pairs.into_flattened().into() }
    }
}

/// Whether a value of two bytes fits in one.
fn fits(pair: [u8; 2]) -> bool {
    i8::try_from(i16::from_le_bytes(pair)).is_ok()
}
