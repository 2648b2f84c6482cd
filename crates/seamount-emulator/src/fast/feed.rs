//! What a stage hears in a block of steps: the payloads of many sources side by side, ready for the kernels.

use std::sync::RwLock;

use super::inputs::{Feed, Wanted};
use super::kernels::{Extent, Kernel, Payloads};
use super::part::{NO_PANIC, Part};
use super::plan::PartPlan;
use super::sent::Sent;
use super::sources::{Segment, Source};

/// What is run of a stream in a block: other steps of every stage, as tokens reach a later one in later steps.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    /// Those in which the host sends.
    pub first: u64,
    pub end: u64,
    /// Whether the block is the first of its run: all stages have been run up to `first`.
    pub is_first: bool,
    /// Where the run ends: in its last block all stages get there.
    pub run_end: u64,
    /// Whether stages lag; if not, all of them run the host's steps.
    pub lags: bool,
    /// Steps in which logits are due.
    pub due: Vec<u64>,
}

/// The steps that a stage runs in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span<'a> {
    pub first: u64,
    pub n: u64,
    pub run_end: u64,
    /// Steps in which logits are due.
    pub due: &'a [u64],
}

/// What the host has sent to a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSent {
    /// (step, token), ascending.
    pub tokens: Vec<(u64, u32)>,
    pub embedding: Sent,
    pub tick: Sent,
}

/// A feed, and what is worked out of it once.
#[derive(Debug)]
pub(super) struct FeedPlan {
    pub n_sources: usize,
    /// Steps that it waits beyond the one that every spike takes.
    pub delay_steps: u64,
    pub wanted: Wanted,
    pub ports: Vec<FeedPort>,
    /// Whether each source stands in one place, so that payloads need not be added.
    is_one_to_one: bool,
    /// Whether every axon has a source of its own.
    is_filled: bool,
}

/// What a feed hears of one port.
#[derive(Debug)]
pub(super) struct FeedPort {
    pub source: Source,
    segments: Vec<Segment>,
    /// Whether it hears each neuron once.
    is_whole: bool,
}

/// A feed's payloads.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// (stream, step of arrival) of each row, ascending.
    pub rows: Vec<(usize, u64)>,
    pub payloads: Payloads,
}

impl Steps {
    /// Those of a stage that lags by so many steps.
    pub(super) fn of(&self, lag: u64) -> Span<'_> {
        let lag = if self.lags { lag } else { 0 };
        let reached = |step: u64| step.saturating_add(lag).min(self.run_end);
        let first = if self.is_first { self.first } else { reached(self.first) };
        Span { first, n: reached(self.end) - first, run_end: self.run_end, due: &self.due }
    }
}

impl Span<'_> {
    pub(super) fn end(&self) -> u64 {
        self.first + self.n
    }
}

impl FeedPlan {
    /// A feed of a program of these parts, whose embedding has `width` channels.
    pub(super) fn new(feed: &Feed, parts: &[PartPlan], width: usize) -> Self {
        let is_one_to_one = feed.segments.is_sorted_by(|a, b| a.at + a.n <= b.at);
        let n_heard = feed.segments.iter().map(|segment| segment.n).sum::<usize>();
        // Segments of one port follow each other.
        let ports = feed.segments.chunk_by(|a, b| a.source == b.source).map(|segments| {
            let source = segments[0].source;
            let n_neurons = match source {
                Source::Part(part, _) => parts[part].pieces.iter().map(|piece| piece.n_neurons).sum(),
                Source::Embedding => width,
                Source::Tick => 1,
            };
            let n_heard: usize = segments.iter().map(|segment| segment.n).sum();
            let is_whole = n_heard == n_neurons && segments.is_sorted_by(|a, b| a.first + a.n <= b.first);
            FeedPort { source, segments: joined(segments), is_whole }
        });
        Self {
            n_sources: feed.n_sources,
            delay_steps: feed.delay_steps,
            wanted: feed.wanted,
            ports: ports.collect(),
            is_one_to_one,
            is_filled: is_one_to_one && n_heard == feed.n_sources,
        }
    }
}

