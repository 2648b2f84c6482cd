//! Project chores, run as `cargo xtask <chore>`.
//!
//! `cargo xtask tidy` checks what the compiler and clippy cannot see: see [`tidy`].
//! `cargo xtask checkpoint` writes a random checkpoint: see [`xtask::checkpoint`].
//! `cargo xtask bench emulator` measures the emulator at full size: see [`bench`]; `cargo xtask bench scaling` how its
//! time grows: see [`scaling`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool answers on the terminal")]

mod arguments;
mod bench;
mod scaling;
mod tidy;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::CheckpointArguments;
use bench::Bench;
use scaling::Scaling;
use xtask::checkpoint;

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  tidy        check crate layering, the crate table, links, file sizes, crate headers, muted code and snapshots
  checkpoint  write a random checkpoint of a published shape
                --shape 370m|1.3b|2.7b  the shape, of which the following change parts:
                --hidden N --layers N --intermediate N --vocab N
                --shard-bytes N         most bytes of a file of weights [default: 2000000000]
                --seed N                [default: 0]
                -o DIR                  the folder
  bench emulator  compile a random checkpoint and measure how fast the emulator runs it
                --shape 370m|1.3b|2.7b  [default: 370m]
                --payload-bits N        that of `compile`
                --runs N                medians of so many [default: 5]
                --tokens N              tokens of a prompt [default: 512]
                --streams N             [default: 8]
                --format text|json      [default: text]
  bench scaling   the same for models of fewer blocks, and behind long texts: the time of a token
                --runs N                medians of eight times so many tokens [default: 5]
                --plot FILE.svg         draws it
                --format text|json      [default: text]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => run_tidy(),
        ["checkpoint", ref options @ ..] => run_checkpoint(options),
        ["bench", "emulator", ref options @ ..] => run_bench(Bench::parse(options), Bench::run),
        ["bench", "scaling", ref options @ ..] => run_bench(Scaling::parse(options), Scaling::run),
        ["--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run_checkpoint(options: &[&str]) -> ExitCode {
    let CheckpointArguments { dir, shape, seed, shard_bytes } = match CheckpointArguments::parse(options) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("checkpoint: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match checkpoint::write(&dir, &shape, seed, shard_bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("checkpoint: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_bench<B>(bench: Result<B, String>, run: impl Fn(&B, &Path) -> Result<(), String>) -> ExitCode {
    let bench = match bench {
        Ok(bench) => bench,
        Err(message) => {
            eprintln!("bench: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&bench, &root()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run_tidy() -> ExitCode {
    match tidy::tidy(&root()) {
        Ok(findings) if findings.is_empty() => {
            println!("tidy: nothing found");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                println!("{finding}");
            }
            println!("tidy: {} found", findings.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("tidy: {error}");
            ExitCode::from(2)
        }
    }
}
