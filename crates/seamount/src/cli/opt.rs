//! `seamount opt`

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use seamount::passes::{self, Pipeline};
use seamount_hf::Checkpoint;
use seamount_ir::Module;
use seamount_ir::syntax::DEFAULT_ELIDE_ABOVE;
use serde_json::json;

use super::compile::write_file;
use super::output::Output;
use super::{Failure, Outcome};

/// Run passes on a module's text, or on a checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount opt my-checkpoint                                        the imported model as text
  seamount opt --passes fold-double-norm,expand-norm model.smir
  seamount opt --passes ternarize model.smir --weights my-checkpoint
  seamount opt --list")]
pub(super) struct Args {
    /// The module's file (.smir), `-` for standard input, or a checkpoint's folder.
    #[arg(required_unless_present = "list")]
    input: Option<PathBuf>,
    /// The passes to run, in order: `name` or `name{option = value}`, separated by commas.
    #[arg(long, value_name = "PASSES", default_value = "")]
    passes: String,
    /// Lists all passes with their options.
    #[arg(long)]
    list: bool,
    /// A checkpoint that has the data of constants that the text elides.
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// Constants with more elements are printed as their digest.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ELIDE_ABOVE)]
    elide_above: usize,
    /// Writes to a file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let input = match &args.input {
        Some(input) if !args.list => input,
        _ => return list(output),
    };
    let pipeline = match args.passes.trim() {
        "" => Pipeline::default(),
        text => Pipeline::parse(text).map_err(|error| Failure::parse("--passes", &error))?,
    };
    let mut module = read_module(input)?;
    if let Some(dir) = &args.weights {
        fill_constants(&mut module, dir)?;
    }
    let module = pipeline.run(module.verify()?, |_, _| {})?;
    let text = module.to_text(args.elide_above);
    match &args.output {
        Some(path) => write_file(path, &text)?,
        None => output.result(&text, &json!({ "level": module.level().to_string(), "text": text }))?,
    }
    Ok(Outcome::Done)
}

fn read_module(input: &Path) -> Result<Module, Failure> {
    if input.is_dir() {
        return Ok(Module::Model(Checkpoint::open(input)?.to_model()?));
    }
    let mut text = String::new();
    if input == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(|error| Failure::io(input, &error))?;
    } else {
        text = fs::read_to_string(input).map_err(|error| Failure::io(input, &error))?;
    }
    Module::parse(&text).map_err(|error| Failure::parse(input.display(), &error))
}

/// Gives elided constants the data of the checkpoint's tensor of the same name and digest.
fn fill_constants(module: &mut Module, dir: &Path) -> Result<(), Failure> {
    let known = Checkpoint::open(dir)?.to_model()?.constants;
    let constants = match module {
        Module::Model(model) => &mut model.constants,
        Module::Fixed(fixed) => &mut fixed.constants,
        Module::Network(network) => &mut network.constants,
    };
    for (name, tensor) in constants {
        if tensor.bytes().is_err()
            && let Some(found) = known.get(name)
        {
            if found.digest() != tensor.digest() {
                let message = format!("@{name} is another tensor there: {} is not {}", found.digest(), tensor.digest());
                return Err(Failure::new("weights", message).at(dir.display()));
            }
            *tensor = found.clone();
        }
    }
    Ok(())
}

fn list(output: &mut Output) -> Result<Outcome, Failure> {
    let mut text = String::new();
    let mut values = Vec::new();
    for pass in passes::all() {
        let info = pass.info;
        _ = writeln!(text, "{} ({} -> {})\n    {}", info.name, info.from, info.to, info.description);
        let mut options = Vec::new();
        for (key, default, meaning) in info.options {
            _ = writeln!(text, "    {key} = {default}: {meaning}");
            options.push(json!({ "name": key, "default": default, "description": meaning }));
        }
        values.push(json!({
            "name": info.name,
            "description": info.description,
            "from": info.from.to_string(),
            "to": info.to.to_string(),
            "options": options,
        }));
    }
    output.result(text, &values)?;
    Ok(Outcome::Done)
}
