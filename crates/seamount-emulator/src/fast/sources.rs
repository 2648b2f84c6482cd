//! Which sources reach which axons: the routes of a program, read from the other end.

use seamount_program::{Dest, HOST_OUTPUT, Program, SynapseBlock};

use super::plan::Piece;
use crate::image::index;

/// No source.
const NONE: u32 = u32::MAX;

/// The sources of every axon of a program. A source has a number: those of the cores in their order, in a core as the
/// program numbers them, then the channels of the embedding, then the tick.
#[derive(Debug)]
pub(super) struct Sources {
    /// Ports, by the number of their first source.
    ports: Vec<PortSources>,
    cores: Vec<CoreAxons>,
}

#[derive(Clone, Copy, Debug)]
struct PortSources {
    first: u32,
    origin: Origin,
}

/// What sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A port of a slice of a core.
    Slice { core: usize, slice: usize, port: usize },
    /// The host's channels.
    Embedding,
    /// The host's tick.
    Tick,
}

#[derive(Debug, Default)]
struct CoreAxons {
    /// The first source of each axon, or [`NONE`].
    sources: Vec<u32>,
    /// (axon, source) of further ones, sorted.
    more: Vec<(u32, u32)>,
    /// Weights of each axon's rows.
    synaptic_ops: Vec<u32>,
}

/// Consecutive neurons of a port that reach consecutive axons of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    origin: Origin,
    first: usize,
    at: usize,
    n: usize,
    /// The number of the source that comes next, and of the first one of another port.
    next: u32,
    end: u32,
}

/// The same with the neurons counted by the lanes of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    pub source: Source,
    /// The first lane.
    pub first: usize,
    /// Where it stands in the feed.
    pub at: usize,
    pub n: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// A port of a part.
    Part(usize, usize),
    Embedding,
    Tick,
}

/// Where the neurons of each slice went.
pub(super) struct Whereabouts {
    /// `[core][slice]`: pieces and their parts.
    parts: Vec<Vec<Vec<(Piece, usize)>>>,
}

impl Sources {
    pub(super) fn new(program: &Program) -> Self {
        let mut sources =
            Self { ports: Vec::new(), cores: program.cores.iter().map(|_| CoreAxons::default()).collect() };
        for (core, axons) in program.cores.iter().zip(&mut sources.cores) {
            let n_axons = core.synapse_blocks.iter().map(|block| index(block.first_axon) + index(block.n_axons)).max();
            axons.sources = vec![NONE; n_axons.unwrap_or(0)];
            axons.synaptic_ops = vec![0; n_axons.unwrap_or(0)];
            for block in &core.synapse_blocks {
                let ops = block.encoding.weights_per_row(core.slices[index(block.slice)].n_neurons);
                let of_block = &mut axons.synaptic_ops[index(block.first_axon)..][..index(block.n_axons)];
                of_block.iter_mut().for_each(|of_axon| *of_axon += ops);
            }
        }
        let mut next = 0;
        for (core_idx, core) in program.cores.iter().enumerate() {
            let first = next;
            for (slice_idx, slice) in core.slices.iter().enumerate() {
                let n_ports = program.body_of(slice.group).map_or(0, |body| body.ports.len());
                for port in 0..n_ports {
                    let origin = Origin::Slice { core: core_idx, slice: slice_idx, port };
                    sources.ports.push(PortSources { first: next, origin });
                    next += slice.n_neurons;
                }
            }
            for (source, range) in (first..).zip(core.routes.offsets.windows(2)) {
                sources.add(source, &core.routes.dests[index(range[0])..index(range[1])]);
            }
        }
        let host = &program.host;
        sources.ports.push(PortSources { first: next, origin: Origin::Embedding });
        for channel in 0..host.width {
            sources.add(next + channel, host.input.of(index(channel)));
        }
        next += host.width;
        sources.ports.push(PortSources { first: next, origin: Origin::Tick });
        sources.add(next, &host.tick);
        for core in &mut sources.cores {
            core.more.sort_unstable();
        }
        sources
    }

    fn add(&mut self, source: u32, dests: &[Dest]) {
        for dest in dests.iter().filter(|dest| dest.core_idx != HOST_OUTPUT) {
            let core = &mut self.cores[index(dest.core_idx)];
            let of_axon = &mut core.sources[index(dest.axon)];
            if *of_axon == NONE {
                *of_axon = source;
            } else {
                core.more.push((dest.axon, source));
            }
        }
    }

    /// Synaptic operations of a message.
    pub(super) fn synaptic_ops(&self, dest: Dest) -> u64 {
        self.cores[index(dest.core_idx)].synaptic_ops[index(dest.axon)].into()
    }

    /// What reaches the axons of a block.
    pub(super) fn segments(&self, core: usize, block: &SynapseBlock) -> Vec<Found> {
        let core = &self.cores[core];
        let first = index(block.first_axon);
        let mut found: Vec<Found> = Vec::new();
        let of_axons = core.sources[first..][..index(block.n_axons)].iter();
        for (at, &source) in of_axons.enumerate().filter(|&(_, &source)| source != NONE) {
            self.extend(&mut found, at, source);
        }
        let from = core.more.partition_point(|&(axon, _)| axon < block.first_axon);
        for &(axon, source) in
            core.more[from..].iter().take_while(|&&(axon, _)| index(axon) - first < index(block.n_axons))
        {
            self.extend(&mut found, index(axon) - first, source);
        }
        found
    }

