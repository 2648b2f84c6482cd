//! The verifier of bodies.
//!
//! It collects every broken rule, in the order of the addresses. The rules:
//!
//! | id | rule |
//! |---|---|
//! | `name` | every name is well formed ([`is_name`]) and used once among its kind |
//! | `length` | at most 65535 instructions |
//! | `register` | registers exist on the machine |
//! | `accumulator` | accumulators are declared |
//! | `slot` | slots are declared |
//! | `param-write` | `RMW.ST`, `RMW.XCHG` and `RMW.ADD` leave parameters alone |
//! | `port` | ports are declared |
//! | `probe` | probes are declared |
//! | `immediate` | immediates are words of the machine and fit in 24 bits |
//! | `shift` | an immediate of `SHL` is within ±63, the shift of `MUL_SHR` within 0 to 47 |
//! | `target` | jumps and skips lead to an instruction or to the end |
//! | `bound` | a backward jump has a `max` of at least 1, a forward jump has none |
//! | `undefined-register` | a register is written on every path before it is read |
//! | `undefined-flag` | the flag is set on every path before it is read |

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;

use thiserror::Error;

use crate::semantics::Word;
use crate::{AccId, Body, Condition, Instr, PortId, ProbeId, Reg, Slot, SlotKind, Src, is_name};

/// The furthest that an immediate of `SHL` may shift, to either side.
pub const MAX_SHL_AMOUNT: i32 = 63;

/// The furthest that `MUL_SHR` may shift.
pub const MAX_SHIFT: u8 = 47;

/// Bits that the encoding has for an immediate.
const IMMEDIATE_BITS: u32 = 24;

/// The most registers that the verifier can follow.
const MAX_REGISTERS: u32 = 63;

/// What the verifier needs to know of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The width of registers and slots.
    pub word: Word,
    /// Registers of a neuron; the verifier uses at most 63.
    pub n_registers: u32,
}

/// The rules, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `name`
    Name,
    /// `length`
    Length,
    /// `register`
    Register,
    /// `accumulator`
    Accumulator,
    /// `slot`
    Slot,
    /// `param-write`
    ParamWrite,
    /// `port`
    Port,
    /// `probe`
    Probe,
    /// `immediate`
    Immediate,
    /// `shift`
    Shift,
    /// `target`
    Target,
    /// `bound`
    Bound,
    /// `undefined-register`
    UndefinedRegister,
    /// `undefined-flag`
    UndefinedFlag,
}

/// A broken rule of a body.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}{message} [{rule}]", .address.map(|address| format!("@{address}: ")).unwrap_or_default())]
pub struct BodyError {
    /// The rule.
    pub rule: Rule,
    /// The instruction that breaks it; `None` if a declaration does.
    pub address: Option<usize>,
    /// What was expected and found.
    pub message: String,
}

/// A body that keeps all rules on the machine that it was verified for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedBody(Body);

/// Checks every rule.
///
/// # Errors
/// All broken rules, at least one.
pub fn verify(body: Body, machine: &Machine) -> Result<VerifiedBody, Vec<BodyError>> {
    let mut verifier = Verifier { body: &body, machine, errors: Vec::new() };
    verifier.check_names();
    for address in 0..body.instructions.len() {
        verifier.check_instruction(address);
    }
    verifier.check_definite_assignment();
    let mut errors = verifier.errors;
    if errors.is_empty() {
        return Ok(VerifiedBody(body));
    }
    errors.sort_by_key(|error| error.address);
    Err(errors)
}

impl VerifiedBody {
    /// The body itself, to be changed and verified anew.
    pub fn into_inner(self) -> Body {
        self.0
    }
}

impl Deref for VerifiedBody {
    type Target = Body;

    fn deref(&self) -> &Body {
        &self.0
    }
}

impl Rule {
    /// The rule's id in messages.
    pub fn id(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Length => "length",
            Self::Register => "register",
            Self::Accumulator => "accumulator",
            Self::Slot => "slot",
            Self::ParamWrite => "param-write",
            Self::Port => "port",
            Self::Probe => "probe",
            Self::Immediate => "immediate",
            Self::Shift => "shift",
            Self::Target => "target",
            Self::Bound => "bound",
            Self::UndefinedRegister => "undefined-register",
            Self::UndefinedFlag => "undefined-flag",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

struct Verifier<'a> {
    body: &'a Body,
    machine: &'a Machine,
    errors: Vec<BodyError>,
}

impl Verifier<'_> {
    fn error(&mut self, rule: Rule, address: impl Into<Option<usize>>, message: String) {
        self.errors.push(BodyError { rule, address: address.into(), message });
    }

