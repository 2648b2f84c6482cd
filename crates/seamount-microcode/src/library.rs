//! Bodies that come with the crate, as assembly text.

/// Lava's fixed-point inverse square root: 12 fraction bits, five iterations, the same integers as
/// `lava/proc/graded/models.py` for every `s` that a 24-bit word holds.
///
/// A tick on accumulator `tick` makes the neuron send `4096 / sqrt(s / 4096)` of its parameter `s` through port `y`.
pub const LAVA_INV_SQRT: &str = include_str!("../bodies/lava_inv_sqrt.smc");
