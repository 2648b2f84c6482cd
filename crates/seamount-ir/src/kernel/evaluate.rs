//! The meaning of kernels, in wide integers.

use super::{Arg, Compare, Kernel, ScalarOp};

/// The word of the machine: a signed integer of some bits that saturates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Width in bits, sign included.
    pub bits: u32,
}

impl Word {
    /// The largest value.
    pub fn max(self) -> i64 {
        (1 << (self.bits - 1)) - 1
    }

    /// The least value.
    pub fn min(self) -> i64 {
        -(1 << (self.bits - 1))
    }

    /// The nearest value of the word.
    pub fn saturate(self, exact: i64) -> i64 {
        exact.clamp(self.min(), self.max())
    }

    /// The value of the low bits, as two's complement.
    pub fn wrap(self, exact: i64) -> i64 {
        let unused = 64 - self.bits;
        (exact << unused) >> unused
    }

    /// `value · 2^by`, rounding down, saturated.
    pub fn shift_left(self, value: i64, by: i64) -> i64 {
        if by >= 0 {
            let by = u32::try_from(by.min(i64::from(self.bits))).expect("invariant: within the word");
            self.saturate(value << by)
        } else {
            value >> by.unsigned_abs().min(63)
        }
    }

    /// `(a · b) >> shift`, rounding half up or down, saturated.
    pub fn mul_shr(self, a: i64, b: i64, shift: u32, round: bool) -> i64 {
        let exact = a * b;
        self.saturate(if round && shift > 0 { ((exact >> (shift - 1)) + 1) >> 1 } else { exact >> shift })
    }
}

/// Evaluates a function. `locals` is scratch space, kept by the caller to save allocations.
pub fn evaluate(kernel: &Kernel, word: Word, inputs: &[i64], locals: &mut Vec<i64>) -> i64 {
    locals.clear();
    locals.extend_from_slice(inputs);
    for &op in &kernel.ops {
        let value = scalar(op, word, |arg| read(arg, locals));
        locals.push(value);
    }
    read(kernel.result, locals)
}

fn read(arg: Arg, locals: &[i64]) -> i64 {
    match arg {
        Arg::Local(local) => locals[local.0 as usize],
        Arg::Const(constant) => i64::from(constant),
    }
}

fn scalar(op: ScalarOp, word: Word, read: impl Fn(Arg) -> i64) -> i64 {
    match op {
        ScalarOp::Add(a, b) => word.saturate(read(a) + read(b)),
        ScalarOp::Neg(a) => word.saturate(-read(a)),
        ScalarOp::Min(a, b) => read(a).min(read(b)),
        ScalarOp::And(a, b) => read(a) & read(b),
        ScalarOp::Or(a, b) => read(a) | read(b),
        ScalarOp::Shl(a, b) => word.shift_left(read(a), read(b)),
        ScalarOp::MulShr { a, b, shift, round } => word.mul_shr(read(a), read(b), shift, round),
        ScalarOp::Select { compare, lhs, rhs, then, otherwise } => {
            let (lhs, rhs) = (read(lhs), read(rhs));
            let holds = match compare {
                Compare::Lt => lhs < rhs,
                Compare::Ge => lhs >= rhs,
                Compare::Eq => lhs == rhs,
            };
            read(if holds { then } else { otherwise })
        }
    }
}
