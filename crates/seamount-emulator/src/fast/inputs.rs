//! What parts hear, and through which weights.
//!
//! Axons exist in the program only: here a synapse block is a matrix between a *feed*, the payloads of the sources that
//! reach the block's axons, and an accumulator of a part. Blocks in which all axons have the same row, or each neuron has
//! an axon of its own, are joined over all pieces of a part.

use std::collections::BTreeMap;
use std::ops::Range;

use seamount_program::{Core, Encoding, Program, SynapseBlock, rows};

use super::kernels::{Kind, Matrix};
use super::plan::{PartPlan, Piece};
use super::sources::{Segment, Sources, Whereabouts};
use crate::image::index;

/// A synapse block, or several.
#[derive(Debug)]
pub(super) struct Input {
    /// Index into [`Stage::feeds`](super::plan::Stage::feeds).
    pub feed: usize,
    pub accumulator: usize,
    /// The only piece of the part that hears it, if it is one.
    pub piece: Option<usize>,
    /// Where the synapses' first neuron is in the part.
    pub first_lane: usize,
    pub synapses: Synapses,
    /// The largest magnitude of the weights that a neuron has in it, summed.
    pub gain: u64,
}

#[derive(Debug)]
pub(super) enum Synapses {
    Matrix(Matrix),
    /// All axons have this row.
    Shared(Vec<i8>),
    /// Each lane has its own axon, with one weight.
    Diagonal(Vec<i8>),
    /// (axon of the block, neuron of the piece, weight)
    Sparse(Vec<(u32, u32, i8)>),
}

/// What sources send, put side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feed {
    pub n_sources: usize,
    /// Steps that it waits beyond the one that every spike takes.
    pub delay_steps: u64,
    pub segments: Vec<Segment>,
    pub wanted: Wanted,
}

/// What synapses need of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    /// What each row adds up to, for weights that all axons share.
    Sums,
    /// Each payload.
    Values,
    /// Their digits, for matrices.
    Digits,
}

/// The feeds of a stage, each once.
#[derive(Default)]
pub(super) struct Feeds(BTreeMap<Feed, usize>);

/// A diagonal that grows by a piece at a time.
struct Diagonal {
    accumulator: usize,
    feed: Feed,
    weights: Vec<i8>,
    /// The first lane that is free.
    end: usize,
}

impl Input {
    /// Its weights, if they are a matrix.
    pub(super) fn matrix(&self) -> Option<&Matrix> {
        match &self.synapses {
            Synapses::Matrix(matrix) => Some(matrix),
            Synapses::Shared(_) | Synapses::Diagonal(_) | Synapses::Sparse(_) => None,
        }
    }

    pub(super) fn n_weights(&self) -> usize {
        match &self.synapses {
            Synapses::Matrix(matrix) => matrix.n_sources * matrix.n_neurons,
            Synapses::Shared(weights) | Synapses::Diagonal(weights) => weights.len(),
            Synapses::Sparse(entries) => entries.len(),
        }
    }
}

impl Feeds {
    fn index(&mut self, feed: Feed) -> usize {
        let n = self.0.len();
        *self.0.entry(feed).or_insert(n)
    }

    /// The feeds in the order of their indices.
    pub(super) fn into_list(self) -> Vec<Feed> {
        let mut in_order: Vec<_> = self.0.into_iter().collect();
        in_order.sort_by_key(|&(_, at)| at);
        in_order.into_iter().map(|(feed, _)| feed).collect()
    }
}

