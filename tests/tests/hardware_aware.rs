//! The trainer's integers, in PyTorch, against the fixed-point interpreter: `tests/models/hardware.py` recorded them.

#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

use std::fs;

use safetensors::SafeTensors;
use seamount::evaluate::compile_in_steps;
use seamount::{CalibrationText, CompileOptions};
use seamount_arch::Arch;
use seamount_ir::Module;
use seamount_ir::fixed::{Fixed, Interpreter, LOGITS};
use seamount_quant::trained::TrainedQuant;
use seamount_tests::{checkpoint, fixture};

/// Two implementations of the exponential may round to neighbors where a function's result is halfway between units.
const MAX_DIFFERENCE: u32 = 1;

/// Widths of payloads, and the file that holds what the trainer computed with them.
const GOLDEN: [(u32, &str); 2] = [(16, "hardware-16.safetensors"), (8, "hardware-8.safetensors")];

#[test]
fn the_trainer_computes_the_integers_of_the_fixed_point_level() {
    for (bits, file) in GOLDEN {
        let golden = Golden::read(file);
        let quantization: serde_json::Value = serde_json::from_str(&golden.quantization).unwrap();
        let trained = TrainedQuant::from_json(&quantization).unwrap();
        assert_eq!(trained.config.payload.bits, bits);
        let fixed = ideal(trained);
        let interpreter = Interpreter::new(&fixed.verify().unwrap()).unwrap();
        let mut state = interpreter.initial_state();
        let width = golden.logits.len() / golden.tokens.len();
        for (position, (&token, expected)) in golden.tokens.iter().zip(golden.logits.chunks(width)).enumerate() {
            let values = interpreter.step(token, &mut state).unwrap();
            let found = values.output(LOGITS).unwrap();
            let differences = found.iter().zip(expected).map(|(found, expected)| found.abs_diff(*expected));
            let most = differences.max().unwrap();
            assert!(most <= MAX_DIFFERENCE, "{bits} bits: logits at position {position} differ by {most} units");
        }
    }
}

/// `stories-1m` in integers, its functions ideal.
fn ideal(trained: TrainedQuant) -> Fixed {
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    let calibration = CalibrationText::Ranges(trained.ranges.unwrap());
    let options = CompileOptions { quant: trained.config, calibration, ..CompileOptions::new(arch) };
    let (_, steps) = compile_in_steps(&checkpoint("stories-1m"), &options, &mut ()).unwrap();
    let step = steps.into_iter().find(|step| step.name == "fixed_ideal").unwrap();
    let Module::Fixed(fixed) = step.module else { panic!("`quantize` gives the fixed-point level") };
    fixed
}

/// What the trainer computed.
struct Golden {
    quantization: String,
    tokens: Vec<u32>,
    logits: Vec<i32>,
}

impl Golden {
    fn read(file: &str) -> Self {
        let bytes = fs::read(fixture("stories-1m").join(file)).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let quantization = header.metadata().as_ref().unwrap()["quantization_config"].clone();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let ints = |name: &str| -> Vec<i32> {
            let words = tensors.tensor(name).unwrap().data().as_chunks().0.iter();
            words.map(|&word| i32::from_le_bytes(word)).collect()
        };
        let tokens = ints("input_ids").into_iter().map(|token| u32::try_from(token).unwrap()).collect();
        Self { quantization, tokens, logits: ints("logits") }
    }
}
