//! The canonical text of a description.

use std::fmt::Write;

use crate::arch::Arch;
use crate::parameter::Value;
use crate::schema::{SCHEMA, SECTIONS};

impl Arch {
    /// The description as a file that extends nothing: every section, every parameter, in the schema's order.
    ///
    /// [`Arch::from_toml`] reads it back to an equal description, and equal descriptions have equal texts.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut line = |arguments: std::fmt::Arguments<'_>| {
            text.write_fmt(arguments).expect("invariant: writing to a string succeeds");
            text.push('\n');
        };
        line(format_args!("name = {}", quoted(&self.name)));
        line(format_args!("description = {}", quoted(&self.description)));
        for section in SECTIONS {
            line(format_args!("\n[{section}]"));
            for (spec, entry) in SCHEMA.iter().zip(&self.entries).filter(|(spec, _)| spec.section == section) {
                let value = match &entry.value {
                    Value::Overflow(overflow) => quoted(overflow.name()),
                    Value::Integer(_) | Value::Decimal(_) | Value::Integers(_) | Value::Cores(_) => {
                        entry.value.to_string()
                    }
                };
                let mut fields = vec![format!("value = {value}")];
                for (field, text) in [("unit", spec.unit), ("source", &entry.source)] {
                    if !text.is_empty() {
                        fields.push(format!("{field} = {}", quoted(text)));
                    }
                }
                fields.push(format!("status = {}", quoted(entry.status.name())));
                if !entry.note.is_empty() {
                    fields.push(format!("note = {}", quoted(&entry.note)));
                }
                line(format_args!("{} = {{ {} }}", spec.short_name(), fields.join(", ")));
            }
        }
        text
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c)).expect("invariant: writing to a string succeeds");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
