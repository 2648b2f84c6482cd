//! From a neuron group's body to its microcode.
//!
//! 1. `dataflow.rs`: constants folded, equal operations shared, what nobody reads removed, stores forwarded to loads.
//! 2. `order.rs`: an order of evaluation; parameters, states and sums are read as late as possible.
//! 3. `select.rs`: instructions over any number of virtual registers.
//! 4. `allocate.rs`: a linear scan that gives them the registers of the machine.
//!
//! Steps 2 and 3 are done in several ways, from the order of the source to one that holds few values at a time; the
//! shortest code that fits the registers wins, and of equals the first.
//!
//! What every body begins with: delay lines move, the tick is read, and without a tick the run ends. A sum that is
//! not delayed is read only after that: a balanced network delivers it together with the tick, so it is zero before.

mod allocate;
mod dataflow;
mod names;
mod order;
mod select;

use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::kernel::Word;
use seamount_ir::network::{Group, Network};
use seamount_microcode::{Body, SlotDecl, SlotKind};
use seamount_partition::Footprint;
use thiserror::Error;

use dataflow::Dataflow;
use order::Strategy;

/// The microcode of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Microcode {
    /// Each body once, called after the first group that runs it.
    pub bodies: Vec<Body>,
    /// For each group the index of its body.
    pub body_of: Vec<u32>,
}

/// Why a group has no microcode.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodegenError {
    /// Too many values are needed at the same time.
    #[error(
        "neuron group {group:?} needs {needed} registers, a neuron has {available} [registers]; \
         help: use a cheaper approximation of its functions, or an arch file with more `word.registers_per_neuron`"
    )]
    Registers {
        /// The group.
        group: String,
        /// Values that are alive at the same time, in the best order found.
        needed: usize,
        /// Registers of the machine.
        available: usize,
    },
    /// The group declares more of a kind than operands can name.
    #[error("neuron group {group:?} has {found} {what}, microcode can name {most}")]
    TooMany {
        /// The group.
        group: String,
        /// Slots, accumulators, ports, probes or instructions.
        what: &'static str,
        /// How many.
        found: usize,
        /// The most of them.
        most: usize,
    },
    /// A product is shifted too far.
    #[error("neuron group {group:?} shifts a product right by {shift} bits, MUL_SHR goes to {most}")]
    Shift {
        /// The group.
        group: String,
        /// The shift, in bits.
        shift: u32,
        /// The furthest that there is, in bits.
        most: u8,
    },
}

/// Writes the microcode of all groups of a network for a machine.
///
/// Groups whose microcode is the same but for the name share one body.
///
/// # Errors
/// [`CodegenError`] for the first group that the machine cannot run.
pub fn generate(network: &Verified<Network>, arch: &Arch) -> Result<Microcode, CodegenError> {
    let mut microcode = Microcode { bodies: Vec::new(), body_of: Vec::with_capacity(network.groups.len()) };
    for group in &network.groups {
        let body = group_body(group, network.word, arch.registers_per_neuron())?;
        let same = |other: &Body| Body { name: body.name.clone(), ..other.clone() } == body;
        let known = microcode.bodies.iter().position(same);
        let body_idx = known.unwrap_or(microcode.bodies.len());
        if known.is_none() {
            microcode.bodies.push(body);
        }
        microcode.body_of.push(u32::try_from(body_idx).expect("invariant: groups are few"));
    }
    Ok(microcode)
}

/// What the microcode of each group asks of a core, for [`seamount_partition::partition`].
///
/// # Errors
/// As [`generate`].
pub fn footprints(network: &Verified<Network>, arch: &Arch) -> Result<Vec<Footprint>, CodegenError> {
    Ok(generate(network, arch)?.footprints())
}

impl Microcode {
    /// What the microcode of each group asks of a core.
    pub fn footprints(&self) -> Vec<Footprint> {
        let footprint = |&body_idx: &u32| {
            let body = &self.bodies[body_idx as usize];
            let count = |n: usize| u32::try_from(n).expect("invariant: declarations and addresses are small");
            Footprint {
                body: body_idx,
                n_slots: count(body.slots.len()),
                n_accumulators: count(body.accumulators.len()),
                n_instructions: count(body.instructions.len()),
            }
        };
        self.body_of.iter().map(footprint).collect()
    }
}

