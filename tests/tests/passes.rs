//! Passes as text in, text out: `tests/passes/<pass>/<case>.smir`, the command on its first line.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use seamount::passes::{Pipeline, all};
use seamount_ir::Module;

/// Every case gives what its snapshot says, and what it gives parses back to itself.
#[test]
fn every_case_gives_its_snapshot() {
    for case in cases() {
        let text = fs::read_to_string(&case).unwrap();
        let command = text.lines().next().unwrap();
        let Some(passes) = command.strip_prefix("// RUN: seamount opt --passes ") else {
            panic!("{}: the first line is no command: {command}", case.display());
        };
        let outcome = match run(&text, unquoted(passes)) {
            Ok(module) => {
                let printed = module.to_string();
                let again = Module::parse(&printed).unwrap();
                assert_eq!(again.to_string(), printed, "{}: the result does not parse back", case.display());
                printed
            }
            Err(error) => format!("error: {error}\n"),
        };
        let mut settings = insta::Settings::new();
        settings.set_snapshot_path(case.parent().unwrap());
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            let name = case.file_stem().unwrap().to_str().unwrap();
            insta::assert_snapshot!(name, format!("{}\n\n----\n\n{outcome}", text.trim_end()));
        });
    }
}

/// A pass without a case has no documentation; a folder without a pass is about nothing.
#[test]
fn every_pass_has_cases() {
    let passes: BTreeSet<String> = all().iter().map(|pass| pass.info.name.to_owned()).collect();
    let folder = |case: &PathBuf| case.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    let folders: BTreeSet<String> = cases().iter().map(folder).filter(|name| name != "together").collect();
    let missing: Vec<&String> = passes.difference(&folders).collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    let unknown: Vec<&String> =
        folders.iter().filter(|name| all().iter().all(|pass| pass.info.name != *name)).collect();
    assert!(unknown.is_empty(), "cases of no pass: {unknown:?}");
}

#[test]
fn snapshots_are_short_enough_to_read() {
    for case in cases() {
        let snapshot = fs::read_to_string(case.with_extension("snap")).unwrap();
        assert!(snapshot.lines().count() < 200, "{}", case.display());
    }
}

fn run(text: &str, passes: &str) -> Result<Module, String> {
    let module = Module::parse(text).map_err(|error| error.to_string())?;
    let module = module.verify().map_err(|violations| violations.to_string())?;
    let pipeline = Pipeline::parse(passes).map_err(|error| format!("--passes:{error}"))?;
    pipeline.run(module, |_, _| {}).map_err(|error| error.to_string())
}

/// The command as a shell would pass it on.
fn unquoted(passes: &str) -> &str {
    passes.trim().trim_matches('\'')
}

fn cases() -> Vec<PathBuf> {
    let mut cases = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("passes");
    for folder in fs::read_dir(root).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "smir") {
                cases.push(path);
            }
        }
    }
    cases.sort();
    assert!(!cases.is_empty());
    cases
}
