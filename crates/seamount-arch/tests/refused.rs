//! What a description that cannot be read is answered with.

use seamount_arch::{Arch, ArchError, Overflow};

/// The beginning of a file that extends a complete system; its own lines start at line 4.
const HEAD: &str = "extends = \"loihi2-vpx\"\nname = \"mine\"\ndescription = \"My board\"\n";

/// Each text with the error that it gives.
fn answers(texts: &[&str]) -> String {
    let answer = |text: &&str| {
        let error = Arch::from_toml(&format!("{HEAD}{text}")).expect_err(text);
        format!("{text}\n  => {error}\n\n")
    };
    texts.iter().map(answer).collect()
}

#[test]
fn unknown_keys_are_answered_with_the_nearest() {
    let answers = answers(&[
        "extend = 1",
        "[cores]",
        "[core]\nneuron = { value = 1, status = \"assumed\" }",
        "[core]\nregister_bits = { value = 24, status = \"assumed\" }",
        "[core]\nneurons = { valu = 1, status = \"assumed\" }",
    ]);
    insta::assert_snapshot!(answers);
}

#[test]
fn values_of_the_wrong_type() {
    let answers = answers(&[
        "core = 3",
        "[core]\nneurons = 64",
        "[core]\nneurons = { value = \"64\", status = \"assumed\" }",
        "[core]\nneurons = { value = 64.0, status = \"assumed\" }",
        "[core]\nneurons = { value = 64, status = true }",
        "[time]\nspike_ns = { value = \"3\", status = \"assumed\" }",
        "[synapse]\nweight_bits = { value = 2, status = \"assumed\" }",
        "[chip]\nbad_cores = { value = [3], status = \"assumed\" }",
        "[chip]\nbad_cores = { value = [[1, 2, 3]], status = \"assumed\" }",
    ]);
    insta::assert_snapshot!(answers);
}

#[test]
fn values_out_of_range() {
    let answers = answers(&[
        "[core]\nneurons = { value = 0, status = \"assumed\" }",
        "[core]\nneurons = { value = -1, status = \"assumed\" }",
        "[core]\nneurons = { value = 99999999999999999999, status = \"assumed\" }",
        "[word]\nregister_bits = { value = 64, status = \"assumed\" }",
        "[power]\nstatic_w_per_chip = { value = -0.5, status = \"assumed\" }",
        "[power]\nstatic_w_per_chip = { value = nan, status = \"assumed\" }",
        "[power]\nstatic_w_per_chip = { value = inf, status = \"assumed\" }",
        "[synapse]\nweight_bits = { value = [2, 16], status = \"assumed\" }",
        "[synapse]\nweight_bits = { value = [], status = \"assumed\" }",
        "[synapse]\nweight_bits = { value = [8, 2], status = \"assumed\" }",
    ]);
    insta::assert_snapshot!(answers);
}

#[test]
fn words_and_units() {
    let answers = answers(&[
        "[core]\nneurons = { value = 64, status = \"guessed\" }",
        "[word]\noverflow = { value = \"trap\", status = \"assumed\" }",
        "[time]\nspike_ns = { value = 3, unit = \"us\", status = \"assumed\" }",
    ]);
    insta::assert_snapshot!(answers);
}

#[test]
fn what_is_missing() {
    let answers = answers(&["[core]\nneurons = { value = 64 }", "[core]\nneurons = { status = \"assumed\" }"]);
    insta::assert_snapshot!(answers);
    let no_chips = ArchError::MissingParameter { key: "system.chips", base: "loihi2-oheo-gulch" };
    assert_eq!(Arch::from_toml(""), Err(no_chips.clone()));
    assert_eq!(Arch::from_toml("extends = \"loihi2\"\nname = \"mine\"\ndescription = \"\""), Err(no_chips));
    let no_key = |key: &str| Err(ArchError::Missing { line: 1, key: key.to_owned() });
    assert_eq!(Arch::from_toml("extends = \"loihi1\""), no_key("name"));
    assert_eq!(Arch::from_toml("extends = \"loihi1\"\nname = \"mine\""), no_key("description"));
}

#[test]
fn names_and_bases() {
    let error = |text: &str| Arch::from_toml(text).expect_err(text).to_string();
    let texts = ["name = \"My Board\"", "name = \"\"", "extends = \"loihi3\"", "extends = 3", "[core\n"];
    let answers: String = texts.iter().map(|text| format!("{text}\n  => {}\n\n", error(text))).collect();
    insta::assert_snapshot!(answers);
}

#[test]
fn a_file_replaces_whole_parameters_of_what_it_extends() {
    let changes = "[word]\noverflow = { value = \"wrap\", status = \"assumed\", note = \"as on Loihi 1\" }\n";
    let arch = Arch::from_toml(&format!("{HEAD}{changes}")).expect("a good file");
    assert_eq!((arch.name(), arch.n_chips(), arch.overflow()), ("mine", 16, Overflow::Wrap));
    let parameter = arch.parameters().find(|p| p.name == "word.overflow").expect("a known name");
    assert_eq!((parameter.source, parameter.note), ("", "as on Loihi 1"));
    let base = Arch::shipped("loihi2-vpx").expect("a shipped name");
    let changed: Vec<&str> =
        arch.parameters().zip(base.parameters()).filter(|(a, b)| a != b).map(|(a, _)| a.name).collect();
    assert_eq!(changed, ["word.overflow"]);
}

#[test]
fn canonical_text_keeps_every_character_of_a_note() {
    let changes = "[core]\nneurons = { value = 0x40, status = \"assumed\", note = 'tab\there, \"quotes\", back\\slash, \u{14d}' }\n\
                   input_axons = { value = 4_096, status = \"assumed\", note = \"two\\nlines \\u0001\" }\n\
                   [chip]\nbad_cores = { value = [[3, 7], [0, 1]], status = \"measured\", source = \"the board\" }\n";
    let arch = Arch::from_toml(&format!("{HEAD}{changes}")).expect("a good file");
    assert_eq!((arch.neurons_per_core(), arch.input_axons_per_core()), (64, 4096));
    assert_eq!(arch.bad_cores(), [(3, 7), (0, 1)]);
    assert!(arch.is_bad_core(0, 1) && !arch.is_bad_core(1, 0));
    assert_eq!(Arch::from_toml(&arch.to_toml()), Ok(arch));
}
