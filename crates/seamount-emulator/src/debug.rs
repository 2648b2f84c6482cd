//! Going through a program's microcode instruction by instruction, on the reference engine.

use std::sync::Arc;

use seamount_program::Program;

use crate::emulate::StepOutput;
use crate::error::EmulatorError;
use crate::events::Events;
use crate::image::index;
use crate::observer::Observer;
use crate::reference::{Reference, Step};

/// A program that can stop at any instruction of any neuron.
///
/// Within a step neurons run one after the other, by core and slice; what they send arrives in the next step, so that the
/// order changes nothing.
#[derive(Clone, Debug)]
pub struct Debugger {
    reference: Reference,
    /// The step that is being run; none between two of them.
    running: Option<Step>,
}

/// The instruction that is executed next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The step, from 0.
    pub step: u64,
    /// Index of the core.
    pub core: u32,
    /// Index of the slice on the core.
    pub slice: u32,
    /// Index of the group.
    pub group: u32,
    /// The neuron, counted in its group.
    pub neuron: u32,
    /// Address of the instruction.
    pub pc: usize,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One instruction.
    Instruction,
    /// To the end of the neuron's run.
    Neuron,
}

impl Debugger {
    /// A run of `program` at its beginning.
    ///
    /// # Errors
    /// [`EmulatorError::Invalid`] if the program breaks the verifier's rules.
    pub fn new(program: Arc<Program>) -> Result<Self, EmulatorError> {
        Ok(Self { reference: Reference::new(program)?, running: None })
    }

    /// Goes back to the beginning.
    pub fn reset(&mut self) {
        self.reference.reset();
        self.running = None;
    }

    /// The program that runs.
    pub fn program(&self) -> &Arc<Program> {
        self.reference.program()
    }

    /// How many steps are over.
    pub fn n_steps(&self) -> u64 {
        self.reference.n_steps()
    }

    /// Whether logits are still to come.
    pub fn awaits_logits(&self) -> bool {
        self.running.as_ref().is_some_and(Step::awaits_logits) || self.reference.steps_to_drain(0) > 0
    }

    /// What happened since the beginning, by core, without the step that is being run.
    pub fn events(&self) -> &[Events] {
        self.reference.events()
    }

    /// Where the program stands; none between two steps.
    pub fn position(&self) -> Option<Position> {
        let step = self.running.as_ref()?;
        let slice = &self.program().cores[step.core].slices[step.slice];
        let number = |n: usize| u32::try_from(n).expect("invariant: cores and neurons have 32 bits");
        Some(Position {
            step: self.n_steps(),
            core: number(step.core),
            slice: number(step.slice),
            group: slice.group,
            neuron: slice.first_neuron + number(step.neuron),
            pc: step.scratch.pc,
        })
    }

    /// Begins a step, in which the host sends `token` if there is one, and goes to its first instruction. Gives what the
    /// step gave if no neuron has any.
    ///
    /// # Errors
    /// [`EmulatorError::Token`].
    ///
    /// # Panics
    /// If a step is being run.
    pub fn begin_step(&mut self, token: Option<u32>) -> Result<Option<StepOutput>, EmulatorError> {
        assert!(self.running.is_none(), "the last step is not over");
        self.running = Some(self.reference.begin(token)?);
        Ok(self.settle())
    }

    /// Goes on, and then to the next instruction, of this neuron or the next one; gives what the step gave if it is over.
    /// Nothing happens between two steps.
    ///
    /// # Errors
    /// [`EmulatorError::Fault`]; the run is undefined from then on.
    pub fn advance(&mut self, pace: Pace, observer: &mut impl Observer) -> Result<Option<StepOutput>, EmulatorError> {
        if let Some(step) = &mut self.running {
            self.reference.run_neuron(step, pace == Pace::Instruction, observer)?;
        }
        Ok(self.settle())
    }

    /// Registers of the neuron that runs; those that it has not written yet hold what another left there.
    pub fn registers(&self) -> &[i32] {
        self.running.as_ref().map_or(&[], |step| &step.scratch.registers)
    }

    /// What the neuron's last comparison found.
    pub fn flag(&self) -> bool {
        self.running.as_ref().is_some_and(|step| step.scratch.flag)
    }

    /// The slots of a neuron, counted in its slice.
    ///
    /// # Panics
    /// If there is no such core, slice or neuron.
    pub fn slots(&self, core_idx: u32, slice_idx: u32, neuron: u32) -> &[i32] {
        self.reference.neuron(index(core_idx), index(slice_idx), index(neuron)).0
    }

    /// The accumulators of a neuron, counted in its slice.
    ///
    /// # Panics
    /// As [`slots`](Self::slots).
    pub fn accumulators(&self, core_idx: u32, slice_idx: u32, neuron: u32) -> &[i32] {
        self.reference.neuron(index(core_idx), index(slice_idx), index(neuron)).1
    }

    /// Goes to a neuron that has an instruction left, or ends the step.
    fn settle(&mut self) -> Option<StepOutput> {
        let step = self.running.as_mut()?;
        let program = Arc::clone(self.reference.program());
        while let Some(core) = program.cores.get(step.core) {
            let Some(slice) = core.slices.get(step.slice) else {
                step.at(step.core + 1, 0, 0);
                continue;
            };
            if step.neuron >= index(slice.n_neurons) {
                step.at(step.core, step.slice + 1, 0);
                continue;
            }
            let body = program.body_of(slice.group).expect("invariant: a verified program's groups have bodies");
            if step.scratch.pc < body.instructions.len() {
                return None;
            }
            step.at(step.core, step.slice, step.neuron + 1);
        }
        let step = self.running.take()?;
        Some(StepOutput { logits: self.reference.end(step) })
    }
}