    /// Adds a source to the last segment, or a segment.
    fn extend(&self, found: &mut Vec<Found>, at: usize, source: u32) {
        if let Some(last) = found.last_mut()
            && last.next == source
            && source < last.end
            && last.at + last.n == at
        {
            last.n += 1;
            last.next += 1;
            return;
        }
        let after = self.ports.partition_point(|port| port.first <= source);
        let port = self.ports[after - 1];
        let end = self.ports.get(after).map_or(NONE, |port| port.first);
        let first = index(source - port.first);
        found.push(Found { origin: port.origin, first, at, n: 1, next: source + 1, end });
    }

    /// The most messages that meet on one axon, if a source sends as many as `sent` says of its port.
    pub(super) fn most_on_an_axon(&self, sent: impl Fn(Origin) -> u64) -> u64 {
        let ports: Vec<u64> = self.ports.iter().map(|port| sent(port.origin)).collect();
        let of = |source: u32| ports[self.ports.partition_point(|port| port.first <= source) - 1];
        let alone = ports.iter().copied().max().unwrap_or(0);
        let together = self.cores.iter().flat_map(|core| {
            let same_axon = core.more.chunk_by(|a, b| a.0 == b.0);
            same_axon.map(move |same| {
                let first = of(core.sources[index(same[0].0)]);
                same.iter().fold(first, |sum, &(_, source)| sum.saturating_add(of(source)))
            })
        });
        together.max().unwrap_or(0).max(alone)
    }

    /// The most messages that meet at one output of the host.
    pub(super) fn most_on_an_output(&self, program: &Program, sent: impl Fn(Origin) -> u64) -> u64 {
        let mut n_sent = vec![0_u64; index(program.host.n_outputs)];
        let mut source = 0;
        for core in &program.cores {
            for range in core.routes.offsets.windows(2) {
                let port = self.ports[self.ports.partition_point(|port| port.first <= source) - 1];
                source += 1;
                for dest in &core.routes.dests[index(range[0])..index(range[1])] {
                    if dest.core_idx == HOST_OUTPUT {
                        let n_sent = &mut n_sent[index(dest.axon)];
                        *n_sent = n_sent.saturating_add(sent(port.origin));
                    }
                }
            }
        }
        n_sent.into_iter().max().unwrap_or(0)
    }

    /// For each slice of each core how many slices, one behind the other, lead to it at most; `None` if some lead to
    /// themselves.
    pub(super) fn levels(&self, program: &Program) -> Option<Vec<Vec<u32>>> {
        let mut first_nodes = vec![0];
        for core in &program.cores {
            first_nodes.push(first_nodes[first_nodes.len() - 1] + core.slices.len());
        }
        let n_nodes = first_nodes[program.cores.len()];
        let (mut targets, mut n_sources) = (vec![Vec::new(); n_nodes], vec![0_usize; n_nodes]);
        for (core_idx, core) in program.cores.iter().enumerate() {
            for block in &core.synapse_blocks {
                let target = first_nodes[core_idx] + index(block.slice);
                let mut last = None;
                for found in self.segments(core_idx, block) {
                    let Origin::Slice { core, slice, .. } = found.origin else { continue };
                    let source = first_nodes[core] + slice;
                    if last.replace(source) != Some(source) {
                        targets[source].push(target);
                        n_sources[target] += 1;
                    }
                }
            }
        }
        let mut levels = vec![0; n_nodes];
        let mut ready: Vec<usize> = (0..n_nodes).filter(|&node| n_sources[node] == 0).collect();
        let mut n_done = 0;
        while let Some(node) = ready.pop() {
            n_done += 1;
            for &target in &targets[node] {
                levels[target] = levels[target].max(levels[node] + 1);
                n_sources[target] -= 1;
                if n_sources[target] == 0 {
                    ready.push(target);
                }
            }
        }
        let by_core = first_nodes.windows(2).map(|range| levels[range[0]..range[1]].to_vec());
        (n_done == n_nodes).then(|| by_core.collect())
    }
}

impl Whereabouts {
    pub(super) fn new(program: &Program) -> Self {
        Self { parts: program.cores.iter().map(|core| vec![Vec::new(); core.slices.len()]).collect() }
    }

    pub(super) fn insert(&mut self, part: usize, piece: &Piece) {
        self.parts[piece.core][piece.slice].push((piece.clone(), part));
    }

    /// A segment by the parts that its neurons are in.
    pub(super) fn parts_of(&self, found: &Found) -> Vec<Segment> {
        let Found { origin, first, at, n, .. } = *found;
        match origin {
            Origin::Embedding => vec![Segment { source: Source::Embedding, first, at, n }],
            Origin::Tick => vec![Segment { source: Source::Tick, first, at, n }],
            Origin::Slice { core, slice, port } => {
                let parts = self.parts[core][slice].iter().filter_map(|&(ref piece, part)| {
                    let (piece_first, piece_end) = (piece.first_in_slice, piece.first_in_slice + piece.n_neurons);
                    let (from, to) = (first.max(piece_first), (first + n).min(piece_end));
                    let source = Source::Part(part, port);
                    (from < to).then(|| Segment {
                        source,
                        first: from - piece_first + piece.first_lane,
                        at: at + from - first,
                        n: to - from,
                    })
                });
                parts.collect()
            }
        }
    }
}
