//! A stream's state, given away and taken over.

use itertools::Itertools as _;

use super::counted::Loaded;
use super::plan::Piece;
use super::tally::Tally;
use super::{Fast, HostSent, Part, embedding, send_from_host};
use crate::events::Events;
use crate::image::index;
use crate::reach::Reach;
use crate::state::Snapshot;

impl Fast {
    /// What a slot of a slice's neurons holds, in the first stream.
    pub(crate) fn slot_values(&self, core: usize, slice: usize, slot: usize) -> Vec<i32> {
        let parts = self.plan.parts.iter().zip(&self.parts);
        let pieces = parts.flat_map(|(plan, part)| plan.pieces.iter().map(move |piece| (piece, part)));
        let mut pieces: Vec<_> = pieces.filter(|(piece, _)| (piece.core, piece.slice) == (core, slice)).collect();
        pieces.sort_by_key(|(piece, _)| piece.first_in_slice);
        let values = pieces.iter().map(|(piece, part)| {
            // A slot that holds zeros may have no lanes.
            let lanes = part[0].neurons.slots[slot].get(piece.lanes());
            lanes.map_or_else(|| vec![0; piece.n_neurons], <[i32]>::to_vec)
        });
        values.flatten().collect()
    }

    /// What a stream remembers.
    pub(crate) fn save(&self, stream: usize) -> Snapshot {
        let Self { plan, parts, streams, host, .. } = self;
        let program = &plan.program;
        let reach = Reach::new(program);
        let first_sources = first_sources(self);
        let text = &streams[stream];
        let mut snapshot = Snapshot::initial(program);
        snapshot.step = text.step;
        snapshot.due = text.due.iter().copied().collect();
        let may_arrive = |step: u64| step < text.step && text.step - step < reach.host as u64;
        snapshot.tokens = host[stream].tokens.iter().copied().filter(|&(step, _)| may_arrive(step)).collect();
        snapshot.host_events = self.host_events(stream);
        for ((core, events), &ops) in snapshot.cores.iter_mut().zip(self.events(stream)).zip(&text.loaded.arriving_ops)
        {
            core.events = *events;
            core.arriving_ops = if text.step == text.loaded.step { ops } else { 0 };
        }
        for (part_plan, part) in plan.parts.iter().zip(parts) {
            let part = &part[stream];
            for piece in &part_plan.pieces {
                let slice = &mut snapshot.cores[piece.core].slices[piece.slice];
                copy(piece, part.neurons.slots.iter().map(|lanes| &**lanes), &mut slice.slots);
                copy(piece, part.neurons.accumulators.iter(), &mut slice.accumulators);
            }
            for (port, (port_plan, sent)) in part_plan.ports.iter().zip(&part.sent).enumerate() {
                for (step, payloads) in sent.kept().filter(|&(step, _)| step < text.step) {
                    let age = text.step - 1 - step;
                    for piece in &part_plan.pieces {
                        let sources = source(self, &first_sources, piece, port)..;
                        let payloads = sources.zip(&payloads[piece.lanes()]).filter(|&(_, &payload)| payload != 0);
                        for (source, &payload) in payloads {
                            if age < reach.sources[piece.core][source] as u64 {
                                snapshot.cores[piece.core].add_spike(step, source, payload.into());
                            }
                        }
                    }
                }
                for (at, class) in port_plan.classes.iter().enumerate().filter(|_| text.step > 0) {
                    for &(core, ops) in &plan.synaptic_ops[class.synaptic_ops] {
                        snapshot.cores[core].arriving_ops += ops * sent.tally.in_step(text.step - 1, at).n_sent;
                    }
                }
            }
        }
        snapshot
    }

