//! What the cores did, step by step, as a Chrome trace: <https://ui.perfetto.dev> and `chrome://tracing` open it.
//!
//! A chip is a process, a neurocore a thread; the host is process 0. A core has a slice in each step in which it heard or
//! sent anything, named by the groups that sent, with its counts. A step takes what the cost model charges its slowest
//! core for what was counted (synaptic operations, neurons, instructions, spikes and messages sent), and the barriers;
//! what messages take on their way, and reading rows of weights, is left out, as the counts do not say it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use seamount_cost::{CoreWork, Corner, Costs, Rates};
use seamount_emulator::{Emulator, Events, Observer, Site};
use seamount_microcode::PortId;
use seamount_program::{Place, Program};
use serde_json::{Value, json};

/// Counters of a chip, by name.
type Counter = (&'static str, fn(&Events) -> u64);

const COUNTERS: [Counter; 5] = [
    ("spikes", |events| events.spikes),
    ("synaptic operations", |events| events.synaptic_ops),
    ("instructions", |events| events.instructions),
    ("messages", |events| events.messages),
    ("saturations", |events| events.accumulator_overflows + events.register_saturations),
];

/// The process of the host; chips follow.
const HOST: u32 = 0;

/// Writes a trace while a program runs. Nothing of it is kept in memory.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use seamount::Sampler;
/// use seamount::trace::Trace;
///
/// let program = seamount::embedded::program()?;
/// let mut trace = Trace::new(Vec::new(), &program)?;
/// let mut emulator = program.emulator()?;
/// emulator.generate_observed(&[1, 17], Sampler::greedy(), &mut trace)?.take(2).for_each(drop);
/// let bytes = trace.finish()?;
/// assert!(String::from_utf8(bytes)?.contains("layers.0.attn"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Trace<W> {
    writer: W,
    /// Why nothing more is written.
    failed: Option<io::Error>,
    is_first: bool,
    rates: Rates,
    barriers_ns: f64,
    cores: Vec<CoreLine>,
    groups: Vec<String>,
    /// When the next step begins.
    now_ns: f64,
    /// By core the groups that have sent in this step.
    senders: Vec<BTreeSet<u32>>,
    /// What each counter of each chip showed last.
    shown: Vec<[u64; COUNTERS.len()]>,
}

/// The line of a core.
#[derive(Clone, Copy, Debug)]
struct CoreLine {
    process: u32,
    thread: u32,
    /// Index into [`Trace::shown`]; none for a core of the host.
    chip: Option<usize>,
    n_neurons: f64,
}

