//! A report as one page for a browser.
//!
//! The page is this folder's `page.html` with the style, the scripts and the data in it. It needs no network and its
//! policy forbids any: only the style and the script that are in it are allowed, by their hashes. Names are data: they
//! come as JSON and the script sets them as text, never as markup.

mod data;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::{Explored, Report};
use data::PageData;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 10] = [
    include_str!("base.js"),
    include_str!("color.js"),
    include_str!("model.js"),
    include_str!("map.js"),
    include_str!("cores.js"),
    include_str!("links.js"),
    include_str!("timeline.js"),
    include_str!("sections.js"),
    include_str!("pareto.js"),
    include_str!("main.js"),
];

impl Report {
    /// The report as one self-contained page of HTML, with other mappings of the model where they were tried.
    pub fn to_html(&self, explored: Option<&Explored>) -> String {
        let script = format!("\"use strict\";\n(() => {{\n{}\n}})();\n", SCRIPTS.join("\n"));
        let policy = format!(
            "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
            hash(STYLE),
            hash(&script)
        );
        let title = escaped(&format!("{} on {} · Seamount", self.program.model, self.arch.name));
        let data = serde_json::to_string(&PageData::of(self, explored)).expect("invariant: pages' data are JSON");
        let (data, text) = (inert(&data), escaped(&self.to_text(crate::DEFAULT_WIDTH)));
        fill(&[
            ("policy", &policy),
            ("title", &title),
            ("style", STYLE),
            ("text", &text),
            ("data", &data),
            ("script", &script),
        ])
    }

    /// The report that the data of a page hold, and the other mappings.
    ///
    /// # Errors
    /// If they are not the data of a page that [`to_html`](Self::to_html) wrote.
    pub fn from_page_data(json: &str) -> Result<(Self, Option<Explored>), serde_json::Error> {
        serde_json::from_str::<PageData>(json).map(PageData::into_parts)
    }
}

/// The page with each `{{name}}` replaced; what is put in is not looked at again.
fn fill(parts: &[(&str, &str)]) -> String {
    let mut page = String::with_capacity(PAGE.len() + parts.iter().map(|(_, text)| text.len()).sum::<usize>());
    let mut rest = PAGE;
    while let Some((before, (name, after))) =
        rest.split_once("{{").and_then(|(before, after)| Some((before, after.split_once("}}")?)))
    {
        let (_, text) = parts.iter().find(|(part, _)| *part == name).expect("invariant: page.html names parts only");
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page + rest
}

/// How a policy names a text of the page itself.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// JSON that nothing in HTML can mistake for markup: such characters occur in its strings only, which may escape them.
fn inert(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(text, "\\u{:04x}", u32::from(character)).expect("invariant: strings take what is written");
            }
            _ => text.push(character),
        }
    }
    text
}
