//! Recounts every limit of the system from a program alone: a second opinion.
//!
//! Entry point: [`check`]. It shares no accounting with the compiler, nor with the program's own verifier: it walks over the
//! blocks, routes and bodies and counts again. What both say is right twice.
//!
//! **Invariant:** this crate uses what a program holds and nothing that the program crate says of it: none of its accounts.

mod cores;
mod network;
mod rule;

use seamount_program::Program;

pub use rule::{Finding, Rule};

/// All that is wrong with a program, in the order of [`Rule::ALL`].
#[must_use]
pub fn check(program: &Program) -> Vec<Finding> {
    let mut findings = cores::check(program);
    findings.extend(network::check(program));
    findings.sort_by_key(|finding| finding.rule as usize);
    findings
}

/// A `u32` as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).expect("invariant: addresses have at least 32 bits")
}

/// A length as a number of findings.
pub(crate) fn count(n: usize) -> u64 {
    u64::try_from(n).expect("invariant: addresses have at most 64 bits")
}
