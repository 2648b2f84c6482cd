//! A description of a system, and a getter for each of its numbers.

use sha2::{Digest, Sha256};

use crate::parameter::{Overflow, Parameter, Status, Value};
use crate::schema::{Key, SCHEMA};

/// A Loihi system: chips, neurocores, memories, widths, times and energies.
///
/// It is complete and in range; that its parameters also agree with each other is for [`check`](crate::check) to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Arch {
    pub(crate) name: String,
    pub(crate) description: String,
    /// One entry for each row of [`SCHEMA`], in its order.
    pub(crate) entries: Vec<Entry>,
}

/// What a file says about one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) source: String,
    pub(crate) status: Status,
    pub(crate) note: String,
}

impl Arch {
    /// The name of the system, as `--arch` takes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One line that says what the system is.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The same system with another rule for sums that do not fit an accumulator, marked as assumed.
    #[must_use]
    pub fn with_overflow(mut self, rule: Overflow) -> Self {
        if self.overflow() != rule {
            self.entries[Key::WordOverflow as usize] = Entry {
                value: Value::Overflow(rule),
                source: String::new(),
                status: Status::Assumed,
                note: "chosen by the user".to_owned(),
            };
        }
        self
    }

    /// All parameters with their provenance, in the order of a canonical file.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = Parameter<'_>> {
        SCHEMA.iter().zip(&self.entries).map(|(spec, entry)| Parameter {
            name: spec.name,
            value: &entry.value,
            unit: spec.unit,
            source: &entry.source,
            status: entry.status,
            note: &entry.note,
            about: spec.about,
        })
    }

    /// The SHA-256 of [`Arch::to_toml`]: equal for equal descriptions, whatever files they were written in.
    ///
    /// Sources and notes count too: a program names the description it was compiled for, not only its values.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.to_toml().as_bytes()).into()
    }
}

/// The system and its chips.
impl Arch {
    /// Chips of the system.
    #[must_use]
    pub fn n_chips(&self) -> u32 {
        self.count(Key::SystemChips)
    }

    /// Columns and rows of the grid in which the chips are tiled.
    #[must_use]
    pub fn chip_grid(&self) -> (u32, u32) {
        (self.count(Key::SystemChipColumns), self.count(Key::SystemChipRows))
    }

    /// Neurocores of a chip that a program may use, the bad ones included.
    #[must_use]
    pub fn cores_per_chip(&self) -> u32 {
        self.count(Key::ChipCores)
    }

    /// Columns and rows of a chip's router mesh.
    #[must_use]
    pub fn router_grid(&self) -> (u32, u32) {
        (self.count(Key::ChipRouterColumns), self.count(Key::ChipRouterRows))
    }

    /// Neurocores that share a router.
    #[must_use]
    pub fn cores_per_router(&self) -> u32 {
        self.count(Key::ChipCoresPerRouter)
    }

    /// Neurocores that must stay empty, as (chip, core).
    #[must_use]
    pub fn bad_cores(&self) -> &[(u32, u32)] {
        self.value(Key::ChipBadCores).as_cores().expect(KIND)
    }

    /// Whether a neurocore must stay empty.
    #[must_use]
    pub fn is_bad_core(&self, chip: u32, core: u32) -> bool {
        self.bad_cores().contains(&(chip, core))
    }
}

/// The memory of a neurocore and what it is charged for.
impl Arch {
    /// Memory of a neurocore in bytes: synapses, axon tables, neuron state and microcode share it.
    #[must_use]
    pub fn bytes_per_core(&self) -> u64 {
        self.integer(Key::CoreTotalBytes)
    }

    /// Largest synapse image of a neurocore, in bytes.
    #[must_use]
    pub fn synapse_bytes_per_core(&self) -> u64 {
        self.integer(Key::CoreSynapseBytes)
    }

    /// Largest microcode of a neurocore in bytes, all its bodies together; 0 on a chip without microcode.
    #[must_use]
    pub fn microcode_bytes_per_core(&self) -> u64 {
        self.integer(Key::CoreMicrocodeBytes)
    }

    /// Most neurons of a neurocore.
    #[must_use]
    pub fn neurons_per_core(&self) -> u32 {
        self.count(Key::CoreNeurons)
    }

    /// Most input axons of a neurocore (fan-in).
    #[must_use]
    pub fn input_axons_per_core(&self) -> u32 {
        self.count(Key::CoreInputAxons)
    }

    /// Most output axons of a neurocore (fan-out).
    #[must_use]
    pub fn output_axons_per_core(&self) -> u32 {
        self.count(Key::CoreOutputAxons)
    }

    /// Memory of one input axon, in bytes.
    #[must_use]
    pub fn input_axon_bytes(&self) -> u64 {
        self.integer(Key::LayoutInputAxonBytes)
    }

