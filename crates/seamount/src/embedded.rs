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

/// How the demo's story begins.
pub const PROMPT: &str = "The sun was out when Mira went to the harbour.";

/// The embedded checkpoint.
///
/// # Errors
/// Never for the files as they are in the repository.
pub fn checkpoint() -> Result<Checkpoint, HfError> {
    Checkpoint::from_bytes("stories-2m", CONFIG, Bytes::from_static(WEIGHTS), Some(Bytes::from_static(TOKENIZER)))
}

/// The embedded checkpoint, compiled for the smallest Loihi 2 system: what examples run.
///
/// # Errors
/// Never for the files as they are in the repository.
pub fn program() -> Result<Program, CompileError> {
    let arch = Arch::shipped("loihi2-oheo-gulch").expect("invariant: this system is shipped");
    let options =
        CompileOptions { calibration: CalibrationText::Lines(CALIBRATION.to_owned()), ..CompileOptions::new(arch) };
    Ok(compile(&checkpoint()?, &options, &mut ())?.program.into())
}
