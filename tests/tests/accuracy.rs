//! What compiling costs in accuracy, on the emulated program.

use std::sync::Arc;

use seamount::{CalibrationText, CompileOptions, compile, embedded, evaluate};
use seamount_arch::Arch;
use seamount_tests::{CHECKPOINTS, checkpoint, heldout_tokens};

/// Windows of held-out text; `docs/benchmarks.md` has the figures over all of it.
const N_WINDOWS: usize = 4;
const WINDOW: usize = 256;

/// Payload bits, and the largest ratio of perplexities to the published model.
const TOLERANCES: [(u32, f64); 2] = [(16, 1.001), (12, 1.002)];
/// Against the model without its 8-bit rounding of each token, which the program does not imitate: the largest mean
/// divergence in nats a token, and the least agreement on the likeliest token, at 16 bits.
const MAX_KL_NATS: f64 = 2e-6;
const MIN_AGREEMENT: f64 = 0.99;

#[test]
fn emulated_perplexity_is_the_float_models() {
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    for name in CHECKPOINTS {
        let checkpoint = checkpoint(name);
        let tokens = &heldout_tokens(&checkpoint)[..=N_WINDOWS * WINDOW];
        for (payload_bits, most) in TOLERANCES {
            let mut options = CompileOptions {
                calibration: CalibrationText::Lines(embedded::CALIBRATION.to_owned()),
                ..CompileOptions::new(arch.clone())
            };
            options.quant.payload.bits = payload_bits;
            let compilation = compile(&checkpoint, &options, &mut ()).unwrap();
            let program = Arc::new(compilation.program);
            let found = evaluate(&program, Some(&compilation.model), tokens, WINDOW, || {}).unwrap();
            assert!(found.perplexity_ratio.unwrap() <= most, "{name} at {payload_bits} bits: {found:?}");
            if payload_bits == 16 {
                assert!(found.mean_kl_nats_unrounded.unwrap() <= MAX_KL_NATS, "{name}: {found:?}");
                assert!(found.top1_agreement_unrounded.unwrap() >= MIN_AGREEMENT, "{name}: {found:?}");
            }
        }
    }
}

/// Tokens in any order are as far from the calibration text as text can be: tokens that it has not, and states that no
/// sentence leads to.
#[test]
fn tokens_unlike_the_calibration_text_saturate_nothing() {
    const N_TOKENS: u32 = 128;
    /// Where the model is sure, and wrong, as it is here, a divergence counts more than on text.
    const MAX_KL_NATS: f64 = 1e-2;
    let checkpoint = checkpoint("stories-1m");
    let calibration = CalibrationText::Lines(embedded::CALIBRATION.lines().take(4).collect::<Vec<_>>().join("\n"));
    let options = CompileOptions { calibration, ..CompileOptions::new(Arch::shipped("loihi2-oheo-gulch").unwrap()) };
    let compilation = compile(&checkpoint, &options, &mut ()).unwrap();
    let vocab_size = u32::try_from(checkpoint.config().vocab_size).unwrap();
    // 197 is prime to the 512 tokens: each comes once in so many.
    let tokens: Vec<u32> = (0..=N_TOKENS).map(|n| (n * 197 + 300) % vocab_size).collect();
    let program = Arc::new(compilation.program);
    let found = evaluate(&program, Some(&compilation.model), &tokens, tokens.len() - 1, || {}).unwrap();
    assert_eq!(found.n_saturations, 0, "{found:?}");
    assert!(found.mean_kl_nats_unrounded.unwrap() <= MAX_KL_NATS, "{found:?}");
    assert!(found.top1_agreement_unrounded.unwrap() >= 0.95, "{found:?}");
}

#[test]
fn a_model_without_text_calibrates_itself() {
    let checkpoint = checkpoint("stories-1m");
    let tokens = &heldout_tokens(&checkpoint)[..=WINDOW];
    let options = CompileOptions::new(Arch::shipped("loihi2-oheo-gulch").unwrap());
    let compilation = compile(&checkpoint, &options, &mut ()).unwrap();
    let program = Arc::new(compilation.program);
    let found = evaluate(&program, Some(&compilation.model), tokens, WINDOW, || {}).unwrap();
    assert!(found.perplexity_ratio.unwrap() <= 1.01, "{found:?}");
}
