//! Widths against accuracy as a picture: the front of a search.

use seamount::tune::{Trial, Tuned};

use seamount_report::chart::{Axis, Panel, Picture, Point, Series};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 440.0;
const PANEL_WIDTH: f64 = 350.0;
const PANEL_HEIGHT: f64 = 240.0;
const LEFT: [f64; 2] = [95.0, 575.0];
const TOP: f64 = 125.0;
const MARGIN: f64 = 30.0;
const INK: &str = "#333333";
/// Blue, orange and green of Okabe and Ito, whom everybody can tell apart.
const COLORS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// Draws the front, divergence and perplexity ratio over bits a token.
pub(super) fn svg(model: &str, tuned: &Tuned) -> String {
    let mut picture = Picture::new(WIDTH, HEIGHT);
    picture.text(MARGIN, 36.0, 18.0, INK, &format!("{model}: widths against accuracy"));
    let subtitle = format!(
        "{} candidates for {} on {} tokens in windows of {}",
        tuned.n_tried, tuned.budget, tuned.n_tokens, tuned.window
    );
    picture.text(MARGIN, 58.0, 12.0, INK, &subtitle);
    for ((x, text), color) in [(MARGIN, "front"), (200.0, "before"), (370.0, "taken")].into_iter().zip(COLORS) {
        picture.dot(x + 4.0, 80.0, color);
        picture.text(x + 14.0, 84.0, 12.0, color, text);
    }
    let trials = || tuned.front.iter().chain([&tuned.start]);
    let divergence = |trial: &Trial| trial.score.mean_kl_nats_unrounded;
    let ratio = |trial: &Trial| trial.score.perplexity_ratio;
    let x = Axis::linear("payloads and state, kbit a token", trials().map(kilobits));
    let divergences = Axis::decades("mean KL from unrounded, nats a token", trials().map(divergence));
    let ratios = Axis::linear("perplexity over the published model's", trials().map(ratio));
    panel(&mut picture, LEFT[0], (&x, &divergences), tuned, divergence);
    panel(&mut picture, LEFT[1], (&x, &ratios), tuned, ratio);
    picture.finish()
}

fn panel(picture: &mut Picture, left: f64, (x, y): (&Axis, &Axis), tuned: &Tuned, of: impl Fn(&Trial) -> f64) {
    let point = |trial: &Trial| Point { x: kilobits(trial), y: of(trial), label: String::new() };
    let series = [
        tuned.front.iter().map(point).collect(),
        vec![point(&tuned.start)],
        tuned.best.iter().map(point).collect::<Vec<_>>(),
    ];
    let series: Vec<Series> = series.into_iter().zip(COLORS).map(|(points, color)| Series { color, points }).collect();
    picture.panel(&Panel { left, top: TOP, width: PANEL_WIDTH, height: PANEL_HEIGHT, x, y }, &series);
}

#[expect(clippy::cast_precision_loss, reason = "drawn")]
fn kilobits(trial: &Trial) -> f64 {
    trial.n_bits() as f64 / 1e3
}
