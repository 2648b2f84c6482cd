//! A checkpoint's folder, opened.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use seamount_ir::model::Model;

use crate::config::Config;
use crate::error::HfError;
use crate::files::{self, StoredTensors};
use crate::graph;

/// A Hugging Face folder: its configuration, its mapped weights, and its tokenizer where it has one.
///
/// The files must stay as they are while this value, or a model made from it, lives.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    dir: PathBuf,
    name: String,
    config: Config,
    tensors: StoredTensors,
    tokenizer: Option<Bytes>,
}

impl Checkpoint {
    /// Opens a folder of `config.json`, `model.safetensors` (or shards and `model.safetensors.index.json`) and
    /// perhaps `tokenizer.json`. Reads the configuration and the headers; weights are mapped.
    ///
    /// # Errors
    /// [`HfError`] where a file cannot be read, is not of its format, or asks for what cannot be honored. Whether the
    /// weights fit the configuration is left to [`Checkpoint::to_model`].
    pub fn open(dir: &Path) -> Result<Self, HfError> {
        let path = dir.join("config.json");
        let text = files::read(&path)?;
        let config = Config::parse(&text).map_err(|source| HfError::Config { path, source: Box::new(source) })?;
        let tensors = files::open_weights(dir)?;
        let tokenizer = files::map_optional(&dir.join("tokenizer.json"))?;
        let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = full.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned());
        Ok(Self { dir: dir.to_owned(), name, config, tensors, tokenizer })
    }

    /// A checkpoint from the bytes of its files, for programs that carry one.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn from_bytes(name: &str, config: &[u8], weights: Bytes, tokenizer: Option<Bytes>) -> Result<Self, HfError> {
        let dir = PathBuf::from(name);
        let path = dir.join("config.json");
        let config = Config::parse(config).map_err(|source| HfError::Config { path, source: Box::new(source) })?;
        let tensors = files::weights_of(weights, &dir.join("model.safetensors"))?;
        Ok(Self { dir, name: name.to_owned(), config, tensors, tokenizer })
    }

    /// A checkpoint of tensors that are in no file.
    pub(crate) fn in_memory(name: &str, config: Config, tensors: StoredTensors) -> Self {
        Self { dir: PathBuf::from(name), name: name.to_owned(), config, tensors, tokenizer: None }
    }

    /// What its `config.json` says.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The bytes of its `tokenizer.json`.
    pub fn tokenizer(&self) -> Option<&Bytes> {
        self.tokenizer.as_ref()
    }

    /// The folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The published graph over the mapped weights, with outputs `logits`, `layer.N` (the residual stream after block
    /// N) and `state.N` (the recurrence of block N). Constants have the checkpoint's names without `model.`.
    ///
    /// # Errors
    /// [`HfError::Tensors`] where tensors are missing, left over, of other shapes or types, or not finite.
    pub fn to_model(&self) -> Result<Model, HfError> {
        graph::build(&self.name, &self.config, &self.tensors)
            .map_err(|source| HfError::Tensors { dir: self.dir.clone(), source })
    }
}
