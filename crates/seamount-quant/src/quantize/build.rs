//! Walks the model in order and builds the fixed-point graph.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use seamount_ir::fixed::{Factor, Fixed, FixedType, LOGITS, Node, Op as FixedOp};
use seamount_ir::kernel::Word;
use seamount_ir::model::{Model, Op};
use seamount_ir::pass::PassError;
use seamount_ir::tensor::{Elem, Tensor};
use seamount_ir::{Dag, ValueId, Verified};

use super::Quantize;
use super::scales::{Exponent, Factors, RootPlan, RootRange};
use crate::config::{Scales, StateConfig, default_headroom, layer_of};
use crate::ranges::widest_payload;

/// Finest and coarsest unit of the operand of a sigmoid or silu.
const FUNCTION_INPUT: (Exponent, Exponent) = (Exponent(-16), Exponent(-10));

pub(super) struct Builder<'m> {
    model: &'m Verified<Model>,
    options: &'m Quantize,
    fixed: Fixed,
    /// Model values to fixed-point values.
    values: BTreeMap<ValueId, ValueId>,
    /// What linear layers and norms read: operand, bits and unit to the scaled value.
    payloads: BTreeMap<(ValueId, u32, u64), ValueId>,
    /// Scaled values and thresholds to what is left of them.
    thresholds: BTreeMap<(ValueId, u32), ValueId>,
    /// Sums of squares to the plan of their root.
    roots: BTreeMap<ValueId, RootPlan>,
    /// Model values that share the residual stream's unit.
    residual: BTreeSet<ValueId>,
    residual_unit: Exponent,
}

impl<'m> Builder<'m> {
    pub(super) fn new(model: &'m Verified<Model>, options: &'m Quantize) -> Self {
        let fixed = Fixed {
            name: model.name.clone(),
            vocab_size: model.vocab_size,
            word: options.word,
            accumulator: options.accumulator,
            overflow: options.overflow,
            constants: IndexMap::new(),
            kernels: IndexMap::new(),
            graph: Dag::default(),
            outputs: IndexMap::new(),
        };
        Self {
            model,
            options,
            fixed,
            values: BTreeMap::new(),
            payloads: BTreeMap::new(),
            thresholds: BTreeMap::new(),
            roots: BTreeMap::new(),
            residual: BTreeSet::new(),
            residual_unit: Exponent(0),
        }
    }

    pub(super) fn build(mut self) -> Result<Fixed, PassError> {
        self.find_residual_stream()?;
        for value in self.model.graph.in_order() {
            if let Some(result) = self.lower(value)? {
                self.values.insert(value, result);
            }
        }
        for (name, value) in &self.model.outputs {
            let Some(&value) = self.values.get(value) else {
                return Err(PassError::cannot(value, format!("output {name:?} is the operand of a linear layer only")));
            };
            self.fixed.outputs.insert(name.clone(), value);
        }
        Ok(self.fixed)
    }

    /// What is added, and the sums, have one unit: that of the largest of them.
    fn find_residual_stream(&mut self) -> Result<(), PassError> {
        let graph = &self.model.graph;
        for value in graph.in_order() {
            match graph.node(value).op {
                Op::Add => self.residual.extend(graph.operands(value).iter().copied().chain([value])),
                Op::Embed { .. } => _ = self.residual.insert(value),
                _ => {}
            }
        }
        let mut largest = 0f64;
        for &value in &self.residual {
            largest = largest.max(self.abs_max(value)?);
        }
        self.residual_unit = exponent(largest, self.options.config.state.residual_bits);
        tracing::debug!(abs_max = largest, exponent = self.residual_unit.0, "unit of the residual stream");
        Ok(())
    }

