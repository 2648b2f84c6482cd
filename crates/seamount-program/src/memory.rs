//! What a program needs of each core's memory, by the arch's parameters and the program's contents alone.

use std::collections::BTreeSet;
use std::fmt;

use seamount_arch::Arch;

use crate::program::{Place, Program, index};

/// Memory and tables that a core uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct CoreMemory {
    /// The synapse image.
    pub synapse_bytes: u64,
    /// Entries of the input axon table.
    pub input_axon_bytes: u64,
    /// Entries of the output axon table: one for each destination of each source.
    pub output_axon_bytes: u64,
    /// Slots and accumulators of the neurons.
    pub state_bytes: u64,
    /// Instructions of the bodies on the core, each body once.
    pub microcode_bytes: u64,
    /// Input axons (fan-in).
    pub n_input_axons: u64,
    /// Output axons (fan-out).
    pub n_output_axons: u64,
    /// Neurons.
    pub n_neurons: u64,
}

/// A limit of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// All memory of the core, in bytes.
    TotalBytes,
    /// The synapse image, in bytes.
    SynapseBytes,
    /// The microcode, in bytes.
    MicrocodeBytes,
    /// Input axons (fan-in).
    InputAxons,
    /// Output axons (fan-out).
    OutputAxons,
    /// Neurons.
    Neurons,
}

/// A limit that a core exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// The limit.
    pub limit: Limit,
    /// What the program needs.
    pub needed: u64,
    /// What the core has.
    pub available: u64,
}

impl Program {
    /// What a core of the program uses; `None` if there is no such core. What a dangling index refers to counts nothing.
    pub fn core_memory(&self, core_idx: u32) -> Option<CoreMemory> {
        let core = self.cores.get(index(core_idx))?;
        let mut words = 0_u64;
        let mut bodies = BTreeSet::new();
        for slice in &core.slices {
            if let Some(body) = self.body_of(slice.group) {
                bodies.insert(self.groups[index(slice.group)].body);
                words += u64::from(slice.n_neurons) * count(body.slots.len() + body.accumulators.len());
            }
        }
        let n_instructions: u64 = bodies.iter().map(|&body| count(self.bodies[index(body)].instructions.len())).sum();
        let (n_input_axons, n_output_axons) = (core.n_axons(), count(core.routes.dests.len()));
        Some(CoreMemory {
            synapse_bytes: count(core.synapses.len()),
            input_axon_bytes: n_input_axons * self.arch.input_axon_bytes(),
            output_axon_bytes: n_output_axons * self.arch.output_axon_bytes(),
            state_bytes: words * self.arch.state_word_bytes(),
            microcode_bytes: n_instructions * self.arch.instruction_bytes(),
            n_input_axons,
            n_output_axons,
            n_neurons: core.n_neurons(),
        })
    }

    /// The limits that a core exceeds; none on the host, which has none.
    pub fn core_excesses(&self, core_idx: u32) -> Vec<Excess> {
        let on_chip = self.cores.get(index(core_idx)).is_some_and(|core| core.place != Place::Host);
        let memory = self.core_memory(core_idx).filter(|_| on_chip);
        memory.map(|memory| memory.excesses(&self.arch)).unwrap_or_default()
    }
}

impl CoreMemory {
    /// All bytes that the core uses.
    pub fn total_bytes(&self) -> u64 {
        self.synapse_bytes + self.input_axon_bytes + self.output_axon_bytes + self.state_bytes + self.microcode_bytes
    }

    /// The limits that are exceeded on a core of `arch`.
    pub fn excesses(&self, arch: &Arch) -> Vec<Excess> {
        let limits = [
            (Limit::TotalBytes, self.total_bytes(), arch.bytes_per_core()),
            (Limit::SynapseBytes, self.synapse_bytes, arch.synapse_bytes_per_core()),
            (Limit::MicrocodeBytes, self.microcode_bytes, arch.microcode_bytes_per_core()),
            (Limit::InputAxons, self.n_input_axons, arch.input_axons_per_core().into()),
            (Limit::OutputAxons, self.n_output_axons, arch.output_axons_per_core().into()),
            (Limit::Neurons, self.n_neurons, arch.neurons_per_core().into()),
        ];
        let exceeded = limits.into_iter().filter(|&(_, needed, available)| needed > available);
        exceeded.map(|(limit, needed, available)| Excess { limit, needed, available }).collect()
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.limit {
            Limit::TotalBytes => "bytes of memory",
            Limit::SynapseBytes => "bytes of synapse memory",
            Limit::MicrocodeBytes => "bytes of microcode",
            Limit::InputAxons => "input axons",
            Limit::OutputAxons => "output axons",
            Limit::Neurons => "neurons",
        };
        write!(f, "needs {} {what}, has {}", self.needed, self.available)
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).expect("invariant: addresses have at most 64 bits")
}
