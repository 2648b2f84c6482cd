//! How often magnitudes are seen, and where to clip them; how much energy they hold, and what of it is negligible.

/// Bins of a histogram; a clip is as exact as one of them is narrow.
const N_BINS: usize = 2048;

/// How often each magnitude was seen, from 0 to a largest one.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    largest: f64,
    counts: Vec<u64>,
}

impl Histogram {
    /// An empty histogram for magnitudes up to `largest`.
    pub(crate) fn new(largest: f64) -> Self {
        Self { largest, counts: vec![0; N_BINS] }
    }

    /// Counts the magnitudes of a vector.
    pub(crate) fn add(&mut self, vector: &[f32]) {
        #[expect(clippy::cast_precision_loss, reason = "bins are few")]
        let bins_per_unit = N_BINS as f64 / self.largest.max(f64::MIN_POSITIVE);
        for &x in vector {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "magnitudes are not negative")]
            let bin = (f64::from(x.abs()) * bins_per_unit) as usize;
            self.counts[bin.min(N_BINS - 1)] += 1;
        }
    }

    /// Adds the counts of another histogram of the same range.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(total, count)| *total += count);
    }

    /// The least edge of a bin that a share of all magnitudes, in percent, stays below.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let mut below = 0;
        for (bin, count) in self.counts.iter().enumerate() {
            below += count;
            #[expect(clippy::cast_precision_loss, reason = "counts are exact in doubles")]
            if below as f64 >= total as f64 * percent / 100.0 {
                return self.edge(bin + 1);
            }
        }
        self.largest
    }

    /// The edge at which rounding to words of some bits and clipping have the least mean square error together.
    pub(crate) fn least_square_error(&self, bits: u32) -> f64 {
        let levels = 2f64.powi(bits.cast_signed() - 1) - 1.0;
        let mut best = (f64::INFINITY, self.largest);
        for clip_bin in N_BINS / 16..=N_BINS {
            let clip = self.edge(clip_bin);
            let rounding = (clip / levels).powi(2) / 12.0;
            let mut error = 0.0;
            for (bin, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let beyond = (self.edge(bin) + self.edge(bin + 1)) / 2.0 - clip;
                #[expect(clippy::cast_precision_loss, reason = "counts are exact in doubles")]
                let weight = count as f64;
                error += weight * if bin < clip_bin { rounding } else { beyond * beyond };
            }
            if error < best.0 {
                best = (error, clip);
            }
        }
        best.1
    }

    #[expect(clippy::cast_precision_loss, reason = "bins are few")]
    fn edge(&self, bin: usize) -> f64 {
        self.largest * bin as f64 / N_BINS as f64
    }
}

/// Octaves below the largest magnitude that are told apart.
const N_OCTAVES: u32 = 32;
/// Bits of a float's fraction that name a bin: 32 bins an octave.
const FRACTION_BITS: u32 = 5;

/// Sums of squares by magnitude, in bins of a 32nd of an octave.
///
/// A bin is the upper bits of a float, which order magnitudes as the floats themselves. Each sum is in the order in
/// which values come.
#[derive(Debug, Clone)]
pub(crate) struct Energies {
    first: u32,
    squares: Vec<f64>,
}

impl Energies {
    /// No energy yet, of magnitudes up to `largest`.
    pub(crate) fn new(largest: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "it was seen as a float of this width")]
        let last = Self::bin(largest as f32);
        let first = last.saturating_sub(N_OCTAVES << FRACTION_BITS);
        Self { first, squares: vec![0.0; (last - first + 1) as usize] }
    }

    /// Adds the squares of a vector.
    pub(crate) fn add(&mut self, vector: &[f32]) {
        let last = self.squares.len() - 1;
        for &x in vector {
            let bin = Self::bin(x).saturating_sub(self.first) as usize;
            self.squares[bin.min(last)] += f64::from(x) * f64::from(x);
        }
    }

    /// Adds the sums of others of the same range.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.squares.iter_mut().zip(&other.squares).for_each(|(total, squares)| *total += squares);
    }

    /// The edge of a bin below which no more than a share of the energy lies.
    pub(crate) fn negligible(&self, share: f64) -> f64 {
        let tolerated = self.squares.iter().sum::<f64>() * share;
        let mut below = 0.0;
        for (squares, bin) in self.squares.iter().zip(self.first..) {
            below += squares;
            if below > tolerated {
                // The first bin takes what is smaller as well.
                return if bin == self.first { 0.0 } else { f64::from(f32::from_bits(bin << (23 - FRACTION_BITS))) };
            }
        }
        0.0
    }

    fn bin(x: f32) -> u32 {
        x.abs().to_bits() >> (23 - FRACTION_BITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand small values and one a hundred times as large.
    fn spiky() -> Histogram {
        let mut histogram = Histogram::new(100.0);
        let small: Vec<f32> = (0u16..1000).map(|n| f32::from(n) / 1000.0).collect();
        histogram.add(&small);
        histogram.add(&[-100.0]);
        histogram
    }

    #[test]
    fn a_percentile_leaves_out_the_rare() {
        assert!(spiky().percentile(99.0) < 1.05);
        assert!((spiky().percentile(100.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_negligible_holds_no_more_than_its_share() {
        let values: Vec<f32> = (0u16..1000).map(|n| f32::from(n) / 1000.0).collect();
        let mut energies = Energies::new(0.999);
        energies.add(&values);
        let energy =
            |below: f64| values.iter().map(|&x| f64::from(x)).filter(|&x| x < below).map(|x| x * x).sum::<f64>();
        for share in [1e-6, 1e-4, 0.01, 0.1] {
            let edge = energies.negligible(share);
            let total = energy(1.0);
            assert!(energy(edge) <= share * total, "{share}: below {edge}");
            // A bin is a 32nd of an octave wide, which the cube of its edge is 10 % of.
            assert!(energy(edge * 1.05) > share * total, "{share}: below {edge}");
        }
        assert!(energies.negligible(0.0) <= 0.001);
        assert!(Energies::new(0.0).negligible(0.5).abs() < 1e-300, "no energy, nothing to drop");
    }

    #[test]
    fn few_bits_clip_more_than_many() {
        let mut histogram = Histogram::new(8.0);
        for n in 1u16..=800 {
            // Densities that fall with the square: rare large values.
            let x = f32::from(n) / 100.0;
            histogram.add(&vec![x; usize::from(800 / n)]);
        }
        let few = histogram.least_square_error(4);
        let many = histogram.least_square_error(12);
        assert!(few < many, "{few} {many}");
        assert!((many - 8.0).abs() < 0.1, "{many}");
    }
}
