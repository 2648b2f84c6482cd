//! Constants: weights and per-channel vectors, possibly without their data.

use std::fmt;

use bytes::Bytes;
use half::slice::HalfFloatSliceExt as _;
use half::{bf16, f16};
use indexmap::IndexMap;
use itertools::Itertools;
use sha2::{Digest as _, Sha256};

use crate::syntax::is_name;
use crate::verified::Findings;

/// What one element of a tensor is, little endian in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Elem {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// Truncated single.
    Bf16,
    /// 32-bit integer.
    I32,
    /// 16-bit integer.
    I16,
    /// 8-bit integer.
    I8,
    /// -1, 0 or 1, stored as an 8-bit integer.
    Ternary,
}

impl Elem {
    /// All elements with their names in text.
    pub const ALL: [(Elem, &'static str); 7] = [
        (Elem::F32, "f32"),
        (Elem::F16, "f16"),
        (Elem::Bf16, "bf16"),
        (Elem::I32, "i32"),
        (Elem::I16, "i16"),
        (Elem::I8, "i8"),
        (Elem::Ternary, "ternary"),
    ];

    /// The name in text.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(elem, _)| *elem == self).expect("invariant: ALL lists every element").1
    }

    /// The element of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, text)| *text == name).map(|(elem, _)| *elem)
    }

    /// Bytes of one element in memory.
    pub fn n_bytes(self) -> usize {
        match self {
            Elem::F32 | Elem::I32 => 4,
            Elem::F16 | Elem::Bf16 | Elem::I16 => 2,
            Elem::I8 | Elem::Ternary => 1,
        }
    }

    /// Whether elements are integers.
    pub fn is_integer(self) -> bool {
        match self {
            Elem::F32 | Elem::F16 | Elem::Bf16 => false,
            Elem::I32 | Elem::I16 | Elem::I8 | Elem::Ternary => true,
        }
    }
}

/// SHA-256 of a tensor's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[derive(Debug, Clone)]
enum Data {
    Present(Bytes),
    Elided(Digest),
}

/// A constant: element type, shape, an optional scale (real value = element × scale), and its data unless elided.
#[derive(Debug, Clone)]
pub struct Tensor {
    elem: Elem,
    shape: Vec<usize>,
    scale: Option<f64>,
    data: Data,
}

