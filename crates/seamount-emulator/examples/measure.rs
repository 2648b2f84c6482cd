//! Measures how fast a program runs:
//! `measure PROGRAM.smt [--only decode|prefill|streams|positions] [--positions N,N,...] [--runs N] [--tokens N] [--streams N] [--format json]`.
//!
//! `cargo xtask bench emulator` makes a program of a published shape and calls this.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement answers on the terminal")]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use seamount_emulator::{Emulator, EmulatorError, Events, Kernel, Options, Streams};
use seamount_program::{Encoding, Program};

/// Bytes that are read to find the machine's bandwidth: far more than any cache holds.
const READ_BYTES: usize = 512 << 20;

struct Arguments {
    path: String,
    n_runs: usize,
    n_tokens: usize,
    n_streams: usize,
    /// Tokens before those that are timed.
    positions: Vec<usize>,
    /// `decode`, `prefill`, `streams` or `positions`; all if empty.
    only: String,
    is_json: bool,
}

impl Arguments {
    fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only == what
    }
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| measure(&arguments)) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("measure: {message}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments {
        path: String::new(),
        n_runs: 5,
        n_tokens: 512,
        n_streams: 8,
        positions: Vec::new(),
        only: String::new(),
        is_json: false,
    };
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut number = || {
            let value = given.next().ok_or_else(|| format!("{argument} needs a value"))?;
            value
                .parse::<usize>()
                .ok()
                .filter(|&n| n > 0)
                .ok_or_else(|| format!("{argument} {value}: expected 1 or more"))
        };
        match argument.as_str() {
            "--runs" => arguments.n_runs = number()?,
            "--tokens" => arguments.n_tokens = number()?,
            "--streams" => arguments.n_streams = number()?,
            "--positions" => {
                let list = given.next().unwrap_or_default();
                let positions =
                    list.split(',').map(|n| n.parse().map_err(|_| format!("--positions {list}: expected N,N,...")));
                arguments.positions = positions.collect::<Result<_, _>>()?;
            }
            "--only" => arguments.only = given.next().unwrap_or_default(),
            "--format" => arguments.is_json = given.next().as_deref() == Some("json"),
            path => path.clone_into(&mut arguments.path),
        }
    }
    if arguments.path.is_empty() { Err("expected a program's file".to_owned()) } else { Ok(arguments) }
}

fn measure(arguments: &Arguments) -> Result<String, String> {
    let in_words = |error: &dyn std::error::Error| error.to_string();
    let begin = Instant::now();
    let program = Arc::new(Program::open(Path::new(&arguments.path)).map_err(|error| in_words(&error))?);
    let opened_s = begin.elapsed().as_secs_f64();
    let emulator = Emulator::new(Arc::clone(&program)).map_err(|error| in_words(&error))?;
    let ready_s = begin.elapsed().as_secs_f64();
    let n_runs = arguments.n_runs;
    let tokens = |n: usize| -> Vec<u32> {
        let vocab_size = program.host.vocab_size;
        (0..n).map(|at| u32::try_from(at * 7919).unwrap_or_default() % vocab_size).collect()
    };
    let weight_bytes = weight_bytes(&program);
    let n_threads = rayon::current_num_threads();

    let mut emulator = emulator;
    // Decoding: a token at a time, behind a short prompt.
    let mut decode = |n_threads: usize| -> Result<(Rates, f64), String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().map_err(|error| in_words(&error))?;
        emulator.reset();
        pool.install(|| {
            let text = tokens(16);
            emulator.prefill(&text[..4]).map_err(|error| in_words(&error))?;
            let before = total(emulator.events()).synaptic_ops;
            let mut rates = Rates::default();
            for _ in 0..if arguments.wants("decode") { n_runs } else { 0 } {
                // Each token by itself, so that what else the machine does now and then is seen as that.
                text.iter().try_for_each(|&token| rates.time(1, || emulator.generate(token).map(drop)))?;
            }
            let ops = total(emulator.events()).synaptic_ops - before;
            Ok((rates, ops as f64 / as_f64(n_runs * text.len())))
        })
    };
    let (decode_1, _) = decode(1)?;
    let (decode_all, ops_per_token) = decode(n_threads)?;

    let mut prefill = Rates::default();
    let text = tokens(arguments.n_tokens);
    for _ in 0..if arguments.wants("prefill") { n_runs } else { 0 } {
        emulator.reset();
        prefill.time(text.len(), || emulator.prefill(&text).map(drop))?;
    }
    let positions = at_positions(&mut emulator, &arguments.positions, &tokens, n_runs)?;
    drop(emulator);

    let n_streams = arguments.n_streams;
    let mut streams =
        Streams::new(Arc::clone(&program), n_streams, Options::default()).map_err(|error| in_words(&error))?;
    let mut together = Rates::default();
    for _ in 0..if arguments.wants("streams") { n_runs } else { 0 } {
        let mut run =
            || tokens(8).iter().try_for_each(|&token| streams.generate(&vec![Some(token); n_streams]).map(drop));
        together.time(8 * n_streams, &mut run)?;
    }
    drop(streams);
    let peak_memory_bytes = peak_memory_bytes();
    let words = vec![1_u64; READ_BYTES / 8];
    let read = median((0..n_runs).map(|_| read_bytes_per_s(&words, n_threads)).collect());

    let mut figures: Vec<(String, f64)> = [
        ("threads", as_f64(n_threads)),
        ("open_s", opened_s),
        ("ready_s", ready_s),
        ("decode_tokens_per_s_1_thread", decode_1.median()),
        ("decode_tokens_per_s", decode_all.median()),
        ("decode_processor_ms_per_token", decode_1.processor_ms()),
        ("prefill_tokens_per_s", prefill.median()),
        ("prefill_processor_ms_per_token", prefill.processor_ms()),
        ("prefill_tokens", as_f64(arguments.n_tokens)),
        ("streams_tokens_per_s", together.median()),
        ("streams_processor_ms_per_token", together.processor_ms()),
        ("streams", as_f64(arguments.n_streams)),
        ("synaptic_ops_per_s", decode_all.median() * ops_per_token),
        ("weight_bytes_per_token", weight_bytes),
        ("read_bytes_per_s", read),
        ("bandwidth_share", decode_all.median() * weight_bytes / read),
        ("peak_memory_bytes", peak_memory_bytes),
        ("file_bytes", std::fs::metadata(&arguments.path).map_or(0.0, |data| data.len() as f64)),
    ]
    .map(|(key, figure)| (key.to_owned(), figure))
    .into();
    figures.extend(positions);
    // What was not asked for is no number.
    figures.retain(|(_, value)| !value.is_nan());
    Ok(if arguments.is_json {
        let lines: Vec<_> = figures.iter().map(|(key, value)| format!("  \"{key}\": {value}")).collect();
        format!("{{\n  \"kernel\": \"{:?}\",\n{}\n}}", Kernel::fastest(), lines.join(",\n"))
    } else {
        let lines: Vec<_> = figures.iter().map(|(key, value)| format!("{key:30} {value:.3}")).collect();
        format!("{:30} {:?}\n{}", "kernel", Kernel::fastest(), lines.join("\n"))
    })
}

