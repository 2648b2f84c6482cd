//! Where the error of a compiled model comes from: each step of the compilation, each layer.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use std::sync::OnceLock;

use seamount::evaluate::{Score, Step, StepScore, compile_in_steps, evaluate, evaluate_by_layer, evaluate_by_pass};
use seamount::{CalibrationText, Compilation, CompileOptions, EvaluateError, embedded};
use seamount_arch::Arch;
use seamount_tests::{checkpoint, heldout_tokens};

const N_WINDOWS: usize = 3;
const WINDOW: usize = 96;
/// What folds may move a prediction, in nats: the last bits of floats.
const MAX_FOLDED_KL_NATS: f64 = 1e-12;
/// What integers may move it at 16 bits; the figures over more text are in `docs/quantization.md`.
const MAX_FIXED_KL_NATS: f64 = 5e-6;
/// The least signal to noise of a layer, a state and the logits at 16 bits, in decibels.
const MIN_SNR_DB: f64 = 48.0;

fn options() -> CompileOptions {
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    let calibration = CalibrationText::Lines(embedded::CALIBRATION.to_owned());
    CompileOptions { calibration, ..CompileOptions::new(arch) }
}

fn stories() -> &'static (Compilation, Vec<Step>) {
    static STORIES: OnceLock<(Compilation, Vec<Step>)> = OnceLock::new();
    STORIES.get_or_init(|| compile_in_steps(&checkpoint("stories-1m"), &options(), &mut ()).unwrap())
}

fn tokens() -> Vec<u32> {
    let mut tokens = heldout_tokens(&checkpoint("stories-1m"));
    tokens.truncate(N_WINDOWS * WINDOW + 1);
    tokens
}

fn by_pass() -> Vec<StepScore> {
    let (compilation, steps) = stories();
    let found = evaluate_by_pass(compilation, steps, &tokens(), WINDOW, || {}).unwrap();
    assert_eq!(found.n_tokens, N_WINDOWS * WINDOW);
    found.steps
}

fn names(steps: &[StepScore]) -> Vec<&str> {
    steps.iter().map(|step| step.step.as_str()).collect()
}

#[test]
fn steps_come_in_the_order_of_the_compilation() {
    let steps = by_pass();
    assert_eq!(
        names(&steps),
        [
            "published",
            "folded",
            "ternary",
            "unrounded",
            "expanded_norm",
            "late_norm",
            "fixed_ideal",
            "fixed_approximated",
            "emulated"
        ]
    );
    assert_eq!(steps[1].passes, ["fold-double-norm", "fold-gate-norm", "fold-lower-bound"]);
    assert!(steps.iter().all(|step| step.score.n_saturations.is_some() == names(&steps)[6..].contains(&&*step.step)));
}

