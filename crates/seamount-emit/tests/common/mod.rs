//! The network level evaluated directly, and microcode run instruction by instruction: what the emitter is held against.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::collections::BTreeMap;

use seamount_ir::kernel::{Arg, Kernel, Local, Word, evaluate};
use seamount_ir::network::{BodyOp, Group, Network, Source, Target, Weights};
use seamount_microcode::{Body, Condition, Instr, Polarity, Rounding, Src, semantics};

/// What a neuron did in one run: (port, payload), zeros left out, and (probe, value).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub sent: Vec<(usize, i64)>,
    pub probed: Vec<(String, i64)>,
}

/// Evaluates a group's body for one token, given its sums and parameters; states change.
pub fn evaluate_body(group: &Group, word: Word, sums: &[i64], params: &[i64], states: &mut [i64]) -> Done {
    let mut locals: Vec<i64> = Vec::new();
    let mut done = Done::default();
    for op in &group.body {
        let read = |arg: Arg| match arg {
            Arg::Local(local) => locals[local.0 as usize],
            Arg::Const(constant) => i64::from(constant),
        };
        match op {
            BodyOp::Accumulator(at) => locals.push(sums[*at]),
            BodyOp::Param(at) => locals.push(params[*at]),
            BodyOp::State(at) => locals.push(states[*at]),
            BodyOp::Scalar(op) => {
                let n_inputs = u32::try_from(locals.len()).unwrap();
                let kernel = Kernel { ops: vec![*op], result: Local(n_inputs).into(), ..Kernel::new("one", n_inputs) };
                let value = evaluate(&kernel, word, &locals, &mut Vec::new());
                locals.push(value);
            }
            BodyOp::SetState(at, arg) => states[*at] = read(*arg),
            BodyOp::Send(port, arg) => done.sent.push((*port, read(*arg))),
            BodyOp::Probe(name, arg) => done.probed.push((name.clone(), read(*arg))),
        }
    }
    done.sent.retain(|(_, payload)| *payload != 0);
    done
}

/// Runs microcode once; sums are read and cleared, slots change.
pub fn run_body(body: &Body, word: Word, sums: &mut [i32], slots: &mut [i32]) -> (Done, usize) {
    let word = semantics::Word::new(word.bits).unwrap();
    let mut regs = [0_i32; 64];
    let (mut flag, mut pc, mut n_executed) = (false, 0, 0);
    let mut done = Done::default();
    while let Some(&instr) = body.instructions.get(pc) {
        n_executed += 1;
        pc += 1;
        let of = |src: Src| match src {
            Src::Reg(reg) => regs[reg.index()],
            Src::Imm(value) => value,
        };
        match instr {
            Instr::RmwLd { rd, slot } => regs[rd.index()] = slots[slot.index()],
            Instr::RmwSt { slot, ra } => slots[slot.index()] = regs[ra.index()],
            Instr::RmwXchg { rd, slot, ra } => {
                regs[rd.index()] = std::mem::replace(&mut slots[slot.index()], regs[ra.index()]);
            }
            Instr::RmwAdd { rd, slot, ra } => {
                slots[slot.index()] = semantics::add(word, slots[slot.index()], regs[ra.index()]).value;
                regs[rd.index()] = slots[slot.index()];
            }
            Instr::Rdc { rd, acc } => regs[rd.index()] = std::mem::take(&mut sums[acc.index()]),
            Instr::Mov { rd, src } => regs[rd.index()] = of(src),
            Instr::Sel { rd, ra, src } => regs[rd.index()] = semantics::sel(flag, regs[ra.index()], of(src)),
            Instr::And { rd, ra, src } => regs[rd.index()] = semantics::and(regs[ra.index()], of(src)),
            Instr::Or { rd, ra, src } => regs[rd.index()] = semantics::or(regs[ra.index()], of(src)),
            Instr::Shl { rd, ra, src } => regs[rd.index()] = semantics::shl(word, regs[ra.index()], of(src)).value,
            Instr::Add { rd, ra, src } => regs[rd.index()] = semantics::add(word, regs[ra.index()], of(src)).value,
            Instr::Neg { rd, ra } => regs[rd.index()] = semantics::neg(word, regs[ra.index()]).value,
            Instr::Min { rd, ra, src } => regs[rd.index()] = semantics::min(regs[ra.index()], of(src)),
            Instr::MulShr { rd, ra, src, shift, rounding } => {
                let (a, b) = (regs[ra.index()], of(src));
                let outcome = match rounding {
                    Rounding::Floor => semantics::mul_shr(word, a, b, shift),
                    Rounding::HalfUp => semantics::mul_shr_round(word, a, b, shift),
                };
                regs[rd.index()] = outcome.value;
            }
            Instr::Lt { ra, src } => flag = semantics::lt(regs[ra.index()], of(src)),
            Instr::Ge { ra, src } => flag = semantics::ge(regs[ra.index()], of(src)),
            Instr::Eq { ra, src } => flag = semantics::eq(regs[ra.index()], of(src)),
            Instr::SkpC { when } => pc += usize::from(flag == (when == Polarity::True)),
            Instr::JmpC { when, target, max: _ } => {
                let taken = match when {
                    Condition::True => flag,
                    Condition::False => !flag,
                    Condition::Always => true,
                };
                if taken {
                    pc = usize::from(target);
                }
            }
            Instr::Spike { port, ra } => done.sent.push((port.index(), i64::from(regs[ra.index()]))),
            Instr::Probe { probe, ra } => {
                let name = body.probes[probe.index()].clone();
                done.probed.push((name, i64::from(regs[ra.index()])));
            }
        }
    }
    done.sent.retain(|(_, payload)| *payload != 0);
    (done, n_executed)
}

