//! `quantize`: from floats to exact integers, with static scales from calibration.

mod build;
mod scales;

use seamount_ir::fixed::Overflow;
use seamount_ir::kernel::Word;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

/// Gives every value a width and a unit, and every operation its exact integer form.
///
/// Units are powers of two wherever a value is computed with; the payloads of linear layers take the unit that makes
/// their *sum's* unit a power of two, which costs nothing since each channel of a payload has its own factor anyway.
/// So one product with a shift serves each normalization, and functions see canonical formats.
#[derive(Debug, Clone)]
pub struct Quantize {
    /// Width of payloads between a layer's norm and its weights, sign included: 8 to 24.
    pub payload_bits: u32,
    /// Range of a scale over the largest calibrated magnitude; rounding units to powers of two adds up to 2.
    pub headroom: f64,
    /// Registers and state of the machine.
    pub word: Word,
    /// Sums of spikes of the machine.
    pub accumulator: Word,
    /// What a sum does that does not fit.
    pub overflow: Overflow,
}

impl Default for Quantize {
    fn default() -> Self {
        Self {
            payload_bits: 16,
            headroom: 4.0,
            word: Word { bits: 24 },
            accumulator: Word { bits: 24 },
            overflow: Overflow::Saturate,
        }
    }
}

/// What is known of `quantize`.
pub static INFO: PassInfo = PassInfo {
    name: "quantize",
    description: "Gives every value a width and a unit from its calibrated range, and every operation exact integers.",
    from: Level::Model,
    to: Level::Fixed,
    options: &[
        ("payload_bits", "16", "width of the payloads that linear layers multiply, sign included (8 to 24)"),
        ("headroom", "4", "range of a scale over the largest calibrated magnitude (1 to 64)"),
        ("word_bits", "24", "width of registers and state"),
        ("accumulator_bits", "24", "width of dendritic accumulators"),
        ("overflow", "saturate", "what an accumulator does that does not fit: saturate or wrap"),
    ],
};

impl Quantize {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and values out of range.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let mut pass = Self::default();
        let mut bits = |key, default: u32, range: std::ops::RangeInclusive<u32>| {
            let bits = options.int::<u32>(key)?.unwrap_or(default);
            if range.contains(&bits) {
                return Ok(bits);
            }
            let (lo, hi) = range.into_inner();
            Err(options.error(format!("`{key}` is {bits}, not in {lo} to {hi}")))
        };
        pass.word.bits = bits("word_bits", pass.word.bits, 16..=24)?;
        pass.accumulator.bits = bits("accumulator_bits", pass.accumulator.bits, 16..=32)?;
        pass.payload_bits = bits("payload_bits", pass.payload_bits, 8..=pass.word.bits)?;
        pass.headroom = options.float("headroom")?.unwrap_or(pass.headroom);
        if !(1.0..=64.0).contains(&pass.headroom) {
            return Err(options.error(format!("`headroom` is {}, not in 1 to 64", pass.headroom)));
        }
        pass.overflow = match options.text("overflow")?.as_deref() {
            None | Some("saturate") => Overflow::Saturate,
            Some("wrap") => Overflow::Wrap,
            Some(other) => return Err(options.error(format!("`overflow` is saturate or wrap, found {other}"))),
        };
        options.finish()?;
        Ok(Box::new(pass))
    }
}

impl Pass for Quantize {
    fn info(&self) -> &'static PassInfo {
        &INFO
    }

    fn run(&self, module: Module) -> Result<Module, PassError> {
        let Module::Model(model) = module else { return Err(PassError::level(&INFO, &module)) };
        let model = model.verify()?;
        let fixed = build::Builder::new(&model, self).build()?;
        Ok(Module::Fixed(fixed.verify()?.into_inner()))
    }
}
