//! Traces as machine code: AVX-512, sixteen lanes or twice as many at a time, all registers of the microcode in registers.

#![expect(unsafe_code, reason = "machine code is called through a pointer")]

use std::fmt;

use iced_x86::code_asm::*;
use iced_x86::{IcedError, Register};
use memmap2::{Mmap, MmapMut};

use super::super::{Kernel, LANES};
use crate::fast::trace::{Check, Compare, Op, Operand, Trace};

/// Microcode has its registers in the first vector registers.
const MOST_REGISTERS: usize = 20;

/// Up to so many there are two copies of them, for twice the lanes.
const MOST_OF_TWO_COPIES: usize = MOST_REGISTERS / 2;

/// The bytes of a vector.
const VECTOR_BYTES: usize = 4 * LANES;

/// `A | (B ^ C)`, as a truth table.
const OR_DIFFERENCE: u32 = 0xf6;

/// What the code is: it goes through arrays of lanes, whose addresses are in a table, and writes for each vector which
/// lanes, or their neighbors in a pair, may have saturated. Gives a [`Verdict`].
type Entry = unsafe extern "sysv64" fn(table: *const *mut i32, n_bytes: usize, lost: *mut u16) -> u64;

/// A trace that the processor runs.
pub(in crate::fast) struct Code {
    memory: Mmap,
    /// The numbers in it.
    _pool: Box<[i64]>,
    n_inputs: usize,
    n_outputs: usize,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fast) enum Verdict {
    /// Nothing has saturated.
    Exact,
    /// Something may have.
    Saturated,
    /// A lane has gone another way. What was written is of no use.
    Left,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of code", self.memory.len())
    }
}

impl Code {
    /// Compiles a trace. `None` if it has too many registers, or the system allows no code to be made.
    ///
    /// # Panics
    /// If the processor could not run it.
    pub(in crate::fast) fn new(trace: &Trace, word_bits: u32, payload_bits: u32) -> Option<Self> {
        assert!(Kernel::Avx512.is_available(), "a kernel of another processor");
        if trace.n_registers > MOST_REGISTERS {
            return None;
        }
        let (code, pool) = Assembler::assemble(trace, word_bits, payload_bits).ok()?;
        let mut memory = MmapMut::map_anon(code.len()).ok()?;
        memory.copy_from_slice(&code);
        let memory = memory.make_exec().ok()?;
        let n_inputs = trace.sums.len() + trace.read.len();
        Some(Self { memory, _pool: pool, n_inputs, n_outputs: trace.written.len() + trace.spikes.len() })
    }

    /// Runs it for as many lanes as `lost` has bits. `inputs` are the trace's sums and what it reads of slots; `outputs` what
    /// it writes to slots, and its payloads.
    ///
    /// # Panics
    /// If there are other inputs or outputs, or other lanes.
    pub(in crate::fast) fn run(&self, inputs: &[&[i32]], outputs: &mut [Vec<i32>], lost: &mut [u16]) -> Verdict {
        let n_lanes = LANES * lost.len();
        assert_eq!((inputs.len(), outputs.len()), (self.n_inputs, self.n_outputs), "as many arrays as compiled for");
        assert!(inputs.iter().all(|lanes| lanes.len() == n_lanes), "each input has all lanes");
        assert!(outputs.iter().all(|lanes| lanes.len() == n_lanes), "each output has all lanes");
        let inputs = inputs.iter().map(|lanes| lanes.as_ptr().cast_mut());
        let table: Vec<*mut i32> = inputs.chain(outputs.iter_mut().map(|lanes| lanes.as_mut_ptr())).collect();
        // SAFETY: the memory holds code that was assembled as such a function for as many arrays as the table has; it reads
        // `n_lanes` of the inputs, of which none is an output, and writes `n_lanes` of the outputs, and a word for each 16.
        // Whoever made it has asked for the processor's instructions.
        let verdict = unsafe {
            let entry: Entry = std::mem::transmute(self.memory.as_ptr());
            entry(table.as_ptr(), 4 * n_lanes, lost.as_mut_ptr())
        };
        match verdict {
            0 => Verdict::Exact,
            1 => Verdict::Saturated,
            _ => Verdict::Left,
        }
    }
}

