//! Configuration and weights to the published graph.
//!
//! Source: Zhu et al. 2024, arXiv 2406.02528, and the `HGRNBitForCausalLM` published with it. Every linear layer is a
//! BitLinear: its own RMSNorm, activations rounded to eight bits per token, ternary weights.

use std::collections::BTreeSet;
use std::ops::BitAnd;

use half::{bf16, f16};
use safetensors::Dtype;
use seamount_ir::ValueId;
use seamount_ir::model::{LOGITS, Model, Op, WeightRule};
use seamount_ir::tensor::{Elem, Tensor};

use crate::config::{Activation, Config};
use crate::error::{TensorProblem, TensorProblems};
use crate::files::{Stored, StoredTensors};

/// The epsilon of every linear layer's own norm; the published code has no key for it.
const BIT_LINEAR_EPS: f64 = 1e-8;

/// The bits of a rounded activation; the published code has no key for it.
const ACTIVATION_BITS: u32 = 8;

const EMBEDDINGS: &str = "model.embeddings.weight";
const LOWER_BOUNDS: &str = "model.lower_bounds";
const HEAD: &str = "lm_head.weight";

/// Builds the graph over the tensors of a folder.
pub(crate) fn build(name: &str, config: &Config, tensors: &StoredTensors) -> Result<Model, TensorProblems> {
    let model = Model { name: name.to_owned(), vocab_size: config.vocab_size, ..Model::default() };
    let mut builder = Builder { config, tensors, model, used: BTreeSet::new(), problems: Vec::new() };
    builder.model();
    builder.refuse_extra();
    if builder.problems.is_empty() { Ok(builder.model) } else { Err(TensorProblems(builder.problems)) }
}

struct Builder<'c> {
    config: &'c Config,
    tensors: &'c StoredTensors,
    model: Model,
    used: BTreeSet<&'c str>,
    problems: Vec<TensorProblem>,
}

impl Builder<'_> {
    fn model(&mut self) {
        let Config { vocab_size, hidden_size, .. } = *self.config;
        let table = self.constant(EMBEDDINGS, &[vocab_size, hidden_size]);
        let mut x = self.model.add(Op::Embed { table }, &[], hidden_size, None);
        for layer in 0..self.config.num_hidden_layers {
            if self.problems.len() >= TensorProblems::LIMIT {
                return;
            }
            x = Block { prefix: format!("model.layers.{layer}"), layer, builder: self }.build(x);
            self.model.outputs.insert(format!("layer.{layer}"), x);
        }
        let normed = self.rms_norm(x, "model.norm.weight", self.config.rms_norm_eps, None);
        let rounded = self.norm_and_round(normed, "lm_head.norm.weight", None);
        let weight = self.head();
        let logits =
            self.model.add(Op::Linear { weight, rule: WeightRule::AbsmeanTernary }, &[rounded], vocab_size, None);
        self.model.outputs.insert(LOGITS.into(), logits);
    }

    /// The head's weights: its own, or the embedding's where they are tied.
    fn head(&mut self) -> String {
        let shape = [self.config.vocab_size, self.config.hidden_size];
        if !self.config.tie_word_embeddings {
            return self.constant(HEAD, &shape);
        }
        if let (Some((name, head)), Some(embedding)) = (self.tensors.get_key_value(HEAD), self.tensors.get(EMBEDDINGS))
        {
            self.used.insert(name);
            if (head.dtype, &head.shape, &head.bytes) != (embedding.dtype, &embedding.shape, &embedding.bytes) {
                let (tensor, file) = (HEAD.into(), head.file.clone());
                self.problems.push(TensorProblem::Untied { tensor, file, tied_to: EMBEDDINGS.into() });
            }
        }
        short(EMBEDDINGS).to_owned()
    }

    fn rms_norm(&mut self, x: ValueId, weight: &str, eps: f64, layer: Option<u32>) -> ValueId {
        let width = self.model.width(x);
        let weight = self.constant(weight, &[width]);
        self.model.add(Op::RmsNorm { weight, eps }, &[x], width, layer)
    }

    fn norm_and_round(&mut self, x: ValueId, norm: &str, layer: Option<u32>) -> ValueId {
        let normed = self.rms_norm(x, norm, BIT_LINEAR_EPS, layer);
        let width = self.model.width(x);
        self.model.add(Op::RoundPerToken { bits: ACTIVATION_BITS }, &[normed], width, layer)
    }

    /// Makes a tensor of the folder a constant of the model, and notes how it differs from what is expected.
    fn constant(&mut self, name: &str, expected: &[usize]) -> String {
        let Some((name, stored)) = self.tensors.get_key_value(name) else {
            self.problems.push(TensorProblem::Missing { tensor: name.to_owned(), expected: expected.to_vec() });
            return short(name).to_owned();
        };
        self.used.insert(name);
        match to_tensor(name, stored, expected) {
            Ok(tensor) => {
                self.model.constants.insert(short(name).to_owned(), tensor);
            }
            Err(problem) => self.problems.push(problem),
        }
        short(name).to_owned()
    }

    fn refuse_extra(&mut self) {
        if self.problems.len() >= TensorProblems::LIMIT {
            self.problems.truncate(TensorProblems::LIMIT);
            return;
        }
        let extra = self.tensors.iter().filter(|(name, _)| !self.used.contains(name.as_str()));
        let room = TensorProblems::LIMIT - self.problems.len();
        let problems =
            extra.map(|(name, stored)| TensorProblem::Extra { tensor: name.clone(), file: stored.file.clone() });
        self.problems.extend(problems.take(room));
    }
}

