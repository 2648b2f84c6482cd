//! Each rule of the verifier, broken once.

mod common;

use common::sample;
use seamount_arch::Arch;
use seamount_microcode::AccId;
use seamount_program::{Encoding, MAX_VIOLATIONS, Place, Program, SynapseBlock, verify};

/// What the verifier says of the sample after a change.
fn broken(change: impl FnOnce(&mut Program)) -> Vec<String> {
    let mut program = sample();
    change(&mut program);
    let violations = verify(&program).expect_err("the change breaks a rule");
    violations.iter().map(ToString::to_string).collect()
}

#[test]
fn the_sample_is_valid() {
    let verified = verify(&sample()).unwrap();
    assert_eq!((verified.bodies.len(), verified.machine.word.bits()), (2, 24));
}

#[test]
fn bodies_and_groups() {
    assert_eq!(
        broken(|p| p.bodies[1].instructions.swap(0, 1)),
        ["body 1: @0: r0 may be read before it is written [undefined-register] [body]"]
    );
    assert_eq!(broken(|p| p.groups[1].layer = Some(1)), ["group 1: layer 1 does not exist [group-layer]"]);
    assert_eq!(broken(|p| p.groups[1].body = 2)[0], "group 1: body 2 does not exist [group-body]");
    assert_eq!(
        broken(|p| p.groups[0].n_neurons = 6),
        ["group 0: slices hold 5 neurons, the group has 6 [group-covered]"]
    );
    assert_eq!(
        broken(|p| p.cores[1].slices[0].first_neuron = 2),
        [
            "group 0: neuron 2 follows neuron 3 [group-covered]",
            "group 0: slices hold 4 neurons, the group has 5 [group-covered]"
        ]
    );
}

#[test]
fn places() {
    assert_eq!(
        broken(|p| p.cores[0].place = Place::Chip { chip: 1, core: 0 }),
        ["core 0: neurocore 0 of chip 1 does not exist on 1 chips of 120 neurocores [place]"]
    );
    assert_eq!(
        broken(|p| p.cores[1].place = p.cores[0].place),
        ["core 1: core 0 is at neurocore 7 of chip 0 too [place]"]
    );
}

#[test]
fn slices() {
    let messages = broken(|p| p.cores[0].slices[0].group = 9);
    assert!(messages.contains(&"core 0, slice 0: group 9 does not exist [slice-group]".to_owned()), "{messages:?}");
    assert_eq!(
        broken(|p| p.cores[0].slices[0].slots.truncate(5)),
        ["core 0, slice 0: 5 words for 3 neurons of 2 slots [slots]"]
    );
    assert_eq!(
        broken(|p| p.cores[0].slices[0].slots[1] = 1 << 23),
        ["core 0, slice 0: 8388608 does not fit in 24 bits [slots]"]
    );
    let messages = broken(|p| p.cores[2].slices[0].n_neurons = 65537);
    let expected = "core 2, slice 0: 65537 neurons, the most is 65536 [slice-size]";
    assert!(messages.iter().any(|message| message == expected), "{messages:?}");
}

#[test]
fn synapse_blocks() {
    let block = |change: fn(&mut SynapseBlock)| broken(|p| change(&mut p.cores[0].synapse_blocks[1]));
    assert_eq!(block(|b| b.slice = 1), ["core 0, synapse block 1: slice 1 does not exist [block-target]"]);
    assert_eq!(
        block(|b| b.acc = AccId(2)),
        ["core 0, synapse block 1: body `gate` has no accumulator a2 [block-target]"]
    );
    assert_eq!(
        block(|b| b.first_axon = 3),
        ["core 0, synapse block 1: 1 axons from 3, where 2 belong to blocks [axons]"]
    );
    // So many axons break the core's limits as well.
    let messages = block(|b| b.first_axon = u32::MAX);
    assert_eq!(messages[0], "core 0, synapse block 1: 1 axons from 4294967295, where 2 belong to blocks [axons]");
    assert!(messages[1..].iter().all(|message| message.ends_with("[memory]")), "{messages:?}");
    assert_eq!(block(|b| b.delay_steps = 1), ["core 0, synapse block 1: a delay of 1 steps, the longest is 0 [delay]"]);
    assert_eq!(
        block(|b| b.offset_bytes = 4),
        ["core 0, synapse block 1: offset 4 and stride 0 are no multiples of 8 bytes [rows]"]
    );
    assert_eq!(
        block(|b| b.offset_bytes = 24),
        ["core 0, synapse block 1: rows of 1 bytes from offset 24 leave the image of 24 bytes [rows]"]
    );
    assert_eq!(
        block(|b| b.offset_bytes = u64::MAX - 7),
        [
            "core 0, synapse block 1: rows of 1 bytes from offset 18446744073709551608 leave the image of 24 bytes [rows]"
        ]
    );
    assert_eq!(
        block(|b| {
            b.encoding = Encoding::Sparse { n_per_row: 3 };
            b.row_stride_bytes = 8;
        }),
        ["core 0, synapse block 1: rows of 12 bytes are 8 bytes apart [rows]"]
    );
}

