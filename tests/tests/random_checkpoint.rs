//! The checkpoints of `cargo xtask checkpoint`: the importer takes them.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::fs;

use seamount_hf::Checkpoint;
use tempfile::TempDir;
use xtask::checkpoint::{self, SHARD_BYTES, Shape};

const TINY: Shape = Shape { hidden: 16, layers: 3, intermediate: 32, vocab: 48 };

fn written(seed: u64, shard_bytes: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    checkpoint::write(dir.path(), &TINY, seed, shard_bytes).unwrap();
    dir
}

#[test]
fn a_random_checkpoint_is_a_valid_model() {
    let dir = written(0, SHARD_BYTES);
    let checkpoint = Checkpoint::open(dir.path()).unwrap();
    assert_eq!(checkpoint.config().intermediate(), TINY.intermediate);
    let model = checkpoint.to_model().unwrap().verify().unwrap();
    assert_eq!(model.vocab_size, TINY.vocab);
    assert!(model.outputs.contains_key("layer.2"));
}

#[test]
fn shards_hold_the_same_tensors_as_one_file() {
    let (whole, sharded) = (written(7, SHARD_BYTES), written(7, 4096));
    assert!(sharded.path().join("model.safetensors.index.json").exists());
    let constants = |dir: &TempDir| Checkpoint::open(dir.path()).unwrap().to_model().unwrap().constants;
    assert_eq!(constants(&whole), constants(&sharded));
}

#[test]
fn the_seed_decides_every_byte() {
    let bytes = |seed| fs::read(written(seed, SHARD_BYTES).path().join("model.safetensors")).unwrap();
    assert_eq!(bytes(1), bytes(1));
    assert_ne!(bytes(1), bytes(2));
}