    fn check_names(&mut self) {
        let body = self.body;
        let slots = body.slots.iter().map(|decl| &decl.name);
        self.check_names_of("body", [&body.name].into_iter());
        self.check_names_of("accumulator", body.accumulators.iter());
        self.check_names_of("slot", slots);
        self.check_names_of("port", body.ports.iter());
        self.check_names_of("probe", body.probes.iter());
        let n_instructions = body.instructions.len();
        if n_instructions > usize::from(u16::MAX) {
            self.error(Rule::Length, None, format!("{n_instructions} instructions, the most is {}", u16::MAX));
        }
    }

    fn check_names_of<'n>(&mut self, what: &str, names: impl ExactSizeIterator<Item = &'n String>) {
        if names.len() > 256 {
            self.error(Rule::Name, None, format!("{} of {what} declared, ids go to 255", names.len()));
        }
        let mut seen = HashSet::new();
        for name in names {
            if !is_name(name) {
                self.error(Rule::Name, None, format!("`{name}` cannot name a {what}"));
            } else if !seen.insert(name) {
                self.error(Rule::Name, None, format!("{what} `{name}` is declared twice"));
            }
        }
    }

    fn check_instruction(&mut self, address: usize) {
        let instr = self.body.instructions[address];
        for reg in instr.written_register().into_iter().chain(instr.read_registers()) {
            self.check_register(address, reg);
        }
        if let Some(Src::Imm(value)) = instr.src() {
            self.check_immediate(address, value);
        }
        match instr {
            Instr::RmwLd { rd: _, slot } => self.check_slot(address, slot, false),
            Instr::RmwSt { slot, ra: _ }
            | Instr::RmwXchg { rd: _, slot, ra: _ }
            | Instr::RmwAdd { rd: _, slot, ra: _ } => {
                self.check_slot(address, slot, true);
            }
            Instr::Rdc { rd: _, acc } => self.check_accumulator(address, acc),
            Instr::Shl { rd: _, ra: _, src: Src::Imm(amount) } => {
                if !(-MAX_SHL_AMOUNT..=MAX_SHL_AMOUNT).contains(&amount) {
                    self.error(Rule::Shift, address, format!("SHL by {amount}, the furthest is {MAX_SHL_AMOUNT}"));
                }
            }
            Instr::MulShr { shift, .. } => {
                if shift > MAX_SHIFT {
                    self.error(Rule::Shift, address, format!("MUL_SHR by {shift}, the furthest is {MAX_SHIFT}"));
                }
            }
            Instr::SkpC { when: _ } => {
                if address + 1 >= self.body.instructions.len() {
                    self.error(Rule::Target, address, "SKP_C has nothing to skip".to_owned());
                }
            }
            Instr::JmpC { when: _, target, max } => self.check_jump(address, usize::from(target), max),
            Instr::Spike { port, ra: _ } => self.check_port(address, port),
            Instr::Probe { probe, ra: _ } => self.check_probe(address, probe),
            Instr::Mov { .. }
            | Instr::Sel { .. }
            | Instr::And { .. }
            | Instr::Or { .. }
            | Instr::Shl { .. }
            | Instr::Add { .. }
            | Instr::Neg { .. }
            | Instr::Min { .. }
            | Instr::Lt { .. }
            | Instr::Ge { .. }
            | Instr::Eq { .. } => {}
        }
    }

    fn check_register(&mut self, address: usize, reg: Reg) {
        let n_registers = self.machine.n_registers.min(MAX_REGISTERS);
        if u32::from(reg.0) >= n_registers {
            self.error(Rule::Register, address, format!("{reg} does not exist, a neuron has {n_registers} registers"));
        }
    }

    fn check_immediate(&mut self, address: usize, value: i32) {
        let bits = self.machine.word.bits().min(IMMEDIATE_BITS);
        let fits = Word::new(bits).is_some_and(|word| word.contains(value));
        if !fits {
            self.error(Rule::Immediate, address, format!("{value} does not fit in {bits} bits"));
        }
    }

    fn check_accumulator(&mut self, address: usize, acc: AccId) {
        if self.body.accumulator_name(acc).is_none() {
            self.error(Rule::Accumulator, address, format!("accumulator {acc} is not declared"));
        }
    }

    fn check_slot(&mut self, address: usize, slot: Slot, writes: bool) {
        match self.body.slots.get(slot.index()) {
            None => self.error(Rule::Slot, address, format!("slot {slot} is not declared")),
            Some(decl) if writes && decl.kind == SlotKind::Param => {
                self.error(Rule::ParamWrite, address, format!("slot {slot} (`{}`) is a parameter", decl.name));
            }
            Some(_) => {}
        }
    }

    fn check_port(&mut self, address: usize, port: PortId) {
        if self.body.port_name(port).is_none() {
            self.error(Rule::Port, address, format!("port {port} is not declared"));
        }
    }

    fn check_probe(&mut self, address: usize, probe: ProbeId) {
        if self.body.probe_name(probe).is_none() {
            self.error(Rule::Probe, address, format!("probe {probe} is not declared"));
        }
    }

    fn check_jump(&mut self, address: usize, target: usize, max: Option<u16>) {
        let end = self.body.instructions.len();
        if target > end {
            self.error(Rule::Target, address, format!("jump to @{target}, the body ends at @{end}"));
        }
        match (target <= address, max) {
            (true, None | Some(0)) => self.error(Rule::Bound, address, "a backward jump needs `max`".to_owned()),
            (false, Some(_)) => self.error(Rule::Bound, address, "a forward jump takes no `max`".to_owned()),
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Forward data flow over the instructions. A set holds what is defined on every path so far; where paths meet, the
    /// sets intersect. An instruction that no path reaches keeps the full set and is not complained about.
    fn check_definite_assignment(&mut self) {
        let end = self.body.instructions.len();
        let mut defined_before = vec![Defined::ALL; end];
        let mut work = Vec::new();
        if let Some(first) = defined_before.first_mut() {
            *first = Defined::NONE;
            work.push(0);
        }
        while let Some(address) = work.pop() {
            let instr = &self.body.instructions[address];
            let after = defined_before[address].after(instr);
            for next in successors(instr, address) {
                // Past the end there is nothing to read; a target out of range is the `target` rule's.
                let Some(before) = defined_before.get_mut(next) else { continue };
                let met = before.meet(after);
                if met != *before {
                    *before = met;
                    work.push(next);
                }
            }
        }
        for (address, before) in defined_before.into_iter().enumerate() {
            let instr = self.body.instructions[address];
            for reg in instr.read_registers().filter(|&reg| !before.has_register(reg)) {
                self.error(Rule::UndefinedRegister, address, format!("{reg} may be read before it is written"));
            }
            if instr.reads_flag() && !before.has_flag() {
                self.error(Rule::UndefinedFlag, address, "the flag may be read before it is set".to_owned());
            }
        }
    }
}

/// Where a run may go on after an instruction.
fn successors(instr: &Instr, address: usize) -> impl Iterator<Item = usize> {
    let (falls_through, other) = match *instr {
        Instr::JmpC { when, target, max: _ } => (when != Condition::Always, Some(usize::from(target))),
        Instr::SkpC { when: _ } => (true, Some(address + 2)),
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
        | Instr::Probe { .. } => (true, None),
    };
    falls_through.then_some(address + 1).into_iter().chain(other)
}

/// A set of registers, and the flag in the highest bit.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Defined(u64);

impl Defined {
    const NONE: Self = Self(0);
    const ALL: Self = Self(u64::MAX);
    const FLAG: u64 = 1 << 63;

    fn after(self, instr: &Instr) -> Self {
        let register = instr.written_register().map_or(0, Self::bit);
        let flag = if instr.writes_flag() { Self::FLAG } else { 0 };
        Self(self.0 | register | flag)
    }

    fn meet(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn has_register(self, reg: Reg) -> bool {
        // A register that the machine lacks is the `register` rule's.
        Self::bit(reg) == 0 || self.0 & Self::bit(reg) != 0
    }

    fn has_flag(self) -> bool {
        self.0 & Self::FLAG != 0
    }

    fn bit(reg: Reg) -> u64 {
        if u32::from(reg.0) < MAX_REGISTERS { 1 << reg.0 } else { 0 }
    }
}
