//! Registers of the machine for virtual ones: a linear scan over straight-line code.
//!
//! Source: Poletto and Sarkar, "Linear Scan Register Allocation", 1999. Ours spills nothing: what needs too many
//! registers is selected anew in another order, or refused.

use std::collections::BTreeSet;

use seamount_ir::kernel::Compare;
use seamount_microcode::{Condition, Instr, Reg, Src};

use super::select::{Instruction, Operation, Source};

/// Gives each virtual register a number, the lowest free one, and frees it at its last use.
///
/// Returns the instructions with those numbers, and how many numbers are in use.
pub(super) fn allocate(code: &[Instruction]) -> (Vec<Instruction>, usize) {
    let n_virtual = code.iter().filter_map(|instruction| instruction.rd).max().map_or(0, |last| last + 1);
    let mut last_use = vec![None; n_virtual];
    for (at, instruction) in code.iter().enumerate() {
        for register in reads(instruction) {
            last_use[register] = Some(at);
        }
    }
    let mut physical = vec![usize::MAX; n_virtual];
    let mut free = BTreeSet::new();
    let mut n_used = 0;
    let mut allocated = Vec::with_capacity(code.len());
    for (at, instruction) in code.iter().enumerate() {
        let ra = instruction.ra.map(|register| physical[register]);
        let src = instruction.src.map(|src| match src {
            Source::Register(register) => Source::Register(physical[register]),
            Source::Immediate(_) => src,
        });
        // Operands are read before the result is written, so that the result may take the place of one.
        free.extend(reads(instruction).filter(|&register| last_use[register] == Some(at)).map(|r| physical[r]));
        let rd = instruction.rd.map(|register| {
            let number = free.pop_first().unwrap_or_else(|| {
                n_used += 1;
                n_used - 1
            });
            physical[register] = number;
            if last_use[register].is_none() {
                free.insert(number);
            }
            number
        });
        allocated.push(Instruction { operation: instruction.operation, rd, ra, src });
    }
    (allocated, n_used)
}

/// The machine's instructions. All registers fit, which the caller has checked.
pub(super) fn finish(code: &[Instruction]) -> Vec<Instr> {
    let end = u16::try_from(code.len()).expect("invariant: the length was checked");
    code.iter().map(|instruction| instr(instruction, end)).collect()
}

fn reads(instruction: &Instruction) -> impl Iterator<Item = usize> {
    let src = match instruction.src {
        Some(Source::Register(register)) => Some(register),
        Some(Source::Immediate(_)) | None => None,
    };
    instruction.ra.into_iter().chain(src)
}

fn instr(instruction: &Instruction, end: u16) -> Instr {
    let reg = |number: Option<usize>| {
        let number = number.expect("invariant: the selector gives every operation its operands");
        Reg(u8::try_from(number).expect("invariant: the caller checked the number of registers"))
    };
    let (rd, ra) = (|| reg(instruction.rd), || reg(instruction.ra));
    let src = || match instruction.src.expect("invariant: the selector gives every operation its operands") {
        Source::Register(number) => Src::Reg(reg(Some(number))),
        Source::Immediate(value) => Src::Imm(value),
    };
    match instruction.operation {
        Operation::Load(slot) => Instr::RmwLd { rd: rd(), slot },
        Operation::Store(slot) => Instr::RmwSt { slot, ra: ra() },
        Operation::Exchange(slot) => Instr::RmwXchg { rd: rd(), slot, ra: ra() },
        Operation::ReadAndClear(acc) => Instr::Rdc { rd: rd(), acc },
        Operation::Move => Instr::Mov { rd: rd(), src: src() },
        Operation::Select => Instr::Sel { rd: rd(), ra: ra(), src: src() },
        Operation::And => Instr::And { rd: rd(), ra: ra(), src: src() },
        Operation::Or => Instr::Or { rd: rd(), ra: ra(), src: src() },
        Operation::ShiftLeft => Instr::Shl { rd: rd(), ra: ra(), src: src() },
        Operation::Add => Instr::Add { rd: rd(), ra: ra(), src: src() },
        Operation::Negate => Instr::Neg { rd: rd(), ra: ra() },
        Operation::Min => Instr::Min { rd: rd(), ra: ra(), src: src() },
        Operation::MultiplyShift(shift, rounding) => Instr::MulShr { rd: rd(), ra: ra(), src: src(), shift, rounding },
        Operation::Compare(Compare::Lt) => Instr::Lt { ra: ra(), src: src() },
        Operation::Compare(Compare::Ge) => Instr::Ge { ra: ra(), src: src() },
        Operation::Compare(Compare::Eq) => Instr::Eq { ra: ra(), src: src() },
        Operation::Exit => Instr::JmpC { when: Condition::True, target: end, max: None },
        Operation::Spike(port) => Instr::Spike { port, ra: ra() },
        Operation::Probe(probe) => Instr::Probe { probe, ra: ra() },
    }
}
