//! Instructions over virtual registers.

use seamount_ir::kernel::{Arg, Compare, Local, ScalarOp};
use seamount_ir::network::Group;
use seamount_microcode::{AccId, MAX_SHIFT, MAX_SHL_AMOUNT, PortId, ProbeId, Rounding, Slot};

use super::dataflow::{Dataflow, Definition, Effect};
use super::order::{Step, Strategy};
use super::{CodegenError, Frame};

/// A value of its own; as many as wanted.
pub(super) type Virtual = usize;

/// An instruction whose registers are virtual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instruction {
    pub(super) operation: Operation,
    /// The register that is written.
    pub(super) rd: Option<Virtual>,
    /// The register that is read.
    pub(super) ra: Option<Virtual>,
    /// The operand that may be an immediate.
    pub(super) src: Option<Source>,
}

/// A virtual register or an immediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Register(Virtual),
    Immediate(i32),
}

/// What an instruction does; operands that are no registers stand here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Load(Slot),
    Store(Slot),
    Exchange(Slot),
    ReadAndClear(AccId),
    Move,
    Select,
    And,
    Or,
    ShiftLeft,
    Add,
    Negate,
    Min,
    MultiplyShift(u8, Rounding),
    Compare(Compare),
    /// Ends the run if the flag is true.
    Exit,
    Spike(PortId),
    Probe(ProbeId),
}

/// Selects the instructions of a whole run.
///
/// # Errors
/// [`CodegenError::Shift`].
pub(super) fn select(
    group: &Group,
    dataflow: &Dataflow,
    frame: &Frame,
    steps: &[Step],
    strategy: Strategy,
) -> Result<Vec<Instruction>, CodegenError> {
    let mut selector = Selector {
        group,
        dataflow,
        frame,
        strategy,
        code: Vec::new(),
        n_virtual: 0,
        registers: vec![None; dataflow.values.len()],
        sums: vec![None; group.accumulators.len()],
        flag: None,
    };
    selector.prologue();
    for step in steps {
        match *step {
            Step::Define(local) => selector.define(local)?,
            Step::Do(effect) => selector.effect(effect),
        }
    }
    Ok(selector.code)
}

struct Selector<'a> {
    group: &'a Group,
    dataflow: &'a Dataflow,
    frame: &'a Frame,
    strategy: Strategy,
    code: Vec<Instruction>,
    n_virtual: usize,
    /// By value, where it is.
    registers: Vec<Option<Virtual>>,
    /// By accumulator, where its sum is, once read.
    sums: Vec<Option<Virtual>>,
    /// The comparison that the flag holds.
    flag: Option<(Compare, Virtual, Source)>,
}

