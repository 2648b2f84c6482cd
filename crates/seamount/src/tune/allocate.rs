//! Bits for points whose losses add up.
//!
//! For each price of a loss, every point takes the width at which its bits and its priced loss together are least:
//! these allocations, one for each price, are the lower convex hull of all there are. This is bit allocation by a
//! Lagrange multiplier, as in Y. Shoham and A. Gersho, "Efficient bit allocation for an arbitrary set of quantizers",
//! IEEE Transactions on Acoustics, Speech, and Signal Processing 36 (1988). Here losses are of the whole model's
//! predictions, each point narrowed alone, so that their sum is a guess: allocations are measured before one is taken.

/// What a point costs and loses at each width.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    /// The narrowest width that may be taken; `losses` begin there, and end with the widest.
    narrowest: u32,
    n_channels: u64,
    losses: Vec<f64>,
}

/// Losses below are none: the difference of two divergences is no better known.
const LEAST_LOSS: f64 = 1e-12;
/// A loss falls to a quarter where a width grows by a bit, as the power of what rounding leaves does.
const LOSS_PER_BIT: f64 = 0.25;

impl Curve {
    /// A curve through measured losses, `(bits, loss)` from narrow to wide, of widths up to the `widest`, at which
    /// there is none. Between them, and above, losses fall evenly in their logarithms; no loss grows with the width.
    pub(super) fn through(measured: &[(u32, f64)], widest: u32, n_channels: u64) -> Self {
        let narrowest = measured.first().map_or(widest, |(bits, _)| *bits);
        let mut losses: Vec<f64> = (narrowest..widest).map(|bits| loss_between(measured, bits)).collect();
        losses.push(0.0);
        for index in (1..losses.len()).rev() {
            losses[index - 1] = losses[index - 1].max(losses[index]);
        }
        Self { narrowest, n_channels, losses }
    }

    /// The loss at a width.
    pub(super) fn loss(&self, bits: u32) -> f64 {
        self.losses[(bits - self.narrowest) as usize]
    }

    /// The narrowest width.
    pub(super) fn narrowest(&self) -> u32 {
        self.narrowest
    }

    /// The width at which bits and priced loss are least together, the narrower of equals.
    fn best(&self, price: f64) -> u32 {
        #[expect(clippy::cast_precision_loss, reason = "channels are few")]
        let cost = |bits: u32| f64::from(bits) * self.n_channels as f64 + price * self.loss(bits);
        let widths = (self.narrowest..).take(self.losses.len());
        widths.min_by(|&a, &b| cost(a).total_cmp(&cost(b))).expect("invariant: a curve has a width")
    }
}

fn loss_between(measured: &[(u32, f64)], bits: u32) -> f64 {
    let log = |loss: f64| loss.max(LEAST_LOSS).ln();
    let above = measured.partition_point(|(width, _)| *width < bits);
    match (above.checked_sub(1).map(|below| measured[below]), measured.get(above)) {
        (_, Some(&(width, loss))) if width == bits => loss.max(0.0),
        (Some((low, low_loss)), Some(&(high, high_loss))) => {
            let place = f64::from(bits - low) / f64::from(high - low);
            (log(low_loss) * (1.0 - place) + log(high_loss) * place).exp()
        }
        (Some((low, loss)), None) => loss.max(0.0) * LOSS_PER_BIT.powi((bits - low).cast_signed()),
        (None, _) => unreachable!("invariant: curves begin with the narrowest measured width"),
    }
}

/// All allocations that some price of a loss asks for, from the narrowest to the widest.
pub(super) fn allocations(curves: &[Curve]) -> Vec<Vec<u32>> {
    let mut found: Vec<Vec<u32>> = Vec::new();
    // Prices from where a channel's bit outweighs all losses to where it weighs nothing, an eighth of an octave apart.
    for step in -160..=480 {
        let price = (f64::from(step) / 8.0).exp2();
        let allocation: Vec<u32> = curves.iter().map(|curve| curve.best(price)).collect();
        if found.last() != Some(&allocation) {
            found.push(allocation);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Curve, allocations};

    #[test]
    fn losses_fall_between_what_was_measured_and_beyond() {
        let curve = Curve::through(&[(8, 1e-2), (12, 1e-4), (14, 2e-4)], 20, 1);
        assert!((curve.loss(10) - 1e-3).abs() < 1e-9);
        // A wider point that lost more makes the narrower one lose as much.
        assert!((curve.loss(12) - 2e-4).abs() < 1e-12);
        assert!((curve.loss(15) - 0.5e-4).abs() < 1e-12);
        assert!(curve.loss(20) == 0.0 && curve.narrowest() == 8);
    }

    #[test]
    fn the_sensitive_and_the_cheap_stay_wide() {
        let sensitive = Curve::through(&[(8, 1e-1)], 16, 100);
        let robust = Curve::through(&[(8, 1e-5)], 16, 100);
        let cheap = Curve::through(&[(8, 1e-1)], 16, 1);
        let found = allocations(&[sensitive, robust, cheap]);
        assert_eq!(found[0], [8, 8, 8]);
        assert_eq!(found.last().unwrap(), &[16, 16, 16]);
        for bits in &found {
            assert!(bits[0] >= bits[1] && bits[2] >= bits[0], "{bits:?}");
        }
        assert!(found.windows(2).all(|pair| pair[0].iter().zip(&pair[1]).all(|(narrow, wide)| narrow <= wide)));
    }
}
