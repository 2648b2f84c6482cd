//! A way through a body that all its neurons take, as a straight line of operations.
//!
//! Which branches are taken depends on little more than on which accumulators anything has arrived at. So the ways that
//! neurons have taken together are compiled, each with the assumption that all take it again: a [`Op::Guard`] finds out
//! when one does not. Bounds of every register are followed along the line, so that what cannot saturate, or is too narrow
//! to be too wide, is not looked at.

#![cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only x86-64 has an assembler"))]

mod bounds;
mod build;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

use seamount_microcode::PortId;

/// A straight line through a body.
#[derive(Debug)]
pub(super) struct Trace {
    /// What is to be computed.
    pub ops: Vec<Op>,
    pub n_registers: usize,
    /// The slots that are read before they are written, if they are.
    pub read: Vec<usize>,
    /// The slots that are written.
    pub written: Vec<Written>,
    /// The accumulators that are read; nothing is left in them.
    pub sums: Vec<usize>,
    /// What is sent, and the address of each `SPIKE`.
    pub spikes: Vec<Emitted>,
    /// Instructions of a lane, branches among them.
    pub n_instructions: u64,
}

/// By accumulator, whether it may hold anything but zeros.
pub(super) type Present = u32;

/// What a slot holds at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub slot: usize,
    pub zero: Zero,
}

/// Whether all lanes of something hold zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zero {
    Yes,
    Unknown,
    /// If a slot did at the beginning.
    AsSlot(usize),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Emitted {
    pub port: PortId,
    pub pc: usize,
}

/// A register, or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Reg(usize),
    Number(i32),
}

/// An operation on a lane. Registers are those of the microcode. Where an operation is `checked` its exact result may not
/// fit the word; it is then saturated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// What has arrived for an accumulator.
    Sum {
        rd: usize,
        acc: usize,
        checked: bool,
    },
    /// What a slot held at the beginning, or what was stored in it since.
    Load {
        rd: usize,
        slot: usize,
        is_new: bool,
    },
    Store {
        slot: usize,
        a: Operand,
    },
    Set {
        rd: usize,
        a: Operand,
    },
    /// By the flag.
    Select {
        rd: usize,
        a: Operand,
        b: Operand,
    },
    And {
        rd: usize,
        a: usize,
        b: Operand,
    },
    Or {
        rd: usize,
        a: usize,
        b: Operand,
    },
    Min {
        rd: usize,
        a: usize,
        b: Operand,
    },
    Add {
        rd: usize,
        a: usize,
        b: Operand,
        checked: bool,
    },
    Neg {
        rd: usize,
        a: usize,
        checked: bool,
    },
    /// The nearest of the numbers from `low` to `high`; checked, because it is two shifts.
    Clamp {
        rd: usize,
        a: usize,
        low: i32,
        high: i32,
    },
    /// By fewer places than the word has bits.
    Left {
        rd: usize,
        a: usize,
        places: u32,
        checked: bool,
    },
    /// By a register, 0 to one place fewer than the word has bits.
    LeftBy {
        rd: usize,
        a: Operand,
        places: usize,
        checked: bool,
    },
    Right {
        rd: usize,
        a: usize,
        places: u32,
    },
    /// By what a register is below zero, which it never is above.
    RightBy {
        rd: usize,
        a: Operand,
        minus_places: usize,
    },
    MulShr {
        rd: usize,
        a: usize,
        b: Operand,
        shift: u8,
        rounds: bool,
        check: Check,
    },
    /// Sets the flag.
    Compare {
        how: Compare,
        a: usize,
        b: Operand,
    },
    /// All lanes have this flag.
    Guard {
        flag: bool,
    },
    /// The `at`th of the spikes; if it is checked, all payloads have as few bits as they may.
    Spike {
        at: usize,
        a: Operand,
        checked: bool,
    },
}

/// How wide a product is after its shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It fits the word.
    None,
    /// It fits 32 bits.
    Narrow,
    /// It fits 64 bits.
    Wide,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Lt,
    Ge,
    Eq,
}

impl Op {
    /// Whether it may saturate.
    pub(super) fn is_checked(&self) -> bool {
        match *self {
            Self::Sum { checked, .. }
            | Self::Add { checked, .. }
            | Self::Neg { checked, .. }
            | Self::Left { checked, .. }
            | Self::LeftBy { checked, .. } => checked,
            Self::MulShr { check, .. } => check != Check::None,
            Self::Clamp { .. } => true,
            Self::Load { .. }
            | Self::Store { .. }
            | Self::Set { .. }
            | Self::Select { .. }
            | Self::And { .. }
            | Self::Or { .. }
            | Self::Min { .. }
            | Self::Right { .. }
            | Self::RightBy { .. }
            | Self::Compare { .. }
            | Self::Guard { .. }
            | Self::Spike { .. } => false,
        }
    }
}
