//! Microcode over many neurons at once: one instruction at a time for a whole part.
//!
//! Neurons take different ways at `SKP_C` and `JMP_C`: then those that are at the lowest address run, under a mask, until
//! they meet the others. Each neuron's run depends on nothing but its own lane, so any order of the lanes gives the
//! reference's integers.

use std::ops::BitOrAssign;

use seamount_microcode::semantics::{self, Outcome, Word};
use seamount_microcode::{Condition, Instr, Polarity, Rounding, Src};

use super::arrivals::Arrived;
use super::kernels::Factor;
use super::lanes::{Mask, Neurons, Scratch};
use super::outbox::Outbox;
use super::range::Range;
use crate::error::FaultKind;

struct Machine<'a, 'o, 'p> {
    range: Range,
    neurons: &'a mut Neurons,
    scratch: &'a mut Scratch,
    outbox: &'o mut Outbox<'p>,
    arrived: Option<Arrived<'a>>,
    /// Instructions that all lanes have executed.
    n_common: u64,
    /// Whether a slot or an accumulator has another value than before, if that is watched.
    changed: bool,
}

impl Neurons {
    /// Runs the body once. Where nothing has arrived, it is found out whether a slot or an accumulator has another value than
    /// before.
    #[inline(always)]
    pub(super) fn run(
        &mut self,
        instructions: &[Instr],
        word: Word,
        scratch: &mut Scratch,
        outbox: &mut Outbox<'_>,
        arrived: Option<Arrived<'_>>,
    ) -> bool {
        scratch.resize(outbox.plan.n_lanes);
        self.fill_in(outbox.plan.n_lanes);
        if arrived.is_none() {
            scratch.is_waiting.fill(false);
        }
        let range = Range::new(word);
        let mut machine = Machine { range, neurons: self, scratch, outbox, arrived, n_common: 0, changed: false };
        machine.run(instructions);
        machine.finish()
    }
}

