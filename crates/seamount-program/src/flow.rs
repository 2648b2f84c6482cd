//! Which groups feed which, and in which step of a token each of them works.

use std::collections::{BTreeMap, VecDeque};

use crate::program::{Core, Dest, HOST_OUTPUT, Program, SynapseBlock, index};

/// The groups of a program as a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who feeds whom, in the order of the senders; what the host sends comes first.
    pub edges: Vec<Edge>,
    /// The step in which each group works on a token, counted from the step that the token is sent in.
    ///
    /// It is the longest way from the host, since what arrives earlier waits. `None` for a group that hears nothing of a
    /// token, and for one on or behind a circle.
    pub steps: Vec<Option<u32>>,
}

/// Output axons from one group to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The group that sends; `None` for the host.
    pub from: Option<u32>,
    /// The group that is fed; `None` for the logits that the host reads.
    pub to: Option<u32>,
    /// Steps that spikes wait beyond the one that every spike takes.
    pub delay_steps: u32,
    /// How many: the messages of a token that has no zero payload.
    pub n_axons: u64,
    /// Weights that these messages meet; none at the host.
    pub n_synaptic_ops: u64,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The host: embedding channels and the tick.
    Host,
    /// The neurons of a slice.
    Slice {
        /// Index into [`Program::cores`].
        core_idx: u32,
        /// Index into [`Core::slices`].
        slice_idx: u32,
        /// Index into [`Program::groups`].
        group: u32,
    },
}

impl Sender {
    /// The group that sends; `None` for the host.
    pub fn group(self) -> Option<u32> {
        match self {
            Self::Host => None,
            Self::Slice { group, .. } => Some(group),
        }
    }
}

impl Program {
    /// Who feeds whom, and when each group works.
    pub fn flow(&self) -> Flow {
        let mut edges = BTreeMap::new();
        for (sender, dests) in self.sent() {
            let from = sender.group();
            if from.is_some_and(|group| index(group) >= self.groups.len()) {
                continue;
            }
            for &dest in dests {
                self.targets(dest, |to, delay_steps, n_weights| {
                    let (n_axons, n_synaptic_ops) = edges.entry((from, to, delay_steps)).or_insert((0, 0));
                    *n_axons += 1;
                    *n_synaptic_ops += u64::from(n_weights);
                });
            }
        }
        let edge = |((from, to, delay_steps), (n_axons, n_synaptic_ops))| Edge {
            from,
            to,
            delay_steps,
            n_axons,
            n_synaptic_ops,
        };
        let edges: Vec<_> = edges.into_iter().map(edge).collect();
        let steps = steps(self.groups.len(), &edges);
        Flow { edges, steps }
    }

    /// All destinations by who sends there: the host, then the slices of the cores. Each destination is an output axon.
    pub fn sent(&self) -> impl Iterator<Item = (Sender, &[Dest])> {
        let host = [self.host.input.dests.as_slice(), &self.host.tick].map(|dests| (Sender::Host, dests));
        host.into_iter().chain((0..).zip(&self.cores).flat_map(|(core_idx, core)| self.sent_by(core_idx, core)))
    }

    /// The sources of a slice follow each other, and so do their destinations.
    fn sent_by<'a>(&'a self, core_idx: u32, core: &'a Core) -> impl Iterator<Item = (Sender, &'a [Dest])> {
        let mut source = 0;
        (0..).zip(&core.slices).map(move |(slice_idx, slice)| {
            let n_ports = self.body_of(slice.group).map_or(0, |body| body.ports.len());
            let first = source;
            source += n_ports * index(slice.n_neurons);
            let offset = |source: usize| core.routes.offsets.get(source).map_or(0, |&offset| index(offset));
            let dests = core.routes.dests.get(offset(first)..offset(source)).unwrap_or_default();
            (Sender::Slice { core_idx, slice_idx, group: slice.group }, dests)
        })
    }

    /// The groups that a destination feeds, after how many steps of delay, and with how many weights.
    fn targets(&self, dest: Dest, mut found: impl FnMut(Option<u32>, u32, u32)) {
        if dest.core_idx == HOST_OUTPUT {
            return found(None, 0, 0);
        }
        let Some(core) = self.cores.get(index(dest.core_idx)) else { return };
        for block in core.blocks_of(dest.axon) {
            if let Some(slice) = core.slices.get(index(block.slice)) {
                let n_weights = block.encoding.weights_per_row(slice.n_neurons);
                found(Some(slice.group), block.delay_steps, n_weights);
            }
        }
    }
}

impl Core {
    /// The synapse blocks that a spike on an input axon reaches.
    pub fn blocks_of(&self, axon: u32) -> impl Iterator<Item = &SynapseBlock> {
        self.synapse_blocks.iter().filter(move |block| block.has_axon(axon))
    }
}

/// Edges out of the host or a group: the group that is fed, and the steps on the way.
type Ways = Vec<(usize, u32)>;

/// The longest way from the host to each group, in the order in which groups have heard all that they hear.
fn steps(n_groups: usize, edges: &[Edge]) -> Vec<Option<u32>> {
    let mut host = Ways::new();
    let mut groups = vec![Ways::new(); n_groups];
    for edge in edges {
        let Some(to) = edge.to.map(index).filter(|&to| to < n_groups) else { continue };
        match edge.from {
            None => host.push((to, edge.delay_steps)),
            Some(from) => groups[index(from)].push((to, edge.delay_steps.saturating_add(1))),
        }
    }
    let mut n_awaited = n_heard(&host, &groups);
    let mut earliest = vec![0; n_groups];
    let mut steps = vec![None; n_groups];
    let mut ready = VecDeque::from([(0, &host)]);
    while let Some((step, ways)) = ready.pop_front() {
        for &(to, way) in ways {
            earliest[to] = way.saturating_add(step).max(earliest[to]);
            n_awaited[to] -= 1;
            if n_awaited[to] == 0 {
                steps[to] = Some(earliest[to]);
                ready.push_back((earliest[to], &groups[to]));
            }
        }
    }
    steps
}

/// For each group the edges into it that anything of a token passes.
fn n_heard(host: &Ways, groups: &[Ways]) -> Vec<usize> {
    let mut n_heard = vec![0; groups.len()];
    let mut reached = vec![host];
    while let Some(ways) = reached.pop() {
        for &(to, _) in ways {
            if n_heard[to] == 0 {
                reached.push(&groups[to]);
            }
            n_heard[to] += 1;
        }
    }
    n_heard
}