/// All that a part hears, by accumulator.
pub(super) fn inputs_of(
    part: &PartPlan,
    program: &Program,
    sources: &Sources,
    whereabouts: &Whereabouts,
    feeds: &mut Feeds,
) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    let mut diagonals: Vec<Diagonal> = Vec::new();
    for (at, piece) in part.pieces.iter().enumerate() {
        let core = &program.cores[piece.core];
        for block in core.synapse_blocks.iter().filter(|block| index(block.slice) == piece.slice) {
            let found = sources.segments(piece.core, block);
            let feed = Feed {
                n_sources: index(block.n_axons),
                delay_steps: block.delay_steps.into(),
                segments: found.iter().flat_map(|found| whereabouts.parts_of(found)).collect(),
                wanted: Wanted::Values,
            };
            let accumulator = block.acc.index();
            let neurons = piece.first_in_slice..piece.first_in_slice + piece.n_neurons;
            let alone = |feed, synapses, gain| Input {
                feed,
                accumulator,
                piece: Some(at),
                first_lane: piece.first_lane,
                synapses,
                gain,
            };
            if let Encoding::Sparse { .. } = block.encoding {
                let (entries, gain) = sparse(core, block, &neurons);
                match diagonal(&entries) {
                    Some(first) => {
                        join_diagonal(&mut diagonals, accumulator, feed, piece, first, &entries, part.n_lanes)
                    }
                    None => inputs.push(alone(feeds.index(feed), Synapses::Sparse(entries), gain)),
                }
            } else if block.row_stride_bytes == 0 {
                let weights = row(core, block, &neurons);
                let feed = feeds.index(Feed { wanted: Wanted::Sums, ..feed });
                let lanes = piece.first_lane..piece.first_lane + piece.n_neurons;
                join_shared(&mut inputs, feed, accumulator, block.n_axons, &weights, lanes, part.n_lanes);
            } else {
                let (matrix, gain) = matrix(core, block, &neurons);
                let feed = Feed { wanted: Wanted::Digits, ..feed };
                inputs.push(alone(feeds.index(feed), Synapses::Matrix(matrix), gain));
            }
        }
    }
    inputs.extend(diagonals.into_iter().map(|Diagonal { accumulator, feed, weights, .. }| Input {
        feed: feeds.index(feed),
        accumulator,
        piece: None,
        first_lane: 0,
        gain: largest(&weights),
        synapses: Synapses::Diagonal(weights),
    }));
    // Blocks that hear the same stand together.
    inputs.sort_by_key(|input| (input.accumulator, input.piece.is_some(), input.feed));
    inputs
}

/// The weights of a dense block between its axons and some neurons of its slice, and the largest sum of their magnitudes.
fn matrix(core: &Core, block: &SynapseBlock, neurons: &Range<usize>) -> (Matrix, u64) {
    let (kind, first_byte, largest) = match block.encoding {
        Encoding::Dense8 => (Kind::Bytes, neurons.start, 128),
        Encoding::Dense2 | Encoding::Sparse { .. } => (Kind::Ternary, neurons.start / 4, 1),
    };
    let first = usize::try_from(block.offset_bytes).expect(VALID) + first_byte;
    let (stride, n_axons) = (index(block.row_stride_bytes), index(block.n_axons));
    let matrix = Matrix::new(kind, core.synapses.slice(first..), stride, n_axons, neurons.len());
    (matrix, largest * u64::from(block.n_axons))
}

/// The row that all axons of a dense block have, of some neurons.
fn row(core: &Core, block: &SynapseBlock, neurons: &Range<usize>) -> Vec<i8> {
    let n_neurons = core.slices[index(block.slice)].n_neurons;
    let row = core.row(block, n_neurons, 0).expect(VALID);
    let weights = match block.encoding {
        Encoding::Dense8 => rows::unpack_dense8(row, index(n_neurons)),
        Encoding::Dense2 | Encoding::Sparse { .. } => rows::unpack_dense2(row, index(n_neurons)),
    };
    weights.expect(VALID)[neurons.clone()].to_vec()
}

/// The entries (axon, neuron of the piece, weight) of a sparse block, and the largest sum of a neuron's magnitudes.
fn sparse(core: &Core, block: &SynapseBlock, neurons: &Range<usize>) -> (Vec<(u32, u32, i8)>, u64) {
    let n_neurons = core.slices[index(block.slice)].n_neurons;
    let mut entries = Vec::new();
    let mut gains = vec![0; neurons.len()];
    for axon in 0..block.n_axons {
        let row = core.row(block, n_neurons, axon).expect(VALID);
        for (neuron, weight) in rows::unpack_sparse(row, index(n_neurons)).expect(VALID) {
            if neurons.contains(&usize::from(neuron)) {
                let neuron = usize::from(neuron) - neurons.start;
                gains[neuron] += u64::from(weight.unsigned_abs());
                entries.push((axon, u32::try_from(neuron).expect("invariant: 16 bits"), weight));
            }
        }
    }
    (entries, gains.into_iter().max().unwrap_or_default())
}