    fn lower(&mut self, value: ValueId) -> Result<Option<ValueId>, PassError> {
        let model = self.model;
        let node = model.graph.node(value);
        let operands = model.graph.operands(value).to_vec();
        let word = self.options.word;
        Ok(Some(match &node.op {
            Op::Embed { table } => self.embed(value, table)?,
            Op::Affine { scale, bias } => {
                // What only linear layers and norms read becomes their payload, in a unit of theirs.
                let users = model.graph.users(value);
                let is_output = model.outputs.values().any(|&output| output == value);
                let absorbed =
                    |user: &ValueId| matches!(model.graph.node(*user).op, Op::Linear { .. } | Op::MeanSquare);
                if bias.is_none() && !is_output && users.iter().all(absorbed) {
                    return Ok(None);
                }
                let unit = self.unit_of(value)?;
                let scale = self.vector(scale)?;
                let bias = bias.as_deref().map(|name| self.vector(name)).transpose()?;
                let x = self.value(operands[0])?;
                let name = self.name_at(value, "affine");
                let bits = self.bits_of(value);
                self.affine(value, x, &scale, bias.as_deref(), bits, unit.unit(), &name)?
            }
            Op::Linear { weight, .. } => self.linear(value, operands[0], weight)?,
            Op::Sigmoid => {
                let x = self.function_input(operands[0])?;
                let bits = self.gate_bits(value);
                self.add(value, FixedOp::Sigmoid, &[x], bits, gate_unit(bits).unit())
            }
            Op::Silu => {
                let x = self.function_input(operands[0])?;
                let unit = self.scale(x);
                self.add(value, FixedOp::Silu, &[x], word.bits, unit)
            }
            Op::Multiply => {
                let (a, b) = (self.value(operands[0])?, self.value(operands[1])?);
                let (bits, unit) = (self.bits_of(value), self.unit_of(value)?);
                self.multiply(value, a, b, bits, unit.unit())?
            }
            Op::Add => {
                let unit = self.residual_unit.unit();
                let a = self.in_unit(operands[0], unit)?;
                let b = self.in_unit(operands[1], unit)?;
                self.add(value, FixedOp::Add, &[a, b], self.options.config.state.residual_bits, unit)
            }
            Op::MeanSquare => self.sum_of_squares(value, operands[0])?,
            Op::InvSqrt { .. } => {
                let Some(&plan) = self.roots.get(&operands[0]) else {
                    return Err(PassError::cannot(value, "an inverse root is supported of a mean square only"));
                };
                let sum = self.value(operands[0])?;
                self.add(value, FixedOp::InvSqrt { fraction: plan.fraction }, &[sum], word.bits, plan.root().unit())
            }
            Op::GatedRecurrence => self.gated_recurrence(value, operands[0], operands[1])?,
            Op::RmsNorm { .. } => return Err(needs(value, "rms_norm", "expand-norm")),
            Op::RoundPerToken { .. } => return Err(needs(value, "round_per_token", "drop-token-rounding")),
            Op::Slice { .. } => return Err(needs(value, "slice", "split-projections")),
            Op::LowerBound { .. } => return Err(needs(value, "lower_bound", "fold-lower-bound")),
        }))
    }

    /// What the host sends, two bytes each, or one where payloads have 8 bits. Of these each channel has its own unit, by
    /// its largest magnitude, which the neuron that takes it undoes.
    fn embed(&mut self, value: ValueId, table: &str) -> Result<ValueId, PassError> {
        let real = self.model.constants[table].to_f32().map_err(PassError::constant(table))?;
        let Quantize { config, .. } = self.options;
        let is_narrow = config.payload.bits_of(layer_of(table)) <= i8::BITS;
        let word = Word { bits: if is_narrow { i8::BITS } else { i16::BITS } };
        #[expect(clippy::cast_precision_loss, reason = "payloads have at most 16 bits")]
        let range = word.max() as f64;
        let n_channels = self.model.width(value);
        let mut largest = vec![f32::MIN_POSITIVE; n_channels];
        for row in real.chunks(n_channels) {
            largest.iter_mut().zip(row).for_each(|(top, x)| *top = top.max(x.abs()));
        }
        let top = largest.iter().fold(0f32, |top, x| top.max(*x));
        if !is_narrow {
            largest.fill(top);
        }
        let entry = |(x, top): (&f32, &f32)| (f64::from(*x) / (f64::from(*top) / range)).round();
        let entries = real.chunks(n_channels).flat_map(|row| row.iter().zip(&largest).map(entry));
        #[expect(clippy::cast_possible_truncation, reason = "units were chosen so that all entries fit")]
        let entries: Vec<i16> = entries.map(|entry| entry as i16).collect();
        let unit = f64::from(top) / range;
        let tensor = Tensor::i16(self.model.constants[table].shape().to_vec(), &entries).with_scale(Some(unit));
        self.fixed.constants.insert(table.to_owned(), tensor);
        let row = self.add(value, FixedOp::Embed { table: table.to_owned() }, &[], word.bits, unit);
        let scale: Vec<f64> = largest.iter().map(|of_channel| f64::from(*of_channel) / f64::from(top)).collect();
        let (bits, unit) = (config.state.residual_bits, self.residual_unit.unit());
        self.affine(value, row, &scale, None, bits, unit, &format!("{}.unit", layer_of(table)))
    }

