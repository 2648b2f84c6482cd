//! A program in the middle of a text.

use std::sync::Arc;

use seamount_emulator::{EmulatorError, Engine, Events, Observer, StateError};

use crate::generate::Generation;
use crate::program::Program;
use crate::sample::Sampler;

/// A program in the middle of a text, on the emulator. Clones share the program and go on by themselves.
///
/// [`prefill`](Self::prefill) reads a prompt, [`step`](Self::step) one more token; both give logits.
/// [`generate`](Self::generate) chooses from them and goes on.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let program = seamount::embedded::program()?;
/// let mut emulator = program.emulator()?;
/// let prompt = [1, 17, 42];
/// let after_prompt = emulator.prefill(&prompt)?;
/// assert_eq!(after_prompt.len(), 3);
/// let logits = emulator.step(after_prompt[2].argmax())?;
///
/// // Token by token, the chip computes the same integers.
/// let mut one_at_a_time = program.emulator()?;
/// for (token, expected) in prompt.into_iter().zip(&after_prompt) {
///     assert_eq!(one_at_a_time.step(token)?, *expected);
/// }
///
/// // What happened on each neurocore, counted exactly.
/// let spikes: u64 = emulator.events().iter().map(|core| core.spikes).sum();
/// assert!(spikes > 10_000);
/// # assert_eq!(logits.integers().len(), program.host.vocab_size as usize);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Emulator {
    machine: seamount_emulator::Emulator,
}

/// How likely each token comes next, before the softmax: the integers that the chip gives, and what one is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Logits {
    integers: Vec<i32>,
    scale: f64,
}

