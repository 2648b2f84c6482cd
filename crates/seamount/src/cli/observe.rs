//! Files that grow while a program runs: traces and records.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use seamount::record::{Record, RecordFormat, Watch};
use seamount::trace::Trace;
use seamount::{Observer, Program};
use tempfile::NamedTempFile;

use super::Failure;
use super::compile::{begin_file, end_file};

#[derive(Debug, clap::Args)]
pub(super) struct ObserveArgs {
    /// Writes what each core did in each step as a Chrome trace, which <https://ui.perfetto.dev> opens; steps take what the
    /// cost model predicts for the chip. Steps are then run one at a time.
    #[arg(long, value_name = "FILE", conflicts_with = "prompts")]
    trace: Option<PathBuf>,
    /// Records the values of neurons, step by step: slots (`layers.0.attn.h_0[0..16]`) and ports of groups, and what
    /// programs show that were compiled with --probes. `seamount dis` shows the names.
    #[arg(long, value_name = "NAME[,NAME]", value_delimiter = ',', requires = "probe_output")]
    #[arg(conflicts_with = "prompts")]
    probe: Vec<String>,
    /// Where --probe writes to: a `.csv`, or a `.npy` for NumPy.
    #[arg(long, value_name = "FILE", requires = "probe")]
    probe_output: Option<PathBuf>,
}

/// What looks on at a run.
pub(super) struct Observers<'a> {
    trace: Option<(&'a Path, Trace<BufWriter<NamedTempFile>>)>,
    record: Option<(&'a Path, Record<BufWriter<NamedTempFile>>)>,
}

impl ObserveArgs {
    /// Begins the files.
    pub(super) fn begin(&self, program: &Program) -> Result<Observers<'_>, Failure> {
        let mut observers = Observers { trace: None, record: None };
        if let Some(path) = &self.trace {
            let file = BufWriter::new(begin_file(path)?);
            observers.trace = Some((path, Trace::new(file, program).map_err(|error| Failure::io(path, &error))?));
        }
        if let Some(path) = &self.probe_output {
            let format = match path.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => RecordFormat::Csv,
                Some("npy") => RecordFormat::Npy,
                Some(_) | None => {
                    let message = "the file's name says how values are written; help: end it with .csv or .npy";
                    return Err(Failure::new("usage", message).at(path.display()));
                }
            };
            let watches = self.probe.iter().map(|name| Watch::parse(program, name)).collect::<Result<Vec<_>, _>>();
            let watches = watches.map_err(|error| Failure::new("probe", error))?.concat();
            let file = BufWriter::new(begin_file(path)?);
            let record = Record::new(file, format, watches, program).map_err(|error| Failure::io(path, &error))?;
            observers.record = Some((path, record));
        }
        Ok(observers)
    }
}

impl Observers<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.trace.is_none() && self.record.is_none()
    }

    pub(super) fn list(&mut self) -> Vec<&mut dyn Observer> {
        let trace = self.trace.iter_mut().map(|(_, trace)| trace as &mut dyn Observer);
        trace.chain(self.record.iter_mut().map(|(_, record)| record as &mut dyn Observer)).collect()
    }

    /// Puts the files where they belong.
    pub(super) fn end(self) -> Result<(), Failure> {
        let finish = |path: &Path, writer: std::io::Result<BufWriter<NamedTempFile>>| {
            let file = writer.and_then(|writer| Ok(writer.into_inner()?));
            end_file(file.map_err(|error| Failure::io(path, &error))?, path)
        };
        if let Some((path, trace)) = self.trace {
            finish(path, trace.finish())?;
        }
        if let Some((path, record)) = self.record {
            finish(path, record.finish())?;
        }
        Ok(())
    }
}
