//! The integer functions against the real ones: what they state of their errors and instructions is so.

#![expect(clippy::unwrap_used, reason = "a test fails where a function is missing")]

use std::ops::Range;

use seamount_ir::fixed::Fixed;
use seamount_ir::kernel::{Kernel, evaluate};
use seamount_quant::functions::{
    ErrorBound, Errors, Function, GATE_FRACTION_BITS, INPUT_FRACTION_BITS, ROOT_FRACTION_BITS, WORD, generate,
    inv_sqrt, measure, n_instructions, sigmoid, silu,
};

/// Where not all inputs are run, every 97th is: a prime, so that low and high bits vary alike.
const STRIDE: u32 = 97;

#[test]
fn the_sigmoid_of_the_canonical_format_errs_as_stated_over_all_words() {
    let errors = sigmoid_errors(16, 1);
    assert_stated(errors, &sigmoid(16, 23).unwrap(), 2f64.powi(-23));
    assert!(errors.max <= 8.0, "2^-20 is what is promised");
    assert!(errors.mean < 0.62);
}

#[test]
fn the_silu_of_the_canonical_format_errs_as_stated_over_all_words() {
    let errors = silu_errors(16, 1);
    assert_stated(errors, &silu(16).unwrap(), 2f64.powi(-16));
    assert!(errors.mean < 0.04);
}

#[test]
fn an_inverse_root_errs_as_stated_over_all_words() {
    let errors = root_errors(28, 1);
    assert_stated(errors, &inv_sqrt(28).unwrap(), 1.0);
    assert!(errors.mean < 0.26);
}

#[test]
fn no_format_errs_more_than_stated() {
    for bits in INPUT_FRACTION_BITS {
        let stated = sigmoid(bits, 23).unwrap().max_error.unwrap() * 2f64.powi(23);
        assert!(sigmoid_errors(bits, STRIDE).max <= stated, "sigmoid {bits}");
        let stated = silu(bits).unwrap().max_error.unwrap() * 2f64.powi(bits.cast_signed());
        assert!(silu_errors(bits, STRIDE).max <= stated, "silu {bits}");
    }
    for bits in ROOT_FRACTION_BITS {
        assert!(root_errors(bits, STRIDE).max <= inv_sqrt(bits).unwrap().max_error.unwrap(), "inv_sqrt {bits}");
    }
}

#[test]
fn coarser_gates_add_half_a_unit_of_theirs() {
    for output in GATE_FRACTION_BITS {
        let kernel = sigmoid(16, output).unwrap();
        let one = 2f64.powi(output.cast_signed());
        let errors = measure(&kernel, words(), 4 * STRIDE, |x| gate(real(x) * 2f64.powi(-16)) * one);
        assert!(errors.max <= kernel.max_error.unwrap() * one, "sigmoid 16 {output}: {errors:?}");
    }
}

/// Every neuron executes these for every token.
#[test]
fn functions_are_as_short_as_stated() {
    for bits in INPUT_FRACTION_BITS {
        assert_eq!(sigmoid(bits, 23).unwrap().ops.len(), 26);
        assert_eq!(silu(bits).unwrap().ops.len(), 27);
    }
    for bits in ROOT_FRACTION_BITS {
        assert_eq!(inv_sqrt(bits).unwrap().ops.len(), 29);
    }
}

/// Constants are words and locals are defined: the verifier of the level in which functions are called says so.
#[test]
fn functions_are_valid_kernels() {
    let text = "fixed \"empty\" {\n vocab_size = 1\n word_bits = 24\n accumulator_bits = 24\n overflow = saturate\n\
                @embed : i8[1, 1] = [1]\n %0 = embed @embed : s8[1] * 1.0\n output \"logits\", %0\n}";
    let mut fixed = Fixed::parse(text).unwrap();
    let sigmoids = INPUT_FRACTION_BITS.flat_map(|input| GATE_FRACTION_BITS.map(move |output| sigmoid(input, output)));
    let kernels = sigmoids.chain(INPUT_FRACTION_BITS.map(silu)).chain(ROOT_FRACTION_BITS.map(inv_sqrt));
    fixed.kernels.extend(kernels.map(|kernel| kernel.unwrap()).map(|kernel| (kernel.name.clone(), kernel)));
    assert_eq!(fixed.kernels.len(), 11 * 16 + 11 + 23);
    fixed.verify().unwrap();
}

