//! What sums and states can come to: no text leaves its worst case, and what is guaranteed not to overflow cannot.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

use seamount::passes::Pipeline;
use seamount::ranges::{RangeReport, SumsSummary};
use seamount::{CalibrationText, CompileOptions, Quantized, embedded, quantize};
use seamount_arch::{Arch, Overflow};
use seamount_hf::Checkpoint;
use seamount_ir::fixed::{Fixed, Interpreter};
use seamount_ir::{Module, Verified};
use seamount_quant::ranges::{Interval, Ranges};
use seamount_tests::{CHECKPOINTS, checkpoint};
use xtask::checkpoint::{SHARD_BYTES, Shape, write};

fn quantized(name: &str, guarantee_no_overflow: bool) -> Quantized {
    let arch = Arch::shipped("loihi2-alia-point").unwrap().with_overflow(Overflow::Wrap);
    let calibration = CalibrationText::Lines(embedded::CALIBRATION.lines().take(8).collect::<Vec<_>>().join("\n"));
    let options = CompileOptions { guarantee_no_overflow, calibration, ..CompileOptions::new(arch) };
    quantize(&checkpoint(name), &options, &mut ()).unwrap()
}

/// Runs tokens that no text has: every value lies within its worst case, channel by channel.
fn stays_within(fixed: &Verified<Fixed>, ranges: &Ranges, n_tokens: u32) {
    let interpreter = Interpreter::new(fixed).unwrap();
    let mut state = interpreter.initial_state();
    let n_vocab = u32::try_from(fixed.vocab_size).unwrap();
    for token in (0..n_tokens).map(|n| n * n * 7919 % n_vocab) {
        let values = interpreter.step(token, &mut state).unwrap();
        for (value, channels) in values.iter() {
            let within = &ranges.get(value).unwrap().channels;
            let leaves = channels.iter().zip(within).find(|(x, within)| !within.holds(Interval::point(i64::from(**x))));
            assert_eq!(leaves, None, "{}: {value}", fixed.name);
        }
    }
}

#[test]
fn no_sum_of_a_checkpoint_overflows_where_that_is_guaranteed() {
    for name in CHECKPOINTS {
        let Quantized { fixed, calibrated, .. } = quantized(name, true);
        let ranges = Ranges::of(&fixed).unwrap();
        let may: Vec<_> = ranges.sums().filter(|bound| bound.may_overflow()).collect();
        assert!(may.is_empty(), "{name}: {may:?}");
        let summary = SumsSummary::of(&fixed, &calibrated).unwrap();
        assert_eq!((summary.n_may_overflow, summary.n_overflow_in_calibration), (0, 0));
        stays_within(&fixed, &ranges, 64);
    }
}

#[test]
fn a_checkpoint_stays_within_its_worst_case_and_its_summary_agrees_with_its_rows() {
    let quantized = quantized("stories-1m", false);
    let Quantized { fixed, calibrated, .. } = &quantized;
    stays_within(fixed, &Ranges::of(fixed).unwrap(), 64);
    let report = RangeReport::of(&quantized).unwrap();
    assert_eq!(report.sums, SumsSummary::of(fixed, calibrated).unwrap());
    assert!(report.sums.n_may_overflow > 0, "without the guarantee some sums may");
    for row in &report.values {
        assert_eq!(row.may_overflow, row.load > 1.0, "{row:?}");
        assert!(row.n_saturations > 0 || row.worst.holds(row.observed.unwrap()), "{row:?}");
    }
}

/// Down to accumulators that leave a payload few bits.
#[test]
fn no_sum_of_a_random_model_overflows_where_that_is_guaranteed() {
    for seed in 0..12 {
        let dir = tempfile::tempdir().unwrap();
        let shape = Shape { hidden: 16 << (seed % 3), layers: 2, intermediate: 48, vocab: 32 };
        write(dir.path(), &shape, seed, SHARD_BYTES).unwrap();
        let model = Checkpoint::open(dir.path()).unwrap().to_model().unwrap();
        let accumulator_bits = 16 + seed % 9;
        let passes = format!(
            "fold-double-norm, fold-gate-norm, fold-lower-bound, ternarize, split-projections, drop-token-rounding, \
             expand-norm, late-norm, calibrate{{tokens = [1, 2, 3, 5, 8, 13, 21]}}, quantize{{overflow = wrap, \
             accumulator_bits = {accumulator_bits}, guarantee_no_overflow = true}}, approximate"
        );
        let module = Pipeline::parse(&passes).unwrap().run(Module::Model(model), |_, _| {}).unwrap();
        let Module::Fixed(fixed) = module else { panic!("passes end on the fixed level") };
        let fixed = fixed.verify().unwrap();
        let ranges = Ranges::of(&fixed).unwrap();
        let may = ranges.sums().find(|bound| bound.may_overflow());
        assert_eq!(may, None, "{accumulator_bits} bits, seed {seed}");
        stays_within(&fixed, &ranges, 16);
    }
}
