//! Random numbers by their position: any part of a tensor can be generated on its own.
//!
//! Source: the finalizer of SplitMix64 (Steele, Lea and Flood 2014) over a counter. A number that is about normal is
//! the sum of the four 16-bit parts of one word.

use half::f16;
use half::slice::{HalfBitsSliceExt as _, HalfFloatSliceExt as _};
use rayon::prelude::*;

/// Numbers that one thread generates at a time.
const CHUNK: usize = 1 << 16;
/// The golden ratio in 64 bits: the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
/// The mean of the sum of four uniform numbers from 0 to 2^16 - 1, and its standard deviation.
const SUM_MEAN: f32 = 131_070.0;
const SUM_DEVIATION: f32 = 37_837.2;

/// The key of a tensor's numbers.
#[must_use]
pub fn key(seed: u64, name: &str) -> u64 {
    name.bytes().fold(mix(seed), |key, byte| mix(key ^ u64::from(byte)))
}

/// `n` numbers in half precision, little endian, of a mean and a standard deviation; the same at any thread count.
#[must_use]
pub fn normal_f16(key: u64, n: usize, mean: f32, deviation: f32) -> Vec<u8> {
    let mut bits = vec![0u16; n];
    bits.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, part)| {
        let first = (chunk * CHUNK) as u64;
        let numbers: Vec<f32> =
            (first..).take(part.len()).map(|at| mean + deviation * standard(mix(key.wrapping_add(at)))).collect();
        part.reinterpret_cast_mut::<f16>().convert_from_f32_slice(&numbers);
    });
    bits.into_iter().flat_map(u16::to_le_bytes).collect()
}

/// About normal, of mean 0 and standard deviation 1.
fn standard(word: u64) -> f32 {
    let sum = (0..4).map(|part| (word >> (16 * part)) & 0xffff).sum::<u64>();
    #[expect(clippy::cast_precision_loss, reason = "a sum of four 16-bit numbers is exact in single precision")]
    let sum = sum as f32;
    (sum - SUM_MEAN) / SUM_DEVIATION
}

fn mix(counter: u64) -> u64 {
    let mut word = counter.wrapping_mul(STEP).wrapping_add(STEP);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(key: u64, n: usize) -> Vec<f32> {
        let bytes = normal_f16(key, n, 0.0, 0.02);
        bytes.as_chunks::<2>().0.iter().map(|&half| f16::from_le_bytes(half).to_f32()).collect()
    }

    #[test]
    fn numbers_depend_on_key_and_position_alone() {
        let few = numbers(key(1, "a"), 100);
        assert_eq!(numbers(key(1, "a"), 3 * CHUNK)[..100], few);
        assert_ne!(numbers(key(2, "a"), 100), few);
        assert_ne!(numbers(key(1, "b"), 100), few);
    }

    #[test]
    fn mean_and_deviation_are_those_asked_for() {
        let numbers = numbers(key(1, "a"), CHUNK);
        let n = 65536.0;
        let mean = numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let square = numbers.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() < 3e-4, "{mean}");
        assert!((square.sqrt() - 0.02).abs() < 3e-4, "{}", square.sqrt());
    }
}