/// Writes code. General registers: `rdi`, `rsi` and `rdx` are the arguments, `rcx` is where in the arrays it is, `r8` what
/// has been lost, `r9` where the numbers are. Mask registers: `k1` and `k2` are flags, `k5` is even lanes, `k6` odd lanes,
/// `k7` those that have gone another way.
struct Assembler<'a> {
    asm: CodeAssembler,
    trace: &'a Trace,
    pool: Vec<i64>,
    min: i32,
    max: i32,
    payload_bits: u32,
    /// Whether anything may saturate.
    is_checked: bool,
}

/// One of the copies of the microcode's registers.
#[derive(Clone, Copy)]
struct Copy {
    at: usize,
    first: usize,
}

impl Copy {
    fn register(self, register: usize) -> AsmRegisterZmm {
        zmm(self.first + register)
    }

    fn spare(self, at: usize) -> AsmRegisterZmm {
        zmm(MOST_REGISTERS + 3 * self.at + at)
    }

    /// Has bits set where a lane has saturated.
    fn lost(self) -> AsmRegisterZmm {
        zmm(MOST_REGISTERS + 6 + self.at)
    }

    fn flag(self) -> AsmRegisterK {
        [k1, k2][self.at]
    }

    /// Where its lanes are, behind an address.
    fn place(self, address: AsmRegister64) -> AsmMemoryOperand {
        zmmword_ptr(address + rcx + self.at * VECTOR_BYTES)
    }
}

/// The least and the greatest word, and zeros.
fn min_register() -> AsmRegisterZmm {
    zmm28
}

fn max_register() -> AsmRegisterZmm {
    zmm29
}

fn zero_register() -> AsmRegisterZmm {
    zmm30
}

fn zmm(n: usize) -> AsmRegisterZmm {
    let n = u32::try_from(n).expect("invariant: there are 32 vector registers");
    get_zmm(Register::ZMM0 + n).expect("invariant: there are 32 vector registers")
}

impl<'a> Assembler<'a> {
    fn assemble(trace: &'a Trace, word_bits: u32, payload_bits: u32) -> Result<(Vec<u8>, Box<[i64]>), IcedError> {
        let is_checked = trace.ops.iter().any(Op::is_checked);
        let (min, max) = (i32::MIN >> (32 - word_bits), i32::MAX >> (32 - word_bits));
        let asm = CodeAssembler::new(64)?;
        let mut assembler = Self { asm, trace, pool: Vec::new(), min, max, payload_bits, is_checked };
        assembler.function()?;
        let Self { mut asm, pool, .. } = assembler;
        // Its address is known only now.
        let pool = pool.into_boxed_slice();
        let mut entry = CodeAssembler::new(64)?;
        entry.mov(r9, pool.as_ptr() as u64)?;
        let mut code = entry.assemble(0)?;
        code.extend(asm.assemble(code.len() as u64)?);
        Ok((code, pool))
    }

    fn function(&mut self) -> Result<(), IcedError> {
        self.asm.mov(eax, 0xaaaa)?;
        self.asm.kmovw(k6, eax)?;
        self.asm.knotw(k5, k6)?;
        self.asm.kxorw(k7, k7, k7)?;
        self.asm.xor(ecx, ecx)?;
        self.asm.xor(r8d, r8d)?;
        let (min, max) = (self.number(self.min.into()), self.number(self.max.into()));
        self.asm.vpbroadcastd(min_register(), dword_ptr(min))?;
        self.asm.vpbroadcastd(max_register(), dword_ptr(max))?;
        self.asm.vpxord(zero_register(), zero_register(), zero_register())?;
        let mut left = self.asm.create_label();
        let mut done = self.asm.create_label();
        let has_two = self.trace.n_registers <= MOST_OF_TWO_COPIES;
        let copies = [Copy { at: 0, first: 0 }, Copy { at: 1, first: MOST_OF_TWO_COPIES }];
        for copies in [&copies[..], &copies[..1]] {
            if copies.len() == 2 && !has_two {
                continue;
            }
            let n_bytes = i32::try_from(copies.len() * VECTOR_BYTES).expect("invariant: two vectors at most");
            let mut again = self.asm.create_label();
            let mut over = self.asm.create_label();
            self.asm.set_label(&mut again)?;
            self.asm.lea(rax, qword_ptr(rcx + n_bytes))?;
            self.asm.cmp(rax, rsi)?;
            self.asm.ja(over)?;
            self.lanes(copies)?;
            self.asm.kortestw(k7, k7)?;
            self.asm.jne(left)?;
            self.asm.add(rcx, n_bytes)?;
            self.asm.jmp(again)?;
            self.asm.set_label(&mut over)?;
            // An instruction has but one label.
            self.asm.zero_bytes()?;
        }
        self.asm.xor(eax, eax)?;
        self.asm.test(r8d, r8d)?;
        self.asm.setne(al)?;
        self.asm.jmp(done)?;
        self.asm.set_label(&mut left)?;
        self.asm.mov(eax, 2)?;
        self.asm.set_label(&mut done)?;
        self.asm.vzeroupper()?;
        self.asm.ret()
    }

