//! Numbers, texts and lists as bytes, little endian; a list is its length in four bytes and its items.

use bytes::Bytes;

use crate::error::{ProgramError, Section};

/// Appends values to a section.
#[derive(Default)]
pub(crate) struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn u32s<const N: usize>(&mut self, values: [u32; N]) {
        for value in values {
            self.u32(value);
        }
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    /// A number that may be absent; the greatest one says so.
    pub(crate) fn option(&mut self, value: Option<u32>) {
        self.u32(value.unwrap_or(u32::MAX));
    }

    pub(crate) fn count(&mut self, n: usize) {
        self.u32(u32::try_from(n).expect("invariant: a list has fewer than 2³² items"));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len());
        self.bytes.extend(text.as_bytes());
    }

    pub(crate) fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.count(items.len());
        for item in items {
            write(self, item);
        }
    }
}

/// Reads values from a section. Every read is checked against what is left, and a list's length against the fewest bytes
/// that so many items take, before anything is allocated.
pub(crate) struct Reader {
    section: Section,
    bytes: Bytes,
    at: usize,
    /// Bytes of memory that values which stand for many may still take.
    unfolded_left: usize,
}

/// What a file may take beyond its bytes: so many times these, and so much more.
const UNFOLDED_TIMES: usize = 64;
const UNFOLDED_BYTES: usize = 64 << 20;

impl Reader {
    /// Reads a section of a file of `file_bytes`.
    pub(crate) fn new(section: Section, bytes: Bytes, file_bytes: usize) -> Self {
        let unfolded_left = file_bytes.saturating_mul(UNFOLDED_TIMES).saturating_add(UNFOLDED_BYTES);
        Self { section, bytes, at: 0, unfolded_left }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ProgramError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, ProgramError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, ProgramError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, ProgramError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(crate) fn option(&mut self) -> Result<Option<u32>, ProgramError> {
        self.u32().map(|value| (value != u32::MAX).then_some(value))
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], ProgramError> {
        let bytes = self.bytes[self.at..].first_chunk().copied();
        let bytes = bytes.ok_or_else(|| self.error(format!("{N} bytes expected, the section ends")))?;
        self.at += N;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<String, ProgramError> {
        let n = self.count(1)?;
        let bytes = self.bytes[self.at..self.at + n].to_vec();
        let text = String::from_utf8(bytes).map_err(|_| self.error("a text is not UTF-8".to_owned()))?;
        self.at += n;
        Ok(text)
    }

    /// A list whose items take at least `item_bytes` each.
    pub(crate) fn list<T>(
        &mut self,
        item_bytes: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, ProgramError>,
    ) -> Result<Vec<T>, ProgramError> {
        let n = self.count(item_bytes)?;
        (0..n).map(|_| read(self)).collect()
    }

    /// `n` numbers of `N` bytes each.
    pub(crate) fn numbers<const N: usize, T>(
        &mut self,
        n: usize,
        convert: impl Fn([u8; N]) -> T,
    ) -> Result<Vec<T>, ProgramError> {
        let end = n.checked_mul(N).and_then(|length| self.at.checked_add(length));
        let bytes = end.and_then(|end| self.bytes.get(self.at..end));
        let bytes = bytes.ok_or_else(|| self.error(format!("{n} numbers of {N} bytes expected, the section ends")))?;
        let numbers = bytes.as_chunks().0.iter().map(|&bytes| convert(bytes)).collect();
        self.at += n * N;
        Ok(numbers)
    }

    /// A list of items of `item_bytes` each, as it is.
    pub(crate) fn shared(&mut self, item_bytes: usize) -> Result<Bytes, ProgramError> {
        let end = self.count(item_bytes)? * item_bytes + self.at;
        let list = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(list)
    }

    /// Allows `n` times `each` items of type `T` that the section does not list one by one, and returns how many they
    /// are.
    pub(crate) fn unfold<T>(&mut self, n: usize, each: usize) -> Result<usize, ProgramError> {
        let n_items = n.checked_mul(each);
        let left =
            n_items.and_then(|n| n.checked_mul(size_of::<T>())).and_then(|bytes| self.unfolded_left.checked_sub(bytes));
        let (Some(n_items), Some(left)) = (n_items, left) else {
            let most = self.unfolded_left;
            return Err(self.error(format!("{n} times {each} items are more than the {most} bytes that they may take")));
        };
        self.unfolded_left = left;
        Ok(n_items)
    }

    /// Says that the section must end here.
    pub(crate) fn end(&self) -> Result<(), ProgramError> {
        let left = self.bytes.len() - self.at;
        if left == 0 { Ok(()) } else { Err(self.error(format!("{left} bytes after the last value"))) }
    }

    pub(crate) fn error(&self, message: String) -> ProgramError {
        ProgramError::Malformed { section: self.section, offset: self.at, message }
    }

    /// The length of a list whose items take at least `item_bytes` each.
    pub(crate) fn count(&mut self, item_bytes: usize) -> Result<usize, ProgramError> {
        let n = self.u32()?;
        let left = self.bytes.len() - self.at;
        let most = left / item_bytes;
        let n = usize::try_from(n).ok().filter(|&n| n <= most);
        n.ok_or_else(|| self.error(format!("a list is longer than the {left} bytes that are left can hold")))
    }
}