    /// Memory of one output axon, in bytes.
    #[must_use]
    pub fn output_axon_bytes(&self) -> u64 {
        self.integer(Key::LayoutOutputAxonBytes)
    }

    /// Memory of one microcode instruction, in bytes.
    #[must_use]
    pub fn instruction_bytes(&self) -> u64 {
        self.integer(Key::LayoutInstructionBytes)
    }

    /// Memory of one word of a neuron in bytes: a parameter, a state variable or an accumulator.
    #[must_use]
    pub fn state_word_bytes(&self) -> u64 {
        self.integer(Key::LayoutStateWordBytes)
    }

    /// Every row of a synapse image starts at a multiple of this many bytes.
    #[must_use]
    pub fn synapse_row_align_bytes(&self) -> u64 {
        self.integer(Key::LayoutSynapseRowAlignBytes)
    }

    /// One message on a link between routers, its address and its payload, in bytes.
    #[must_use]
    pub fn message_bytes(&self) -> u64 {
        self.integer(Key::LayoutMessageBytes)
    }

    /// One message on a link between chips, compressed, in bytes.
    #[must_use]
    pub fn chip_message_bytes(&self) -> f64 {
        self.decimal(Key::LayoutChipMessageBytes)
    }
}

/// Words, weights and spikes.
impl Arch {
    /// Width of registers and of neuron state, in bits of two's complement.
    #[must_use]
    pub fn register_bits(&self) -> u32 {
        self.count(Key::WordRegisterBits)
    }

    /// Width of a dendritic accumulator, in bits of two's complement.
    #[must_use]
    pub fn accumulator_bits(&self) -> u32 {
        self.count(Key::WordAccumulatorBits)
    }

    /// What an accumulator does with a sum that it cannot hold.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.value(Key::WordOverflow).as_overflow().expect(KIND)
    }

    /// Registers that microcode may name.
    #[must_use]
    pub fn registers_per_neuron(&self) -> u32 {
        self.count(Key::WordRegistersPerNeuron)
    }

    /// Widest payload of a graded spike, in bits.
    #[must_use]
    pub fn payload_bits_max(&self) -> u32 {
        self.count(Key::WordPayloadBitsMax)
    }

    /// Weight widths that the synapse memory packs, in bits, ascending.
    pub fn synapse_weight_bits(&self) -> impl Iterator<Item = u32> + '_ {
        let widths = self.value(Key::SynapseWeightBits).as_integers().expect(KIND);
        widths.iter().map(|&bits| u32::try_from(bits).expect(COUNT))
    }

    /// Longest delay that a synapse can add to the one step that a spike always takes, in steps.
    #[must_use]
    pub fn synaptic_delay_steps_max(&self) -> u32 {
        self.count(Key::SynapseDelayStepsMax)
    }
}

/// Times, in nanoseconds unless said otherwise.
impl Arch {
    /// One weight times one payload, added to an accumulator.
    #[must_use]
    pub fn time_synaptic_op_ns(&self) -> f64 {
        self.decimal(Key::TimeSynapticOpNs)
    }

    /// The same as [`Arch::time_synaptic_op_ns`], at the best rate that anyone states.
    #[must_use]
    pub fn time_synaptic_op_best_ns(&self) -> f64 {
        self.decimal(Key::TimeSynapticOpBestNs)
    }

    /// What a neurocore reads of its synapse memory, in bytes a nanosecond.
    #[must_use]
    pub fn memory_bytes_per_ns(&self) -> f64 {
        self.decimal(Key::TimeMemoryBytesPerNs)
    }

    /// Reaching and updating one neuron, its microcode apart.
    #[must_use]
    pub fn time_neuron_ns(&self) -> f64 {
        self.decimal(Key::TimeNeuronNs)
    }

    /// The same as [`Arch::time_neuron_ns`], at the best rate that anyone states.
    #[must_use]
    pub fn time_neuron_best_ns(&self) -> f64 {
        self.decimal(Key::TimeNeuronBestNs)
    }

    /// One microcode instruction.
    #[must_use]
    pub fn time_instruction_ns(&self) -> f64 {
        self.decimal(Key::TimeInstructionNs)
    }

    /// A neuron that sends one spike.
    #[must_use]
    pub fn time_spike_ns(&self) -> f64 {
        self.decimal(Key::TimeSpikeNs)
    }

    /// One message that arrives at an input axon.
    #[must_use]
    pub fn time_axon_in_ns(&self) -> f64 {
        self.decimal(Key::TimeAxonInNs)
    }

    /// One message that leaves by an output axon.
    #[must_use]
    pub fn time_axon_out_ns(&self) -> f64 {
        self.decimal(Key::TimeAxonOutNs)
    }

    /// From router to router of a row, for one message.
    #[must_use]
    pub fn time_hop_east_west_ns(&self) -> f64 {
        self.decimal(Key::TimeHopEastWestNs)
    }