#[test]
fn a_bound_buys_the_shortest_program_that_keeps_it() {
    let default = |function: Function| n_instructions(&function.finest().unwrap());
    let mut longest = [0; 3];
    for bits in [4, 9] {
        let functions = [
            Function::Sigmoid { input: 12, output: 20 },
            Function::Silu { bits: 12 },
            Function::InvSqrt { fraction: 22 },
        ];
        for (function, longest) in functions.into_iter().zip(&mut longest) {
            let generated = generate(function, ErrorBound::bits(bits)).unwrap().unwrap();
            let (errors, length) = (generated.errors, generated.n_instructions());
            assert!(errors.max <= 2f64.powi(-bits.cast_signed()), "{function} to 2^-{bits}: {errors:?}");
            assert!(*longest < length && length < default(function), "{function} to 2^-{bits}: {length}");
            assert!(generated.kernel.max_error.unwrap() >= errors.max, "{function} states less than it errs");
            *longest = length;
        }
    }
}

#[test]
fn the_finest_bound_is_the_default_and_finer_ones_are_refused() {
    let function = Function::Sigmoid { input: 16, output: 23 };
    let finest = generate(function, ErrorBound::FINEST).unwrap().unwrap();
    assert_eq!(finest.kernel, sigmoid(16, 23).unwrap());
    let error = generate(function, ErrorBound::bits(22)).unwrap().unwrap_err();
    assert_eq!(error.finest, finest.errors.max);
    let message = "no program for sigmoid_q16_q23 errs by less than 2^-22; the finest errs by 8.64e-7 (2^-20.1)";
    assert_eq!(error.to_string(), message);
    assert_eq!(generate(Function::Silu { bits: 9 }, ErrorBound::bits(4)), None);
}

#[test]
fn formats_beyond_the_stated_are_refused() {
    assert_eq!((sigmoid(9, 23), sigmoid(21, 23), sigmoid(16, 7), sigmoid(16, 24)), (None, None, None, None));
    assert_eq!((silu(9), silu(21)), (None, None));
    assert_eq!((inv_sqrt(11), inv_sqrt(35)), (None, None));
}

#[test]
fn far_from_zero_functions_are_their_limits() {
    let at = |kernel: Option<Kernel>, x: i64| evaluate(&kernel.unwrap(), WORD, &[x], &mut Vec::new());
    for far in [20 << 16, 64 << 16, WORD.max()] {
        assert_eq!(at(sigmoid(16, 23), far), WORD.max());
        assert_eq!(at(sigmoid(16, 23), -far), 0);
        assert_eq!(at(silu(16), far), far);
        assert_eq!(at(silu(16), -far), 0);
    }
    assert_eq!((at(sigmoid(16, 23), WORD.min()), at(silu(16), WORD.min()), at(silu(16), 0)), (0, 0, 0));
    assert_eq!(at(inv_sqrt(34), 1), WORD.max());
    assert_eq!(at(inv_sqrt(22), 1), 1 << 22);
}

/// The table of the function is what was measured, rounded up by less than a thousandth.
fn assert_stated(errors: Errors, kernel: &Kernel, unit: f64) {
    let stated = kernel.max_error.unwrap() / unit;
    assert!(errors.max <= stated && stated < errors.max + 1.1e-3, "{}: {errors:?}, states {stated}", kernel.name);
}

fn sigmoid_errors(bits: u32, step: u32) -> Errors {
    let unit = 2f64.powi(-bits.cast_signed());
    measure(&sigmoid(bits, 23).unwrap(), words(), step, |x| gate(real(x) * unit) * 2f64.powi(23))
}

fn silu_errors(bits: u32, step: u32) -> Errors {
    let unit = 2f64.powi(-bits.cast_signed());
    measure(&silu(bits).unwrap(), words(), step, |x| gate(real(x) * unit) * real(x))
}

fn root_errors(bits: u32, step: u32) -> Errors {
    let one = 2f64.powi(bits.cast_signed());
    measure(&inv_sqrt(bits).unwrap(), 1..words().end, step, |x| (one / real(x).sqrt()).min(real(WORD.max())))
}

fn words() -> Range<i64> {
    WORD.min()..WORD.max() + 1
}

fn gate(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[expect(clippy::cast_precision_loss, reason = "words have 24 bits")]
fn real(x: i64) -> f64 {
    x as f64
}
