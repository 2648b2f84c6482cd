//! Results to standard output, failures to standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::compile::write_file;
use super::{Failure, Format};

/// Where results go, and in which form.
#[derive(Debug)]
pub(super) struct Output {
    format: Format,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(super) fn is_html(&self) -> bool {
        self.format == Format::Html
    }

    /// Writes a result, as text or as JSON; a command that writes HTML does so itself.
    pub(super) fn result(&mut self, text: impl Display, json: &impl Serialize) -> Result<(), Failure> {
        match self.format {
            Format::Text | Format::Html => self.text(text),
            Format::Json => self.text(json_text(json)),
        }
    }

    /// Writes a result to a file, or where there is none as [`result`](Self::result) does.
    pub(super) fn result_to(
        &mut self,
        path: Option<&Path>,
        text: impl Display,
        json: &impl Serialize,
    ) -> Result<(), Failure> {
        match (path, self.format) {
            (None, _) => self.result(text, json),
            (Some(path), Format::Text | Format::Html) => write_file(path, &ended(text.to_string())),
            (Some(path), Format::Json) => write_file(path, &ended(json_text(json))),
        }
    }

    /// Writes text and a line end.
    pub(super) fn text(&mut self, text: impl Display) -> Result<(), Failure> {
        let text = text.to_string();
        self.raw(text.strip_suffix('\n').unwrap_or(&text))?;
        self.raw("\n")
    }

    /// Writes text as it is, at once: a story appears word by word.
    pub(super) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| Failure::output(&error))
    }

    /// Says what a user may not expect, on standard error; where results are for programs, they have it.
    pub(super) fn notes(&self, notes: &[String]) {
        for note in notes.iter().filter(|_| !self.is_json()) {
            // A note that nobody can read is no reason to stop.
            _ = writeln!(io::stderr().lock(), "note: {note}");
        }
    }

    /// Writes one of several results as a line of JSON.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        self.text(serde_json::to_string(value).expect("invariant: results are JSON"))
    }

    /// Writes why a command could not be carried out.
    pub(super) fn failure(&self, failure: &Failure) {
        let text = match self.format {
            Format::Json => serde_json::json!({ "error": failure }).to_string(),
            Format::Text | Format::Html => {
                let at = failure.at.as_ref().map(|at| format!("\n  --> {at}")).unwrap_or_default();
                let help = failure.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
                format!("error[{}]: {}{at}{help}", failure.code, failure.message)
            }
        };
        // There is nobody left to tell where even this fails.
        _ = writeln!(io::stderr().lock(), "{text}");
    }
}

fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("invariant: results are JSON")
}

/// The same with a line end.
fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
