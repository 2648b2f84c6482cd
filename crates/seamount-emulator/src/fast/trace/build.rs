//! How a straight line is made of a body.

use seamount_microcode::semantics::{self, Word};
use seamount_microcode::{Body, Condition, Instr, Polarity, Rounding, Src};

use super::bounds::Bounds;
use super::{Check, Compare, Emitted, Op, Operand, Present, Trace, Written, Zero};

/// What is known of a register.
#[derive(Clone, Copy, Debug)]
struct Known {
    bounds: Bounds,
    zero: Zero,
}

struct Builder {
    trace: Trace,
    known: Vec<Known>,
    /// By slot, what was stored in it.
    stored: Vec<Option<Known>>,
    /// What the flag is, if it is the same in all runs.
    flag: Option<bool>,
    /// A register, and one that holds what is left of zero without it.
    negation: Option<(usize, usize)>,
    /// By accumulator, whether anything is in it.
    present: Present,
    word: Word,
    /// The bounds of a payload.
    payload: Bounds,
    accumulator: Word,
}

impl Trace {
    /// The way through `body` on which branches are taken as `path` says, with something in the accumulators of `present`.
    /// `None` if it is not a simple one.
    pub(in crate::fast) fn new(
        body: &Body,
        word: Word,
        accumulator: Word,
        payload_bits: u32,
        present: Present,
        path: &[bool],
    ) -> Option<Self> {
        if word.bits() >= 32 || payload_bits > 32 {
            return None;
        }
        let n_registers =
            body.instructions.iter().filter_map(Instr::written_register).map(|reg| reg.index() + 1).max().unwrap_or(0);
        let trace = Self {
            ops: Vec::new(),
            n_registers,
            read: Vec::new(),
            written: Vec::new(),
            sums: Vec::new(),
            spikes: Vec::new(),
            n_instructions: 0,
        };
        let unknown = Known { bounds: Bounds::of(word), zero: Zero::Unknown };
        let mut builder = Builder {
            trace,
            known: vec![unknown; n_registers],
            stored: vec![None; body.slots.len()],
            flag: None,
            negation: None,
            present,
            word,
            payload: Bounds { low: -1 << (payload_bits - 1), high: (1 << (payload_bits - 1)) - 1 },
            accumulator,
        };
        builder.follow(&body.instructions, path)?;
        Some(builder.finish())
    }
}

impl Known {
    fn within(bounds: Bounds) -> Self {
        let zero = if bounds == Bounds::of_number(0) { Zero::Yes } else { Zero::Unknown };
        Self { bounds, zero }
    }
}

impl Builder {
    fn follow(&mut self, instructions: &[Instr], path: &[bool]) -> Option<()> {
        let mut path = path.iter().copied();
        let mut pc = 0;
        while let Some(&instr) = instructions.get(pc) {
            self.trace.n_instructions += 1;
            let (when, target) = match instr {
                Instr::SkpC { when: Polarity::True } => (Condition::True, pc + 2),
                Instr::SkpC { when: Polarity::False } => (Condition::False, pc + 2),
                // A bound is met by the instruction.
                Instr::JmpC { max: Some(_), .. } => return None,
                Instr::JmpC { when, target, max: None } => (when, usize::from(target)),
                _ => {
                    self.translate(instr, pc)?;
                    pc += 1;
                    continue;
                }
            };
            let is_taken = path.next()?;
            if is_taken && target <= pc {
                return None;
            }
            if when != Condition::Always {
                self.guard((when == Condition::True) == is_taken)?;
            }
            pc = if is_taken { target } else { pc + 1 };
        }
        Some(())
    }

    /// All lanes must have a flag.
    fn guard(&mut self, flag: bool) -> Option<()> {
        match self.flag {
            Some(known) => (known == flag).then_some(()),
            None => {
                self.push(Op::Guard { flag });
                Some(())
            }
        }
    }

