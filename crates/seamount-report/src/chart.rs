//! Panels of dots and lines in SVG that needs nothing else: no script, no style sheet, no font of its own.

use std::fmt::Write;

const FRAME: &str = "#888888";
const GRID: &str = "#dddddd";
const INK: &str = "#333333";
const FONT_SIZE: f64 = 11.0;
/// The least distance of labels, from line to line.
const LABEL_HEIGHT: f64 = 12.0;
/// Ticks of a linear axis, about.
const N_TICKS: f64 = 5.0;

/// What a coordinate is, and how it is drawn.
#[derive(Debug)]
pub struct Axis {
    title: String,
    /// The ends, in logarithms of 10 where the axis shows decades.
    low: f64,
    high: f64,
    step: f64,
    decades: bool,
}

/// A dot and what stands beside it.
#[derive(Debug)]
pub struct Point {
    /// Along the axis that lies.
    pub x: f64,
    /// Along the axis that stands.
    pub y: f64,
    /// What stands beside it; nothing if empty.
    pub label: String,
}

/// Dots with a line through them.
#[derive(Debug)]
pub struct Series {
    /// As CSS writes it.
    pub color: &'static str,
    /// In the order of the line.
    pub points: Vec<Point>,
}

/// Where a panel is, and its axes.
#[derive(Debug)]
pub struct Panel<'a> {
    /// Where its frame begins, in units of the picture.
    pub left: f64,
    /// The same from above.
    pub top: f64,
    /// Of the frame.
    pub width: f64,
    /// Of the frame.
    pub height: f64,
    /// The axis that lies.
    pub x: &'a Axis,
    /// The axis that stands.
    pub y: &'a Axis,
}

/// A picture that grows element by element.
#[derive(Debug)]
pub struct Picture {
    svg: String,
}

impl Axis {
    /// Even steps of 1, 2 or 5 times a power of ten around all values.
    pub fn linear(title: &str, values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = range(values);
        let spread = if most > least { most - least } else { most.abs().max(1.0) };
        let power = 10f64.powf((spread / N_TICKS).log10().floor());
        let times = spread / N_TICKS / power;
        let step = power
            * if times < 1.5 {
                1.0
            } else if times < 3.5 {
                2.0
            } else if times < 7.5 {
                5.0
            } else {
                10.0
            };
        let (low, high) = ((least / step).floor() * step, (most / step + 0.5).ceil() * step);
        Self { title: title.to_owned(), low, high, step, decades: false }
    }

    /// As [`linear`](Self::linear), with steps of 1 at least: for what is counted.
    pub fn whole(title: &str, values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let axis = Self::linear(title, values.iter().copied());
        if axis.step >= 1.0 {
            return axis;
        }
        let (least, most) = range(values.into_iter());
        Self { low: least.floor(), high: most.floor() + 1.0, step: 1.0, ..axis }
    }

    /// Powers of ten around all positive values.
    pub fn decades(title: &str, values: impl Iterator<Item = f64>) -> Self {
        let (least, most) = range(values.filter(|&value| value > 0.0).map(f64::log10));
        Self { title: title.to_owned(), low: least.floor(), high: most.floor() + 1.0, step: 1.0, decades: true }
    }

    /// From 0 to 1, where the value is in the range.
    fn place(&self, value: f64) -> f64 {
        let value = if self.decades { value.max(f64::MIN_POSITIVE).log10() } else { value };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Places from 0 to 1, and what stands there.
    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few ticks, a few digits")]
        let (n, digits) =
            (((self.high - self.low) / self.step).round() as u32, (-self.step.log10()).ceil().max(0.0) as usize);
        (0..=n).map(move |index| {
            let value = self.low + self.step * f64::from(index);
            let text = if self.decades { format!("1e{value:.0}") } else { format!("{value:.digits$}") };
            (f64::from(index) / f64::from(n), text)
        })
    }
}

