//! Little programs by hand: one group a core.

#![allow(dead_code, reason = "each suite uses a part of it")]

pub mod generated;

use std::sync::Arc;

use proptest::prelude::ProptestConfig;
use seamount_arch::Arch;
use seamount_emulator::Emulator;
use seamount_microcode::assemble;
use seamount_program::{
    Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Place, Program, Routes, Slice, SynapseBlock, rows,
};

/// As many cases as the environment says, or `n`.
pub fn cases(n: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig { cases: asked.unwrap_or(n), failure_persistence: None, ..ProptestConfig::default() }
}

/// One chip.
pub const ONE_CHIP: &str = "loihi2-oheo-gulch";

/// A program under construction.
pub struct Net {
    program: Program,
    images: Vec<rows::ImageBuilder>,
    /// For each core, for each source its destinations.
    routes: Vec<Vec<Vec<Dest>>>,
    input: Vec<Vec<Dest>>,
}

/// Where a group lives.
#[derive(Clone, Copy)]
pub struct At(pub u32);

impl Net {
    /// A network without groups, and a host that sends `embedding`, `[vocab_size, width]`.
    pub fn new(arch: &Arch, width: u32, embedding: &[i16], latency_steps: u32) -> Self {
        let vocab_size = u32::try_from(embedding.len()).expect("a small vocabulary") / width;
        let host = Host {
            vocab_size,
            width,
            embedding: embedding.iter().copied().collect(),
            input: Routes::default(),
            tick: Vec::new(),
            n_outputs: 0,
            logit_scale: 1.0,
            latency_steps,
            bos_id: None,
            eos_id: None,
        };
        let program = Program {
            arch: arch.clone(),
            meta: Meta { model: "by hand".to_owned(), ..Meta::default() },
            bodies: Vec::new(),
            groups: Vec::new(),
            cores: Vec::new(),
            host,
            tokenizer: None,
        };
        Self { program, images: Vec::new(), routes: Vec::new(), input: vec![Vec::new(); width as usize] }
    }

    /// A group on its own core; its index is the core's, too. `slots` is `[n_neurons, n_slots]`.
    pub fn group(&mut self, place: Place, body: &str, n_neurons: u32, slots: &[i32]) -> At {
        let body = assemble(body).expect("a valid text");
        let number = u32::try_from(self.program.cores.len()).expect("few cores");
        let n_sources = body.ports.len() * n_neurons as usize;
        self.program.groups.push(Group { name: body.name.clone(), layer: None, body: number, n_neurons });
        self.program.bodies.push(body);
        self.program.cores.push(Core {
            place,
            slices: vec![Slice { group: number, first_neuron: 0, n_neurons, slots: slots.to_vec() }],
            synapse_blocks: Vec::new(),
            synapses: Default::default(),
            routes: Routes::default(),
        });
        self.images.push(rows::ImageBuilder::new(self.program.arch.synapse_row_align_bytes()));
        self.routes.push(vec![Vec::new(); n_sources]);
        At(number)
    }

    /// Input axons with a row of 8-bit weights each; returns the first axon.
    pub fn dense8(&mut self, at: At, acc: &str, weights: &[&[i8]], delay_steps: u32) -> u32 {
        let rows: Vec<_> = weights.iter().map(|row| rows::pack_dense8(row)).collect();
        self.block(at, acc, Encoding::Dense8, &rows, None, delay_steps)
    }

    /// Input axons with a row of 2-bit weights each; returns the first axon.
    pub fn dense2(&mut self, at: At, acc: &str, weights: &[&[i8]], delay_steps: u32) -> u32 {
        let rows: Vec<_> = weights.iter().map(|row| rows::pack_dense2(row).expect("ternary weights")).collect();
        self.block(at, acc, Encoding::Dense2, &rows, None, delay_steps)
    }

    /// Input axons with a row of entries each; returns the first axon.
    pub fn sparse(&mut self, at: At, acc: &str, entries: &[&[(u16, i8)]], delay_steps: u32) -> u32 {
        let rows: Vec<_> = entries.iter().map(|row| rows::pack_sparse(row)).collect();
        let n_per_row = u32::try_from(entries[0].len()).expect("a short row");
        self.block(at, acc, Encoding::Sparse { n_per_row }, &rows, None, delay_steps)
    }