    /// From router to router of a column, for one message.
    #[must_use]
    pub fn time_hop_north_south_ns(&self) -> f64 {
        self.decimal(Key::TimeHopNorthSouthNs)
    }

    /// What one link between routers carries, in bytes a nanosecond.
    #[must_use]
    pub fn link_bytes_per_ns(&self) -> f64 {
        self.decimal(Key::TimeLinkBytesPerNs)
    }

    /// What one message takes from chip to chip beyond its hops.
    #[must_use]
    pub fn time_chip_crossing_ns(&self) -> f64 {
        self.decimal(Key::TimeChipCrossingNs)
    }

    /// What all links of a chip to others carry together, in bytes a nanosecond.
    #[must_use]
    pub fn chip_link_bytes_per_ns(&self) -> f64 {
        self.decimal(Key::TimeChipLinkBytesPerNs)
    }

    /// The barrier that ends a step on one chip.
    #[must_use]
    pub fn time_barrier_ns(&self) -> f64 {
        self.decimal(Key::TimeBarrierNs)
    }

    /// What a step takes beyond [`Arch::time_barrier_ns`] if more than one chip is in use.
    #[must_use]
    pub fn time_system_barrier_ns(&self) -> f64 {
        self.decimal(Key::TimeSystemBarrierNs)
    }

    /// The same as [`Arch::time_system_barrier_ns`], at the least that fits what was measured.
    #[must_use]
    pub fn time_system_barrier_best_ns(&self) -> f64 {
        self.decimal(Key::TimeSystemBarrierBestNs)
    }

    /// The same as [`Arch::time_system_barrier_ns`], at the most that fits what was measured.
    #[must_use]
    pub fn time_system_barrier_worst_ns(&self) -> f64 {
        self.decimal(Key::TimeSystemBarrierWorstNs)
    }
}

/// Energies in picojoules an event, and the power of a chip that does nothing.
impl Arch {
    /// One weight times one payload, added to an accumulator.
    #[must_use]
    pub fn energy_synaptic_op_pj(&self) -> f64 {
        self.decimal(Key::EnergySynapticOpPj)
    }

    /// Reaching and updating one neuron, its microcode apart.
    #[must_use]
    pub fn energy_neuron_pj(&self) -> f64 {
        self.decimal(Key::EnergyNeuronPj)
    }

    /// One microcode instruction.
    #[must_use]
    pub fn energy_instruction_pj(&self) -> f64 {
        self.decimal(Key::EnergyInstructionPj)
    }

    /// A neuron that sends one spike.
    #[must_use]
    pub fn energy_spike_pj(&self) -> f64 {
        self.decimal(Key::EnergySpikePj)
    }

    /// One message that arrives at an input axon.
    #[must_use]
    pub fn energy_axon_in_pj(&self) -> f64 {
        self.decimal(Key::EnergyAxonInPj)
    }

    /// One message that leaves by an output axon.
    #[must_use]
    pub fn energy_axon_out_pj(&self) -> f64 {
        self.decimal(Key::EnergyAxonOutPj)
    }

    /// One message over one link between routers of a row.
    #[must_use]
    pub fn energy_hop_east_west_pj(&self) -> f64 {
        self.decimal(Key::EnergyHopEastWestPj)
    }

    /// One message over one link between routers of a column.
    #[must_use]
    pub fn energy_hop_north_south_pj(&self) -> f64 {
        self.decimal(Key::EnergyHopNorthSouthPj)
    }

    /// What one message costs from chip to chip beyond its hops.
    #[must_use]
    pub fn energy_chip_crossing_pj(&self) -> f64 {
        self.decimal(Key::EnergyChipCrossingPj)
    }

    /// Power of a chip that does nothing, in watts.
    #[must_use]
    pub fn static_w_per_chip(&self) -> f64 {
        self.decimal(Key::PowerStaticWPerChip)
    }

    /// The same as [`Arch::static_w_per_chip`], at the most that anyone measured, in watts.
    #[must_use]
    pub fn static_worst_w_per_chip(&self) -> f64 {
        self.decimal(Key::PowerStaticWorstWPerChip)
    }
}

const KIND: &str = "invariant: the reader gives a value the kind that the schema has for it";
const COUNT: &str = "invariant: the schema's range of a count fits 32 bits";

impl Arch {
    fn value(&self, key: Key) -> &Value {
        &self.entries[key as usize].value
    }

    fn integer(&self, key: Key) -> u64 {
        self.value(key).as_integer().expect(KIND)
    }

    fn count(&self, key: Key) -> u32 {
        u32::try_from(self.integer(key)).expect(COUNT)
    }

    fn decimal(&self, key: Key) -> f64 {
        self.value(key).as_decimal().expect(KIND)
    }
}
