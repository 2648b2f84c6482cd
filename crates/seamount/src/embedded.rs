//! The model that comes with the program: `stories-2m`, trained by `tests/models/train.py`.

use bytes::Bytes;
use seamount_arch::Arch;
use seamount_hf::{Checkpoint, HfError};

use crate::compile::{CalibrationText, CompileError, CompileOptions, compile};
use crate::program::Program;

const CONFIG: &[u8] = include_bytes!("../../../tests/models/stories-2m/config.json");
const WEIGHTS: &[u8] = include_bytes!("../../../tests/models/stories-2m/model.safetensors");
const TOKENIZER: &[u8] = include_bytes!("../../../tests/models/stories-2m/tokenizer.json");

/// The text that the embedded model is calibrated on.
pub const CALIBRATION: &str = include_str!("../../../tests/models/calibration.txt");

/// Tokens that the program of the examples is calibrated on.
const EXAMPLE_TOKENS: u32 = 512;

/// How the demo's story begins.
pub const PROMPT: &str = "The sun was out when Mira went to the harbour.";

/// The embedded checkpoint.
///
/// # Errors
/// Never for the files as they are in the repository.
pub fn checkpoint() -> Result<Checkpoint, HfError> {
    Checkpoint::from_bytes("stories-2m", CONFIG, Bytes::from_static(WEIGHTS), Some(Bytes::from_static(TOKENIZER)))
}

/// The embedded checkpoint, compiled for the smallest Loihi 2 system: what examples run. It is calibrated on a part of the
/// text, which takes less time.
///
/// # Errors
/// Never for the files as they are in the repository.
pub fn program() -> Result<Program, CompileError> {
    let arch = Arch::shipped("loihi2-oheo-gulch").expect("invariant: this system is shipped");
    let mut options = CompileOptions::new(arch);
    options.calibration = CalibrationText::Lines(CALIBRATION.to_owned());
    options.quant.calibration.max_tokens = EXAMPLE_TOKENS;
    Ok(compile(&checkpoint()?, &options, &mut ())?.program.into())
}
