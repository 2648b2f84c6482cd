//! `seamount eval` as a user meets it: where the error of a compiled checkpoint comes from.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models").join(name).display().to_string()
}

/// `seamount eval` on a few held-out tokens.
fn eval(args: &[&str]) -> Output {
    let text = fixture("heldout.txt");
    let few = ["eval", "--text", &text, "--window", "64", "--max-tokens", "128"];
    Command::new(env!("CARGO_BIN_EXE_seamount")).args([&few, args].concat()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Of `stories-1m`, calibrated on a part of its text.
fn succeed(args: &[&str]) -> String {
    let calibration = std::fs::read_to_string(fixture("calibration.txt")).unwrap();
    let few: Vec<&str> = calibration.lines().take(8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(few.join("\n").as_bytes()).unwrap();
    let (model, calibration) = (fixture("stories-1m"), file.path().display().to_string());
    let output = eval(&[&["--model", &model, "--calibration", &calibration], args].concat());
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn succeed_json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[args, &["--format", "json"]].concat())).unwrap()
}

#[test]
fn a_checkpoint_is_compiled_and_compared_with_both_float_models() {
    let json = succeed_json(&["--payload-bits", "12"]);
    assert_eq!(json["n_tokens"], 128);
    for key in ["perplexity_float", "perplexity_unrounded", "mean_kl_nats", "top1_agreement"] {
        assert!(json[key].is_f64(), "{key}: {json}");
    }
    let (published, unrounded) = (&json["mean_kl_nats"], &json["mean_kl_nats_unrounded"]);
    assert!(unrounded.as_f64().unwrap() < published.as_f64().unwrap(), "{json}");
    assert!(json["top1_agreement_unrounded"].as_f64().unwrap() > 0.95, "{json}");
}

#[test]
fn by_pass_and_by_layer_are_tables_or_json() {
    let shown = succeed(&["--by-pass", "--by-layer"]);
    for part in ["published", "late_norm", "fixed_approximated", "emulated", "state.0", "logits", "SNR, dB"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");

    let json = succeed_json(&["--by-pass", "--by-layer"]);
    assert!(json.get("sweep").is_none(), "{json}");
    let steps = json["by_pass"]["steps"].as_array().unwrap();
    assert_eq!((&steps[0]["step"], &steps[0]["n_saturations"]), (&"published".into(), &Value::Null));
    assert_eq!(steps.last().unwrap()["step"], "emulated");
    let taps = json["by_layer"]["taps"].as_array().unwrap();
    assert!(taps.iter().all(|tap| tap["snr_db"].as_f64().unwrap() > 40.0), "{json}");
}

#[test]
fn by_projection_counts_zeros_which_a_tolerance_adds_to() {
    let zero_share = |args: &[&str]| {
        let json = succeed_json(&[&["--by-projection", "--payload-bits", "8"], args].concat());
        let payloads = json["by_projection"]["payloads"].as_array().unwrap().clone();
        assert_eq!(payloads.len(), 4 * 6 + 1, "{json}");
        let threshold = |index: usize| payloads[index]["spike_threshold"].as_u64().unwrap();
        assert_eq!(payloads[5]["projections"], serde_json::json!(["mlp.down_proj"]));
        (json["by_projection"]["zero_payload_share"].as_f64().unwrap(), threshold(0), threshold(5))
    };
    let (none, low, high) =
        (zero_share(&[]), zero_share(&["--spike-threshold", "30dB"]), zero_share(&["--spike-threshold", "2%"]));
    assert_eq!((none.1, none.2), (1, 1));
    assert!(none.0 < low.0 && low.0 < high.0, "{none:?} {low:?} {high:?}");
    assert!(high.1 > high.2, "each layer has its own: {high:?}");

    let shown = succeed(&["--by-projection"]);
    assert!(shown.contains("mlp.down_proj") && shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
}

#[test]
fn the_plot_is_a_picture_of_every_width_and_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bytes.svg");
    let json = succeed_json(&["--plot", &file.display().to_string()]);
    let points = json["sweep"]["points"].as_array().unwrap();
    assert_eq!(points.len(), 6 * 2);
    let key = |name: &str| points.iter().map(|point| point[name].as_f64().unwrap()).collect::<Vec<_>>();
    let divergence = key("mean_kl_nats_unrounded");
    assert!(divergence[0] < divergence[11] && divergence[11] < 0.01, "{divergence:?}");
    let sent = key("payload_bytes_per_token");
    assert!(sent.is_sorted_by(|wide, narrow| wide >= narrow), "{sent:?}");
    for encodings in points.chunks(2) {
        assert_eq!((&encodings[0]["weights"], &encodings[1]["weights"]), (&"ternary".into(), &"int8".into()));
        assert_eq!(encodings[0]["perplexity"], encodings[1]["perplexity"], "encodings change no integer");
        assert!(encodings[0]["program_bytes"].as_u64() < encodings[1]["program_bytes"].as_u64());
    }
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    let n_encodings_drawn = 3;
    assert_eq!(svg.matches("<circle ").count(), 3 + 2 * 6 * n_encodings_drawn, "a legend, and a dot a point a row");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (program, model) = (fixture("heldout.txt"), fixture("stories-1m"));
    for (args, part) in [
        (&[][..], "required"),
        (&["--by-pass"], "--model <DIR>"),
        (&[&program, "--model", &model, "--by-pass"], "cannot be used with"),
        (&[&program, "--model", &model, "--plot", "a.svg"], "cannot be used with"),
        (&[&program, "--payload-bits", "8"], "cannot be used with"),
        (&["--model", &model, "--by-layer", "--arch", "loihi3"], "error[arch]"),
        (&["--model", &model, "--plot", "no-such-folder/a.svg"], "--> no-such-folder/a.svg"),
    ] {
        let output = eval(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let shown = text(&output.stderr);
        assert!(shown.contains(part), "{args:?}: {shown}");
    }
}
