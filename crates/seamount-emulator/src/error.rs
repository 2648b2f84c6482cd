//! What can go wrong in a run.

use seamount_program::Violation;
use thiserror::Error;

use crate::fast::Kernel;

/// Why the emulator did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmulatorError {
    /// The program breaks the verifier's rules.
    #[error("the program breaks {} of the verifier's rules; the first: {}", .0.len(), .0[0])]
    Invalid(Vec<Violation>),
    /// A token that the embedding has no row for.
    #[error("token {token} of a vocabulary of {vocab_size}")]
    Token {
        /// The token.
        token: u32,
        /// Tokens that there are.
        vocab_size: u32,
    },
    /// A kernel of another kind of processor.
    #[error("this processor has no {0:?} instructions")]
    Kernel(Kernel),
    /// The program did what no program may do.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A program's fault. The state of the run is undefined from then on, until it is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("step {step}: neuron {neuron} of group {group} on core {core}, instruction @{pc}: {kind}")]
pub struct Fault {
    /// The step, from 0.
    pub step: u64,
    /// Index of the core.
    pub core: u32,
    /// Index of the group.
    pub group: u32,
    /// The neuron, counted in its group.
    pub neuron: u32,
    /// Address of the instruction.
    pub pc: usize,
    /// What it did.
    pub kind: FaultKind,
}

/// What no program may do, and no verifier can rule out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// A backward jump was taken more often than it said.
    #[error("the jump was taken more than {max} times")]
    LoopBound {
        /// The jump's bound.
        max: u16,
    },
    /// A payload is wider than a graded spike.
    #[error("payload {payload} does not fit in {bits} bits")]
    PayloadWidth {
        /// The payload.
        payload: i32,
        /// Width of a payload on this chip.
        bits: u32,
    },
    /// The host received an output in a step in which no token's logits are due: the paths of the network differ in
    /// length, or the program's latency is wrong.
    #[error("output {output} reached the host in a step in which no logits are due")]
    StrayOutput {
        /// Index of the output.
        output: u32,
    },
}
