//! The table of all parameters: name, unit, what values are possible, what it means.
//!
//! The reader, the printer, the getters and `arch show` all follow this one table, in its order.

/// The index of a parameter in [`SCHEMA`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Key {
    SystemChips,
    SystemChipColumns,
    SystemChipRows,
    ChipCores,
    ChipRouterColumns,
    ChipRouterRows,
    ChipCoresPerRouter,
    ChipBadCores,
    CoreTotalBytes,
    CoreSynapseBytes,
    CoreMicrocodeBytes,
    CoreNeurons,
    CoreInputAxons,
    CoreOutputAxons,
    LayoutInputAxonBytes,
    LayoutOutputAxonBytes,
    LayoutInstructionBytes,
    LayoutStateWordBytes,
    LayoutSynapseRowAlignBytes,
    LayoutMessageBytes,
    LayoutChipMessageBytes,
    WordRegisterBits,
    WordAccumulatorBits,
    WordOverflow,
    WordRegistersPerNeuron,
    WordPayloadBitsMax,
    SynapseWeightBits,
    SynapseDelayStepsMax,
    TimeSynapticOpNs,
    TimeSynapticOpBestNs,
    TimeMemoryBytesPerNs,
    TimeNeuronNs,
    TimeNeuronBestNs,
    TimeInstructionNs,
    TimeSpikeNs,
    TimeAxonInNs,
    TimeAxonOutNs,
    TimeHopEastWestNs,
    TimeHopNorthSouthNs,
    TimeLinkBytesPerNs,
    TimeChipCrossingNs,
    TimeChipLinkBytesPerNs,
    TimeBarrierNs,
    TimeSystemBarrierNs,
    TimeSystemBarrierBestNs,
    TimeSystemBarrierWorstNs,
    EnergySynapticOpPj,
    EnergyNeuronPj,
    EnergyInstructionPj,
    EnergySpikePj,
    EnergyAxonInPj,
    EnergyAxonOutPj,
    EnergyHopEastWestPj,
    EnergyHopNorthSouthPj,
    EnergyChipCrossingPj,
    PowerStaticWPerChip,
    PowerStaticWorstWPerChip,
}

/// What a parameter's value must look like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A whole number between the two, both included.
    Integer { min: u64, max: u64 },
    /// A finite number between the two, both included.
    Decimal { min: f64, max: f64 },
    /// `"saturate"` or `"wrap"`.
    Overflow,
    /// At least one whole number between the two, each larger than the one before.
    Integers { min: u64, max: u64 },
    /// Any number of `[chip, core]` pairs.
    Cores,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) key: Key,
    pub(crate) section: &'static str,
    /// Section and key, as in `core.neurons`.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
}

impl Spec {
    /// The key within its section.
    pub(crate) fn short_name(&self) -> &'static str {
        &self.name[self.section.len() + 1..]
    }
}

/// The sections in the order in which a canonical file has them.
pub(crate) const SECTIONS: [&str; 9] =
    ["system", "chip", "core", "layout", "word", "synapse", "time", "energy", "power"];

const fn integer(min: u64, max: u64) -> Kind {
    Kind::Integer { min, max }
}

/// A time, an energy or a power: never negative, and no more than a million of its unit.
const COST: Kind = Kind::Decimal { min: 0.0, max: 1e6 };

/// A rate: never zero.
const RATE: Kind = Kind::Decimal { min: 1e-6, max: 1e6 };

const fn spec(
    key: Key,
    section: &'static str,
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    about: &'static str,
) -> Spec {
    Spec { key, section, name, unit, kind, about }
}

