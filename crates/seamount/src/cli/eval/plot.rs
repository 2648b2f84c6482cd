//! Bytes against accuracy as a picture: four panels of one sweep.

use seamount::evaluate::{Sweep, SweepPoint};
use seamount_partition::WeightEncoding;

use super::tables::weights;
use seamount_report::chart::{Axis, Panel, Picture, Point, Series};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 760.0;
const PANEL_WIDTH: f64 = 350.0;
const PANEL_HEIGHT: f64 = 240.0;
const LEFT: [f64; 2] = [95.0, 575.0];
const TOP: [f64; 2] = [125.0, 455.0];
const MARGIN: f64 = 30.0;
/// Blue and orange of Okabe and Ito, whom everybody can tell apart.
const COLORS: [(WeightEncoding, &str); 2] = [(WeightEncoding::Ternary2, "#0072b2"), (WeightEncoding::Int8, "#d55e00")];
const BOTH_COLOR: &str = "#333333";

/// A number of a point of a sweep.
type Coordinate = fn(&SweepPoint) -> f64;

/// Draws a sweep: divergence and perplexity ratio over the bytes on neurocores and over those that neurons send.
pub(super) fn svg(model: &str, sweep: &Sweep) -> String {
    let mut picture = Picture::new(WIDTH, HEIGHT);
    let title = format!("{model}: bytes against accuracy");
    picture.text(MARGIN, 36.0, 18.0, BOTH_COLOR, &title);
    let subtitle = format!(
        "{} tokens in windows of {}; numbers beside the dots are the bits of a payload",
        sweep.n_tokens, sweep.window
    );
    picture.text(MARGIN, 58.0, 12.0, BOTH_COLOR, &subtitle);
    legend(&mut picture);

    let values = |of: Coordinate| sweep.points.iter().map(of);
    let from_zero = |of: Coordinate| values(of).chain([0.0]);
    let columns = [
        Column { axis: Axis::linear("memory on neurocores, MB", from_zero(memory_mb)), x: memory_mb, split: true },
        Column {
            axis: Axis::linear("payloads to linear layers, kB a token", from_zero(sent_kb)),
            x: sent_kb,
            split: false,
        },
    ];
    let rows: [(Axis, Coordinate); 2] = [
        (Axis::decades("mean KL from unrounded, nats a token", values(divergence)), divergence),
        (Axis::linear("perplexity over the published model's", values(ratio)), ratio),
    ];
    for ((y, of_y), top) in rows.iter().zip(TOP) {
        for (column, left) in columns.iter().zip(LEFT) {
            let panel = Panel { left, top, width: PANEL_WIDTH, height: PANEL_HEIGHT, x: &column.axis, y };
            picture.panel(&panel, &column.series(sweep, *of_y));
        }
    }
    picture.finish()
}

struct Column {
    axis: Axis,
    x: Coordinate,
    /// Whether the encodings differ in it.
    split: bool,
}

impl Column {
    fn series(&self, sweep: &Sweep, y: Coordinate) -> Vec<Series> {
        let encodings = if self.split { &COLORS[..] } else { &[(WeightEncoding::Ternary2, BOTH_COLOR)] };
        let of = |&(encoding, color): &(WeightEncoding, &'static str)| {
            let points = sweep.points.iter().filter(|point| point.weights == encoding);
            let point = |p: &SweepPoint| Point { x: (self.x)(p), y: y(p), label: p.payload_bits.to_string() };
            Series { color, points: points.map(point).collect() }
        };
        encodings.iter().map(of).collect()
    }
}

fn legend(picture: &mut Picture) {
    let entries = COLORS.map(|(encoding, color)| (format!("{} weights", weights(encoding)), color));
    let entries = entries.into_iter().chain([("either: the same integers".to_owned(), BOTH_COLOR)]);
    for (index, (text, color)) in entries.enumerate() {
        let x = MARGIN + 170.0 * f64::from(u8::try_from(index).expect("invariant: three entries"));
        picture.dot(x + 4.0, 80.0, color);
        picture.text(x + 14.0, 84.0, 12.0, color, &text);
    }
}

#[expect(clippy::cast_precision_loss, reason = "drawn")]
fn memory_mb(point: &SweepPoint) -> f64 {
    point.core_memory_bytes as f64 / 1e6
}

fn sent_kb(point: &SweepPoint) -> f64 {
    point.payload_bytes_per_token / 1e3
}

fn divergence(point: &SweepPoint) -> f64 {
    point.score.mean_kl_nats_unrounded
}

fn ratio(point: &SweepPoint) -> f64 {
    point.score.perplexity_ratio
}
