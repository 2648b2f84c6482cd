//! What has been counted, by core: added up from what parts and ports have counted when it is asked for.

use super::Fast;
use super::counting::PortPlan;
use super::tally::Tally;
use crate::events::Events;

/// All counts of a stream.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    /// By core; those of the host's cores are the host's.
    pub events: Vec<Events>,
    /// Those of the last step.
    pub step_events: Vec<Events>,
    pub host_events: Events,
}

/// What had been counted when a stream's state was loaded.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub step: u64,
    /// By core.
    pub events: Vec<Events>,
    /// Synaptic operations of the messages that were on their way, by core.
    pub arriving_ops: Vec<u64>,
}

impl Loaded {
    /// A stream that was not loaded.
    pub(super) fn nothing(n_cores: usize) -> Self {
        Self { step: 0, events: vec![Events::default(); n_cores], arriving_ops: vec![0; n_cores] }
    }
}

impl Fast {
    pub(super) fn counted(&self, stream: usize) -> &Counted {
        self.streams[stream].counted.get_or_init(|| self.count(stream))
    }

    fn count(&self, stream: usize) -> Counted {
        let Self { plan, parts, streams, host, .. } = self;
        let text = &streams[stream];
        let mut counted = Counted {
            events: text.loaded.events.clone(),
            step_events: vec![Events::default(); plan.program.cores.len()],
            host_events: text.host_events,
        };
        let Some(last_step) = text.step.checked_sub(1).filter(|_| text.step > text.loaded.step) else { return counted };

        // What was on its way has arrived in the first step.
        let of_cores = counted.events.iter_mut().zip(&mut counted.step_events);
        for ((events, step_events), &ops) in of_cores.zip(&text.loaded.arriving_ops) {
            events.synaptic_ops += ops;
            step_events.synaptic_ops += if last_step == text.loaded.step { ops } else { 0 };
        }
        // Spikes that have arrived, by their class's list of synaptic operations: all, and those of the last step.
        let mut arrived = vec![(0, 0); plan.synaptic_ops.len()];
        let mut arrive = |port: &PortPlan, tally: &Tally, lag: u64| {
            for (at, class) in port.classes.iter().enumerate() {
                let sent = |lag| last_step.checked_sub(lag).map_or(0, |step| tally.in_step(step, at).n_sent);
                let on_their_way = if lag == 0 { 0 } else { sent(lag - 1) };
                let (all, last) = &mut arrived[class.synaptic_ops];
                *all += tally.all(at).n_sent - on_their_way;
                *last += sent(lag);
            }
        };
        arrive(&plan.embedding, &host[stream].embedding.tally, 0);
        arrive(&plan.tick, &host[stream].tick.tally, 0);
        for (part_plan, part) in plan.parts.iter().zip(parts) {
            let part = &part[stream];
            for (at, piece) in part_plan.pieces.iter().enumerate() {
                counted.events[piece.core] += part.counts.all.events(part_plan, at);
                if part.counts.last_step == last_step {
                    counted.step_events[piece.core] += part.counts.last.events(part_plan, at);
                }
            }
            for (port, sent) in part_plan.ports.iter().zip(&part.sent) {
                for (at, class) in port.classes.iter().enumerate() {
                    let core = part_plan.pieces[class.piece].core;
                    counted.events[core] += class.events(sent.tally.all(at));
                    counted.step_events[core] += class.events(sent.tally.in_step(last_step, at));
                }
            }
            part_plan.ports.iter().zip(&part.sent).for_each(|(port, sent)| arrive(port, &sent.tally, 1));
        }
        for (ops, (n, n_last)) in plan.synaptic_ops.iter().zip(arrived) {
            for &(core, ops) in ops {
                counted.events[core].synaptic_ops += ops * n;
                counted.step_events[core].synaptic_ops += ops * n_last;
            }
        }
        for (core, _) in plan.on_host.iter().enumerate().filter(|&(_, &on_host)| on_host) {
            counted.host_events += std::mem::take(&mut counted.events[core]);
            counted.step_events[core] = Events::default();
        }
        counted
    }
}
