//! A network run step by step: spikes, delays in synapses and neurons, ticks. What balancing is held against.

use std::collections::{BTreeMap, VecDeque};

use seamount_ir::fixed::Overflow;
use seamount_ir::kernel::{Arg, Kernel, Local, evaluate};
use seamount_ir::network::{BodyOp, Network, Source, Target, Weights};

/// By neuron, a payload or a sum.
type Vector = Vec<i64>;

pub struct Timed<'n> {
    network: &'n Network,
    /// By group and accumulator, the sums of the steps to come.
    arriving: Vec<Vec<VecDeque<Vector>>>,
    /// By group, state and neuron.
    states: Vec<Vec<Vector>>,
    params: Vec<Vec<Vector>>,
    weights: BTreeMap<String, Vec<i8>>,
    /// The logits of the steps to come.
    logits: VecDeque<Vector>,
    /// Sums that did not fit an accumulator.
    pub n_overflows: u64,
}

impl<'n> Timed<'n> {
    pub fn new(network: &'n Network) -> Self {
        let words = |name: &str| network.constants[name].to_i32().unwrap().into_iter().map(i64::from).collect();
        let weights = network.projections.iter().filter_map(|projection| match &projection.weights {
            Weights::Matrix(name) => Some((name.clone(), network.constants[name].to_i8().unwrap())),
            Weights::Identity | Weights::Ones => None,
        });
        Self {
            network,
            arriving: network.groups.iter().map(|group| vec![VecDeque::new(); group.accumulators.len()]).collect(),
            states: network.groups.iter().map(|group| vec![vec![0; group.n_neurons]; group.states.len()]).collect(),
            params: network
                .groups
                .iter()
                .map(|group| group.params.iter().map(|param| words(&param.values)).collect())
                .collect(),
            weights: weights.collect(),
            logits: VecDeque::new(),
            n_overflows: 0,
        }
    }

    /// One step, in which the host sends a token or none: the logits that arrive, and what probes show, by name.
    pub fn step(&mut self, token: Option<u32>) -> (Vector, BTreeMap<String, Vector>) {
        let network = self.network;
        if let Some(token) = token {
            let table = network.constants[&network.embedding].to_i32().unwrap();
            let width = network.n_sources(Source::Embedding);
            let row = table.into_iter().skip(token as usize * width).take(width);
            self.send(Source::Embedding, &row.map(i64::from).collect::<Vector>());
            self.send(Source::Tick, &[1]);
        }
        let logits = self.logits.pop_front().unwrap_or_else(|| vec![0; network.vocab_size]);
        let mut shown = BTreeMap::new();
        let mut sent = Vec::new();
        for (id, group) in network.group_ids().zip(&network.groups) {
            let sums: Vec<Vector> = self.arriving[id.index()]
                .iter_mut()
                .map(|sums| sums.pop_front().unwrap_or_else(|| vec![0; group.n_neurons]))
                .collect();
            // The spikes of a step are added exactly; what the whole does not fit in overflows once.
            let overflowed = |sum: i64| match network.overflow {
                Overflow::Saturate => network.accumulator.saturate(sum),
                Overflow::Wrap => network.accumulator.wrap(sum),
            };
            let mut sums = sums;
            for sum in sums.iter_mut().flatten() {
                let exact = std::mem::replace(sum, overflowed(*sum));
                self.n_overflows += u64::from(exact != *sum);
            }
            let mut ports = vec![vec![0; group.n_neurons]; group.ports.len()];
            for neuron in (0..group.n_neurons).filter(|&neuron| sums[group.tick][neuron] != 0) {
                let mut locals: Vector = Vec::new();
                for op in &group.body {
                    let read = |arg: &Arg| match *arg {
                        Arg::Local(local) => locals[local.0 as usize],
                        Arg::Const(constant) => i64::from(constant),
                    };
                    match op {
                        BodyOp::Accumulator(at) => locals.push(sums[*at][neuron]),
                        BodyOp::Param(at) => locals.push(self.params[id.index()][*at][neuron]),
                        BodyOp::State(at) => locals.push(self.states[id.index()][*at][neuron]),
                        BodyOp::Scalar(op) => {
                            let n_inputs = u32::try_from(locals.len()).unwrap();
                            let result = Local(n_inputs).into();
                            let kernel = Kernel { ops: vec![*op], result, ..Kernel::new("one", n_inputs) };
                            let value = evaluate(&kernel, network.word, &locals, &mut Vec::new());
                            locals.push(value);
                        }
                        BodyOp::SetState(at, arg) => self.states[id.index()][*at][neuron] = read(arg),
                        BodyOp::Send(port, arg) => ports[*port][neuron] = read(arg),
                        BodyOp::Probe(name, arg) => {
                            let values: &mut Vector = shown.entry(name.clone()).or_default();
                            values.resize(group.n_neurons, 0);
                            values[neuron] = read(arg);
                        }
                    }
                }
            }
            sent.extend((0..).zip(ports).map(|(port, payloads)| (Source::Port(id, port), payloads)));
        }
        for (source, payloads) in sent {
            self.send(source, &payloads);
        }
        (logits, shown)
    }

    /// Adds payloads to the first of the sums to come, or to a later one where synapses or neurons delay them.
    fn send(&mut self, source: Source, payloads: &[i64]) {
        let network = self.network;
        for projection in network.projections.iter().filter(|projection| projection.source == source) {
            let synapse = projection.delay_steps as usize;
            let (sums, after, n_neurons) = match projection.target {
                Target::Accumulator(to, at) => {
                    let group = network.group(to);
                    let waits = group.accumulators[at].delay_steps as usize;
                    (&mut self.arriving[to.index()][at], synapse + waits, group.n_neurons)
                }
                Target::Logits => (&mut self.logits, synapse, network.vocab_size),
            };
            while sums.len() <= after {
                sums.push_back(vec![0; n_neurons]);
            }
            for (neuron, sum) in sums[after].iter_mut().enumerate() {
                let weight = |from: usize| match &projection.weights {
                    Weights::Matrix(name) => i64::from(self.weights[name][neuron * payloads.len() + from]),
                    Weights::Identity => i64::from(from == neuron),
                    Weights::Ones => 1,
                };
                *sum += network.sources(projection).map(|from| weight(from) * payloads[from]).sum::<i64>();
            }
        }
    }
}
