//! The command as a user meets it: results, messages, exit codes.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/models")
}

fn seamount(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_seamount")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn succeed(args: &[&str]) -> String {
    let output = seamount(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn succeed_json(args: &[&str]) -> Value {
    serde_json::from_str(&succeed(&[args, &["--format", "json"]].concat())).unwrap()
}

/// Exit code 2 and the message.
fn refuse(args: &[&str]) -> String {
    let output = seamount(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "{args:?} wrote a result as well");
    text(&output.stderr)
}

/// `stories-1m`, compiled once.
fn program() -> &'static str {
    static PROGRAM: OnceLock<(TempDir, String)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stories.smt").display().to_string();
        let model = models().join("stories-1m").display().to_string();
        let calibration = models().join("calibration.txt").display().to_string();
        succeed(&["compile", &model, "-o", &path, "--calibration", &calibration]);
        (folder, path)
    });
    path
}

#[test]
fn the_demo_tells_a_story_and_says_where_it_ran() {
    let shown = succeed(&["demo"]);
    for part in ["neurocores", "The sun was out when Mira went to the harbour.", "synaptic operations"] {
        assert!(shown.contains(part), "{shown}");
    }
    let json = succeed_json(&["demo", "--max-tokens", "8", "--prompt", "Mira"]);
    assert_eq!(json["compilation"]["model"], "stories-2m");
    assert_eq!(json["compilation"]["sums"]["n_overflow_in_calibration"], 0);
    assert_eq!(json["story"]["n_generated_tokens"], 8);
    assert!(json["story"]["events"]["synaptic_ops"].as_u64().unwrap() > 1_000_000);
}

#[test]
fn compile_says_where_the_model_went_and_writes_its_map() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let model = models().join("stories-1m").display().to_string();
    let args = [
        "compile",
        &model,
        "-o",
        &path("a.smt"),
        "--weights",
        "int8",
        "--head",
        "host",
        "--core-map",
        &path("map.json"),
    ];
    let json = succeed_json(&args);
    assert_eq!(json["n_chips_used"], 1);
    assert_eq!(json["latency_steps"], 35);
    let map: Value = serde_json::from_slice(&std::fs::read(path("map.json")).unwrap()).unwrap();
    assert_eq!(map["weights"], "int8");

    let shown = succeed(&["report", program(), "--diff", &path("a.smt")]);
    for part in ["Options", "Neuron groups that changed", "moved to another neurocore"] {
        assert!(shown.contains(part), "{shown}");
    }
    let diff = succeed_json(&["report", program(), "--diff", &path("a.smt")]);
    assert!(diff["options"].as_array().unwrap().iter().any(|row| row["name"] == "weights" && row["after"] == "int8"));
    assert!(succeed(&["report", program(), "--diff", program()]).contains("The mappings are the same."));
}

#[test]
fn compile_prints_what_a_pass_left_as_text_that_parses() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.smt").display().to_string();
    let model = models().join("stories-1m").display().to_string();
    let shown = seamount(&["compile", &model, "-o", &output, "--print-after", "quantize"]);
    let module = text(&shown.stderr);
    assert!(module.starts_with("// after quantize\nfixed \"stories-1m\" {"), "{module}");
    seamount_ir::Module::parse(&module).unwrap().verify().unwrap();
    assert!(refuse(&["compile", &model, "--print-after", "quantise"]).contains("did you mean `quantize`?"));
}

