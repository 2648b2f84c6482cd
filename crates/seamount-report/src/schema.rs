//! What a report's JSON looks like, as a JSON Schema.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::Report;

impl Report {
    /// The JSON Schema (2020-12) of what [`Report`] serializes to; `docs/report.schema.json` is this.
    pub fn json_schema() -> Schema {
        // A report writes every key, the ones without a value as null.
        SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<Self>()
    }
}