impl FeedPlan {
    /// Whether what a port sends is needed, and not only what it adds up to.
    pub(super) fn needs_payloads_of(&self, port: &FeedPort) -> bool {
        self.wanted != Wanted::Sums || !self.is_one_to_one || !port.is_whole
    }
}

/// Segments of a port, of which those that go on where the one before ends are one.
fn joined(segments: &[Segment]) -> Vec<Segment> {
    let goes_on = |a: &Segment, b: &Segment| (a.first + a.n, a.at + a.n) == (b.first, b.at);
    let runs = segments.chunk_by(goes_on);
    runs.map(|run| Segment { n: run.iter().map(|segment| segment.n).sum(), ..run[0] }).collect()
}

impl FeedPort {
    /// The extent of what is heard of a row.
    fn extent(&self, payloads: &[i32], of_all: Extent) -> Extent {
        if self.is_whole {
            return of_all;
        }
        let sum = |segment: &Segment| Extent::of(&payloads[segment.first..][..segment.n]);
        self.segments.iter().map(sum).fold(Extent::default(), Extent::and)
    }
}

impl Heard {
    /// Gathers what arrives in the spans. `parts` is `[part][stream]`.
    pub(super) fn gather(
        &mut self,
        feed: &FeedPlan,
        parts: &[RwLock<&mut Vec<Part>>],
        host: &[HostSent],
        spans: &[Span<'_>],
        kernel: Kernel,
    ) {
        let locked = feed.ports.iter().map(|port| match port.source {
            Source::Part(part, _) => Some(parts[part].read().expect(NO_PANIC)),
            Source::Embedding | Source::Tick => None,
        });
        let locked: Vec<_> = locked.collect();
        let sent = |port: usize, stream: usize| -> (&Sent, u64) {
            // Neurons are heard in the next step, the host in the same one.
            match (feed.ports[port].source, &locked[port]) {
                (Source::Part(_, port), Some(part)) => (&part[stream].sent[port], feed.delay_steps + 1),
                (Source::Embedding, _) => (&host[stream].embedding, feed.delay_steps),
                (Source::Tick, _) => (&host[stream].tick, feed.delay_steps),
                (Source::Part(..), None) => unreachable!("invariant: parts are locked"),
            }
        };
        let Self { rows, payloads } = self;
        rows.clear();
        for (stream, span) in spans.iter().enumerate() {
            let first = rows.len();
            for port in 0..feed.ports.len() {
                let (sent, lag) = sent(port, stream);
                let arrivals = sent.steps().map(|step| step + lag);
                let arrivals = arrivals.filter(|step| (span.first..span.end()).contains(step));
                rows.extend(arrivals.map(|step| (stream, step)));
            }
            rows[first..].sort_unstable();
        }
        rows.dedup();

        // What arrives from each port in a row.
        let arrivals = |row: usize| {
            let (stream, step) = rows[row];
            let arrival = move |(at, port)| {
                let (sent, lag) = sent(at, stream);
                let (payloads, extent) = sent.in_step(step.checked_sub(lag)?)?;
                Some((port, payloads, extent))
            };
            feed.ports.iter().enumerate().filter_map(arrival)
        };
        let fill = |row: usize, values: &mut [i32]| {
            if !feed.is_filled || arrivals(row).count() < feed.ports.len() {
                values.fill(0);
            }
            for (port, payloads, _) in arrivals(row) {
                for segment in &port.segments {
                    let from = &payloads[segment.first..][..segment.n];
                    let to = &mut values[segment.at..][..segment.n];
                    if feed.is_one_to_one {
                        to.copy_from_slice(from);
                    } else {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        };
        let extents = (0..rows.len()).map(|row| {
            if feed.is_one_to_one {
                let of_port = |(port, payloads, extent): (&FeedPort, &[i32], Extent)| port.extent(payloads, extent);
                return arrivals(row).map(of_port).fold(Extent::default(), Extent::and);
            }
            let mut values = vec![0; feed.n_sources];
            fill(row, &mut values);
            Extent::of(&values)
        });
        payloads.begin(feed.n_sources, extents);
        match feed.wanted {
            Wanted::Sums => {}
            Wanted::Values => payloads.set_values(fill),
            Wanted::Digits => payloads.set_digits(kernel, fill),
        }
    }
}