    fn translate(&mut self, instr: Instr, pc: usize) -> Option<()> {
        let word = Bounds::of(self.word);
        let unknown = Known { bounds: word, zero: Zero::Unknown };
        match instr {
            Instr::RmwLd { rd, slot } => {
                let (rd, slot) = (rd.index(), slot.index());
                let stored = self.stored[slot];
                self.read(slot);
                self.push(Op::Load { rd, slot, is_new: stored.is_some() });
                self.know(rd, stored.unwrap_or(Known { bounds: word, zero: Zero::AsSlot(slot) }));
            }
            Instr::RmwSt { slot, ra } => self.store(slot.index(), ra.index()),
            Instr::RmwXchg { rd, slot, ra } => {
                let (rd, slot) = (rd.index(), slot.index());
                if self.stored[slot].is_some() {
                    return None;
                }
                self.read(slot);
                self.store(slot, ra.index());
                self.push(Op::Load { rd, slot, is_new: false });
                self.know(rd, Known { bounds: word, zero: Zero::AsSlot(slot) });
            }
            Instr::RmwAdd { rd, slot, ra } => {
                let (rd, slot, ra) = (rd.index(), slot.index(), ra.index());
                // The old word would need a register of its own.
                if rd == ra {
                    return None;
                }
                let stored = self.stored[slot];
                self.read(slot);
                self.push(Op::Load { rd, slot, is_new: stored.is_some() });
                self.know(rd, stored.unwrap_or(unknown));
                self.add(rd, rd, self.operand(ra));
                self.store(slot, rd);
            }
            Instr::Rdc { rd, acc } => {
                let (rd, acc) = (rd.index(), acc.index());
                if acc >= Present::BITS as usize {
                    return None;
                }
                if self.present & (1 << acc) == 0 || self.trace.sums.contains(&acc) {
                    self.set_number(rd, 0);
                } else {
                    let sum = Bounds::of(self.accumulator);
                    self.trace.sums.push(acc);
                    self.push(Op::Sum { rd, acc, checked: !word.holds(sum) });
                    self.know(rd, Known { bounds: sum.within(word), zero: Zero::Unknown });
                }
            }
            Instr::Mov { rd, src } => match self.source(src) {
                Operand::Number(value) => self.set_number(rd.index(), value),
                Operand::Reg(reg) => {
                    self.push(Op::Set { rd: rd.index(), a: Operand::Reg(reg) });
                    self.know(rd.index(), self.known[reg]);
                }
            },
            Instr::Sel { rd, ra, src } => {
                let (a, b) = (self.operand(ra.index()), self.source(src));
                match self.flag {
                    Some(flag) => {
                        let chosen = if flag { a } else { b };
                        let known = self.known_of(chosen);
                        self.push(Op::Set { rd: rd.index(), a: chosen });
                        self.know(rd.index(), known);
                    }
                    None => {
                        let bounds = self.bounds(a).or(self.bounds(b));
                        self.push(Op::Select { rd: rd.index(), a, b });
                        self.bound(rd.index(), bounds);
                    }
                }
            }
            Instr::And { rd, ra, src } => {
                let (a, b) = (ra.index(), self.source(src));
                let (of_a, of_b) = (self.known[a].bounds, self.bounds(b));
                self.push(Op::And { rd: rd.index(), a, b });
                let bounds = match (of_a.low >= 0, of_b.low >= 0) {
                    (true, true) => Bounds { low: 0, high: of_a.high.min(of_b.high) },
                    (true, false) => Bounds { low: 0, high: of_a.high },
                    (false, true) => Bounds { low: 0, high: of_b.high },
                    (false, false) => word,
                };
                self.bound(rd.index(), bounds);
            }
            Instr::Or { rd, ra, src } => {
                let (a, b) = (ra.index(), self.source(src));
                self.push(Op::Or { rd: rd.index(), a, b });
                self.bound(rd.index(), word);
            }
            Instr::Min { rd, ra, src } => {
                let (a, b) = (ra.index(), self.source(src));
                let (of_a, of_b) = (self.known[a].bounds, self.bounds(b));
                self.push(Op::Min { rd: rd.index(), a, b });
                // Of a number and its negation one is not above zero.
                let most = match (self.negation, b) {
                    (Some(pair), Operand::Reg(b)) if pair == (a, b) || pair == (b, a) => 0,
                    _ => i64::MAX,
                };
                let bounds = Bounds { low: of_a.low.min(of_b.low), high: of_a.high.min(of_b.high).min(most) };
                self.bound(rd.index(), bounds);
            }
            Instr::Shl { rd, ra, src } => self.shift(rd.index(), ra.index(), self.source(src))?,
            Instr::Add { rd, ra, src } => self.add(rd.index(), ra.index(), self.source(src)),
            Instr::Neg { rd, ra } => {
                let a = ra.index();
                let Bounds { low, high } = self.known[a].bounds;
                let exact = Bounds { low: -high, high: -low };
                self.push(Op::Neg { rd: rd.index(), a, checked: !word.holds(exact) });
                self.bound(rd.index(), exact.within(word));
                self.negation = (a != rd.index()).then_some((a, rd.index()));
            }
            Instr::MulShr { rd, ra, src, shift, rounding } => {
                let rounds = rounding == Rounding::HalfUp && shift > 0;
                let (a, b) = (ra.index(), self.source(src));
                let is_square = b == Operand::Reg(a);
                let product = self.known[a].bounds.times(self.bounds(b), is_square);
                let half = if rounds { 1 << (shift - 1) } else { 0 };
                let exact = Bounds { low: (product.low + half) >> shift, high: (product.high + half) >> shift };
                let check = match () {
                    () if word.holds(exact) => Check::None,
                    () if Bounds::of_32_bits().holds(exact) => Check::Narrow,
                    () => Check::Wide,
                };
                self.push(Op::MulShr { rd: rd.index(), a, b, shift, rounds, check });
                self.bound(rd.index(), exact.within(word));
            }
            Instr::Lt { ra, src } => self.compare(Compare::Lt, ra.index(), src),
            Instr::Ge { ra, src } => self.compare(Compare::Ge, ra.index(), src),
            Instr::Eq { ra, src } => self.compare(Compare::Eq, ra.index(), src),
            Instr::Spike { port, ra } => {
                if self.trace.spikes.iter().any(|spike| spike.port == port) {
                    return None;
                }
                let a = self.operand(ra.index());
                let at = self.trace.spikes.len();
                self.trace.spikes.push(Emitted { port, pc });
                self.push(Op::Spike { at, a, checked: !self.payload.holds(self.bounds(a)) });
            }
            Instr::Probe { .. } => {}
            Instr::SkpC { .. } | Instr::JmpC { .. } => unreachable!("invariant: branches are followed, not translated"),
        }
        Some(())
    }

