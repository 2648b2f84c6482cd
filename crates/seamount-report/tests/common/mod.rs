//! Programs by hand: cores, slices and synapse blocks, with weights of zero.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::collections::BTreeMap;

use seamount_arch::Arch;
use seamount_microcode::{AccId, Body, PortId, assemble};
use seamount_program::{
    Core, Dest, Encoding, Group, HOST_OUTPUT, Host, Meta, Place, Program, Routes, Slice, SynapseBlock, rows,
};
use seamount_report::{
    Activity, Basis, Cost, CostMode, CostPart, CostRow, CostStep, EventCounts, Explored, ExploredPoint, ExploredResult,
    Span,
};

/// A program under construction.
pub struct Sketch {
    program: Program,
    images: Vec<rows::ImageBuilder>,
    /// Destinations by core and source.
    routes: BTreeMap<(u32, usize), Vec<Dest>>,
    input: Vec<Vec<Dest>>,
}

/// How the axons of a block are given rows.
#[derive(Clone, Copy, Debug)]
pub enum RowsOf {
    /// Each axon its own.
    Each,
    /// One for all.
    Shared,
}

impl Sketch {
    /// A program without cores that embeds `vocab_size` tokens in `width` channels.
    pub fn new(arch: &Arch, vocab_size: u32, width: u32, layers: &[&str]) -> Self {
        let host = Host {
            vocab_size,
            width,
            embedding: std::iter::repeat_n(0, (vocab_size * width) as usize).collect(),
            input: Routes::default(),
            tick: Vec::new(),
            n_outputs: vocab_size,
            logit_scale: 1.0,
            latency_steps: 6,
            bos_id: None,
            eos_id: None,
        };
        let program = Program {
            arch: arch.clone(),
            meta: Meta {
                model: "sketch".to_owned(),
                producer: "by hand".to_owned(),
                options: [("weights".to_owned(), "ternary".into()), ("payload_bits".to_owned(), 16.into())].into(),
                layers: layers.iter().map(|&name| name.to_owned()).collect(),
                ..Meta::default()
            },
            bodies: Vec::new(),
            groups: Vec::new(),
            cores: Vec::new(),
            host,
            tokenizer: Some(vec![0; 3000].into()),
        };
        Self { program, images: Vec::new(), routes: BTreeMap::new(), input: vec![Vec::new(); width as usize] }
    }

    /// A body that sends a constant from each port; it does nothing with its accumulators and slots but to have them.
    pub fn body(&mut self, name: &str, n_accumulators: usize, n_slots: usize, n_ports: usize) -> u32 {
        let mut text = format!(".body {name}\n");
        (0..n_accumulators).for_each(|k| text += &format!(".acc a{k} in{k}\n"));
        (0..n_slots).for_each(|k| text += &format!(".state s{k} word{k}\n"));
        (0..n_ports).for_each(|k| text += &format!(".port p{k} out{k}\n"));
        text += "MOV r0, 1\n";
        (0..n_ports).for_each(|k| text += &format!("SPIKE out{k}, r0\n"));
        self.program.bodies.push(assemble(&text).expect("a valid text"));
        short(self.program.bodies.len()) - 1
    }

    /// A group without neurons.
    pub fn group(&mut self, name: &str, layer: Option<u32>, body: u32) -> u32 {
        self.program.groups.push(Group { name: name.to_owned(), layer, body, n_neurons: 0 });
        short(self.program.groups.len()) - 1
    }

    /// An empty core.
    pub fn core(&mut self, place: Place) -> u32 {
        let (slices, synapse_blocks) = (Vec::new(), Vec::new());
        let (synapses, routes) = (bytes::Bytes::new(), Routes::default());
        self.program.cores.push(Core { place, slices, synapse_blocks, synapses, routes });
        self.images.push(rows::ImageBuilder::new(self.program.arch.synapse_row_align_bytes()));
        short(self.program.cores.len()) - 1
    }

    /// The next neurons of a group.
    pub fn slice(&mut self, core: u32, group: u32, n_neurons: u32) -> u32 {
        let n_slots = self.body_of(group).slots.len();
        let first_neuron = self.program.groups[group as usize].n_neurons;
        self.program.groups[group as usize].n_neurons += n_neurons;
        let slots = vec![0; n_slots * n_neurons as usize];
        let slices = &mut self.program.cores[core as usize].slices;
        slices.push(Slice { group, first_neuron, n_neurons, slots });
        short(slices.len()) - 1
    }