    /// The operations on the lanes of a vector, or of two.
    fn lanes(&mut self, copies: &[Copy]) -> Result<(), IcedError> {
        if self.is_checked {
            for copy in copies {
                self.asm.vpxord(copy.lost(), copy.lost(), copy.lost())?;
            }
        }
        let trace = self.trace;
        for op in &trace.ops {
            for &copy in copies {
                self.op(op, copy)?;
            }
        }
        for copy in copies {
            if self.is_checked {
                self.asm.vptestmd(k3, copy.lost(), copy.lost())?;
                self.asm.kmovw(eax, k3)?;
                self.asm.or(r8d, eax)?;
            } else {
                self.asm.xor(eax, eax)?;
            }
            self.asm.mov(r10, rcx)?;
            self.asm.shr(r10, 5)?;
            self.asm.mov(word_ptr(rdx + r10 + 2 * copy.at), ax)?;
        }
        Ok(())
    }

    fn op(&mut self, op: &Op, copy: Copy) -> Result<(), IcedError> {
        let of = |register: usize| copy.register(register);
        let (spare, other) = (copy.spare(0), copy.spare(1));
        match *op {
            Op::Sum { rd, acc, checked } => {
                let at = place_of(&self.trace.sums, acc);
                self.load(of(rd), at, copy)?;
                if checked {
                    self.asm.vmovdqa32(spare, of(rd))?;
                    self.saturate(of(rd), spare, copy)?;
                }
            }
            Op::Load { rd, slot, is_new } => {
                let at = if is_new { self.place_of_written(slot) } else { self.place_of_read(slot) };
                self.load(of(rd), at, copy)?;
            }
            Op::Store { slot, a } => self.store(self.place_of_written(slot), a, copy)?,
            Op::Set { rd, a: Operand::Reg(a) } => self.asm.vmovdqa32(of(rd), of(a))?,
            Op::Set { rd, a: Operand::Number(value) } => self.set(of(rd), value)?,
            Op::Select { rd, a, b } => {
                let (a, b) = (self.in_register(a, spare, copy)?, self.in_register(b, other, copy)?);
                let rd = masked(of(rd), copy.flag());
                self.asm.vpblendmd(rd, b, a)?;
            }
            Op::And { rd, a, b: Operand::Reg(b) } => self.asm.vpandd(of(rd), of(a), of(b))?,
            Op::And { rd, a, b: Operand::Number(b) } => {
                let b = self.number(b.into());
                self.asm.vpandd(of(rd), of(a), dword_bcst(b))?;
            }
            Op::Or { rd, a, b: Operand::Reg(b) } => self.asm.vpord(of(rd), of(a), of(b))?,
            Op::Or { rd, a, b: Operand::Number(b) } => {
                let b = self.number(b.into());
                self.asm.vpord(of(rd), of(a), dword_bcst(b))?;
            }
            Op::Min { rd, a, b: Operand::Reg(b) } => self.asm.vpminsd(of(rd), of(a), of(b))?,
            Op::Min { rd, a, b: Operand::Number(b) } => {
                let b = self.number(b.into());
                self.asm.vpminsd(of(rd), of(a), dword_bcst(b))?;
            }
            Op::Add { rd, a, b, checked } => {
                let sum = if checked { spare } else { of(rd) };
                match b {
                    Operand::Reg(b) => self.asm.vpaddd(sum, of(a), of(b))?,
                    Operand::Number(b) => {
                        let b = self.number(b.into());
                        self.asm.vpaddd(sum, of(a), dword_bcst(b))?;
                    }
                }
                if checked {
                    self.saturate(of(rd), spare, copy)?;
                }
            }
            Op::Neg { rd, a, checked: false } => self.asm.vpsubd(of(rd), zero_register(), of(a))?,
            Op::Neg { rd, a, checked: true } => {
                self.asm.vpsubd(spare, zero_register(), of(a))?;
                self.saturate(of(rd), spare, copy)?;
            }
            Op::Clamp { rd, a, low, high } => {
                let (low, high) = (self.number(low.into()), self.number(high.into()));
                self.asm.vmovdqa32(spare, of(a))?;
                self.asm.vpminsd(of(rd), spare, dword_bcst(high))?;
                self.asm.vpmaxsd(of(rd), of(rd), dword_bcst(low))?;
                self.note_lost(of(rd), spare, copy)?;
            }
            Op::Left { rd, a, places, checked: false } => self.asm.vpslld(of(rd), of(a), places)?,
            Op::Left { rd, a, places, checked: true } => {
                let (low, high) = (self.number((self.min >> places).into()), self.number((self.max >> places).into()));
                let ones = self.number((1 << places) - 1);
                self.asm.vpminsd(spare, of(a), dword_bcst(high))?;
                self.asm.vpmaxsd(spare, spare, dword_bcst(low))?;
                self.note_lost(spare, of(a), copy)?;
                self.asm.vpcmpgtd(k3, of(a), spare)?;
                self.asm.vpslld(of(rd), spare, places)?;
                self.asm.vpord(masked(of(rd), k3), of(rd), dword_bcst(ones))?;
            }
            Op::LeftBy { rd, a, places, checked } => {
                let a = self.in_register(a, copy.spare(2), copy)?;
                if checked {
                    self.left_by(of(rd), a, of(places), copy)?;
                } else {
                    self.asm.vpsllvd(of(rd), a, of(places))?;
                }
            }
            Op::Right { rd, a, places } => self.asm.vpsrad(of(rd), of(a), places)?,
            Op::RightBy { rd, a, minus_places } => {
                let most = self.number(31);
                self.asm.vpsubd(spare, zero_register(), of(minus_places))?;
                self.asm.vpminud(spare, spare, dword_bcst(most))?;
                let a = self.in_register(a, other, copy)?;
                self.asm.vpsravd(of(rd), a, spare)?;
            }
            Op::MulShr { rd, a, b, shift, rounds, check } => {
                let (shift, half) = (u32::from(shift), rounds.then(|| 1 << (shift - 1)));
                match self.shift_before(a, b, shift, check) {
                    Some(places) => {
                        let to = if check == Check::None { of(rd) } else { other };
                        self.multiply(to, of(a), b, places, half.map(|half: i64| half << places), copy)?;
                        // The upper halves are what remains.
                        self.asm.vmovshdup(masked(to, k5), spare)?;
                        if check != Check::None {
                            self.saturate(of(rd), to, copy)?;
                        }
                    }
                    None => {
                        self.multiply(other, of(a), b, 0, half, copy)?;
                        self.shift_products(of(rd), shift, check, copy)?;
                    }
                }
            }
            Op::Compare { how, a, b } => {
                let how = match how {
                    Compare::Eq => 0,
                    Compare::Lt => 1,
                    Compare::Ge => 5,
                };
                match b {
                    Operand::Reg(b) => self.asm.vpcmpd(copy.flag(), of(a), of(b), how)?,
                    Operand::Number(b) => {
                        let b = self.number(b.into());
                        self.asm.vpcmpd(copy.flag(), of(a), dword_bcst(b), how)?;
                    }
                }
            }
            Op::Guard { flag: false } => self.asm.korw(k7, k7, copy.flag())?,
            Op::Guard { flag: true } => {
                self.asm.knotw(k3, copy.flag())?;
                self.asm.korw(k7, k7, k3)?;
            }
            Op::Spike { at, a, checked } => {
                self.store(self.trace.sums.len() + self.trace.read.len() + self.trace.written.len() + at, a, copy)?;
                if checked {
                    let a = self.in_register(a, other, copy)?;
                    self.asm.vpsrad(spare, a, 31)?;
                    self.asm.vpxord(spare, spare, a)?;
                    self.asm.vpsrld(spare, spare, self.payload_bits - 1)?;
                    self.asm.vptestmd(k3, spare, spare)?;
                    self.asm.korw(k7, k7, k3)?;
                }
            }
        }
        Ok(())
    }

