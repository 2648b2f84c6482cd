//! Text, bytes and bodies stand for each other.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use seamount_microcode::semantics::Word;
use seamount_microcode::{
    AccId, Body, Condition, Instr, Machine, Polarity, PortId, ProbeId, Reg, Rounding, Slot, SlotDecl, SlotKind, Src,
    assemble, decode, encode, library, verify,
};

fn machine() -> Machine {
    Machine { word: Word::new(24).expect("24 is a width"), n_registers: 16 }
}

fn src() -> impl Strategy<Value = Src> {
    prop_oneof![any::<u8>().prop_map(|n| Src::Reg(Reg(n))), (-(1 << 23)..(1 << 23)).prop_map(Src::Imm)]
}

fn instr() -> impl Strategy<Value = Instr> {
    let rounding = prop_oneof![Just(Rounding::Floor), Just(Rounding::HalfUp)];
    let polarity = prop_oneof![Just(Polarity::True), Just(Polarity::False)];
    let condition = prop_oneof![Just(Condition::True), Just(Condition::False), Just(Condition::Always)];
    let operands = (any::<u8>(), any::<u8>(), any::<u8>(), src(), rounding, polarity);
    let jump = (condition, any::<u16>(), option::of(1..=u16::MAX));
    (0..20, operands, jump).prop_map(|(kind, (d, a, id, src, rounding, polarity), (when, target, max))| {
        let (rd, ra, slot) = (Reg(d), Reg(a), Slot(id));
        match kind {
            0 => Instr::RmwLd { rd, slot },
            1 => Instr::RmwSt { slot, ra },
            2 => Instr::RmwXchg { rd, slot, ra },
            3 => Instr::RmwAdd { rd, slot, ra },
            4 => Instr::Rdc { rd, acc: AccId(id) },
            5 => Instr::Mov { rd, src },
            6 => Instr::Sel { rd, ra, src },
            7 => Instr::And { rd, ra, src },
            8 => Instr::Or { rd, ra, src },
            9 => Instr::Shl { rd, ra, src },
            10 => Instr::Add { rd, ra, src },
            11 => Instr::Neg { rd, ra },
            12 => Instr::Min { rd, ra, src },
            13 => Instr::MulShr { rd, ra, src, shift: id, rounding },
            14 => Instr::Lt { ra, src },
            15 => Instr::Ge { ra, src },
            16 => Instr::Eq { ra, src },
            17 => Instr::SkpC { when: polarity },
            18 => Instr::JmpC { when, target: target % 64, max },
            _ if d % 2 == 0 => Instr::Spike { port: PortId(id), ra },
            _ => Instr::Probe { probe: ProbeId(id), ra },
        }
    })
}

fn names(prefix: &'static str) -> impl Strategy<Value = Vec<String>> {
    (0..5_usize).prop_map(move |n| (0..n).map(|i| format!("{prefix}.{i}")).collect())
}

fn body() -> impl Strategy<Value = Body> {
    let kind = prop_oneof![Just(SlotKind::Param), Just(SlotKind::State)];
    let declarations = (names("acc"), vec(kind, 0..6), names("port"), names("probe"));
    (declarations, vec(instr(), 0..60)).prop_map(|((accumulators, kinds, ports, probes), instructions)| Body {
        name: "layers.0.gate-up".to_owned(),
        accumulators,
        slots: (0..).zip(kinds).map(|(i, kind)| SlotDecl { name: format!("word_{i}"), kind }).collect(),
        ports,
        probes,
        instructions,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instruction_decodes_from_its_bytes(instr in instr()) {
        prop_assert_eq!(decode(encode(&instr)), Ok(instr));
    }

    #[test]
    fn bytes_that_decode_are_the_ones_that_encode(bytes in any::<[u8; 8]>(), op in 0..0x42_u8, kind in 0..3_u8) {
        let bytes = [op, bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], kind];
        if let Ok(instr) = decode(bytes) {
            prop_assert_eq!(encode(&instr), bytes);
        }
    }

    #[test]
    fn a_body_assembles_from_its_disassembly(body in body()) {
        let text = body.to_string();
        let again = assemble(&text).unwrap();
        prop_assert_eq!(&again, &body);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn the_assembler_survives_any_text(text in "(\\.body x\n)?([A-Za-z0-9_.@#,:;\\[\\] \n-]|JMP_C.t |MUL_SHR |\\.acc ){0,60}") {
        let _ = assemble(&text);
    }

    #[test]
    fn the_verifier_survives_any_body(body in body()) {
        let _ = verify(body, &machine());
    }
}

#[test]
fn library_bodies_are_valid_and_canonical_after_one_round() {
    let body = assemble(library::LAVA_INV_SQRT).unwrap();
    assert_eq!(assemble(&body.to_string()).unwrap(), body);
    verify(body, &machine()).unwrap();
}

#[test]
fn disassembly_reads_like_this() {
    insta::assert_snapshot!(assemble(library::LAVA_INV_SQRT).unwrap().to_string());
}