/// One block: the token mixer, then the channel mixer, each added to the residual stream.
struct Block<'b, 'c> {
    prefix: String,
    layer: usize,
    builder: &'b mut Builder<'c>,
}

impl Block<'_, '_> {
    fn build(&mut self, x: ValueId) -> ValueId {
        let mixed = self.token_mixer(x);
        let x = self.add(Op::Add, &[x, mixed]);
        let mixed = self.channel_mixer(x);
        self.add(Op::Add, &[x, mixed])
    }

    /// `h ← f·h + (1-f)·silu(i)`, then `o_proj(rms_norm(g) · silu(h))`.
    fn token_mixer(&mut self, x: ValueId) -> ValueId {
        let Config { hidden_size, num_hidden_layers, use_lower_bound, .. } = *self.builder.config;
        let inner = self.builder.config.inner_size();
        let x = self.rms_norm(x, "attn_norm.weight");
        let input = self.bit_linear(x, "attn.i_proj", inner);
        let forget = self.bit_linear(x, "attn.f_proj", inner);
        let gate = self.bit_linear(x, "attn.g_proj", inner);
        let mut forget = self.add(Op::Sigmoid, &[forget]);
        if use_lower_bound {
            let bounds = self.builder.constant(LOWER_BOUNDS, &[num_hidden_layers, inner]);
            forget = self.add(Op::LowerBound { bounds, layer: self.layer }, &[forget]);
        }
        let input = self.add(Op::Silu, &[input]);
        let state = self.add(Op::GatedRecurrence, &[forget, input]);
        self.builder.model.outputs.insert(format!("state.{}", self.layer), state);
        let gate = self.rms_norm(gate, "attn.g_norm.weight");
        let shown = self.add(Op::Silu, &[state]);
        let gated = self.add(Op::Multiply, &[gate, shown]);
        self.bit_linear(gated, "attn.o_proj", hidden_size)
    }

    /// `down_proj(act(gate) · y)`, where `gate_proj` gives both.
    fn channel_mixer(&mut self, x: ValueId) -> ValueId {
        let (hidden, intermediate) = (self.builder.config.hidden_size, self.builder.config.intermediate());
        let x = self.rms_norm(x, "mlp_norm.weight");
        let both = self.bit_linear(x, "mlp.gate_proj", 2 * intermediate);
        let gate = self.add_sized(Op::Slice { start: 0 }, &[both], intermediate);
        let y = self.add_sized(Op::Slice { start: intermediate }, &[both], intermediate);
        let activation = match self.builder.config.hidden_act {
            Activation::Silu => Op::Silu,
        };
        let gate = self.add(activation, &[gate]);
        let gated = self.add(Op::Multiply, &[gate, y]);
        self.bit_linear(gated, "mlp.down_proj", hidden)
    }