/// `stories-1m` with a `quantization_config`, in a folder of the same name.
fn trained(quantization: &Value) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("stories-1m");
    std::fs::create_dir(&copy).unwrap();
    let original = models().join("stories-1m");
    for file in ["model.safetensors", "tokenizer.json"] {
        std::fs::copy(original.join(file), copy.join(file)).unwrap();
    }
    let config = std::fs::read_to_string(original.join("config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["quantization_config"] = quantization.clone();
    std::fs::write(copy.join("config.json"), config.to_string()).unwrap();
    let copy = copy.display().to_string();
    (folder, copy)
}

#[test]
fn an_exported_quantization_compiles_to_the_same_program_without_calibration() {
    let model = models().join("stories-1m").display().to_string();
    let calibration = models().join("calibration.txt").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    succeed(&["quant", "export", &model, "--calibration", &calibration, "-o", &path("quantization.json")]);
    let fragment: Value = serde_json::from_str(&std::fs::read_to_string(path("quantization.json")).unwrap()).unwrap();
    let exported = &fragment["quantization_config"];
    assert_eq!(exported["quant_method"], "seamount");

    let (_kept, copy) = trained(exported);
    let output = seamount(&["compile", &copy, "-o", &path("same.smt")]);
    assert!(text(&output.stderr).contains("note: ranges are the checkpoint's own: nothing is calibrated"));
    assert!(std::fs::read(path("same.smt")).unwrap() == std::fs::read(program()).unwrap());

    // What the command line says counts, and is told.
    let json = succeed_json(&["compile", &copy, "-o", &path("narrow.smt"), "--payload-bits", "12"]);
    let notes = json["notes"].as_array().unwrap();
    assert!(notes[0].as_str().unwrap().starts_with("payload.bits = 12 (was 16)"), "{json}");
    assert!(notes[1].as_str().unwrap().contains("nothing is calibrated"), "{json}");
    std::fs::write(path("early.toml"), "[norm]\nplacement = \"early\"\n").unwrap();
    let args = ["quant", "export", &copy, "--quant", &path("early.toml")];
    let output = seamount(&args);
    assert!(text(&output.stderr).contains("it is calibrated anew"), "{}", text(&output.stderr));
    let early: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(early["quantization_config"]["norm"]["placement"], "early");

    let mut wrong = exported.clone();
    wrong["payload"] = serde_json::json!({"bit": 8});
    let (_kept, copy) = trained(&wrong);
    let shown = refuse(&["compile", &copy, "-o", &path("wrong.smt")]);
    assert!(shown.starts_with("error[quant]: ") && shown.contains("did you mean `payload.bits`?"), "{shown}");
    assert!(!folder.path().join("wrong.smt").exists());
}

#[test]
fn run_continues_a_prompt_the_same_way_for_the_same_seed() {
    let greedy = succeed(&["run", program(), "--prompt", "It was raining when", "--max-tokens", "12"]);
    assert!(greedy.starts_with("It was raining when "), "{greedy}");
    let sampled = |seed| {
        let args = ["run", program(), "--prompt", "Mira", "--temperature", "1.5", "--top-p", "0.9", "--seed", seed];
        succeed_json(&[&args[..], &["--max-tokens", "24"]].concat())["generated_ids"].clone()
    };
    assert_eq!(sampled("1"), sampled("1"));
    assert_ne!(sampled("1"), sampled("2"));
    let ids = succeed_json(&["run", program(), "--prompt-ids", "1, 40 41", "--max-tokens", "3"]);
    assert_eq!(ids["n_prompt_tokens"], 3);
    assert_eq!(ids["generated_ids"].as_array().unwrap().len(), 3);
}

#[test]
fn eval_compares_with_the_float_model() {
    let held_out = models().join("heldout.txt").display().to_string();
    let model = models().join("stories-1m").display().to_string();
    let args = ["eval", program(), "--text", &held_out, "--max-tokens", "512", "--model", &model];
    let json = succeed_json(&args);
    assert_eq!(json["n_tokens"], 512);
    assert!((json["perplexity_ratio"].as_f64().unwrap() - 1.0).abs() < 0.01, "{json}");
    for key in ["perplexity_float", "perplexity_emulated", "top1_agreement"] {
        assert!(json[key].is_f64(), "{key}: {json}");
    }
}

#[test]
fn ranges_say_what_can_overflow() {
    let model = models().join("stories-1m").display().to_string();
    let calibration = models().join("calibration.txt").display().to_string();
    let shown = succeed(&["ranges", &model, "--calibration", &calibration]);
    assert!(shown.contains("layers.3.mlp.down_proj") && shown.contains(" state "), "{shown}");
    assert!(shown.contains(" can overflow in the worst case, none did in calibration"), "{shown}");
    let args = ["ranges", &model, "--calibration", &calibration, "--guarantee-no-overflow", "--all"];
    let json = succeed_json(&args);
    assert_eq!(json["sums"]["n_may_overflow"], 0);
    let values = json["values"].as_array().unwrap();
    assert!(values.len() > 150 && values.iter().all(|row| row["worst"]["most"].is_i64()), "{json}");
}

#[test]
fn functions_are_made_for_bounds() {
    let json = succeed_json(&["quant", "functions", "--silu-error", "2^-3", "--inv-sqrt-error", "0.1"]);
    let rows = json.as_array().unwrap();
    assert_eq!(rows.len(), 2, "{json}");
    assert!(rows[0]["max_error"].as_f64().unwrap() <= 0.125 && rows[1]["function"] == "inv_sqrt_f28", "{json}");
    let shown = refuse(&["quant", "functions", "--sigmoid-error", "2^-22"]);
    assert!(shown.starts_with("error[functions]: ") && shown.contains("the finest errs by"), "{shown}");
}

#[test]
fn report_and_dis_show_a_program() {
    assert!(succeed(&["report", program()]).contains("Limits of a neurocore"));
    assert_eq!(succeed_json(&["report", program()])["mapping"]["n_chips_used"], 1);
    let listing = succeed(&["dis", program()]);
    assert!(listing.contains("MUL_SHR.R") && listing.contains("SPIKE"), "{}", &listing[..500]);
}

#[test]
fn a_report_is_a_page_a_file_or_a_schema_and_shows_what_a_run_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    succeed(&["run", program(), "--prompt", "Mira", "--max-tokens", "2", "--activity", &path("run.json")]);
    succeed(&["report", program(), "--activity", &path("run.json"), "--format", "html", "-o", &path("a.html")]);
    assert!(read("a.html").starts_with("<!doctype html>"));
    assert!(read("a.html").contains("\"n_tokens\":"));
    assert!(succeed(&["report", program(), "--format", "html"]).ends_with("</html>\n"));

    succeed(&["report", program(), "--prompt", "Mira", "--format", "json", "-o", &path("a.json")]);
    let report: Value = serde_json::from_str(&read("a.json")).unwrap();
    assert!(report["activity"]["counts"]["synaptic_ops"].as_u64().unwrap() > 0);
    let schema: Value = serde_json::from_str(&succeed(&["report", "--schema"])).unwrap();
    assert_eq!(schema["title"], "Report");

    std::fs::write(path("bad.json"), "{}").unwrap();
    let shown = refuse(&["report", program(), "--activity", &path("bad.json")]);
    assert!(shown.starts_with("error[activity]: ") && shown.contains("seamount run"), "{shown}");
    let other = read("run.json").replace("\"core_idx\":0,\"counts\"", "\"core_idx\":9,\"counts\"");
    std::fs::write(path("other.json"), other).unwrap();
    let shown = refuse(&["report", program(), "--activity", &path("other.json")]);
    assert!(shown.contains("core 9"), "{shown}");
    assert!(refuse(&["arch", "list", "--format", "html"]).contains("only `seamount report` writes HTML"));
    assert!(refuse(&["report", program(), "--diff", program(), "--format", "html"]).contains("text or JSON"));
}

