//! What bad input gets: one message with a stable code, what was expected and found, and what to do.

use std::fmt::Display;
use std::io;
use std::path::Path;

use seamount::passes::FailedPass;
use seamount::tokens::TokensError;
use seamount::tune::TuneError;
use seamount::{CompileError, EvaluateError};
use seamount_arch::ArchError;
use seamount_emulator::EmulatorError;
use seamount_hf::HfError;
use seamount_ir::Violations;
use seamount_ir::syntax::ParseError;
use seamount_program::ProgramError;
use serde::Serialize;

/// Why a command cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// Stable name of the kind of failure.
    pub(crate) code: String,
    /// What was expected, and what was found.
    pub(crate) message: String,
    /// The file, and the place in it, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

const CLOSED_PIPE: &str = "closed-pipe";
/// Between what an error says and what it advises.
const HELP: &str = "; help: ";

impl Failure {
    /// A failure of a kind. What follows `; help: ` in the message becomes the help.
    pub(crate) fn new(code: &str, message: impl Display) -> Self {
        let message = message.to_string();
        let (message, help) = match message.split_once(HELP) {
            Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
            None => (message, None),
        };
        Self { code: code.to_owned(), message, at: None, help }
    }

    /// About a file.
    pub(crate) fn at(mut self, place: impl Display) -> Self {
        self.at = Some(place.to_string());
        self
    }

    /// With advice.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// A file that cannot be read or written.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        Self::new("io", error).at(path.display())
    }

    /// The reader of standard output went away, as `head` does.
    pub(crate) fn output(error: &io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::BrokenPipe { CLOSED_PIPE } else { "io" };
        Self::new(code, error).at("standard output")
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.code == CLOSED_PIPE
    }

    /// A program file that cannot be read or written.
    pub(crate) fn program(path: &Path, error: &ProgramError) -> Self {
        let failure = Self::new("program", error);
        match error {
            // It names the file itself.
            ProgramError::Io { .. } => failure,
            _ => failure.at(path.display()),
        }
    }

    /// Text that is no module.
    pub(crate) fn parse(file: impl Display, error: &ParseError) -> Self {
        Self::new("parse", &error.message).at(format!("{file}:{}:{}", error.at.line, error.at.column))
    }

    /// A description of a system that cannot be used.
    pub(crate) fn arch(name: &str, error: &ArchError) -> Self {
        let failure = Self::new("arch", error);
        match error {
            ArchError::UnknownSystem { .. } => {
                failure.help("`seamount arch list` shows the shipped systems; a path to a TOML file is taken as well")
            }
            _ => failure.at(name),
        }
    }
}

impl From<HfError> for Failure {
    fn from(error: HfError) -> Self {
        Self::new("checkpoint", with_sources(&error))
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        match error {
            CompileError::Import(error) => error.into(),
            CompileError::Partition(error) => Self::new(error.code(), &error),
            CompileError::Pass(error) => error.into(),
            CompileError::NoTokenizer => Self::new("tokenizer", &error)
                .help("leave --calibration out: the model is then calibrated on what it says itself"),
            CompileError::Trained(_) => Self::new("quant", &error).at("config.json"),
            CompileError::Calibration(_) | CompileError::Interpret(_) => Self::new("calibration", &error),
            CompileError::Model(_) => Self::new("model", &error),
            CompileError::Density(_) => Self::new("densities", &error),
            CompileError::Emit(_) => Self::new("emit", &error),
        }
    }
}

impl From<FailedPass> for Failure {
    fn from(error: FailedPass) -> Self {
        Self::new("pass", error)
    }
}

impl From<Violations> for Failure {
    fn from(error: Violations) -> Self {
        Self::new("verify", error)
    }
}

impl From<EmulatorError> for Failure {
    fn from(error: EmulatorError) -> Self {
        Self::new("emulator", error)
    }
}

impl From<TokensError> for Failure {
    fn from(error: TokensError) -> Self {
        Self::new("tokens", error)
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        let failure = Self::new("evaluate", &error);
        match error {
            EvaluateError::Short { .. } => failure.help("give a longer text, or a shorter --window"),
            EvaluateError::Compile(error) => error.into(),
            _ => failure,
        }
    }
}

impl From<TuneError> for Failure {
    fn from(error: TuneError) -> Self {
        match error {
            TuneError::Evaluate(error) => error.into(),
            TuneError::Short { .. } => {
                Self::new("calibration", &error).help("give a longer text with --calibration, or a shorter --window")
            }
        }
    }
}

/// An error and its sources, joined by colons, without what a message repeats of its source.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = inner.source();
    }
    message
}