impl Selector<'_> {
    /// Moves the delay lines, leaves without a tick, and clears the sums that nobody reads.
    fn prologue(&mut self) {
        for at in 0..self.group.accumulators.len() {
            let (first_slot, n_steps) = self.frame.delays[at];
            if n_steps == 0 {
                continue;
            }
            let mut value = self.sum(at);
            for step in 0..n_steps {
                let rd = self.fresh();
                let operation = Operation::Exchange(slot(first_slot + step));
                self.push(Instruction { operation, rd: Some(rd), ra: Some(value), src: None });
                value = rd;
            }
            self.sums[at] = Some(value);
        }
        let tick = self.sum(self.group.tick);
        self.compare(Compare::Eq, tick, Source::Immediate(0));
        self.push(Instruction { operation: Operation::Exit, rd: None, ra: None, src: None });
        for at in 0..self.group.accumulators.len() {
            if !self.dataflow.reads_accumulator(at) {
                self.sum(at);
            }
        }
    }

    fn define(&mut self, local: Local) -> Result<(), CodegenError> {
        let register = match self.dataflow.definition(local) {
            // Loaded where it is used.
            Definition::Param(_) if self.strategy.reload_params => return Ok(()),
            Definition::Param(at) => self.load(at),
            Definition::State(at) => self.load(self.group.params.len() + at),
            Definition::Accumulator(at) => self.sum(at),
            Definition::Scalar(op) => self.scalar(op)?,
        };
        self.registers[local.0 as usize] = Some(register);
        Ok(())
    }

    fn effect(&mut self, effect: Effect) {
        let ra = Some(self.register(effect.arg()));
        let operation = match effect {
            Effect::SetState(at, _) => Operation::Store(slot(self.group.params.len() + at)),
            Effect::Send(port, _) => Operation::Spike(PortId(id(port))),
            Effect::Probe(probe, _) => Operation::Probe(ProbeId(id(probe))),
        };
        self.push(Instruction { operation, rd: None, ra, src: None });
    }

    fn scalar(&mut self, op: ScalarOp) -> Result<Virtual, CodegenError> {
        Ok(match op {
            ScalarOp::Add(a, b) => self.commuting(Operation::Add, a, b),
            ScalarOp::Min(a, b) => self.commuting(Operation::Min, a, b),
            ScalarOp::And(a, b) => self.commuting(Operation::And, a, b),
            ScalarOp::Or(a, b) => self.commuting(Operation::Or, a, b),
            ScalarOp::Neg(a) => {
                let ra = self.register(a);
                self.write(Operation::Negate, Some(ra), None)
            }
            ScalarOp::Shl(a, b) => {
                let ra = self.register(a);
                let src = match b {
                    // Shifts beyond the word give what the last of its bits gives.
                    Arg::Const(by) => Source::Immediate(by.clamp(-MAX_SHL_AMOUNT, MAX_SHL_AMOUNT)),
                    Arg::Local(_) => Source::Register(self.register(b)),
                };
                self.write(Operation::ShiftLeft, Some(ra), Some(src))
            }
            ScalarOp::MulShr { a, b, shift, round } => {
                let narrow = u8::try_from(shift).ok().filter(|&shift| shift <= MAX_SHIFT);
                let too_far = || CodegenError::Shift { group: self.group.name.clone(), shift, most: MAX_SHIFT };
                let shift = narrow.ok_or_else(too_far)?;
                let rounding = if round { Rounding::HalfUp } else { Rounding::Floor };
                self.commuting(Operation::MultiplyShift(shift, rounding), a, b)
            }
            ScalarOp::Select { compare, lhs, rhs, then, otherwise } => {
                self.selection(compare, lhs, rhs, then, otherwise)
            }
        })
    }

    /// A comparison, unless the flag holds it already, and a `SEL`. Where the comparison has an opposite, the order
    /// of the branches is free: the one that saves a comparison or a `MOV` is taken.
    fn selection(&mut self, compare: Compare, lhs: Arg, rhs: Arg, then: Arg, otherwise: Arg) -> Virtual {
        let ra = self.register(lhs);
        let src = self.source(rhs);
        let cost = |compare: Compare, first: Arg| {
            let compares = self.flag != Some((compare, ra, src));
            usize::from(compares) + usize::from(matches!(first, Arg::Const(_)))
        };
        let opposite = match compare {
            Compare::Lt => Some(Compare::Ge),
            Compare::Ge => Some(Compare::Lt),
            Compare::Eq => None,
        };
        let (compare, first, second) = match opposite {
            Some(opposite) if cost(opposite, otherwise) < cost(compare, then) => (opposite, otherwise, then),
            _ => (compare, then, otherwise),
        };
        let first = self.register(first);
        let second = self.source(second);
        self.compare(compare, ra, src);
        self.write(Operation::Select, Some(first), Some(second))
    }

    fn commuting(&mut self, operation: Operation, a: Arg, b: Arg) -> Virtual {
        let (a, b) = if matches!(a, Arg::Const(_)) { (b, a) } else { (a, b) };
        let ra = self.register(a);
        let src = self.source(b);
        self.write(operation, Some(ra), Some(src))
    }

    fn compare(&mut self, compare: Compare, ra: Virtual, src: Source) {
        if self.flag != Some((compare, ra, src)) {
            self.push(Instruction { operation: Operation::Compare(compare), rd: None, ra: Some(ra), src: Some(src) });
            self.flag = Some((compare, ra, src));
        }
    }

    /// Where the sum of an accumulator is; reads it the first time.
    fn sum(&mut self, at: usize) -> Virtual {
        if let Some(register) = self.sums[at] {
            return register;
        }
        let register = self.write(Operation::ReadAndClear(AccId(id(at))), None, None);
        self.sums[at] = Some(register);
        register
    }

    fn load(&mut self, at: usize) -> Virtual {
        self.write(Operation::Load(slot(at)), None, None)
    }

    /// A register that holds an argument.
    fn register(&mut self, arg: Arg) -> Virtual {
        match arg {
            Arg::Const(value) => self.constant(value),
            Arg::Local(local) => match (self.registers[local.0 as usize], self.dataflow.definition(local)) {
                (None, Definition::Param(at)) => self.load(at),
                (register, _) => register.expect("invariant: values are defined before they are used"),
            },
        }
    }

    fn source(&mut self, arg: Arg) -> Source {
        match arg {
            Arg::Const(value) if is_immediate(value) => Source::Immediate(value),
            Arg::Const(_) | Arg::Local(_) => Source::Register(self.register(arg)),
        }
    }

    /// A constant in a register. One that is wider than an immediate is put together from its high and its low part.
    fn constant(&mut self, value: i32) -> Virtual {
        if is_immediate(value) {
            return self.write(Operation::Move, None, Some(Source::Immediate(value)));
        }
        let high = self.write(Operation::Move, None, Some(Source::Immediate(value >> LOW_BITS)));
        let shifted = self.write(Operation::ShiftLeft, Some(high), Some(Source::Immediate(LOW_BITS)));
        let low = value & ((1 << LOW_BITS) - 1);
        self.write(Operation::Or, Some(shifted), Some(Source::Immediate(low)))
    }

    fn write(&mut self, operation: Operation, ra: Option<Virtual>, src: Option<Source>) -> Virtual {
        let rd = self.fresh();
        self.push(Instruction { operation, rd: Some(rd), ra, src });
        rd
    }

    fn push(&mut self, instruction: Instruction) {
        self.code.push(instruction);
    }

    fn fresh(&mut self) -> Virtual {
        self.n_virtual += 1;
        self.n_virtual - 1
    }
}

/// The bits of a wide constant that are put in last.
const LOW_BITS: i32 = 16;

/// Whether the encoding has room for a constant: 24 bits, two's complement.
fn is_immediate(value: i32) -> bool {
    (value << 8) >> 8 == value
}

fn slot(at: usize) -> Slot {
    Slot(id(at))
}

fn id(at: usize) -> u8 {
    u8::try_from(at).expect("invariant: the frame was checked to fit ids of one byte")
}