#[test]
fn a_pass_that_is_left_out_is_not_named_and_one_that_is_added_is_a_step() {
    let mut options = options();
    options.quant.norm.fold = false;
    options.quant.norm.epsilon = 1e-6;
    let (_, steps) = compile_in_steps(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
    let first: Vec<(&str, &[String])> = steps.iter().take(2).map(|step| (&*step.name, &*step.passes)).collect();
    assert_eq!(first, [("epsilon", &["set-epsilon".to_owned()][..]), ("folded", &["fold-lower-bound".to_owned()])]);
}

#[test]
fn each_step_adds_its_own_error_and_no_other() {
    let steps = by_pass();
    let score = |name: &str| &steps.iter().find(|step| step.step == name).unwrap().score;
    let published = score("published");
    assert_eq!((published.mean_kl_nats, published.top1_agreement, published.perplexity_ratio), (0.0, 1.0, 1.0));
    assert_eq!(score("ternary"), score("folded"), "ternary weights are those of the published rule");
    for name in ["unrounded", "expanded_norm", "late_norm"] {
        let found = score(name);
        assert!(found.mean_kl_nats_unrounded.abs() < MAX_FOLDED_KL_NATS, "{name}: {found:?}");
        assert!(found.mean_kl_nats > 2.0 * MAX_FIXED_KL_NATS, "the published rounding costs more: {found:?}");
    }
    for name in ["fixed_ideal", "fixed_approximated", "emulated"] {
        let Score { mean_kl_nats_unrounded, top1_agreement_unrounded, .. } = *score(name);
        assert!(mean_kl_nats_unrounded > MAX_FOLDED_KL_NATS && mean_kl_nats_unrounded < MAX_FIXED_KL_NATS, "{name}");
        assert!(top1_agreement_unrounded > 0.99, "{name}: {top1_agreement_unrounded}");
    }
}

#[test]
fn the_program_scores_as_its_integers_do() {
    let steps = by_pass();
    let [.., fixed, emulated] = &steps[..] else { panic!("{steps:?}") };
    let without_counts = |score: &Score| Score { n_saturations: None, ..score.clone() };
    assert_eq!(without_counts(&fixed.score), without_counts(&emulated.score));

    let (compilation, _) = stories();
    let program = std::sync::Arc::new(compilation.program.clone());
    let plain = evaluate(&program, Some(&compilation.model), &tokens(), WINDOW, || {}).unwrap();
    assert_eq!(plain.perplexity_emulated, emulated.score.perplexity);
    assert_eq!(plain.mean_kl_nats, Some(emulated.score.mean_kl_nats));
    assert_eq!(plain.mean_kl_nats_unrounded, Some(emulated.score.mean_kl_nats_unrounded));
    assert_eq!(plain.top1_agreement_unrounded, Some(emulated.score.top1_agreement_unrounded));
    assert_eq!(evaluate(&program, None, &tokens(), WINDOW, || {}).unwrap().mean_kl_nats_unrounded, None);
}

#[test]
fn every_layer_and_state_is_near_the_float_models() {
    let (compilation, _) = stories();
    let found = evaluate_by_layer(compilation, &tokens(), WINDOW, || {}).unwrap();
    let names: Vec<&str> = found.taps.iter().map(|tap| tap.name.as_str()).collect();
    let expected = ["state.0", "layer.0", "state.1", "layer.1", "state.2", "layer.2", "state.3", "layer.3", "logits"];
    assert_eq!(names, expected, "in the order in which they are computed");
    for tap in &found.taps {
        let (snr_db, published_db) = (tap.snr_db.unwrap(), tap.snr_published_db.unwrap());
        assert!(snr_db > MIN_SNR_DB, "{tap:?}");
        assert!(snr_db > published_db + 10.0, "16 bits are finer than the published model's 8: {tap:?}");
        // Of two vectors of about the same length, noise of a share s turns one by s/2 at most.
        assert!(tap.cosine <= 1.0 + 1e-12 && 1.0 - tap.cosine < 10f64.powf(-snr_db / 10.0), "{tap:?}");
    }
}

#[test]
fn saturations_are_counted_at_the_layer_where_they_happen() {
    let mut options = options();
    options.quant.payload.bits = 8;
    options.quant.payload.headroom = 0.25;
    let (compilation, steps) = compile_in_steps(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
    let by_layer = evaluate_by_layer(&compilation, &tokens(), WINDOW, || {}).unwrap();
    let by_pass = evaluate_by_pass(&compilation, &steps, &tokens(), WINDOW, || {}).unwrap();
    let sum: u64 = by_layer.taps.iter().map(|tap| tap.n_saturations).sum();
    assert!(sum > 0);
    let fixed = by_pass.steps.iter().find(|step| step.step == "fixed_approximated").unwrap();
    assert_eq!(Some(sum), fixed.score.n_saturations);
}

#[test]
fn any_number_of_threads_gives_the_same_figures() {
    let (compilation, steps) = stories();
    let with_threads = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let by_pass = evaluate_by_pass(compilation, steps, &tokens(), WINDOW, || {}).unwrap();
            (by_pass, evaluate_by_layer(compilation, &tokens(), WINDOW, || {}).unwrap())
        })
    };
    assert_eq!(with_threads(1), with_threads(3));
}

#[test]
fn a_text_that_cannot_be_read_is_refused() {
    let (compilation, steps) = stories();
    let short = evaluate_by_pass(compilation, steps, &tokens()[..WINDOW], WINDOW, || {}).unwrap_err();
    assert!(matches!(short, EvaluateError::Short { n_tokens: WINDOW, needed } if needed == WINDOW + 1), "{short}");
    let unknown = evaluate_by_layer(compilation, &[0, 1, 512], 2, || {}).unwrap_err();
    assert!(matches!(unknown, EvaluateError::Token { token: 512, vocab_size: 512 }), "{unknown}");
}