    /// How far to the left the second factor is to be shifted so that the upper halves of the products are what remains of
    /// them. `None` if it has no room for that, or if that would be no cheaper.
    fn shift_before(&self, a: usize, b: Operand, shift: u32, check: Check) -> Option<u32> {
        let places = 32_u32.checked_sub(shift).filter(|_| check != Check::Wide)?;
        let has_room = match b {
            Operand::Number(b) => i32::try_from(i64::from(b) << places).is_ok(),
            Operand::Reg(b) => places == 0 || (a != b && i32::try_from(i64::from(self.min) << places).is_ok()),
        };
        has_room.then_some(places)
    }

    /// Exact products of the even lanes, in the first spare register, and of the odd ones; the second factor is shifted to
    /// the left before.
    fn multiply(
        &mut self,
        odd_to: AsmRegisterZmm,
        a: AsmRegisterZmm,
        b: Operand,
        places: u32,
        half: Option<i64>,
        copy: Copy,
    ) -> Result<(), IcedError> {
        let (even, odd, odd_b) = (copy.spare(0), copy.spare(1), copy.spare(2));
        let product = if half.is_some() { odd } else { odd_to };
        self.asm.vpsrlq(odd, a, 32)?;
        match b {
            Operand::Number(b) => {
                let b = self.number(i64::from(b) << places);
                self.asm.vpmuldq(even, a, qword_bcst(b))?;
                self.asm.vpmuldq(product, odd, qword_bcst(b))?;
            }
            Operand::Reg(b) => {
                let mut b = copy.register(b);
                if places > 0 {
                    self.asm.vpslld(odd_b, b, places)?;
                    b = odd_b;
                }
                self.asm.vpmuldq(even, a, b)?;
                if a == b {
                    self.asm.vpmuldq(product, odd, odd)?;
                } else {
                    self.asm.vpsrlq(odd_b, b, 32)?;
                    self.asm.vpmuldq(product, odd, odd_b)?;
                }
            }
        }
        if let Some(half) = half {
            let half = self.number(half);
            self.asm.vpaddq(even, even, qword_bcst(half))?;
            self.asm.vpaddq(odd_to, odd, qword_bcst(half))?;
        }
        Ok(())
    }