    /// State and input share a unit: the finest that holds both in their widths.
    fn gated_recurrence(&mut self, at: ValueId, gate: ValueId, input: ValueId) -> Result<ValueId, PassError> {
        let StateConfig { gate_bits, recurrent_input_bits, recurrent_state_bits, .. } = self.options.config.state;
        let gate = self.in_unit(gate, gate_unit(gate_bits).unit())?;
        let mut x = self.value(input)?;
        if recurrent_input_bits.min(recurrent_state_bits) < self.options.word.bits {
            let by_input = exponent(self.abs_max(input)?, recurrent_input_bits);
            let by_state = exponent(self.abs_max(at)?, recurrent_state_bits);
            x = self.scalar_affine(at, x, recurrent_input_bits, by_input.max(by_state).unit())?;
        }
        let (op, unit) = (FixedOp::GatedRecurrence { shift: gate_bits - 1 }, self.scale(x));
        Ok(self.add(at, op, &[gate, x], recurrent_state_bits, unit))
    }

    /// The payload's unit is chosen by its own range and the sum's; where it may, it makes the sum's a power of two.
    fn linear(&mut self, value: ValueId, operand: ValueId, weight: &str) -> Result<ValueId, PassError> {
        let tensor = &self.model.constants[weight];
        if tensor.elem() != Elem::Ternary {
            return Err(PassError::cannot(value, format!("@{weight} is {tensor}; run `ternarize` first")));
        }
        let weight_unit = tensor.scale().unwrap_or(1.0);
        let Quantize { accumulator, config, .. } = self.options;
        let layer = weight.strip_suffix(".weight").unwrap_or(weight);
        let mut bits = config.payload.bits_of(layer_of(weight));
        if self.options.guarantee_no_overflow {
            bits = bits.min(widest_payload_of(value, weight, tensor, self.sum_word())?);
        }
        let magnitude = self.abs_max(operand)? * config.payload.headroom_of(bits);
        let largest_sum = self.largest_sum(value, operand, weight_unit)?;
        let by_sum = Exponent::holding(largest_sum * default_headroom(accumulator.bits), *accumulator).unit();
        let payload = Word { bits };
        // The payload's unit, and the sum's: exactly a power of two where it is meant to be one.
        let (unit, sum_unit) = match config.payload.scales {
            Scales::Free if bits >= SNAP_FROM_BITS => {
                let sum_unit = Exponent::holding(magnitude * weight_unit, payload).unit().max(by_sum);
                (sum_unit / weight_unit, sum_unit)
            }
            Scales::Free => {
                #[expect(clippy::cast_precision_loss, reason = "words have at most 24 bits")]
                let by_payload = (magnitude / payload.max() as f64).max(f64::MIN_POSITIVE);
                let unit = by_payload.max(by_sum / weight_unit);
                (unit, unit * weight_unit)
            }
            Scales::Pow2 => {
                let unit = Exponent::holding(magnitude, payload).max(Exponent::above(by_sum / weight_unit)).unit();
                (unit, unit * weight_unit)
            }
        };
        let mut x = self.scaled_operand(value, operand, bits, unit, &format!("{layer}.payload"))?;
        let negligible_below = self.observed(operand)?.negligible.map(|magnitude| magnitude / unit);
        let level = config.payload.threshold_of(layer_of(weight), negligible_below);
        if level > 1 {
            x = self.threshold(value, x, level);
        }
        self.fixed.constants.insert(weight.to_owned(), tensor.clone());
        let sum_bits = self.sum_word().bits;
        Ok(self.add(value, FixedOp::Linear { weight: weight.to_owned() }, &[x], sum_bits, sum_unit))
    }

    /// What a sum must fit to reach a register whole.
    fn sum_word(&self) -> Word {
        Word { bits: self.options.accumulator.bits.min(self.options.word.bits) }
    }

