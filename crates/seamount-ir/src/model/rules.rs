//! The published rules that turn stored parameters into the numbers a model computes with.

/// The published ternary rule: `[weights in {-1, 0, 1}]` and their scale, the mean magnitude.
pub fn absmean_ternary(weights: &[f32]) -> (Vec<i8>, f32) {
    #[expect(clippy::cast_precision_loss, reason = "a mean over fewer than 2^53 weights")]
    let mean = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() / weights.len().max(1) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the float level computes in single precision")]
    let scale = (mean as f32).max(1e-5);
    // Rounded to the nearest of -1, 0 and 1; half rounds to the even 0.
    let round = |w: &f32| i8::from(w / scale > 0.5) - i8::from(w / scale < -0.5);
    (weights.iter().map(round).collect(), scale)
}

/// Row `layer` of `cumsum(softmax(bounds)) - softmax(bounds)[0]` over layers; zero for row 0.
pub fn lower_bound(bounds: &[f32], width: usize, layer: usize) -> Vec<f32> {
    let rows = || bounds.chunks_exact(width);
    (0..width)
        .map(|channel| {
            let top = rows().map(|row| row[channel]).fold(f32::NEG_INFINITY, f32::max);
            let exp = |row: &[f32]| (row[channel] - top).exp();
            rows().skip(1).take(layer).map(exp).sum::<f32>() / rows().map(exp).sum::<f32>()
        })
        .collect()
}
