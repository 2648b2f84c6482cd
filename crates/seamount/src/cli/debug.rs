//! `seamount debug`

mod place;
mod session;
mod show;

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
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
    let is_typed = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if is_typed {
        converse(&mut session, output)?
    } else {
        follow(&mut session, output)?
    }
    Ok(Outcome::Done)
}

/// Commands from a terminal, line by line, with those before at the arrow keys.
fn converse(session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    let failed = |error: ReadlineError| Failure::new("io", error).at("standard input");
    let mut editor = DefaultEditor::new().map_err(failed)?;
    loop {
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            // Control-C leaves a line, control-D the debugger.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        editor.add_history_entry(&line).map_err(failed)?;
        if !answer(session, &line, output)? {
            return Ok(());
        }
    }
}

/// Commands from a pipe or a file, shown as if they had been typed.
fn follow(session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Failure::new("io", error).at("standard input"))?;
        output.text(format!("{PROMPT}{line}"))?;
        if !answer(session, &line, output)? {
            break;
        }
    }
    Ok(())
}

/// Carries out a command; false if it was to leave.
fn answer(session: &mut Session, line: &str, output: &mut Output) -> Result<bool, Failure> {
    match session.command(line) {
        Answer::Text(text) => print(output, &text)?,
        Answer::Quit => return Ok(false),
        Answer::Error(message) => output.text(format!("error: {message}"))?,
    }
    Ok(true)
}

fn print(output: &mut Output, text: &str) -> Result<(), Failure> {
    if text.is_empty() { Ok(()) } else { output.text(text) }
}
