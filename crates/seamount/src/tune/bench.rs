//! What all candidates share, and measuring one.

use seamount_hf::Checkpoint;
use seamount_ir::fixed::Fixed;
use seamount_ir::model::Model;
use seamount_ir::{Module, Verified};
use seamount_quant::config::{Clip, QuantConfig};

use super::points::{Point, channels_of_width, of_payloads, state_keys};
use super::{Budget, Trial, TuneError};
use crate::compile::{CompileError, CompileOptions, observed, quantized};
use crate::evaluate::{EvaluateError, Score, Yardstick};

/// The float model with what calibration saw of it, and what candidates are held against.
pub(super) struct Bench<'b> {
    options: CompileOptions,
    budget: Budget,
    checkpoint: &'b Checkpoint,
    /// The published model.
    model: &'b Verified<Model>,
    /// As `quantize` takes it.
    observed: Module,
    yardstick: Yardstick<'b>,
    points: Vec<Point>,
    /// Of each point, the narrowest width that has an integer form.
    narrowest: Vec<u32>,
}

/// The narrowest width there is.
const MIN_BITS: u32 = 8;

impl<'b> Bench<'b> {
    pub(super) fn new(
        checkpoint: &'b Checkpoint,
        model: &'b Verified<Model>,
        options: CompileOptions,
        yardstick: Yardstick<'b>,
        budget: Budget,
        per_layer: bool,
    ) -> Result<Self, TuneError> {
        let observed = observed(checkpoint, model, &options)?;
        let (points, narrowest) = (Vec::new(), Vec::new());
        let mut bench = Self { options, budget, checkpoint, model, observed, yardstick, points, narrowest };
        bench.points = bench.find_points(per_layer)?;
        let narrowest = (0..bench.points.len()).map(|point| bench.find_narrowest(point));
        bench.narrowest = narrowest.collect::<Result<_, _>>()?;
        Ok(bench)
    }

    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    pub(super) fn yardstick(&self) -> &Yardstick<'b> {
        &self.yardstick
    }

    /// The narrowest width that a point can have by itself.
    pub(super) fn narrowest(&self, point: usize) -> u32 {
        self.narrowest[point]
    }

    /// The widest word of the machine.
    pub(super) fn word_bits(&self) -> u32 {
        self.options.arch.register_bits()
    }

    /// The configuration's own widths.
    pub(super) fn start(&self) -> Vec<u32> {
        let config = self.options.quant.clone().within_word(self.word_bits());
        self.points.iter().map(|point| point.bits(&config)).collect()
    }

    /// The configuration with other widths.
    pub(super) fn config(&self, bits: &[u32]) -> QuantConfig {
        let mut config = self.options.quant.clone();
        self.points.iter().zip(bits).for_each(|(point, bits)| point.set(&mut config, *bits));
        config
    }

    /// Evaluates the integers of the program that these widths would give; none where they have no integer form.
    pub(super) fn measure(&self, bits: &[u32]) -> Result<Option<Trial>, TuneError> {
        let Some(fixed) = possible(self.quantized(self.config(bits)))? else { return Ok(None) };
        let (score, sent) = self.yardstick.measure(&fixed)?;
        let of = |is_payload: bool| {
            let points = self.points.iter().zip(bits).filter(|(point, _)| point.is_payload() == is_payload);
            points.map(|(point, bits)| point.n_channels * u64::from(*bits)).sum()
        };
        Ok(Some(Trial {
            bits: bits.to_vec(),
            payload_bits_per_token: of(true),
            state_bits_per_token: of(false),
            holds: self.budget.holds(&score),
            zero_payload_share: sent.zero_payload_share,
            payload_bytes_per_token: sent.payload_bytes_per_token,
            score,
        }))
    }

    /// The score of widths on another text.
    pub(super) fn score(&self, bits: &[u32], yardstick: &Yardstick<'_>) -> Result<Score, TuneError> {
        Ok(yardstick.measure(&self.quantized(self.config(bits))?)?.0)
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget
    }

    /// Calibration does not depend on widths, unless it weighs rounding against clipping.
    fn quantized(&self, quant: QuantConfig) -> Result<Verified<Fixed>, TuneError> {
        let options = CompileOptions { quant, ..self.options.clone() };
        if options.quant.payload.clip == Clip::Mse {
            return Ok(quantized(&options, observed(self.checkpoint, self.model, &options)?)?);
        }
        Ok(quantized(&options, self.observed.clone())?)
    }

    fn find_narrowest(&self, point: usize) -> Result<u32, TuneError> {
        let start = self.start();
        for bits in MIN_BITS..start[point] {
            let mut narrowed = start.clone();
            narrowed[point] = bits;
            if possible(self.quantized(self.config(&narrowed)))?.is_some() {
                return Ok(bits);
            }
        }
        Ok(start[point])
    }

    /// Each payload, and each key of a state's width that some value takes: a model is quantized with the key one bit
    /// narrower than all else, and the values counted that are as narrow.
    fn find_points(&self, per_layer: bool) -> Result<Vec<Point>, TuneError> {
        let mut widest = self.options.quant.clone();
        widest.widths_mut().into_iter().for_each(|(_, bits)| *bits = self.word_bits());
        let fixed = self.quantized(self.options.quant.clone())?;
        let mut points = of_payloads(&fixed, per_layer);
        for key in state_keys() {
            let mut point = Point { keys: vec![key], n_channels: 0 };
            let marked_bits = self.word_bits() - 1;
            let mut marked = widest.clone();
            point.set(&mut marked, marked_bits);
            let fixed = self.quantized(marked)?;
            point.n_channels = channels_of_width(&fixed, marked_bits);
            if point.n_channels > 0 {
                points.push(point);
            }
        }
        Ok(points)
    }
}

/// Nothing where a pass cannot give widths an integer form.
fn possible(quantized: Result<Verified<Fixed>, TuneError>) -> Result<Option<Verified<Fixed>>, TuneError> {
    match quantized {
        Ok(fixed) => Ok(Some(fixed)),
        Err(TuneError::Evaluate(EvaluateError::Compile(CompileError::Pass(failed)))) => {
            tracing::debug!(%failed, "widths have no integer form");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
