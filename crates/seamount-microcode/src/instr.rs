//! The instructions and their operands.

use std::fmt;

use crate::{AccId, PortId, ProbeId, Reg, Slot};

/// One instruction. The exact arithmetic is in [`semantics`](crate::semantics).
///
/// `rd` is the register that is written, `ra` one that is read, `src` a register or an immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are the operands that the variant's own line names")]
pub enum Instr {
    /// `rd = [slot]`
    RmwLd { rd: Reg, slot: Slot },
    /// `[slot] = ra`
    RmwSt { slot: Slot, ra: Reg },
    /// `rd, [slot] = [slot], ra`: the old word out, the new one in.
    RmwXchg { rd: Reg, slot: Slot, ra: Reg },
    /// `rd = [slot] = saturate([slot] + ra)`
    RmwAdd { rd: Reg, slot: Slot, ra: Reg },
    /// `rd, acc = acc, 0`: reads and clears a dendritic accumulator.
    Rdc { rd: Reg, acc: AccId },
    /// `rd = src`
    Mov { rd: Reg, src: Src },
    /// `rd = flag ? ra : src`
    Sel { rd: Reg, ra: Reg, src: Src },
    /// `rd = ra & src`
    And { rd: Reg, ra: Reg, src: Src },
    /// `rd = ra | src`
    Or { rd: Reg, ra: Reg, src: Src },
    /// `rd = saturate(ra << src)`, or `ra >> -src` (floor) where `src` is negative.
    Shl { rd: Reg, ra: Reg, src: Src },
    /// `rd = saturate(ra + src)`
    Add { rd: Reg, ra: Reg, src: Src },
    /// `rd = saturate(-ra)`
    Neg { rd: Reg, ra: Reg },
    /// `rd = min(ra, src)`
    Min { rd: Reg, ra: Reg, src: Src },
    /// `rd = saturate((ra * src) >> shift)` on the exact product.
    MulShr { rd: Reg, ra: Reg, src: Src, shift: u8, rounding: Rounding },
    /// `flag = ra < src`
    Lt { ra: Reg, src: Src },
    /// `flag = ra >= src`
    Ge { ra: Reg, src: Src },
    /// `flag = ra == src`
    Eq { ra: Reg, src: Src },
    /// Skips the next instruction if the flag has this polarity.
    SkpC { when: Polarity },
    /// Goes on at the instruction with address `target` if the condition holds; `target` = number of instructions ends
    /// the run. `max` bounds how often a backward jump is taken in one neuron's run.
    JmpC { when: Condition, target: u16, max: Option<u16> },
    /// Sends `ra` as a graded spike to the port's destinations; a zero is not sent.
    Spike { port: PortId, ra: Reg },
    /// Shows `ra` to whoever observes the run; changes nothing.
    Probe { probe: ProbeId, ra: Reg },
}

/// A register or an immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Src {
    /// The value of a register.
    Reg(Reg),
    /// A 24-bit signed immediate.
    Imm(i32),
}

/// How `MUL_SHR` disposes of the bits that it shifts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rounding {
    /// `MUL_SHR`: towards minus infinity.
    Floor,
    /// `MUL_SHR.R`: to nearest, halves towards plus infinity.
    HalfUp,
}

/// The value that the flag must have for `SKP_C` to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// `.t`
    True,
    /// `.f`
    False,
}

/// When `JMP_C` jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// `.t`: the flag is true.
    True,
    /// `.f`: the flag is false.
    False,
    /// `.a`: always; the flag is not read.
    Always,
}

impl Instr {
    /// The register that the instruction writes.
    pub fn written_register(&self) -> Option<Reg> {
        match *self {
            Self::RmwLd { rd, .. }
            | Self::RmwXchg { rd, .. }
            | Self::RmwAdd { rd, .. }
            | Self::Rdc { rd, .. }
            | Self::Mov { rd, .. }
            | Self::Sel { rd, .. }
            | Self::And { rd, .. }
            | Self::Or { rd, .. }
            | Self::Shl { rd, .. }
            | Self::Add { rd, .. }
            | Self::Neg { rd, .. }
            | Self::Min { rd, .. }
            | Self::MulShr { rd, .. } => Some(rd),
            Self::RmwSt { .. }
            | Self::Lt { .. }
            | Self::Ge { .. }
            | Self::Eq { .. }
            | Self::SkpC { .. }
            | Self::JmpC { .. }
            | Self::Spike { .. }
            | Self::Probe { .. } => None,
        }
    }

    /// The registers that the instruction reads.
    pub fn read_registers(&self) -> impl Iterator<Item = Reg> {
        let ra = match *self {
            Self::RmwSt { ra, .. }
            | Self::RmwXchg { ra, .. }
            | Self::RmwAdd { ra, .. }
            | Self::Sel { ra, .. }
            | Self::And { ra, .. }
            | Self::Or { ra, .. }
            | Self::Shl { ra, .. }
            | Self::Add { ra, .. }
            | Self::Neg { ra, .. }
            | Self::Min { ra, .. }
            | Self::MulShr { ra, .. }
            | Self::Lt { ra, .. }
            | Self::Ge { ra, .. }
            | Self::Eq { ra, .. }
            | Self::Spike { ra, .. }
            | Self::Probe { ra, .. } => Some(ra),
            Self::RmwLd { .. } | Self::Rdc { .. } | Self::Mov { .. } | Self::SkpC { .. } | Self::JmpC { .. } => None,
        };
        let src = match self.src() {
            Some(Src::Reg(reg)) => Some(reg),
            Some(Src::Imm(_)) | None => None,
        };
        ra.into_iter().chain(src)
    }

