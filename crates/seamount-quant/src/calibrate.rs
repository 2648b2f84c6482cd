//! `calibrate`: what every value takes on example tokens, the ground of static scales.

use std::collections::BTreeMap;

use rayon::prelude::*;
use seamount_ir::Module;
use seamount_ir::model::{InterpretError, Interpreter, Model, Observed, Op};
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError, Value};

use crate::config::{Clip, PayloadConfig, QuantConfig, layer_of};
use crate::histogram::{Energies, Histogram};
use crate::vocabulary;

/// What is known of `calibrate`.
pub static INFO: PassInfo = PassInfo {
    name: "calibrate",
    description: "Runs the float model on example tokens and notes the range and the root mean square of every value.",
    from: seamount_ir::Level::Model,
    to: seamount_ir::Level::Model,
    options: &[
        ("tokens", "required", "example tokens: one sequence [1, 2], or several [[1, 2], [3]]"),
        ("clip", "max", "range of what linear layers read: max, percentile or mse (least mean square error)"),
        ("percentile", "99.99", "share of magnitudes in percent that clip = percentile keeps whole"),
        ("payload_bits", "16", "width for which clip = mse weighs rounding against clipping"),
        ("spike_tolerance", "0", "share of the energy of what a linear layer reads that may be dropped"),
    ],
};

/// Tokens that are evaluated at once: enough to read weights rarely, few enough to keep all their values.
const TOKENS_AT_ONCE: usize = 16;

/// Runs the float interpreter over sequences, each from a zero state, and gives every node its
/// [`Observed`]: least and largest value and root mean square, over all sequences, tokens and channels. Of what follows
/// from a token's embedding alone, least and largest are over the whole vocabulary.
///
/// With a `clip` other than `max` or a `spike_tolerance`, a second run makes histograms of what linear layers read: the
/// range of these values becomes the clipped one, and the magnitude is noted below which they are negligible.
///
/// Sequences run in parallel. The result is the same at any thread count: sums of squares are in double precision,
/// within a sequence in the order of its tokens, over sequences in theirs.
#[derive(Debug, Clone, Default)]
pub struct Calibrate {
    /// Sequences of token ids.
    pub sequences: Vec<Vec<u32>>,
    /// How the range of what linear layers read is clipped.
    pub payload: PayloadConfig,
}

impl Calibrate {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and tokens that are no lists of token ids.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let tokens = options.take("tokens");
        let mut payload = PayloadConfig::default();
        payload.clip = match options.text("clip")?.as_deref() {
            None | Some("max") => Clip::Max,
            Some("percentile") => Clip::Percentile,
            Some("mse") => Clip::Mse,
            Some(other) => return Err(options.error(format!("`clip` is max, percentile or mse, found {other}"))),
        };
        payload.percentile = options.float("percentile")?.unwrap_or(payload.percentile);
        payload.bits = options.int("payload_bits")?.unwrap_or(payload.bits);
        payload.spike_tolerance = options.float("spike_tolerance")?.unwrap_or(payload.spike_tolerance);
        let config = QuantConfig { payload, ..QuantConfig::default() };
        config.check().map_err(|error| options.error(error.to_string()))?;
        options.clone().finish()?;
        let sequences = match options.require("tokens", tokens)? {
            Value::List(items) if items.iter().all(|item| matches!(item, Value::List(_))) => {
                items.iter().map(|item| sequence(item, &options)).collect::<Result<_, _>>()?
            }
            one => vec![sequence(&one, &options)?],
        };
        Ok(Box::new(Self { sequences, payload: config.payload }))
    }
}

impl Pass for Calibrate {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Model(model) = module else { return Err(PassError::level(&INFO, &module)) };
        let n_tokens: usize = self.sequences.iter().map(Vec::len).sum();
        if n_tokens == 0 {
            return Err(PassError::cannot("tokens", "there are none to run; give some, `tokens = [1, 2]`"));
        }
        let model = model.verify()?;
        let interpreter = Interpreter::new(&model).map_err(|error| PassError::cannot("model", error.to_string()))?;
        let seen: Vec<Vec<Seen>> = self
            .sequences
            .par_iter()
            .enumerate()
            .map(|(index, sequence)| {
                run(&interpreter, sequence)
                    .map_err(|error| PassError::cannot(format!("sequence {index}"), error.to_string()))
            })
            .collect::<Result<_, _>>()?;
        let mut total = vec![Seen::default(); model.graph.len()];
        for sequence in &seen {
            total.iter_mut().zip(sequence).for_each(|(total, seen)| total.merge(seen));
        }
        let order = model.graph.in_order();
        for (value, min, max) in vocabulary::ranges(&model)? {
            let seen = order.iter().position(|known| *known == value).map(|at| &mut total[at]);
            let seen = seen.expect("invariant: the vocabulary decides values of the graph");
            (seen.min, seen.max) = (seen.min.min(min), seen.max.max(max));
        }
        let mut observed: Vec<Observed> = total.iter().map(Seen::observed).collect();
        if self.payload.clip != Clip::Max || self.payload.spike_tolerance > 0.0 {
            self.refine(&model, &interpreter, &mut observed)?;
        }
        let mut model: Model = model.into_inner();
        for (value, observed) in model.graph.in_order().into_iter().zip(observed) {
            model.graph.node_mut(value).observed = Some(observed);
        }
        tracing::debug!(pass = INFO.name, n_sequences = self.sequences.len(), n_tokens, "calibrated");
        Ok(Module::Model(model))
    }
}

