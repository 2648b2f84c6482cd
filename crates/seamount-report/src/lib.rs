//! Says what a program holds, where it lies, how full the chips are and which limit binds.
//!
//! Entry point: [`Report::of`]. [`Report::with_activity`] adds what an engine counted while the program ran. A report
//! serializes to stable JSON, which `docs/report.md` describes key by key, and its [`to_text`](Report::to_text) is for
//! terminals.
//!
//! **Invariant:** this crate reads a program and plain counts; it knows no model, no core map and no engine.
//!
//! **Invariant:** what it says of memory is what [`seamount_program::CoreMemory`] says; it divides those bytes among
//! layers and groups and adds none.

mod account;
mod activity;
mod build;
mod report;
mod resource;
mod table;
mod text;
mod usage;

pub use activity::{Activity, ActivityError, Busiest, CoreCounts, EventCounts, EventKind, PerToken};
pub use report::{
    ArchSection, ChipRow, CoreRow, EncodingRow, FullestCore, GroupRow, HostCoreRow, LayerKind, LayerRow, LimitRow,
    Mapping, ProgramSection, Report, RunsOn, SCHEMA_VERSION, SliceRow, WeightEncoding,
};
pub use resource::Resource;
pub use text::DEFAULT_WIDTH;
pub use usage::Usage;
