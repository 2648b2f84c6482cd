//! What a comparison of two mappings says.

mod common;

use common::{cost, ten_tokens, two_blocks};
use seamount_arch::Arch;
use seamount_program::{Place, Program};
use seamount_report::{Report, ReportDiff, RunsOn};

/// The same program with other options on another system, its second block on one neurocore more and one less full.
fn moved() -> Program {
    let mut program = two_blocks();
    program.meta.options.insert("weights".to_owned(), "int8".into());
    program.meta.options.remove("payload_bits");
    let toml = program.arch.to_toml().replace("output_axons = { value = 4096", "output_axons = { value = 2048");
    program.arch = Arch::from_toml(&toml).expect("a sound description");
    program.cores[3].place = Place::Chip { chip: 0, core: 9 };
    program.cores[1].place = Place::Chip { chip: 0, core: 8 };
    program
}

fn diff() -> ReportDiff {
    let (before, after) = (two_blocks(), moved());
    let before = Report::of(&before).with_activity(ten_tokens(&before)).with_cost(cost(1.5));
    before.diff(&Report::of(&after).with_activity(ten_tokens(&after)).with_cost(cost(2.0)))
}

#[test]
fn text() {
    insta::assert_snapshot!(diff());
}

#[test]
fn json_with_one_row_of_each_list() {
    let mut diff = diff();
    diff.amounts.truncate(1);
    diff.limits.truncate(1);
    diff.layers.truncate(1);
    diff.groups.truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&diff).unwrap());
    assert_eq!(serde_json::from_str::<ReportDiff>(&serde_json::to_string(&diff).unwrap()).unwrap(), diff);
}

#[test]
fn a_mapping_does_not_differ_from_itself() {
    let report = Report::of(&two_blocks());
    let diff = report.diff(&report);
    assert!(diff.is_empty(), "{diff}");
    assert!(diff.to_string().ends_with("\nThe mappings are the same.\n"), "{diff}");
}

#[test]
fn neurons_that_moved_are_counted_by_neurocore_and_by_chip() {
    let diff = diff();
    let moved = |name: &str| {
        let row = diff.groups.iter().find(|row| row.name == name && row.runs_on == RunsOn::Chip).unwrap();
        (row.n_neurons_moved, row.n_neurons_moved_to_other_chips)
    };
    assert_eq!(moved("layers.0.mixer"), (128, 0));
    assert_eq!(moved("layers.1.mixer"), (128, 128));
    assert!(diff.groups.iter().all(|row| row.name != "embed"));
}

#[test]
fn a_group_that_only_one_has_has_no_share_in_the_other() {
    let before = Report::of(&two_blocks());
    let mut program = two_blocks();
    "layers.1.attn".clone_into(&mut program.groups[3].name);
    let diff = before.diff(&Report::of(&program));
    let sides: Vec<_> =
        diff.groups.iter().map(|row| (row.name.as_str(), row.before.is_some(), row.after.is_some())).collect();
    assert_eq!(sides, [("layers.1.attn", false, true), ("layers.1.mixer", true, false)]);
}