    /// Small payloads become zero, which sends nothing.
    fn threshold(&mut self, at: ValueId, x: ValueId, level: u32) -> ValueId {
        if let Some(&kept) = self.thresholds.get(&(x, level)) {
            return kept;
        }
        let FixedType { bits, width, scale } = self.fixed.graph.node(x).ty;
        let op = FixedOp::Threshold { level: level.cast_signed() };
        let kept = self.add_wide(at, op, &[x], bits, scale, width);
        self.thresholds.insert((x, level), kept);
        kept
    }

    /// The largest sum over the layers that read one operand with weights of one scale: they share its payload.
    fn largest_sum(&self, value: ValueId, operand: ValueId, weight_unit: f64) -> Result<f64, PassError> {
        let mut largest = self.abs_max(value)?;
        for user in self.model.graph.users(operand) {
            if let Op::Linear { weight, .. } = &self.model.graph.node(user).op
                && self.model.constants[weight].scale() == Some(weight_unit)
            {
                largest = largest.max(self.abs_max(user)?);
            }
        }
        Ok(largest)
    }

    fn sum_of_squares(&mut self, value: ValueId, operand: ValueId) -> Result<ValueId, PassError> {
        let model = self.model;
        let root = model.graph.users(value).into_iter().find_map(|user| match model.graph.node(user).op {
            Op::InvSqrt { eps } => Some(eps),
            _ => None,
        });
        let Some(eps) = root else {
            return Err(PassError::cannot(value, "a mean square is supported as operand of an inverse root only"));
        };
        let observed = self.observed(value)?;
        let width = model.width(operand);
        let range =
            RootRange { width, abs_max: self.abs_max(operand)?, mean_square: (observed.min, observed.max), eps };
        let word = self.options.word;
        let plan = RootPlan::new(range, default_headroom(word.bits), word, self.sum_word());
        let plan = if self.options.guarantee_no_overflow {
            plan.guaranteed(range, default_headroom(word.bits), word, self.sum_word()).ok_or_else(|| {
                let bits = self.sum_word().bits;
                PassError::cannot(value, format!("a sum of {width} squares can overflow {bits} bits in any unit"))
            })?
        } else {
            plan
        };
        tracing::debug!(%value, ?plan, "inverse root");
        self.roots.insert(value, plan);
        let name = self.name_at(value, "square");
        let v = self.scaled_operand(value, operand, word.bits, plan.v_unit, &name)?;
        let sum_unit = plan.sum_unit(width);
        let squares = FixedOp::Multiply { shift: plan.square_shift };
        let squares = self.add_wide(value, squares, &[v, v], word.bits, sum_unit, width);
        let sum_bits = self.sum_word().bits;
        Ok(self.add(value, FixedOp::ReduceSum { bias: plan.bias }, &[squares], sum_bits, sum_unit))
    }

    /// The operand of a linear layer or a norm in a unit of its own: what scales its channels is merged in.
    fn scaled_operand(
        &mut self,
        at: ValueId,
        operand: ValueId,
        bits: u32,
        unit: f64,
        name: &str,
    ) -> Result<ValueId, PassError> {
        let key = (operand, bits, unit.to_bits());
        if let Some(&payload) = self.payloads.get(&key) {
            return Ok(payload);
        }
        let model = self.model;
        let payload = if let Op::Affine { scale, bias: None } = &model.graph.node(operand).op {
            let scale = self.vector(scale)?;
            let x = self.value(model.graph.operands(operand)[0])?;
            self.affine(at, x, &scale, None, bits, unit, name)?
        } else {
            let x = self.value(operand)?;
            self.scalar_affine(at, x, bits, unit)?
        };
        self.payloads.insert(key, payload);
        Ok(payload)
    }

    /// `layers.3.name` for a value of a block.
    fn name_at(&self, at: ValueId, name: &str) -> String {
        match self.model.graph.node(at).layer {
            Some(layer) => format!("layers.{layer}.{name}"),
            None => name.to_owned(),
        }
    }