impl Calibrate {
    /// A second run, for what only the distribution of magnitudes tells: of what linear layers read, the clipped range
    /// and what is negligible.
    fn refine(&self, model: &Model, interpreter: &Interpreter, observed: &mut [Observed]) -> Result<(), PassError> {
        let mut widths = BTreeMap::new();
        for value in model.graph.in_order() {
            if let Op::Linear { weight, .. } = &model.graph.node(value).op {
                widths.insert(model.graph.operands(value)[0], self.payload.bits_of(layer_of(weight)));
            }
        }
        let order = model.graph.in_order();
        let empty: Vec<Option<Magnitudes>> = order
            .iter()
            .zip(&*observed)
            .map(|(value, observed)| widths.contains_key(value).then(|| self.magnitudes(observed.abs_max())))
            .collect();
        let one = |sequence: &Vec<u32>| {
            let mut magnitudes = empty.clone();
            let mut state = interpreter.initial_state();
            for tokens in sequence.chunks(TOKENS_AT_ONCE) {
                for ((_, vector), magnitudes) in interpreter.run(tokens, &mut state)?.iter().zip(&mut magnitudes) {
                    if let Some(magnitudes) = magnitudes {
                        magnitudes.add(vector);
                    }
                }
            }
            Ok(magnitudes)
        };
        let parts: Vec<Vec<Option<Magnitudes>>> = self
            .sequences
            .par_iter()
            .map(one)
            .collect::<Result<_, InterpretError>>()
            .map_err(|error| PassError::cannot("model", error.to_string()))?;
        let mut total = empty;
        for part in &parts {
            for (total, part) in total.iter_mut().flatten().zip(part.iter().flatten()) {
                total.merge(part);
            }
        }
        for ((value, magnitudes), observed) in order.iter().zip(&total).zip(observed) {
            let Some(Magnitudes { counts, energies }) = magnitudes else { continue };
            if let Some(counts) = counts {
                let clip = match self.payload.clip {
                    Clip::Max => f64::INFINITY,
                    Clip::Percentile => counts.percentile(self.payload.percentile),
                    Clip::Mse => counts.least_square_error(widths[value]),
                };
                let clip = f64::from(single(clip));
                observed.min = observed.min.max(-clip);
                observed.max = observed.max.min(clip);
            }
            observed.negligible = energies.as_ref().map(|energies| energies.negligible(self.payload.spike_tolerance));
        }
        Ok(())
    }

    fn magnitudes(&self, largest: f64) -> Magnitudes {
        let PayloadConfig { clip, spike_tolerance, .. } = self.payload;
        Magnitudes {
            counts: (clip != Clip::Max).then(|| Histogram::new(largest)),
            energies: (spike_tolerance > 0.0).then(|| Energies::new(largest)),
        }
    }
}

/// The distribution of one value's magnitudes, as far as it is asked for.
#[derive(Debug, Clone)]
struct Magnitudes {
    counts: Option<Histogram>,
    energies: Option<Energies>,
}

impl Magnitudes {
    fn add(&mut self, vector: &[f32]) {
        self.counts.iter_mut().for_each(|counts| counts.add(vector));
        self.energies.iter_mut().for_each(|energies| energies.add(vector));
    }

    fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(total, counts)| total.merge(counts));
        self.energies.iter_mut().zip(&other.energies).for_each(|(total, energies)| total.merge(energies));
    }
}

fn sequence(value: &Value, options: &Attributes) -> Result<Vec<u32>, ParseError> {
    let wrong = |found: &Value| options.error(format!("`tokens` wants lists of token ids, found {found}"));
    let Value::List(items) = value else { return Err(wrong(value)) };
    items
        .iter()
        .map(|item| match item {
            Value::Int(token) => u32::try_from(*token).map_err(|_| wrong(item)),
            other => Err(wrong(other)),
        })
        .collect()
}

/// The float model computes in single precision, and so says what it saw: short to write, and exact to read.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is meant")]
fn single(x: f64) -> f32 {
    x as f32
}

/// What one value took so far.
#[derive(Debug, Clone, Copy)]
struct Seen {
    min: f32,
    max: f32,
    sum_of_squares: f64,
    n: u64,
}

impl Default for Seen {
    fn default() -> Self {
        Self { min: f32::INFINITY, max: f32::NEG_INFINITY, sum_of_squares: 0.0, n: 0 }
    }
}

impl Seen {
    fn add(&mut self, vector: &[f32]) {
        for &x in vector {
            self.min = self.min.min(x);
            self.max = self.max.max(x);
            self.sum_of_squares += f64::from(x) * f64::from(x);
        }
        self.n += vector.len() as u64;
    }

    fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum_of_squares += other.sum_of_squares;
        self.n += other.n;
    }

    fn observed(&self) -> Observed {
        #[expect(clippy::cast_precision_loss, reason = "a mean over fewer than 2^53 values")]
        let mean_square = self.sum_of_squares / self.n as f64;
        let rms = f64::from(single(mean_square.sqrt()));
        Observed { min: f64::from(self.min), max: f64::from(self.max), rms, negligible: None }
    }
}

/// One sequence from a zero state: what each value took, in the order of the text.
fn run(interpreter: &Interpreter, sequence: &[u32]) -> Result<Vec<Seen>, InterpretError> {
    let mut state = interpreter.initial_state();
    let mut seen: Vec<Seen> = Vec::new();
    for tokens in sequence.chunks(TOKENS_AT_ONCE) {
        let values = interpreter.run(tokens, &mut state)?;
        seen.resize(values.iter().count(), Seen::default());
        for (seen, (_, vector)) in seen.iter_mut().zip(values.iter()) {
            seen.add(vector);
        }
    }
    Ok(seen)
}
