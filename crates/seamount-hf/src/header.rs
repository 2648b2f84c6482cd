//! The header of a safetensors file: which tensor is where.
//!
//! The format is eight bytes of length, a JSON object of that length, and the data; the tensors cover the data without
//! overlap or hole. Every length is held against the file's before it is used.
//! Source: <https://github.com/huggingface/safetensors>, whose own checks these are; here they say which tensor.

use std::fmt;
use std::ops::Range;

use safetensors::Dtype;
use safetensors::tensor::TensorInfo;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::error::HeaderError;

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Its element type.
    pub(crate) dtype: Dtype,
    /// Its shape, outermost first.
    pub(crate) shape: Vec<usize>,
    /// Its bytes, counted from the start of the file.
    pub(crate) bytes: Range<usize>,
}

/// The format's limit on the header.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// Bytes of the header's length.
const LENGTH_BYTES: usize = 8;

/// Reads the header of a whole file.
pub(crate) fn read(file: &[u8]) -> Result<Vec<Entry>, HeaderError> {
    let found_bytes = file.len() as u64;
    let Some((length, rest)) = file.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(HeaderError::Truncated { expected_bytes: LENGTH_BYTES as u64, found_bytes });
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(HeaderError::Oversized { found_bytes: length, limit_bytes: MAX_HEADER_BYTES });
    }
    let expected_bytes = LENGTH_BYTES as u64 + length;
    let Some(header) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        return Err(HeaderError::Truncated { expected_bytes, found_bytes });
    };
    let Fields(fields) = serde_json::from_slice(header).map_err(HeaderError::Json)?;
    entries(fields, LENGTH_BYTES + header.len(), file.len())
}

fn entries(fields: Vec<(String, Value)>, data_start: usize, file_bytes: usize) -> Result<Vec<Entry>, HeaderError> {
    let mut entries = Vec::new();
    for (tensor, fields) in fields {
        if tensor == "__metadata__" {
            continue;
        }
        let info = match TensorInfo::deserialize(&fields) {
            Ok(info) => info,
            Err(reason) => return Err(HeaderError::Entry { tensor, reason }),
        };
        entries.push((tensor, info));
    }
    entries.sort_by(|(a_name, a), (b_name, b)| (a.data_offsets, a_name).cmp(&(b.data_offsets, b_name)));
    let mut previous_end = 0;
    let entries = entries.into_iter().map(|(tensor, info)| {
        let bytes = place(&tensor, &info, previous_end, data_start, file_bytes)?;
        previous_end = info.data_offsets.1;
        Ok(Entry { name: tensor, dtype: info.dtype, shape: info.shape, bytes })
    });
    let mut entries = entries.collect::<Result<Vec<_>, HeaderError>>()?;
    let covered = entries.last().map_or(data_start, |entry| entry.bytes.end);
    if covered != file_bytes {
        return Err(HeaderError::Trailing { found_bytes: (file_bytes - covered) as u64 });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    match entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(HeaderError::Duplicate(pair[0].name.clone())),
        None => Ok(entries),
    }
}

/// A tensor's bytes in the file.
fn place(
    tensor: &str,
    info: &TensorInfo,
    previous_end: usize,
    data_start: usize,
    file_bytes: usize,
) -> Result<Range<usize>, HeaderError> {
    let (start, end) = info.data_offsets;
    let n_bits = info.shape.iter().try_fold(info.dtype.bitsize(), |n, &dim| n.checked_mul(dim));
    let fits = end.checked_sub(start).and_then(|n| n.checked_mul(8)).is_some_and(|n| Some(n) == n_bits);
    if !fits {
        let (shape, dtype) = (info.shape.clone(), info.dtype.to_string());
        return Err(HeaderError::Size { tensor: tensor.to_owned(), shape, dtype, start, end });
    }
    let end_in_file = data_start.saturating_add(end);
    if end_in_file > file_bytes {
        return Err(HeaderError::TruncatedData {
            tensor: tensor.to_owned(),
            expected_bytes: end_in_file as u64,
            found_bytes: file_bytes as u64,
        });
    }
    if start != previous_end {
        return Err(HeaderError::Offset { tensor: tensor.to_owned(), expected: previous_end, found: start });
    }
    Ok(data_start + start..end_in_file)
}

/// The fields of a JSON object in their order, with those that stand twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}