    /// Shifts the products in the first two spare registers to the right, and puts them together.
    fn shift_products(&mut self, rd: AsmRegisterZmm, shift: u32, check: Check, copy: Copy) -> Result<(), IcedError> {
        let (even, odd, third) = (copy.spare(0), copy.spare(1), copy.spare(2));
        if check == Check::Wide {
            let (min, max) = (self.number(self.min.into()), self.number(self.max.into()));
            self.asm.vpsraq(even, even, shift)?;
            self.asm.vpsraq(odd, odd, shift)?;
            self.asm.vpminsq(third, even, qword_bcst(max))?;
            self.asm.vpmaxsq(third, third, qword_bcst(min))?;
            self.note_lost(third, even, copy)?;
            self.asm.vpminsq(even, odd, qword_bcst(max))?;
            self.asm.vpmaxsq(even, even, qword_bcst(min))?;
            self.note_lost(even, odd, copy)?;
            self.asm.vpsllq(even, even, 32)?;
            return self.asm.vpblendmd(masked(rd, k6), third, even);
        }
        // The low half of the one, and the high half of the other.
        match shift {
            0..=32 => {
                self.asm.vpsrlq(even, even, shift)?;
                self.asm.vpsllq(odd, odd, 32 - shift)?;
            }
            _ => {
                self.asm.vpsraq(even, even, shift)?;
                self.asm.vpsraq(odd, odd, shift - 32)?;
            }
        }
        if check == Check::None {
            return self.asm.vpblendmd(masked(rd, k6), even, odd);
        }
        self.asm.vmovdqa32(masked(even, k6), odd)?;
        self.saturate(rd, even, copy)
    }