#[test]
fn blocks_may_share_axons() {
    let mut program = sample();
    let blocks = &mut program.cores[0].synapse_blocks;
    let behind = blocks[1].clone();
    // The last axon of the first block and the only one of the second.
    blocks.push(SynapseBlock { first_axon: 1, n_axons: 2, ..behind.clone() });
    assert!(verify(&program).is_ok());
    assert_eq!(program.core_memory(0).map(|memory| memory.n_input_axons), Some(3));
    program.cores[0].synapse_blocks.push(SynapseBlock { first_axon: 0, n_axons: 0, ..behind });
    let messages: Vec<_> =
        verify(&program).err().into_iter().flatten().map(|violation| violation.to_string()).collect();
    assert_eq!(messages, ["core 0, synapse block 3: 0 axons from 0, where 0 belong to blocks [axons]"]);
}

#[test]
fn weights() {
    let image = |byte: usize, value: u8| {
        broken(|p| {
            let mut image = p.cores[0].synapses.to_vec();
            image[byte] = value;
            p.cores[0].synapses = image.into();
        })
    };
    assert_eq!(
        image(8, 0b00_10_01),
        ["core 0, synapse block 0: axon 1: the two-bit weight of neuron 1 is 0b10, which means nothing [weights]"]
    );
    assert_eq!(
        image(16, 0b01_000000),
        ["core 0, synapse block 1: axon 2: unused bits of the row are not zero [weights]"]
    );
    let sparse = |byte: usize| {
        broken(|p| {
            let mut image = p.cores[2].synapses.to_vec();
            image[byte] = 2;
            p.cores[2].synapses = image.into();
        })
    };
    assert_eq!(sparse(8), ["core 2, synapse block 0: axon 1: entry 0 feeds neuron 2, the slice has 2 [weights]"]);
    assert_eq!(sparse(3), ["core 2, synapse block 0: axon 0: unused bits of the row are not zero [weights]"]);
}

#[test]
fn routes_and_destinations() {
    let order = "the ranges of the route table do not follow each other [routes]";
    assert_eq!(broken(|p| p.cores[1].routes.offsets[1] = 7), [format!("core 1: {order}")]);
    assert_eq!(broken(|p| p.cores[1].routes.offsets[0] = 1), [format!("core 1: {order}")]);
    assert_eq!(broken(|p| p.cores[1].routes.offsets.clear())[0], format!("core 1: {order}"));
    assert_eq!(
        broken(|p| p.host.input.offsets.truncate(2)),
        [format!("host: {order}"), "host: the route table has 1 sources, expected 2 [routes]".to_owned()]
    );
    assert_eq!(broken(|p| p.cores[1].routes.dests[0].axon = 2), ["core 1: axon 2 of core 2, which has 2 [dest]"]);
    assert_eq!(broken(|p| p.host.tick[1].core_idx = 3), ["host: core 3 does not exist [dest]"]);
    assert_eq!(broken(|p| p.host.n_outputs = 1), ["core 2: output 1 of the host, which has 1 [dest]"]);
    assert_eq!(
        broken(|p| p.host.tick = vec![p.cores[2].routes.dests[0]]),
        ["host: the host's input leads to its own output 0 [dest]"]
    );
}

#[test]
fn host() {
    assert_eq!(
        broken(|p| p.host.embedding = (0..5).collect()),
        ["host: 5 embedding values for 3 tokens of 2 channels [host]"]
    );
    assert_eq!(broken(|p| p.host.latency_steps = 0), ["host: a latency of 0 steps [host]"]);
    assert_eq!(broken(|p| p.host.logit_scale = f64::NAN), ["host: a logit scale of NaN [host]"]);
    assert_eq!(broken(|p| p.host.eos_id = Some(3)), ["host: token 3 of a vocabulary of 3 [host]"]);
}

#[test]
fn memory() {
    let small = |parameter: &str, value: u32| {
        broken(|p| {
            let text = p.arch.to_toml();
            let (before, after) = text.split_once(&format!("\n{parameter} = {{ value = ")).unwrap();
            let (_, after) = after.split_once(',').unwrap();
            let text = format!("{before}\n{parameter} = {{ value = {value},{after}");
            p.arch = Arch::from_toml(&text).unwrap();
        })
    };
    assert_eq!(
        small("synapse_bytes", 20),
        [
            "core 0: needs 24 bytes of synapse memory, has 20 [memory]",
            "core 1: needs 24 bytes of synapse memory, has 20 [memory]"
        ]
    );
    // Core 0 has 9 destinations, core 1 has 2; the host's core has no limits.
    assert_eq!(small("output_axons", 8), ["core 0: needs 9 output axons, has 8 [memory]"]);
}

#[test]
fn a_core_is_charged_for_what_the_program_holds() {
    let program = sample();
    let memory = program.core_memory(0).unwrap();
    let arch = &program.arch;
    assert_eq!(memory.synapse_bytes, 24);
    assert_eq!(memory.input_axon_bytes, 3 * arch.input_axon_bytes());
    assert_eq!(memory.output_axon_bytes, 9 * arch.output_axon_bytes());
    assert_eq!(memory.state_bytes, 3 * (2 + 2) * arch.state_word_bytes());
    assert_eq!(memory.microcode_bytes, 11 * arch.instruction_bytes());
    assert_eq!((memory.n_input_axons, memory.n_output_axons, memory.n_neurons), (3, 9, 3));
    assert_eq!(program.core_memory(3), None);
}

#[test]
fn a_flood_of_violations_is_cut_off() {
    let messages = broken(|p| {
        for _ in 0..1000 {
            p.groups.push(p.groups[0].clone());
        }
    });
    assert_eq!(messages.len(), MAX_VIOLATIONS);
}
