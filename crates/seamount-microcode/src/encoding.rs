//! The binary form of an instruction: eight bytes, one form for each instruction.
//!
//! | byte | holds |
//! |---|---|
//! | 0 | operation, see `docs/microcode.md` |
//! | 1 | `rd` |
//! | 2 | `ra` |
//! | 3 | slot, accumulator, port or probe id; or the shift of `MUL_SHR` |
//! | 4..7 | immediate, 24-bit two's complement, little endian; or the register number of `src` |
//! | 7 | kind of `src`: 0 none, 1 register, 2 immediate |
//!
//! `JMP_C` holds its target in bytes 4..6 and `max` in bytes 6..8, both little endian; a `max` of 0 means none. Bytes that
//! an instruction does not use are zero, and [`decode`] insists on it, so that equal instructions have equal bytes.

use thiserror::Error;

use crate::{AccId, Condition, Instr, Polarity, PortId, ProbeId, Reg, Rounding, Slot, Src};

/// Bytes of an encoded instruction.
pub const INSTRUCTION_WORD_BYTES: usize = 8;

const SRC_REG: u8 = 1;
const SRC_IMM: u8 = 2;

/// Why eight bytes are no instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Byte 0 names no operation.
    #[error("byte 0 is {0:#04x}, which is no operation")]
    Operation(u8),
    /// Byte 7 names no kind of source operand.
    #[error("byte 7 is {0}, which is no kind of source operand")]
    SourceKind(u8),
    /// The fields decode, but the bytes are not those that encoding gives.
    #[error("bytes that the instruction does not use are not zero")]
    NotCanonical,
}