/// Milliseconds that a token takes behind as many others as each of some positions.
fn at_positions(
    emulator: &mut Emulator,
    positions: &[usize],
    tokens: &impl Fn(usize) -> Vec<u32>,
    n_runs: usize,
) -> Result<Vec<(String, f64)>, String> {
    emulator.reset();
    let mut n_done = 0;
    let mut found = Vec::new();
    for &position in positions {
        let text = tokens(position.saturating_sub(n_done));
        // Logits of a whole text would fill the memory.
        for tokens in text.chunks(256) {
            emulator.prefill(tokens).map_err(|error| error.to_string())?;
        }
        let mut rates = Rates::default();
        for &token in &tokens(8 * n_runs) {
            rates.time(1, || emulator.generate(token).map(drop))?;
        }
        found.push((format!("decode_ms_at_{position}"), 1000.0 / rates.median()));
        n_done = n_done.max(position) + 8 * n_runs;
    }
    Ok(found)
}

/// Tokens a second in several runs, and the processor time that they took together.
#[derive(Default)]
struct Rates {
    tokens_per_s: Vec<f64>,
    processor_s: f64,
    n_tokens: f64,
}

impl Rates {
    fn time(&mut self, n_tokens: usize, run: impl FnOnce() -> Result<(), EmulatorError>) -> Result<(), String> {
        let (begin, before) = (Instant::now(), processor_s());
        run().map_err(|error| error.to_string())?;
        self.tokens_per_s.push(as_f64(n_tokens) / begin.elapsed().as_secs_f64());
        self.processor_s += processor_s() - before;
        self.n_tokens += as_f64(n_tokens);
        Ok(())
    }

    fn median(&self) -> f64 {
        median(self.tokens_per_s.clone())
    }

    /// Of all threads, for a token: other programs change it less than they change the clock's time.
    fn processor_ms(&self) -> f64 {
        1000.0 * self.processor_s / self.n_tokens
    }
}

/// Processor time of this process so far, where the system tells, in hundredths of a second.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(f64::NAN);
    (ticks(11) + ticks(12)) / 100.0
}

/// Bytes of dense weights, all of which a token touches.
fn weight_bytes(program: &Program) -> f64 {
    let bytes = program.cores.iter().flat_map(|core| {
        core.synapse_blocks.iter().map(|block| {
            let row = block.encoding.row_bytes(core.slices[block.slice as usize].n_neurons);
            let n_rows = if block.row_stride_bytes == 0 { 1 } else { block.n_axons as usize };
            match block.encoding {
                Encoding::Dense2 | Encoding::Dense8 => row * n_rows,
                Encoding::Sparse { .. } => 0,
            }
        })
    });
    as_f64(bytes.sum())
}

fn total(events: &[Events]) -> Events {
    events.iter().sum()
}

/// How fast all threads together sum up memory.
fn read_bytes_per_s(words: &[u64], n_threads: usize) -> f64 {
    let begin = Instant::now();
    let sum: u64 = std::thread::scope(|scope| {
        let parts = words.chunks(words.len().div_ceil(n_threads));
        let threads: Vec<_> = parts.map(|part| scope.spawn(|| part.iter().sum::<u64>())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    let rate = as_f64(READ_BYTES) / begin.elapsed().as_secs_f64();
    if sum == words.len() as u64 { rate } else { f64::NAN }
}

/// The largest memory of this process, where the system tells.
fn peak_memory_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) * 1024.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn as_f64(n: usize) -> f64 {
    n as f64
}
