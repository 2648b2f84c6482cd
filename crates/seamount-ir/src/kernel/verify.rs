//! What holds of a kernel.
//!
//! - `kernel-order`: an instruction reads only inputs and results before it.
//! - `kernel-constant`: constants are words.
//! - `kernel-shift`: product shifts are below twice the word.

use super::{Arg, Kernel, ScalarOp, Word};
use crate::verified::Findings;

impl Kernel {
    pub(crate) fn check(&self, word: Word, findings: &mut Findings) {
        for (index, &op) in self.ops.iter().enumerate() {
            let defined = self.n_inputs as usize + index;
            check_scalar(op, defined, word, &format!("fn {:?}, %{defined}", self.name), findings);
        }
        let at = format!("fn {:?}, result", self.name);
        check_arg(self.result, self.n_inputs as usize + self.ops.len(), word, &at, findings);
    }
}

/// Checks an operation after `n_defined` locals.
pub(crate) fn check_scalar(op: ScalarOp, n_defined: usize, word: Word, at: &str, findings: &mut Findings) {
    for arg in op.args() {
        check_arg(arg, n_defined, word, at, findings);
    }
    if let ScalarOp::MulShr { shift, .. } = op {
        findings.require(shift < 2 * word.bits, "kernel-shift", at, || format!("shifts by {shift}"));
    }
}

pub(crate) fn check_arg(arg: Arg, n_defined: usize, word: Word, at: &str, findings: &mut Findings) {
    match arg {
        Arg::Local(local) => {
            findings.require((local.0 as usize) < n_defined, "kernel-order", at, || format!("reads {local} too early"));
        }
        Arg::Const(constant) => {
            let fits = (word.min()..=word.max()).contains(&i64::from(constant));
            findings.require(fits, "kernel-constant", at, || format!("{constant} is no word of {} bits", word.bits));
        }
    }
}
