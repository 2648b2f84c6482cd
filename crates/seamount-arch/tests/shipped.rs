//! The shipped descriptions: complete, consistent, and the same after a round trip through their text.

use seamount_arch::{Arch, Overflow, Status, check};

fn shipped() -> impl Iterator<Item = Arch> {
    Arch::shipped_names().into_iter().map(|name| Arch::shipped(name).expect("a shipped file reads"))
}

/// Name, value, unit and status of each parameter for which `keep` holds.
fn table(arch: &Arch, keep: impl Fn(&str) -> bool) -> String {
    let rows = arch
        .parameters()
        .filter(|p| keep(p.name))
        .map(|p| format!("{:<31} {:>22} {:<9} {}\n", p.name, p.value.to_string(), p.unit, p.status));
    rows.collect()
}

#[test]
fn each_file_is_called_what_it_says_and_breaks_no_rule() {
    for (name, arch) in Arch::shipped_names().into_iter().zip(shipped()) {
        assert_eq!(arch.name(), name);
        assert_eq!(check(&arch), [], "{name}");
    }
}

#[test]
fn canonical_text_reads_back_to_the_same_description() {
    for arch in shipped() {
        let text = arch.to_toml();
        let again = Arch::from_toml(&text).expect("canonical text reads");
        assert_eq!(again, arch);
        assert_eq!(again.to_toml(), text);
        assert_eq!(again.sha256(), arch.sha256());
    }
}

#[test]
fn each_description_has_a_hash_of_its_own() {
    let mut hashes: Vec<_> = shipped().map(|arch| arch.sha256()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), Arch::shipped_names().len());
}

#[test]
fn parameters_of_one_loihi2_chip() {
    let text = table(&Arch::shipped("loihi2-oheo-gulch").unwrap(), |_| true);
    insta::assert_snapshot!(text);
}

#[test]
fn parameters_of_loihi1() {
    let text = table(&Arch::shipped("loihi1").unwrap(), |_| true);
    insta::assert_snapshot!(text);
}

#[test]
fn boards_differ_from_one_chip_only_where_they_say_so() {
    let chip = Arch::shipped("loihi2-oheo-gulch").unwrap();
    let mut text = String::new();
    for board in shipped().filter(|arch| arch.name().starts_with("loihi2") && arch.name() != chip.name()) {
        let differs = |name: &str| {
            let value = |arch: &Arch| arch.parameters().find(|p| p.name == name).map(|p| p.value.clone());
            value(&board) != value(&chip)
        };
        text += &format!("{}: {}\n{}\n", board.name(), board.description(), table(&board, differs));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn canonical_text_of_one_loihi2_chip() {
    let text = Arch::shipped("loihi2-oheo-gulch").unwrap().to_toml();
    insta::assert_snapshot!(text);
}

#[test]
fn getters_give_what_the_files_say() {
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    assert_eq!(arch.n_chips(), 32);
    assert_eq!(arch.cores_per_chip(), 120);
    assert_eq!(arch.bytes_per_core(), 192 * 1024);
    assert_eq!(arch.synapse_bytes_per_core(), 128 * 1024);
    assert_eq!(arch.register_bits(), 24);
    assert_eq!(arch.overflow(), Overflow::Saturate);
    assert_eq!(arch.synapse_weight_bits().collect::<Vec<_>>(), [2, 8]);
    assert_eq!(arch.bad_cores(), []);
    assert!((arch.static_w_per_chip() - 0.7).abs() < 1e-9);
    let loihi1 = Arch::shipped("loihi1").unwrap();
    assert_eq!((loihi1.accumulator_bits(), loihi1.overflow()), (22, Overflow::Wrap));
    assert_eq!(loihi1.microcode_bytes_per_core(), 0);
}

#[test]
fn an_unknown_system_is_answered_with_the_nearest() {
    let error = Arch::shipped("loihi2-alia").unwrap_err().to_string();
    insta::assert_snapshot!(error);
}

#[test]
fn cores_fill_routers_and_chips_are_tiled_row_by_row() {
    let arch = Arch::shipped("loihi2-kapoho-point").unwrap();
    assert_eq!(arch.chip_grid(), (4, 2));
    assert_eq!(arch.core_position(0, 0), (0, 0));
    assert_eq!(arch.core_position(0, 3), (0, 0));
    assert_eq!(arch.core_position(0, 4), (1, 0));
    assert_eq!(arch.core_position(0, 119), (5, 3));
    assert_eq!(arch.core_position(1, 0), (8, 0));
    assert_eq!(arch.chip_position(5), (1, 1));
    assert_eq!(arch.core_position(5, 32), (8, 5));
    assert_eq!(arch.hops((0, 0), (5, 32)), 13);
    assert_eq!(arch.hops((5, 32), (0, 0)), 13);
    assert_eq!(arch.chip_crossings(0, 5), 2);
    assert_eq!(arch.hops((3, 7), (3, 6)), 0);
}

#[test]
fn every_parameter_of_loihi2_that_is_not_public_is_assumed() {
    let arch = Arch::shipped("loihi2-oheo-gulch").unwrap();
    for name in [
        "core.input_axons",
        "core.output_axons",
        "core.microcode_bytes",
        "layout.input_axon_bytes",
        "layout.output_axon_bytes",
        "layout.instruction_bytes",
        "layout.synapse_row_align_bytes",
        "word.accumulator_bits",
        "word.overflow",
        "word.registers_per_neuron",
        "synapse.delay_steps_max",
    ] {
        let parameter = arch.parameters().find(|p| p.name == name).expect("a known name");
        assert_eq!(parameter.status, Status::Assumed, "{name}");
    }
}