    fn bit_linear(&mut self, x: ValueId, name: &str, width: usize) -> ValueId {
        let layer = self.layer();
        let norm = format!("{}.{name}.norm.weight", self.prefix);
        let rounded = self.builder.norm_and_round(x, &norm, layer);
        let inputs = self.builder.model.width(x);
        let weight = self.builder.constant(&format!("{}.{name}.weight", self.prefix), &[width, inputs]);
        self.add_sized(Op::Linear { weight, rule: WeightRule::AbsmeanTernary }, &[rounded], width)
    }

    fn rms_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let (eps, layer) = (self.builder.config.rms_norm_eps, self.layer());
        self.builder.rms_norm(x, &format!("{}.{name}", self.prefix), eps, layer)
    }

    /// Adds an operation whose result is as wide as its first operand.
    fn add(&mut self, op: Op, operands: &[ValueId]) -> ValueId {
        let width = self.builder.model.width(operands[0]);
        self.add_sized(op, operands, width)
    }

    fn add_sized(&mut self, op: Op, operands: &[ValueId], width: usize) -> ValueId {
        let layer = self.layer();
        self.builder.model.add(op, operands, width, layer)
    }

    fn layer(&self) -> Option<u32> {
        u32::try_from(self.layer).ok()
    }
}

/// The name of a constant: the tensor's, without the prefix that all but the head have.
fn short(name: &str) -> &str {
    name.strip_prefix("model.").unwrap_or(name)
}

fn to_tensor(name: &str, stored: &Stored, expected: &[usize]) -> Result<Tensor, TensorProblem> {
    let (tensor, file) = (name.to_owned(), stored.file.clone());
    let elem = match stored.dtype {
        Dtype::F32 => Elem::F32,
        Dtype::F16 => Elem::F16,
        Dtype::BF16 => Elem::Bf16,
        other => return Err(TensorProblem::Dtype { tensor, file, found: other.to_string() }),
    };
    if stored.shape != expected {
        let (expected, found) = (expected.to_vec(), stored.shape.clone());
        return Err(TensorProblem::Shape { tensor, file, expected, found });
    }
    if let Some((index, value)) = first_not_finite(elem, &stored.bytes) {
        return Err(TensorProblem::NotFinite { tensor, file, index, value });
    }
    Ok(Tensor::from_bytes(elem, stored.shape.clone(), stored.bytes.clone())
        .expect("invariant: the header was held against shape and element type"))
}

/// A float is not finite where all bits of its exponent are set.
fn first_not_finite(elem: Elem, bytes: &[u8]) -> Option<(usize, f32)> {
    let halves = bytes.as_chunks::<2>().0;
    let singles = bytes.as_chunks::<4>().0;
    match elem {
        Elem::F16 => {
            let at = first_with_all(halves, |&half| u16::from_le_bytes(half), 0x7c00)?;
            Some((at, f16::from_le_bytes(halves[at]).to_f32()))
        }
        Elem::Bf16 => {
            let at = first_with_all(halves, |&half| u16::from_le_bytes(half), 0x7f80)?;
            Some((at, bf16::from_le_bytes(halves[at]).to_f32()))
        }
        Elem::F32 => {
            let at = first_with_all(singles, |&single| u32::from_le_bytes(single), 0x7f80_0000)?;
            Some((at, f32::from_le_bytes(singles[at])))
        }
        Elem::I32 | Elem::I16 | Elem::I8 | Elem::Ternary => None,
    }
}

/// The first element that has all bits of a mask. Whole runs are looked at without a branch, several elements at once.
fn first_with_all<T, B: Copy + Eq + BitAnd<Output = B>>(
    elements: &[T],
    bits: impl Fn(&T) -> B,
    mask: B,
) -> Option<usize> {
    const RUN: usize = 4096;
    let has_all = |element: &T| bits(element) & mask == mask;
    let run = elements.chunks(RUN).position(|run| run.iter().fold(false, |any, element| any | has_all(element)))?;
    let within = elements[run * RUN..].iter().position(has_all)?;
    Some(run * RUN + within)
}
