//! What can go wrong with a program.

use std::fmt;
use std::path::PathBuf;

use seamount_arch::ArchError;
use thiserror::Error;

use crate::verify::Violation;

/// Why a program could not be read or written.
#[derive(Debug, Error)]
pub enum ProgramError {
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The bytes do not begin with the magic.
    #[error("not a Seamount program: the file does not begin with `SEAMOUNT`")]
    NotAProgram,
    /// Another version of the format.
    #[error("format version {found}, this build reads version {expected}; compile the model again")]
    Version {
        /// Version of the file.
        found: u32,
        /// Version that this build reads.
        expected: u32,
    },
    /// There are fewer or more bytes than the header says.
    #[error("the program has {found} bytes, its header says {expected}; the file is truncated or has grown")]
    Length {
        /// Bytes given.
        found: u64,
        /// Bytes that the header names, or that a header has.
        expected: u64,
    },
    /// The header or the section table is damaged.
    #[error("the header is damaged: {0}")]
    Header(&'static str),
    /// A section is damaged.
    #[error("section `{0}` is damaged: its checksum does not fit its bytes")]
    Checksum(Section),
    /// A section's bytes make no sense.
    #[error("section `{section}`, byte {offset}: {message}")]
    Malformed {
        /// The section.
        section: Section,
        /// Where, from the beginning of the section.
        offset: usize,
        /// What was expected and found.
        message: String,
    },
    /// The architecture inside is invalid.
    #[error("section `arch`: {0}")]
    Arch(#[from] ArchError),
    /// The architecture inside is not the one that the header names.
    #[error("section `arch` is not the architecture that the header names")]
    ArchHash,
    /// The program breaks rules of the verifier.
    #[error("the program breaks {} of the verifier's rules; the first: {}", .0.len(), .0[0])]
    Invalid(Vec<Violation>),
}

/// A section of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The architecture, TOML.
    Arch = 1,
    /// The meta data, JSON.
    Meta = 2,
    /// Microcode.
    Bodies = 3,
    /// Neuron groups.
    Groups = 4,
    /// Cores, without their synapse images.
    Cores = 5,
    /// Synapse images.
    Synapses = 6,
    /// The host's side.
    Host = 7,
    /// The tokenizer's file; may be missing.
    Tokenizer = 8,
}

impl Section {
    /// All sections, in the order of the file.
    pub const ALL: [Self; 8] =
        [Self::Arch, Self::Meta, Self::Bodies, Self::Groups, Self::Cores, Self::Synapses, Self::Host, Self::Tokenizer];

    /// The section's number in the table.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The section's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arch => "arch",
            Self::Meta => "meta",
            Self::Bodies => "bodies",
            Self::Groups => "groups",
            Self::Cores => "cores",
            Self::Synapses => "synapses",
            Self::Host => "host",
            Self::Tokenizer => "tokenizer",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
