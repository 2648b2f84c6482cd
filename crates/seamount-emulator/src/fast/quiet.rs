//! What a neuron does that hears nothing.

use seamount_microcode::semantics::{self, Outcome, Word};
use seamount_microcode::{Body, Condition, Instr, Polarity, Reg, Rounding, Src};

/// What a neuron does whose accumulators are all zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quiet {
    /// How many instructions it executes.
    pub n_instructions: u64,
    /// It does nothing else as long as these slots hold zero; they still do afterwards.
    pub zero_slots: Vec<usize>,
}

/// What a neuron does whose accumulators are all zero, if it leaves every slot as it was, sends and shows nothing, and
/// saturates nothing: whatever its slots hold, but for those that must be zero. `None` if that cannot be told.
pub(super) fn quiet(body: &Body, word: Word) -> Option<Quiet> {
    let mut registers = [None; 256];
    let mut zero_slots = Vec::new();
    let mut flag = None;
    let mut pc = 0;
    let mut n = 0;
    while let Some(&instr) = body.instructions.get(pc) {
        n += 1;
        let at = pc;
        pc += 1;
        let known = |registers: &[Option<i32>; 256], reg: Reg| registers[reg.index()];
        let source = |registers: &[Option<i32>; 256], src| match src {
            Src::Reg(reg) => known(registers, reg),
            Src::Imm(value) => Some(value),
        };
        // What may lose bits must be known, so that it is known to lose none.
        let exact = |outcome: Outcome| (!outcome.saturated).then_some(Some(outcome.value));
        match instr {
            Instr::RmwLd { rd, .. } => registers[rd.index()] = None,
            Instr::Rdc { rd, .. } => registers[rd.index()] = Some(0),
            Instr::Mov { rd, src } => registers[rd.index()] = source(&registers, src),
            Instr::Sel { rd, ra, src } => {
                registers[rd.index()] = if flag? { known(&registers, ra) } else { source(&registers, src) };
            }
            Instr::And { rd, ra, src } => {
                registers[rd.index()] = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a & b);
            }
            Instr::Or { rd, ra, src } => {
                registers[rd.index()] = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a | b);
            }
            Instr::Min { rd, ra, src } => {
                registers[rd.index()] = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a.min(b));
            }
            Instr::Shl { rd, ra, src } => {
                let (a, b) = known(&registers, ra).zip(source(&registers, src))?;
                registers[rd.index()] = exact(semantics::shl(word, a, b))?;
            }
            Instr::Add { rd, ra, src } => {
                let (a, b) = known(&registers, ra).zip(source(&registers, src))?;
                registers[rd.index()] = exact(semantics::add(word, a, b))?;
            }
            Instr::Neg { rd, ra } => registers[rd.index()] = exact(semantics::neg(word, known(&registers, ra)?))?,
            Instr::MulShr { rd, ra, src, shift, rounding } => {
                let (a, b) = known(&registers, ra).zip(source(&registers, src))?;
                registers[rd.index()] = exact(match rounding {
                    Rounding::Floor => semantics::mul_shr(word, a, b, shift),
                    Rounding::HalfUp => semantics::mul_shr_round(word, a, b, shift),
                })?;
            }
            Instr::Lt { ra, src } => flag = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a < b),
            Instr::Ge { ra, src } => flag = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a >= b),
            Instr::Eq { ra, src } => flag = known(&registers, ra).zip(source(&registers, src)).map(|(a, b)| a == b),
            Instr::SkpC { when } => pc += usize::from(flag? == (when == Polarity::True)),
            Instr::JmpC { when, target, max: _ } => {
                let jumps = match when {
                    Condition::True => flag?,
                    Condition::False => !flag?,
                    Condition::Always => true,
                };
                if jumps {
                    pc = usize::from(target);
                    if pc <= at {
                        return None;
                    }
                }
            }
            // A line of slots through which sums wait for their steps.
            Instr::RmwXchg { rd, slot, ra } => {
                if known(&registers, ra)? != 0 {
                    return None;
                }
                zero_slots.push(slot.index());
                registers[rd.index()] = Some(0);
            }
            Instr::RmwSt { .. } | Instr::RmwAdd { .. } | Instr::Spike { .. } | Instr::Probe { .. } => return None,
        }
    }
    Some(Quiet { n_instructions: n, zero_slots })
}
