//! Why a network gives no program.

use seamount_ir::tensor::TensorError;
use seamount_partition::{MapViolations, PartitionError};
use thiserror::Error;

use crate::codegen::CodegenError;

/// Why a network gives no program.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EmitError {
    /// A group has no microcode.
    #[error(transparent)]
    Codegen(#[from] CodegenError),
    /// The network cannot be laid out.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// The core map is not one of this network and system.
    #[error(transparent)]
    CoreMap(#[from] MapViolations),
    /// The network is for a machine of another kind.
    #[error("the network is for {what} of {network}, {arch:?} has {found} [machine]; help: quantize for --arch {arch}")]
    Machine {
        /// Registers, accumulators or their overflow.
        what: &'static str,
        /// What the network was made for.
        network: String,
        /// The system.
        arch: String,
        /// What the system has.
        found: String,
    },
    /// Paths of different lengths were not balanced.
    #[error("the network is not balanced: its latency is unknown [balance]; help: run the pass balance-delays")]
    Unbalanced,
    /// A port's payloads are wider than the system sends.
    #[error(
        "port {port:?} of neuron group {group:?} sends payloads of {bits} bits, {arch:?} sends {most} [payload-bits]; help: --payload-bits {most}"
    )]
    PayloadBits {
        /// The group.
        group: String,
        /// The port.
        port: String,
        /// Width of its payloads.
        bits: u32,
        /// The system.
        arch: String,
        /// The widest payload of the system.
        most: u32,
    },
    /// A synapse waits longer than the system's do.
    #[error(
        "projection {projection} waits {delay_steps} steps in its synapses, {arch:?} has {most} [delay]; help: run balance-delays for this system"
    )]
    Delay {
        /// Index into the network's projections.
        projection: usize,
        /// Steps that it waits.
        delay_steps: u32,
        /// The system.
        arch: String,
        /// The longest delay of the system, in steps.
        most: u32,
    },
    /// A constant has no data or the wrong elements.
    #[error("constant @{name}: {source}")]
    Constant {
        /// The constant.
        name: String,
        /// What is wrong with it.
        source: TensorError,
    },
    /// An element of a constant does not fit where it goes.
    #[error("constant @{name} has the element {value}, {place} has {bits} bits [range]")]
    Range {
        /// The constant.
        name: String,
        /// The element.
        value: i32,
        /// What it is written to.
        place: &'static str,
        /// The width of that.
        bits: u32,
    },
    /// Something is numbered beyond what the program file can.
    #[error("{what}: {found} do not fit in 32 bits [size]")]
    Size {
        /// What is counted.
        what: &'static str,
        /// How many.
        found: usize,
    },
}
