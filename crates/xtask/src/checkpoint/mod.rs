//! Random checkpoints of the published shapes, to measure the compiler at full size.
//!
//! The tensors have the names, element types and order of size of the published checkpoints; their numbers are random
//! and depend on the seed alone. A tensor is generated when it is written, so memory stays at one tensor.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::Path;

use safetensors::tensor::View;
use safetensors::{Dtype, SafeTensorError, serialize_to_file};
use seamount_hf::random::{self, Spec};
use serde_json::json;

pub use seamount_hf::random::Shape;

/// Most bytes of tensors in one file; larger checkpoints come in shards with an index.
pub const SHARD_BYTES: usize = 2_000_000_000;

/// Why a checkpoint cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file cannot be written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Tensors cannot be written.
    #[error("{path}: {source}")]
    Tensors {
        /// The file.
        path: String,
        /// Why.
        source: SafeTensorError,
    },
}

/// Writes `config.json` and the weights in half precision: one file, or shards of at most `shard_bytes`.
///
/// # Errors
/// [`CheckpointError`] where a file cannot be written.
pub fn write(dir: &Path, shape: &Shape, seed: u64, shard_bytes: usize) -> Result<(), CheckpointError> {
    fs::create_dir_all(dir).map_err(failed(dir))?;
    write_json(&dir.join("config.json"), &random::config(shape))?;
    let shards = shards(shape.tensors(), shard_bytes);
    let n_shards = shards.len();
    let mut weight_map = BTreeMap::new();
    let mut total_size = 0;
    for (number, specs) in (1..).zip(shards) {
        let file = match n_shards {
            1 => "model.safetensors".to_owned(),
            _ => format!("model-{number:05}-of-{n_shards:05}.safetensors"),
        };
        for spec in &specs {
            weight_map.insert(spec.name.clone(), file.clone());
            total_size += spec.n_bytes();
        }
        let path = dir.join(file);
        let tensors = specs.into_iter().map(|spec| (spec.name.clone(), Generated { spec, seed }));
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        serialize_to_file(tensors, Some(metadata), &path)
            .map_err(|source| CheckpointError::Tensors { path: path.display().to_string(), source })?;
    }
    if n_shards > 1 {
        let index = json!({ "metadata": { "total_size": total_size }, "weight_map": weight_map });
        write_json(&dir.join("model.safetensors.index.json"), &index)?;
    }
    Ok(())
}

/// Consecutive tensors, as many a shard as its limit allows.
fn shards(specs: Vec<Spec>, shard_bytes: usize) -> Vec<Vec<Spec>> {
    let mut shards: Vec<Vec<Spec>> = vec![Vec::new()];
    let mut used_bytes = 0;
    for spec in specs {
        used_bytes += spec.n_bytes();
        match shards.last_mut() {
            Some(shard) if shard.is_empty() || used_bytes <= shard_bytes => shard.push(spec),
            _ => {
                used_bytes = spec.n_bytes();
                shards.push(vec![spec]);
            }
        }
    }
    shards
}

fn write_json(path: &Path, value: &serde_json::Value) -> Result<(), CheckpointError> {
    fs::write(path, format!("{value:#}\n")).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> CheckpointError + use<> {
    let path = path.display().to_string();
    |source| CheckpointError::Io { path, source }
}

/// A tensor that comes to be when its bytes are asked for.
struct Generated {
    spec: Spec,
    seed: u64,
}

impl View for Generated {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.spec.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let Some((mean, deviation)) = random::distribution(self.spec.kind) else {
            return Cow::Owned(vec![0; self.data_len()]);
        };
        let key = random::key(self.seed, &self.spec.name);
        Cow::Owned(random::normal_f16(key, self.spec.n_elements(), mean, deviation))
    }

    fn data_len(&self) -> usize {
        self.spec.n_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_shapes_have_their_sizes() {
        let n_parameters = |name| {
            let shape = Shape::published(name).unwrap();
            shape.tensors().iter().map(Spec::n_elements).sum::<usize>() / 1_000_000
        };
        assert_eq!(["370m", "1.3b", "2.7b"].map(n_parameters), [374, 1364, 2702]);
    }

    #[test]
    fn shards_keep_order_and_limit() {
        let specs = Shape { hidden: 8, layers: 2, intermediate: 16, vocab: 32 }.tensors();
        let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
        let shards = shards(specs, 1000);
        assert!(shards.len() > 1);
        assert!(shards.iter().all(|shard| shard.iter().map(Spec::n_bytes).sum::<usize>() <= 1000));
        assert_eq!(shards.concat().iter().map(|spec| spec.name.clone()).collect::<Vec<_>>(), names);
    }
}
