//! The tables of `docs/hardware.md` against the shipped files.

use seamount_arch::{Arch, Parameter, Rule};

const PAGE: &str = include_str!("../../../docs/hardware.md");

fn value(parameter: &Parameter<'_>) -> String {
    format!("{} {}", parameter.value, parameter.unit).trim().to_owned()
}

/// The row of a parameter: its name, Loihi 2's value and status, Loihi 1's, and what it means.
fn row(loihi2: &Parameter<'_>, loihi1: &Parameter<'_>) -> String {
    let cells = [&value(loihi2), loihi2.status.name(), &value(loihi1), loihi1.status.name(), loihi2.about];
    format!("| `{}` | {} |", loihi2.name, cells.join(" | "))
}

#[test]
fn the_page_has_each_parameter_with_the_values_of_the_files() {
    let loihi2 = Arch::shipped("loihi2-oheo-gulch").unwrap();
    let loihi1 = Arch::shipped("loihi1").unwrap();
    let rows: Vec<String> = loihi2.parameters().zip(loihi1.parameters()).map(|(a, b)| row(&a, &b)).collect();
    let missing: Vec<&String> = rows.iter().filter(|&row| !PAGE.lines().any(|line| line == row)).collect();
    assert!(missing.is_empty(), "docs/hardware.md lacks these rows:\n{missing:#?}");
    let named = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let shown = named.filter(|name| name.contains('.')).count();
    assert_eq!(shown, rows.len(), "docs/hardware.md has rows of parameters that do not exist");
}

#[test]
fn the_page_has_each_system() {
    for name in Arch::shipped_names() {
        let arch = Arch::shipped(name).unwrap();
        let cores = arch.n_chips() * arch.cores_per_chip();
        let row = format!("| `{name}` | {} | {cores} | {} |", arch.n_chips(), arch.static_w_per_chip());
        assert!(PAGE.lines().any(|line| line.starts_with(&row)), "docs/hardware.md lacks the row\n{row}");
    }
}

#[test]
fn the_page_has_each_rule_of_the_checker() {
    for rule in Rule::ALL {
        assert!(PAGE.contains(&format!("| `{rule}` |")), "docs/hardware.md lacks {rule}");
    }
}

#[test]
fn the_example_of_the_page_is_a_good_description() {
    let example = PAGE.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a TOML block");
    let arch = Arch::from_toml(example).expect("the example reads");
    assert_eq!(seamount_arch::check(&arch), []);
}
