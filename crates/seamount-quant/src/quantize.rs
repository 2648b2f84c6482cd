//! `quantize`: from floats to exact integers, with static scales from calibration.

mod build;
mod scales;

use seamount_ir::fixed::Overflow;
use seamount_ir::kernel::Word;
use seamount_ir::pass::{Pass, PassError, PassInfo};
use seamount_ir::syntax::{Attributes, ParseError};
use seamount_ir::{Level, Module};

use crate::config::{QuantConfig, Scales};

/// Gives every value a width and a unit, and every operation its exact integer form.
///
/// Units are powers of two wherever a value is computed with; the payloads of linear layers take the unit that makes
/// their *sum's* unit a power of two, which costs nothing since each channel of a payload has its own factor anyway.
/// So one product with a shift serves each normalization, and functions see canonical formats.
#[derive(Debug, Clone)]
pub struct Quantize {
    /// Widths, clipping and scales.
    pub config: QuantConfig,
    /// Registers and state of the machine.
    pub word: Word,
    /// Sums of spikes of the machine.
    pub accumulator: Word,
    /// What a sum does that does not fit.
    pub overflow: Overflow,
    /// Narrows payloads and takes coarser sums of squares until no accumulator can overflow, whatever the text.
    pub guarantee_no_overflow: bool,
}

impl Default for Quantize {
    fn default() -> Self {
        Self {
            config: QuantConfig::default(),
            word: Word { bits: 24 },
            accumulator: Word { bits: 24 },
            overflow: Overflow::Saturate,
            guarantee_no_overflow: false,
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
        ("headroom", "0", "range of a payload over its calibrated magnitude; 0 chooses by width"),
        ("scales", "free", "units of payloads: free or pow2"),
        ("spike_threshold", "0", "payloads of a smaller magnitude become zero"),
        ("residual_bits", "24", "width of the residual stream"),
        ("branch_bits", "24", "width of what mixers add to it"),
        ("gate_bits", "24", "width of the forget gate"),
        ("recurrent_input_bits", "24", "width of the recurrence's input"),
        ("recurrent_state_bits", "24", "width of the recurrence's state"),
        ("logit_bits", "24", "width of the logits"),
        ("value_bits", "24", "width of all other values"),
        ("word_bits", "24", "width of registers and state"),
        ("accumulator_bits", "24", "width of dendritic accumulators"),
        ("overflow", "saturate", "what an accumulator does that does not fit: saturate or wrap"),
        ("guarantee_no_overflow", "false", "narrows payloads and sums of squares until no sum can overflow"),
    ],
};

impl Quantize {
    /// Makes the pass from its options.
    ///
    /// # Errors
    /// Unknown options, and values out of range.
    pub fn from_options(mut options: Attributes) -> Result<Box<dyn Pass>, ParseError> {
        let mut pass = Self::default();
        let QuantConfig { payload, state, .. } = &mut pass.config;
        for (key, width) in [
            ("payload_bits", &mut payload.bits),
            ("spike_threshold", &mut payload.spike_threshold),
            ("residual_bits", &mut state.residual_bits),
            ("branch_bits", &mut state.branch_bits),
            ("gate_bits", &mut state.gate_bits),
            ("recurrent_input_bits", &mut state.recurrent_input_bits),
            ("recurrent_state_bits", &mut state.recurrent_state_bits),
            ("logit_bits", &mut state.logit_bits),
            ("value_bits", &mut state.value_bits),
            ("word_bits", &mut pass.word.bits),
            ("accumulator_bits", &mut pass.accumulator.bits),
        ] {
            *width = options.int(key)?.unwrap_or(*width);
        }
        payload.headroom = options.float("headroom")?.unwrap_or(payload.headroom);
        payload.scales = match options.text("scales")?.as_deref() {
            None | Some("free") => Scales::Free,
            Some("pow2") => Scales::Pow2,
            Some(other) => return Err(options.error(format!("`scales` is free or pow2, found {other}"))),
        };
        pass.overflow = match options.text("overflow")?.as_deref() {
            None | Some("saturate") => Overflow::Saturate,
            Some("wrap") => Overflow::Wrap,
            Some(other) => return Err(options.error(format!("`overflow` is saturate or wrap, found {other}"))),
        };
        pass.guarantee_no_overflow = options.bool("guarantee_no_overflow")?.unwrap_or(false);
        pass.config.check().map_err(|error| options.error(error.to_string()))?;
        let widths = [("word_bits", pass.word.bits, 24), ("accumulator_bits", pass.accumulator.bits, 32)];
        for (key, bits, most) in widths {
            if !(16..=most).contains(&bits) {
                return Err(options.error(format!("`{key}` is {bits}, not in 16 to {most}")));
            }
        }
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
        let options = Self { config: self.config.clone().within_word(self.word.bits), ..self.clone() };
        let fixed = build::Builder::new(&model, &options).build()?;
        Ok(Module::Fixed(fixed.verify()?.into_inner()))
    }
}
