//! Weights where they lie in a program's image.

use bytes::Bytes;

use super::{CHUNK_BYTES, LANES, Tile};

/// A row of weights for each source, each row `stride` bytes behind the one before.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub kind: Kind,
    pub n_sources: usize,
    pub n_neurons: usize,
    /// From the first weight on.
    image: Bytes,
    stride: usize,
}

/// How weights are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Two bits each, two's complement.
    Ternary,
    /// A byte each, two's complement.
    Bytes,
}

/// Up to 16 bytes of each row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub first_byte: usize,
    pub first_neuron: usize,
    pub shape: Shape,
}

/// Which neurons a tile's lanes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Field `f` of lane `j` is neuron `4j + f`.
    FourFields,
    /// Eight bytes only. The upper lanes hold them again, shifted by two fields, so that no lane is idle: field `f` of lane
    /// `j` is neuron `4j + f`, that of lane `8 + j` is neuron `4j + 2 + f`.
    TwoFields,
    /// Lane `j` is neuron `j`.
    Bytes,
}

impl Kind {
    /// What turns a tile of weights into one of unsigned numbers.
    pub(super) fn flip(self) -> u32 {
        match self {
            Self::Ternary => 0xaaaa_aaaa,
            Self::Bytes => 0x8080_8080,
        }
    }

    /// What has then been added to each weight.
    pub(super) fn excess(self) -> i32 {
        match self {
            Self::Ternary => 2,
            Self::Bytes => 128,
        }
    }
}

impl Shape {
    pub(super) fn n_fields(self) -> usize {
        match self {
            Self::FourFields => 4,
            Self::TwoFields => 2,
            Self::Bytes => 1,
        }
    }

    /// The bits of a field in each byte, which are not moved: what is summed is a multiple of `1 << 2 * field`.
    pub(super) fn mask(self, field: usize) -> u32 {
        match self {
            Self::FourFields | Self::TwoFields => 0x0303_0303 << (2 * field),
            Self::Bytes => u32::MAX,
        }
    }
}

impl Matrix {
    /// Weights of `n_neurons` neurons; the first is at the beginning of `image`.
    ///
    /// # Panics
    /// If the image is too short.
    pub(crate) fn new(kind: Kind, image: Bytes, stride: usize, n_sources: usize, n_neurons: usize) -> Self {
        let matrix = Self { kind, n_sources, n_neurons, image, stride };
        let last = matrix.n_sources.saturating_sub(1) * stride;
        assert!(last + matrix.row_bytes() <= matrix.image.len(), "rows end within their image");
        matrix
    }

    fn row_bytes(&self) -> usize {
        match self.kind {
            Kind::Ternary => self.n_neurons.div_ceil(4),
            Kind::Bytes => self.n_neurons,
        }
    }

    /// Sources are multiplied four at a time.
    pub(super) fn n_fours(&self) -> usize {
        self.n_sources.div_ceil(4)
    }

    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let (kind, row_bytes) = (self.kind, self.row_bytes());
        (0..row_bytes).step_by(CHUNK_BYTES).map(move |first_byte| {
            let (first_neuron, shape) = match kind {
                Kind::Ternary if row_bytes - first_byte <= CHUNK_BYTES / 2 => (4 * first_byte, Shape::TwoFields),
                Kind::Ternary => (4 * first_byte, Shape::FourFields),
                Kind::Bytes => (first_byte, Shape::Bytes),
            };
            Chunk { first_byte, first_neuron, shape }
        })
    }

    /// The image from a chunk of the first row on; for how many rows `n_bytes` from the chunk on do not leave it, beside.
    pub(super) fn from(&self, chunk: Chunk, n_bytes: usize) -> (&[u8], usize) {
        let image = &self.image[chunk.first_byte..];
        let n_rows = match image.len().checked_sub(n_bytes) {
            Some(room) => (room.checked_div(self.stride).unwrap_or(usize::MAX)).saturating_add(1).min(self.n_sources),
            None => 0,
        };
        (image, n_rows)
    }

    /// Where the first row is, to be fetched ahead of its use.
    pub(super) fn address(&self) -> *const u8 {
        self.image.as_ptr()
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The tile of any four sources of a chunk, however near the image's end. What is past a row's end is anything.
    #[inline(always)]
    pub(super) fn tile(&self, chunk: Chunk, four: usize) -> Tile {
        let rows: [[u8; CHUNK_BYTES]; 4] = std::array::from_fn(|at| {
            let mut bytes = [0; CHUNK_BYTES];
            if 4 * four + at < self.n_sources {
                let row = &self.image[(4 * four + at) * self.stride + chunk.first_byte..];
                match row.first_chunk() {
                    Some(row) => bytes = *row,
                    None => bytes[..row.len()].copy_from_slice(row),
                }
            }
            bytes
        });
        let lane = |lane: usize| u32::from_le_bytes(rows.map(|row| row[lane]));
        Tile(std::array::from_fn(|at| {
            let word = match chunk.shape {
                Shape::FourFields | Shape::Bytes => lane(at),
                Shape::TwoFields if at < LANES / 2 => lane(at),
                // What comes from the next byte is outside the two fields.
                Shape::TwoFields => lane(at - LANES / 2) >> 4,
            };
            word ^ self.kind.flip()
        }))
    }

    /// A weight.
    pub(crate) fn weight(&self, neuron: usize, source: usize) -> i32 {
        let row = &self.image[source * self.stride..];
        match self.kind {
            Kind::Ternary => match (row[neuron / 4] >> (2 * (neuron % 4))) & 0b11 {
                0b11 => -1,
                code => code.into(),
            },
            Kind::Bytes => row[neuron].cast_signed().into(),
        }
    }
}
