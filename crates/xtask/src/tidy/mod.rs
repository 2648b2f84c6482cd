//! Checks of the tree as a whole.
//!
//! | rule | what must hold | where |
//! |---|---|---|
//! | layering | a crate depends on the crates that the table of layers gives it | [`layering`] |
//! | crate table | `docs/architecture.md` names each crate, and no other | [`crate_table`] |
//! | links | a relative link in a page leads to a file, and to a heading in it | [`links`] |
//! | file size | a file has at most 800 lines | [`sources`] |
//! | crate header | a `lib.rs` opens with `//!` and states an `Invariant:` | [`sources`] |
//! | muted code | no stubs, no ignored tests | [`sources`] |
//! | snapshots | a snapshot's test or case exists | [`snapshots`] |
//!
//! Each rule is a function from text to findings, so that its tests need no more than a folder.

mod crate_table;
mod layering;
mod links;
mod snapshots;
mod sources;
mod workspace;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The page that describes the crates.
const ARCHITECTURE: &str = "docs/architecture.md";
/// The page that a newcomer reads first.
const README: &str = "README.md";

/// Something that breaks a rule, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The file, from the root of the tree.
    pub path: String,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// Why the tree could not be checked.
#[derive(Debug, Error)]
pub enum TidyError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Cargo does not tell what the workspace holds.
    #[error("cargo metadata: {0}")]
    Metadata(String),
}

/// All findings in the tree at `root`.
///
/// # Errors
/// [`TidyError`] if the tree cannot be read.
pub fn tidy(root: &Path) -> Result<Vec<Finding>, TidyError> {
    let packages = workspace::packages(root)?;
    let mut findings = layering::check(&packages);
    findings.extend(page_findings(root, &packages)?);
    for path in workspace::files(root, &["crates", "tests"], "rs")? {
        findings.extend(sources::check(&path, &read(&root.join(&path))?));
    }
    for path in workspace::files(root, &["crates", "tests"], "snap")? {
        findings.extend(snapshots::check(root, &path, &read(&root.join(&path))?)?);
    }
    Ok(findings)
}

fn page_findings(root: &Path, packages: &[workspace::Package]) -> Result<Vec<Finding>, TidyError> {
    let mut findings = Vec::new();
    let mut paths = workspace::files(root, &["docs"], "md")?;
    paths.extend(workspace::top_level_pages(root)?);
    for required in [README, ARCHITECTURE] {
        if !paths.iter().any(|path| path == required) {
            findings.push(Finding::new(required, 0, "the file is missing"));
        }
    }
    for path in &paths {
        let text = read(&root.join(path))?;
        findings.extend(links::check(root, path, &text)?);
        findings.extend(sources::check_size(path, &text));
        if path == ARCHITECTURE {
            findings.extend(crate_table::check(path, &text, packages));
        }
    }
    Ok(findings)
}

fn read(path: &Path) -> Result<String, TidyError> {
    fs::read_to_string(path).map_err(|source| TidyError::Read { path: path.to_owned(), source })
}

impl Finding {
    fn new(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.path, self.message)
        } else {
            write!(f, "{}:{}: {}", self.path, self.line, self.message)
        }
    }
}