impl Emulator {
    /// Reads tokens, a new one every step (*pipelined*), and gives the logits after each of them. The integers are those
    /// of [`step`](Self::step), in less time.
    ///
    /// # Errors
    /// [`EmulatorError::Token`] if a token is not of the vocabulary; those before it are read.
    /// [`EmulatorError::Fault`] if the program does what no program may do.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<Vec<Logits>, EmulatorError> {
        let logits = self.machine.prefill(tokens)?;
        Ok(logits.into_iter().map(|integers| self.real(integers)).collect())
    }

    /// As [`prefill`](Self::prefill), and gives the logits after the last token only: those of a long text would fill the
    /// memory. None if there is no token.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn read(&mut self, tokens: &[u32]) -> Result<Option<Logits>, EmulatorError> {
        let integers = self.machine.read(tokens)?;
        Ok(integers.map(|integers| self.real(integers)))
    }

    /// Reads one token and waits for its logits (*fall-through*).
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn step(&mut self, token: u32) -> Result<Logits, EmulatorError> {
        let integers = self.machine.generate(token)?;
        Ok(self.real(integers))
    }

    /// Reads `prompt`, and gives the tokens that follow, one by one as they are computed, up to the token that ends a
    /// text. Without a prompt it goes on after what was read last.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use seamount::Sampler;
    ///
    /// let program = seamount::embedded::program()?;
    /// let tokenizer = program.tokenizer()?.expect("this model has one");
    /// let prompt = tokenizer.prompt("The sun was out")?;
    /// let mut emulator = program.emulator()?;
    ///
    /// let mut story = Vec::new();
    /// for token in emulator.generate(&prompt, Sampler::greedy())?.take(12) {
    ///     story.push(token?);
    /// }
    /// assert!(tokenizer.text(&story)?.starts_with(" when Bram went to the river."));
    ///
    /// // With a temperature: the same seed gives the same story.
    /// emulator.reset();
    /// let sampler = Sampler::new(0.8, 0.95, 7);
    /// let sampled: Result<Vec<u32>, _> = emulator.generate(&prompt, sampler)?.take(12).collect();
    /// # assert_eq!(sampled?.len(), 12);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn generate(&mut self, prompt: &[u32], sampler: Sampler) -> Result<Generation<'_>, EmulatorError> {
        self.read(prompt)?;
        Ok(Generation::new(self, sampler, None))
    }

    /// As [`generate`](Self::generate), while `observer` looks on: a [`Recorder`](crate::Recorder) of all spikes, a
    /// [trace](crate::trace), a [record](crate::record) of some neurons, or one of your own.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn generate_observed<'a>(
        &'a mut self,
        prompt: &[u32],
        sampler: Sampler,
        observer: &'a mut dyn Observer,
    ) -> Result<Generation<'a>, EmulatorError> {
        self.machine.read_observed(prompt, &mut &mut *observer)?;
        Ok(Generation::new(self, sampler, Some(observer)))
    }

    pub(crate) fn step_maybe_observed(
        &mut self,
        token: u32,
        observer: Option<&mut &mut dyn Observer>,
    ) -> Result<(), EmulatorError> {
        match observer {
            Some(observer) => self.machine.generate_observed(token, observer),
            None => self.machine.generate(token),
        }
        .map(drop)
    }

    /// The logits that came last: those after the last token that was read.
    pub fn logits(&self) -> Option<Logits> {
        self.machine.logits().map(|integers| self.real(integers.to_vec()))
    }

    /// All that the text so far has left behind, with the counts and the last logits, as bytes for a file: a long prompt
    /// is read once. They name the program, and either engine [goes on](Self::load_state) from them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let file = folder.path().join("prompt.state");
    /// let program = seamount::embedded::program()?;
    /// let mut emulator = program.emulator()?;
    /// emulator.prefill(&[1, 17, 42, 9])?;
    /// std::fs::write(&file, emulator.save_state())?;
    ///
    /// let mut other = program.emulator()?;
    /// other.load_state(&std::fs::read(&file)?)?;
    /// assert_eq!(other.logits(), emulator.logits());
    /// assert_eq!(other.step(7)?, emulator.step(7)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn save_state(&self) -> Vec<u8> {
        self.machine.save_state()
    }

    /// Goes on from a saved state: its text, its counts, its logits.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are of another program, or no state at all; then this text goes on as it was.
    pub fn load_state(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.machine.load_state(bytes)
    }

    /// What happened since the beginning, by core of the program. Cores that the host plays have nothing here.
    pub fn events(&self) -> &[Events] {
        self.machine.events()
    }

    /// What the host did since the beginning: what it sent, and the cores that it plays.
    pub fn host_events(&self) -> Events {
        self.machine.host_events()
    }

    /// Time steps since the beginning.
    pub fn n_steps(&self) -> u64 {
        self.machine.n_steps()
    }

    /// The engine that runs the program.
    pub fn engine(&self) -> Engine {
        self.machine.engine()
    }

    /// Goes back to the beginning; counts are zero again.
    pub fn reset(&mut self) {
        self.machine.reset();
    }

    /// The program that runs.
    pub fn program(&self) -> Program {
        Program::from(Arc::clone(self.machine.program()))
    }

    /// The emulator underneath, whose time goes by in steps instead of tokens, and which
    /// [observers](seamount_emulator::Observer) look into.
    pub fn machine(&self) -> &seamount_emulator::Emulator {
        &self.machine
    }

    /// As [`machine`](Self::machine), to run it.
    pub fn machine_mut(&mut self) -> &mut seamount_emulator::Emulator {
        &mut self.machine
    }

    /// The token that ends a text, if the model has one.
    pub(crate) fn eos_id(&self) -> Option<u32> {
        self.machine.program().host.eos_id
    }

    fn real(&self, integers: Vec<i32>) -> Logits {
        Logits { integers, scale: self.machine.program().host.logit_scale }
    }
}

impl From<seamount_emulator::Emulator> for Emulator {
    fn from(machine: seamount_emulator::Emulator) -> Self {
        Self { machine }
    }
}

impl Logits {
    /// One for each token of the vocabulary, as the chip sends them.
    pub fn integers(&self) -> &[i32] {
        &self.integers
    }

    /// What one unit of an integer is worth.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// One for each token of the vocabulary, as the model means them.
    pub fn to_real(&self) -> Vec<f64> {
        self.integers.iter().map(|&integer| f64::from(integer) * self.scale).collect()
    }

    /// The likeliest token, the first of equals.
    ///
    /// # Panics
    /// If there is no logit: every vocabulary has a token.
    pub fn argmax(&self) -> u32 {
        crate::sample::argmax(&self.to_real())
    }
}
