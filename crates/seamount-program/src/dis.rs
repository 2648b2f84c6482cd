//! A program as text, for people: header, host, groups, cores, microcode. Weights and tables are summed up.

use std::collections::BTreeMap;
use std::fmt;

use crate::program::{Core, Encoding, HOST_OUTPUT, Place, Program, Routes, Slice, SynapseBlock, index};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha256: String = self.arch.sha256().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        writeln!(f, "program {:?}", self.meta.model)?;
        writeln!(f, "  producer {:?}", self.meta.producer)?;
        writeln!(f, "  arch {} sha256:{sha256}", self.arch.name())?;
        for (name, value) in &self.meta.options {
            writeln!(f, "  option {name} = {value}")?;
        }
        self.write_host(f)?;
        writeln!(f)?;
        for (group_idx, group) in self.groups.iter().enumerate() {
            let layer = group.layer.and_then(|layer| self.meta.layers.get(index(layer)));
            let layer = layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
            writeln!(f, "group{group_idx} {}: {} neurons of body{}{layer}", group.name, group.n_neurons, group.body)?;
        }
        for (core_idx, core) in (0..).zip(&self.cores) {
            writeln!(f)?;
            self.write_core(f, core_idx, core)?;
        }
        for (body_idx, body) in self.bodies.iter().enumerate() {
            write!(f, "\n; body{body_idx}\n{body}")?;
        }
        Ok(())
    }
}

impl Program {
    fn write_host(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = &self.host;
        let (vocab_size, width, latency) = (host.vocab_size, host.width, host.latency_steps);
        writeln!(f, "  host: {vocab_size} tokens of {width} channels, {} outputs", host.n_outputs)?;
        writeln!(f, "  host: logits after {latency} steps, {:e} a unit", host.logit_scale)?;
        let special = |name, id: Option<u32>| id.map(|id| format!(" {name}={id}")).unwrap_or_default();
        if host.bos_id.is_some() || host.eos_id.is_some() {
            writeln!(f, "  host: tokens{}{}", special("bos", host.bos_id), special("eos", host.eos_id))?;
        }
        writeln!(f, "  host: input {}", Summary(&host.input))?;
        let tick = Routes::from_lists([host.tick.iter().copied()]);
        writeln!(f, "  host: tick {}", Summary(&tick))?;
        let tokenizer = self.tokenizer.as_ref().map_or(0, bytes::Bytes::len);
        if tokenizer == 0 { Ok(()) } else { writeln!(f, "  tokenizer: {tokenizer} bytes") }
    }

    fn write_core(&self, f: &mut fmt::Formatter<'_>, core_idx: u32, core: &Core) -> fmt::Result {
        match core.place {
            Place::Chip { chip, core: number } => writeln!(f, "core{core_idx} chip {chip} neurocore {number}")?,
            Place::Host => writeln!(f, "core{core_idx} host")?,
        }
        if let Some(memory) = self.core_memory(core_idx) {
            let (synapses, state, code) = (memory.synapse_bytes, memory.state_bytes, memory.microcode_bytes);
            let (input, output) = (memory.input_axon_bytes, memory.output_axon_bytes);
            let parts = format!("synapses {synapses}, axons {input} + {output}, state {state}, microcode {code}");
            writeln!(f, "  {} bytes: {parts}", memory.total_bytes())?;
        }
        for (slice_idx, slice) in core.slices.iter().enumerate() {
            self.write_slice(f, slice_idx, slice)?;
        }
        for block in &core.synapse_blocks {
            self.write_block(f, core, block)?;
        }
        writeln!(f, "  out {}", Summary(&core.routes))
    }

    fn write_slice(&self, f: &mut fmt::Formatter<'_>, slice_idx: usize, slice: &Slice) -> fmt::Result {
        let first = u64::from(slice.first_neuron);
        let group = self.groups.get(index(slice.group)).map_or("?", |group| &group.name);
        let end = first + u64::from(slice.n_neurons);
        writeln!(f, "  slice{slice_idx} group{} {group}, neurons {first}..{end}", slice.group)?;
        let slots = self.body_of(slice.group).map(|body| body.slots.as_slice()).unwrap_or_default();
        for (slot, decl) in slots.iter().enumerate() {
            let values = slice.slots.iter().skip(slot).step_by(slots.len());
            if let (Some(least), Some(greatest)) = (values.clone().min(), values.max()) {
                writeln!(f, "    s{slot} {} {least}..={greatest}", decl.name)?;
            }
        }
        Ok(())
    }

    fn write_block(&self, f: &mut fmt::Formatter<'_>, core: &Core, block: &SynapseBlock) -> fmt::Result {
        let body = core.slices.get(index(block.slice)).and_then(|slice| self.body_of(slice.group));
        let acc = body.and_then(|body| body.accumulator_name(block.acc)).unwrap_or("?");
        let end = u64::from(block.first_axon) + u64::from(block.n_axons);
        write!(f, "  in axons {}..{end} -> slice{} {} {acc}, ", block.first_axon, block.slice, block.acc)?;
        match block.encoding {
            Encoding::Dense2 => write!(f, "dense 2-bit")?,
            Encoding::Dense8 => write!(f, "dense 8-bit")?,
            Encoding::Sparse { n_per_row } => write!(f, "sparse, {n_per_row} a row")?,
        }
        write!(f, " at byte {}", block.offset_bytes)?;
        if block.row_stride_bytes == 0 {
            write!(f, ", one row")?;
        }
        if block.delay_steps != 0 {
            write!(f, ", {} steps later", block.delay_steps)?;
        }
        writeln!(f)
    }
}

/// How many destinations a route table has on which cores.
struct Summary<'a>(&'a Routes);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut axons_by_core = BTreeMap::<u32, usize>::new();
        for dest in &self.0.dests {
            *axons_by_core.entry(dest.core_idx).or_default() += 1;
        }
        write!(f, "{} sources, {} axons", self.0.n_sources(), self.0.dests.len())?;
        for (n, (&core_idx, n_axons)) in axons_by_core.iter().enumerate() {
            let separator = if n == 0 { ":" } else { "," };
            if core_idx == HOST_OUTPUT {
                write!(f, "{separator} {n_axons} to the host")?;
            } else {
                write!(f, "{separator} {n_axons} to core{core_idx}")?;
            }
        }
        Ok(())
    }
}
