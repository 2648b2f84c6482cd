//! Each rule of the checker, broken by a description that differs from a shipped one in that place only.

use seamount_arch::{Arch, Finding, Rule, check};

/// The findings on one Loihi 2 chip with other parameters.
fn findings(changes: &str) -> Vec<Finding> {
    let text = format!("extends = \"loihi2-oheo-gulch\"\nname = \"broken\"\ndescription = \"broken\"\n{changes}");
    check(&Arch::from_toml(&text).expect("every value is in range"))
}

/// Asserts that exactly `rule` is broken, once, and that the message is `message`.
#[track_caller]
fn breaks(rule: Rule, changes: &str, message: &str) {
    let expected = Finding { rule, message: message.to_owned() };
    assert_eq!(findings(changes), [expected]);
}

#[test]
fn chip_grid() {
    breaks(
        Rule::ChipGrid,
        "[system]\nchips = { value = 5, status = \"assumed\", note = \"test\" }\n\
         chip_columns = { value = 2, status = \"assumed\", note = \"test\" }\n\
         chip_rows = { value = 2, status = \"assumed\", note = \"test\" }",
        "a grid of 2 x 2 has 4 places for system.chips = 5 chips",
    );
}

#[test]
fn router_mesh() {
    breaks(
        Rule::RouterMesh,
        "[chip]\ncores = { value = 152, status = \"assumed\", note = \"test\" }",
        "8 x 4 routers with 4 cores each have 128 places for chip.cores = 152 cores",
    );
}

#[test]
fn bad_cores_outside() {
    breaks(
        Rule::BadCores,
        "[chip]\nbad_cores = { value = [[0, 119], [1, 0]], status = \"assumed\", note = \"test\" }",
        "core 0 of chip 1 is not one of 120 cores of 1 chips",
    );
}

#[test]
fn bad_cores_twice() {
    breaks(
        Rule::BadCores,
        "[chip]\nbad_cores = { value = [[0, 7], [0, 7]], status = \"assumed\", note = \"test\" }",
        "core 7 of chip 0 is listed twice",
    );
}

#[test]
fn bad_cores_all() {
    breaks(
        Rule::BadCores,
        "[chip]\ncores = { value = 1, status = \"assumed\", note = \"test\" }\n\
         bad_cores = { value = [[0, 0]], status = \"assumed\", note = \"test\" }",
        "all 1 cores of the system are bad",
    );
}

#[test]
fn core_memory() {
    breaks(
        Rule::CoreMemory,
        "[core]\ntotal_bytes = { value = 131000, status = \"assumed\", note = \"test\" }",
        "core.synapse_bytes is 131072 bytes, core.total_bytes only 131000 bytes",
    );
    breaks(
        Rule::CoreMemory,
        "[core]\nmicrocode_bytes = { value = 200000, status = \"assumed\", note = \"test\" }",
        "core.microcode_bytes is 200000 bytes, core.total_bytes only 196608 bytes",
    );
}

#[test]
fn row_alignment() {
    breaks(
        Rule::RowAlignment,
        "[layout]\nsynapse_row_align_bytes = { value = 12, status = \"assumed\", note = \"test\" }",
        "core.synapse_bytes is 131072 bytes, no multiple of rows aligned to 12 bytes",
    );
}

#[test]
fn state_word() {
    breaks(
        Rule::StateWord,
        "[layout]\nstate_word_bytes = { value = 3, status = \"assumed\", note = \"test\" }\n\
         [word]\naccumulator_bits = { value = 32, status = \"assumed\", note = \"test\" }",
        "word.accumulator_bits is 32 bits, layout.state_word_bytes holds 24 bits",
    );
}

#[test]
fn range() {
    breaks(
        Rule::Range,
        "[time]\nneuron_ns = { value = 0.5, status = \"assumed\", note = \"test\" }",
        "time.neuron_best_ns is 0.586, time.neuron_ns only 0.5",
    );
    breaks(
        Rule::Range,
        "[power]\nstatic_w_per_chip = { value = 2.0, status = \"assumed\", note = \"test\" }",
        "power.static_w_per_chip is 2, power.static_worst_w_per_chip only 1",
    );
}

#[test]
fn source() {
    breaks(
        Rule::Source,
        "[core]\nneurons = { value = 64, status = \"measured\", note = \"a note is no source\" }",
        "core.neurons is measured and names no source",
    );
}

#[test]
fn reason() {
    breaks(
        Rule::Reason,
        "[core]\nneurons = { value = 64, status = \"assumed\", note = \" \" }",
        "core.neurons is assumed, with neither a note nor a source",
    );
}

#[test]
fn all_findings_are_collected_in_the_order_of_the_rules() {
    let findings = findings(
        "[core]\nneurons = { value = 64, status = \"assumed\" }\n\
         [chip]\ncores = { value = 152, status = \"published\" }",
    );
    let rules: Vec<&str> = findings.iter().map(|finding| finding.rule.id()).collect();
    assert_eq!(rules, ["router-mesh", "source", "reason"]);
}