    /// Input axons of a slice; returns the first.
    pub fn block(&mut self, core: u32, slice: u32, encoding: Encoding, n_axons: u32, rows_of: RowsOf) -> u32 {
        let n_neurons = self.program.cores[core as usize].slices[slice as usize].n_neurons;
        let row = vec![0; encoding.row_bytes(n_neurons)];
        let image = &mut self.images[core as usize];
        let stride_bytes = short(image.stride_bytes(row.len()));
        let (n_rows, row_stride_bytes) = match rows_of {
            RowsOf::Each => (n_axons, stride_bytes),
            RowsOf::Shared => (1, 0),
        };
        let offset_bytes = image.push(&row);
        for _ in 1..n_rows {
            image.push(&row);
        }
        let core = &mut self.program.cores[core as usize];
        let first_axon = next_axon(core);
        let (acc, delay_steps) = (AccId(0), 0);
        core.synapse_blocks.push(SynapseBlock {
            slice,
            acc,
            first_axon,
            n_axons,
            encoding,
            row_stride_bytes,
            offset_bytes,
            delay_steps,
        });
        first_axon
    }

    /// Makes a block use the rows of an earlier one with the same slice and encoding.
    pub fn same_rows(&mut self, core: u32, block: usize) -> u32 {
        let core = &mut self.program.cores[core as usize];
        let first_axon = next_axon(core);
        core.synapse_blocks.push(SynapseBlock { first_axon, ..core.synapse_blocks[block].clone() });
        first_axon
    }

    /// Lets the last block of a core hang on the axons from `first_axon` on.
    pub fn move_last_block(&mut self, core: u32, first_axon: u32) {
        let blocks = &mut self.program.cores[core as usize].synapse_blocks;
        blocks.last_mut().expect("a block").first_axon = first_axon;
    }

    /// Bytes that no row uses.
    pub fn unused(&mut self, core: u32, n_bytes: usize) {
        self.images[core as usize].push(&vec![0; n_bytes]);
    }

    /// A destination of a neuron's port.
    pub fn connect(&mut self, core: u32, slice: u32, port: u8, neuron: u32, dest: Dest) {
        let source = self.program.source_index(core, slice, PortId(port), neuron).expect("an existing source");
        self.routes.entry((core, source)).or_default().push(dest);
    }

    /// A destination of an embedding channel.
    pub fn input(&mut self, channel: u32, dest: Dest) {
        self.input[channel as usize].push(dest);
    }

    /// A destination of the host's tick.
    pub fn tick(&mut self, dest: Dest) {
        self.program.host.tick.push(dest);
    }

    /// The program, which keeps all rules of the verifier.
    pub fn finish(mut self) -> Program {
        for (core_idx, image) in self.images.into_iter().enumerate() {
            let slices = &self.program.cores[core_idx].slices;
            let n_sources: usize =
                slices.iter().map(|slice| n_ports(&self.program, slice) * slice.n_neurons as usize).sum();
            let list = |source| self.routes.remove(&(short(core_idx), source)).unwrap_or_default();
            let routes = Routes::from_lists((0..n_sources).map(list));
            self.program.cores[core_idx].routes = routes;
            self.program.cores[core_idx].synapses = image.finish();
        }
        self.program.host.input = Routes::from_lists(self.input);
        self.program
    }

    fn body_of(&self, group: u32) -> &Body {
        self.program.body_of(group).expect("a body")
    }
}

fn short(n: usize) -> u32 {
    u32::try_from(n).expect("a small program")
}

fn next_axon(core: &Core) -> u32 {
    u32::try_from(core.n_axons()).expect("few axons")
}

fn n_ports(program: &Program, slice: &Slice) -> usize {
    program.body_of(slice.group).expect("a body").ports.len()
}

/// A shipped system.
pub fn arch(name: &str) -> Arch {
    Arch::shipped(name).expect("a shipped system")
}