    /// A shift to the left by a register, where bits may be lost.
    fn left_by(
        &mut self,
        rd: AsmRegisterZmm,
        a: AsmRegisterZmm,
        places: AsmRegisterZmm,
        copy: Copy,
    ) -> Result<(), IcedError> {
        let (fitting, ones) = (copy.spare(0), copy.spare(1));
        let (one, minus_one) = (self.number(1), self.number(-1));
        self.asm.vpsravd(fitting, max_register(), places)?;
        self.asm.vpminsd(fitting, a, fitting)?;
        self.asm.vpsravd(ones, min_register(), places)?;
        self.asm.vpmaxsd(fitting, fitting, ones)?;
        self.note_lost(fitting, a, copy)?;
        self.asm.vpcmpgtd(k3, a, fitting)?;
        self.asm.vpbroadcastd(ones, dword_ptr(one))?;
        self.asm.vpsllvd(ones, ones, places)?;
        self.asm.vpaddd(ones, ones, dword_bcst(minus_one))?;
        self.asm.vpsllvd(rd, fitting, places)?;
        self.asm.vpord(masked(rd, k3), rd, ones)
    }

    /// The word nearest to what is `exact`.
    fn saturate(&mut self, rd: AsmRegisterZmm, exact: AsmRegisterZmm, copy: Copy) -> Result<(), IcedError> {
        self.asm.vpminsd(rd, exact, max_register())?;
        self.asm.vpmaxsd(rd, rd, min_register())?;
        self.note_lost(rd, exact, copy)
    }

    fn note_lost(&mut self, value: AsmRegisterZmm, exact: AsmRegisterZmm, copy: Copy) -> Result<(), IcedError> {
        self.asm.vpternlogd(copy.lost(), value, exact, OR_DIFFERENCE)
    }

    fn load(&mut self, to: AsmRegisterZmm, at: usize, copy: Copy) -> Result<(), IcedError> {
        self.asm.mov(rax, qword_ptr(rdi + 8 * at))?;
        self.asm.vmovdqu32(to, copy.place(rax))
    }

    fn store(&mut self, at: usize, a: Operand, copy: Copy) -> Result<(), IcedError> {
        let a = self.in_register(a, copy.spare(0), copy)?;
        self.asm.mov(rax, qword_ptr(rdi + 8 * at))?;
        self.asm.vmovdqu32(copy.place(rax), a)
    }

    /// The operand's register; one that it is put into if it is a number.
    fn in_register(&mut self, a: Operand, spare: AsmRegisterZmm, copy: Copy) -> Result<AsmRegisterZmm, IcedError> {
        match a {
            Operand::Reg(a) => Ok(copy.register(a)),
            Operand::Number(0) => Ok(zero_register()),
            Operand::Number(value) => {
                self.set(spare, value)?;
                Ok(spare)
            }
        }
    }

    fn set(&mut self, to: AsmRegisterZmm, value: i32) -> Result<(), IcedError> {
        let value = self.number(value.into());
        self.asm.vpbroadcastd(to, dword_ptr(value))
    }

    /// Where a number is.
    fn number(&mut self, value: i64) -> AsmMemoryOperand {
        let at = self.pool.iter().position(|&known| known == value).unwrap_or_else(|| {
            self.pool.push(value);
            self.pool.len() - 1
        });
        r9 + 8 * at
    }

    fn place_of_read(&self, slot: usize) -> usize {
        self.trace.sums.len() + place_of(&self.trace.read, slot)
    }

    fn place_of_written(&self, slot: usize) -> usize {
        let written = self.trace.written.iter().position(|written| written.slot == slot);
        self.trace.sums.len() + self.trace.read.len() + written.expect("invariant: what is stored is written")
    }
}

fn place_of(list: &[usize], item: usize) -> usize {
    list.iter().position(|&at| at == item).expect("invariant: traces list what they use")
}

fn masked(register: AsmRegisterZmm, mask: AsmRegisterK) -> AsmRegisterZmm {
    match () {
        () if mask == k1 => register.k1(),
        () if mask == k2 => register.k2(),
        () if mask == k3 => register.k3(),
        () if mask == k5 => register.k5(),
        () => register.k6(),
    }
}