    /// A product in a unit: by its shift alone where that is enough, else by a factor as well.
    fn multiply(&mut self, at: ValueId, a: ValueId, b: ValueId, bits: u32, unit: f64) -> Result<ValueId, PassError> {
        let word = self.options.word.bits;
        let natural = self.scale(a) * self.scale(b);
        let shift = (unit / natural).log2();
        let is_exact = (shift - shift.round()).abs() < 1e-9;
        #[expect(clippy::cast_possible_truncation, reason = "exponents of doubles are small")]
        let whole = if is_exact { shift.round() } else { shift.floor() } as i32;
        let shift = u32::try_from(whole).unwrap_or(0);
        let limit = 2 * word - 1;
        if shift > limit {
            return Err(PassError::cannot(at, format!("a product would be shifted by {shift}, at most {limit}")));
        }
        let product_unit = natural * 2f64.powi(shift.cast_signed());
        if is_exact && whole >= 0 {
            return Ok(self.add(at, FixedOp::Multiply { shift }, &[a, b], bits, product_unit));
        }
        let product = self.add(at, FixedOp::Multiply { shift }, &[a, b], word, product_unit);
        self.scalar_affine(at, product, bits, unit)
    }

    fn scalar_affine(&mut self, at: ValueId, x: ValueId, bits: u32, unit: f64) -> Result<ValueId, PassError> {
        let word = self.options.word;
        let scaled = Factors::nearest(&[self.scale(x) / unit], word);
        let Factors { factors, shift } = scaled.ok_or_else(|| too_wide(at))?;
        let width = self.fixed.graph.node(x).ty.width;
        let op = FixedOp::Affine { factor: Factor::Scalar(factors[0]), shift, bias: None };
        Ok(self.add_wide(at, op, &[x], bits, unit, width))
    }

    #[expect(clippy::too_many_arguments, reason = "an affine has two vectors, a type and a name")]
    fn affine(
        &mut self,
        at: ValueId,
        x: ValueId,
        scale: &[f64],
        bias: Option<&[f64]>,
        bits: u32,
        unit: f64,
        name: &str,
    ) -> Result<ValueId, PassError> {
        let word = self.options.word;
        let ratio = self.scale(x) / unit;
        let real: Vec<f64> = scale.iter().map(|factor| factor * ratio).collect();
        let Factors { factors, shift } = Factors::nearest(&real, word).ok_or_else(|| too_wide(at))?;
        let bias = bias.map(|bias| {
            #[expect(clippy::cast_possible_truncation, reason = "saturated to a word")]
            let words: Vec<i32> = bias.iter().map(|b| word.saturate((b / unit).round() as i64) as i32).collect();
            self.factor(&format!("{name}.bias"), &words)
        });
        let op = FixedOp::Affine { factor: self.factor(name, &factors), shift, bias };
        Ok(self.add_wide(at, op, &[x], bits, unit, scale.len()))
    }

    /// A factor as one word where all channels agree, else as a constant.
    fn factor(&mut self, name: &str, words: &[i32]) -> Factor {
        if words.iter().all(|word| word == &words[0]) {
            return Factor::Scalar(words[0]);
        }
        let mut unique = name.to_owned();
        let mut n = 2;
        while self.fixed.constants.contains_key(&unique) {
            unique = format!("{name}.{n}");
            n += 1;
        }
        self.fixed.constants.insert(unique.clone(), Tensor::i32(vec![words.len()], words));
        Factor::PerChannel(unique)
    }

    /// The operand of a function: its unit is a power of two, which the sum of an early norm's layer may not have.
    fn function_input(&mut self, operand: ValueId) -> Result<ValueId, PassError> {
        let unit = Exponent::below(self.scale(self.value(operand)?));
        let (finest, coarsest) = FUNCTION_INPUT;
        self.in_unit(operand, unit.clamp(finest, coarsest).unit())
    }

    /// A value, rescaled where its unit is another.
    fn in_unit(&mut self, operand: ValueId, unit: f64) -> Result<ValueId, PassError> {
        let x = self.value(operand)?;
        if (self.scale(x) / unit - 1.0).abs() < 1e-12 {
            return Ok(x);
        }
        self.scalar_affine(operand, x, self.options.word.bits, unit)
    }

    /// The unit that a value's users want, or the one that its range asks for.
    fn unit_of(&self, value: ValueId) -> Result<Exponent, PassError> {
        let graph = &self.model.graph;
        let bits = self.bits_of(value);
        let word = self.options.word.bits;
        if self.residual.contains(&value) && bits == word {
            return Ok(self.residual_unit);
        }
        for user in graph.users(value) {
            match graph.node(user).op {
                Op::GatedRecurrence if graph.operands(user)[0] == value => return Ok(gate_unit(bits)),
                Op::Sigmoid | Op::Silu => {
                    let by_range = exponent(self.abs_max(value)?, bits);
                    return Ok(by_range.clamp(FUNCTION_INPUT.0, FUNCTION_INPUT.1));
                }
                _ => {}
            }
        }
        Ok(exponent(self.abs_max(value)?, bits))
    }

