//! What neurons have, an array for each with a lane a neuron, so that the compiler makes vector instructions of every loop.
//!
//! Each piece of a part begins at a multiple of [`LANES`](super::kernels::LANES); lanes past its last neuron repeat it, and
//! are never counted.

use std::ops::Deref;
use std::sync::Arc;

use super::kernels::Kernel;
use super::native::Outputs;
use super::plan::Piece;

/// What a part's neurons own, `[slot][lane]` and `[accumulator][lane]`.
#[derive(Clone, Debug)]
pub(super) struct Neurons {
    pub slots: Vec<Slot>,
    pub accumulators: Vec<Vec<i32>>,
    /// Whether an accumulator may hold anything but zeros. What has arrived in this step may still be elsewhere.
    pub is_charged: Vec<bool>,
    /// Whether a slot is known to hold zeros.
    pub is_zero: Vec<bool>,
}

/// The lanes of a slot; a slot that holds zeros may have none, so that what waits for a step or two does so in memory that
/// has just been used.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// Those of all streams, as long as none writes it: a parameter's.
    Shared(Arc<Vec<i32>>),
    Own(Vec<i32>),
}

/// Registers and masks, kept from run to run for their memory.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Whose ways are taken where it has some of its own.
    pub kernel: Option<Kernel>,
    pub registers: Vec<Vec<i32>>,
    /// By register, the slot whose lanes it has, if it was loaded and neither has been written since.
    pub loaded: Vec<Option<usize>>,
    /// By accumulator, whether what has arrived waits to be read.
    pub is_waiting: Vec<bool>,
    /// Whether a register is known to hold zeros.
    pub is_zero: Vec<bool>,
    pub spare: Vec<i32>,
    pub flag: Vec<i32>,
    pub waiting: Vec<(usize, Option<Vec<i32>>)>,
    /// How often each lane has taken each jump that has a bound.
    pub taken: Vec<(usize, Vec<u16>)>,
    /// Which branches all lanes have taken together, if that is noted.
    pub path: Option<Vec<bool>>,
    pub outputs: Outputs,
}

/// Registers to be read.
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub registers: &'a [Vec<i32>],
    pub loaded: &'a [Option<usize>],
    pub slots: &'a [Slot],
}

/// The lanes that run; all of them if `None`.
pub(super) type Mask = Option<Vec<i32>>;

impl Neurons {
    /// Neurons all of whose slots and accumulators are zero.
    pub(super) fn new(n_lanes: usize, n_slots: usize, n_accumulators: usize) -> Self {
        Self {
            slots: vec![Slot::Own(vec![0; n_lanes]); n_slots],
            accumulators: vec![vec![0; n_lanes]; n_accumulators],
            is_charged: vec![false; n_accumulators],
            is_zero: vec![true; n_slots],
        }
    }

    /// Gives all slots their lanes.
    pub(super) fn fill_in(&mut self, n_lanes: usize) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_empty()) {
            slot.own().resize(n_lanes, 0);
        }
    }

    /// Takes what the slots and accumulators of a piece hold, `[neuron, slot]` and `[neuron, accumulator]`.
    pub(super) fn set_piece(&mut self, piece: &Piece, slots: &[i32], accumulators: &[i32]) {
        let set = |lanes: &mut [i32], at: usize, values: &[i32], n_values: usize| {
            let values = values.iter().skip(at).step_by(n_values);
            lanes[piece.lanes()].iter_mut().zip(values).for_each(|(lane, value)| *lane = *value);
            let last = lanes[piece.lanes().end - 1];
            lanes[piece.spare_lanes()].fill(last);
        };
        let (n_slots, n_accumulators) = (self.slots.len(), self.accumulators.len());
        for (at, lanes) in self.slots.iter_mut().enumerate() {
            set(lanes.own(), at, slots, n_slots);
        }
        for (at, lanes) in self.accumulators.iter_mut().enumerate() {
            set(lanes, at, accumulators, n_accumulators);
        }
    }

    /// Once all values are set: finds out which accumulators and slots hold nothing but zeros, and lets copies share the
    /// slots.
    pub(super) fn settle(&mut self) {
        let are_zeros = |lanes: &[i32]| lanes.iter().all(|&value| value == 0);
        self.is_charged = self.accumulators.iter().map(|lanes| !are_zeros(lanes)).collect();
        self.is_zero = self.slots.iter().map(|lanes| are_zeros(lanes)).collect();
        self.slots.iter_mut().for_each(|slot| *slot = Slot::Shared(Arc::new(std::mem::take(slot.own()))));
    }

    /// Whether no accumulator holds anything, nor any of some slots.
    pub(super) fn is_quiet(&self, slots: &[usize]) -> bool {
        !self.is_charged.contains(&true) && slots.iter().all(|&slot| self.is_zero[slot])
    }
}

impl Deref for Slot {
    type Target = [i32];

    #[inline(always)]
    fn deref(&self) -> &[i32] {
        match self {
            Self::Shared(lanes) => lanes,
            Self::Own(lanes) => lanes,
        }
    }
}

impl Slot {
    /// The lanes, to be written.
    #[inline(always)]
    pub(super) fn own(&mut self) -> &mut Vec<i32> {
        if let Self::Shared(lanes) = self {
            *self = Self::Own(lanes.to_vec());
        }
        match self {
            Self::Own(lanes) => lanes,
            Self::Shared(_) => unreachable!("invariant: it has just been given its own"),
        }
    }
}

impl Scratch {
    /// Makes room for the registers of a body's neurons.
    pub(super) fn prepare(&mut self, kernel: Kernel, n_registers: usize) {
        self.kernel = Some(kernel);
        if self.registers.len() < n_registers {
            self.registers.resize_with(n_registers, || vec![0; self.spare.len()]);
            self.is_zero.resize(n_registers, false);
            self.loaded.resize(n_registers, None);
        }
    }

    /// What instructions read, beside the spare lanes, which they write, and the flag.
    #[inline(always)]
    pub(super) fn operands<'a>(&'a mut self, neurons: &'a Neurons) -> (Operands<'a>, &'a mut Vec<i32>, &'a [i32]) {
        let Self { registers, loaded, spare, flag, .. } = self;
        (Operands { registers, loaded, slots: &neurons.slots }, spare, flag)
    }

    pub(super) fn resize(&mut self, n_lanes: usize) {
        if self.spare.len() != n_lanes {
            for lanes in self.registers.iter_mut().chain([&mut self.spare, &mut self.flag]) {
                lanes.resize(n_lanes, 0);
            }
        }
        self.is_zero.fill(false);
        self.loaded.fill(None);
        self.taken.clear();
        self.waiting.clear();
    }
}

impl<'a> Operands<'a> {
    #[inline(always)]
    pub(super) fn of(self, register: usize) -> &'a [i32] {
        match self.loaded[register] {
            Some(slot) => &self.slots[slot],
            None => &self.registers[register],
        }
    }
}
