//! What a stage hears in a block of steps: the payloads of many sources side by side, ready for the kernels.

use std::sync::RwLock;

use super::inputs::Feed;
use super::kernels::{Kernel, Payloads};
use super::outbox::Sent;
use super::part::{NO_PANIC, Part};
use super::sources::Source;

/// The steps that a stream runs in a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    pub first: u64,
    pub n: u64,
    /// Those of them in which logits are due.
    pub due: Vec<u64>,
}

/// What the host has sent to a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSent {
    /// (step, token), ascending.
    pub tokens: Vec<(u64, u32)>,
    pub embedding: Sent,
    pub tick: Sent,
}

/// A feed's payloads.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// (stream, step of arrival) of each row, ascending.
    pub rows: Vec<(usize, u64)>,
    pub payloads: Payloads,
}

impl Span {
    pub(super) fn end(&self) -> u64 {
        self.first + self.n
    }
}

impl Heard {
    /// Gathers what arrives in the spans. `parts` is `[part][stream]`.
    pub(super) fn gather(
        &mut self,
        feed: &Feed,
        parts: &[RwLock<&mut Vec<Part>>],
        host: &[HostSent],
        spans: &[Span],
        kernel: Kernel,
    ) {
        let locked = feed.segments.iter().map(|segment| match segment.source {
            Source::Part(part, _) => Some(parts[part].read().expect(NO_PANIC)),
            Source::Embedding | Source::Tick => None,
        });
        let locked: Vec<_> = locked.collect();
        let sent = |segment: usize, stream: usize| -> (&Sent, u64) {
            // Neurons are heard in the next step, the host in the same one.
            match (feed.segments[segment].source, &locked[segment]) {
                (Source::Part(_, port), Some(part)) => (&part[stream].sent[port], feed.delay_steps + 1),
                (Source::Embedding, _) => (&host[stream].embedding, feed.delay_steps),
                (Source::Tick, _) => (&host[stream].tick, feed.delay_steps),
                (Source::Part(..), None) => unreachable!("invariant: parts are locked"),
            }
        };
        self.rows.clear();
        let mut n_ports = 0;
        for (stream, span) in spans.iter().enumerate() {
            let first = self.rows.len();
            let mut last = None;
            n_ports = 0;
            for (at, segment) in feed.segments.iter().enumerate() {
                // Segments of one port follow each other.
                if last.replace(segment.source) == Some(segment.source) {
                    continue;
                }
                n_ports += 1;
                let (sent, lag) = sent(at, stream);
                let arrivals = sent.steps.iter().map(|step| step + lag);
                let arrivals = arrivals.filter(|step| (span.first..span.end()).contains(step));
                self.rows.extend(arrivals.map(|step| (stream, step)));
            }
            self.rows[first..].sort_unstable();
        }
        let n_arrivals = self.rows.len();
        self.rows.dedup();
        // Whether all ports have sent in all steps in which any has.
        let is_steady = n_arrivals == n_ports * self.rows.len();

        let payloads = &mut self.payloads;
        payloads.n_sources = feed.n_sources;
        let one_to_one = feed.is_one_to_one();
        // Most feeds are filled row by row.
        if !(one_to_one && feed.is_filled() && is_steady) {
            payloads.values.clear();
        }
        payloads.values.resize(self.rows.len() * payloads.n_sources, 0);
        for (stream, span) in spans.iter().enumerate() {
            for (at, segment) in feed.segments.iter().enumerate() {
                let (sent, lag) = sent(at, stream);
                let n_lanes = sent.payloads.len() / sent.steps.len().max(1);
                for (row, step) in sent.steps.iter().map(|step| step + lag).enumerate() {
                    if !(span.first..span.end()).contains(&step) {
                        continue;
                    }
                    let at = self.rows.binary_search(&(stream, step)).expect("invariant: the row was put there");
                    let from = &sent.payloads[row * n_lanes + segment.first..][..segment.n];
                    let to = &mut payloads.values[at * payloads.n_sources + segment.at..][..segment.n];
                    if one_to_one {
                        to.copy_from_slice(from);
                    } else {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        }
        kernel.prepare(payloads, feed.needs_digits);
    }
}
