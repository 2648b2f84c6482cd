//! Networks of published shapes, without weights.

use std::fmt::Write;

use seamount_ir::Verified;
use seamount_ir::network::Network;
use seamount_partition::Footprint;

/// What decides the sizes of all groups.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub n_blocks: usize,
    pub width: usize,
    pub intermediate: usize,
    pub vocab_size: usize,
    pub head_on_host: bool,
}

pub const SHAPE_370M: Shape =
    Shape { n_blocks: 24, width: 1024, intermediate: 2816, vocab_size: 32_000, head_on_host: true };

/// A network as the compiler makes it of a checkpoint of this shape, and what its microcode takes.
pub fn network(shape: Shape) -> (Verified<Network>, Vec<Footprint>) {
    let mut text = Text::default();
    let Shape { n_blocks, width, intermediate, vocab_size, head_on_host } = shape;
    text.constant("table", "i16", vocab_size, width);
    let to_mixer = ["carry", "to_i", "to_f", "to_g", "squares"];
    text.group("embed", width, &["x", "tick!"], &to_mixer, (7, 27), "");
    text.project("host:embedding", "embed:x", "identity");
    text.project("host:tick", "embed:tick", "ones");
    let mut stream = "embed".to_owned();
    for block in 0..n_blocks {
        let name = |part: &str| format!("layers.{block}.{part}");
        let (attn, o, gate, down) = (name("attn"), name("attn.o_proj"), name("mlp.gate_proj"), name("mlp.down_proj"));
        text.norm(&stream, &attn);
        let inputs = ["i+1", "root!", "f+1", "g+1"];
        text.group(&attn, width, &inputs, &["to_o", "squares"], (11, 114), "");
        for projection in ["i", "f", "g"] {
            text.linear(&format!("{stream}:to_{projection}"), &attn, projection, width, width);
        }
        text.norm(&attn, &o);
        text.group(&o, width, &["x+1", "root!", "carry+3"], &["carry", "to_gate", "squares"], (10, 23), "");
        text.linear(&format!("{attn}:to_o"), &o, "x", width, width);
        text.project(&format!("{stream}:carry"), &format!("{o}:carry"), "identity");
        text.norm(&o, &gate);
        text.group(&gate, intermediate, &["gate+1", "root!", "up+1"], &["to_down", "squares"], (7, 48), "");
        for projection in ["gate", "up"] {
            text.linear(&format!("{o}:to_gate"), &gate, projection, intermediate, width);
        }
        text.norm(&gate, &down);
        let to_next: &[&str] = if block + 1 < n_blocks { &to_mixer } else { &["carry", "to_head", "squares"] };
        text.group(&down, width, &["x+1", "root!", "carry+3"], to_next, (12, 33), "");
        text.linear(&format!("{gate}:to_down"), &down, "x", width, intermediate);
        text.project(&format!("{o}:carry"), &format!("{down}:carry"), "identity");
        stream = down;
    }
    text.norm(&stream, "lm_head");
    let host = if head_on_host { "on_host = true" } else { "" };
    text.group("lm_head", vocab_size, &["x+1", "root!"], &["y"], (3, 6), host);
    text.linear(&format!("{stream}:to_head"), "lm_head", "x", vocab_size, width);
    text.project("lm_head:y", "host:logits", "identity");
    text.finish(shape)
}

#[derive(Default)]
struct Text {
    constants: String,
    groups: String,
    projections: String,
    footprints: Vec<Footprint>,
}

impl Text {
    fn constant(&mut self, name: &str, elem: &str, rows: usize, columns: usize) {
        let digest = "0".repeat(64);
        writeln!(self.constants, "  @{name} : {elem}[{rows}, {columns}] sha256:{digest}").unwrap();
    }

    /// `footprint` is words of memory and instructions; an accumulator may be `name!` (the tick) or `name+delay`.
    fn group(
        &mut self,
        name: &str,
        n_neurons: usize,
        accumulators: &[&str],
        ports: &[&str],
        (n_words, n_instructions): (u32, u32),
        more: &str,
    ) {
        let layer = name.strip_prefix("layers.").and_then(|rest| rest.split('.').next());
        let layer = layer.map(|layer| format!("layer = {layer}")).unwrap_or_default();
        let mut text = format!("  group \"{name}\" {{\n    neurons = {n_neurons}\n    {layer}\n    {more}\n");
        for accumulator in accumulators {
            let (accumulator, attributes) = match (accumulator.strip_suffix('!'), accumulator.split_once('+')) {
                (Some(tick), _) => (tick, " {tick = true}".to_owned()),
                (None, Some((name, delay))) => (name, format!(" {{delay = {delay}}}")),
                (None, None) => (*accumulator, String::new()),
            };
            writeln!(text, "    accumulator \"{accumulator}\"{attributes}").unwrap();
        }
        for port in ports {
            writeln!(text, "    port \"{port}\" {{bits = 16}}").unwrap();
        }
        let first = accumulators[0].split(['!', '+']).next().unwrap();
        writeln!(text, "    %0 = read_accumulator \"{first}\"").unwrap();
        for port in ports {
            writeln!(text, "    send \"{port}\", %0").unwrap();
        }
        self.groups += &(text + "  }\n");
        let n_accumulators = u32::try_from(accumulators.len()).unwrap();
        self.footprints.push(Footprint {
            body: u32::try_from(self.footprints.len()).unwrap(),
            n_slots: n_words - n_accumulators,
            n_accumulators,
            n_instructions,
        });
    }

    /// The neuron that sums the squares of `from` and sends the inverse root to `to`, which follows.
    fn norm(&mut self, from: &str, to: &str) {
        let norm = format!("{to}.norm");
        self.group(&norm, 1, &["sum!"], &["root"], (1, 42), "");
        self.project(&format!("{from}:squares"), &format!("{norm}:sum"), "ones");
        self.project(&format!("{norm}:root"), &format!("{to}:root"), "ones");
    }

    fn linear(&mut self, from: &str, to: &str, accumulator: &str, n_outputs: usize, n_inputs: usize) {
        let name = format!("{to}.{accumulator}");
        self.constant(&name, "ternary", n_outputs, n_inputs);
        self.project(from, &format!("{to}:{accumulator}"), &format!("@{name}"));
    }

    fn project(&mut self, from: &str, to: &str, weights: &str) {
        writeln!(self.projections, "  project \"{from}\", \"{to}\" {{weights = {weights}}}").unwrap();
    }

    fn finish(self, shape: Shape) -> (Verified<Network>, Vec<Footprint>) {
        let (n_blocks, vocab_size) = (shape.n_blocks, shape.vocab_size);
        let text = format!(
            "network \"{n_blocks} blocks\" {{\n  vocab_size = {vocab_size}\n  word_bits = 24\n  accumulator_bits = 24\n  \
             overflow = saturate\n  embedding = @table\n  logit_scale = 1.0\n  latency_steps = {}\n{}{}{}}}\n",
            8 * n_blocks + 3,
            self.constants,
            self.groups,
            self.projections,
        );
        let network = Network::parse(&text).unwrap().verify().unwrap();
        (network, self.footprints)
    }
}
