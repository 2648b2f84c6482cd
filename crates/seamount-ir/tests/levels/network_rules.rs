//! Each rule of the network level, broken.

use crate::{replace, violations};
use seamount_ir::network::{GroupId, Network, Source, Target};

const SOUND: &str = include_str!("texts/network.smir");

fn broken(part: &str, by: &str) -> String {
    violations(&replace(SOUND, part, by))
}

fn changed(change: impl FnOnce(&mut Network)) -> String {
    let mut network = Network::parse(SOUND).unwrap();
    change(&mut network);
    itertools::join(network.verify().unwrap_err().0, "\n")
}

#[test]
fn the_sound_network_is_sound() {
    assert_eq!(violations(SOUND), "nothing is broken");
}

#[test]
fn groups_and_their_members_have_different_names() {
    assert!(
        changed(|network| network.groups[1].name = "output".into())
            .starts_with("output: is the name of two groups [names]")
    );
    for change in [
        |network: &mut Network| network.groups[0].accumulators[0].name = "tick".into(),
        |network: &mut Network| network.groups[0].ports[0].name = "square".into(),
        |network: &mut Network| network.groups[0].states.push("h".into()),
        |network: &mut Network| {
            let again = network.groups[0].params[0].clone();
            network.groups[0].params.push(again);
        },
    ] {
        assert_eq!(changed(change), "input: has two members of one name [names]");
    }
}

#[test]
fn groups_have_a_tick_without_delay() {
    assert_eq!(broken("\"sum\" {tick = true}", "\"sum\""), "root: has no tick accumulator [tick]");
    let found = broken("\"sum\" {tick = true}", "\"sum\" {delay = 1, tick = true}");
    assert!(found.starts_with("root: its tick \"sum\" is delayed [tick]"), "{found}");
}

#[test]
fn constants_are_integers_of_the_shape_of_their_use() {
    for (part, by, message) in [
        ("param \"gain\", @gain", "param \"gain\", @none", "input: there is no constant @none [constant]"),
        (
            "param \"gain\", @gain",
            "param \"gain\", @head",
            "input: @head is ternary[3, 2], expected integers of [2] [constant]",
        ),
        ("i32[2] = [4096, 2048]", "f32[2] = [1.0, 2.0]", "input: @gain is f32[2], expected integers of [2] [constant]"),
        ("weights = @head", "weights = @embed", "projection 3: @embed is neither ternary nor i8 [constant]"),
        ("weights = @head", "weights = @none", "projection 3: there is no constant @none [constant]"),
        (
            "embedding = @embed",
            "embedding = @gain",
            "network: the embedding @gain is no constant of 3 rows of integers [constant]",
        ),
        (
            "embedding = @embed",
            "embedding = @none",
            "network: the embedding @none is no constant of 3 rows of integers [constant]",
        ),
    ] {
        assert_eq!(broken(part, by), message);
    }
}

#[test]
fn bodies_use_what_is_declared_and_defined() {
    for (part, by, message) in [
        ("%4 = add %2, %3", "%4 = add %2, %4", "input: reads %4 too early [kernel-order]"),
        ("set_state \"h\", %4", "set_state \"h\", %5", "input: reads %5 too early [kernel-order]"),
        ("send \"root\", 64", "send \"root\", 8388608", "root: 8388608 is no word of 24 bits [kernel-constant]"),
        ("{shift = 12, round", "{shift = 48, round", "input: shifts by 48 [kernel-shift]"),
    ] {
        assert_eq!(broken(part, by), message);
    }
    let found = changed(|network| network.groups[0].states.clear());
    let expected = "input: State(0) names what is not declared [body]\n\
                    input: SetState(0, Local(Local(4))) names what is not declared [body]";
    assert_eq!(found, expected);
}

#[test]
fn sizes_are_positive_and_payloads_words() {
    assert_eq!(
        broken("\"root\" {bits = 16}", "\"root\" {bits = 25}"),
        "root: port \"root\" has 25 bits, not in 1..=24 [width]"
    );
    assert_eq!(
        broken("\"root\" {bits = 16}", "\"root\" {bits = 0}"),
        "root: port \"root\" has 0 bits, not in 1..=24 [width]"
    );
    assert_eq!(broken("neurons = 1\n", "neurons = 0\n"), "root: has no neurons [width]");
    assert_eq!(broken("logit_scale = 0.25", "logit_scale = 0.0"), "network: logit_scale = 0 [width]");
}

#[test]
fn projections_join_existing_ends_of_fitting_sizes() {
    let message = "projection 4: joins what does not exist [project]";
    assert_eq!(changed(|network| network.projections[4].source = Source::Port(GroupId(7), 0)), message);
    assert_eq!(changed(|network| network.projections[4].target = Target::Accumulator(GroupId(2), 9)), message);
    assert_eq!(
        broken(
            "\"input:payload\", \"output:x\" {weights = @head",
            "\"input:payload\", \"output:x\" {weights = identity"
        ),
        "projection 3: joins 2 neurons one by one to 3 [project]"
    );
    let taking = |sources: std::ops::Range<usize>| changed(|network| network.projections[3].sources = Some(sources));
    assert_eq!(taking(1..1), "projection 3: takes sources 1..1 of 2, with Matrix(\"head\") [project]");
    assert_eq!(taking(1..3), "projection 3: takes sources 1..3 of 2, with Matrix(\"head\") [project]");
}

#[test]
fn accumulators_and_logits_are_fed() {
    let found = broken("  project \"input:payload\", \"output:x\" {weights = @head, delay = 1}\n", "");
    assert_eq!(found, "output: nothing projects to accumulator \"x\" [project]");
    let found = broken("  project \"output:logit\", \"host:logits\" {weights = identity}\n", "");
    assert_eq!(found, "network: nothing projects to the logits [project]");
}

#[test]
fn tokens_do_not_go_in_circles() {
    let circle = "  project \"root:root\", \"input:x\" {weights = ones}\n}\n";
    let text = format!("{}{circle}", SOUND.strip_suffix("}\n").unwrap());
    assert_eq!(violations(&text), "network: tokens go in circles [acyclic]");
}

#[test]
fn paths_to_a_group_are_equally_long() {
    let found = broken("weights = @head, delay = 1", "weights = @head");
    assert_eq!(found, "output: \"x\" is ready after 2 steps, the group works after 3 [balance]");
    let found = broken("latency_steps = 4", "latency_steps = 5");
    assert_eq!(found, "logits: arrive after 4 steps, latency_steps = 5 [balance]");
    assert_eq!(
        violations(&replace(
            &replace(SOUND, "weights = @head, delay = 1", "weights = @head"),
            "  latency_steps = 4\n",
            ""
        )),
        "nothing is broken"
    );
}

#[test]
fn absurd_delays_are_unbalanced() {
    let found = broken("\"x\" {delay = 1}", "\"x\" {delay = 4294967295}");
    assert!(
        found.starts_with("output: \"root\" is ready after 3 steps, the group works after 4294967295 [balance]"),
        "{found}"
    );
}