    /// Input axons that all add their payload to every neuron; returns the first axon.
    pub fn broadcast(&mut self, at: At, acc: &str, n_axons: u32) -> u32 {
        let n_neurons = self.program.groups[at.0 as usize].n_neurons as usize;
        let row = rows::pack_dense2(&vec![1; n_neurons]).expect("ternary weights");
        self.block(at, acc, Encoding::Dense2, &[row], Some(n_axons), 0)
    }

    /// Lets the last block of a group's core hang on the axons from `first_axon` on.
    pub fn move_last_block(&mut self, at: At, first_axon: u32) {
        let blocks = &mut self.program.cores[at.0 as usize].synapse_blocks;
        blocks.last_mut().expect("a block").first_axon = first_axon;
    }

    /// Lets a neuron's port reach an axon of another core.
    pub fn connect(&mut self, from: At, port: &str, neuron: u32, to: At, axon: u32) {
        self.route(from, port, neuron, Dest { core_idx: to.0, axon });
    }

    /// Lets a neuron's port reach an output of the host.
    pub fn output(&mut self, from: At, port: &str, neuron: u32, output: u32) {
        self.program.host.n_outputs = self.program.host.n_outputs.max(output + 1);
        self.route(from, port, neuron, Dest { core_idx: HOST_OUTPUT, axon: output });
    }

    /// Lets an embedding channel reach an axon.
    pub fn input(&mut self, channel: usize, to: At, axon: u32) {
        self.input[channel].push(Dest { core_idx: to.0, axon });
    }

    /// Lets the host's tick reach an axon.
    pub fn tick(&mut self, to: At, axon: u32) {
        self.program.host.tick.push(Dest { core_idx: to.0, axon });
    }

    /// The program.
    pub fn finish(self) -> Program {
        let mut program = self.program;
        for ((core, image), routes) in program.cores.iter_mut().zip(self.images).zip(self.routes) {
            core.synapses = image.finish();
            core.routes = Routes::from_lists(routes);
        }
        program.host.input = Routes::from_lists(self.input);
        program
    }

    /// A run of the program.
    pub fn emulator(self) -> Emulator {
        Emulator::new(Arc::new(self.finish())).expect("a valid program")
    }

    fn block(
        &mut self,
        at: At,
        acc: &str,
        encoding: Encoding,
        rows: &[Vec<u8>],
        shared_by: Option<u32>,
        delay_steps: u32,
    ) -> u32 {
        let image = &mut self.images[at.0 as usize];
        let stride_bytes = u32::try_from(image.stride_bytes(rows[0].len())).expect("a short row");
        let offsets: Vec<_> = rows.iter().map(|row| image.push(row)).collect();
        let core = &mut self.program.cores[at.0 as usize];
        let first_axon = u32::try_from(core.n_axons()).expect("few axons");
        let acc = self.program.bodies[at.0 as usize].accumulator(acc).expect("a declared accumulator");
        core.synapse_blocks.push(SynapseBlock {
            slice: 0,
            acc,
            first_axon,
            n_axons: shared_by.unwrap_or(u32::try_from(rows.len()).expect("few rows")),
            encoding,
            row_stride_bytes: if shared_by.is_some() { 0 } else { stride_bytes },
            offset_bytes: offsets[0],
            delay_steps,
        });
        first_axon
    }

    fn route(&mut self, from: At, port: &str, neuron: u32, dest: Dest) {
        let port = self.program.bodies[from.0 as usize].port(port).expect("a declared port");
        let source = self.program.source_index(from.0, 0, port, neuron).expect("an existing source");
        self.routes[from.0 as usize][source].push(dest);
    }
}

/// A shipped architecture.
pub fn arch(name: &str) -> Arch {
    Arch::shipped(name).expect("a shipped architecture")
}

/// A shipped architecture with one parameter changed.
pub fn arch_with(name: &str, parameter: &str, value: &str) -> Arch {
    let text = arch(name).to_toml();
    let (before, after) = text.split_once(&format!("\n{parameter} = {{ value = ")).expect("a parameter of the arch");
    let (_, after) = after.split_once(',').expect("a status after the value");
    Arch::from_toml(&format!("{before}\n{parameter} = {{ value = {value},{after}")).expect("a valid architecture")
}

/// One chip whose synapses can delay.
pub fn arch_with_delays() -> Arch {
    arch_with(ONE_CHIP, "delay_steps_max", "62")
}

/// A neurocore of chip 0.
pub fn on_core(core: u32) -> Place {
    Place::Chip { chip: 0, core }
}
