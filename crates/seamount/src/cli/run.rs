//! `seamount run`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use seamount::tokens::{TextTokens, parse_ids};
use seamount::{Counts, Emulator, EmulatorOptions, Events, Observer, Program, Sampler, Streams, generate_streams};
use serde::Serialize;

use super::compile::write_file;
use super::engine::EngineArgs;
use super::observe::ObserveArgs;
use super::output::Output;
use super::summary::EventsText;
use super::{Failure, Outcome};

/// Continue a text with a program on the emulator.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  seamount run my.smt --prompt \"Once upon a time\"
  seamount run my.smt --prompt \"Once\" --temperature 0.8 --top-p 0.9 --seed 7
  seamount run my.smt --prompt-ids 1,17,42 --format json
  seamount run my.smt --prompts prompts.txt --format json > stories.jsonl
  seamount run my.smt --prompt \"Once\" --trace run.json --probe layers.0.attn.h_0[0..16] --probe-output h.csv
  seamount run my.smt --prompt \"$(cat long.txt)\" --max-tokens 0 --save-state long.state
  seamount run my.smt --load-state long.state --prompt \" In short,\"")]
pub(super) struct Args {
    /// The program's file.
    program: PathBuf,
    #[command(flatten)]
    prompt: PromptArgs,
    /// Texts to continue, one a line: each is a stream of its own, and all share every read of a weight. As JSON, one
    /// result a line.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["PromptArgs", "activity"])]
    prompts: Option<PathBuf>,
    #[command(flatten)]
    sampling: SamplingArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Writes what the text has left behind, all of it read, for --load-state.
    #[arg(long, value_name = "FILE", conflicts_with = "prompts")]
    save_state: Option<PathBuf>,
    /// Goes on from a state that --save-state wrote: the prompt, or each of the prompts, continues that text, which is not
    /// read again. Without a prompt, what follows is generated.
    #[arg(long, value_name = "FILE")]
    load_state: Option<PathBuf>,
    /// Says on standard error what happened on the cores.
    #[arg(long)]
    stats: bool,
    /// Writes what happened on each core as JSON, for `seamount report --activity`.
    #[arg(long, value_name = "FILE")]
    activity: Option<PathBuf>,
    #[command(flatten)]
    observe: ObserveArgs,
}

#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub(super) struct PromptArgs {
    /// The text to run.
    #[arg(long, value_name = "TEXT")]
    prompt: Option<String>,
    /// The tokens to run, for programs without a tokenizer.
    #[arg(long, value_name = "IDS")]
    prompt_ids: Option<String>,
}

impl PromptArgs {
    pub(super) fn is_empty(&self) -> bool {
        self.prompt.is_none() && self.prompt_ids.is_none()
    }

    /// The tokens of a prompt that begins a text, of which there is at least one.
    pub(super) fn tokens(
        &self,
        program: &seamount_program::Program,
        tokens: Option<&TextTokens>,
    ) -> Result<Vec<u32>, Failure> {
        let bos_id = tokens.and_then(|tokens| tokens.bos_id).filter(|_| self.prompt.is_some());
        let ids: Vec<u32> = bos_id.into_iter().chain(self.continuation(program, tokens)?).collect();
        if ids.is_empty() {
            let message =
                "the prompt has no token; the program needs one to begin with; help: give --prompt or --prompt-ids";
            return Err(Failure::new("usage", message));
        }
        Ok(ids)
    }

