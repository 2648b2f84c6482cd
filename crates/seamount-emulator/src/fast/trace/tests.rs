//! Machine code against the reference's neurons, lane by lane, over values at the edges.

use std::fmt::Write as _;

use proptest::prelude::*;
use seamount_microcode::semantics::Word;
use seamount_microcode::{Body, PortId, ProbeId, assemble};

use super::*;
use crate::error::FaultKind;
use crate::events::Events;
use crate::fast::kernels::{Kernel, LANES, Verdict};
use crate::neuron::{self, Effects, Neuron};

const N_ACCUMULATORS: usize = 3;
const N_SLOTS: usize = 3;
const N_PORTS: usize = 2;

/// An instruction of a body by chance: what it does, its registers, a number, and whether that is its source.
type Chosen = (u8, u8, u8, u8, i32, bool);

#[derive(Debug)]
struct Case {
    n_registers: u8,
    word_bits: u32,
    accumulator_bits: u32,
    payload_bits: u32,
    chosen: Vec<Chosen>,
    /// Where there is a branch, how much of the rest it leaves out.
    branch: Option<usize>,
    n_vectors: usize,
    seeds: Vec<i32>,
}

fn number() -> impl Strategy<Value = i32> {
    let powers = (0..24_u32, -1..2_i32, any::<bool>()).prop_map(|(place, by, minus)| {
        let value = (1 << place) + by;
        if minus { -value } else { value }
    });
    prop_oneof![powers, -8_388_608..8_388_608_i32, -40..40_i32]
}

fn case() -> impl Strategy<Value = Case> {
    let chosen = (0..20_u8, any::<u8>(), any::<u8>(), any::<u8>(), number(), any::<bool>());
    let n_registers = prop_oneof![Just(3_u8), Just(9), Just(14)];
    let bits = |few: u32, many: u32| prop_oneof![Just(few), Just(many)];
    let shape = (n_registers, bits(16, 24), bits(24, 32), bits(16, 24));
    let chosen = proptest::collection::vec(chosen, 1..40);
    let branch = proptest::option::of(0..8_usize);
    (shape, chosen, branch, 1..6_usize, proptest::collection::vec(number(), 64)).prop_map(
        |((n_registers, word_bits, accumulator_bits, payload_bits), chosen, branch, n_vectors, seeds)| Case {
            n_registers,
            word_bits,
            accumulator_bits,
            payload_bits,
            chosen,
            branch,
            n_vectors,
            seeds,
        },
    )
}

impl Case {
    fn word(&self) -> Word {
        Word::new(self.word_bits).expect("a legal width")
    }