/// Two blocks over two chips, a head on the host.
///
/// Of each block, the mixer lies on two cores, each with half of its inputs' rows, and shares the second of them with
/// the root.
pub fn two_blocks() -> Program {
    const WIDTH: u32 = 256;
    let mut sketch = Sketch::new(&arch("loihi2-kapoho-point"), 32, WIDTH, &["block 0", "block 1"]);
    let (carry, root, logit) =
        (sketch.body("carry", 2, 3, 2), sketch.body("root", 1, 2, 1), sketch.body("logit", 1, 0, 1));
    let embed = sketch.group("embed", None, carry);
    let blocks = [0, 1].map(|layer| {
        let mixer = sketch.group(&format!("layers.{layer}.mixer"), Some(layer), carry);
        (layer, mixer, sketch.group(&format!("layers.{layer}.root"), Some(layer), root))
    });
    let head = sketch.group("head.logits", None, logit);

    let source = sketch.core(Place::Chip { chip: 0, core: 0 });
    let slice = sketch.slice(source, embed, WIDTH);
    let first = sketch.block(source, slice, Encoding::Sparse { n_per_row: 1 }, WIDTH, RowsOf::Each);
    let tick = sketch.block(source, slice, Encoding::Dense2, 1, RowsOf::Shared);
    sketch.tick(Dest { core_idx: source, axon: tick });
    (0..WIDTH).for_each(|channel| sketch.input(channel, Dest { core_idx: source, axon: first + channel }));

    let mut before = vec![(source, slice, WIDTH)];
    for (layer, mixer, root) in blocks {
        let mut halves = Vec::new();
        for half in 0..2 {
            let core = sketch.core(Place::Chip { chip: layer, core: 5 + half });
            let slice = sketch.slice(core, mixer, WIDTH / 2);
            let encoding = if layer == 0 { Encoding::Dense2 } else { Encoding::Dense8 };
            let first = sketch.block(core, slice, encoding, WIDTH, RowsOf::Each);
            let neurons = before.iter().flat_map(|&(core, slice, n)| (0..n).map(move |neuron| (core, slice, neuron)));
            for (axon, (from, slice, neuron)) in (first..).zip(neurons) {
                sketch.connect(from, slice, 0, neuron, Dest { core_idx: core, axon });
            }
            halves.push((core, slice, WIDTH / 2));
        }
        let (core, ..) = halves[1];
        let slice = sketch.slice(core, root, 1);
        let first = sketch.block(core, slice, Encoding::Dense2, WIDTH, RowsOf::Shared);
        let neurons = halves.iter().flat_map(|&(core, slice, n)| (0..n).map(move |neuron| (core, slice, neuron)));
        for (axon, (from, slice, neuron)) in (first..).zip(neurons) {
            sketch.connect(from, slice, 1, neuron, Dest { core_idx: core, axon });
        }
        before = halves;
    }

    let core = sketch.core(Place::Host);
    let slice = sketch.slice(core, head, 32);
    let first = sketch.block(core, slice, Encoding::Dense8, WIDTH, RowsOf::Each);
    let neurons = before.iter().flat_map(|&(core, slice, n)| (0..n).map(move |neuron| (core, slice, neuron)));
    for (axon, (from, slice, neuron)) in (first..).zip(neurons) {
        sketch.connect(from, slice, 0, neuron, Dest { core_idx: core, axon });
    }
    (0..32).for_each(|output| sketch.connect(core, slice, 0, output, Dest { core_idx: HOST_OUTPUT, axon: output }));
    sketch.finish()
}

/// What happened in ten tokens of [`two_blocks`]: each core does more than the one before.
pub fn ten_tokens(program: &Program) -> Activity {
    let cores: Vec<_> = (1..=program.cores.len() as u64).map(|nth| counts(1000 * nth)).collect();
    let host = EventCounts { spikes: 2560, messages: 2570, ..EventCounts::default() };
    Activity::of(program, 10, 15, &cores, host).expect("counts of every core")
}

fn counts(n: u64) -> EventCounts {
    EventCounts {
        spikes: n,
        zero_payloads: n / 4,
        messages: 2 * n,
        synaptic_ops: 300 * n,
        instructions: 20 * n,
        hops: 5 * n,
        chip_crossings: n / 10,
        accumulator_overflows: 0,
        register_saturations: 3,
    }
}

/// Four mappings: one that is beaten, two that are not, and one that does not exist.
pub fn explored() -> Explored {
    let point = |objective: &str, streams, result: Option<(u64, f64, f64)>| ExploredPoint {
        objective: objective.to_owned(),
        weights: "ternary".to_owned(),
        streams,
        max_chips: None,
        error: result.is_none().then(|| "needs 9 chips, the system has 8".to_owned()),
        result: result.map(|(n_chips, tokens_per_s, energy_mj_per_token)| ExploredResult {
            n_chips,
            n_cores: 100 * n_chips,
            tokens_per_s,
            energy_mj_per_token,
            prefill_tokens_per_s: 100.0 * tokens_per_s,
            time_to_first_token_ms: 4000.0 / tokens_per_s,
            bound: "synaptic operations".to_owned(),
        }),
        on_front: false,
    };
    let points = vec![
        point("chips", 1, Some((6, 52.34567, 80.5))),
        point("latency", 1, Some((7, 40.0, 120.0))),
        point("latency", 24, Some((24, 1234.5, 0.0123))),
        point("energy", 1, None),
    ];
    let (model, arch) = ("sketch".to_owned(), "loihi2-kapoho-point".to_owned());
    Explored { model, arch, n_prompt_tokens: 500, points }.with_front()
}

/// A cost by hand, all of whose values are one.
pub fn cost(value: f64) -> Cost {
    let span = Span { low: 1.0, value, high: 3.0 };
    let basis = Basis { published: 0.25, measured: 0.25, assumed: 0.5 };
    let part = CostPart { parameter: "time.barrier_ns".to_owned(), share: 1.0, status: "published".to_owned() };
    let row = CostRow {
        mode: CostMode::FallThrough,
        n_streams: 1,
        steps_per_token: 9,
        tokens_per_s: span,
        token_us: span,
        mj_per_token: span,
        static_mj: 1.5,
        dynamic_mj: 0.5,
        time_bound: "barrier".to_owned(),
        energy_bound: "static power".to_owned(),
        time_rests_on: basis,
        energy_rests_on: basis,
        time_parts: vec![part],
    };
    let steps = vec![CostStep { us: 0.5, bound: "barrier".to_owned() }];
    Cost { modes: vec![row], prompt_tokens: 500, first_token_us: span, steps }
}
