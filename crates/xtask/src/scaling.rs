//! How the time of a token grows with the model's blocks, and that it does not grow with the text before it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seamount_report::chart::{Axis, Panel, Picture, Point, Series};
use xtask::checkpoint::Shape;

use crate::bench;

/// Tokens before those that are timed.
const POSITIONS: [u32; 5] = [100, 400, 1600, 6400, 16_000];
/// Blocks of the models, all others of whose dimensions are the 370M model's.
const BLOCKS: [u32; 4] = [6, 12, 18, 24];

/// `cargo xtask bench scaling` with its options.
#[derive(Debug, PartialEq)]
pub(crate) struct Scaling {
    n_runs: String,
    is_json: bool,
    plot: Option<PathBuf>,
}

/// Milliseconds a token.
#[derive(Debug)]
struct Found {
    /// By tokens before it, in the whole model.
    by_position: Vec<(u32, f64)>,
    /// By blocks, behind the fewest tokens.
    by_blocks: Vec<(u32, f64)>,
}

impl Scaling {
    /// Reads the options.
    pub(crate) fn parse(options: &[&str]) -> Result<Self, String> {
        let mut scaling = Self { n_runs: "5".to_owned(), is_json: false, plot: None };
        let mut options = options.iter();
        while let Some(&option) = options.next() {
            let value = options.next().ok_or_else(|| format!("{option} needs a value"))?;
            match (option, *value) {
                ("--runs", n) => n.clone_into(&mut scaling.n_runs),
                ("--format", "json") => scaling.is_json = true,
                ("--format", "text") => scaling.is_json = false,
                ("--plot", path) => scaling.plot = Some(path.into()),
                _ => return Err(format!("unknown option {option} {value}")),
            }
        }
        Ok(scaling)
    }

    /// Measures, prints, and draws if asked to.
    pub(crate) fn run(&self, root: &Path) -> Result<(), String> {
        let mut found = Found { by_position: Vec::new(), by_blocks: Vec::new() };
        for n_blocks in BLOCKS {
            let is_whole = n_blocks == BLOCKS[BLOCKS.len() - 1];
            let positions = if is_whole { &POSITIONS[..] } else { &POSITIONS[..1] };
            let times = self.measure(root, n_blocks, positions)?;
            found.by_blocks.push((n_blocks, times[0]));
            if is_whole {
                found.by_position = POSITIONS.into_iter().zip(times).collect();
            }
        }
        print!("{}", if self.is_json { found.to_json() } else { found.to_text() });
        match &self.plot {
            Some(path) => fs::write(path, found.to_svg()).map_err(|error| format!("{}: {error}", path.display())),
            None => Ok(()),
        }
    }

    fn measure(&self, root: &Path, n_blocks: u32, positions: &[u32]) -> Result<Vec<f64>, String> {
        let shape = Shape {
            layers: n_blocks as usize,
            ..Shape::published("370m").expect("invariant: it is a published shape")
        };
        let list: Vec<String> = positions.iter().map(u32::to_string).collect();
        let options =
            ["--only", "positions", "--format", "json", "--runs", &self.n_runs, "--positions", &list.join(",")];
        let text = bench::measure(root, &format!("{n_blocks}-blocks"), &shape, &[], &options.map(str::to_owned))?;
        let figures: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(&text).map_err(|error| format!("measure: {error}"))?;
        let time = |position: &String| {
            let key = format!("decode_ms_at_{position}");
            figures.get(&key).and_then(serde_json::Value::as_f64).ok_or_else(|| format!("measure gave no {key}"))
        };
        list.iter().map(time).collect()
    }
}

impl Found {
    fn to_text(&self) -> String {
        let rows = |title: &str, rows: &[(u32, f64)]| {
            let rows = rows.iter().map(|(n, ms)| format!("{n:>16}  {ms:>10.2}\n"));
            format!("{title:>16}  ms a token\n{}", rows.collect::<String>())
        };
        rows("tokens before", &self.by_position) + &rows("blocks", &self.by_blocks)
    }

    fn to_json(&self) -> String {
        let rows = |key: &str, rows: &[(u32, f64)]| -> Vec<serde_json::Value> {
            rows.iter().map(|(n, ms)| serde_json::json!({ key: n, "ms_per_token": ms })).collect()
        };
        let found = serde_json::json!({
            "by_position": rows("tokens_before", &self.by_position),
            "by_blocks": rows("blocks", &self.by_blocks),
        });
        format!("{found:#}\n")
    }

    fn to_svg(&self) -> String {
        let mut picture = Picture::new(960.0, 380.0);
        picture.text(30.0, 36.0, 18.0, "#333333", "The emulator's time for a token, 370M shape");
        picture.text(30.0, 58.0, 12.0, "#333333", "one text, all threads; medians");
        let from_zero = |rows: &[(u32, f64)]| {
            let times: Vec<f64> = rows.iter().map(|&(_, ms)| ms).chain([0.0]).collect();
            Axis::linear("ms a token", times.into_iter())
        };
        let tokens = Axis::decades("tokens before it", self.by_position.iter().map(|&(n, _)| f64::from(n)));
        let blocks = Axis::whole("blocks", self.by_blocks.iter().map(|&(n, _)| f64::from(n)).chain([0.0]));
        for (left, x, rows) in [(70.0, &tokens, &self.by_position), (560.0, &blocks, &self.by_blocks)] {
            let points = rows.iter().map(|&(n, ms)| Point { x: f64::from(n), y: ms, label: String::new() }).collect();
            let panel = Panel { left, top: 95.0, width: 350.0, height: 220.0, x, y: &from_zero(rows) };
            picture.panel(&panel, &[Series { color: "#0072b2", points }]);
        }
        picture.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let scaling = Scaling::parse(&["--runs", "3", "--format", "json", "--plot", "a.svg"]);
        assert_eq!(scaling, Ok(Scaling { n_runs: "3".to_owned(), is_json: true, plot: Some("a.svg".into()) }));
        assert_eq!(Scaling::parse(&["--format", "xml"]), Err("unknown option --format xml".to_owned()));
        assert_eq!(Scaling::parse(&["--plot"]), Err("--plot needs a value".to_owned()));
    }

    #[test]
    fn figures_are_written_in_all_forms() {
        let found = Found { by_position: vec![(100, 8.0), (400, 8.25)], by_blocks: vec![(6, 2.5), (24, 8.0)] };
        assert!(found.to_text().contains("             400        8.25\n"), "{}", found.to_text());
        let json: serde_json::Value = serde_json::from_str(&found.to_json()).expect("it is JSON");
        assert_eq!(json["by_blocks"][1]["ms_per_token"], 8.0);
        assert_eq!(found.to_svg().matches("<circle").count(), 4);
    }
}
