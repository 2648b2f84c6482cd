//! Mappings as a picture: what each costs against what it gives.

use seamount_report::{Explored, ExploredPoint, ExploredResult};

use seamount_report::chart::{Axis, Panel, Picture, Point, Series};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 760.0;
const PANEL_WIDTH: f64 = 350.0;
const PANEL_HEIGHT: f64 = 240.0;
const LEFT: [f64; 2] = [95.0, 575.0];
const TOP: [f64; 2] = [125.0, 455.0];
const MARGIN: f64 = 30.0;
const INK: &str = "#333333";
/// Blue, green and orange of Okabe and Ito, whom everybody can tell apart; paler for what another mapping beats.
const COLORS: [(&str, &str, &str); 3] =
    [("auto", "#0072b2", "#a6cee3"), ("ternary", "#009e73", "#a3dcc9"), ("int8", "#d55e00", "#f2c29b")];

/// A number of a mapping, and what it is.
type Measure = (&'static str, fn(&ExploredResult) -> f64);

#[expect(clippy::cast_precision_loss, reason = "drawn")]
const CHIPS: Measure = ("chips", |result| result.n_chips as f64);
const SPEED: Measure = ("tokens/s of all texts, generating", |result| result.tokens_per_s);
const ENERGY: Measure = ("mJ a token, generating", |result| result.energy_mj_per_token);
const FIRST: Measure = ("ms to the first token", |result| result.time_to_first_token_ms);

/// Draws what was explored in four panels; what no other mapping beats is labelled with its streams.
pub(super) fn svg(explored: &Explored) -> String {
    let mut picture = Picture::new(WIDTH, HEIGHT);
    picture.text(MARGIN, 36.0, 18.0, INK, &format!("{} on {}: mappings", explored.model, explored.arch));
    let subtitle = format!(
        "full dots: no other mapping beats them in all of chips, tokens/s, mJ a token and time to the first token \
         of {} tokens; numbers beside them are streams",
        explored.n_prompt_tokens
    );
    picture.text(MARGIN, 58.0, 12.0, INK, &subtitle);
    for (x, (weights, color, _)) in [MARGIN, MARGIN + 170.0, MARGIN + 340.0].into_iter().zip(COLORS) {
        picture.dot(x + 4.0, 80.0, color);
        picture.text(x + 14.0, 84.0, 12.0, color, &format!("{weights} weights"));
    }
    let panels = [[(CHIPS, SPEED), (SPEED, ENERGY)], [(CHIPS, ENERGY), (CHIPS, FIRST)]];
    for (row, top) in panels.into_iter().zip(TOP) {
        for ((x, y), left) in row.into_iter().zip(LEFT) {
            let x_axis = Axis::whole(x.0, results(explored).map(x.1).chain([0.0]));
            let y_axis = Axis::decades(y.0, results(explored).map(y.1));
            let panel = Panel { left, top, width: PANEL_WIDTH, height: PANEL_HEIGHT, x: &x_axis, y: &y_axis };
            picture.panel(&panel, &series(explored, x, y));
        }
    }
    picture.finish()
}

fn results(explored: &Explored) -> impl Iterator<Item = &ExploredResult> {
    explored.points.iter().filter_map(|point| point.result.as_ref())
}

/// A series for each mapping, since nothing leads from one to another; beaten ones first, so that the others lie on top.
fn series(explored: &Explored, (_, x): Measure, (_, y): Measure) -> Vec<Series> {
    let dot = |point: &ExploredPoint| {
        let result = point.result.as_ref()?;
        let (_, full, pale) = COLORS.into_iter().find(|(weights, ..)| *weights == point.weights)?;
        let label = if point.on_front { point.streams.to_string() } else { String::new() };
        let color = if point.on_front { full } else { pale };
        Some(Series { color, points: vec![Point { x: x(result), y: y(result), label }] })
    };
    let of = |on_front: bool| explored.points.iter().filter(move |point| point.on_front == on_front);
    of(false).chain(of(true)).filter_map(dot).collect()
}
