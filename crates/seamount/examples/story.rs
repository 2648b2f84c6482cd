//! Lets a program tell a story, word by word: `cargo run --release -p seamount --example story [FILE.smt]`.
//!
//! Without a file the embedded model is compiled first.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::io::Write as _;

use seamount::{Events, Program, Sampler, embedded};

const MOST_TOKENS: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let program = match std::env::args().nth(1) {
        Some(file) => Program::open(file)?,
        None => embedded::program()?,
    };
    let tokenizer = program.tokenizer()?.ok_or("the program has no tokenizer")?;
    let mut emulator = program.emulator()?;

    print!("{}", embedded::PROMPT);
    let mut story = Vec::new();
    let mut shown = String::new();
    for token in emulator.generate(&tokenizer.prompt(embedded::PROMPT)?, Sampler::greedy())?.take(MOST_TOKENS) {
        story.push(token?);
        // Blanks between words belong to the text of all tokens, not to that of one.
        let text = tokenizer.text(&story)?;
        print!("{}", text.strip_prefix(&shown).unwrap_or_default());
        std::io::stdout().flush()?;
        shown = text;
    }
    println!();

    let events: Events = emulator.events().iter().sum();
    let n_steps = emulator.n_steps();
    println!("{} tokens in {n_steps} steps, {} synaptic operations", story.len(), events.synaptic_ops);
    Ok(())
}
