//! The report of a small program, as people and as programs see it.

mod common;

use common::{arch, ten_tokens, two_blocks};
use seamount_arch::Arch;
use seamount_report::{
    Activity, ActivityError, EventCounts, LayerKind, LinkDirection, Report, Resource, RunsOn, Usage,
};

fn report() -> Report {
    let program = two_blocks();
    if let Err(broken) = seamount_program::verify(&program) {
        panic!("{broken:#?}");
    }
    let mut report = Report::of(&program).with_file_bytes(123_456).with_activity(ten_tokens(&program));
    assert_eq!(report.arch.sha256.len(), 64);
    // Snapshots of a report need not change with a remark in the description of a system.
    report.arch.sha256 = "0123456789abcdef".repeat(4);
    report
}

#[test]
fn text() {
    insta::assert_snapshot!(report());
}

#[test]
fn text_of_72_characters() {
    insta::assert_snapshot!(report().to_text(72));
}

#[test]
fn json_with_one_row_of_each_list() {
    let mut report = report();
    report.groups.truncate(1);
    report.cores.truncate(1);
    report.chips.clear();
    report.host_cores.clear();
    report.layers.truncate(1);
    report.limits.truncate(1);
    report.encodings.truncate(1);
    report.fullest_cores.truncate(1);
    report.edges.truncate(1);
    report.steps.truncate(1);
    report.traffic.router_links.truncate(1);
    report.traffic.chip_links.truncate(1);
    report.parameters.truncate(1);
    report.activity = None;
    insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
}

#[test]
fn json_of_activity_with_one_row_of_each_list() {
    let mut activity = ten_tokens(&two_blocks());
    activity.cores.truncate(1);
    activity.busiest.truncate(1);
    insta::assert_snapshot!(serde_json::to_string_pretty(&activity).unwrap());
}