impl Machine<'_, '_, '_> {
    #[inline(always)]
    fn run(&mut self, instructions: &[Instr]) {
        let mut pc = 0;
        let mut mask: Mask = None;
        loop {
            if !self.scratch.waiting.is_empty() {
                (pc, mask) = self.lowest(pc, mask);
            }
            let Some(&instr) = instructions.get(pc) else {
                // Lanes that wait are behind; there are none if the lowest address is past the end.
                return;
            };
            match &mask {
                None => self.n_common += 1,
                Some(mask) => self.outbox.count(|events| &mut events.instructions, |lane| mask[lane] != 0),
            }
            match instr {
                Instr::JmpC { when, target, max } => {
                    let jumps = self.taking(when, mask.as_deref());
                    self.jump(&mut pc, &mut mask, usize::from(target), max, jumps);
                }
                Instr::SkpC { when } => {
                    let when = match when {
                        Polarity::True => Condition::True,
                        Polarity::False => Condition::False,
                    };
                    let skips = self.taking(when, mask.as_deref());
                    let target = pc + 2;
                    self.jump(&mut pc, &mut mask, target, None, skips);
                }
                Instr::RmwLd { .. }
                | Instr::RmwSt { .. }
                | Instr::RmwXchg { .. }
                | Instr::RmwAdd { .. }
                | Instr::Rdc { .. }
                | Instr::Mov { .. }
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
                | Instr::Spike { .. }
                | Instr::Probe { .. } => {
                    self.execute(instr, pc, mask.as_deref());
                    pc += 1;
                }
            }
        }
    }

    /// Counts what has been done; whether anything changed.
    fn finish(mut self) -> bool {
        for accumulator in 0..self.scratch.is_waiting.len() {
            self.put_in_accumulator(accumulator);
        }
        self.outbox.counted.share.instructions += self.n_common;
        self.changed
    }

    /// Counts saturations among the lanes that run.
    #[cold]
    fn count_saturations(outbox: &mut Outbox<'_>, mask: Option<&[i32]>, is_lost: impl Fn(usize) -> bool) {
        let is_running = |lane: usize| mask.is_none_or(|mask| mask[lane] != 0);
        outbox.count(|events| &mut events.register_saturations, |lane| is_running(lane) && is_lost(lane));
    }

    /// The lanes at the lowest address, all others waiting.
    fn lowest(&mut self, pc: usize, mask: Mask) -> (usize, Mask) {
        let waiting = &mut self.scratch.waiting;
        waiting.push((pc, mask));
        let at = waiting.iter().map(|&(pc, _)| pc).min().expect("invariant: some lanes wait");
        let mut all: Option<Vec<i32>> = None;
        waiting.retain_mut(|(pc, mask)| {
            if *pc != at {
                return true;
            }
            let mask = mask.take().expect("invariant: lanes that wait are not all of them");
            match &mut all {
                None => all = Some(mask),
                Some(all) => all.iter_mut().zip(mask).for_each(|(all, on)| *all |= on),
            }
            false
        });
        // Once all have met, there is no mask.
        (at, all.filter(|_| !waiting.is_empty()))
    }

    /// Which lanes take a branch: all, none, or those of a mask, which is a part of the lanes that run.
    #[inline(always)]
    fn taking(&self, when: Condition, mask: Option<&[i32]>) -> Taking {
        let invert = match when {
            Condition::Always => return Taking::All,
            Condition::True => 0,
            Condition::False => -1,
        };
        let (mut any, mut every) = (0, -1);
        match mask {
            None => {
                for &flag in &self.scratch.flag {
                    any |= flag ^ invert;
                    every &= flag ^ invert;
                }
            }
            Some(mask) => {
                for (&flag, &on) in self.scratch.flag.iter().zip(mask) {
                    any |= (flag ^ invert) & on;
                    every &= (flag ^ invert) | !on;
                }
            }
        }
        if any == 0 {
            return Taking::None;
        }
        if every == -1 {
            return Taking::All;
        }
        let on = |k: usize| mask.map_or(-1, |mask| mask[k]);
        Taking::Some(self.scratch.flag.iter().enumerate().map(|(k, &flag)| (flag ^ invert) & on(k)).collect())
    }

    fn jump(&mut self, pc: &mut usize, mask: &mut Mask, target: usize, max: Option<u16>, mut taking: Taking) {
        if let Some(max) = max {
            taking = self.count_jump(*pc, mask.as_deref(), max, taking);
        }
        match (&taking, &mut self.scratch.path) {
            (Taking::Some(_), path) => *path = None,
            (Taking::None | Taking::All, Some(path)) => path.push(matches!(taking, Taking::All)),
            (Taking::None | Taking::All, None) => {}
        }
        match taking {
            Taking::None => *pc += 1,
            Taking::All => *pc = target,
            Taking::Some(jumping) => {
                let mut staying = mask.take().unwrap_or_else(|| vec![-1; jumping.len()]);
                staying.iter_mut().zip(&jumping).for_each(|(stays, &jumps)| *stays &= !jumps);
                self.scratch.waiting.push((target, Some(jumping)));
                *mask = Some(staying);
                *pc += 1;
            }
        }
    }

    /// Counts a jump that has a bound. A lane that has reached it is at fault, and does not jump.
    fn count_jump(&mut self, pc: usize, mask: Option<&[i32]>, max: u16, taking: Taking) -> Taking {
        let n_lanes = self.outbox.plan.n_lanes;
        let mut jumping = match taking {
            Taking::None => return Taking::None,
            Taking::All => mask.map_or_else(|| vec![-1; n_lanes], <[i32]>::to_vec),
            Taking::Some(jumping) => jumping,
        };
        let taken = &mut self.scratch.taken;
        let at = taken.iter().position(|&(jump, _)| jump == pc).unwrap_or_else(|| {
            taken.push((pc, vec![0; n_lanes]));
            taken.len() - 1
        });
        for (lane, (jumps, times)) in jumping.iter_mut().zip(&mut taken[at].1).enumerate() {
            if *jumps == 0 {
                continue;
            }
            if *times == max {
                *jumps = 0;
                self.outbox.fault(lane, pc, FaultKind::LoopBound { max });
            } else {
                *times += 1;
            }
        }
        let n_running = mask.map_or(n_lanes, |mask| mask.iter().filter(|&&on| on != 0).count());
        match jumping.iter().filter(|&&jumps| jumps != 0).count() {
            0 => Taking::None,
            n if n == n_running => Taking::All,
            _ => Taking::Some(jumping),
        }
    }

    #[inline(always)]
    fn execute(&mut self, instr: Instr, pc: usize, mask: Option<&[i32]>) {
        let Range { word, min, max } = self.range;
        let narrow = word.bits() < 32;
        match instr {
            Instr::RmwLd { rd, slot } => {
                if mask.is_none() {
                    self.scratch.loaded[rd.index()] = Some(slot.index());
                    self.scratch.is_zero[rd.index()] = false;
                } else {
                    self.scratch.spare.copy_from_slice(&self.neurons.slots[slot.index()]);
                    self.keep(rd.index(), mask);
                }
            }
            Instr::RmwSt { slot, ra } => {
                self.copy(ra.index());
                self.store(slot.index(), mask);
            }
            Instr::RmwXchg { rd, slot, ra } => self.exchange(rd.index(), slot.index(), ra.index(), mask),
            Instr::RmwAdd { rd, slot, ra } => {
                let (operands, spare, _) = self.scratch.operands(self.neurons);
                let (old, ra) = (&*operands.slots[slot.index()], operands.of(ra.index()));
                let mut lost = 0;
                for ((sum, &a), &b) in spare.iter_mut().zip(old).zip(ra) {
                    let outcome = semantics::add(word, a, b);
                    lost |= i32::from(outcome.saturated);
                    *sum = outcome.value;
                }
                if lost != 0 {
                    let is_lost = |lane: usize| semantics::add(word, old[lane], ra[lane]).saturated;
                    Self::count_saturations(self.outbox, mask, is_lost);
                }
                self.store(slot.index(), mask);
                self.scratch.spare.copy_from_slice(&self.neurons.slots[slot.index()]);
                self.keep(rd.index(), mask);
            }
            Instr::Rdc { rd, acc } => self.read_and_clear(rd.index(), acc.index(), mask),
            Instr::Mov { rd, src } => {
                match src {
                    Src::Reg(reg) => self.copy(reg.index()),
                    Src::Imm(value) => self.scratch.spare.fill(value),
                }
                self.keep(rd.index(), mask);
            }
            Instr::Sel { rd, ra, src } => {
                let (operands, spare, flag) = self.scratch.operands(self.neurons);
                let a = operands.of(ra.index());
                match src {
                    Src::Reg(b) => {
                        for (((out, &a), &b), &flag) in spare.iter_mut().zip(a).zip(operands.of(b.index())).zip(flag) {
                            *out = if flag != 0 { a } else { b };
                        }
                    }
                    Src::Imm(b) => {
                        for ((out, &a), &flag) in spare.iter_mut().zip(a).zip(flag) {
                            *out = if flag != 0 { a } else { b };
                        }
                    }
                }
                self.keep(rd.index(), mask);
            }
            Instr::And { rd, ra, src } => {
                self.plain(ra.index(), src, semantics::and);
                self.keep(rd.index(), mask);
            }
            Instr::Or { rd, ra, src } => {
                self.plain(ra.index(), src, semantics::or);
                self.keep(rd.index(), mask);
            }
            Instr::Min { rd, ra, src } => {
                self.plain(ra.index(), src, semantics::min);
                self.keep(rd.index(), mask);
            }
            Instr::Shl { rd, ra, src } => {
                let range = self.range;
                match src {
                    Src::Imm(amount) if amount < 0 => {
                        let places = amount.unsigned_abs().min(31);
                        self.plain(ra.index(), Src::Imm(0), |a, _| a >> places);
                    }
                    Src::Imm(amount) if narrow => {
                        self.saturating(ra.index(), src, mask, move |a, _| range.shift_left(a, amount));
                    }
                    Src::Reg(_) if narrow => self.saturating(ra.index(), src, mask, move |a, b| range.shift(a, b)),
                    Src::Imm(_) | Src::Reg(_) => {
                        self.saturating(ra.index(), src, mask, by_outcome(|a, b| semantics::shl(word, a, b)));
                    }
                }
                self.keep(rd.index(), mask);
            }
            Instr::Add { rd, ra, src } => {
                if narrow {
                    let add = move |a: i32, b: i32| {
                        let sum = a.wrapping_add(b);
                        let value = sum.min(max).max(min);
                        (value, value ^ sum)
                    };
                    self.saturating(ra.index(), src, mask, add);
                } else {
                    self.saturating(ra.index(), src, mask, by_outcome(|a, b| semantics::add(word, a, b)));
                }
                self.keep(rd.index(), mask);
            }
            Instr::Neg { rd, ra } => {
                let negate = move |a: i32, _| {
                    let value = if a == min { max } else { a.wrapping_neg() };
                    (value, i32::from(a == min))
                };
                self.saturating(ra.index(), Src::Imm(0), mask, negate);
                self.keep(rd.index(), mask);
            }
            Instr::MulShr { rd, ra, src, shift, rounding } => {
                let half = match rounding {
                    Rounding::HalfUp if shift > 0 => 1_i64 << (shift - 1),
                    Rounding::HalfUp | Rounding::Floor => 0,
                };
                let (low, high) = (i64::from(min), i64::from(max));
                #[expect(clippy::cast_possible_truncation, reason = "a clamped value fits its word")]
                let multiply = move |a: i32, b: i32| {
                    let product = (i64::from(a) * i64::from(b)).wrapping_add(half) >> shift;
                    let value = product.min(high).max(low);
                    (value as i32, value ^ product)
                };
                let kernel = self.scratch.kernel;
                let (operands, spare, _) = self.scratch.operands(self.neurons);
                let factor = match src {
                    Src::Reg(b) => Factor::Lanes(operands.of(b.index())),
                    Src::Imm(b) => Factor::All(b),
                };
                let a = operands.of(ra.index());
                let is_done = kernel.is_some_and(|kernel| kernel.mul_shr(spare, a, factor, half, shift, word));
                if !is_done {
                    self.saturating(ra.index(), src, mask, multiply);
                }
                self.keep(rd.index(), mask);
            }
            Instr::Lt { ra, src } => self.compare(ra.index(), src, mask, semantics::lt),
            Instr::Ge { ra, src } => self.compare(ra.index(), src, mask, semantics::ge),
            Instr::Eq { ra, src } => self.compare(ra.index(), src, mask, semantics::eq),
            Instr::Spike { port, ra } => {
                let (operands, ..) = self.scratch.operands(self.neurons);
                self.outbox.spike(port, operands.of(ra.index()), mask, pc);
            }
            Instr::Probe { probe, ra } => {
                let (operands, ..) = self.scratch.operands(self.neurons);
                self.outbox.probe(probe, operands.of(ra.index()), mask);
            }
            Instr::SkpC { .. } | Instr::JmpC { .. } => unreachable!("invariant: branches are not executed here"),
        }
    }

    /// Copies a register to the spare lanes.
    #[inline(always)]
    fn copy(&mut self, register: usize) {
        let (operands, spare, _) = self.scratch.operands(self.neurons);
        spare.copy_from_slice(operands.of(register));
    }

    /// Gives registers that have the lanes of a slot, which will be written, their own.
    #[inline(always)]
    fn forget_loads(&mut self, slot: usize) {
        let Scratch { registers, loaded, .. } = &mut *self.scratch;
        for (register, loaded) in registers.iter_mut().zip(loaded) {
            if *loaded == Some(slot) {
                register.copy_from_slice(&self.neurons.slots[slot]);
                *loaded = None;
            }
        }
    }

    /// Puts the spare lanes in a register; those that do not run keep theirs. What was there is in the spare lanes.
    #[inline(always)]
    fn keep(&mut self, register: usize, mask: Option<&[i32]>) {
        if mask.is_some() {
            let (operands, spare, _) = self.scratch.operands(self.neurons);
            blend(spare, operands.of(register), mask);
        }
        let Scratch { registers, spare, loaded, .. } = &mut *self.scratch;
        std::mem::swap(spare, &mut registers[register]);
        loaded[register] = None;
        self.scratch.is_zero[register] = false;
    }

    /// Puts the spare lanes in a slot, as [`keep`](Self::keep).
    #[inline(always)]
    fn store(&mut self, slot: usize, mask: Option<&[i32]>) {
        self.forget_loads(slot);
        let (spare, words) = (&mut self.scratch.spare, self.neurons.slots[slot].own());
        blend(spare, words, mask);
        self.changed |= self.arrived.is_none() && spare != words;
        std::mem::swap(spare, words);
        self.neurons.is_zero[slot] = false;
    }

    /// `RMW.XCHG`. Where all lanes exchange a register with a slot, nothing is copied.
    #[inline(always)]
    fn exchange(&mut self, rd: usize, slot: usize, ra: usize, mask: Option<&[i32]>) {
        if mask.is_some() || rd != ra || self.scratch.loaded[ra].is_some() {
            self.copy(ra);
            self.store(slot, mask);
            // The spare now holds the old words.
            self.keep(rd, mask);
            return;
        }
        self.forget_loads(slot);
        let (register, words) = (&mut self.scratch.registers[rd], self.neurons.slots[slot].own());
        let (of_register, of_slot) = (&mut self.scratch.is_zero[rd], &mut self.neurons.is_zero[slot]);
        self.changed |= self.arrived.is_none() && !(*of_register && *of_slot) && register != words;
        std::mem::swap(register, words);
        std::mem::swap(of_register, of_slot);
    }

    /// Puts what has arrived, and has not been read, where it stays.
    fn put_in_accumulator(&mut self, acc: usize) {
        let is_waiting = self.scratch.is_waiting.get_mut(acc).is_some_and(std::mem::take);
        if let Some(arrived) = self.arrived.filter(|_| is_waiting) {
            let sums = arrived.sums(acc, self.outbox.plan.n_lanes);
            self.neurons.accumulators[acc].copy_from_slice(sums);
            self.neurons.is_charged[acc] = true;
        }
    }

    #[inline(always)]
    fn read_and_clear(&mut self, rd: usize, acc: usize, mask: Option<&[i32]>) {
        if mask.is_some() {
            self.put_in_accumulator(acc);
        }
        let Range { min, max, .. } = self.range;
        let Neurons { accumulators, is_charged, .. } = &mut *self.neurons;
        let is_waiting = self.scratch.is_waiting.get_mut(acc).is_some_and(std::mem::take);
        let (sums, charge) = match self.arrived.filter(|_| is_waiting) {
            Some(arrived) => (arrived.sums(acc, self.scratch.spare.len()), None),
            None if is_charged[acc] => (&*accumulators[acc], Some(&mut is_charged[acc])),
            None => {
                self.scratch.spare.fill(0);
                self.keep(rd, mask);
                self.scratch.is_zero[rd] = mask.is_none();
                return;
            }
        };
        let mut lost = 0;
        for (out, &sum) in self.scratch.spare.iter_mut().zip(sums) {
            let value = sum.min(max).max(min);
            lost |= value ^ sum;
            *out = value;
        }
        if lost != 0 {
            Self::count_saturations(self.outbox, mask, |lane| sums[lane] < min || sums[lane] > max);
        }
        if let Some(is_charged) = charge {
            let sums = &mut accumulators[acc];
            match mask {
                None => {
                    sums.fill(0);
                    *is_charged = false;
                }
                Some(mask) => sums.iter_mut().zip(mask).for_each(|(sum, &on)| *sum &= !on),
            }
        }
        self.changed = true;
        self.keep(rd, mask);
    }

    /// Computes the spare lanes where nothing can be lost.
    #[inline(always)]
    fn plain(&mut self, ra: usize, src: Src, compute: impl Fn(i32, i32) -> i32) {
        let (operands, spare, _) = self.scratch.operands(self.neurons);
        let a = operands.of(ra);
        match src {
            Src::Reg(b) => {
                for ((out, &a), &b) in spare.iter_mut().zip(a).zip(operands.of(b.index())) {
                    *out = compute(a, b);
                }
            }
            Src::Imm(b) => {
                for (out, &a) in spare.iter_mut().zip(a) {
                    *out = compute(a, b);
                }
            }
        }
    }

    /// Computes the spare lanes. `compute` gives a value and something other than zero if it was saturated; only if that
    /// happens at all are the saturations counted.
    #[inline(always)]
    fn saturating<L: Copy + Default + PartialEq + BitOrAssign>(
        &mut self,
        ra: usize,
        src: Src,
        mask: Option<&[i32]>,
        compute: impl Fn(i32, i32) -> (i32, L),
    ) {
        let (operands, spare, _) = self.scratch.operands(self.neurons);
        let a = operands.of(ra);
        let mut lost = L::default();
        match src {
            Src::Reg(b) => {
                for ((out, &a), &b) in spare.iter_mut().zip(a).zip(operands.of(b.index())) {
                    let (value, saturated) = compute(a, b);
                    lost |= saturated;
                    *out = value;
                }
            }
            Src::Imm(b) => {
                for (out, &a) in spare.iter_mut().zip(a) {
                    let (value, saturated) = compute(a, b);
                    lost |= saturated;
                    *out = value;
                }
            }
        }
        if lost == L::default() {
            return;
        }
        let is_lost = |a, b| compute(a, b).1 != L::default();
        Self::count_saturations(self.outbox, mask, |lane| {
            let b = match src {
                Src::Reg(b) => operands.of(b.index())[lane],
                Src::Imm(b) => b,
            };
            is_lost(a[lane], b)
        });
    }

    #[inline(always)]
    fn compare(&mut self, ra: usize, src: Src, mask: Option<&[i32]>, compare: impl Fn(i32, i32) -> bool) {
        self.plain(ra, src, |a, b| -i32::from(compare(a, b)));
        let Scratch { spare, flag, .. } = &mut *self.scratch;
        blend(spare, flag, mask);
        std::mem::swap(spare, flag);
    }
}

enum Taking {
    None,
    All,
    Some(Vec<i32>),
}

/// Lanes that do not run get the old values.
#[inline(always)]
fn blend(new: &mut [i32], old: &[i32], mask: Option<&[i32]>) {
    if let Some(mask) = mask {
        for ((new, &old), &on) in new.iter_mut().zip(old).zip(mask) {
            *new = (*new & on) | (old & !on);
        }
    }
}

#[inline(always)]
fn by_outcome(exact: impl Fn(i32, i32) -> Outcome) -> impl Fn(i32, i32) -> (i32, i32) {
    move |a, b| {
        let outcome = exact(a, b);
        (outcome.value, i32::from(outcome.saturated))
    }
}
