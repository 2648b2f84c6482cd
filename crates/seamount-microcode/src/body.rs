//! A body: the microcode of one neuron group, with what it declares.

use crate::{AccId, Instr, PortId, ProbeId, Slot};

/// The microcode of a neuron group.
///
/// Every neuron of the group runs `instructions` once a step, from the first to past the last. Operands are numbers
/// into the declarations; the names are for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// What the body is called in text and reports.
    pub name: String,
    /// Names of the dendritic accumulators, by [`AccId`].
    pub accumulators: Vec<String>,
    /// The words of memory that each neuron has, by [`Slot`].
    pub slots: Vec<SlotDecl>,
    /// Names of the output ports, by [`PortId`].
    pub ports: Vec<String>,
    /// Names of the probes, by [`ProbeId`].
    pub probes: Vec<String>,
    /// The instructions, in the order of their addresses.
    pub instructions: Vec<Instr>,
}

/// One word of a neuron's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotDecl {
    /// What the slot is called in text and reports.
    pub name: String,
    /// Whether microcode may write it.
    pub kind: SlotKind,
}

/// Whether microcode may write a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// Set when the program is loaded, then only read.
    Param,
    /// Set when the program is loaded, read and written by the neuron.
    State,
}

impl Body {
    /// The declared name of an accumulator.
    pub fn accumulator_name(&self, acc: AccId) -> Option<&str> {
        self.accumulators.get(acc.index()).map(String::as_str)
    }

    /// The declared name of a slot.
    pub fn slot_name(&self, slot: Slot) -> Option<&str> {
        self.slots.get(slot.index()).map(|decl| decl.name.as_str())
    }

    /// The declared name of a port.
    pub fn port_name(&self, port: PortId) -> Option<&str> {
        self.ports.get(port.index()).map(String::as_str)
    }

    /// The declared name of a probe.
    pub fn probe_name(&self, probe: ProbeId) -> Option<&str> {
        self.probes.get(probe.index()).map(String::as_str)
    }

    /// The accumulator declared under `name`.
    pub fn accumulator(&self, name: &str) -> Option<AccId> {
        position(self.accumulators.iter().map(String::as_str), name).map(AccId)
    }

    /// The slot declared under `name`.
    pub fn slot(&self, name: &str) -> Option<Slot> {
        position(self.slots.iter().map(|decl| decl.name.as_str()), name).map(Slot)
    }

    /// The port declared under `name`.
    pub fn port(&self, name: &str) -> Option<PortId> {
        position(self.ports.iter().map(String::as_str), name).map(PortId)
    }

    /// The probe declared under `name`.
    pub fn probe(&self, name: &str) -> Option<ProbeId> {
        position(self.probes.iter().map(String::as_str), name).map(ProbeId)
    }
}

/// Whether `text` may name a body, accumulator, slot, port, probe or label: a letter or `_`, then letters, digits, `_`,
/// `.` or `-`; not of the form of a numbered operand such as `r0` or `s12`, so that text never means two things.
pub fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    let first_fits = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    first_fits && chars.clone().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')) && !is_numbered(text)
}

/// Whether `text` is a letter of a numbered operand followed by digits only.
fn is_numbered(text: &str) -> bool {
    let digits = text.strip_prefix(['r', 's', 'a', 'p', 'q']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn position<'a>(names: impl Iterator<Item = &'a str>, name: &str) -> Option<u8> {
    names.zip(0..=u8::MAX).find(|&(declared, _)| declared == name).map(|(_, number)| number)
}
