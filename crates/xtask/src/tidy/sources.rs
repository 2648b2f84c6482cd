//! Sizes, headers and muted code of single files.

use super::Finding;

/// The most lines of a file.
const LINES_MAX: usize = 800;

/// What must not stand in a source, and why; each is written in two halves so that this file does not contain it.
const BANNED: [(&str, &str, &str); 7] = [
    ("to", "do!(", "a stub is a defect: write the code, or return an error"),
    ("unimple", "mented!(", "a stub is a defect: write the code, or return an error"),
    ("db", "g!(", "a debugging aid that was left behind"),
    ("#[ig", "nore", "a test that does not run proves nothing"),
    ("#[should_", "panic", "bad input gets an error, so test for that error"),
    ("FIX", "ME", "an issue is the place for it"),
    ("XX", "X", "an issue is the place for it"),
];

/// All findings in one Rust source.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = check_size(path, text);
    findings.extend(check_banned(path, text));
    if path.starts_with("crates/") && path.ends_with("/src/lib.rs") {
        findings.extend(check_header(path, text));
    }
    findings
}

/// Whether a file is too long to hold one idea.
pub(super) fn check_size(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![Finding::new(path, 0, format!("the file has {lines} lines, more than {LINES_MAX}: it is two files"))]
}

fn check_banned(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (head, tail, reason) in BANNED {
            let banned = format!("{head}{tail}");
            if line.contains(&banned) {
                findings.push(Finding::new(path, index + 1, format!("`{banned}`: {reason}")));
            }
        }
    }
    findings
}

/// Whether a library says what it is and what it must not know.
fn check_header(path: &str, text: &str) -> Vec<Finding> {
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if header.is_empty() {
        return vec![Finding::new(path, 1, "the file must open with `//!` and say what the crate is")];
    }
    if header.iter().any(|line| line.contains("Invariant:")) {
        return Vec::new();
    }
    vec![Finding::new(path, 1, "the crate's opening comment must state an `Invariant:`, what the crate must not know")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(path, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_library_is_fine() {
        assert!(messages("crates/a/src/lib.rs", "//! What it is.\n//!\n//! **Invariant:** knows nobody.\n").is_empty());
        assert!(messages("crates/a/src/other.rs", "pub fn f() {}\n").is_empty());
        assert!(messages("tests/src/lib.rs", "").is_empty());
    }

    #[test]
    fn a_library_must_say_what_it_is() {
        assert_eq!(
            messages("crates/a/src/lib.rs", "mod b;\n//! Late.\n"),
            ["crates/a/src/lib.rs:1: the file must open with `//!` and say what the crate is"]
        );
    }

    #[test]
    fn a_library_must_state_an_invariant_in_its_opening() {
        assert_eq!(
            messages("crates/a/src/lib.rs", "//! What it is.\nmod b;\n// Invariant: too late.\n"),
            [
                "crates/a/src/lib.rs:1: the crate's opening comment must state an `Invariant:`, what the crate must not know"
            ]
        );
    }

    #[test]
    fn a_file_of_801_lines_is_two_files() {
        assert!(messages("a.rs", &"\n".repeat(LINES_MAX)).is_empty());
        assert_eq!(
            messages("a.rs", &"\n".repeat(LINES_MAX + 1)),
            ["a.rs: the file has 801 lines, more than 800: it is two files"]
        );
    }

    #[test]
    fn each_banned_string_is_found_on_its_line() {
        for (head, tail, reason) in BANNED {
            let text = format!("fn f() {{\n    {head}{tail}\n}}\n");
            assert_eq!(messages("a.rs", &text), [format!("a.rs:2: `{head}{tail}`: {reason}")]);
        }
    }

    #[test]
    fn this_file_bans_nothing_of_its_own() {
        assert_eq!(check_banned("sources.rs", include_str!("sources.rs")), []);
    }
}
