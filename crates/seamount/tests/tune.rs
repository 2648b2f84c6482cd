//! `seamount tune` as a user meets it.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use seamount::tokens::TextTokens;
use serde_json::Value;
use tempfile::TempDir;

const WINDOW: usize = 32;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models")
}

fn seamount(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seamount")).args(args).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.code() != Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `stories-1m` with a part of its calibration text.
struct Fixture {
    folder: TempDir,
    model: String,
    calibration: String,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(models().join("calibration.txt")).unwrap();
        let calibration = folder.path().join("calibration.txt");
        std::fs::write(&calibration, text.lines().take(6).collect::<Vec<_>>().join("\n")).unwrap();
        let model = models().join("stories-1m").display().to_string();
        Self { folder, model, calibration: calibration.display().to_string() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn tune(&self, budget: &str, args: &[&str]) -> Output {
        let (window, output) = (WINDOW.to_string(), self.path("tuned.toml"));
        let own = ["tune", &self.model, "--calibration", &self.calibration, "--budget", budget, "-o", &output];
        seamount(&[&own, &["--window", &window, "--max-tokens", &window, "--format", "json"][..], args].concat())
    }
}

#[test]
fn a_tuned_file_compiles_to_what_the_search_measured() {
    let fixture = Fixture::new();
    let plot = fixture.path("front.svg");
    let tuned = json(&fixture.tune("kl<=1e-3", &["--plot", &plot]));
    let (start, best) = (&tuned["start"], &tuned["best"]);
    for bits in ["payload_bits_per_token", "state_bits_per_token"] {
        assert!(best[bits].as_u64() < start[bits].as_u64(), "{bits}: {start} {best}");
    }
    assert!(best["mean_kl_nats_unrounded"].as_f64().unwrap() <= 1e-3, "{best}");
    let front = tuned["front"].as_array().unwrap();
    assert!(front.contains(best) && front.len() > 3, "{tuned}");
    let points = tuned["points"].as_array().unwrap();
    let keys: Vec<&str> = points.iter().map(|point| point["keys"][0].as_str().unwrap()).collect();
    assert!(keys.contains(&"payload.widths.attn.o_proj") && keys.contains(&"state.residual_bits"), "{keys:?}");
    assert_eq!(best["bits"].as_array().unwrap().len(), points.len());
    assert!(std::fs::read_to_string(plot).unwrap().starts_with("<svg"));

    // The program of the file predicts what the search saw, to the last digit.
    let (quant, program) = (fixture.path("tuned.toml"), fixture.path("tuned.smt"));
    let compiled = seamount(&[
        "compile",
        &fixture.model,
        "--quant",
        &quant,
        "--calibration",
        &fixture.calibration,
        "-o",
        &program,
    ]);
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let tokenizer = std::fs::read(models().join("stories-1m/tokenizer.json")).unwrap();
    let config: Value =
        serde_json::from_slice(&std::fs::read(models().join("stories-1m/config.json")).unwrap()).unwrap();
    let id = |key: &str| config[key].as_u64().and_then(|id| u32::try_from(id).ok());
    let tokens = TextTokens::from_bytes(&tokenizer, id("bos_token_id"), id("eos_token_id")).unwrap();
    let tokens = tokens.lines(&std::fs::read_to_string(&fixture.calibration).unwrap()).unwrap();
    let n_calibrated = usize::try_from(tuned["n_calibration_tokens"].as_u64().unwrap()).unwrap();
    let unseen: Vec<String> = tokens[n_calibrated..].iter().take(WINDOW + 1).map(u32::to_string).collect();
    let ids = fixture.path("ids.txt");
    std::fs::write(&ids, unseen.join(" ")).unwrap();
    let window = WINDOW.to_string();
    let found = json(&seamount(&["eval", &program, "--token-ids", &ids, "--window", &window, "--format", "json"]));
    assert_eq!(found["perplexity_emulated"], best["perplexity"], "{found} {best}");
}

#[test]
fn a_budget_that_nothing_holds_fails_the_check_and_writes_nothing() {
    let fixture = Fixture::new();
    let output = fixture.tune("kl<=0", &[]);
    assert_eq!(output.status.code(), Some(1));
    let tuned = json(&output);
    assert_eq!((&tuned["best"], &tuned["quant"]), (&Value::Null, &Value::Null));
    assert_eq!(tuned["n_tried"], 2, "the configuration's widths, and the widest: {tuned}");
    assert!(!Path::new(&fixture.path("tuned.toml")).exists());
}

#[test]
fn a_search_without_time_keeps_the_widths_that_hold() {
    let fixture = Fixture::new();
    let tuned = json(&fixture.tune("perplexity<=1.5", &["--time-limit", "0", "--per-layer", "--payload-bits", "12"]));
    assert_eq!((&tuned["is_complete"], &tuned["n_tried"]), (&false.into(), &1.into()));
    assert_eq!(tuned["best"], tuned["start"]);
    assert!(tuned["points"].as_array().unwrap().len() > 4 * 6, "one for each block's projection: {tuned}");
    assert!(std::fs::read_to_string(fixture.path("tuned.toml")).unwrap().contains("\"layers.3.mlp.down_proj\" = 12"));
}

#[test]
fn what_is_no_budget_is_refused() {
    let fixture = Fixture::new();
    let output = fixture.tune("perplexity>=1.001", &[]);
    assert_eq!(output.status.code(), Some(2));
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(shown.contains("`perplexity` is better the lower it is: write perplexity<=1.001"), "{shown}");
}