/// The microcode of one group: its parameters, then its states, then its delay lines as slots.
///
/// # Errors
/// [`CodegenError`].
pub fn group_body(group: &Group, word: Word, n_registers: u32) -> Result<Body, CodegenError> {
    let dataflow = Dataflow::new(group, word);
    let frame = Frame::new(group, &dataflow);
    frame.check(group)?;
    let available = (n_registers as usize).min(MAX_REGISTERS);
    let mut best: Option<Vec<_>> = None;
    let mut needed = usize::MAX;
    for strategy in Strategy::ALL {
        let steps = order::order(&dataflow, strategy);
        let instructions = select::select(group, &dataflow, &frame, &steps, strategy)?;
        let (instructions, n_used) = allocate::allocate(&instructions);
        needed = needed.min(n_used);
        if n_used <= available && best.as_ref().is_none_or(|best| instructions.len() < best.len()) {
            best = Some(instructions);
        }
    }
    let instructions = best.ok_or_else(|| CodegenError::Registers { group: group.name.clone(), needed, available })?;
    limit(group, "instructions", instructions.len(), usize::from(u16::MAX))?;
    Ok(frame.into_body(group, allocate::finish(&instructions)))
}

/// The most registers that the microcode verifier follows.
const MAX_REGISTERS: usize = 63;

/// Declarations that ids of one byte can name.
const MAX_DECLARATIONS: usize = 256;

fn limit(group: &Group, what: &'static str, found: usize, most: usize) -> Result<(), CodegenError> {
    if found <= most { Ok(()) } else { Err(CodegenError::TooMany { group: group.name.clone(), what, found, most }) }
}

/// Where a group's declarations are in its microcode.
struct Frame {
    /// The first slot of each accumulator's delay line, and its length; none where there is nothing to keep.
    delays: Vec<(usize, usize)>,
    n_slots: usize,
    probes: Vec<String>,
}

impl Frame {
    fn new(group: &Group, dataflow: &Dataflow) -> Self {
        let mut n_slots = group.params.len() + group.states.len();
        let mut delays = Vec::with_capacity(group.accumulators.len());
        for (at, accumulator) in group.accumulators.iter().enumerate() {
            // A sum that nobody reads need not be kept, only cleared.
            let n_steps = if dataflow.reads_accumulator(at) { accumulator.delay_steps as usize } else { 0 };
            delays.push((n_slots, n_steps));
            n_slots += n_steps;
        }
        Self { delays, n_slots, probes: dataflow.probes.clone() }
    }

    fn check(&self, group: &Group) -> Result<(), CodegenError> {
        limit(group, "slots (parameters, states and delayed sums)", self.n_slots, MAX_DECLARATIONS)?;
        limit(group, "accumulators", group.accumulators.len(), MAX_DECLARATIONS)?;
        limit(group, "ports", group.ports.len(), MAX_DECLARATIONS)?;
        limit(group, "probes", self.probes.len(), MAX_DECLARATIONS)
    }

    fn into_body(self, group: &Group, instructions: Vec<seamount_microcode::Instr>) -> Body {
        let mut slots = names::Names::default();
        let params = group.params.iter().map(|param| (param.name.clone(), SlotKind::Param));
        let states = group.states.iter().map(|name| (name.clone(), SlotKind::State));
        let delays = group.accumulators.iter().zip(&self.delays).flat_map(|(accumulator, &(_, n_steps))| {
            (0..n_steps).map(|step| (format!("{}.delay{step}", accumulator.name), SlotKind::State))
        });
        let slots = params.chain(states).chain(delays).map(|(name, kind)| SlotDecl { name: slots.add(&name), kind });
        Body {
            name: names::legal(&group.name),
            slots: slots.collect(),
            accumulators: names::all(group.accumulators.iter().map(|accumulator| accumulator.name.as_str())),
            ports: names::all(group.ports.iter().map(|port| port.name.as_str())),
            probes: names::all(self.probes.iter().map(String::as_str)),
            instructions,
        }
    }
}
