//! Magnitudes in equal bins, and where to clip them.

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
