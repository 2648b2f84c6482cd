//! One run of one neuron: its body, from the first instruction to past the last.

use seamount_microcode::semantics::{self, Outcome, Word};
use seamount_microcode::{Body, Condition, Instr, Polarity, PortId, ProbeId, Reg, Rounding, Slot, Src};

use crate::error::FaultKind;
use crate::events::Events;

/// The most registers that an instruction can name; how many the verifier lets it name is the arch's.
const N_REGISTERS: usize = 256;

/// What a neuron owns, and where a run leaves its marks.
pub(crate) struct Neuron<'a> {
    /// The width of registers and slots.
    pub word: Word,
    /// The neuron's slots.
    pub slots: &'a mut [i32],
    /// The neuron's accumulators.
    pub accumulators: &'a mut [i32],
    /// Counts instructions and saturations.
    pub events: &'a mut Events,
}

/// What a run does to the world.
pub(crate) trait Effects {
    /// `SPIKE`, any payload.
    fn spike(&mut self, events: &mut Events, port: PortId, payload: i32) -> Result<(), FaultKind>;
    /// `PROBE`.
    fn probe(&mut self, probe: ProbeId, value: i32);
}

/// Where a run is. Registers are undefined at its start, so that one set serves all neurons.
#[derive(Clone, Debug)]
pub(crate) struct Scratch {
    /// Address of the next instruction.
    pub pc: usize,
    /// What the last comparison found.
    pub flag: bool,
    pub registers: [i32; N_REGISTERS],
    /// Backward jumps that the run has taken: address, times.
    taken: Vec<(usize, u16)>,
}

impl Neuron<'_> {
    /// Runs a verified body from where `scratch` is to past its last instruction.
    ///
    /// # Errors
    /// Address and kind of the program's fault.
    pub(crate) fn run(
        &mut self,
        body: &Body,
        scratch: &mut Scratch,
        effects: &mut impl Effects,
    ) -> Result<(), (usize, FaultKind)> {
        while let Some(&instr) = body.instructions.get(scratch.pc) {
            self.execute(instr, scratch, effects)?;
        }
        Ok(())
    }

    /// Executes one instruction, and moves on to the next.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(crate) fn execute(
        &mut self,
        instr: Instr,
        scratch: &mut Scratch,
        effects: &mut impl Effects,
    ) -> Result<(), (usize, FaultKind)> {
        self.events.instructions += 1;
        let at = scratch.pc;
        scratch.pc += 1;
        match instr {
            Instr::RmwLd { rd, slot } => scratch.set(rd, *self.slot(slot)),
            Instr::RmwSt { slot, ra } => *self.slot(slot) = scratch.get(ra),
            Instr::RmwXchg { rd, slot, ra } => {
                let old = std::mem::replace(self.slot(slot), scratch.get(ra));
                scratch.set(rd, old);
            }
            Instr::RmwAdd { rd, slot, ra } => {
                let sum = semantics::add(self.word, *self.slot(slot), scratch.get(ra));
                *self.slot(slot) = self.counted(sum);
                scratch.set(rd, sum.value);
            }
            Instr::Rdc { rd, acc } => {
                let sum = std::mem::take(&mut self.accumulators[acc.index()]);
                let value = self.counted(self.word.saturate(i64::from(sum)));
                scratch.set(rd, value);
            }
            Instr::Mov { rd, src } => scratch.set(rd, scratch.src(src)),
            Instr::Sel { rd, ra, src } => {
                scratch.set(rd, semantics::sel(scratch.flag, scratch.get(ra), scratch.src(src)));
            }
            Instr::And { rd, ra, src } => scratch.set(rd, semantics::and(scratch.get(ra), scratch.src(src))),
            Instr::Or { rd, ra, src } => scratch.set(rd, semantics::or(scratch.get(ra), scratch.src(src))),
            Instr::Shl { rd, ra, src } => {
                let shifted = semantics::shl(self.word, scratch.get(ra), scratch.src(src));
                scratch.set(rd, self.counted(shifted));
            }
            Instr::Add { rd, ra, src } => {
                let sum = semantics::add(self.word, scratch.get(ra), scratch.src(src));
                scratch.set(rd, self.counted(sum));
            }
            Instr::Neg { rd, ra } => {
                let negated = semantics::neg(self.word, scratch.get(ra));
                scratch.set(rd, self.counted(negated));
            }
            Instr::Min { rd, ra, src } => scratch.set(rd, semantics::min(scratch.get(ra), scratch.src(src))),
            Instr::MulShr { rd, ra, src, shift, rounding } => {
                let (a, b) = (scratch.get(ra), scratch.src(src));
                let product = match rounding {
                    Rounding::Floor => semantics::mul_shr(self.word, a, b, shift),
                    Rounding::HalfUp => semantics::mul_shr_round(self.word, a, b, shift),
                };
                scratch.set(rd, self.counted(product));
            }
            Instr::Lt { ra, src } => scratch.flag = semantics::lt(scratch.get(ra), scratch.src(src)),
            Instr::Ge { ra, src } => scratch.flag = semantics::ge(scratch.get(ra), scratch.src(src)),
            Instr::Eq { ra, src } => scratch.flag = semantics::eq(scratch.get(ra), scratch.src(src)),
            Instr::SkpC { when } => scratch.pc += usize::from(scratch.flag == (when == Polarity::True)),
            Instr::JmpC { when, target, max } => {
                let jumps = match when {
                    Condition::True => scratch.flag,
                    Condition::False => !scratch.flag,
                    Condition::Always => true,
                };
                if jumps {
                    scratch.count_jump(at, max).map_err(|kind| (at, kind))?;
                    scratch.pc = usize::from(target);
                }
            }
            Instr::Spike { port, ra } => {
                effects.spike(self.events, port, scratch.get(ra)).map_err(|kind| (at, kind))?;
            }
            Instr::Probe { probe, ra } => effects.probe(probe, scratch.get(ra)),
        }
        Ok(())
    }

    fn slot(&mut self, slot: Slot) -> &mut i32 {
        &mut self.slots[slot.index()]
    }

    fn counted(&mut self, outcome: Outcome) -> i32 {
        self.events.register_saturations += u64::from(outcome.saturated);
        outcome.value
    }
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { pc: 0, flag: false, registers: [0; N_REGISTERS], taken: Vec::new() }
    }

    /// Goes to the beginning of a run.
    pub(crate) fn begin(&mut self) {
        self.pc = 0;
        self.flag = false;
        self.taken.clear();
    }

    fn get(&self, reg: Reg) -> i32 {
        self.registers[reg.index()]
    }

    fn set(&mut self, reg: Reg, value: i32) {
        self.registers[reg.index()] = value;
    }

    fn src(&self, src: Src) -> i32 {
        match src {
            Src::Reg(reg) => self.get(reg),
            Src::Imm(value) => value,
        }
    }

    /// Counts a jump that has a bound.
    fn count_jump(&mut self, at: usize, max: Option<u16>) -> Result<(), FaultKind> {
        let Some(max) = max else { return Ok(()) };
        let position = self.taken.iter().position(|&(jump, _)| jump == at).unwrap_or_else(|| {
            self.taken.push((at, 0));
            self.taken.len() - 1
        });
        let times = &mut self.taken[position].1;
        if *times == max {
            return Err(FaultKind::LoopBound { max });
        }
        *times += 1;
        Ok(())
    }
}
