//! Choosing the next token.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Chooses tokens: the likeliest, or at random by temperature and nucleus. The same seed gives the same choices.
#[derive(Debug, Clone)]
pub struct Sampler {
    temperature: f64,
    top_p: f64,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// Chooses the likeliest.
    pub fn greedy() -> Self {
        Self::new(0.0, 1.0, 0)
    }

    /// Chooses the likeliest where `temperature` is zero. Of the others, only the likeliest that together reach
    /// `top_p` of the probability are chosen from.
    pub fn new(temperature: f64, top_p: f64, seed: u64) -> Self {
        Self { temperature, top_p, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next token after these logits, in real units.
    ///
    /// # Panics
    /// If there is no logit: every vocabulary has a token.
    pub fn choose(&mut self, logits: &[f64]) -> u32 {
        let best = argmax(logits);
        if self.temperature <= 0.0 {
            return best;
        }
        let top = logits[best as usize];
        let mut likely: Vec<(f64, u32)> =
            logits.iter().zip(0..).map(|(logit, token)| (((logit - top) / self.temperature).exp(), token)).collect();
        likely.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let total: f64 = likely.iter().map(|(weight, _)| weight).sum();
        let mut nucleus = 0.0;
        let mut n_kept = 0;
        while n_kept < likely.len() && (n_kept == 0 || nucleus < self.top_p * total) {
            nucleus += likely[n_kept].0;
            n_kept += 1;
        }
        let mut left = self.uniform() * nucleus;
        for &(weight, token) in &likely[..n_kept] {
            left -= weight;
            if left <= 0.0 {
                return token;
            }
        }
        likely[n_kept - 1].1
    }

    /// From 0 to 1, without 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The token of the largest logit, the first of equals.
pub fn argmax(logits: &[f64]) -> u32 {
    let mut best = 0;
    for (token, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = token;
        }
    }
    u32::try_from(best).expect("invariant: tokens are 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_temperature_the_likeliest_is_chosen() {
        assert_eq!(Sampler::new(0.0, 1.0, 1).choose(&[0.0, 2.0, 2.0]), 1);
    }

    #[test]
    fn the_nucleus_leaves_out_the_unlikely() {
        let mut sampler = Sampler::new(1.0, 0.5, 7);
        assert!((0..100).all(|_| sampler.choose(&[5.0, 0.0, 0.0]) == 0));
    }

    #[test]
    fn choices_follow_the_probabilities_and_the_seed() {
        let logits = [0.0, 1.0];
        let draw = |seed| {
            let mut sampler = Sampler::new(1.0, 1.0, seed);
            (0..1000).map(|_| sampler.choose(&logits)).sum::<u32>()
        };
        assert_eq!(draw(3), draw(3));
        assert!((680..780).contains(&draw(3)), "e/(1+e) of 1000 is 731");
    }
}