    fn shift(&mut self, rd: usize, a: usize, amount: Operand) -> Option<()> {
        let word = Bounds::of(self.word);
        let n_bits = i64::from(self.word.bits());
        let (of_a, by) = (self.known[a].bounds, self.bounds(amount));
        if let Operand::Number(amount) = amount {
            let places = amount.unsigned_abs();
            if amount < 0 {
                let places = places.min(31);
                self.push_right(rd, a, places);
                self.bound(rd, Bounds { low: of_a.low >> places, high: of_a.high >> places });
                return Some(());
            }
            if i64::from(places) >= n_bits {
                return None;
            }
            let exact = Bounds { low: of_a.low << places, high: of_a.high << places };
            self.push(Op::Left { rd, a, places, checked: !word.holds(exact) });
            self.bound(rd, exact.within(word));
            return Some(());
        }
        let (a, Operand::Reg(places)) = (self.operand(a), amount) else { return None };
        if by.high <= 0 {
            self.push(Op::RightBy { rd, a, minus_places: places });
            self.bound(rd, Bounds { low: of_a.low.min(0), high: of_a.high.max(0) });
        } else if by.low >= 0 && by.high < n_bits {
            let exact = Bounds { low: of_a.low.min(0) << by.high, high: of_a.high.max(0) << by.high };
            self.push(Op::LeftBy { rd, a, places, checked: !word.holds(exact) });
            self.bound(rd, exact.within(word));
        } else {
            return None;
        }
        Some(())
    }