const VALID: &str = "invariant: a verified program's rows are valid";

/// Where a diagonal begins, if the entries are one.
fn diagonal(entries: &[(u32, u32, i8)]) -> Option<(usize, usize)> {
    let &(first_source, first_neuron, _) = entries.first()?;
    let on_it =
        |(at, &(source, neuron, _)): (u32, &(u32, u32, i8))| (source, neuron) == (first_source + at, first_neuron + at);
    (0..).zip(entries).all(on_it).then_some((index(first_source), index(first_neuron)))
}

/// Adds a piece's diagonal, in whose feed each lane's axon has the lane's number.
fn join_diagonal(
    diagonals: &mut Vec<Diagonal>,
    accumulator: usize,
    feed: Feed,
    piece: &Piece,
    (first_source, first_neuron): (usize, usize),
    entries: &[(u32, u32, i8)],
    n_lanes: usize,
) {
    let first_lane = piece.first_lane + first_neuron;
    let fits = |diagonal: &Diagonal| {
        diagonal.accumulator == accumulator
            && diagonal.feed.delay_steps == feed.delay_steps
            && diagonal.end <= first_lane
    };
    let at = diagonals.iter().position(fits).unwrap_or_else(|| {
        let feed = Feed { n_sources: n_lanes, segments: Vec::new(), ..feed };
        diagonals.push(Diagonal { accumulator, feed, weights: vec![0; n_lanes], end: 0 });
        diagonals.len() - 1
    });
    let diagonal = &mut diagonals[at];
    let end = first_lane + entries.len();
    diagonal.end = end;
    diagonal.weights[first_lane..end].iter_mut().zip(entries).for_each(|(to, &(_, _, weight))| *to = weight);
    let clipped = feed.segments.iter().filter_map(|segment| {
        let (from, to) = (segment.at.max(first_source), (segment.at + segment.n).min(first_source + entries.len()));
        let first = segment.first + from.checked_sub(segment.at)?;
        (from < to).then(|| Segment { first, at: from - first_source + first_lane, n: to - from, ..*segment })
    });
    for segment in clipped {
        match diagonal.feed.segments.last_mut() {
            Some(last)
                if last.source == segment.source
                    && last.first + last.n == segment.first
                    && last.at + last.n == segment.at =>
            {
                last.n += segment.n;
            }
            _ => diagonal.feed.segments.push(segment),
        }
    }
}

/// Adds a row of weights that all axons have to one that hears the same, if there is one.
fn join_shared(
    inputs: &mut Vec<Input>,
    feed: usize,
    accumulator: usize,
    n_axons: u32,
    weights: &[i8],
    lanes: Range<usize>,
    n_lanes: usize,
) {
    let gain = largest(weights) * u64::from(n_axons);
    let hears_it = |input: &&mut Input| (input.feed, input.accumulator) == (feed, accumulator);
    let all = inputs.iter_mut().find(hears_it).and_then(|input| match &mut input.synapses {
        // Lanes that are taken belong to another block of the same piece.
        Synapses::Shared(all) if all[lanes.clone()].iter().all(|&weight| weight == 0) => {
            input.gain = input.gain.max(gain);
            Some(all)
        }
        _ => None,
    });
    match all {
        Some(all) => all[lanes].copy_from_slice(weights),
        None => {
            let mut all = vec![0; n_lanes];
            all[lanes].copy_from_slice(weights);
            let synapses = Synapses::Shared(all);
            inputs.push(Input { feed, accumulator, piece: None, first_lane: 0, synapses, gain });
        }
    }
}

fn largest(weights: &[i8]) -> u64 {
    weights.iter().map(|weight| u64::from(weight.unsigned_abs())).max().unwrap_or_default()
}
