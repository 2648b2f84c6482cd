//! A compiled program in a caller's hands.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use seamount_emulator::{Debugger, EmulatorError, Options, Streams};
use seamount_program::ProgramError;

use crate::emulator::Emulator;
use crate::tokens::{TextTokens, TokensError};

/// A compiled program, ready to be run. Clones share it.
///
/// It derefs to [`seamount_program::Program`], which says what is in it.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let program = seamount::embedded::program()?;
/// // let program = seamount::Program::open("my.smt")?;
/// assert_eq!(program.meta.model, "stories-2m");
///
/// let tokenizer = program.tokenizer()?.expect("this model has one");
/// let prompt = tokenizer.prompt("The sun was out")?;
/// let mut emulator = program.emulator()?;
/// let logits = emulator.prefill(&prompt)?.pop().expect("logits for each token");
/// assert_eq!(tokenizer.text(&[logits.argmax()])?.trim(), "when");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    program: Arc<seamount_program::Program>,
}

impl Program {
    /// Reads a program from a file and verifies it.
    ///
    /// # Errors
    /// [`ProgramError`] if the file cannot be read, or is not a valid program.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ProgramError> {
        seamount_program::Program::open(path.as_ref()).map(Self::from)
    }

    /// Reads a program from the bytes of its file and verifies it.
    ///
    /// # Errors
    /// [`ProgramError`] if the bytes are not a valid program.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        seamount_program::Program::from_bytes(bytes).map(Self::from)
    }

    /// Loads the program into the emulator, at its beginning: the fast engine, on all threads.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`] if a program that was built in memory breaks the verifier's rules.
    pub fn emulator(&self) -> Result<Emulator, EmulatorError> {
        self.emulator_with(Options::default())
    }

    /// As [`emulator`](Self::emulator), with an engine of one's choice.
    ///
    /// # Errors
    /// As [`emulator`](Self::emulator); [`EmulatorError::Kernel`].
    pub fn emulator_with(&self, options: Options) -> Result<Emulator, EmulatorError> {
        seamount_emulator::Emulator::with_options(Arc::clone(&self.program), options).map(Emulator::from)
    }

    /// Loads the program for several texts side by side, which share every read of a weight; see
    /// [`generate_streams`](crate::generate_streams).
    ///
    /// # Errors
    /// As [`emulator_with`](Self::emulator_with).
    pub fn streams(&self, n_streams: usize, options: Options) -> Result<Streams, EmulatorError> {
        Streams::new(Arc::clone(&self.program), n_streams, options)
    }

    /// Loads the program to be gone through instruction by instruction.
    ///
    /// # Errors
    /// As [`emulator`](Self::emulator).
    pub fn debugger(&self) -> Result<Debugger, EmulatorError> {
        Debugger::new(Arc::clone(&self.program))
    }

    /// The tokenizer that came with the checkpoint, if it had one.
    ///
    /// # Errors
    /// [`TokensError::Tokenizer`] if it cannot be read.
    pub fn tokenizer(&self) -> Result<Option<TextTokens>, TokensError> {
        let host = &self.program.host;
        let bytes = self.program.tokenizer.as_ref();
        bytes.map(|bytes| TextTokens::from_bytes(bytes, host.bos_id, host.eos_id)).transpose()
    }

    /// The program, for what takes it as it is.
    pub fn shared(&self) -> &Arc<seamount_program::Program> {
        &self.program
    }
}

impl From<seamount_program::Program> for Program {
    fn from(program: seamount_program::Program) -> Self {
        Self { program: Arc::new(program) }
    }
}

impl From<Arc<seamount_program::Program>> for Program {
    fn from(program: Arc<seamount_program::Program>) -> Self {
        Self { program }
    }
}

impl Deref for Program {
    type Target = seamount_program::Program;

    fn deref(&self) -> &Self::Target {
        &self.program
    }
}
