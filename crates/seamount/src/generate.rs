//! Continuing a text with a program.

use seamount_emulator::{Emulator, EmulatorError};

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
    let scale = emulator.program().host.logit_scale;
    let eos_id = emulator.program().host.eos_id;
    let mut generated = Vec::new();
    let Some(mut logits) = emulator.prefill(prompt)?.pop() else { return Ok(generated) };
    while generated.len() < max_tokens {
        let real: Vec<f64> = logits.iter().map(|&logit| f64::from(logit) * scale).collect();
        let token = sampler.choose(&real);
        if Some(token) == eos_id {
            break;
        }
        generated.push(token);
        if !each(token) || generated.len() == max_tokens {
            break;
        }
        logits = emulator.generate(token)?;
    }
    Ok(generated)
}
