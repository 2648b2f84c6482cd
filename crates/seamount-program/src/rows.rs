//! Rows of weights: packing them into a synapse image and reading them back.
//!
//! - Dense2: neuron `k` of the slice in bits `2(k % 4)` and `2(k % 4) + 1` of byte `k / 4`, two's complement: `00` is 0, `01`
//!   is 1, `11` is -1; `10` is invalid.
//! - Dense8: neuron `k` in byte `k`, two's complement.
//! - Sparse: entries of four bytes: the neuron, little endian in two bytes; the weight, two's complement; a zero.

use bytes::Bytes;
use thiserror::Error;

use crate::Encoding;
use crate::program::index;

/// Bytes of an entry of a sparse row.
pub const SPARSE_ENTRY_BYTES: usize = 4;

/// Why a row is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RowError {
    /// A two-bit weight is `10`.
    #[error("the two-bit weight of neuron {neuron} is 0b10, which means nothing")]
    Invalid2Bit {
        /// Neuron of the slice.
        neuron: usize,
    },
    /// A sparse entry names a neuron that the slice lacks.
    #[error("entry {entry} feeds neuron {neuron}, the slice has {n_neurons}")]
    Neuron {
        /// Number of the entry in the row.
        entry: usize,
        /// Neuron that it names.
        neuron: u16,
        /// Neurons of the slice.
        n_neurons: usize,
    },
    /// Bytes or bits that mean nothing are not zero.
    #[error("unused bits of the row are not zero")]
    Unused,
    /// The row has the wrong length.
    #[error("the row has {found} bytes, expected {expected}")]
    Length {
        /// Bytes of such a row.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl Encoding {
    /// Bytes of a row that feeds a slice of `n_neurons`, before alignment.
    pub fn row_bytes(self, n_neurons: u32) -> usize {
        match self {
            Self::Dense2 => index(n_neurons).div_ceil(4),
            Self::Dense8 => index(n_neurons),
            Self::Sparse { n_per_row } => index(n_per_row) * SPARSE_ENTRY_BYTES,
        }
    }

    /// Weights of a row: the synaptic operations that a spike on it costs.
    pub fn weights_per_row(self, n_neurons: u32) -> u32 {
        match self {
            Self::Dense2 | Self::Dense8 => n_neurons,
            Self::Sparse { n_per_row } => n_per_row,
        }
    }
}

/// Packs ternary weights as a Dense2 row; `None` if one is not -1, 0 or 1.
pub fn pack_dense2(weights: &[i8]) -> Option<Vec<u8>> {
    let mut row = vec![0_u8; weights.len().div_ceil(4)];
    for (neuron, &weight) in weights.iter().enumerate() {
        let bits = match weight {
            0 => 0b00,
            1 => 0b01,
            -1 => 0b11,
            _ => return None,
        };
        row[neuron / 4] |= bits << (2 * (neuron % 4));
    }
    Some(row)
}

/// Packs weights as a Dense8 row.
pub fn pack_dense8(weights: &[i8]) -> Vec<u8> {
    weights.iter().map(|weight| weight.cast_unsigned()).collect()
}

/// Packs (neuron, weight) entries as a sparse row.
pub fn pack_sparse(entries: &[(u16, i8)]) -> Vec<u8> {
    let bytes = entries.iter().map(|&(neuron, weight)| {
        let [low, high] = neuron.to_le_bytes();
        [low, high, weight.cast_unsigned(), 0]
    });
    bytes.flatten().collect()
}

/// The weights of a Dense2 row, one for each neuron.
///
/// # Errors
/// [`RowError`] if the row is not as [`pack_dense2`] writes it.
pub fn unpack_dense2(row: &[u8], n_neurons: usize) -> Result<Vec<i8>, RowError> {
    check_length(row, n_neurons.div_ceil(4))?;
    let mut weights = Vec::with_capacity(n_neurons);
    for neuron in 0..n_neurons {
        weights.push(match (row[neuron / 4] >> (2 * (neuron % 4))) & 0b11 {
            0b00 => 0,
            0b01 => 1,
            0b11 => -1,
            _ => return Err(RowError::Invalid2Bit { neuron }),
        });
    }
    let used_bits = 2 * (n_neurons % 4);
    let unused = if used_bits == 0 { 0 } else { row[n_neurons / 4] >> used_bits };
    if unused == 0 { Ok(weights) } else { Err(RowError::Unused) }
}