    /// The tokens of a prompt that goes on with a text; none without one.
    fn continuation(
        &self,
        program: &seamount_program::Program,
        tokens: Option<&TextTokens>,
    ) -> Result<Vec<u32>, Failure> {
        match (&self.prompt, &self.prompt_ids, tokens) {
            (Some(text), _, Some(tokens)) => Ok(tokens.continuation(text)?),
            (Some(_), _, None) => Err(no_tokenizer(program)),
            (None, Some(ids), _) => Ok(parse_ids(ids)?),
            (None, None, _) => Ok(Vec::new()),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct SamplingArgs {
    /// Tokens to generate at most.
    #[arg(long, value_name = "N", default_value_t = 128)]
    max_tokens: usize,
    /// Above 0 chooses at random, the more evenly the higher.
    #[arg(long, value_name = "T", default_value_t = 0.0, value_parser = at_least_zero)]
    temperature: f64,
    /// Chooses among the likeliest tokens that together have this probability.
    #[arg(long, value_name = "P", default_value_t = 1.0, value_parser = probability)]
    top_p: f64,
    /// Starts the random choices; the same seed gives the same text.
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

impl SamplingArgs {
    pub(super) fn sampler(&self) -> Sampler {
        Sampler::new(self.temperature, self.top_p, self.seed)
    }
}

pub(super) fn run(args: &Args, output: &mut Output) -> Result<Outcome, Failure> {
    let program = Program::from(open(&args.program)?);
    let tokens = program.tokenizer()?;
    let options = args.engine.options()?;
    if let Some(path) = &args.prompts {
        return run_streams(args, path, &program, tokens.as_ref(), options, output);
    }
    let prompt_ids = match args.load_state {
        Some(_) => args.prompt.continuation(&program, tokens.as_ref())?,
        None => args.prompt.tokens(&program, tokens.as_ref())?,
    };
    let mut emulator = program.emulator_with(options)?;
    if let Some(path) = &args.load_state {
        emulator.load_state(&read_state(path)?).map_err(|error| Failure::new("state", error).at(path.display()))?;
        if prompt_ids.is_empty() && emulator.logits().is_none() {
            let message = "the state is that of a text without a token; help: give --prompt or --prompt-ids";
            return Err(Failure::new("state", message).at(path.display()));
        }
    }
    let before = Counts::of(emulator.machine());
    let prompt = args.prompt.prompt.as_deref();
    let mut observers = args.observe.begin(&program)?;
    let how = Telling {
        sampling: &args.sampling,
        to_the_end: args.save_state.is_some(),
        observers: (!observers.is_empty()).then(|| observers.list()),
    };
    let story = tell(&mut emulator, tokens.as_ref(), prompt, &prompt_ids, how, output)?;
    observers.end()?;
    if let Some(path) = &args.save_state {
        write_file(path, &emulator.save_state())?;
    }
    if let Some(path) = &args.activity {
        let activity = Counts::of(emulator.machine()).since(&before).activity(&program, story.n_tokens());
        let json = serde_json::to_string(&activity).expect("invariant: activities are JSON") + "\n";
        write_file(path, &json)?;
    }
    if args.stats && !output.is_json() {
        let text = EventsText { events: &story.events, n_tokens: story.n_tokens(), n_steps: story.n_steps }.to_string();
        _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
    if output.is_json() {
        output.result("", &story)?;
    }
    Ok(Outcome::Done)
}

/// Continues each line of a file.
fn run_streams(
    args: &Args,
    path: &Path,
    program: &Program,
    tokens: Option<&TextTokens>,
    options: EmulatorOptions,
    output: &mut Output,
) -> Result<Outcome, Failure> {
    let tokens = tokens.ok_or_else(|| no_tokenizer(program))?;
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new("prompts", format!("cannot read the prompts: {error}")).at(path.display()))?;
    let prompts: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if prompts.is_empty() {
        return Err(Failure::new("prompts", "no line of the file has a prompt").at(path.display()));
    }
    let ids = |prompt| if args.load_state.is_some() { tokens.continuation(prompt) } else { tokens.prompt(prompt) };
    let prompt_ids = prompts.iter().map(|prompt| ids(prompt)).collect::<Result<Vec<_>, _>>()?;
    let mut streams = program.streams(prompts.len(), options)?;
    if let Some(path) = &args.load_state {
        let failed = |error| Failure::new("state", error).at(path.display());
        streams.load_state(0..prompts.len(), &read_state(path)?).map_err(failed)?;
    }
    let before: Vec<_> = (0..prompts.len()).map(|stream| counts_of(&streams, stream)).collect();
    let mut samplers: Vec<_> = prompts.iter().map(|_| args.sampling.sampler()).collect();
    let generated = generate_streams(&mut streams, program, &prompt_ids, args.sampling.max_tokens, &mut samplers)?;
    let mut all = (Events::default(), 0, 0);
    for (stream, ((prompt, prompt_ids), generated)) in prompts.into_iter().zip(prompt_ids).zip(generated).enumerate() {
        let counts = counts_of(&streams, stream).since(&before[stream]);
        let story = Story {
            prompt: Some(prompt.to_owned()),
            text: Some(tokens.text(&generated)?),
            n_prompt_tokens: prompt_ids.len(),
            n_generated_tokens: generated.len(),
            prompt_ids,
            generated_ids: generated,
            n_steps: counts.n_steps,
            events: counts.cores.iter().sum(),
            host_events: counts.host,
        };
        all.0 += story.events;
        all.1 += story.n_tokens();
        all.2 += story.n_steps;
        if output.is_json() {
            output.json_line(&story)?;
        } else {
            output.text(format!("{prompt}{}", story.text.as_deref().unwrap_or_default()))?;
        }
    }
    if args.stats && !output.is_json() {
        let text = EventsText { events: &all.0, n_tokens: all.1, n_steps: all.2 }.to_string();
        _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }
    Ok(Outcome::Done)
}

fn counts_of(streams: &Streams, stream: usize) -> Counts {
    let (host, n_steps) = (streams.host_events(stream), streams.n_steps(stream));
    Counts { cores: streams.events(stream).to_vec(), host, n_steps }
}

fn read_state(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::io(path, &error))
}

fn no_tokenizer(program: &seamount_program::Program) -> Failure {
    Failure::new("tokenizer", "the program has no tokenizer to read the prompt with")
        .at(&program.meta.model)
        .help("give token ids with --prompt-ids, or compile a folder that has a tokenizer.json")
}

/// A continued text, and what it took.
#[derive(Debug, Serialize)]
pub(super) struct Story {
    prompt: Option<String>,
    prompt_ids: Vec<u32>,
    text: Option<String>,
    generated_ids: Vec<u32>,
    n_prompt_tokens: usize,
    n_generated_tokens: usize,
    pub(super) n_steps: u64,
    pub(super) events: Events,
    host_events: Events,
}

impl Story {
    pub(super) fn n_tokens(&self) -> usize {
        self.n_prompt_tokens + self.n_generated_tokens
    }
}

/// How a prompt is continued.
pub(super) struct Telling<'a> {
    pub(super) sampling: &'a SamplingArgs,
    /// Whether the emulator reads the last token as well.
    pub(super) to_the_end: bool,
    /// Who looks on, if anybody does.
    pub(super) observers: Option<Vec<&'a mut dyn Observer>>,
}

/// Continues a prompt; as text, each word is written as soon as it is there.
pub(super) fn tell(
    emulator: &mut Emulator,
    tokens: Option<&TextTokens>,
    prompt: Option<&str>,
    prompt_ids: &[u32],
    mut how: Telling<'_>,
    output: &mut Output,
) -> Result<Story, Failure> {
    let live = !output.is_json();
    let before = Counts::of(emulator.machine());
    if live && let Some(prompt) = prompt {
        output.raw(prompt)?;
    }
    let mut generated: Vec<u32> = Vec::new();
    let mut written = String::new();
    let sampler = how.sampling.sampler();
    let mut generation = match &mut how.observers {
        Some(observers) => emulator.generate_observed(prompt_ids, sampler, observers)?,
        None => emulator.generate(prompt_ids, sampler)?,
    };
    for token in generation.by_ref().take(how.sampling.max_tokens) {
        generated.push(token?);
        let text = match tokens {
            Some(tokens) => tokens.text(&generated)?,
            None => generated.iter().map(|id| format!("{id} ")).collect(),
        };
        // A character may be spread over several tokens: its first bytes alone show as a replacement.
        if let Some(new) = text.strip_prefix(&written).filter(|new| !new.ends_with(char::REPLACEMENT_CHARACTER)) {
            if live {
                output.raw(new)?;
            }
            written.clone_from(&text);
        }
    }
    if how.to_the_end {
        generation.finish()?;
    }
    if live {
        output.raw("\n")?;
    }
    let counts = Counts::of(emulator.machine()).since(&before);
    Ok(Story {
        prompt: prompt.map(str::to_owned),
        prompt_ids: prompt_ids.to_vec(),
        text: tokens.map(|tokens| tokens.text(&generated)).transpose()?,
        n_prompt_tokens: prompt_ids.len(),
        n_generated_tokens: generated.len(),
        generated_ids: generated,
        n_steps: counts.n_steps,
        events: counts.cores.iter().sum(),
        host_events: counts.host,
    })
}

pub(super) fn open(path: &Path) -> Result<Arc<seamount_program::Program>, Failure> {
    seamount_program::Program::open(path).map(Arc::new).map_err(|error| Failure::program(path, &error))
}

pub(super) fn tokenizer(program: &seamount_program::Program) -> Result<Option<TextTokens>, Failure> {
    let host = &program.host;
    let tokens = program.tokenizer.as_ref().map(|bytes| TextTokens::from_bytes(bytes, host.bos_id, host.eos_id));
    Ok(tokens.transpose()?)
}

fn at_least_zero(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if value >= 0.0 && value.is_finite() { Ok(value) } else { Err("expected 0 or more".into()) }
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if value > 0.0 && value <= 1.0 { Ok(value) } else { Err("expected a number above 0, at most 1".into()) }
}
