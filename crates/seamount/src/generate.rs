//! Continuing a text with a program.

use seamount_emulator::{Emulator, EmulatorError, Streams};
use seamount_program::Program;

use crate::sample::Sampler;

/// Continues `prompt`: reads it pipelined, then generates token by token until the ending token or `max_tokens`.
/// Each token is given to `each` as soon as it is there; `each` may stop by returning false.
///
/// # Errors
/// Where the program faults or a token is not of its vocabulary.
pub fn generate(
    emulator: &mut Emulator,
    prompt: &[u32],
    max_tokens: usize,
    sampler: &mut Sampler,
    mut each: impl FnMut(u32) -> bool,
) -> Result<Vec<u32>, EmulatorError> {
    let mut generated = Vec::new();
    let Some(mut logits) = emulator.prefill(prompt)?.pop() else { return Ok(generated) };
    while generated.len() < max_tokens {
        let Some(token) = choose(emulator.program(), &logits, sampler) else { break };
        generated.push(token);
        if !each(token) || generated.len() == max_tokens {
            break;
        }
        logits = emulator.generate(token)?;
    }
    Ok(generated)
}

/// Continues many prompts side by side, each in a stream of its own and with its own sampler, as [`generate`] would
/// continue each of them.
///
/// # Errors
/// As [`generate`], of the first prompt that has one.
///
/// # Panics
/// If there are not as many prompts and samplers as streams.
pub fn generate_streams(
    streams: &mut Streams,
    program: &Program,
    prompts: &[Vec<u32>],
    max_tokens: usize,
    samplers: &mut [Sampler],
) -> Result<Vec<Vec<u32>>, EmulatorError> {
    assert_eq!(prompts.len(), samplers.len(), "a sampler for each prompt");
    let mut generated = vec![Vec::new(); prompts.len()];
    let mut logits: Vec<_> = streams.prefill(prompts)?.into_iter().map(|mut logits| logits.pop()).collect();
    loop {
        let mut next = Vec::with_capacity(prompts.len());
        for ((generated, logits), sampler) in generated.iter_mut().zip(&logits).zip(&mut *samplers) {
            let logits = logits.as_ref().filter(|_| generated.len() < max_tokens);
            let token = logits.and_then(|logits| choose(program, logits, sampler));
            generated.extend(token);
            next.push(token.filter(|_| generated.len() < max_tokens));
        }
        if next.iter().all(Option::is_none) {
            return Ok(generated);
        }
        logits = streams.generate(&next)?;
    }
}

/// The next token, unless it ends the text.
fn choose(program: &Program, logits: &[i32], sampler: &mut Sampler) -> Option<u32> {
    let host = &program.host;
    let real: Vec<f64> = logits.iter().map(|&logit| f64::from(logit) * host.logit_scale).collect();
    let token = sampler.choose(&real);
    (Some(token) != host.eos_id).then_some(token)
}
