//! The model that comes with the program: `stories-2m`, trained by `tests/models/train.py`.

use bytes::Bytes;
use seamount_hf::{Checkpoint, HfError};

const CONFIG: &[u8] = include_bytes!("../../../tests/models/stories-2m/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../tests/models/stories-2m/model.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../../../tests/models/stories-2m/tokenizer.json");

/// The text that the embedded model is calibrated on.
pub const CALIBRATION: &str = include_str!("../../../tests/models/calibration.txt");

/// How the demo's story begins.
pub const PROMPT: &str = "The sun was out when Mira went to the harbour.";

/// The embedded checkpoint.
///
/// # Errors
/// Never for the files as they are in the repository.
pub fn checkpoint() -> Result<Checkpoint, HfError> {
    Checkpoint::from_bytes("stories-2m", CONFIG, Bytes::from_static(WEIGHTS), Some(Bytes::from_static(TOKENIZER)))
}
