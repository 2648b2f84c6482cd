//! What can be wrong with a checkpoint's folder.

use std::path::PathBuf;

/// Why a folder cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum HfError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There are no weights in a format that is read.
    #[error("{}: expected model.safetensors or model.safetensors.index.json, found {found}", dir.display())]
    NoWeights {
        /// The folder.
        dir: PathBuf,
        /// What is there instead, and what to do.
        found: &'static str,
    },
    /// The configuration says something that cannot be honored.
    #[error("{}: {source}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What.
        source: Box<ConfigError>,
    },
    /// A safetensors file is not what its header says.
    #[error("{}: {source}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<HeaderError>,
    },
    /// The list of shards does not fit the shards.
    #[error("{}: {source}", path.display())]
    Index {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        source: Box<IndexError>,
    },
    /// Tensors are not those of the configuration.
    #[error("{}: {source}", dir.display())]
    Tensors {
        /// The folder.
        dir: PathBuf,
        /// Which, and how.
        source: TensorProblems,
    },
}

/// What a `config.json` can say that the importer refuses.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no JSON object.
    #[error("expected a JSON object: {0}")]
    Json(serde_json::Error),
    /// A key that every checkpoint needs is not there.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A key's value is of another type.
    #[error("`{key}` is {found}: {reason}")]
    Type {
        /// The key.
        key: &'static str,
        /// Its value.
        found: serde_json::Value,
        /// What was expected.
        reason: String,
    },
    /// A key's value cannot be honored.
    #[error("`{key}` is {found}, expected {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// The values that can be compiled, and what to do.
        expected: String,
    },
    /// A key that this model does not have: it may change what is computed.
    #[error(
        "`{key}` = {found} is no key of a hgrn_bit model and may change what it computes; \
         remove the key, or set it to null, if it does not"
    )]
    Unknown {
        /// The key.
        key: String,
        /// Its value.
        found: serde_json::Value,
    },
}

/// What can be wrong with a safetensors file.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// The file ends before its header does.
    #[error(
        "the header needs {expected_bytes} bytes, the file has {found_bytes}: \
         it is truncated or no safetensors file; download it again"
    )]
    Truncated {
        /// Bytes up to the end of the header, as far as the file says.
        expected_bytes: u64,
        /// Bytes of the file.
        found_bytes: u64,
    },
    /// The header is larger than the format allows.
    #[error("the header has {found_bytes} bytes, the format allows {limit_bytes}: it is no safetensors file")]
    Oversized {
        /// Bytes of the header, as far as the file says.
        found_bytes: u64,
        /// The format's limit.
        limit_bytes: u64,
    },
    /// The header is not the JSON of the format.
    #[error("the header is no JSON object: {0}")]
    Json(serde_json::Error),
    /// Two tensors have one name.
    #[error("the header lists tensor `{0}` twice")]
    Duplicate(String),
    /// A tensor's entry is not of the format.
    #[error("tensor `{tensor}`: {reason}")]
    Entry {
        /// The tensor.
        tensor: String,
        /// What was expected.
        reason: serde_json::Error,
    },
    /// A tensor's bytes are not those of its shape.
    #[error("tensor `{tensor}`: {shape:?} elements of {dtype} do not fit bytes {start}..{end}")]
    Size {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its element type.
        dtype: String,
        /// Where its bytes start, from the end of the header.
        start: usize,
        /// Where they end.
        end: usize,
    },
    /// A tensor's bytes are not all in the file.
    #[error(
        "tensor `{tensor}`: its data ends at byte {expected_bytes}, the file has {found_bytes}: \
         it is truncated; download it again"
    )]
    TruncatedData {
        /// The tensor.
        tensor: String,
        /// Bytes that the file needs for this tensor.
        expected_bytes: u64,
        /// Bytes of the file.
        found_bytes: u64,
    },
    /// The tensors overlap or leave a hole.
    #[error("tensor `{tensor}`: its data starts at byte {found} of the data, the tensor before it ends at {expected}")]
    Offset {
        /// The tensor.
        tensor: String,
        /// Where the tensor before it ends.
        expected: usize,
        /// Where it starts.
        found: usize,
    },
    /// Bytes follow the last tensor.
    #[error("{found_bytes} bytes follow the last tensor, expected none")]
    Trailing {
        /// How many.
        found_bytes: u64,
    },
}

/// What can be wrong with a `model.safetensors.index.json`.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is not the JSON of an index.
    #[error("expected a JSON object with a `weight_map` from tensors to files: {0}")]
    Json(serde_json::Error),
    /// A shard's name leads out of the folder.
    #[error("tensor `{tensor}` is said to be in {shard:?}, expected the name of a file beside the index")]
    ShardName {
        /// A tensor in it.
        tensor: String,
        /// The name.
        shard: String,
    },
    /// A shard is not in the folder.
    #[error("shard {shard} is missing, which has tensor `{tensor}`; download all the shards")]
    MissingShard {
        /// The name.
        shard: String,
        /// A tensor in it.
        tensor: String,
    },
    /// A shard lacks a tensor.
    #[error("tensor `{tensor}` is said to be in {shard}, which does not have it")]
    MissingTensor {
        /// The tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// A tensor is in two shards.
    #[error("tensor `{tensor}` is in both {first} and {second}; remove the shard that is not of this checkpoint")]
    Duplicate {
        /// The tensor.
        tensor: String,
        /// One shard.
        first: String,
        /// The other.
        second: String,
    },
}

/// How a tensor differs from what the configuration asks for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TensorProblem {
    /// It is not there.
    #[error("tensor `{tensor}` is missing, expected {expected:?}")]
    Missing {
        /// The tensor.
        tensor: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// The model has no such tensor.
    #[error("tensor `{tensor}` in {file} is none of a hgrn_bit model with this configuration")]
    Extra {
        /// The tensor.
        tensor: String,
        /// The file that has it.
        file: String,
    },
    /// It has another shape.
    #[error("tensor `{tensor}` in {file} is {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// The file that has it.
        file: String,
        /// The shape by the configuration.
        expected: Vec<usize>,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Its elements are no floats.
    #[error("tensor `{tensor}` in {file} is of {found}, expected F32, F16 or BF16")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// The file that has it.
        file: String,
        /// Its element type.
        found: String,
    },
    /// An element is infinite or no number.
    #[error("tensor `{tensor}` in {file}: element {index} is {value}, expected a finite number")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The file that has it.
        file: String,
        /// The element's place.
        index: usize,
        /// Its value.
        value: f32,
    },
    /// The head is said to be the embedding, but is stored with other values.
    #[error(
        "tensor `{tensor}` in {file} differs from `{tied_to}`, though config.json has `tie_word_embeddings` = true"
    )]
    Untied {
        /// The tensor.
        tensor: String,
        /// The file that has it.
        file: String,
        /// The tensor that it should equal.
        tied_to: String,
    },
}

/// The first few tensors that differ from what the configuration asks for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the weights do not fit config.json; are both of one checkpoint?{}", list(.0))]
pub struct TensorProblems(pub Vec<TensorProblem>);

impl TensorProblems {
    /// No more than this many are listed.
    pub const LIMIT: usize = 8;
}

fn list(problems: &[TensorProblem]) -> String {
    let mut lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    if problems.len() >= TensorProblems::LIMIT {
        lines.push_str("\n  and possibly more");
    }
    lines
}
