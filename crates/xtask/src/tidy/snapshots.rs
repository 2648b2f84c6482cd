//! Snapshots that no test compares any more.
//!
//! insta writes the test's file into a snapshot's header and the test's name into the file name; what a test no longer
//! asks for stays in the tree and looks like documentation.

use std::path::Path;

use super::{Finding, TidyError, read};

/// Whether the test, or the input file, of a snapshot is gone.
///
/// `path` is the snapshot's own, from `root`.
pub(super) fn check(root: &Path, path: &str, text: &str) -> Result<Option<Finding>, TidyError> {
    let finding = |message: String| Ok(Some(Finding::new(path, 0, message)));
    if has_sibling(root, path) {
        return Ok(None);
    }
    let Some(source) = header(text, "source") else {
        return finding("the snapshot names no source and no case stands beside it: delete it".to_owned());
    };
    if !root.join(source).is_file() {
        return finding(format!("the snapshot's test file `{source}` does not exist: delete it"));
    }
    if let Some(input) = header(text, "input_file") {
        let exists = root.join(input).is_file();
        return if exists { Ok(None) } else { finding(format!("the snapshot's input `{input}` does not exist")) };
    }
    let name = test_name(path);
    let test = read(&root.join(source))?;
    if test.contains(&format!("fn {name}(")) || test.contains(&format!("\"{name}\"")) {
        return Ok(None);
    }
    finding(format!("`{source}` has no test or snapshot called `{name}`: delete it"))
}

/// The value of a key in the block between the two lines of dashes.
fn header<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let block = text.strip_prefix("---\n")?.split("\n---").next()?;
    let value = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(value.trim().trim_matches('"'))
}

/// Whether a file with another extension stands beside the snapshot of a case.
fn has_sibling(root: &Path, path: &str) -> bool {
    let path = root.join(path);
    let siblings = path.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
    siblings.map(|entry| entry.path()).any(|other| other != path && other.file_stem() == path.file_stem())
}

/// The test's name in `module__name.snap`, `module__name-2.snap` or `module__name@case.snap`.
fn test_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".snap");
    let name = file.split('@').next().unwrap_or(file).rsplit("__").next().unwrap_or(file);
    let is_count = |tail: &str| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit());
    name.rsplit_once('-').filter(|(_, tail)| is_count(tail)).map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The message on a snapshot beside a test file with the tests `kept` and a snapshot called `named`.
    fn message(path: &str, text: &str) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("t/snapshots")).unwrap();
        fs::write(root.path().join("t/a.rs"), "fn kept() { assert_snapshot!(\"named\", x) }").unwrap();
        fs::write(root.path().join("t/case.smir"), "").unwrap();
        fs::write(root.path().join(path), text).unwrap();
        check(root.path(), path, text).unwrap().map(|finding| finding.to_string())
    }

    const HEADER: &str = "---\nsource: t/a.rs\nexpression: x\n---\nbody\n";

    #[test]
    fn snapshots_of_tests_that_exist_are_fine() {
        for name in ["a__kept", "a__tests__kept", "a__kept-2", "a__kept@case", "a__named"] {
            assert_eq!(message(&format!("t/snapshots/{name}.snap"), HEADER), None, "{name}");
        }
    }

    #[test]
    fn the_snapshot_of_a_case_stands_beside_it() {
        assert_eq!(message("t/case.snap", "any text"), None);
        let with_input = "---\nsource: t/a.rs\ninput_file: t/case.smir\n---\n";
        assert_eq!(message("t/snapshots/a__cases@case.smir.snap", with_input), None);
    }

    #[test]
    fn snapshots_that_nobody_compares_are_found() {
        assert_eq!(
            message("t/snapshots/a__gone.snap", HEADER).unwrap(),
            "t/snapshots/a__gone.snap: `t/a.rs` has no test or snapshot called `gone`: delete it"
        );
        assert_eq!(
            message("t/snapshots/b__kept.snap", "---\nsource: t/b.rs\n---\n").unwrap(),
            "t/snapshots/b__kept.snap: the snapshot's test file `t/b.rs` does not exist: delete it"
        );
        assert_eq!(
            message("t/snapshots/a__kept.snap", "---\nsource: t/a.rs\ninput_file: t/x.smir\n---\n").unwrap(),
            "t/snapshots/a__kept.snap: the snapshot's input `t/x.smir` does not exist"
        );
        assert_eq!(
            message("t/old.snap", "any text").unwrap(),
            "t/old.snap: the snapshot names no source and no case stands beside it: delete it"
        );
    }
}