impl<W: Write> Trace<W> {
    /// Begins a trace of a program's run.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut writer: W, program: &Program) -> io::Result<Self> {
        writer.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n")?;
        let chips: BTreeSet<u32> = program.cores.iter().filter_map(|core| chip_of(core.place)).collect();
        let chips: Vec<u32> = chips.into_iter().collect();
        let cores = program.cores.iter().zip(0..).map(|(core, core_idx)| {
            let chip = chip_of(core.place).and_then(|chip| chips.binary_search(&chip).ok());
            let (process, thread) = match core.place {
                Place::Chip { chip, core } => (chip + 1, core + 1),
                // Thread 1 is what the host sends and reads.
                Place::Host => (HOST, core_idx + 2),
            };
            #[expect(clippy::cast_precision_loss, reason = "cores have few neurons")]
            let n_neurons = core.n_neurons() as f64;
            CoreLine { process, thread, chip, n_neurons }
        });
        let costs = Costs::of(&program.arch);
        let rates = *costs.rates(Corner::Stated);
        let n_chips = u32::try_from(chips.len()).expect("invariant: chips have 32 bits");
        let mut trace = Self {
            writer,
            failed: None,
            is_first: true,
            rates,
            barriers_ns: rates.barriers_ns(n_chips),
            cores: cores.collect(),
            groups: program.groups.iter().map(|group| group.name.clone()).collect(),
            now_ns: 0.0,
            senders: vec![BTreeSet::new(); program.cores.len()],
            shown: vec![[0; COUNTERS.len()]; chips.len()],
        };
        trace.name("process_name", HOST, 0, "host");
        trace.name("thread_name", HOST, 1, "tokens");
        for &chip in &chips {
            trace.name("process_name", chip + 1, 0, &format!("chip {chip}"));
        }
        for (core, line) in program.cores.iter().zip(trace.cores.clone()) {
            let name = match core.place {
                Place::Chip { core, .. } => format!("neurocore {core}"),
                Place::Host => format!("core {}", line.thread - 2),
            };
            trace.name("thread_name", line.process, line.thread, &name);
            trace.event(json!({
                "ph": "M", "name": "thread_sort_index", "pid": line.process, "tid": line.thread,
                "args": { "sort_index": line.thread },
            }));
        }
        trace.failed.take().map_or(Ok(trace), Err)
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// What the writer said when it failed first.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.writer.write_all(b"\n]}\n")?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn name(&mut self, what: &str, process: u32, thread: u32, name: &str) {
        self.event(json!({ "ph": "M", "name": what, "pid": process, "tid": thread, "args": { "name": name } }));
    }

    fn event(&mut self, event: Value) {
        if self.failed.is_some() {
            return;
        }
        let separator = if std::mem::replace(&mut self.is_first, false) { "" } else { ",\n" };
        self.failed = write!(self.writer, "{separator}{event}").err();
    }

    /// What a core's counts of a step take.
    #[expect(clippy::cast_precision_loss, reason = "counts of a step are far below 2⁵³")]
    fn ns(&self, line: CoreLine, events: &Events) -> f64 {
        self.rates.core_ns(&CoreWork {
            synaptic_ops: events.synaptic_ops as f64,
            neurons: line.n_neurons,
            instructions: events.instructions as f64,
            spikes: events.spikes as f64,
            messages_out: events.messages as f64,
            ..CoreWork::default()
        })
    }

    /// The groups that have sent from a core.
    fn senders(&self, core: usize) -> String {
        let names: Vec<&str> = self.senders[core].iter().map(|&group| self.groups[group as usize].as_str()).collect();
        if names.is_empty() { "listening".to_owned() } else { names.join(" ") }
    }

    fn counters(&mut self, by_chip: &[Events], ts: f64) {
        for (line, (chip, events)) in self.chips().into_iter().zip(by_chip.iter().enumerate()) {
            for (counter, (name, count)) in COUNTERS.into_iter().enumerate() {
                let count = count(events);
                if std::mem::replace(&mut self.shown[chip][counter], count) != count {
                    self.event(json!({ "ph": "C", "name": name, "pid": line, "ts": ts, "args": { "n": count } }));
                }
            }
        }
    }

    /// The processes of the chips.
    fn chips(&self) -> Vec<u32> {
        let processes: BTreeSet<u32> =
            self.cores.iter().filter(|line| line.chip.is_some()).map(|line| line.process).collect();
        processes.into_iter().collect()
    }
}

impl<W: Write> Observer for Trace<W> {
    fn spike(&mut self, site: Site, _port: PortId, _payload: i32) {
        self.senders[site.core as usize].insert(site.group);
    }

    fn step_done(&mut self, emulator: &Emulator, token: Option<u32>, logits: Option<&[i32]>) {
        let step = emulator.n_steps() - 1;
        let ts = us(self.now_ns);
        let mut slowest_ns = 0.0_f64;
        let mut by_chip = vec![Events::default(); self.shown.len()];
        for (core, (line, events)) in self.cores.clone().into_iter().zip(emulator.step_events()).enumerate() {
            let ns = self.ns(line, events);
            if let Some(chip) = line.chip {
                slowest_ns = slowest_ns.max(ns);
                by_chip[chip] += *events;
            }
            // Cores of the host count for the host: only that they sent is known of each.
            if events.spikes + events.zero_payloads + events.synaptic_ops > 0 || !self.senders[core].is_empty() {
                let mut args = serde_json::to_value(events).expect("invariant: counts are JSON");
                args["step"] = step.into();
                let name = self.senders(core);
                self.event(json!({
                    "ph": "X", "name": name, "pid": line.process, "tid": line.thread,
                    "ts": ts, "dur": us(ns), "args": args,
                }));
            }
            self.senders[core].clear();
        }
        self.counters(&by_chip, ts);
        let ns = slowest_ns + self.barriers_ns;
        if let Some(token) = token {
            self.event(json!({
                "ph": "X", "name": format!("token {token}"), "pid": HOST, "tid": 1, "ts": ts, "dur": us(ns),
                "args": { "step": step, "token": token },
            }));
        }
        self.now_ns += ns;
        if logits.is_some() {
            self.event(json!({
                "ph": "i", "s": "g", "name": "logits", "pid": HOST, "tid": 1, "ts": us(self.now_ns),
                "args": { "step": step },
            }));
        }
    }

    fn watches_steps(&self) -> bool {
        true
    }
}

/// The format's microseconds, to the picosecond.
fn us(ns: f64) -> f64 {
    (ns * 1000.0).round() / 1e6
}

fn chip_of(place: Place) -> Option<u32> {
    match place {
        Place::Chip { chip, .. } => Some(chip),
        Place::Host => None,
    }
}
