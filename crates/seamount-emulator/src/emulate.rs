//! A run of a program by either engine.

use std::sync::Arc;

use seamount_microcode::Slot;
use seamount_program::Program;

use crate::error::EmulatorError;
use crate::events::Events;
use crate::fast::{Fast, Kernel};
use crate::image::index;
use crate::observer::Observer;
use crate::reference::Reference;
use crate::state::{StateError, decode, encode};

/// Which engine runs a program. Both give the same integers and the same counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Many neurons, steps and texts at once, on all threads.
    #[default]
    Fast,
    /// One neuron and one instruction at a time: what the other is checked against.
    Reference,
}

/// How a program is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The engine.
    pub engine: Engine,
    /// The instructions that the fast engine is made of; the fastest that the processor has if `None`.
    pub kernel: Option<Kernel>,
}

/// A program in the middle of a run.
///
/// Clones share the program and have their own state, so that texts can be run side by side.
#[derive(Clone, Debug)]
pub struct Emulator {
    run: Run,
    /// Those that came last; none if empty.
    logits: Vec<i32>,
}

#[derive(Clone, Debug)]
enum Run {
    Fast(Box<Fast>),
    Reference(Box<Reference>),
}

/// What a step gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutput {
    /// Logits, `[n_outputs]`, if those of a token were due in this step; one unit is the host's `logit_scale`.
    pub logits: Option<Vec<i32>>,
}

/// Which logits of a run are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    All,
    /// The last ones.
    Last,
}

impl Keep {
    /// Drops what is not kept.
    pub(crate) fn of(self, logits: &mut Vec<Vec<i32>>) {
        match self {
            Self::All => {}
            Self::Last => drop(logits.drain(..logits.len().saturating_sub(1))),
        }
    }
}

impl Emulator {
    /// A run of `program` at its beginning, by the fast engine.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`] if the program breaks the verifier's rules.
    pub fn new(program: Arc<Program>) -> Result<Self, EmulatorError> {
        Self::with_options(program, Options::default())
    }

    /// A run of `program` at its beginning.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`] if the program breaks the verifier's rules; [`EmulatorError::Kernel`].
    pub fn with_options(program: Arc<Program>, options: Options) -> Result<Self, EmulatorError> {
        let fast = match options.engine {
            Engine::Fast => Fast::new(Arc::clone(&program), 1, options.kernel)?,
            Engine::Reference => None,
        };
        let run = match fast {
            Some(fast) => Run::Fast(Box::new(fast)),
            None => Run::Reference(Box::new(Reference::new(program)?)),
        };
        Ok(Self { run, logits: Vec::new() })
    }

    /// The engine that runs the program: the one that was asked for, but for programs that send so much on one axon that
    /// the fast engine leaves them to the reference.
    pub fn engine(&self) -> Engine {
        match self.run {
            Run::Fast(_) => Engine::Fast,
            Run::Reference(_) => Engine::Reference,
        }
    }

    /// Goes back to the beginning; counts are zero again.
    pub fn reset(&mut self) {
        self.logits.clear();
        match &mut self.run {
            Run::Fast(fast) => fast.reset(),
            Run::Reference(reference) => reference.reset(),
        }
    }

    /// The program that runs.
    pub fn program(&self) -> &Arc<Program> {
        match &self.run {
            Run::Fast(fast) => fast.program(),
            Run::Reference(reference) => reference.program(),
        }
    }

    /// How many steps have been run since the beginning.
    pub fn n_steps(&self) -> u64 {
        match &self.run {
            Run::Fast(fast) => fast.n_steps(0),
            Run::Reference(reference) => reference.n_steps(),
        }
    }

    /// What happened since the beginning, by core. Cores that the host plays have nothing here.
    pub fn events(&self) -> &[Events] {
        match &self.run {
            Run::Fast(fast) => fast.events(0),
            Run::Reference(reference) => reference.events(),
        }
    }

    /// What happened in the last step, by core. Cores that the host plays have nothing here.
    pub fn step_events(&self) -> &[Events] {
        match &self.run {
            Run::Fast(fast) => fast.step_events(0),
            Run::Reference(reference) => reference.step_events(),
        }
    }

    /// What the host did since the beginning: what it sent, and the cores that it plays.
    pub fn host_events(&self) -> Events {
        match &self.run {
            Run::Fast(fast) => fast.host_events(0),
            Run::Reference(reference) => reference.host_events(),
        }
    }

    /// The logits that came last, `[n_outputs]`.
    pub fn logits(&self) -> Option<&[i32]> {
        (!self.logits.is_empty()).then_some(self.logits.as_slice())
    }

    /// All that the run depends on from here on, and its counts, as bytes that name the program. A run of either engine
    /// can [go on](Self::load_state) from them: between two tokens, or in the middle of their way.
    pub fn save_state(&self) -> Vec<u8> {
        let snapshot = match &self.run {
            Run::Fast(fast) => fast.save(0),
            Run::Reference(reference) => reference.save(),
        };
        encode(self.program(), &snapshot, &self.logits)
    }

    /// Goes on from where a run of the same program was: its integers, its counts and its logits. What was counted in the
    /// last step is not known.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are not what [`save_state`](Self::save_state) gave, or are of another program; then
    /// this run is as it was.
    pub fn load_state(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (snapshot, logits) = decode(self.program(), bytes)?;
        match &mut self.run {
            Run::Fast(fast) => fast.load(0, &snapshot),
            Run::Reference(reference) => reference.load(&snapshot),
        }
        self.logits = logits;
        Ok(())
    }