#[test]
fn explore_maps_a_model_in_many_ways_and_writes_what_it_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let model = models().join("stories-1m").display().to_string();
    let choices = ["--objective", "chips,latency", "--weights", "auto", "--streams", "1,4", "--effort", "0"];
    let explored = succeed_json(&[&["explore", &model, "-o", &path("found")], &choices[..]].concat());
    let points = explored["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    assert!(points.iter().all(|point| point["result"]["tokens_per_s"].as_f64().unwrap() > 0.0), "{explored}");
    assert!(points.iter().any(|point| point["on_front"] == true));
    let csv = std::fs::read_to_string(path("found/explored.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + points.len());
    assert!(std::fs::read_to_string(path("found/explored.svg")).unwrap().ends_with("</svg>\n"));
    let page = ["report", program(), "--format", "html", "--explored", &path("found/explored.json")];
    assert!(succeed(&page).contains("\"explored\":{"));
    let shown = refuse(&["report", program(), "--format", "html", "--explored", &path("found/explored.csv")]);
    assert!(shown.starts_with("error[explored]: "), "{shown}");
}

#[test]
fn opt_imports_lists_and_runs_passes() {
    let model = models().join("stories-1m").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.smir").display().to_string();
    succeed(&["opt", &model, "-o", &file]);
    let elided = refuse(&["opt", "--passes", "ternarize", &file]);
    assert!(elided.contains("give the weights as well"), "{elided}");
    let ternary = succeed(&["opt", "--passes", "ternarize, split-projections", &file, "--weights", &model]);
    assert!(ternary.contains(": ternary[128, 128] * "), "{ternary}");
    assert!(succeed(&["opt", "--list"]).contains("balance-delays (network -> network)"));
    assert_eq!(succeed_json(&["opt", "--list"]).as_array().unwrap().len(), seamount::passes::all().len());
}

#[test]
fn arch_lists_shows_and_checks() {
    assert!(succeed(&["arch", "list"]).contains("loihi2-hala-point"));
    assert!(succeed(&["arch", "check"]).contains("loihi1: sound"));
    let shown = succeed_json(&["arch", "show", "loihi2-alia-point"]);
    assert!(shown["parameters"].as_array().unwrap().iter().all(|parameter| parameter["status"].is_string()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    std::fs::write(&file, succeed(&["arch", "show", "loihi2-alia-point", "--toml"])).unwrap();
    succeed(&["arch", "check", &file.display().to_string()]);
}

#[test]
fn bad_input_is_told_apart_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.smt");
    let output_text = output.display().to_string();
    let model = models().join("stories-2m").display().to_string();
    let held_out = models().join("heldout.txt").display().to_string();

    let shown = refuse(&["compile", "no-such-folder", "-o", &output_text]);
    assert!(shown.starts_with("error[checkpoint]: ") && shown.contains("config.json"), "{shown}");
    let shown = refuse(&["compile", &model, "-o", &output_text, "--arch", "loihi2-alia-piont"]);
    assert!(shown.starts_with("error[arch]: ") && shown.contains("loihi2-alia-point"), "{shown}");
    let shown = refuse(&["compile", &model, "-o", &output_text, "--arch", "loihi1"]);
    assert!(shown.contains("an accumulator has 22"), "{shown}");
    assert!(!output.exists());

    let shown = refuse(&["run", &held_out, "--prompt", "a"]);
    assert!(shown.starts_with("error[program]: not a Seamount program"), "{shown}");
    let shown = refuse(&["run", program(), "--prompt-ids", "1,x"]);
    assert!(shown.starts_with("error[tokens]: \"x\" is no token id"), "{shown}");
    let shown = refuse(&["run", program(), "--prompt-ids", "512"]);
    assert!(shown.contains("512"), "{shown}");
    let shown = refuse(&["eval", program(), "--text", "no-such-file"]);
    assert!(shown.starts_with("error[io]: ") && shown.contains("no-such-file"), "{shown}");
    let shown = refuse(&["opt", "--passes", "fold-double-nrom", &held_out]);
    assert!(shown.contains("did you mean `fold-double-norm`?"), "{shown}");
    let shown = refuse(&["opt", &held_out]);
    assert!(shown.starts_with("error[parse]: ") && shown.contains("heldout.txt:1:"), "{shown}");

    let json = refuse(&["run", "no-such-file", "--prompt", "a", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["error"]["code"], "program");
}

#[test]
fn many_prompts_are_continued_as_each_of_them_by_either_engine() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = ["Once upon a time", "Mira went", "The sun"];
    let path = folder.path().join("prompts.txt").display().to_string();
    std::fs::write(&path, prompts.join("\n")).unwrap();
    let lines = |more: &[&str]| -> Vec<Value> {
        let args = ["run", program(), "--prompts", &path, "--max-tokens", "6", "--format", "json"];
        succeed(&[&args, more].concat()).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let stories = lines(&[]);
    assert_eq!(stories.len(), prompts.len());
    assert_eq!(stories, lines(&["--engine", "reference"]));
    for (prompt, story) in prompts.iter().zip(stories) {
        assert_eq!(succeed_json(&["run", program(), "--prompt", prompt, "--max-tokens", "6"]), story);
    }
    let shown = refuse(&["run", program(), "--prompts", &folder.path().join("none.txt").display().to_string()]);
    assert!(shown.contains("cannot read the prompts"), "{shown}");
}

#[test]
fn a_saved_state_goes_on_as_if_the_text_had_not_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let prompt = "Once upon a time there was a fisherman";
    let whole = succeed_json(&["run", program(), "--prompt", prompt, "--max-tokens", "20"]);
    let ids = |story: &Value| story["generated_ids"].as_array().unwrap().clone();

    let save = ["--save-state", &path("a.state")];
    let first = succeed_json(&[&["run", program(), "--prompt", prompt, "--max-tokens", "8"], &save[..]].concat());
    let load = ["run", program(), "--load-state", &path("a.state"), "--max-tokens", "12"];
    let rest = succeed_json(&load);
    assert_eq!(rest, succeed_json(&[&load, &["--engine", "reference"][..]].concat()));
    assert_eq!(ids(&whole), [ids(&first), ids(&rest)].concat());
    assert_eq!(rest["n_prompt_tokens"], 0);
    // Counts are those of this run: the last token of the first one was read when its state was saved.
    let ops = |story: &Value| story["events"]["synaptic_ops"].as_u64().unwrap();
    assert_eq!(ops(&whole), ops(&first) + ops(&rest));

    // What follows a state is no beginning: the prompts have no beginning token.
    std::fs::write(path("prompts.txt"), " He had a boat.\n He had no boat.\n").unwrap();
    let lines = succeed(&[&load[..], &["--prompts", &path("prompts.txt"), "--format", "json"]].concat());
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let alone = succeed_json(&[&load[..], &["--prompt", " He had no boat."]].concat());
    assert_eq!(lines[1], alone);
    assert_ne!(alone["prompt_ids"][0], 1);

    let mut bytes = std::fs::read(path("a.state")).unwrap();
    bytes.truncate(1000);
    std::fs::write(path("short.state"), &bytes).unwrap();
    let shown = refuse(&["run", program(), "--load-state", &path("short.state")]);
    assert!(shown.starts_with("error[state]: the state has 1000 bytes, its header says"), "{shown}");
    let model = models().join("stories-1m").display().to_string();
    succeed(&["compile", &model, "-o", &path("other.smt"), "--weights", "int8"]);
    let shown = refuse(&["run", &path("other.smt"), "--load-state", &path("a.state")]);
    assert!(shown.starts_with("error[state]: the state is of another program"), "{shown}");
}

#[test]
fn a_trace_has_the_counts_of_each_step_and_a_record_the_values_of_neurons() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = ["run", program(), "--prompt", "Mira went", "--max-tokens", "3"];
    let story = succeed_json(&[&run[..], &["--trace", &path("run.json")]].concat());
    assert_eq!(story, succeed_json(&run), "who looks on changes nothing");
    let trace: Value = serde_json::from_str(&std::fs::read_to_string(path("run.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(move |event| event["ph"] == phase).collect::<Vec<_>>();
    let count = |kind: &str| of("X").iter().filter_map(|event| event["args"][kind].as_u64()).sum::<u64>();
    for kind in ["spikes", "synaptic_ops", "messages", "zero_payloads"] {
        assert_eq!(count(kind), story["events"][kind].as_u64().unwrap(), "{kind}");
    }
    let n_tokens = story["n_prompt_tokens"].as_u64().unwrap() + 2;
    let logits = of("i");
    assert_eq!(logits.len() as u64, n_tokens, "the last token is said, not read");
    let last = logits.last().unwrap()["ts"].as_f64().unwrap();
    assert!(of("X").iter().all(|event| event["ts"].as_f64().unwrap() + event["dur"].as_f64().unwrap() <= last + 1e-3));

    let names = "layers.0.attn.h_0[1..3],lm_head,layers.0.attn.to_o_proj[7]";
    let record = |engine: &str, file: &str| {
        let probe = ["--engine", engine, "--probe", names, "--probe-output", &path(file)];
        succeed(&[&run[..], &probe].concat());
        std::fs::read(path(file)).unwrap()
    };
    let csv = record("fast", "a.csv");
    assert!(csv == record("reference", "b.csv"));
    let csv = text(&csv);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(&rows[0][..4], ["step", "layers.0.attn.h_0[1]", "layers.0.attn.h_0[2]", "lm_head[0]"]);
    assert_eq!(rows.iter().skip(1).filter(|row| !row[3].is_empty()).count() as u64, n_tokens);
    let npy = record("fast", "a.npy");
    let header = text(&npy[10..128]);
    assert!(npy.starts_with(b"\x93NUMPY\x01\x00\x76\x00"), "{header}");
    assert!(header.contains(&format!("'shape': ({}, {}), ", rows.len() - 1, rows[0].len())), "{header}");
    assert_eq!(npy.len(), 128 + 8 * (rows.len() - 1) * rows[0].len());

    let probe =
        |name: &str, file: &str| refuse(&[&run[..], &["--probe", name, "--probe-output", &path(file)]].concat());
    let shown = probe("layers.0.attn.h", "c.csv");
    assert!(shown.starts_with("error[probe]: ") && shown.contains("there is `layers.0.attn.h_0`"), "{shown}");
    assert!(probe("lm_head[512]", "c.csv").contains("of the 512 that there are"));
    assert!(probe("lm_head", "c.txt").contains(".csv or .npy"));
    assert!(!folder.path().join("c.csv").exists());
}