    /// The width that the configuration gives a value of a product or an affine.
    fn bits_of(&self, value: ValueId) -> u32 {
        let state = &self.options.config.state;
        if self.model.outputs.get(LOGITS) == Some(&value) {
            return state.logit_bits;
        }
        if self.residual.contains(&value) {
            return state.branch_bits;
        }
        if self.is_gate(value) { state.gate_bits } else { state.value_bits }
    }

    fn is_gate(&self, value: ValueId) -> bool {
        let graph = &self.model.graph;
        let gates =
            |user: &ValueId| matches!(graph.node(*user).op, Op::GatedRecurrence) && graph.operands(*user)[0] == value;
        graph.users(value).iter().any(gates)
    }

    /// A sigmoid's own width: the gate's, where it is one, also before its bounds are applied.
    fn gate_bits(&self, value: ValueId) -> u32 {
        let graph = &self.model.graph;
        let bounded = graph.users(value).iter().any(|&user| self.is_gate(user));
        let is_gate = self.is_gate(value) || bounded;
        if is_gate { self.options.config.state.gate_bits } else { self.options.word.bits }
    }

    fn value(&self, value: ValueId) -> Result<ValueId, PassError> {
        self.values.get(&value).copied().ok_or_else(|| PassError::cannot(value, "is used where it has no integer form"))
    }

    fn scale(&self, value: ValueId) -> f64 {
        self.fixed.graph.node(value).ty.scale
    }

    fn vector(&self, name: &str) -> Result<Vec<f64>, PassError> {
        let values = self.model.constants[name].to_f32().map_err(PassError::constant(name))?;
        Ok(values.into_iter().map(f64::from).collect())
    }

    fn observed(&self, value: ValueId) -> Result<seamount_ir::model::Observed, PassError> {
        let observed = self.model.graph.node(value).observed;
        observed.ok_or_else(|| PassError::cannot(value, "has no observed range; run `calibrate` first"))
    }

    fn abs_max(&self, value: ValueId) -> Result<f64, PassError> {
        Ok(self.observed(value)?.abs_max())
    }

    fn add(&mut self, at: ValueId, op: FixedOp, operands: &[ValueId], bits: u32, scale: f64) -> ValueId {
        let width = self.model.width(at);
        self.add_wide(at, op, operands, bits, scale, width)
    }

    fn add_wide(
        &mut self,
        at: ValueId,
        op: FixedOp,
        operands: &[ValueId],
        bits: u32,
        scale: f64,
        width: usize,
    ) -> ValueId {
        let layer = self.model.graph.node(at).layer;
        self.fixed.graph.add(Node { op, ty: FixedType { bits, width, scale }, layer }, operands)
    }
}

/// Payloads of at least so many bits spare up to one for a sum whose unit is a power of two.
const SNAP_FROM_BITS: u32 = 12;

/// The finest power of two of which a value of some bits holds a calibrated magnitude, with headroom.
fn exponent(magnitude: f64, bits: u32) -> Exponent {
    Exponent::holding(magnitude * default_headroom(bits), Word { bits })
}

/// Gates lie between 0 and 1: all bits but the sign are fraction.
fn gate_unit(bits: u32) -> Exponent {
    Exponent(1 - bits.cast_signed())
}

/// The widest payload with which no sum of a layer can overflow.
fn widest_payload_of(at: ValueId, name: &str, weights: &Tensor, sum: Word) -> Result<u32, PassError> {
    let rows = weights.to_i8().map_err(PassError::constant(name))?;
    let n_inputs = weights.shape()[1];
    widest_payload(&rows, n_inputs, sum).ok_or_else(|| {
        PassError::cannot(
            at,
            format!("sums of {n_inputs} payloads can overflow {} bits at any payload width", sum.bits),
        )
    })
}

fn needs(at: ValueId, op: &str, pass: &str) -> PassError {
    PassError::cannot(at, format!("`{op}` has no integer form; run `{pass}` first"))
}

fn too_wide(at: ValueId) -> PassError {
    PassError::cannot(at, "its factor is wider than a word: the ranges of operand and result are too far apart")
}
