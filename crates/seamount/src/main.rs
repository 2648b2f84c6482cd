//! The `seamount` command.
//!
//! Exit codes: 0 done, 1 a check failed, 2 bad input (a [`Failure`](cli::Failure) on standard error).

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
