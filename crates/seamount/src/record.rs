//! Values of named neurons, step by step, as CSV or for NumPy.
//!
//! What can be named: a slot of a group (`layers.0.attn.h_0`), a port of it, whose payloads are then recorded
//! (`layers.0.attn.to_o_proj`), a group that has only one port (`lm_head`), and what a program shows that was compiled with
//! probes (`layers.0`); each with neurons if not all are wanted: `layers.0.attn.h_0[3]`, `layers.0.attn.h_0[0..16]`.
//!
//! There is a row for each step in which any of the values is new: a payload was sent, a probe shown, a slot changed.
//! Slots have a value in each row, payloads and probes only where there is one. The first column is the step.

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;

use seamount_emulator::{Emulator, Observer, Site};
use seamount_microcode::{PortId, ProbeId, Slot};
use seamount_program::Program;

/// How many names a message suggests.
const N_SUGGESTIONS: usize = 3;

/// What of a program is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    name: String,
    what: What,
    group: u32,
    neurons: Range<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Slot(Slot),
    Port(PortId),
    Probe(String),
}

/// A name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Nothing is called so.
    #[error("nothing in the program is called `{name}`; help: there is {}", listed(near))]
    Unknown {
        /// The name.
        name: String,
        /// Names that are like it.
        near: Vec<String>,
    },
    /// A range that is no range, or of neurons that there are not.
    #[error("`{name}`: `[{range}]` is not a neuron or a range `from..to` of the {n_neurons} that there are")]
    Range {
        /// The name without it.
        name: String,
        /// What stands between the brackets.
        range: String,
        /// Neurons of the group.
        n_neurons: u32,
    },
}

impl Watch {
    /// Finds what a name stands for.
    ///
    /// # Errors
    /// [`WatchError`], with names that are like it.
    pub fn parse(program: &Program, text: &str) -> Result<Vec<Self>, WatchError> {
        let (name, range) = match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((name, range)) => (name, Some(range)),
            None => (text, None),
        };
        let names = names(program);
        let Some(found) = names.get(name) else {
            let near = near(name, names.keys().map(String::as_str));
            return Err(WatchError::Unknown { name: name.to_owned(), near });
        };
        let watch = |(group, what): &(u32, What)| {
            let n_neurons = program.groups[*group as usize].n_neurons;
            let neurons = range.map_or(Some(0..n_neurons), |range| neurons(range, n_neurons));
            let neurons = neurons.ok_or_else(|| WatchError::Range {
                name: name.to_owned(),
                range: range.unwrap_or_default().to_owned(),
                n_neurons,
            })?;
            Ok(Self { name: name.to_owned(), what: what.clone(), group: *group, neurons })
        };
        found.iter().map(watch).collect()
    }
}

/// All that can be named.
fn names(program: &Program) -> BTreeMap<String, Vec<(u32, What)>> {
    let mut names: BTreeMap<String, Vec<(u32, What)>> = BTreeMap::new();
    for (group_idx, group) in (0..).zip(&program.groups) {
        let Some(body) = program.body_of(group_idx) else { continue };
        let slots = (0..).zip(&body.slots).map(|(slot, decl)| (&decl.name, What::Slot(Slot(slot))));
        let ports = (0..).zip(&body.ports).map(|(port, name)| (name, What::Port(PortId(port))));
        for (name, what) in slots.chain(ports) {
            names.entry(format!("{}.{name}", group.name)).or_insert_with(|| vec![(group_idx, what)]);
        }
        if body.ports.len() == 1 {
            names.entry(group.name.clone()).or_insert_with(|| vec![(group_idx, What::Port(PortId(0)))]);
        }
        for name in &body.probes {
            names.entry(name.clone()).or_default().push((group_idx, What::Probe(name.clone())));
        }
    }
    names
}

