//! What holds at the model level.
//!
//! - `operands`: an operation has as many operands as it takes.
//! - `constant`: a named constant exists and has the shape that its use asks for; names and scales have a text form.
//! - `width`: widths of operands and result fit the operation, and are not zero.
//! - `attribute`: epsilons are finite and not negative, bits between 2 and 16, rows and slices in range, and what
//!   calibration observed is finite.
//! - `outputs`: there is a `logits` output of the vocabulary's size, and outputs are values of the graph.
//! - `tokens`: there is exactly one `embed`, of as many rows as the vocabulary has tokens.

use super::{LOGITS, Model, Observed, Op};
use crate::dag::ValueId;
use crate::tensor::check_names;
use crate::verified::{Findings, Verified, Violations};

impl Model {
    /// Checks every rule.
    ///
    /// # Errors
    /// All the rules that are broken.
    pub fn verify(self) -> Result<Verified<Self>, Violations> {
        let mut findings = Findings::default();
        check_names(&self.constants, &mut findings);
        for value in self.graph.in_order() {
            self.check_node(value, &mut findings);
        }
        self.check_outputs(&mut findings);
        findings.into_result().map(|()| Verified::assume(self))
    }

    fn check_node(&self, value: ValueId, findings: &mut Findings) {
        let node = self.graph.node(value);
        let operands = self.graph.operands(value);
        let (found, expected) = (operands.len(), node.op.n_operands());
        if found != expected {
            let name = node.op.name();
            return findings.add("operands", value, format!("`{name}` takes {expected} operand(s), has {found}"));
        }
        findings.require(node.width > 0, "width", value, || "has no channels".into());
        if let Some(Observed { min, max, rms, negligible }) = node.observed {
            let seen = [min, max, rms].into_iter().chain(negligible);
            let finite = seen.clone().all(f64::is_finite);
            findings.require(finite, "attribute", value, || format!("observed = {:?}", seen.collect::<Vec<_>>()));
        }
        let widths: Vec<usize> = operands.iter().map(|&operand| self.width(operand)).collect();
        let mut width = |expected: usize| {
            findings.require(node.width == expected, "width", value, || {
                format!("`{}` gives {expected} channels here, its type says {}", node.op.name(), node.width)
            });
        };
        match &node.op {
            Op::Embed { table } => {
                self.check_shape(table, &[self.vocab_size, node.width], value, findings);
            }
            Op::RmsNorm { weight, eps } => {
                width(widths[0]);
                self.check_shape(weight, &[node.width], value, findings);
                check_eps(*eps, value, findings);
            }
            Op::RoundPerToken { bits } => {
                width(widths[0]);
                findings
                    .require((2..=16).contains(bits), "attribute", value, || format!("bits = {bits}, not in 2..=16"));
            }
            Op::Linear { weight, .. } => self.check_shape(weight, &[node.width, widths[0]], value, findings),
            Op::Slice { start } => {
                let fits = start.checked_add(node.width).is_some_and(|end| end <= widths[0]);
                findings.require(fits, "attribute", value, || {
                    format!("{} channels from {start} of {}", node.width, widths[0])
                });
            }
            Op::Sigmoid | Op::Silu => width(widths[0]),
            Op::Multiply => {
                width(widths[0].max(widths[1]));
                let fits = widths[0] == widths[1] || widths.contains(&1);
                findings.require(fits, "width", value, || format!("multiplies {} by {}", widths[0], widths[1]));
            }
            Op::Add | Op::GatedRecurrence => {
                width(widths[0]);
                findings.require(widths[0] == widths[1], "width", value, || {
                    format!("joins {} and {}", widths[0], widths[1])
                });
            }
            Op::LowerBound { bounds, layer } => {
                width(widths[0]);
                let rows = self.constants.get(bounds).and_then(|tensor| tensor.shape().first()).copied().unwrap_or(0);
                self.check_shape(bounds, &[rows, node.width], value, findings);
                findings.require(*layer < rows, "attribute", value, || format!("row {layer} of {rows}"));
            }
            Op::Affine { scale, bias } => {
                width(widths[0]);
                self.check_shape(scale, &[node.width], value, findings);
                if let Some(bias) = bias {
                    self.check_shape(bias, &[node.width], value, findings);
                }
            }
            Op::MeanSquare => width(1),
            Op::InvSqrt { eps } => {
                width(1);
                findings.require(widths[0] == 1, "width", value, || format!("takes a scalar, has {}", widths[0]));
                check_eps(*eps, value, findings);
            }
        }
    }

    fn check_shape(&self, name: &str, expected: &[usize], at: ValueId, findings: &mut Findings) {
        match self.constants.get(name) {
            None => findings.add("constant", at, format!("there is no constant @{name}")),
            Some(tensor) => findings.require(tensor.shape() == expected, "constant", at, || {
                format!("@{name} is {:?}, expected {expected:?}", tensor.shape())
            }),
        }
    }

    fn check_outputs(&self, findings: &mut Findings) {
        for (name, &value) in &self.outputs {
            findings
                .require(self.graph.contains(value), "outputs", value, || format!("output {name:?} does not exist"));
        }
        match self.outputs.get(LOGITS) {
            None => findings.add("outputs", "model", "there is no `logits` output"),
            Some(&logits) if self.graph.contains(logits) => {
                findings.require(self.width(logits) == self.vocab_size, "outputs", logits, || {
                    format!("{} logits for {} tokens", self.width(logits), self.vocab_size)
                });
            }
            Some(_) => {}
        }
        let n_embeds = self
            .graph
            .in_order()
            .iter()
            .filter(|&&value| matches!(self.graph.node(value).op, Op::Embed { .. }))
            .count();
        findings.require(n_embeds == 1, "tokens", "model", || format!("{n_embeds} embeds, expected 1"));
    }
}

fn check_eps(eps: f64, at: ValueId, findings: &mut Findings) {
    findings.require(eps.is_finite() && eps >= 0.0, "attribute", at, || format!("eps = {eps}"));
}
