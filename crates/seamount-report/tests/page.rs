//! The tables of `docs/report.md` against the keys that a report has.

mod common;

use std::collections::BTreeSet;

use common::{cost, ten_tokens, two_blocks};
use seamount_report::{
    CostMode, EventKind, LayerKind, LinkDirection, ParameterStatus, Report, ReportDiff, Resource, RunsOn,
    SCHEMA_VERSION, WeightEncoding,
};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/report.md");

/// Objects that stand in several places and are described once, and the names under which they stand.
const SHARED: [(&str, &[&str]); 3] =
    [("usage", &["usage", "host_usage"]), ("counts", &["counts", "host_counts"]), ("slices[]", &["slices[]"])];

/// The same for what a layer or a group takes on either side of a comparison.
const PARTS: [&str; 4] = ["diff.layers[].before", "diff.layers[].after", "diff.groups[].before", "diff.groups[].after"];

/// Objects whose keys are the program's own.
const OPEN: [&str; 1] = ["program.options"];

/// Adds the path of each key below `value`, such as `limits[].fill_max`.
fn add_keys(value: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                keys.insert(path.clone());
                let shared = |element: &str| {
                    let name = format!("{key}{element}");
                    SHARED.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(shared, _)| *shared)
                };
                match value {
                    Value::Array(items) => {
                        let below = shared("[]").map_or_else(|| format!("{path}[]"), str::to_owned);
                        items.iter().for_each(|item| add_keys(item, &below, keys));
                    }
                    _ if OPEN.contains(&path.as_str()) => {}
                    _ if PARTS.contains(&path.as_str()) => add_keys(value, "part", keys),
                    _ => add_keys(value, shared("").unwrap_or(&path), keys),
                }
            }
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The rows of the page whose first cell is code: that cell and the others.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    let row = |line: &'static str| {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split(" | ").map(str::trim);
        let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        Some((code, cells.collect()))
    };
    PAGE.lines().filter_map(row).collect()
}

fn report() -> Report {
    let program = two_blocks();
    Report::of(&program).with_file_bytes(1).with_activity(ten_tokens(&program)).with_cost(cost(2.0))
}

/// A prediction that has a row in each list.
/// A comparison that has a row in each list.
fn diff() -> ReportDiff {
    let mut program = two_blocks();
    let before = Report::of(&program).with_cost(cost(2.0));
    program.arch = common::arch("loihi2-vpx");
    program.meta.options.clear();
    program.cores.swap(1, 3);
    let place = program.cores[1].place;
    program.cores[1].place = program.cores[2].place;
    program.cores[2].place = place;
    let diff = before.diff(&Report::of(&program).with_cost(cost(3.0)));
    assert!(
        ![diff.costs.len(), diff.options.len(), diff.parameters.len(), diff.layers.len(), diff.groups.len()]
            .contains(&0)
    );
    diff
}

#[test]
fn the_page_has_each_key_and_no_other() {
    let mut written = BTreeSet::new();
    add_keys(&serde_json::to_value(report()).unwrap(), "", &mut written);
    add_keys(&serde_json::json!({ "diff": diff() }), "", &mut written);
    written.remove("diff");
    assert!(written.len() > 100, "{written:?}");
    let described: BTreeSet<_> =
        rows().into_iter().filter(|(_, cells)| cells.len() == 2).map(|(key, _)| key.to_owned()).collect();
    let missing: Vec<_> = written.difference(&described).collect();
    assert!(missing.is_empty(), "docs/report.md lacks {missing:#?}");
    let unknown: Vec<_> = described.difference(&written).collect();
    assert!(unknown.is_empty(), "docs/report.md describes {unknown:#?}, which no report has");
}

#[test]
fn a_key_that_names_its_unit_is_described_with_that_unit() {
    for (key, cells) in rows().into_iter().filter(|(_, cells)| cells.len() == 2) {
        for unit in ["bytes", "steps"] {
            if key.ends_with(&format!("_{unit}")) {
                assert_eq!(cells[0], unit, "{key}");
            }
        }
        assert!(!cells[0].is_empty() && !cells[1].is_empty(), "{key}");
    }
}

#[test]
fn the_page_has_each_word_that_a_value_can_be() {
    let word = |value: Value| value.as_str().map(str::to_owned).expect("a word");
    let mut words = Vec::new();
    words.extend(Resource::ALL.map(|resource| word(serde_json::to_value(resource).unwrap())));
    words.extend(EventKind::ALL.map(|kind| word(serde_json::to_value(kind).unwrap())));
    for kind in [LayerKind::Embed, LayerKind::Block, LayerKind::Head] {
        words.push(word(serde_json::to_value(kind).unwrap()));
    }
    for encoding in [WeightEncoding::Dense2, WeightEncoding::Dense8, WeightEncoding::Sparse] {
        words.push(word(serde_json::to_value(encoding).unwrap()));
    }
    for direction in [LinkDirection::East, LinkDirection::West, LinkDirection::South, LinkDirection::North] {
        words.push(word(serde_json::to_value(direction).unwrap()));
    }
    for status in [ParameterStatus::Published, ParameterStatus::Measured, ParameterStatus::Assumed] {
        words.push(word(serde_json::to_value(status).unwrap()));
    }
    for mode in [CostMode::FallThrough, CostMode::Pipelined, CostMode::Streams] {
        words.push(word(serde_json::to_value(mode).unwrap()));
    }
    for runs_on in [RunsOn::Chip, RunsOn::Host] {
        words.push(word(serde_json::to_value(runs_on).unwrap()));
    }
    let described: Vec<_> = rows().into_iter().filter(|(_, cells)| cells.len() == 1).map(|(word, _)| word).collect();
    let missing: Vec<_> = words.iter().filter(|word| !described.contains(&word.as_str())).collect();
    assert!(missing.is_empty(), "docs/report.md lacks {missing:?}");
    let unknown: Vec<_> = described.iter().filter(|word| !words.iter().any(|known| known == *word)).collect();
    assert!(unknown.is_empty(), "docs/report.md has {unknown:?}, which no value is");
}

#[test]
fn the_page_names_the_version() {
    assert!(PAGE.contains(&format!("This page describes version {SCHEMA_VERSION}, ")));
}