/// Evaluates a balanced network token by token: what meets in a group is of the same token, however long it waited.
pub struct Direct<'n> {
    network: &'n Network,
    /// By group and neuron.
    states: Vec<Vec<Vec<i64>>>,
}

impl<'n> Direct<'n> {
    pub fn new(network: &'n Network) -> Self {
        let zeros = |group: &Group| vec![vec![0; group.states.len()]; group.n_neurons];
        Self { network, states: network.groups.iter().map(zeros).collect() }
    }

    /// The logits after one more token.
    pub fn logits(&mut self, token: usize) -> Vec<i32> {
        let network = self.network;
        let width = network.n_sources(Source::Embedding);
        let table = network.constants[&network.embedding].to_i32().unwrap();
        let mut sent: BTreeMap<Source, Vec<i64>> = BTreeMap::new();
        sent.insert(Source::Tick, vec![1]);
        let row = &table[token * width..(token + 1) * width];
        sent.insert(Source::Embedding, row.iter().map(|&payload| i64::from(payload)).collect());
        for id in network.group_ids() {
            let group = network.group(id);
            let sums: Vec<Vec<i64>> = (0..group.accumulators.len())
                .map(|at| self.sum(Target::Accumulator(id, at), group.n_neurons, &sent))
                .collect();
            let params: Vec<Vec<i32>> =
                group.params.iter().map(|param| network.constants[&param.values].to_i32().unwrap()).collect();
            let mut ports = vec![vec![0; group.n_neurons]; group.ports.len()];
            for neuron in 0..group.n_neurons {
                let sums: Vec<i64> = sums.iter().map(|sum| network.word.saturate(sum[neuron])).collect();
                let params: Vec<i64> = params.iter().map(|param| i64::from(param[neuron])).collect();
                let states = &mut self.states[id.index()][neuron];
                for (port, payload) in evaluate_body(group, network.word, &sums, &params, states).sent {
                    ports[port][neuron] += payload;
                }
            }
            for (port, payloads) in ports.into_iter().enumerate() {
                sent.insert(Source::Port(id, port), payloads);
            }
        }
        let logits = self.sum(Target::Logits, network.vocab_size, &sent);
        logits.into_iter().map(|logit| i32::try_from(logit).unwrap()).collect()
    }

    fn sum(&self, target: Target, n_neurons: usize, sent: &BTreeMap<Source, Vec<i64>>) -> Vec<i64> {
        let mut sums = vec![0; n_neurons];
        for projection in self.network.projections.iter().filter(|projection| projection.target == target) {
            let payloads = &sent[&projection.source];
            let weights = match &projection.weights {
                Weights::Matrix(name) => Some(self.network.constants[name].to_i8().unwrap()),
                Weights::Identity | Weights::Ones => None,
            };
            for (neuron, sum) in sums.iter_mut().enumerate() {
                for source in self.network.sources(projection) {
                    let weight = match (&projection.weights, &weights) {
                        (Weights::Matrix(_), Some(weights)) => i64::from(weights[neuron * payloads.len() + source]),
                        (Weights::Identity, _) => i64::from(neuron == source),
                        _ => 1,
                    };
                    *sum += weight * payloads[source];
                }
            }
        }
        sums.into_iter().map(|sum| self.network.accumulator.saturate(sum)).collect()
    }
}
