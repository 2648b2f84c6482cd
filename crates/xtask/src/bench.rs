//! Measures at full size: a random checkpoint of a published shape, compiled, and run by the emulator.
//!
//! All is done by commands that anyone can run; this puts them in a row.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use xtask::checkpoint::{self, Shape};

/// `cargo xtask bench emulator` with its options.
pub(crate) struct Bench {
    pub(crate) shape_name: String,
    pub(crate) shape: Shape,
    /// Options of `compile`, and of `measure`, as they were given.
    pub(crate) compile: Vec<String>,
    pub(crate) measure: Vec<String>,
}

impl Bench {
    /// Reads the options.
    pub(crate) fn parse(options: &[&str]) -> Result<Self, String> {
        let mut shape_name = "370m".to_owned();
        let (mut compile, mut measure) = (Vec::new(), Vec::new());
        let mut options = options.iter();
        while let Some(&option) = options.next() {
            let value = options.next().ok_or_else(|| format!("{option} needs a value"))?;
            match option {
                "--shape" => shape_name = (*value).to_owned(),
                "--payload-bits" => compile.extend([option.to_owned(), (*value).to_owned()]),
                "--runs" | "--tokens" | "--streams" | "--format" => {
                    measure.extend([option.to_owned(), (*value).to_owned()]);
                }
                _ => return Err(format!("unknown option {option}")),
            }
        }
        let shape = Shape::published(&shape_name).ok_or_else(|| format!("unknown shape {shape_name}"))?;
        Ok(Self { shape_name, shape, compile, measure })
    }

    /// Writes the checkpoint, compiles it and measures; leaves nothing behind.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        measure(root, &self.shape_name, &self.shape, &self.compile, &self.measure).map(|text| print!("{text}"))
    }
}

/// What `measure` says of a program of random weights; nothing is left behind.
pub(crate) fn measure(
    root: &Path,
    name: &str,
    shape: &Shape,
    of_compile: &[String],
    options: &[String],
) -> Result<String, String> {
    let folder = root.join("target/bench");
    let checkpoint = folder.join(name);
    let program = folder.join("program.smt");
    checkpoint::write(&checkpoint, shape, 0, checkpoint::SHARD_BYTES).map_err(|error| error.to_string())?;
    let result = cargo(root, &["build", "--release", "-p", "seamount", "-p", "seamount-emulator", "--examples"])
        .and_then(|_| {
            let compile = ["run", "--release", "-p", "seamount", "--", "compile"];
            let (from, to) = (checkpoint.display().to_string(), program.display().to_string());
            let options: Vec<&str> = of_compile.iter().map(String::as_str).collect();
            cargo(root, &[&compile[..], &[&from, "-o", &to], &options].concat())
        })
        .and_then(|_| {
            let measure = ["run", "--release", "-q", "-p", "seamount-emulator", "--example", "measure", "--"];
            let path = program.display().to_string();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            cargo(root, &[&measure[..], &[&path], &options].concat())
        });
    let removed = fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()));
    result.and_then(|text| removed.map(|()| text))
}

/// Runs cargo; gives what it writes to standard output.
fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(arguments).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() {
        String::from_utf8(output.stdout).map_err(|error| format!("cargo: {error}"))
    } else {
        Err(format!("cargo {}: {}", arguments.join(" "), output.status))
    }
}
