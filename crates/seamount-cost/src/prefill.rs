//! The time to read a prompt.

use crate::constants::{Corner, Costs};
use crate::estimate::{Interval, Moment};
use crate::rates::Rates;
use crate::work::Wavefront;

impl Costs {
    /// Time from the first token of a prompt to the logits of its last, a token entering every step: the time to the
    /// first generated token.
    #[must_use]
    pub fn prefill_ns(&self, wavefront: &Wavefront, n_tokens: u64) -> Interval {
        let [low, value, high] = [Corner::Best, Corner::Stated, Corner::Worst]
            .map(|corner| prefill_ns(self.rates(corner), wavefront, n_tokens));
        Interval { low, value, high }
    }
}

/// While the wavefront fills and drains, only the steps that hold a token take their time.
fn prefill_ns(rates: &Rates, wavefront: &Wavefront, n_tokens: u64) -> f64 {
    let latency = wavefront.steps.len();
    if n_tokens == 0 || latency == 0 {
        return 0.0;
    }
    // More tokens than fill the wavefront only lengthen the time in which nothing changes.
    let window = usize::try_from(n_tokens).unwrap_or(usize::MAX).min(latency);
    let n_full = n_tokens - window as u64 + 1;
    let mut moment = Moment::quiet(wavefront);
    let mut ns = 0.0;
    for now in 0..latency + window - 1 {
        if let Some(step) = wavefront.steps.get(now) {
            moment.enter(step);
        }
        if let Some(empty) = now.checked_sub(window) {
            moment.leave(&wavefront.steps[empty]);
        }
        let n_times = if now + 1 == latency { n_full } else { 1 };
        ns += moment.ns(rates) * n_times as f64;
    }
    ns
}