/// The bytes of an instruction. Immediates keep their low 24 bits; the verifier has checked that they need no more.
pub fn encode(instr: &Instr) -> [u8; INSTRUCTION_WORD_BYTES] {
    let fields = match *instr {
        Instr::RmwLd { rd, slot } => Fields { op: 0x01, rd: rd.0, aux: slot.0, ..Fields::default() },
        Instr::RmwSt { slot, ra } => Fields { op: 0x02, ra: ra.0, aux: slot.0, ..Fields::default() },
        Instr::RmwXchg { rd, slot, ra } => Fields { op: 0x03, rd: rd.0, ra: ra.0, aux: slot.0, ..Fields::default() },
        Instr::RmwAdd { rd, slot, ra } => Fields { op: 0x04, rd: rd.0, ra: ra.0, aux: slot.0, ..Fields::default() },
        Instr::Rdc { rd, acc } => Fields { op: 0x05, rd: rd.0, aux: acc.0, ..Fields::default() },
        Instr::Mov { rd, src } => Fields { op: 0x10, rd: rd.0, ..Fields::with_src(src) },
        Instr::Sel { rd, ra, src } => Fields { op: 0x11, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::And { rd, ra, src } => Fields { op: 0x12, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::Or { rd, ra, src } => Fields { op: 0x13, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::Shl { rd, ra, src } => Fields { op: 0x14, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::Add { rd, ra, src } => Fields { op: 0x15, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::Neg { rd, ra } => Fields { op: 0x16, rd: rd.0, ra: ra.0, ..Fields::default() },
        Instr::Min { rd, ra, src } => Fields { op: 0x17, rd: rd.0, ra: ra.0, ..Fields::with_src(src) },
        Instr::MulShr { rd, ra, src, shift, rounding } => {
            let op = match rounding {
                Rounding::Floor => 0x18,
                Rounding::HalfUp => 0x19,
            };
            Fields { op, rd: rd.0, ra: ra.0, aux: shift, ..Fields::with_src(src) }
        }
        Instr::Lt { ra, src } => Fields { op: 0x20, ra: ra.0, ..Fields::with_src(src) },
        Instr::Ge { ra, src } => Fields { op: 0x21, ra: ra.0, ..Fields::with_src(src) },
        Instr::Eq { ra, src } => Fields { op: 0x22, ra: ra.0, ..Fields::with_src(src) },
        Instr::SkpC { when: Polarity::True } => Fields { op: 0x30, ..Fields::default() },
        Instr::SkpC { when: Polarity::False } => Fields { op: 0x31, ..Fields::default() },
        Instr::JmpC { when, target, max } => {
            let op = match when {
                Condition::True => 0x32,
                Condition::False => 0x33,
                Condition::Always => 0x34,
            };
            let [t0, t1] = target.to_le_bytes();
            let [m0, m1] = max.unwrap_or(0).to_le_bytes();
            Fields { op, tail: [t0, t1, m0, m1], ..Fields::default() }
        }
        Instr::Spike { port, ra } => Fields { op: 0x40, ra: ra.0, aux: port.0, ..Fields::default() },
        Instr::Probe { probe, ra } => Fields { op: 0x41, ra: ra.0, aux: probe.0, ..Fields::default() },
    };
    fields.to_bytes()
}

/// The instruction that encodes to `bytes`.
///
/// # Errors
/// [`DecodeError`] if there is none.
pub fn decode(bytes: [u8; INSTRUCTION_WORD_BYTES]) -> Result<Instr, DecodeError> {
    let [op, rd, ra, aux, t0, t1, t2, t3] = bytes;
    let (rd, ra) = (Reg(rd), Reg(ra));
    let (slot, acc, port, probe) = (Slot(aux), AccId(aux), PortId(aux), ProbeId(aux));
    let src = || match t3 {
        SRC_REG => Ok(Src::Reg(Reg(t0))),
        SRC_IMM => Ok(Src::Imm(i32::from_le_bytes([0, t0, t1, t2]) >> 8)),
        other => Err(DecodeError::SourceKind(other)),
    };
    let jump = |when| {
        let max = u16::from_le_bytes([t2, t3]);
        Instr::JmpC { when, target: u16::from_le_bytes([t0, t1]), max: (max != 0).then_some(max) }
    };
    let instr = match op {
        0x01 => Instr::RmwLd { rd, slot },
        0x02 => Instr::RmwSt { slot, ra },
        0x03 => Instr::RmwXchg { rd, slot, ra },
        0x04 => Instr::RmwAdd { rd, slot, ra },
        0x05 => Instr::Rdc { rd, acc },
        0x10 => Instr::Mov { rd, src: src()? },
        0x11 => Instr::Sel { rd, ra, src: src()? },
        0x12 => Instr::And { rd, ra, src: src()? },
        0x13 => Instr::Or { rd, ra, src: src()? },
        0x14 => Instr::Shl { rd, ra, src: src()? },
        0x15 => Instr::Add { rd, ra, src: src()? },
        0x16 => Instr::Neg { rd, ra },
        0x17 => Instr::Min { rd, ra, src: src()? },
        0x18 => Instr::MulShr { rd, ra, src: src()?, shift: aux, rounding: Rounding::Floor },
        0x19 => Instr::MulShr { rd, ra, src: src()?, shift: aux, rounding: Rounding::HalfUp },
        0x20 => Instr::Lt { ra, src: src()? },
        0x21 => Instr::Ge { ra, src: src()? },
        0x22 => Instr::Eq { ra, src: src()? },
        0x30 => Instr::SkpC { when: Polarity::True },
        0x31 => Instr::SkpC { when: Polarity::False },
        0x32 => jump(Condition::True),
        0x33 => jump(Condition::False),
        0x34 => jump(Condition::Always),
        0x40 => Instr::Spike { port, ra },
        0x41 => Instr::Probe { probe, ra },
        other => return Err(DecodeError::Operation(other)),
    };
    if encode(&instr) == bytes { Ok(instr) } else { Err(DecodeError::NotCanonical) }
}

#[derive(Default)]
struct Fields {
    op: u8,
    rd: u8,
    ra: u8,
    aux: u8,
    tail: [u8; 4],
}

impl Fields {
    fn with_src(src: Src) -> Self {
        let tail = match src {
            Src::Reg(reg) => [reg.0, 0, 0, SRC_REG],
            Src::Imm(value) => {
                let [b0, b1, b2, _] = value.to_le_bytes();
                [b0, b1, b2, SRC_IMM]
            }
        };
        Self { tail, ..Self::default() }
    }

    fn to_bytes(&self) -> [u8; INSTRUCTION_WORD_BYTES] {
        let [t0, t1, t2, t3] = self.tail;
        [self.op, self.rd, self.ra, self.aux, t0, t1, t2, t3]
    }
}
