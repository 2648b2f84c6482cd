//! `seamount debug`

mod place;
mod session;
mod show;

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use seamount::Program;

use super::output::Output;
use super::run::open;
use super::{Failure, Outcome};
use session::{Answer, Session};

const PROMPT: &str = "(seamount) ";

/// Go through a program's microcode, instruction by instruction.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount debug my.smt                                    then `help` says what can be done
  seamount debug my.smt -x commands.txt                    commands from a file, one a line
  printf 'token 1\\nstep 5\\nregisters\\n' | seamount debug my.smt")]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
    /// Runs the commands of a file first, one a line, up to the first that fails. Then ends.
    #[arg(short = 'x', long = "commands", value_name = "FILE")]
    commands: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    if output.is_json() {
        return Err(Failure::new("usage", "`seamount debug` talks to people; help: leave --format out"));
    }
    let program = Program::from(open(&args.program)?);
    let tokens = program.tokenizer()?;
    let mut session = Session::new(&program, tokens)?;
    if let Some(path) = &args.commands {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
        for (number, line) in text.lines().enumerate() {
            output.text(format!("{PROMPT}{line}"))?;
            match session.command(line) {
                Answer::Text(text) => print(output, &text)?,
                Answer::Quit => break,
                Answer::Error(message) => {
                    return Err(Failure::new("debug", message).at(format!("{}:{}", path.display(), number + 1)));
                }
            }
        }
        return Ok(Outcome::Done);
    }
    converse(&mut session, output)
}

/// Commands from standard input. Where that is no terminal, they are shown as if they had been typed.
fn converse(session: &mut Session, output: &mut Output) -> Result<Outcome, Failure> {
    let stdin = std::io::stdin();
    let is_typed = stdin.is_terminal();
    let mut lines = stdin.lock().lines();
    loop {
        output.raw(PROMPT)?;
        let Some(line) = lines.next() else { break };
        let line = line.map_err(|error| Failure::new("io", error).at("standard input"))?;
        if !is_typed {
            output.text(&line)?;
        }
        match session.command(&line) {
            Answer::Text(text) => print(output, &text)?,
            Answer::Quit => return Ok(Outcome::Done),
            Answer::Error(message) => output.text(format!("error: {message}"))?,
        }
    }
    output.raw("\n")?;
    Ok(Outcome::Done)
}

fn print(output: &mut Output, text: &str) -> Result<(), Failure> {
    if text.is_empty() { Ok(()) } else { output.text(text) }
}
