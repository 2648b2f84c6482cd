//! Says what a program holds, where it lies, how full the chips are and which limit binds.
//!
//! Entry point: [`Report::of`]. [`Report::with_activity`] adds what an engine counted while the program ran,
//! [`Report::with_cost`] what it is predicted to take in time and energy. A report
//! serializes to stable JSON, which `docs/report.md` describes key by key and [`Report::json_schema`] as a schema; its
//! [`to_text`](Report::to_text) is for terminals, its [`to_html`](Report::to_html) for browsers, and
//! [`diff`](Report::diff) says what changed from one mapping to another.
//!
//! **Invariant:** this crate reads a program and plain counts; it knows no model, no core map, no engine and no
//! constant of cost.
//!
//! **Invariant:** what it says of memory is what [`seamount_program::CoreMemory`] says; it divides those bytes among
//! layers and groups and adds none.

mod account;
mod activity;
mod build;
pub mod chart;
mod cost;
mod diff;
mod diff_text;
mod explored;
mod html;
mod report;
mod resource;
mod schema;
mod table;
mod text;
mod traffic;
mod usage;

pub use activity::{Activity, ActivityError, Busiest, CoreCounts, EventCounts, EventKind, PerToken};
pub use cost::{Basis, Cost, CostMode, CostPart, CostRow, CostStep, Span};
pub use diff::{
    AmountChange, CostChange, DiffSide, GroupChange, LayerChange, LimitChange, ReportDiff, Share, ValueChange,
};
pub use explored::{Explored, ExploredPoint, ExploredResult};
pub use report::{
    ArchSection, ChipLinkRow, ChipRow, CoreRow, EdgeRow, EncodingRow, FullestCore, GroupRow, HostCoreRow, LayerKind,
    LayerRow, LimitRow, LinkDirection, Mapping, ParameterRow, ParameterStatus, ProgramSection, Report, RouterLinkRow,
    RunsOn, SCHEMA_VERSION, SliceRow, StepRow, Traffic, WeightEncoding,
};
pub use resource::Resource;
pub use text::DEFAULT_WIDTH;
pub use usage::Usage;
