//! A small program that uses everything that a program can hold.

use seamount_arch::Arch;
use seamount_microcode::{AccId, assemble};
use seamount_program::{
    Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Place, Program, Routes, Slice, SynapseBlock, rows,
};

const GATE: &str = "
.body gate
.acc a0 sum
.acc a1 tick
.param s0 gain
.state s1 past
.port p0 value
.port p1 square
.probe q0 y
    RDC r0, sum
    RDC r1, tick
    EQ r1, 0
    JMP_C.t end
    RMW.LD r2, [gain]
    MUL_SHR.R r0, r0, r2, #12
    RMW.XCHG r0, [past], r0
    PROBE y, r0
    SPIKE value, r0
    MUL_SHR r0, r0, r0, #4
    SPIKE square, r0
end:
";

const RELAY: &str = ".body relay\n.acc a0 in\n.port p0 out\nRDC r0, in\nSPIKE out, r0\n";

/// Five neurons of one group on two cores, and two relays that the host plays.
pub fn sample() -> Program {
    let arch = Arch::shipped("loihi2-oheo-gulch").expect("a shipped architecture");
    let to = |core_idx, axon| Dest { core_idx, axon };
    let cores = vec![
        gate_core(
            &arch,
            0,
            3,
            |neuron, port| if port == 0 { vec![to(2, neuron % 2)] } else { vec![to(1, 0), to(1, 1)] },
        ),
        gate_core(&arch, 3, 2, |neuron, port| if port == 0 { vec![to(2, neuron)] } else { Vec::new() }),
        relay_core(&arch),
    ];
    Program {
        meta: Meta {
            model: "sample".to_owned(),
            producer: "by hand".to_owned(),
            options: [("weights".to_owned(), "ternary".into())].into(),
            layers: vec!["layers.0".to_owned()],
            ..Meta::default()
        },
        bodies: [GATE, RELAY].map(|text| assemble(text).expect("a valid text")).into(),
        groups: vec![
            Group { name: "layers.0.gate".to_owned(), layer: Some(0), body: 0, n_neurons: 5 },
            Group { name: "head".to_owned(), layer: None, body: 1, n_neurons: 2 },
        ],
        cores,
        host: Host {
            vocab_size: 3,
            width: 2,
            embedding: [1, -2, 300, 0, i16::MIN, i16::MAX].into_iter().collect(),
            input: Routes::from_lists([vec![to(0, 0), to(1, 0)], vec![to(0, 1), to(1, 1)]]),
            tick: vec![to(0, 2), to(1, 2)],
            n_outputs: 2,
            logit_scale: 0.001,
            latency_steps: 2,
            bos_id: Some(1),
            eos_id: None,
        },
        tokenizer: Some(b"{\"model\": {}}".as_slice().into()),
        arch,
    }
}

/// Neurons of the gate: two dense axons for the sum and a shared one for the tick.
fn gate_core(arch: &Arch, first_neuron: u32, n_neurons: u32, dests: impl Fn(u32, u32) -> Vec<Dest>) -> Core {
    let n = n_neurons as usize;
    let mut image = rows::ImageBuilder::new(arch.synapse_row_align_bytes());
    let ternary = |weights: &[i8]| rows::pack_dense2(weights).expect("ternary weights");
    let offset_bytes = image.push(&ternary(&[1, -1, 0][..n]));
    image.push(&ternary(&[-1, 1, 1][..n]));
    let ones = image.push(&ternary(&[1, 1, 1][..n]));
    let block = |acc, first_axon, n_axons, offset_bytes, row_stride_bytes| SynapseBlock {
        slice: 0,
        acc,
        first_axon,
        n_axons,
        encoding: Encoding::Dense2,
        row_stride_bytes,
        offset_bytes,
        delay_steps: 0,
    };
    Core {
        place: Place::Chip { chip: 0, core: 7 + first_neuron },
        slices: vec![Slice { group: 0, first_neuron, n_neurons, slots: slots(n_neurons) }],
        synapse_blocks: vec![block(AccId(0), 0, 2, offset_bytes, 8), block(AccId(1), 2, 1, ones, 0)],
        synapses: image.finish(),
        routes: Routes::from_lists((0..2 * n_neurons).map(|source| dests(source % n_neurons, source / n_neurons))),
    }
}

/// A gain of its own for each neuron, and a past that is the same for all.
fn slots(n_neurons: u32) -> Vec<i32> {
    (0..n_neurons.cast_signed()).flat_map(|neuron| [4096 + neuron, -1]).collect()
}

/// The relays, with a sparse axon each.
fn relay_core(arch: &Arch) -> Core {
    let mut image = rows::ImageBuilder::new(arch.synapse_row_align_bytes());
    let offset_bytes = image.push(&rows::pack_sparse(&[(0, 1)]));
    image.push(&rows::pack_sparse(&[(1, -3)]));
    Core {
        place: Place::Host,
        slices: vec![Slice { group: 1, first_neuron: 0, n_neurons: 2, slots: Vec::new() }],
        synapse_blocks: vec![SynapseBlock {
            slice: 0,
            acc: AccId(0),
            first_axon: 0,
            n_axons: 2,
            encoding: Encoding::Sparse { n_per_row: 1 },
            row_stride_bytes: 8,
            offset_bytes,
            delay_steps: 0,
        }],
        synapses: image.finish(),
        routes: Routes::from_lists((0..2).map(|axon| [Dest { core_idx: HOST_OUTPUT, axon }])),
    }
}