fn neurons(range: &str, n_neurons: u32) -> Option<Range<u32>> {
    let neurons = match range.split_once("..") {
        Some((first, end)) => first.parse().ok()?..end.parse().ok()?,
        None => {
            let neuron: u32 = range.parse().ok()?;
            neuron..neuron.checked_add(1)?
        }
    };
    (neurons.start < neurons.end && neurons.end <= n_neurons).then_some(neurons)
}

/// Names that contain the word, or else that are the fewest edits away.
pub fn near<'n>(word: &str, names: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let mut near: Vec<&str> = names.clone().filter(|name| name.contains(word)).take(N_SUGGESTIONS).collect();
    while near.len() < N_SUGGESTIONS {
        let others = names.clone().filter(|name| !near.contains(name));
        let Some(nearest) = seamount_ir::syntax::nearest(word, others) else { break };
        near.push(nearest);
    }
    near.into_iter().map(str::to_owned).collect()
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "nothing that can be named".to_owned() } else { names.join(", ") }
}

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFormat {
    /// Comma-separated, with a line of names.
    Csv,
    /// An array of doubles, `[row, column]`, for NumPy; NaN where there is no value. Every integer of 32 bits is exact.
    Npy,
}

/// Writes the values of neurons while a program runs. Nothing of them is kept in memory.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Cursor;
///
/// use seamount::Sampler;
/// use seamount::record::{Record, RecordFormat, Watch};
///
/// let program = seamount::embedded::program()?;
/// let watches = Watch::parse(&program, "layers.0.attn.h_0[2..4]")?;
/// let mut record = Record::new(Cursor::new(Vec::new()), RecordFormat::Csv, watches, &program)?;
/// let mut emulator = program.emulator()?;
/// emulator.generate_observed(&[1, 17, 42], Sampler::greedy(), &mut record)?;
/// let csv = String::from_utf8(record.finish()?.into_inner())?;
/// assert_eq!(csv.lines().next(), Some("step,layers.0.attn.h_0[2],layers.0.attn.h_0[3]"));
/// // Names, the start, and what each of three tokens left.
/// assert_eq!(csv.lines().count(), 1 + 1 + 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Record<W> {
    writer: W,
    format: RecordFormat,
    failed: Option<io::Error>,
    watches: Vec<Column>,
    /// What each column showed last, if it is a slot, and what this step has for the others.
    values: Vec<Option<i32>>,
    /// Whether anything of this step is new.
    is_new: bool,
    n_rows: u64,
}

/// Columns of a watch.
#[derive(Debug)]
struct Column {
    watch: Watch,
    first: usize,
    /// (core, slice, first neuron of it) that hold neurons of the watch.
    slices: Vec<(u32, u32, u32)>,
}

impl<W: Write + Seek> Record<W> {
    /// Begins a record.
    ///
    /// # Errors
    /// What the writer says.
    pub fn new(mut writer: W, format: RecordFormat, watches: Vec<Watch>, program: &Program) -> io::Result<Self> {
        let mut n_columns = 0;
        let mut columns = Vec::with_capacity(watches.len());
        for watch in watches {
            let first = n_columns;
            n_columns += watch.neurons.len();
            columns.push(Column { slices: slices(program, &watch), watch, first });
        }
        match format {
            RecordFormat::Csv => {
                let names = columns.iter().flat_map(|column| {
                    column.watch.neurons.clone().map(|neuron| format!(",{}[{neuron}]", column.watch.name))
                });
                writeln!(writer, "step{}", names.collect::<String>())?;
            }
            RecordFormat::Npy => writer.write_all(&npy_header(0, n_columns))?,
        }
        Ok(Self {
            writer,
            format,
            failed: None,
            watches: columns,
            values: vec![None; n_columns],
            is_new: false,
            n_rows: 0,
        })
    }

