//! A body as text, in the canonical form that assembles to the same body.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Body, Instr, SlotKind};

/// The column at which the comments that name operands begin.
const COMMENT_COLUMN: usize = 40;

/// The assembly text: declarations, an empty line, instructions.
///
/// Labels are numbered in the order of their addresses; a comment names what an instruction's operand is called.
impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, ".body {}", self.name)?;
        for (number, name) in self.accumulators.iter().enumerate() {
            writeln!(f, ".acc a{number} {name}")?;
        }
        for (number, decl) in self.slots.iter().enumerate() {
            let directive = match decl.kind {
                SlotKind::Param => ".param",
                SlotKind::State => ".state",
            };
            writeln!(f, "{directive} s{number} {}", decl.name)?;
        }
        for (number, name) in self.ports.iter().enumerate() {
            writeln!(f, ".port p{number} {name}")?;
        }
        for (number, name) in self.probes.iter().enumerate() {
            writeln!(f, ".probe q{number} {name}")?;
        }
        writeln!(f)?;
        let labels = labels(self);
        for (address, instr) in self.instructions.iter().enumerate() {
            write_label(f, &labels, address)?;
            let text = with_label(instr, &labels);
            match self.operand_name(instr) {
                Some(name) => writeln!(f, "    {text:<width$}; {name}", width = COMMENT_COLUMN - 4)?,
                None => writeln!(f, "    {text}")?,
            }
        }
        write_label(f, &labels, self.instructions.len())
    }
}

/// A number for each address that is jumped to.
fn labels(body: &Body) -> BTreeMap<usize, usize> {
    let mut labels = BTreeMap::new();
    for instr in &body.instructions {
        if let Instr::JmpC { target, .. } = instr
            && usize::from(*target) <= body.instructions.len()
        {
            labels.insert(usize::from(*target), 0);
        }
    }
    for (number, label) in labels.values_mut().enumerate() {
        *label = number;
    }
    labels
}

fn write_label(f: &mut fmt::Formatter<'_>, labels: &BTreeMap<usize, usize>, address: usize) -> fmt::Result {
    labels.get(&address).map_or(Ok(()), |number| writeln!(f, "L{number}:"))
}

/// The instruction's text with a label for a jump's target, where there is one.
fn with_label(instr: &Instr, labels: &BTreeMap<usize, usize>) -> String {
    if let Instr::JmpC { when: _, target, max } = instr
        && let Some(number) = labels.get(&usize::from(*target))
    {
        let max = max.map(|max| format!(" max {max}")).unwrap_or_default();
        return format!("{} L{number}{max}", instr.mnemonic());
    }
    instr.to_string()
}

impl Body {
    /// The declared name of the slot, accumulator, port or probe that an instruction uses.
    pub fn operand_name(&self, instr: &Instr) -> Option<&str> {
        match *instr {
            Instr::RmwLd { slot, .. }
            | Instr::RmwSt { slot, .. }
            | Instr::RmwXchg { slot, .. }
            | Instr::RmwAdd { slot, .. } => self.slot_name(slot),
            Instr::Rdc { acc, .. } => self.accumulator_name(acc),
            Instr::Spike { port, .. } => self.port_name(port),
            Instr::Probe { probe, .. } => self.probe_name(probe),
            Instr::Mov { .. }
            | Instr::Sel { .. }
            | Instr::And { .. }
            | Instr::Or { .. }
            | Instr::Shl { .. }
            | Instr::Add { .. }
            | Instr::Neg { .. }
            | Instr::Min { .. }
            | Instr::MulShr { .. }
            | Instr::Lt { .. }
            | Instr::Ge { .. }
            | Instr::Eq { .. }
            | Instr::SkpC { .. }
            | Instr::JmpC { .. } => None,
        }
    }
}
