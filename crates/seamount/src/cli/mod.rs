//! The command line: one file a command.

mod arch;
mod check;
mod compile;
mod debug;
mod demo;
mod dis;
mod engine;
mod eval;
mod explore;
mod failure;
mod observe;
mod opt;
mod output;
mod progress;
mod quant;
mod ranges;
mod report;
mod reproduce;
mod run;
mod summary;
mod tune;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub(crate) use failure::Failure;
use output::Output;

/// Compiles MatMul-free language models to Intel Loihi 2, and runs what it compiled.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How results, and errors, are written.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Says more on standard error: -v what passes do and why, -vv everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

const EXAMPLES: &str = "\
Examples:
  seamount demo                                            compile the embedded model and let it tell a story
  seamount compile my-checkpoint -o my.smt                 compile a Hugging Face folder
  seamount run my.smt --prompt \"Once upon a time\"          let the emulator run the program
  seamount eval my.smt --text held-out.txt --model my-checkpoint
  seamount report my.smt                                   what is where, how full, what binds
  seamount explore my-checkpoint                           chips, speed and energy of many mappings";

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile the embedded model, say where it went, and let it tell a story.
    Demo(demo::Args),
    /// Compile a Hugging Face checkpoint to a program.
    Compile(compile::Args),
    /// Continue a text with a program on the emulator.
    Run(run::Args),
    /// Measure how well a program predicts text, beside the float model.
    Eval(eval::Args),
    /// Try many mappings of a checkpoint, and show those that no other beats.
    Explore(explore::Args),
    /// Show what a program holds, where it is, and how full.
    Report(report::Args),
    /// Check a program against its system, and against what it may cost.
    Check(check::Args),
    /// Predict published figures, and what other mappings of the same model would do.
    Reproduce(reproduce::Args),
    /// Run passes on a module's text, or on a checkpoint.
    Opt(opt::Args),
    /// Show what sums and states can come to, and whether that fits what holds them.
    Ranges(ranges::Args),
    /// Show and check choices of quantization.
    Quant(quant::Args),
    /// Find the narrowest widths that hold a budget of accuracy.
    Tune(tune::Args),
    /// Print a program: cores, groups, microcode.
    Dis(dis::Args),
    /// Go through a program's microcode, instruction by instruction.
    Debug(debug::Args),
    /// List, show and check descriptions of systems.
    Arch(arch::Args),
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one JSON value.
    Json,
    /// For browsers: one page (`report` only).
    Html,
}

/// Whether what was asked holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was done.
    Done,
    /// A check failed.
    CheckFailed,
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.verbose);
    let mut output = Output::new(cli.format);
    if cli.format == Format::Html && !matches!(cli.command, Command::Report(_)) {
        output.failure(&Failure::new("usage", "only `seamount report` writes HTML; help: use --format text or json"));
        return ExitCode::from(2);
    }
    let outcome = match &cli.command {
        Command::Demo(args) => demo::run(args, &mut output),
        Command::Compile(args) => compile::run(args, &mut output),
        Command::Run(args) => run::run(args, &mut output),
        Command::Eval(args) => eval::run(args, &mut output),
        Command::Explore(args) => explore::run(args, &mut output),
        Command::Report(args) => report::run(args, &mut output),
        Command::Check(args) => check::run(args, &mut output),
        Command::Reproduce(args) => reproduce::run(args, &mut output),
        Command::Opt(args) => opt::run(args, &mut output),
        Command::Ranges(args) => ranges::run(args, &mut output),
        Command::Quant(args) => quant::run(args, &mut output),
        Command::Tune(args) => tune::run(args, &mut output),
        Command::Dis(args) => dis::run(args, &mut output),
        Command::Debug(args) => debug::run(args, &mut output),
        Command::Arch(args) => arch::run(args, &mut output),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::CheckFailed) => ExitCode::from(1),
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(2)
        }
    }
}

fn log_to_stderr(verbose: u8) {
    use tracing_subscriber::EnvFilter;

    let level = ["warn", "debug", "trace"][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_env("SEAMOUNT_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