/// All parameters; the row of a [`Key`] stands at its index.
#[rustfmt::skip]
pub(crate) const SCHEMA: [Spec; 57] = {
    use Key::*;
    [
    spec(SystemChips, "system", "system.chips", "chips", integer(1, 16_384), "chips of the system"),
    spec(SystemChipColumns, "system", "system.chip_columns", "chips", integer(1, 16_384), "columns of the grid in which the chips are tiled"),
    spec(SystemChipRows, "system", "system.chip_rows", "chips", integer(1, 16_384), "rows of the grid in which the chips are tiled"),
    spec(ChipCores, "chip", "chip.cores", "cores", integer(1, 65_535), "neurocores of a chip that a program may use"),
    spec(ChipRouterColumns, "chip", "chip.router_columns", "routers", integer(1, 256), "columns of a chip's router mesh"),
    spec(ChipRouterRows, "chip", "chip.router_rows", "routers", integer(1, 256), "rows of a chip's router mesh"),
    spec(ChipCoresPerRouter, "chip", "chip.cores_per_router", "cores", integer(1, 256), "neurocores that share a router"),
    spec(ChipBadCores, "chip", "chip.bad_cores", "", Kind::Cores, "neurocores that must stay empty, as [chip, core]"),
    spec(CoreTotalBytes, "core", "core.total_bytes", "bytes", integer(1, 1 << 30), "memory of a neurocore, shared by all that follows"),
    spec(CoreSynapseBytes, "core", "core.synapse_bytes", "bytes", integer(1, 1 << 30), "largest synapse image of a neurocore"),
    spec(CoreMicrocodeBytes, "core", "core.microcode_bytes", "bytes", integer(0, 1 << 30), "largest microcode of a neurocore, all its bodies together"),
    spec(CoreNeurons, "core", "core.neurons", "neurons", integer(1, 65_536), "most neurons of a neurocore"),
    spec(CoreInputAxons, "core", "core.input_axons", "axons", integer(1, 1 << 20), "most input axons of a neurocore (fan-in)"),
    spec(CoreOutputAxons, "core", "core.output_axons", "axons", integer(1, 1 << 20), "most output axons of a neurocore (fan-out)"),
    spec(LayoutInputAxonBytes, "layout", "layout.input_axon_bytes", "bytes", integer(1, 256), "memory of one input axon"),
    spec(LayoutOutputAxonBytes, "layout", "layout.output_axon_bytes", "bytes", integer(1, 256), "memory of one output axon"),
    spec(LayoutInstructionBytes, "layout", "layout.instruction_bytes", "bytes", integer(1, 64), "memory of one microcode instruction"),
    spec(LayoutStateWordBytes, "layout", "layout.state_word_bytes", "bytes", integer(1, 16), "memory of one word of a neuron: a parameter, a state variable or an accumulator"),
    spec(LayoutSynapseRowAlignBytes, "layout", "layout.synapse_row_align_bytes", "bytes", integer(1, 256), "every row of a synapse image starts at a multiple of this"),
    spec(LayoutMessageBytes, "layout", "layout.message_bytes", "bytes", integer(1, 256), "one message on a link between routers: an address and a payload"),
    spec(LayoutChipMessageBytes, "layout", "layout.chip_message_bytes", "bytes", RATE, "one message on a link between chips, compressed"),
    spec(WordRegisterBits, "word", "word.register_bits", "bits", integer(8, 32), "width of registers and of neuron state, two's complement"),
    spec(WordAccumulatorBits, "word", "word.accumulator_bits", "bits", integer(8, 32), "width of a dendritic accumulator, two's complement"),
    spec(WordOverflow, "word", "word.overflow", "", Kind::Overflow, "what an accumulator does with a sum that it cannot hold"),
    spec(WordRegistersPerNeuron, "word", "word.registers_per_neuron", "registers", integer(1, 256), "registers that microcode may name"),
    spec(WordPayloadBitsMax, "word", "word.payload_bits_max", "bits", integer(1, 32), "widest payload of a graded spike"),
    spec(SynapseWeightBits, "synapse", "synapse.weight_bits", "bits", Kind::Integers { min: 1, max: 8 }, "weight widths that the synapse memory packs"),
    spec(SynapseDelayStepsMax, "synapse", "synapse.delay_steps_max", "steps", integer(0, 1024), "longest delay that a synapse can add to the step a spike always takes"),
    spec(TimeSynapticOpNs, "time", "time.synaptic_op_ns", "ns", COST, "one weight times one payload, added to an accumulator"),
    spec(TimeSynapticOpBestNs, "time", "time.synaptic_op_best_ns", "ns", COST, "the same, at the best rate that anyone states"),
    spec(TimeMemoryBytesPerNs, "time", "time.memory_bytes_per_ns", "bytes/ns", RATE, "what a neurocore reads of its synapse memory"),
    spec(TimeNeuronNs, "time", "time.neuron_ns", "ns", COST, "reaching and updating one neuron, its microcode apart"),
    spec(TimeNeuronBestNs, "time", "time.neuron_best_ns", "ns", COST, "the same, at the best rate that anyone states"),
    spec(TimeInstructionNs, "time", "time.instruction_ns", "ns", COST, "one microcode instruction"),
    spec(TimeSpikeNs, "time", "time.spike_ns", "ns", COST, "a neuron that sends one spike"),
    spec(TimeAxonInNs, "time", "time.axon_in_ns", "ns", COST, "one message that arrives at an input axon"),
    spec(TimeAxonOutNs, "time", "time.axon_out_ns", "ns", COST, "one message that leaves by an output axon"),
    spec(TimeHopEastWestNs, "time", "time.hop_east_west_ns", "ns", COST, "from router to router of a row, for one message"),
    spec(TimeHopNorthSouthNs, "time", "time.hop_north_south_ns", "ns", COST, "from router to router of a column, for one message"),
    spec(TimeLinkBytesPerNs, "time", "time.link_bytes_per_ns", "bytes/ns", RATE, "what one link between routers carries"),
    spec(TimeChipCrossingNs, "time", "time.chip_crossing_ns", "ns", COST, "what one message takes from chip to chip beyond its hops"),
    spec(TimeChipLinkBytesPerNs, "time", "time.chip_link_bytes_per_ns", "bytes/ns", RATE, "what all links of a chip to others carry together"),
    spec(TimeBarrierNs, "time", "time.barrier_ns", "ns", COST, "the barrier that ends a step on one chip"),
    spec(TimeSystemBarrierNs, "time", "time.system_barrier_ns", "ns", COST, "what a step takes beyond that if more than one chip is in use"),
    spec(TimeSystemBarrierBestNs, "time", "time.system_barrier_best_ns", "ns", COST, "the same, at the least that fits what was measured"),
    spec(TimeSystemBarrierWorstNs, "time", "time.system_barrier_worst_ns", "ns", COST, "the same, at the most that fits what was measured"),
    spec(EnergySynapticOpPj, "energy", "energy.synaptic_op_pj", "pJ", COST, "one weight times one payload, added to an accumulator"),
    spec(EnergyNeuronPj, "energy", "energy.neuron_pj", "pJ", COST, "reaching and updating one neuron, its microcode apart"),
    spec(EnergyInstructionPj, "energy", "energy.instruction_pj", "pJ", COST, "one microcode instruction"),
    spec(EnergySpikePj, "energy", "energy.spike_pj", "pJ", COST, "a neuron that sends one spike"),
    spec(EnergyAxonInPj, "energy", "energy.axon_in_pj", "pJ", COST, "one message that arrives at an input axon"),
    spec(EnergyAxonOutPj, "energy", "energy.axon_out_pj", "pJ", COST, "one message that leaves by an output axon"),
    spec(EnergyHopEastWestPj, "energy", "energy.hop_east_west_pj", "pJ", COST, "one message over one link between routers of a row"),
    spec(EnergyHopNorthSouthPj, "energy", "energy.hop_north_south_pj", "pJ", COST, "one message over one link between routers of a column"),
    spec(EnergyChipCrossingPj, "energy", "energy.chip_crossing_pj", "pJ", COST, "what one message costs from chip to chip beyond its hops"),
    spec(PowerStaticWPerChip, "power", "power.static_w_per_chip", "W", COST, "power of a chip that does nothing"),
    spec(PowerStaticWorstWPerChip, "power", "power.static_worst_w_per_chip", "W", COST, "the same, at the most that anyone measured"),
    ]
};

/// Each row stands at the index of its key.
const _: () = {
    let mut index = 0;
    while index < SCHEMA.len() {
        assert!(SCHEMA[index].key as usize == index);
        index += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_begins_with_its_section_and_the_sections_stand_together() {
        let mut seen = Vec::new();
        for spec in &SCHEMA {
            assert!(spec.name.starts_with(&format!("{}.", spec.section)), "{}", spec.name);
            if seen.last() != Some(&spec.section) {
                seen.push(spec.section);
            }
        }
        assert_eq!(seen, SECTIONS);
    }

    #[test]
    fn a_name_that_ends_in_a_unit_has_that_unit() {
        for spec in &SCHEMA {
            for unit in ["bytes", "bits", "ns", "pj"] {
                if spec.name.ends_with(&format!("_{unit}")) && !spec.name.ends_with("_per_ns") {
                    assert_eq!(spec.unit.to_ascii_lowercase(), unit, "{}", spec.name);
                }
            }
        }
    }
}