    /// A shift to the left and one back, by as many places, keep what fits between.
    fn push_right(&mut self, rd: usize, a: usize, places: u32) {
        if let Some(&Op::Left { rd: shifted, a: of, places: by, checked: true }) = self.trace.ops.last()
            && (shifted, by) == (a, places)
            && rd == a
        {
            self.trace.ops.pop();
            let (low, high) = (self.word.min() >> places, self.word.max() >> places);
            self.push(Op::Clamp { rd, a: of, low, high });
        } else {
            self.push(Op::Right { rd, a, places });
        }
    }

    fn add(&mut self, rd: usize, a: usize, b: Operand) {
        let word = Bounds::of(self.word);
        let (of_a, of_b) = (self.known[a].bounds, self.bounds(b));
        let exact = Bounds { low: of_a.low + of_b.low, high: of_a.high + of_b.high };
        self.push(Op::Add { rd, a, b, checked: !word.holds(exact) });
        self.bound(rd, exact.within(word));
    }

    fn compare(&mut self, how: Compare, ra: usize, src: Src) {
        let b = self.source(src);
        if let (Operand::Number(a), Operand::Number(b)) = (self.operand(ra), b) {
            self.flag = Some(match how {
                Compare::Lt => semantics::lt(a, b),
                Compare::Ge => semantics::ge(a, b),
                Compare::Eq => semantics::eq(a, b),
            });
            return;
        }
        self.flag = None;
        self.push(Op::Compare { how, a: ra, b });
    }

    fn store(&mut self, slot: usize, ra: usize) {
        self.push(Op::Store { slot, a: self.operand(ra) });
        self.stored[slot] = Some(self.known[ra]);
    }

    fn read(&mut self, slot: usize) {
        if self.stored[slot].is_none() && !self.trace.read.contains(&slot) {
            self.trace.read.push(slot);
        }
    }

    fn set_number(&mut self, rd: usize, value: i32) {
        self.push(Op::Set { rd, a: Operand::Number(value) });
        self.bound(rd, Bounds::of_number(value));
    }

    fn push(&mut self, op: Op) {
        self.trace.ops.push(op);
    }

    fn bound(&mut self, rd: usize, bounds: Bounds) {
        self.know(rd, Known::within(bounds));
    }

    fn know(&mut self, rd: usize, known: Known) {
        if self.negation.is_some_and(|(of, minus)| rd == of || rd == minus) {
            self.negation = None;
        }
        self.known[rd] = known;
    }

    fn source(&self, src: Src) -> Operand {
        match src {
            Src::Reg(reg) => self.operand(reg.index()),
            Src::Imm(value) => Operand::Number(value),
        }
    }

    /// A register, or what is always in it.
    fn operand(&self, register: usize) -> Operand {
        let Bounds { low, high } = self.known[register].bounds;
        match i32::try_from(low) {
            Ok(value) if low == high => Operand::Number(value),
            Ok(_) | Err(_) => Operand::Reg(register),
        }
    }

    fn bounds(&self, operand: Operand) -> Bounds {
        match operand {
            Operand::Reg(register) => self.known[register].bounds,
            Operand::Number(value) => Bounds::of_number(value),
        }
    }

    fn known_of(&self, operand: Operand) -> Known {
        match operand {
            Operand::Reg(register) => self.known[register],
            Operand::Number(value) => Known::within(Bounds::of_number(value)),
        }
    }

    fn finish(mut self) -> Trace {
        for (slot, stored) in self.stored.iter().enumerate() {
            if let Some(Known { zero, .. }) = *stored {
                self.trace.written.push(Written { slot, zero });
            }
        }
        self.trace
    }
}
