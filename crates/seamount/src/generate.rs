//! Continuing a text with a program.

use std::fmt;
use std::iter::FusedIterator;

use seamount_emulator::{EmulatorError, Observer, Streams};
use seamount_program::Program;

use crate::emulator::Emulator;
use crate::sample::Sampler;

/// The tokens that follow a prompt, each as soon as it is computed; made by [`Emulator::generate`].
///
/// It ends before the token that ends a text, and after an error. A token that was given is read when the next one is
/// asked for, or by [`finish`](Self::finish).
pub struct Generation<'a> {
    emulator: &'a mut Emulator,
    sampler: Sampler,
    observer: Option<&'a mut dyn Observer>,
    /// The token that was given last, if it has not been read.
    unread: Option<u32>,
    is_over: bool,
}

impl<'a> Generation<'a> {
    pub(crate) fn new(emulator: &'a mut Emulator, sampler: Sampler, observer: Option<&'a mut dyn Observer>) -> Self {
        Self { emulator, sampler, observer, unread: None, is_over: false }
    }

    /// Lets the emulator read the token that was given last, so that it has read all of the text.
    ///
    /// # Errors
    /// As [`Emulator::step`].
    pub fn finish(mut self) -> Result<(), EmulatorError> {
        self.read()
    }

    fn read(&mut self) -> Result<(), EmulatorError> {
        let Some(token) = self.unread.take() else { return Ok(()) };
        self.emulator.step_maybe_observed(token, self.observer.as_mut())
    }

    fn choose(&mut self) -> Result<Option<u32>, EmulatorError> {
        self.read()?;
        let Some(logits) = self.emulator.logits() else { return Ok(None) };
        let token = self.sampler.choose(&logits.to_real());
        Ok((Some(token) != self.emulator.eos_id()).then_some(token))
    }
}

impl fmt::Debug for Generation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("sampler", &self.sampler)
            .field("unread", &self.unread)
            .finish_non_exhaustive()
    }
}

impl Iterator for Generation<'_> {
    type Item = Result<u32, EmulatorError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let token = self.choose();
        self.unread = token.as_ref().ok().copied().flatten();
        self.is_over = self.unread.is_none();
        token.transpose()
    }
}

impl FusedIterator for Generation<'_> {}

/// Continues many prompts side by side, each in a stream of its own and with its own sampler, as [`Emulator::generate`]
/// would continue each of them, up to the token that ends a text or to `max_tokens`.
///
/// # Errors
/// As [`Emulator::generate`], of the first prompt that has one.
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
    let mut logits = streams.read(prompts)?;
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