    fn body(&self) -> Body {
        let word = self.word();
        let mut text = String::from(".body chance\n");
        (0..N_ACCUMULATORS).for_each(|acc| writeln!(text, ".acc a{acc} in{acc}").expect("a string"));
        (0..N_SLOTS).for_each(|slot| writeln!(text, ".state s{slot} state{slot}").expect("a string"));
        (0..N_PORTS).for_each(|port| writeln!(text, ".port p{port} out{port}").expect("a string"));
        for register in 0..self.n_registers {
            match register % 3 {
                0 => writeln!(text, "RDC r{register}, a{}", usize::from(register / 3) % N_ACCUMULATORS),
                1 => writeln!(text, "RMW.LD r{register}, [s{}]", usize::from(register / 3) % N_SLOTS),
                _ => writeln!(
                    text,
                    "MOV r{register}, {}",
                    self.seeds[usize::from(register)].clamp(word.min(), word.max())
                ),
            }
            .expect("a string");
        }
        let n_before = self.chosen.len() - self.branch.unwrap_or(0).min(self.chosen.len());
        for (at, &chosen) in self.chosen.iter().enumerate() {
            if self.branch.is_some() && at == n_before {
                text.push_str("LT r0, r1\nJMP_C.t L0\n");
            }
            self.instruction(chosen, &mut text);
        }
        text.push_str("SPIKE p0, r1\nRMW.ST [s2], r0\n");
        if self.branch.is_some() {
            text.push_str("L0:\n");
        }
        assemble(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn instruction(&self, (what, rd, ra, rb, value, is_number): Chosen, text: &mut String) {
        let word = self.word();
        let [rd, ra, rb] = [rd, ra, rb].map(|register| register % self.n_registers);
        let imm = value.clamp(word.min(), word.max());
        let src = if is_number { imm.to_string() } else { format!("r{rb}") };
        let (slot, places) = (ra % 3, value.rem_euclid(24));
        let written = match what {
            0 => format!("RMW.LD r{rd}, [s{slot}]"),
            1 => format!("RMW.ST [s{slot}], r{rd}"),
            2 => format!("RMW.XCHG r{rd}, [s{slot}], r{rb}"),
            3 => format!("RMW.ADD r{rd}, [s{slot}], r{rb}"),
            4 => format!("RDC r{rd}, a{slot}"),
            5 => format!("MOV r{rd}, {src}"),
            6 => format!("LT r{ra}, {src}\nSEL r{rd}, r{rb}, {src}"),
            7 => format!("GE r{ra}, {src}\nSEL r{rd}, r{rb}, r{ra}"),
            8 => format!("EQ r{ra}, {src}\nSEL r{rd}, r{ra}, {src}"),
            9 => format!("AND r{rd}, r{ra}, {src}"),
            10 => format!("OR r{rd}, r{ra}, {src}"),
            11 => format!("SHL r{rd}, r{ra}, {}", places - 12),
            12 => format!("AND r{rd}, r{rd}, 15\nSHL r{ra}, r{rb}, r{rd}"),
            13 => format!("OR r{rd}, r{rd}, {}\nSHL r{ra}, r{rb}, r{rd}", word.min()),
            14 => format!("SHL r{rd}, r{ra}, {0}\nSHL r{rd}, r{rd}, -{0}", places % 14),
            15 => format!("NEG r{rd}, r{ra}\nMIN r{rb}, r{ra}, r{rd}"),
            16 => format!("MIN r{rd}, r{ra}, {src}"),
            17 => format!("ADD r{rd}, r{ra}, {src}"),
            18 => format!("MUL_SHR r{rd}, r{ra}, {src}, #{}", 2 * places),
            _ => format!("MUL_SHR.R r{rd}, r{ra}, {src}, #{}", 2 * places),
        };
        writeln!(text, "{written}").expect("a string");
    }

    /// What lane `lane` of array `array` holds.
    fn value(&self, array: usize, lane: usize, word: Word) -> i32 {
        let at = (31 * array + 7 * lane + lane * lane) % self.seeds.len();
        (self.seeds[at].wrapping_add(i32::try_from(lane / 5).expect("few lanes"))).clamp(word.min(), word.max())
    }
}

/// The last payload of each port.
#[derive(Default)]
struct Payloads([Option<i32>; N_PORTS]);

impl Effects for Payloads {
    fn spike(&mut self, _: &mut Events, port: PortId, payload: i32) -> Result<(), FaultKind> {
        self.0[port.index()] = Some(payload);
        Ok(())
    }

    fn probe(&mut self, _: ProbeId, _: i32) {}
}

fn check(case: &Case) -> Result<(), TestCaseError> {
    let Some(kernel) = Kernel::ALL.into_iter().find(|kernel| kernel.compiles() && kernel.is_available()) else {
        return Ok(());
    };
    let (body, word) = (case.body(), case.word());
    let accumulator = Word::new(case.accumulator_bits).expect("a legal width");
    // Nothing has arrived at the last accumulator.
    let present = 0b011;
    let path: &[bool] = if case.branch.is_some() { &[false] } else { &[] };
    let Some(trace) = Trace::new(&body, word, accumulator, case.payload_bits, present, path) else { return Ok(()) };
    let code = kernel.compile(&trace, word, case.payload_bits).expect("few registers");
    let n_lanes = LANES * case.n_vectors;
    let arrays = |first: usize, n: usize, word: Word| -> Vec<Vec<i32>> {
        let array = |array| (0..n_lanes).map(|lane| case.value(array, lane, word)).collect();
        (first..first + n).map(array).collect()
    };
    let (sums, slots) = (arrays(0, N_ACCUMULATORS, accumulator), arrays(N_ACCUMULATORS, N_SLOTS, word));
    let inputs = trace.sums.iter().map(|&acc| &*sums[acc]).chain(trace.read.iter().map(|&slot| &*slots[slot]));
    let mut outputs = vec![vec![-1; n_lanes]; trace.written.len() + trace.spikes.len()];
    let mut lost = vec![0; case.n_vectors];
    let verdict = code.run(&inputs.collect::<Vec<_>>(), &mut outputs, &mut lost);
    let mut registers = neuron::Scratch::new();
    let mut is_left = false;
    let mut n_saturated = 0;
    for lane in 0..n_lanes {
        let mut of_slots: Vec<i32> = slots.iter().map(|slot| slot[lane]).collect();
        let mut accumulators: Vec<i32> = sums.iter().map(|sum| sum[lane]).collect();
        accumulators[N_ACCUMULATORS - 1] = 0;
        let (mut events, mut payloads) = (Events::default(), Payloads::default());
        registers.begin();
        let mut neuron = Neuron { word, slots: &mut of_slots, accumulators: &mut accumulators, events: &mut events };
        neuron.run(&body, &mut registers, &mut payloads).expect("no fault");
        let is_beyond = |payload: &i32| {
            payload.unsigned_abs() > 1 << (case.payload_bits - 1) || *payload == 1 << (case.payload_bits - 1)
        };
        is_left |= events.instructions != trace.n_instructions || payloads.0.iter().flatten().any(is_beyond);
        n_saturated += events.register_saturations;
        if verdict == Verdict::Left {
            continue;
        }
        prop_assert_eq!(events.instructions, trace.n_instructions);
        for (written, output) in trace.written.iter().zip(&outputs) {
            prop_assert_eq!(output[lane], of_slots[written.slot], "slot {} of lane {}\n{}", written.slot, lane, body);
            let is_zero = match written.zero {
                Zero::Yes => true,
                Zero::Unknown => false,
                Zero::AsSlot(slot) => slots[slot][lane] == 0,
            };
            prop_assert!(!is_zero || output[lane] == 0);
        }
        for (slot, &now) in of_slots.iter().enumerate() {
            prop_assert!(now == slots[slot][lane] || trace.written.iter().any(|written| written.slot == slot));
        }
        for (spike, output) in trace.spikes.iter().zip(&outputs[trace.written.len()..]) {
            prop_assert_eq!(Some(output[lane]), payloads.0[spike.port.index()], "lane {}\n{}", lane, body);
        }
        let pair = 0b11 << (lane % LANES / 2 * 2);
        prop_assert!(events.register_saturations == 0 || lost[lane / LANES] & pair != 0, "lane {}\n{}", lane, body);
    }
    prop_assert_eq!(verdict == Verdict::Left, is_left, "{}", body);
    prop_assert!(is_left || n_saturated == 0 || verdict == Verdict::Saturated);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn machine_code_does_what_neurons_do(case in case()) {
        check(&case)?;
    }
}