    /// Lets a stream go on from what another run of the program remembered.
    pub(crate) fn load(&mut self, stream: usize, snapshot: &Snapshot) {
        let first_sources = first_sources(self);
        let plan = &self.plan;
        let program = &plan.program;
        let text = &mut self.streams[stream];
        text.step = snapshot.step;
        text.due = snapshot.due.iter().copied().collect();
        let mut host = HostSent { tokens: snapshot.tokens.clone(), ..HostSent::default() };
        for &(step, token) in &snapshot.tokens {
            // What it sent was counted when it was sent.
            let mut counted = Events::default();
            let row = embedding(&program.host, token);
            send_from_host(&plan.embedding, &mut host.embedding, step, &row, &mut counted);
            send_from_host(&plan.tick, &mut host.tick, step, &[1], &mut counted);
        }
        (host.embedding.tally, host.tick.tally) = (Tally::default(), Tally::default());
        self.host[stream] = host;
        text.host_events = snapshot.host_events;
        text.loaded = Loaded {
            step: snapshot.step,
            events: snapshot.cores.iter().map(|core| core.events).collect(),
            arriving_ops: snapshot.cores.iter().map(|core| core.arriving_ops).collect(),
        };
        text.counted.take();
        let mut restored = Vec::with_capacity(plan.parts.len());
        for part_plan in &plan.parts {
            let mut part = Part::new(plan, part_plan);
            for piece in &part_plan.pieces {
                let slice = &snapshot.cores[piece.core].slices[piece.slice];
                let of_piece = |values: &'_ [i32], n_values: usize| values[piece.first_in_slice * n_values..].to_vec();
                let slots = of_piece(&slice.slots, part.neurons.slots.len());
                let accumulators = of_piece(&slice.accumulators, part.neurons.accumulators.len());
                part.neurons.set_piece(piece, &slots, &accumulators);
            }
            part.neurons.settle();
            restored.push(part);
        }
        for (part_plan, part) in plan.parts.iter().zip(&mut restored) {
            // What they cost on arrival is in `arriving_ops`.
            for (port, sent) in part.sent.iter_mut().enumerate() {
                let spikes = part_plan.pieces.iter().flat_map(|piece| {
                    let first = source(self, &first_sources, piece, port);
                    let spikes = &snapshot.cores[piece.core].spikes;
                    spikes.iter().filter_map(move |(&(step, source), &payload)| {
                        let lane = piece.first_lane + source.checked_sub(first)?;
                        piece.lanes().contains(&lane).then_some((step, lane, payload))
                    })
                });
                let in_order = spikes.sorted();
                for (step, spikes) in &in_order.chunk_by(|&(step, ..)| step) {
                    let mut payloads = vec![0; part_plan.n_lanes];
                    for (_, lane, payload) in spikes {
                        let payload = i32::try_from(payload);
                        payloads[lane] = payload.expect("invariant: this engine's programs send sums of 32 bits");
                    }
                    sent.push(step, &payloads, part_plan.ports[port].extent(&payloads), true);
                }
            }
        }
        for (streams, part) in self.parts.iter_mut().zip(restored) {
            streams[stream] = part;
        }
    }
}

/// The number of each slice's first source, by core.
fn first_sources(fast: &Fast) -> Vec<Vec<usize>> {
    let program = &fast.plan.program;
    let of_core = |core: &seamount_program::Core| {
        let mut next = 0;
        let first = core.slices.iter().map(|slice| {
            let n_ports = program.body_of(slice.group).map_or(0, |body| body.ports.len());
            let first = next;
            next += n_ports * index(slice.n_neurons);
            first
        });
        first.collect()
    };
    program.cores.iter().map(of_core).collect()
}

/// The number of a piece's first source of a port.
fn source(fast: &Fast, first_sources: &[Vec<usize>], piece: &Piece, port: usize) -> usize {
    let n_neurons = index(fast.plan.program.cores[piece.core].slices[piece.slice].n_neurons);
    first_sources[piece.core][piece.slice] + port * n_neurons + piece.first_in_slice
}

/// From `[value][lane]` of a part to `[neuron, value]` of its slice.
fn copy<L: AsRef<[i32]>>(piece: &Piece, lanes: impl ExactSizeIterator<Item = L>, slice: &mut [i32]) {
    let n_values = lanes.len();
    for (at, lanes) in lanes.enumerate() {
        let values = slice.iter_mut().skip(piece.first_in_slice * n_values + at).step_by(n_values);
        // A slot that holds zeros may have no lanes.
        match lanes.as_ref().get(piece.lanes()) {
            Some(lanes) => values.zip(lanes).for_each(|(value, lane)| *value = *lane),
            None => values.take(piece.n_neurons).for_each(|value| *value = 0),
        }
    }
}
