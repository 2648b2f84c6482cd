//! Several texts through one program.

use std::ops::Range;
use std::sync::Arc;

use seamount_program::Program;

use crate::emulate::{Engine, Keep, Options};
use crate::error::EmulatorError;
use crate::events::Events;
use crate::fast::Fast;
use crate::reference::Reference;
use crate::state::{StateError, decode};

/// Runs of one program side by side, each with its own state. Every weight is read once for all of them.
///
/// Each stream gives the integers, and counts what it would count, as an [`Emulator`](crate::Emulator) of its own.
#[derive(Clone, Debug)]
pub struct Streams {
    program: Arc<Program>,
    run: Run,
}

#[derive(Clone, Debug)]
enum Run {
    Fast(Box<Fast>),
    Reference(Vec<Reference>),
}

impl Streams {
    /// `n_streams` runs of `program` at their beginning.
    ///
    /// # Errors
    /// As [`Emulator::with_options`](crate::Emulator::with_options).
    pub fn new(program: Arc<Program>, n_streams: usize, options: Options) -> Result<Self, EmulatorError> {
        let fast = match options.engine {
            Engine::Fast => Fast::new(Arc::clone(&program), n_streams, options.kernel)?,
            Engine::Reference => None,
        };
        let run = match fast {
            Some(fast) => Run::Fast(Box::new(fast)),
            None => Run::Reference(vec![Reference::new(Arc::clone(&program))?; n_streams]),
        };
        Ok(Self { program, run })
    }

    /// The program that runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Sends each stream its tokens, one every step, and waits for all logits; returns them in the tokens' order,
    /// `[stream][token][n_outputs]`. A stream without tokens rests. The streams need not be of the same length.
    ///
    /// # Errors
    /// As [`Emulator::prefill`](crate::Emulator::prefill), of the first stream that has one.
    ///
    /// # Panics
    /// If there are not as many lists of tokens as streams.
    pub fn prefill(&mut self, tokens: &[impl AsRef<[u32]>]) -> Result<Vec<Vec<Vec<i32>>>, EmulatorError> {
        self.pipelined(tokens, Keep::All)
    }

    /// As [`prefill`](Self::prefill), and gives the logits after the last token of each stream only: those of long texts
    /// would fill the memory. None for a stream without tokens.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    ///
    /// # Panics
    /// As [`prefill`](Self::prefill).
    pub fn read(&mut self, tokens: &[impl AsRef<[u32]>]) -> Result<Vec<Option<Vec<i32>>>, EmulatorError> {
        Ok(self.pipelined(tokens, Keep::Last)?.into_iter().map(|mut logits| logits.pop()).collect())
    }

    fn pipelined(&mut self, tokens: &[impl AsRef<[u32]>], keep: Keep) -> Result<Vec<Vec<Vec<i32>>>, EmulatorError> {
        let n_streams = match &self.run {
            Run::Fast(fast) => fast.n_streams(),
            Run::Reference(runs) => runs.len(),
        };
        assert_eq!(tokens.len(), n_streams, "tokens for each stream");
        let inputs = tokens.iter().map(AsRef::as_ref).enumerate().map(|(stream, tokens): (usize, &[u32])| {
            let n_steps = match &self.run {
                Run::Fast(fast) => fast.steps_to_drain(stream, tokens.len()),
                Run::Reference(runs) => runs[stream].steps_to_drain(tokens.len()),
            };
            let mut inputs: Vec<_> = tokens.iter().copied().map(Some).collect();
            inputs.resize(n_steps, None);
            inputs
        });
        let inputs: Vec<Vec<Option<u32>>> = inputs.collect();
        match &mut self.run {
            Run::Fast(fast) => {
                let inputs: Vec<&[Option<u32>]> = inputs.iter().map(Vec::as_slice).collect();
                fast.advance(&inputs, keep)
            }
            Run::Reference(runs) => {
                runs.iter_mut().zip(&inputs).map(|(run, inputs)| run.advance(inputs, keep, &mut ())).collect()
            }
        }
    }

    /// Runs a token through each stream that has one, *fall-through*; gives the logits of those that have.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    ///
    /// # Panics
    /// If there are not as many tokens as streams.
    pub fn generate(&mut self, tokens: &[Option<u32>]) -> Result<Vec<Option<Vec<i32>>>, EmulatorError> {
        let tokens: Vec<&[u32]> = tokens.iter().map(Option::as_slice).collect();
        self.read(&tokens)
    }

    /// Lets some streams go on from where one run of the same program was, as
    /// [`Emulator::load_state`](crate::Emulator::load_state) does; gives the logits that came last there.
    ///
    /// # Errors
    /// [`StateError`]; then the streams are as they were.
    ///
    /// # Panics
    /// If there are fewer streams.
    pub fn load_state(&mut self, streams: Range<usize>, bytes: &[u8]) -> Result<Option<Vec<i32>>, StateError> {
        let (snapshot, logits) = decode(&self.program, bytes)?;
        for stream in streams {
            match &mut self.run {
                Run::Fast(fast) => fast.load(stream, &snapshot),
                Run::Reference(runs) => runs[stream].load(&snapshot),
            }
        }
        Ok((!logits.is_empty()).then_some(logits))
    }

    /// What happened in a stream since the beginning, by core.
    pub fn events(&self, stream: usize) -> &[Events] {
        match &self.run {
            Run::Fast(fast) => fast.events(stream),
            Run::Reference(runs) => runs[stream].events(),
        }
    }

    /// What the host did for a stream since the beginning.
    pub fn host_events(&self, stream: usize) -> Events {
        match &self.run {
            Run::Fast(fast) => fast.host_events(stream),
            Run::Reference(runs) => runs[stream].host_events(),
        }
    }

    /// How many steps of a stream have been run.
    pub fn n_steps(&self, stream: usize) -> u64 {
        match &self.run {
            Run::Fast(fast) => fast.n_steps(stream),
            Run::Reference(runs) => runs[stream].n_steps(),
        }
    }
}
