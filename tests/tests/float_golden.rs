//! The imported float model against PyTorch: golden logits, traces, states and perplexity.

#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

use std::collections::BTreeMap;
use std::fs;

use rayon::prelude::*;
use safetensors::SafeTensors;
use seamount_ir::model::{Interpreter, LOGITS};
use seamount_tests::{CHECKPOINTS, checkpoint, fixture, heldout_tokens};

/// Largest difference to PyTorch at a position where no activation is rounded to another of its 255 levels. Such a
/// flip needs a value within single precision's error of the boundary between two levels.
const TOLERANCE: f32 = 2e-3;

/// Largest mean difference, flips included.
const MEAN_TOLERANCE: f32 = 1e-3;

/// Positions of a trace, or channels of a state, that may be further apart than [`TOLERANCE`].
const FLIPS: f32 = 0.04;

/// Logits that differ by less are equally likely next tokens: `stories-2m` has three positions where PyTorch's two
/// largest logits differ by less than 1e-6.
const TIE: f32 = 1e-5;

/// Tokens evaluated at once.
const BLOCK: usize = 32;

#[test]
fn logits_traces_and_states_are_those_of_pytorch() {
    for name in CHECKPOINTS {
        let golden = Golden::read(name);
        let found = run(&interpreter(name), &golden.tokens);
        for (output, expected) in &golden.outputs {
            check(&format!("{name} {output}"), expected, &found[output]);
        }
        let width = golden.outputs[LOGITS].len() / golden.tokens.len();
        let positions = golden.outputs[LOGITS].chunks(width).zip(found[LOGITS].chunks(width));
        for (position, (expected, found)) in positions.enumerate() {
            let (best, next) = (expected[argmax(expected)], expected[argmax(found)]);
            assert!(best - next < TIE, "{name}: the next token at position {position} has {next}, the best {best}");
        }
    }
}

#[test]
fn perplexity_is_that_of_pytorch() {
    for name in CHECKPOINTS {
        let golden: serde_json::Value =
            serde_json::from_slice(&fs::read(fixture(name).join("golden.json")).unwrap()).unwrap();
        let window = usize::try_from(golden["window"].as_u64().unwrap()).unwrap();
        let tokens = heldout_tokens(&checkpoint(name));
        assert_eq!(tokens.len() as u64, golden["tokens"].as_u64().unwrap(), "{name}: tokens of heldout.txt");
        let (found, expected) =
            (perplexity(&interpreter(name), &tokens, window), golden["perplexity"].as_f64().unwrap());
        assert!((found / expected - 1.0).abs() < 1e-3, "{name}: perplexity is {found}, PyTorch has {expected}");
    }
}

/// What PyTorch computed: each output's vectors, one after the other.
struct Golden {
    tokens: Vec<u32>,
    outputs: BTreeMap<String, Vec<f32>>,
}

impl Golden {
    fn read(name: &str) -> Self {
        let bytes = fs::read(fixture(name).join("golden.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let ids = tensors.tensor("input_ids").unwrap();
        let token = |id: &[u8; 8]| u32::try_from(i64::from_le_bytes(*id)).unwrap();
        let tokens = ids.data().as_chunks().0.iter().map(token).collect();
        let names = tensors.names().into_iter().filter(|&name| name != "input_ids");
        let floats = |name: &str| {
            let singles = tensors.tensor(name).unwrap().data().as_chunks().0.iter();
            singles.map(|&single| f32::from_le_bytes(single)).collect()
        };
        Self { tokens, outputs: names.map(|name| (name.to_owned(), floats(name))).collect() }
    }
}

fn interpreter(name: &str) -> Interpreter {
    Interpreter::new(&checkpoint(name).to_model().unwrap().verify().unwrap()).unwrap()
}

/// All outputs over the tokens; of the recurrences, what they hold at the end.
fn run(interpreter: &Interpreter, tokens: &[u32]) -> BTreeMap<String, Vec<f32>> {
    let mut state = interpreter.initial_state();
    let mut outputs: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for &token in tokens {
        let values = interpreter.step(token, &mut state).unwrap();
        for name in interpreter.output_names() {
            let output = outputs.entry(name.to_owned()).or_default();
            if name.starts_with("state.") {
                output.clear();
            }
            output.extend_from_slice(values.output(name).unwrap());
        }
    }
    outputs
}

fn check(what: &str, expected: &[f32], found: &[f32]) {
    assert_eq!(expected.len(), found.len(), "{what}: elements");
    let differences = || expected.iter().zip(found).map(|(expected, found)| (expected - found).abs());
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let share = |part: f32| part / expected.len() as f32;
    let mean = share(differences().sum());
    assert!(mean < MEAN_TOLERANCE, "{what}: mean difference {mean}");
    let flipped = share(differences().map(|difference| f32::from(u8::from(difference > TOLERANCE))).sum());
    assert!(flipped < FLIPS, "{what}: {flipped} of the elements differ by more than {TOLERANCE}");
}

fn argmax(logits: &[f32]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// Over consecutive windows, each from a zero state.
fn perplexity(interpreter: &Interpreter, tokens: &[u32], window: usize) -> f64 {
    let n_windows = (tokens.len() - 1) / window;
    let windows: Vec<f64> = (0..n_windows)
        .into_par_iter()
        .map(|at| cross_entropy(interpreter, &tokens[at * window..=(at + 1) * window]))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let n_tokens = (n_windows * window) as f64;
    (windows.iter().sum::<f64>() / n_tokens).exp()
}

/// The sum over all tokens but the first.
fn cross_entropy(interpreter: &Interpreter, tokens: &[u32]) -> f64 {
    let mut state = interpreter.initial_state();
    let (inputs, mut next) = (&tokens[..tokens.len() - 1], tokens[1..].iter());
    let mut sum = 0.0;
    for block in inputs.chunks(BLOCK) {
        let values = interpreter.run(block, &mut state).unwrap();
        let logits = values.output(LOGITS).unwrap();
        for (logits, &next) in logits.chunks(logits.len() / block.len()).zip(next.by_ref().take(block.len())) {
            let top = logits.iter().copied().fold(f32::MIN, f32::max);
            let total: f64 = logits.iter().map(|logit| f64::from(logit - top).exp()).sum();
            sum += total.ln() - f64::from(logits[next as usize] - top);
        }
    }
    sum
}
