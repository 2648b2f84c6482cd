//! Integer functions of one neuron, made of its instructions: no divide, no table, no float, no loop.
//!
//! [`sigmoid()`], [`silu()`] and [`inv_sqrt()`] build a [`Kernel`] for given formats. Each states its largest error,
//! measured over every input; `docs/quantization.md` explains the method and lists the errors.
//!
//! Words have 24 bits. In comments, `x:16` is a word whose unit is `2^-16`.

mod bound;
mod clamped;
mod fit;
mod generate;
mod inv_sqrt;
mod measure;
mod sigmoid;
mod silu;

pub use bound::{ErrorBound, NoBound};
pub use generate::{Function, Generated, Unreachable, front, generate, n_instructions};
pub use inv_sqrt::{ROOT_FRACTION_BITS, inv_sqrt};
pub use measure::{Errors, measure};
pub use sigmoid::{GATE_FRACTION_BITS, INPUT_FRACTION_BITS, sigmoid};
pub use silu::silu;

use seamount_ir::kernel::{Arg, Compare, Kernel, Local, ScalarOp, Word};

/// The word that the functions are made for.
pub const WORD: Word = Word { bits: 24 };

/// Appends instructions to a kernel.
struct Builder(Kernel);

impl Builder {
    fn new(name: String) -> (Self, Local) {
        (Self(Kernel::new(name, 1)), Local(0))
    }

    fn finish(mut self, result: Local, max_error: f64) -> Kernel {
        self.0.result = result.into();
        self.0.max_error = Some(max_error);
        self.0
    }

    fn add(&mut self, a: impl Into<Arg>, b: impl Into<Arg>) -> Local {
        self.0.push(ScalarOp::Add(a.into(), b.into()))
    }

    fn neg(&mut self, a: impl Into<Arg>) -> Local {
        self.0.push(ScalarOp::Neg(a.into()))
    }

    fn min(&mut self, a: impl Into<Arg>, b: impl Into<Arg>) -> Local {
        self.0.push(ScalarOp::Min(a.into(), b.into()))
    }

    fn and(&mut self, a: impl Into<Arg>, b: impl Into<Arg>) -> Local {
        self.0.push(ScalarOp::And(a.into(), b.into()))
    }

    fn shl(&mut self, a: impl Into<Arg>, by: impl Into<Arg>) -> Local {
        self.0.push(ScalarOp::Shl(a.into(), by.into()))
    }

    /// `(a · b) >> shift`, rounding half up.
    fn mul(&mut self, a: impl Into<Arg>, b: impl Into<Arg>, shift: u32) -> Local {
        self.0.push(ScalarOp::MulShr { a: a.into(), b: b.into(), shift, round: true })
    }

    /// `then` where `lhs < rhs`.
    fn if_less(
        &mut self,
        lhs: impl Into<Arg>,
        rhs: impl Into<Arg>,
        then: impl Into<Arg>,
        otherwise: impl Into<Arg>,
    ) -> Local {
        let (lhs, rhs, then, otherwise) = (lhs.into(), rhs.into(), then.into(), otherwise.into());
        self.0.push(ScalarOp::Select { compare: Compare::Lt, lhs, rhs, then, otherwise })
    }

    /// A polynomial by Horner's rule, from the leading coefficient. `x` has `x_bits` fraction bits, the coefficients
    /// and the result have `bits`.
    fn polynomial(&mut self, x: Local, x_bits: u32, coefficients: &[f64], bits: u32) -> Local {
        let (leading, rest) = coefficients.split_first().expect("invariant: polynomials have coefficients");
        let mut sum = Arg::Const(constant(*leading, bits));
        let mut last = x;
        for &coefficient in rest {
            let product = self.mul(x, sum, x_bits);
            last = self.add(product, constant(coefficient, bits));
            sum = last.into();
        }
        last
    }
}

/// A real constant as a word of some fraction bits.
fn constant(real: f64, bits: u32) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "the verifier of kernels refuses what is no word")]
    let word = (real * 2f64.powi(bits.cast_signed())).round() as i32;
    word
}
