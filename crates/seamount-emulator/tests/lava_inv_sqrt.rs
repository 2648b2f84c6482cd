//! Lava's inverse square root, written in microcode and run by the emulator, gives Lava's integers.

mod common;

use common::{Net, ONE_CHIP, arch, on_core};
use seamount_microcode::library;

/// (argument, result), both with 12 fraction bits, as `lava/proc/graded/models.py` computes them.
const PAIRS: [(i32, i32); 10] = [
    (1, 264_045),
    (7, 99_358),
    (100, 26_251),
    (4096, 4095),
    (10_000, 2620),
    (40_960, 1294),
    (65_536, 1023),
    (100_000, 829),
    (1_000_000, 261),
    (8_388_607, 89),
];

/// More of them, around powers of two, and zero. Lava's 16777215 -> 63 needs an unsigned 24-bit word.
const MORE: [(i32, i32); 12] = [
    (2, 185_567),
    (3, 151_894),
    (16, 65_669),
    (1000, 8294),
    (4095, 4097),
    (4097, 4095),
    (8192, 2895),
    (16_384, 2047),
    (524_288, 361),
    (4_194_303, 127),
    (4_194_304, 127),
    (0, 0),
];

/// What a group of neurons, one for each argument, sends when it gets its tick.
fn run(arguments: &[i32]) -> (Vec<i32>, seamount_emulator::Events) {
    let n_neurons = u32::try_from(arguments.len()).expect("few arguments");
    let mut net = Net::new(&arch(ONE_CHIP), 1, &[0], 1);
    let group = net.group(on_core(0), library::LAVA_INV_SQRT, n_neurons, arguments);
    let tick = net.broadcast(group, "tick", 1);
    net.tick(group, tick);
    for neuron in 0..n_neurons {
        net.output(group, "y", neuron, neuron);
    }
    let mut emulator = net.emulator();
    let outputs = emulator.generate(0).expect("no fault");
    (outputs, emulator.events()[0])
}

#[test]
fn ten_published_pairs() {
    let (arguments, results): (Vec<_>, Vec<_>) = PAIRS.into_iter().unzip();
    assert_eq!(run(&arguments).0, results);
}

#[test]
fn more_pairs() {
    let (arguments, results): (Vec<_>, Vec<_>) = MORE.into_iter().unzip();
    assert_eq!(run(&arguments).0, results);
}

/// Lava's method in 64-bit integers, its table written out.
fn lava(s: i32) -> i64 {
    const TABLE: [i64; 24] = [
        146, 206, 292, 412, 584, 826, 1168, 1652, 2336, 3304, 4674, 6610, 9350, 13222, 18700, 26446, 37402, 52894,
        74804, 105_788, 149_608, 211_578, 299_218, 423_158,
    ];
    let mut b = i64::from(s);
    let mut factor = TABLE[(s.leading_zeros() - 8) as usize];
    let mut y = factor / 2;
    for _ in 0..5 {
        b = (((b * factor) >> 13) * factor) >> 13;
        factor = (3 << 12) - b;
        y = (y * factor) >> 13;
    }
    y
}

#[test]
fn many_arguments_without_saturation() {
    let arguments: Vec<i32> = (1..2000).map(|i| 1 + (i * 7919 * (i % 13)) % 8_388_607).collect();
    let (outputs, events) = run(&arguments);
    for (argument, output) in arguments.into_iter().zip(outputs) {
        assert_eq!(i64::from(output), lava(argument), "for {argument}");
    }
    assert_eq!(events.register_saturations, 0);
}
