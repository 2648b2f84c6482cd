//! What holds at the network level.
//!
//! - `names`: groups, and the members of a group, have different names.
//! - `tick`: each group has a tick accumulator, which is not delayed.
//! - `constant`: a named constant exists, is of integers, and has the shape that its use asks for; weights are ternary
//!   or 8-bit; names and scales have a text form.
//! - `body`: a body reads and sets only what is declared; its operations keep the rules of kernels.
//! - `width`: a group has neurons, a port's payloads have between 1 bit and the word's, a logit's unit is positive.
//! - `project`: a projection joins existing ends of fitting sizes, and some sources of those that there are, all if one by
//!   one; every accumulator is fed, and the logits are.
//! - `acyclic`: tokens pass the groups in one direction; what is carried from token to token is state.
//! - `balance`: once `latency_steps` is known, all paths to a group are equally long, and the logits arrive then.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{BodyOp, Group, GroupId, Network, Port, Source, Target, Weights};
use crate::kernel::verify::{check_arg, check_scalar};
use crate::tensor::{Elem, Tensor, check_names};
use crate::verified::{Findings, Verified, Violations};

impl Network {
    /// Checks every rule.
    ///
    /// # Errors
    /// All the rules that are broken.
    pub fn verify(self) -> Result<Verified<Self>, Violations> {
        let mut findings = Findings::default();
        check_names(&self.constants, &mut findings);
        let unit = self.logit_scale;
        findings.require(unit.is_finite() && unit > 0.0, "width", "network", || format!("logit_scale = {unit}"));
        let mut names = BTreeSet::new();
        for group in &self.groups {
            findings.require(names.insert(&group.name), "names", &group.name, || "is the name of two groups".into());
            self.check_group(group, &mut findings);
        }
        let sound = self.check_projections(&mut findings);
        if sound {
            self.check_balance(&mut findings);
        }
        findings.into_result().map(|()| Verified::assume(self))
    }

    /// The step, counted from the injection of a token, in which each group works; `None` where tokens go in circles.
    pub fn schedule(&self) -> Option<Vec<u32>> {
        let mut at = vec![0u32; self.groups.len()];
        // A path visits each group at most once: more rounds than groups mean a circle.
        for _ in 0..=self.groups.len() {
            let mut changed = false;
            for projection in &self.projections {
                let Target::Accumulator(to, accumulator) = projection.target else { continue };
                let sent = match projection.source {
                    Source::Embedding | Source::Tick => 0,
                    Source::Port(from, _) => at[from.index()].saturating_add(1),
                };
                let delay = self.group(to).accumulators[accumulator].delay_steps.saturating_add(projection.delay_steps);
                let works = sent.saturating_add(delay);
                if at[to.index()] < works {
                    at[to.index()] = works;
                    changed = true;
                }
            }
            if !changed {
                return Some(at);
            }
        }
        None
    }

    fn check_group(&self, group: &Group, findings: &mut Findings) {
        let at = &group.name;
        let members = [
            group.accumulators.iter().map(|a| &a.name).collect::<Vec<_>>(),
            group.params.iter().map(|p| &p.name).collect(),
            group.states.iter().collect(),
            group.ports.iter().map(|p| &p.name).collect(),
        ];
        for kind in members {
            let unique: BTreeSet<_> = kind.iter().collect();
            findings.require(unique.len() == kind.len(), "names", at, || "has two members of one name".into());
        }
        match group.accumulators.get(group.tick) {
            None => findings.add("tick", at, "has no tick accumulator"),
            Some(tick) => {
                findings.require(tick.delay_steps == 0, "tick", at, || format!("its tick {:?} is delayed", tick.name));
            }
        }
        for param in &group.params {
            self.check_constant(&param.values, &[group.n_neurons], at, findings);
        }
        findings.require(group.n_neurons > 0, "width", at, || "has no neurons".into());
        for Port { name, bits } in &group.ports {
            let word = self.word.bits;
            let fits = (1..=word).contains(bits);
            findings.require(fits, "width", at, || format!("port {name:?} has {bits} bits, not in 1..={word}"));
        }
        let mut n_locals = 0;
        for op in &group.body {
            let (declared, n_declared, arg) = match op {
                BodyOp::Accumulator(index) => (*index, group.accumulators.len(), None),
                BodyOp::Param(index) => (*index, group.params.len(), None),
                BodyOp::State(index) => (*index, group.states.len(), None),
                BodyOp::SetState(index, arg) => (*index, group.states.len(), Some(*arg)),
                BodyOp::Send(index, arg) => (*index, group.ports.len(), Some(*arg)),
                BodyOp::Probe(_, arg) => (0, 1, Some(*arg)),
                BodyOp::Scalar(op) => {
                    check_scalar(*op, n_locals, self.word, at, findings);
                    (0, 1, None)
                }
            };
            findings.require(declared < n_declared, "body", at, || format!("{op:?} names what is not declared"));
            if let Some(arg) = arg {
                check_arg(arg, n_locals, self.word, at, findings);
            }
            n_locals += usize::from(op.has_result());
        }
    }