#[test]
fn json_reads_back_as_the_same_report() {
    let report = report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn no_line_is_wider_than_asked_for() {
    let mut report = report();
    let large = |usage: &mut Usage| *usage = (0..3_000).map(|_| *usage).sum();
    large(&mut report.mapping.usage);
    report.layers.iter_mut().for_each(|row| large(&mut row.usage));
    report.groups.iter_mut().for_each(|row| large(&mut row.usage));
    report.chips.iter_mut().for_each(|row| large(&mut row.usage));
    for width in [72, 80, 100, 160] {
        let text = report.to_text(width);
        let wide: Vec<_> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(wide.is_empty(), "wider than {width}:\n{}", wide.join("\n"));
    }
}

#[test]
fn layers_are_what_the_host_feeds_then_blocks_then_the_rest() {
    let layers = report().layers;
    let kinds: Vec<_> = layers.iter().map(|row| (row.kind, row.name.as_str(), row.runs_on)).collect();
    let expected = [
        (LayerKind::Embed, "embed", RunsOn::Chip),
        (LayerKind::Block, "block 0", RunsOn::Chip),
        (LayerKind::Block, "block 1", RunsOn::Chip),
        (LayerKind::Head, "head", RunsOn::Host),
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn what_binds_is_the_resource_with_the_greatest_fill() {
    let report = report();
    let fills = report.limits.iter().map(|row| (row.resource, row.fill_max));
    let greatest = fills.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(resource, _)| resource);
    assert_eq!(report.mapping.nearest_limit, greatest);
    assert_eq!(report.fullest_cores[0].fill, report.limits.iter().map(|row| row.fill_max).fold(0.0, f64::max));
}

#[test]
fn a_fill_above_1_is_an_excess_of_the_program() {
    let toml = arch("loihi2-kapoho-point").to_toml();
    let small = toml.replace("axons = { value = 4096", "axons = { value = 300");
    assert_ne!(small, toml);
    let mut program = two_blocks();
    program.arch = Arch::from_toml(&small).unwrap();
    for core in Report::of(&program).cores {
        let over =
            Resource::ALL.into_iter().filter(|resource| resource.used(&core.usage) > resource.available(&program.arch));
        assert_eq!(over.count(), program.core_excesses(core.core_idx).len());
    }
    assert_eq!(Report::of(&program).mapping.nearest_limit, Some(Resource::OutputAxons));
}

#[test]
fn bad_cores_are_not_there() {
    let toml = arch("loihi2-kapoho-point").to_toml().replace("value = []", "value = [[0, 1], [7, 3]]");
    let mut program = two_blocks();
    program.arch = Arch::from_toml(&toml).unwrap();
    let report = Report::of(&program);
    assert_eq!(report.mapping.n_cores_available, 958);
    assert_eq!(report.mapping.n_cores_on_used_chips, 239);
    assert_eq!(report.chips[0].n_cores_available, 119);
}

#[test]
fn counts_of_the_host_are_apart() {
    let activity = ten_tokens(&two_blocks());
    assert_eq!((activity.counts.spikes, activity.host_counts.spikes), (15_000, 8_560));
    assert_eq!(activity.per_token.map(|averages| averages.spikes), Some(1_500.0));
    assert!((activity.zero_payload_share - 0.2).abs() < 1e-6);
    let busiest = activity.busiest[0];
    assert_eq!((busiest.core_idx, busiest.n_events, busiest.imbalance), (4, 5_000, 1.666667));
}

#[test]
fn the_first_of_equally_busy_cores_is_named_and_what_did_not_happen_is_not() {
    let program = two_blocks();
    let one = EventCounts { hops: 1, ..EventCounts::default() };
    let activity = Activity::of(&program, 0, 1, &[one; 6], EventCounts::default()).unwrap();
    let busiest: Vec<_> = activity.busiest.iter().map(|busiest| (busiest.event.name(), busiest.core_idx)).collect();
    assert_eq!(busiest, [("hops", 0)]);
    assert_eq!(activity.per_token, None);
}

#[test]
fn counts_of_other_cores_are_refused() {
    let error = Activity::of(&two_blocks(), 1, 1, &[], EventCounts::default()).unwrap_err();
    assert_eq!(error, ActivityError::Cores { expected: 6, found: 0 });
    assert_eq!(error.to_string(), "events were counted on 0 cores, the program has 6");
}

#[test]
fn a_group_works_when_the_longest_way_to_it_ends() {
    let report = report();
    let steps: Vec<_> = report.groups.iter().map(|row| (row.name.as_str(), row.step)).collect();
    let expected = [
        ("embed", Some(0)),
        ("layers.0.mixer", Some(1)),
        ("layers.0.root", Some(2)),
        ("layers.1.mixer", Some(2)),
        ("layers.1.root", Some(3)),
        ("head.logits", Some(3)),
    ];
    assert_eq!(steps, expected);
    assert_eq!(report.steps[2].groups, [2, 3]);
    // The inputs of the second mixer are its own and the sums' that its root takes.
    let step = &report.steps[2];
    assert_eq!((step.n_cores, step.n_messages, step.n_synaptic_ops), (3, 512, 256 * 256 + 256));
    assert_eq!((step.n_synaptic_ops_max, step.busiest_core_idx), (256 * 128, Some(3)));
}

#[test]
fn messages_go_along_the_row_and_then_along_the_column() {
    let traffic = report().traffic;
    // Cores 5 and 6 have router 1, core 0 router 0; eight columns make the routers of chip 1 begin at 8.
    let links: Vec<_> = traffic.router_links.iter().map(|row| (row.x, row.y, row.direction, row.n_messages)).collect();
    let east = LinkDirection::East;
    let mut expected = vec![(0, 0, east, 512)];
    expected.extend((1..9).map(|x| (x, 0, east, 512)));
    assert_eq!(links, expected);
    assert_eq!((traffic.n_hops, traffic.n_chip_crossings, traffic.n_messages_max), (9 * 512, 512, 512));
    let borders: Vec<_> = traffic.chip_links.iter().map(|row| (row.from_chip, row.to_chip, row.n_messages)).collect();
    assert_eq!(borders, [(0, 1, 512)]);
    assert_eq!(traffic.n_messages, 512 + 256 + 512 + 256);
    assert_eq!(traffic.n_host_messages, 256 + 1 + 256 + 32);
}

#[test]
fn a_neurocore_that_the_system_lacks_has_no_traffic() {
    let mut program = two_blocks();
    program.cores[3].place = seamount_program::Place::Chip { chip: 800, core: 5 };
    assert!(Report::of(&program).traffic.n_messages < Report::of(&two_blocks()).traffic.n_messages);
}