/// The least and the largest; 0 and 1 where there is none.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let wider = |(least, most): (f64, f64), value: f64| (least.min(value), most.max(value));
    values.map(|value| (value, value)).reduce(|range, (value, _)| wider(range, value)).unwrap_or((0.0, 1.0))
}

impl Picture {
    /// An empty picture with a white ground.
    pub fn new(width: f64, height: f64) -> Self {
        let mut picture = Self { svg: String::new() };
        picture.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"Helvetica, Arial, sans-serif\">"
        ));
        picture.add(format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"));
        picture
    }

    /// The picture's file.
    pub fn finish(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }

    /// A line of text that begins at a place.
    pub fn text(&mut self, x: f64, y: f64, size: f64, color: &str, text: &str) {
        self.anchored(x, y, size, color, "start", text);
    }

    /// A dot.
    pub fn dot(&mut self, x: f64, y: f64, color: &str) {
        self.add(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{color}\"/>"));
    }

    /// A frame with axes, and all series in it.
    pub fn panel(&mut self, panel: &Panel<'_>, series: &[Series]) {
        self.grid(panel);
        for Series { color, points } in series {
            let places: Vec<(f64, f64)> = points.iter().map(|point| panel.place(point)).collect();
            let corners: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let corners = corners.join(" ");
            self.add(format_args!(
                "<polyline points=\"{corners}\" fill=\"none\" stroke=\"{color}\" stroke-opacity=\"0.5\"/>"
            ));
            places.iter().for_each(|&(x, y)| self.dot(x, y, color));
            self.labels(points, &places, color);
        }
    }

    fn grid(&mut self, panel: &Panel<'_>) {
        let Panel { left, top, width, height, x, y } = *panel;
        let (right, bottom) = (left + width, top + height);
        for (place, text) in x.ticks() {
            let at = left + place * width;
            self.line((at, top), (at, bottom), GRID);
            self.anchored(at, bottom + 16.0, FONT_SIZE, INK, "middle", &text);
        }
        for (place, text) in y.ticks() {
            let at = bottom - place * height;
            self.line((left, at), (right, at), GRID);
            self.anchored(left - 6.0, at + 4.0, FONT_SIZE, INK, "end", &text);
        }
        self.add(format_args!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"{FRAME}\"/>"
        ));
        self.anchored(left + width / 2.0, bottom + 36.0, 12.0, INK, "middle", &x.title);
        self.text(left, top - 8.0, 12.0, INK, &y.title);
    }

    /// Labels beside dots, moved down where they would cover each other.
    fn labels(&mut self, points: &[Point], places: &[(f64, f64)], color: &str) {
        let mut labels: Vec<(f64, f64, &str)> =
            points.iter().zip(places).map(|(point, &(x, y))| (x + 7.0, y - 2.0, point.label.as_str())).collect();
        labels.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.total_cmp(&b.0)));
        for index in 1..labels.len() {
            let (above, (x, y, _)) = (labels[..index].to_vec(), labels[index]);
            for (other_x, other_y, _) in above {
                if (x - other_x).abs() < 2.0 * LABEL_HEIGHT && labels[index].1 < other_y + LABEL_HEIGHT {
                    labels[index].1 = y.max(other_y + LABEL_HEIGHT);
                }
            }
        }
        for (x, y, label) in labels {
            self.text(x, y, FONT_SIZE, color, label);
        }
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), color: &str) {
        self.add(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{color}\"/>"
        ));
    }

    fn anchored(&mut self, x: f64, y: f64, size: f64, color: &str, anchor: &str, text: &str) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{color}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        writeln!(self.svg, "{element}").expect("invariant: strings take what is written");
    }
}

impl Panel<'_> {
    fn place(&self, point: &Point) -> (f64, f64) {
        (self.left + self.x.place(point.x) * self.width, self.top + (1.0 - self.y.place(point.y)) * self.height)
    }
}