    /// Ends the record.
    ///
    /// # Errors
    /// What the writer said when it failed first.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.format == RecordFormat::Npy {
            self.writer.seek(SeekFrom::Start(0))?;
            self.writer.write_all(&npy_header(self.n_rows, self.values.len()))?;
            self.writer.seek(SeekFrom::End(0))?;
        }
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn note(&mut self, is_it: impl Fn(&What) -> bool, site: Site, value: i32) {
        for column in &self.watches {
            let watch = &column.watch;
            if watch.group == site.group && watch.neurons.contains(&site.neuron) && is_it(&watch.what) {
                self.values[column.first + (site.neuron - watch.neurons.start) as usize] = Some(value);
                self.is_new = true;
            }
        }
    }

    fn look_at_slots(&mut self, emulator: &Emulator) {
        for column in &self.watches {
            let What::Slot(slot) = column.watch.what else { continue };
            for &(core, slice, first_neuron) in &column.slices {
                let held = emulator.slot_values(core, slice, slot);
                for (neuron, value) in (first_neuron..).zip(held) {
                    if column.watch.neurons.contains(&neuron) {
                        let shown = &mut self.values[column.first + (neuron - column.watch.neurons.start) as usize];
                        self.is_new |= *shown != Some(value);
                        *shown = Some(value);
                    }
                }
            }
        }
    }

    fn write_row(&mut self, step: u64) -> io::Result<()> {
        match self.format {
            RecordFormat::Csv => {
                write!(self.writer, "{step}")?;
                for value in &self.values {
                    match value {
                        Some(value) => write!(self.writer, ",{value}")?,
                        None => self.writer.write_all(b",")?,
                    }
                }
                self.writer.write_all(b"\n")
            }
            RecordFormat::Npy => {
                #[expect(clippy::cast_precision_loss, reason = "as many steps are not run")]
                self.writer.write_all(&(step as f64).to_le_bytes())?;
                let values = self.values.iter().map(|value| value.map_or(f64::NAN, f64::from));
                self.writer.write_all(&values.flat_map(f64::to_le_bytes).collect::<Vec<u8>>())
            }
        }
    }
}

impl<W: Write + Seek> Observer for Record<W> {
    fn spike(&mut self, site: Site, port: PortId, payload: i32) {
        self.note(|what| *what == What::Port(port), site, payload);
    }

    fn probe(&mut self, site: Site, _probe: ProbeId, name: &str, value: i32) {
        self.note(|what| matches!(what, What::Probe(probe) if probe == name), site, value);
    }

    fn step_done(&mut self, emulator: &Emulator, _token: Option<u32>, _logits: Option<&[i32]>) {
        self.look_at_slots(emulator);
        if std::mem::take(&mut self.is_new) && self.failed.is_none() {
            self.n_rows += 1;
            self.failed = self.write_row(emulator.n_steps() - 1).err();
        }
        for column in &self.watches {
            if !matches!(column.watch.what, What::Slot(_)) {
                self.values[column.first..][..column.watch.neurons.len()].fill(None);
            }
        }
    }

    fn watches_steps(&self) -> bool {
        true
    }
}

/// Where the neurons of a watch live.
fn slices(program: &Program, watch: &Watch) -> Vec<(u32, u32, u32)> {
    let mut found = Vec::new();
    for (core_idx, core) in (0..).zip(&program.cores) {
        for (slice_idx, slice) in (0..).zip(&core.slices) {
            let neurons = slice.first_neuron..slice.first_neuron + slice.n_neurons;
            let meets = neurons.start < watch.neurons.end && watch.neurons.start < neurons.end;
            if slice.group == watch.group && meets {
                found.push((core_idx, slice_idx, slice.first_neuron));
            }
        }
    }
    found
}

/// The header of NumPy's format, of one length for any number of rows.
fn npy_header(n_rows: u64, n_columns: usize) -> Vec<u8> {
    const LENGTH: usize = 128;
    let shape = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n_rows}, {}), }}", n_columns + 1);
    let mut header = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    header.extend(shape.bytes());
    header.resize(LENGTH - 1, b' ');
    header.push(b'\n');
    header
}