/// Whether a row is a Dense2 row: what [`unpack_dense2`] finds out, without the weights.
///
/// # Errors
/// As [`unpack_dense2`].
pub fn check_dense2(row: &[u8], n_neurons: usize) -> Result<(), RowError> {
    // Of an invalid weight the upper bit is set and the lower is not.
    let invalid = row.iter().fold(0, |invalid, &byte| invalid | (byte >> 1) & !byte & 0b0101_0101);
    if invalid == 0 && row.len() == n_neurons.div_ceil(4) {
        let used_bits = 2 * (n_neurons % 4);
        let unused = if used_bits == 0 { 0 } else { row[n_neurons / 4] >> used_bits };
        return if unused == 0 { Ok(()) } else { Err(RowError::Unused) };
    }
    unpack_dense2(row, n_neurons).map(drop)
}

/// The weights of a Dense8 row, one for each neuron.
///
/// # Errors
/// [`RowError::Length`].
pub fn unpack_dense8(row: &[u8], n_neurons: usize) -> Result<Vec<i8>, RowError> {
    check_length(row, n_neurons)?;
    Ok(row.iter().map(|byte| byte.cast_signed()).collect())
}

/// The (neuron, weight) entries of a sparse row.
///
/// # Errors
/// [`RowError`] if an entry is invalid.
pub fn unpack_sparse(row: &[u8], n_neurons: usize) -> Result<Vec<(u16, i8)>, RowError> {
    check_length(row, row.len().next_multiple_of(SPARSE_ENTRY_BYTES))?;
    let mut entries = Vec::with_capacity(row.len() / SPARSE_ENTRY_BYTES);
    for (entry, bytes) in row.as_chunks::<SPARSE_ENTRY_BYTES>().0.iter().enumerate() {
        let [low, high, weight, unused] = *bytes;
        let neuron = u16::from_le_bytes([low, high]);
        if usize::from(neuron) >= n_neurons {
            return Err(RowError::Neuron { entry, neuron, n_neurons });
        }
        if unused != 0 {
            return Err(RowError::Unused);
        }
        entries.push((neuron, weight.cast_signed()));
    }
    Ok(entries)
}

/// Collects the rows of a core into its image, each aligned.
#[derive(Debug)]
pub struct ImageBuilder {
    align_bytes: usize,
    bytes: Vec<u8>,
}

impl ImageBuilder {
    /// An empty image; `align_bytes` is the arch's `synapse_row_align_bytes`.
    pub fn new(align_bytes: u64) -> Self {
        let align_bytes = usize::try_from(align_bytes).expect("invariant: an alignment fits in memory").max(1);
        Self { align_bytes, bytes: Vec::new() }
    }

    /// Appends a row and fills up to the alignment.
    ///
    /// Returns where it begins, in bytes. Rows of equal length that are pushed one after the other lie
    /// [`stride_bytes`](Self::stride_bytes) apart.
    pub fn push(&mut self, row: &[u8]) -> u64 {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(row);
        self.bytes.resize(self.bytes.len().next_multiple_of(self.align_bytes), 0);
        u64::try_from(offset).expect("invariant: addresses have at most 64 bits")
    }

    /// From one row of `row_bytes` to the next.
    pub fn stride_bytes(&self, row_bytes: usize) -> usize {
        row_bytes.next_multiple_of(self.align_bytes)
    }

    /// The image.
    pub fn finish(self) -> Bytes {
        self.bytes.into()
    }
}

fn check_length(row: &[u8], expected: usize) -> Result<(), RowError> {
    if row.len() == expected { Ok(()) } else { Err(RowError::Length { expected, found: row.len() }) }
}