    /// Runs one step, in which the host sends `token` if there is one.
    ///
    /// # Errors
    /// [`EmulatorError::Token`], which leaves the run as it was; [`EmulatorError::Fault`].
    pub fn step(&mut self, token: Option<u32>) -> Result<StepOutput, EmulatorError> {
        Ok(StepOutput { logits: self.advance(&[token], Keep::All, None::<&mut ()>)?.pop() })
    }

    /// Runs one step while `observer` looks on.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_observed(
        &mut self,
        token: Option<u32>,
        observer: &mut impl Observer,
    ) -> Result<StepOutput, EmulatorError> {
        Ok(StepOutput { logits: self.advance(&[token], Keep::All, Some(observer))?.pop() })
    }

    /// Runs one token through an idle program (*fall-through*) and returns its logits, `[n_outputs]`.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn generate(&mut self, token: u32) -> Result<Vec<i32>, EmulatorError> {
        self.fall_through(token, None::<&mut ()>)
    }

    /// As [`generate`](Self::generate), while `observer` looks on.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn generate_observed(&mut self, token: u32, observer: &mut impl Observer) -> Result<Vec<i32>, EmulatorError> {
        self.fall_through(token, Some(observer))
    }

    /// Sends a token every step (*pipelined*), then runs until all logits have come; returns them in the tokens' order,
    /// `[n_tokens][n_outputs]`. The integers are those of [`generate`](Self::generate).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<Vec<Vec<i32>>, EmulatorError> {
        self.pipelined(tokens, Keep::All, None::<&mut ()>)
    }

    /// As [`prefill`](Self::prefill), and gives the logits after the last token only: those of a long text would fill the
    /// memory. None if there is no token.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn read(&mut self, tokens: &[u32]) -> Result<Option<Vec<i32>>, EmulatorError> {
        Ok(self.pipelined(tokens, Keep::Last, None::<&mut ()>)?.pop())
    }

    /// As [`read`](Self::read), while `observer` looks on.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn read_observed(
        &mut self,
        tokens: &[u32],
        observer: &mut impl Observer,
    ) -> Result<Option<Vec<i32>>, EmulatorError> {
        Ok(self.pipelined(tokens, Keep::Last, Some(observer))?.pop())
    }

    /// As [`prefill`](Self::prefill), while `observer` looks on.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn prefill_observed(
        &mut self,
        tokens: &[u32],
        observer: &mut impl Observer,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        self.pipelined(tokens, Keep::All, Some(observer))
    }

    fn fall_through(&mut self, token: u32, observer: Option<&mut impl Observer>) -> Result<Vec<i32>, EmulatorError> {
        let mut logits = self.pipelined(&[token], Keep::Last, observer)?;
        Ok(logits.pop().expect("invariant: the last logits are due in the step that empties the queue"))
    }

    fn pipelined(
        &mut self,
        tokens: &[u32],
        keep: Keep,
        observer: Option<&mut impl Observer>,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        let mut inputs: Vec<_> = tokens.iter().copied().map(Some).collect();
        let n_steps = match &self.run {
            Run::Fast(fast) => fast.steps_to_drain(0, tokens.len()),
            Run::Reference(reference) => reference.steps_to_drain(tokens.len()),
        };
        inputs.resize(n_steps, None);
        self.advance(&inputs, keep, observer)
    }

    /// What a slot of a slice's neurons holds, `[n_neurons]`.
    ///
    /// # Panics
    /// If there is no such core, slice or slot.
    pub fn slot_values(&self, core_idx: u32, slice_idx: u32, slot: Slot) -> Vec<i32> {
        match &self.run {
            Run::Fast(fast) => fast.slot_values(index(core_idx), index(slice_idx), slot.index()),
            Run::Reference(reference) => reference.slot_values(index(core_idx), index(slice_idx), slot.index()),
        }
    }

    /// Runs a step for each input; gives the logits that were due.
    fn advance(
        &mut self,
        inputs: &[Option<u32>],
        keep: Keep,
        observer: Option<&mut impl Observer>,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        let Some(observer) = observer else { return self.advance_at_once(inputs, keep, None::<&mut ()>) };
        if !observer.watches_steps() {
            return self.advance_at_once(inputs, keep, Some(observer));
        }
        let mut all = Vec::new();
        for &token in inputs {
            let logits = self.advance_at_once(&[token], keep, Some(observer))?;
            observer.step_done(self, token, logits.last().map(Vec::as_slice));
            all.extend(logits);
            keep.of(&mut all);
        }
        Ok(all)
    }

    fn advance_at_once(
        &mut self,
        inputs: &[Option<u32>],
        keep: Keep,
        observer: Option<&mut impl Observer>,
    ) -> Result<Vec<Vec<i32>>, EmulatorError> {
        let before = self.n_steps();
        let logits = match &mut self.run {
            Run::Fast(fast) => match observer {
                Some(observer) => fast.advance_observed(inputs, keep, observer),
                None => fast.advance(&[inputs], keep).map(|mut logits| logits.pop().unwrap_or_default()),
            },
            Run::Reference(reference) => match observer {
                Some(observer) => reference.advance(inputs, keep, observer),
                None => reference.advance(inputs, keep, &mut ()),
            },
        };
        match logits.as_deref() {
            Ok([.., last]) => self.logits.clone_from(last),
            Ok([]) => {}
            // Logits may have come before the error.
            Err(_) if self.n_steps() != before => self.logits.clear(),
            Err(_) => {}
        }
        logits
    }
}