/// Why a tensor cannot give its elements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The text had only the digest.
    #[error("the data is elided ({0}); give the weights as well")]
    Elided(Digest),
    /// The element type is another.
    #[error("has {found} elements where {expected} are needed")]
    Elem {
        /// What the caller needs.
        expected: &'static str,
        /// What the tensor has.
        found: &'static str,
    },
    /// The byte count does not fit shape and element.
    #[error("{shape:?} elements of {elem} need {expected} bytes, has {found}")]
    Length {
        /// Shape of the tensor.
        shape: Vec<usize>,
        /// Name of the element type.
        elem: &'static str,
        /// Bytes that shape and element ask for.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl Tensor {
    /// A tensor over little-endian bytes, which may be a part of a mapped file.
    ///
    /// # Errors
    /// [`TensorError::Length`] when the byte count does not fit.
    pub fn from_bytes(elem: Elem, shape: Vec<usize>, bytes: Bytes) -> Result<Self, TensorError> {
        let expected = shape.iter().try_fold(elem.n_bytes(), |n, &dim| n.checked_mul(dim)).unwrap_or(usize::MAX);
        if bytes.len() != expected {
            return Err(TensorError::Length { shape, elem: elem.name(), expected, found: bytes.len() });
        }
        Ok(Self { elem, shape, scale: None, data: Data::Present(bytes) })
    }

    /// A tensor of which only the digest is known.
    pub fn elided(elem: Elem, shape: Vec<usize>, digest: Digest) -> Self {
        Self { elem, shape, scale: None, data: Data::Elided(digest) }
    }

    /// A vector or matrix of floats.
    ///
    /// # Panics
    /// If the shape does not fit the number of values: a bug of the caller.
    pub fn f32(shape: Vec<usize>, values: &[f32]) -> Self {
        Self::from_bytes(Elem::F32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .expect("invariant: shape and values fit")
    }

    /// 32-bit integers.
    ///
    /// # Panics
    /// If the shape does not fit the number of values: a bug of the caller.
    pub fn i32(shape: Vec<usize>, values: &[i32]) -> Self {
        Self::from_bytes(Elem::I32, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .expect("invariant: shape and values fit")
    }

    /// 16-bit integers.
    ///
    /// # Panics
    /// If the shape does not fit the number of values: a bug of the caller.
    pub fn i16(shape: Vec<usize>, values: &[i16]) -> Self {
        Self::from_bytes(Elem::I16, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .expect("invariant: shape and values fit")
    }

    /// 8-bit integers or ternary values.
    ///
    /// # Panics
    /// If the shape does not fit the number of values: a bug of the caller.
    pub fn i8(elem: Elem, shape: Vec<usize>, values: &[i8]) -> Self {
        Self::from_bytes(elem, shape, values.iter().map(|v| v.cast_unsigned()).collect())
            .expect("invariant: shape and values fit")
    }

    /// The same tensor with a scale: real value = element × scale.
    pub fn with_scale(mut self, scale: Option<f64>) -> Self {
        self.scale = scale;
        self
    }

    /// The element type.
    pub fn elem(&self) -> Elem {
        self.elem
    }

    /// The shape, outermost first: `[out, in]` for a matrix.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Real value = element × scale, where a scale is given.
    pub fn scale(&self) -> Option<f64> {
        self.scale
    }

    /// The number of elements.
    pub fn n_elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The digest of the data, computed where the data is present.
    pub fn digest(&self) -> Digest {
        match &self.data {
            Data::Elided(digest) => *digest,
            Data::Present(bytes) => Digest(Sha256::digest(bytes).into()),
        }
    }

    /// The little-endian bytes, unless elided.
    ///
    /// # Errors
    /// [`TensorError::Elided`].
    pub fn bytes(&self) -> Result<&Bytes, TensorError> {
        match &self.data {
            Data::Present(bytes) => Ok(bytes),
            Data::Elided(digest) => Err(TensorError::Elided(*digest)),
        }
    }

    /// The elements as floats, times the scale where there is one.
    ///
    /// # Errors
    /// [`TensorError::Elided`].
    pub fn to_f32(&self) -> Result<Vec<f32>, TensorError> {
        let bytes = self.bytes()?;
        let mut values: Vec<f32> = match self.elem {
            Elem::F32 => chunks(bytes).map(f32::from_le_bytes).collect(),
            Elem::F16 => halves_to_f32(bytes),
            Elem::Bf16 => chunks(bytes).map(|b| bf16::from_le_bytes(b).to_f32()).collect(),
            #[expect(clippy::cast_precision_loss, reason = "32-bit constants are at most 24 bits wide")]
            Elem::I32 => chunks(bytes).map(|b| i32::from_le_bytes(b) as f32).collect(),
            Elem::I16 => chunks(bytes).map(|b| f32::from(i16::from_le_bytes(b))).collect(),
            Elem::I8 | Elem::Ternary => bytes.iter().map(|&b| f32::from(b.cast_signed())).collect(),
        };
        if let Some(scale) = self.scale {
            #[expect(clippy::cast_possible_truncation, reason = "the float level computes in single precision")]
            let scale = scale as f32;
            values.iter_mut().for_each(|value| *value *= scale);
        }
        Ok(values)
    }

    /// The elements as integers, without the scale.
    ///
    /// # Errors
    /// [`TensorError::Elided`], or [`TensorError::Elem`] for floats.
    pub fn to_i32(&self) -> Result<Vec<i32>, TensorError> {
        let bytes = self.bytes()?;
        match self.elem {
            Elem::I32 => Ok(chunks(bytes).map(i32::from_le_bytes).collect()),
            Elem::I16 => Ok(chunks(bytes).map(|b| i32::from(i16::from_le_bytes(b))).collect()),
            Elem::I8 | Elem::Ternary => Ok(bytes.iter().map(|&b| i32::from(b.cast_signed())).collect()),
            Elem::F32 | Elem::F16 | Elem::Bf16 => {
                Err(TensorError::Elem { expected: "integer", found: self.elem.name() })
            }
        }
    }

    /// The elements of an 8-bit or ternary tensor, without the scale.
    ///
    /// # Errors
    /// [`TensorError::Elided`], or [`TensorError::Elem`] for wider elements.
    pub fn to_i8(&self) -> Result<Vec<i8>, TensorError> {
        match self.elem {
            Elem::I8 | Elem::Ternary => Ok(self.bytes()?.iter().map(|b| b.cast_signed()).collect()),
            Elem::F32 | Elem::F16 | Elem::Bf16 | Elem::I32 | Elem::I16 => {
                Err(TensorError::Elem { expected: "8-bit", found: self.elem.name() })
            }
        }
    }

    /// Rows `start..start + n` of the outermost dimension, sharing the data.
    ///
    /// # Errors
    /// [`TensorError::Elided`].
    ///
    /// # Panics
    /// If the rows are out of range: a bug of the caller.
    pub fn rows(&self, start: usize, n: usize) -> Result<Self, TensorError> {
        let stride = self.shape[1..].iter().product::<usize>() * self.elem.n_bytes();
        let bytes = self.bytes()?.slice(start * stride..(start + n) * stride);
        let shape = std::iter::once(n).chain(self.shape[1..].iter().copied()).collect();
        Ok(Self { elem: self.elem, shape, scale: self.scale, data: Data::Present(bytes) })
    }
}

/// Two tensors are equal when type, shape, scale and digest are: the data of one may be elided.
impl PartialEq for Tensor {
    fn eq(&self, other: &Self) -> bool {
        let same_head = (self.elem, &self.shape, self.scale) == (other.elem, &other.shape, other.scale);
        same_head
            && match (&self.data, &other.data) {
                (Data::Present(a), Data::Present(b)) => a == b,
                _ => self.digest() == other.digest(),
            }
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.elem.name(), self.shape.iter().join(", "))
    }
}

/// The named constants of a module, in the order in which they were added.
pub type Constants = IndexMap<String, Tensor>;

/// Notes the constants whose name or scale has no text form.
pub(crate) fn check_names(constants: &Constants, findings: &mut Findings) {
    for (name, tensor) in constants {
        let named = !name.is_empty() && name.chars().all(is_name);
        findings.require(named, "constant", format!("@{name}"), || "is no name: letters, digits and `_.-/`".into());
        let scaled = tensor.scale().is_none_or(|scale| scale.is_finite() && scale > 0.0);
        findings.require(scaled, "constant", format!("@{name}"), || format!("has a scale of {:?}", tensor.scale()));
    }
}

/// Halves as singles, some at a time: the processor converts several at once.
fn halves_to_f32(bytes: &[u8]) -> Vec<f32> {
    const AT_ONCE: usize = 1024;
    let mut values = vec![0.0; bytes.len() / 2];
    let mut halves = [f16::ZERO; AT_ONCE];
    for (values, bytes) in values.chunks_mut(AT_ONCE).zip(bytes.chunks(2 * AT_ONCE)) {
        let halves = &mut halves[..values.len()];
        halves.iter_mut().zip(bytes.as_chunks::<2>().0).for_each(|(half, &bytes)| *half = f16::from_le_bytes(bytes));
        halves.convert_to_f32_slice(values);
    }
    values
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).map(|chunk| chunk.try_into().expect("invariant: chunks_exact gives N bytes"))
}