    fn check_projections(&self, findings: &mut Findings) -> bool {
        let mut fed = BTreeSet::new();
        let mut sound = true;
        self.check_constant_exists(&self.embedding, findings, &mut sound);
        for (index, projection) in self.projections.iter().enumerate() {
            let at = format!("projection {index}");
            if !self.ends_exist(projection.source, projection.target) {
                findings.add("project", at, "joins what does not exist");
                sound = false;
                continue;
            }
            if !sound {
                continue;
            }
            let n_sources = self.n_sources(projection.source);
            if let Some(Range { start, end }) = projection.sources {
                let exist = start < end && end <= n_sources && projection.weights != Weights::Identity;
                findings.require(exist, "project", &at, || {
                    format!("takes sources {start}..{end} of {n_sources}, with {:?}", projection.weights)
                });
            }
            let n_targets = match projection.target {
                Target::Accumulator(group, accumulator) => {
                    fed.insert((group, accumulator));
                    self.group(group).n_neurons
                }
                Target::Logits => self.vocab_size,
            };
            match &projection.weights {
                Weights::Matrix(name) => {
                    self.check_constant(name, &[n_targets, n_sources], &at, findings);
                    let elem = self.constants.get(name).map(Tensor::elem);
                    let narrow = elem.is_none_or(|elem| matches!(elem, Elem::Ternary | Elem::I8));
                    findings.require(narrow, "constant", &at, || format!("@{name} is neither ternary nor i8"));
                }
                Weights::Identity => findings.require(n_sources == n_targets, "project", &at, || {
                    format!("joins {n_sources} neurons one by one to {n_targets}")
                }),
                Weights::Ones => {}
            }
        }
        if !sound {
            return false;
        }
        let to_logits = self.projections.iter().any(|projection| projection.target == Target::Logits);
        findings.require(to_logits, "project", "network", || "nothing projects to the logits".into());
        for group in self.group_ids() {
            for (index, accumulator) in self.group(group).accumulators.iter().enumerate() {
                findings.require(fed.contains(&(group, index)), "project", &self.group(group).name, || {
                    format!("nothing projects to accumulator {:?}", accumulator.name)
                });
            }
        }
        true
    }

    fn check_balance(&self, findings: &mut Findings) {
        let Some(schedule) = self.schedule() else {
            return findings.add("acyclic", "network", "tokens go in circles");
        };
        let Some(latency) = self.latency_steps else { return };
        for projection in &self.projections {
            let sent = match projection.source {
                Source::Embedding | Source::Tick => 0,
                Source::Port(from, _) => schedule[from.index()].saturating_add(1),
            };
            let arrives = sent.saturating_add(projection.delay_steps);
            match projection.target {
                Target::Logits => findings.require(arrives == latency, "balance", "logits", || {
                    format!("arrive after {arrives} steps, latency_steps = {latency}")
                }),
                Target::Accumulator(to, accumulator) => {
                    let group = self.group(to);
                    let accumulator = &group.accumulators[accumulator];
                    let ready = arrives.saturating_add(accumulator.delay_steps);
                    let works = schedule[to.index()];
                    findings.require(ready == works, "balance", &group.name, || {
                        format!("{:?} is ready after {ready} steps, the group works after {works}", accumulator.name)
                    });
                }
            }
        }
    }

    fn ends_exist(&self, source: Source, target: Target) -> bool {
        let group = |id: GroupId| self.groups.get(id.index());
        let source = match source {
            Source::Embedding | Source::Tick => true,
            Source::Port(id, port) => group(id).is_some_and(|group| port < group.ports.len()),
        };
        let target = match target {
            Target::Logits => true,
            Target::Accumulator(id, at) => group(id).is_some_and(|group| at < group.accumulators.len()),
        };
        source && target
    }

    fn check_constant_exists(&self, name: &str, findings: &mut Findings, sound: &mut bool) {
        let is_table = |table: &Tensor| {
            let shape = table.shape();
            shape.len() == 2 && shape[0] == self.vocab_size && table.elem().is_integer()
        };
        let fits = self.constants.get(name).is_some_and(is_table);
        findings.require(fits, "constant", "network", || {
            format!("the embedding @{name} is no constant of {} rows of integers", self.vocab_size)
        });
        *sound &= fits;
    }

    fn check_constant(&self, name: &str, expected: &[usize], at: &str, findings: &mut Findings) {
        match self.constants.get(name) {
            None => findings.add("constant", at, format!("there is no constant @{name}")),
            Some(tensor) => {
                let (shape, integer) = (tensor.shape(), tensor.elem().is_integer());
                findings.require(shape == expected && integer, "constant", at, || {
                    format!("@{name} is {tensor}, expected integers of {expected:?}")
                });
            }
        }
    }
}