    /// The operand that may be an immediate.
    pub fn src(&self) -> Option<Src> {
        match *self {
            Self::Mov { src, .. }
            | Self::Sel { src, .. }
            | Self::And { src, .. }
            | Self::Or { src, .. }
            | Self::Shl { src, .. }
            | Self::Add { src, .. }
            | Self::Min { src, .. }
            | Self::MulShr { src, .. }
            | Self::Lt { src, .. }
            | Self::Ge { src, .. }
            | Self::Eq { src, .. } => Some(src),
            Self::RmwLd { .. }
            | Self::RmwSt { .. }
            | Self::RmwXchg { .. }
            | Self::RmwAdd { .. }
            | Self::Rdc { .. }
            | Self::Neg { .. }
            | Self::SkpC { .. }
            | Self::JmpC { .. }
            | Self::Spike { .. }
            | Self::Probe { .. } => None,
        }
    }

    /// Whether the instruction reads the condition flag.
    pub fn reads_flag(&self) -> bool {
        match self {
            Self::Sel { .. } | Self::SkpC { .. } => true,
            Self::JmpC { when, .. } => *when != Condition::Always,
            Self::RmwLd { .. }
            | Self::RmwSt { .. }
            | Self::RmwXchg { .. }
            | Self::RmwAdd { .. }
            | Self::Rdc { .. }
            | Self::Mov { .. }
            | Self::And { .. }
            | Self::Or { .. }
            | Self::Shl { .. }
            | Self::Add { .. }
            | Self::Neg { .. }
            | Self::Min { .. }
            | Self::MulShr { .. }
            | Self::Lt { .. }
            | Self::Ge { .. }
            | Self::Eq { .. }
            | Self::Spike { .. }
            | Self::Probe { .. } => false,
        }
    }

    /// Whether the instruction sets the condition flag.
    pub fn writes_flag(&self) -> bool {
        matches!(self, Self::Lt { .. } | Self::Ge { .. } | Self::Eq { .. })
    }

    /// The mnemonic with its suffix.
    pub fn mnemonic(&self) -> &'static str {
        match self {
            Self::RmwLd { .. } => "RMW.LD",
            Self::RmwSt { .. } => "RMW.ST",
            Self::RmwXchg { .. } => "RMW.XCHG",
            Self::RmwAdd { .. } => "RMW.ADD",
            Self::Rdc { .. } => "RDC",
            Self::Mov { .. } => "MOV",
            Self::Sel { .. } => "SEL",
            Self::And { .. } => "AND",
            Self::Or { .. } => "OR",
            Self::Shl { .. } => "SHL",
            Self::Add { .. } => "ADD",
            Self::Neg { .. } => "NEG",
            Self::Min { .. } => "MIN",
            Self::MulShr { rounding: Rounding::Floor, .. } => "MUL_SHR",
            Self::MulShr { rounding: Rounding::HalfUp, .. } => "MUL_SHR.R",
            Self::Lt { .. } => "LT",
            Self::Ge { .. } => "GE",
            Self::Eq { .. } => "EQ",
            Self::SkpC { when: Polarity::True } => "SKP_C.t",
            Self::SkpC { when: Polarity::False } => "SKP_C.f",
            Self::JmpC { when: Condition::True, .. } => "JMP_C.t",
            Self::JmpC { when: Condition::False, .. } => "JMP_C.f",
            Self::JmpC { when: Condition::Always, .. } => "JMP_C.a",
            Self::Spike { .. } => "SPIKE",
            Self::Probe { .. } => "PROBE",
        }
    }
}

/// The assembly text, but for a jump's target, which is printed as an address: `JMP_C.t @12 max 3`.
impl fmt::Display for Instr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mnemonic())?;
        match *self {
            Self::RmwLd { rd, slot } => write!(f, " {rd}, [{slot}]"),
            Self::RmwSt { slot, ra } => write!(f, " [{slot}], {ra}"),
            Self::RmwXchg { rd, slot, ra } | Self::RmwAdd { rd, slot, ra } => write!(f, " {rd}, [{slot}], {ra}"),
            Self::Rdc { rd, acc } => write!(f, " {rd}, {acc}"),
            Self::Mov { rd, src } => write!(f, " {rd}, {src}"),
            Self::Neg { rd, ra } => write!(f, " {rd}, {ra}"),
            Self::Sel { rd, ra, src }
            | Self::And { rd, ra, src }
            | Self::Or { rd, ra, src }
            | Self::Shl { rd, ra, src }
            | Self::Add { rd, ra, src }
            | Self::Min { rd, ra, src } => write!(f, " {rd}, {ra}, {src}"),
            Self::MulShr { rd, ra, src, shift, rounding: _ } => write!(f, " {rd}, {ra}, {src}, #{shift}"),
            Self::Lt { ra, src } | Self::Ge { ra, src } | Self::Eq { ra, src } => write!(f, " {ra}, {src}"),
            Self::SkpC { when: _ } => Ok(()),
            Self::JmpC { when: _, target, max } => {
                write!(f, " @{target}")?;
                max.map_or(Ok(()), |max| write!(f, " max {max}"))
            }
            Self::Spike { port, ra } => write!(f, " {port}, {ra}"),
            Self::Probe { probe, ra } => write!(f, " {probe}, {ra}"),
        }
    }
}

impl fmt::Display for Src {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reg(reg) => reg.fmt(f),
            Self::Imm(value) => value.fmt(f),
        }
    }
}

impl From<Reg> for Src {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Src {
    fn from(value: i32) -> Self {
        Self::Imm(value)
    }
}
