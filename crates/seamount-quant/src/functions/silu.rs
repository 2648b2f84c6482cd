//! `x / (1 + e^-x)`: a sigmoid and a product.

use seamount_ir::kernel::Kernel;

use super::Builder;
use super::sigmoid::{HALF_POWER, INPUT_FRACTION_BITS, Power, emit};

/// Largest errors in units of the result, by fraction bits from 10: over all inputs, by
/// `examples/measure_functions.rs`, rounded up.
const MAX_ERROR_UNITS: [f64; 11] = [0.503, 0.508, 0.515, 0.527, 0.563, 0.637, 0.819, 1.255, 1.878, 3.678, 5.202];

/// Fraction bits of the gate, one less than a word has: 1 is a gate. The nudge makes it that of every large `x`, so
/// that the silu of those is `x`; it costs gates of other `x` a unit, which their products round away.
pub(super) const GATE_BITS: u32 = 22;
pub(super) const GATE_NUDGE: i32 = 1;

/// The silu of words of `fraction_bits`, in words of the same; `None` where [`INPUT_FRACTION_BITS`] does not have
/// them.
///
/// Its `max_error` is in real units.
pub fn silu(fraction_bits: u32) -> Option<Kernel> {
    if !INPUT_FRACTION_BITS.contains(&fraction_bits) {
        return None;
    }
    let (mut builder, x) = Builder::new(format!("silu_q{fraction_bits}"));
    let power = Power { coefficients: &HALF_POWER, squarings: 1 };
    let gate = emit(&mut builder, x, [fraction_bits, GATE_BITS], power, GATE_NUDGE);
    let result = builder.mul(x, gate, GATE_BITS);
    let index = (fraction_bits - INPUT_FRACTION_BITS.start()) as usize;
    Some(builder.finish(result, MAX_ERROR_UNITS[index] * 2f64.powi(-fraction_bits.cast_signed())))
}
