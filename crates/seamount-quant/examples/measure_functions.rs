//! Measures every integer function over all its inputs: the numbers that the functions state.
//!
//! `cargo run --release -p seamount-quant --example measure_functions`

#![expect(clippy::print_stdout, reason = "an example prints what it finds")]

use seamount_ir::kernel::Kernel;
use seamount_quant::functions::{
    Errors, INPUT_FRACTION_BITS, ROOT_FRACTION_BITS, WORD, inv_sqrt, measure, n_instructions, sigmoid, silu,
};

fn main() {
    println!("errors in units of the result");
    println!(
        "{:<18} {:>4} {:>12} {:>10} {:>8} {:>8} {:>10}",
        "function", "ops", "instructions", "max", "mean", "bias", "at"
    );
    let words = WORD.min()..WORD.max() + 1;
    for bits in INPUT_FRACTION_BITS {
        let unit = 2f64.powi(-bits.cast_signed());
        let kernel = sigmoid(bits, 23).expect("invariant: the range is the function's own");
        let errors = measure(&kernel, words.clone(), 1, |x| gate(real(x) * unit) * 2f64.powi(23));
        print(&kernel, errors);
    }
    for bits in INPUT_FRACTION_BITS {
        let unit = 2f64.powi(-bits.cast_signed());
        let kernel = silu(bits).expect("invariant: the range is the function's own");
        print(&kernel, measure(&kernel, words.clone(), 1, |x| gate(real(x) * unit) * real(x)));
    }
    for bits in ROOT_FRACTION_BITS {
        let kernel = inv_sqrt(bits).expect("invariant: the range is the function's own");
        let one = 2f64.powi(bits.cast_signed());
        print(&kernel, measure(&kernel, 1..words.end, 1, |x| (one / real(x).sqrt()).min(real(WORD.max()))));
    }
}

fn gate(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[expect(clippy::cast_precision_loss, reason = "words have 24 bits")]
fn real(x: i64) -> f64 {
    x as f64
}

fn print(kernel: &Kernel, Errors { max, mean, bias, at }: Errors) {
    let (name, ops) = (&kernel.name, kernel.ops.len());
    let instructions = n_instructions(kernel);
    println!("{name:<18} {ops:>4} {instructions:>12} {max:>10.6} {mean:>8.4} {bias:>8.4} {at:>10}");
}
