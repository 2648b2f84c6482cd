//! Builds a body instruction by instruction, with labels for the jumps.

use crate::{AccId, Body, Condition, Instr, PortId, ProbeId, Slot, SlotDecl, SlotKind};

/// Collects declarations and instructions; [`finish`](Self::finish) fixes the jumps.
///
/// The builder checks nothing but that what it numbers can be numbered; the verifier does the rest.
#[derive(Debug, Default)]
pub struct BodyBuilder {
    body: Body,
    /// Address of each label, once bound.
    labels: Vec<Option<u16>>,
    /// (address of the jump, its label)
    jumps: Vec<(usize, Label)>,
}

/// A place to jump to, made by [`BodyBuilder::label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(usize);

impl BodyBuilder {
    /// An empty body called `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { body: Body { name: name.into(), ..Body::default() }, ..Self::default() }
    }

    /// Declares an accumulator.
    ///
    /// # Panics
    /// On the 257th one; ids are one byte.
    pub fn accumulator(&mut self, name: impl Into<String>) -> AccId {
        AccId(declare(&mut self.body.accumulators, name.into()))
    }

    /// Declares a word that is only read.
    ///
    /// # Panics
    /// On the 257th slot; ids are one byte.
    pub fn param(&mut self, name: impl Into<String>) -> Slot {
        Slot(declare(&mut self.body.slots, SlotDecl { name: name.into(), kind: SlotKind::Param }))
    }

    /// Declares a word that is read and written.
    ///
    /// # Panics
    /// On the 257th slot; ids are one byte.
    pub fn state(&mut self, name: impl Into<String>) -> Slot {
        Slot(declare(&mut self.body.slots, SlotDecl { name: name.into(), kind: SlotKind::State }))
    }

    /// Declares an output port.
    ///
    /// # Panics
    /// On the 257th one; ids are one byte.
    pub fn port(&mut self, name: impl Into<String>) -> PortId {
        PortId(declare(&mut self.body.ports, name.into()))
    }

    /// Declares a probe.
    ///
    /// # Panics
    /// On the 257th one; ids are one byte.
    pub fn probe(&mut self, name: impl Into<String>) -> ProbeId {
        ProbeId(declare(&mut self.body.probes, name.into()))
    }

    /// Appends an instruction. Jumps go through [`jump`](Self::jump).
    pub fn push(&mut self, instr: Instr) -> &mut Self {
        self.body.instructions.push(instr);
        self
    }

    /// A new label, to be bound once before [`finish`](Self::finish).
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label in front of the next instruction, or at the end of the body.
    ///
    /// # Panics
    /// If the body has more than 65535 instructions; addresses are two bytes.
    pub fn bind(&mut self, label: Label) -> &mut Self {
        self.labels[label.0] = Some(self.address());
        self
    }

    /// Appends a jump to a label, which may be bound later. A backward jump needs `max`.
    pub fn jump(&mut self, when: Condition, label: Label, max: Option<u16>) -> &mut Self {
        self.jumps.push((self.body.instructions.len(), label));
        self.push(Instr::JmpC { when, target: 0, max })
    }

    /// The body with its jumps filled in.
    ///
    /// # Panics
    /// If a label that is jumped to was never bound.
    pub fn finish(mut self) -> Body {
        for (address, label) in self.jumps {
            let bound = self.labels[label.0].expect("invariant: every label that is jumped to is bound");
            if let Instr::JmpC { target, .. } = &mut self.body.instructions[address] {
                *target = bound;
            }
        }
        self.body
    }

    /// The address of the next instruction.
    fn address(&self) -> u16 {
        u16::try_from(self.body.instructions.len()).expect("invariant: a body has at most 65535 instructions")
    }
}

fn declare<T>(list: &mut Vec<T>, item: T) -> u8 {
    let number = u8::try_from(list.len()).expect("invariant: a body declares at most 256 of a kind");
    list.push(item);
    number
}
