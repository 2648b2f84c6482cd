//! The files of a folder: mapped weights, one file or several shards.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use bytes::Bytes;
use memmap2::Mmap;
use safetensors::Dtype;
use serde::Deserialize;

use crate::error::{HfError, IndexError};
use crate::header;

/// A tensor as a file has it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Name of the file.
    pub(crate) file: String,
    /// Element type.
    pub(crate) dtype: Dtype,
    /// Shape, outermost first.
    pub(crate) shape: Vec<usize>,
    /// Its part of the mapped file.
    pub(crate) bytes: Bytes,
}

/// The tensors of a folder by name.
pub(crate) type StoredTensors = BTreeMap<String, Stored>;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// Maps the weights of a folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
pub(crate) fn open_weights(dir: &Path) -> Result<StoredTensors, HfError> {
    if dir.join(SINGLE).exists() {
        return weights_of(map(&dir.join(SINGLE))?, &dir.join(SINGLE));
    }
    if dir.join(INDEX).exists() {
        return open_shards(dir);
    }
    let found = if dir.join("pytorch_model.bin").exists() || dir.join("pytorch_model.bin.index.json").exists() {
        "pytorch_model.bin; save it again with `model.save_pretrained(folder, safe_serialization=True)`"
    } else {
        "neither; is this the folder of a checkpoint?"
    };
    Err(HfError::NoWeights { dir: dir.to_owned(), found })
}

/// The tensors of one file's bytes; `path` is what messages call it.
pub(crate) fn weights_of(bytes: Bytes, path: &Path) -> Result<StoredTensors, HfError> {
    let mut tensors = StoredTensors::new();
    read_tensors(&bytes, path, SINGLE, |name, stored| {
        tensors.insert(name, stored);
        Ok(())
    })?;
    Ok(tensors)
}

/// Reads a small file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, HfError> {
    fs::read(path).map_err(|source| io_error(path, source))
}

/// Maps a file, if there is one.
pub(crate) fn map_optional(path: &Path) -> Result<Option<Bytes>, HfError> {
    if path.exists() { map(path).map(Some) } else { Ok(None) }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

fn open_shards(dir: &Path) -> Result<StoredTensors, HfError> {
    let path = dir.join(INDEX);
    let wrong = |source| HfError::Index { path: path.clone(), source: Box::new(source) };
    let index: Index = serde_json::from_slice(&read(&path)?).map_err(|error| wrong(IndexError::Json(error)))?;
    let mut shards: BTreeMap<&str, &str> = BTreeMap::new();
    for (tensor, shard) in &index.weight_map {
        let is_name = Path::new(shard).file_name().is_some_and(|name| name == shard.as_str());
        if !is_name {
            return Err(wrong(IndexError::ShardName { tensor: tensor.clone(), shard: shard.clone() }));
        }
        shards.entry(shard).or_insert(tensor);
    }
    let mut tensors = StoredTensors::new();
    for (&shard, &tensor) in &shards {
        if !dir.join(shard).exists() {
            let (shard, tensor) = (shard.to_owned(), tensor.to_owned());
            return Err(wrong(IndexError::MissingShard { shard, tensor }));
        }
        let path = dir.join(shard);
        read_tensors(&map(&path)?, &path, shard, |name, stored| match tensors.get(&name) {
            None => {
                tensors.insert(name, stored);
                Ok(())
            }
            Some(Stored { file: first, .. }) => {
                Err(wrong(IndexError::Duplicate { tensor: name, first: first.clone(), second: shard.to_owned() }))
            }
        })?;
    }
    for (tensor, shard) in &index.weight_map {
        if tensors.get(tensor).is_none_or(|stored| stored.file != *shard) {
            return Err(wrong(IndexError::MissingTensor { tensor: tensor.clone(), shard: shard.clone() }));
        }
    }
    Ok(tensors)
}

fn read_tensors(
    bytes: &Bytes,
    path: &Path,
    file: &str,
    mut add: impl FnMut(String, Stored) -> Result<(), HfError>,
) -> Result<(), HfError> {
    let failed = |source| HfError::Header { path: path.to_owned(), source: Box::new(source) };
    for entry in header::read(bytes).map_err(failed)? {
        let bytes = bytes.slice(entry.bytes);
        add(entry.name, Stored { file: file.to_owned(), dtype: entry.dtype, shape: entry.shape, bytes })?;
    }
    Ok(())
}

fn map(path: &Path) -> Result<Bytes, HfError> {
    let file = File::open(path).map_err(|source| io_error(path, source))?;
    #[expect(unsafe_code, reason = "a mapping is the only way to use weights larger than memory")]
    // SAFETY: the mapping is private and only read, through `Bytes`. That nobody shortens or rewrites a checkpoint
    // while it is compiled is asked of the user, as by every program that maps its input.
    let map = unsafe { Mmap::map(&file) }.map_err(|source| io_error(path, source))?;
    Ok(Bytes::from_owner(map))
}

fn io_error(path: &Path, source: io::Error) -> HfError {
    HfError::Io { path: path.to_owned(), source }
}
