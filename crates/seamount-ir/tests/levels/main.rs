//! The levels from outside: texts that parse back, texts that do not parse, and each rule of the verifiers broken.

#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod fixed_rules;
mod model_interpreter;
mod model_rules;
mod network_rules;
mod parse_errors;
mod random_model;
mod round_trips;

use seamount_ir::Module;

/// The text with one part replaced, which must be in it.
fn replace(text: &str, part: &str, by: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "{part:?} stands once in\n{text}");
    text.replace(part, by)
}

/// What the verifier says of a text, one line a broken rule.
fn violations(text: &str) -> String {
    let module = Module::parse(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    match module.verify() {
        Ok(_) => "nothing is broken".into(),
        Err(violations) => itertools::join(&violations.0, "\n"),
    }
}
