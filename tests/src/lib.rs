//! End-to-end suites: fixtures and shared helpers.

use std::fs;
use std::path::PathBuf;

use seamount_hf::Checkpoint;
use tokenizers::Tokenizer;

/// The checkpoints of `tests/models`.
pub const CHECKPOINTS: [&str; 2] = ["stories-2m", "stories-1m"];

/// A file or folder of `tests/models`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models").join(name)
}

/// A checkpoint of `tests/models`.
///
/// # Panics
/// If it cannot be opened: the fixtures are part of the repository.
pub fn checkpoint(name: &str) -> Checkpoint {
    Checkpoint::open(&fixture(name)).expect("invariant: fixtures are sound")
}

/// The tokens of `heldout.txt`: each line between the tokenizer's begin token and the end token.
///
/// # Panics
/// If the fixtures cannot be read: they are part of the repository.
pub fn heldout_tokens(checkpoint: &Checkpoint) -> Vec<u32> {
    let json = checkpoint.tokenizer().expect("invariant: fixtures have a tokenizer");
    let tokenizer = Tokenizer::from_bytes(json).expect("invariant: fixtures are sound");
    let end = checkpoint.config().eos_token_id.expect("invariant: fixtures have an end token");
    let text = fs::read_to_string(fixture("heldout.txt")).expect("invariant: fixtures are sound");
    let mut tokens = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let encoding = tokenizer.encode(line, true).expect("invariant: any text has tokens");
        tokens.extend_from_slice(encoding.get_ids());
        tokens.push(end);
    }
    tokens
}
