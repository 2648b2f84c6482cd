//! The chips of a system in the order in which they are filled.
//!
//! Chips follow each other in rows of the chip grid, to and fro, so that each is the neighbor of the one before.

use seamount_arch::Arch;

use crate::layout::count;

/// The chips that may be used, in the order in which they are filled.
#[derive(Debug)]
pub(crate) struct Chips {
    /// Numbers of the chips, and of each the cores that are not bad.
    chips: Vec<(u32, Vec<u32>)>,
    n_allowed: u32,
    cores_per_chip: usize,
}

impl Chips {
    /// `max_chips` is how many may be used at most.
    pub(crate) fn new(arch: &Arch, max_chips: Option<u32>) -> Self {
        let (columns, _) = arch.chip_grid();
        let mut numbers: Vec<u32> = (0..arch.n_chips()).collect();
        numbers.sort_by_key(|&chip| {
            let (column, row) = arch.chip_position(chip);
            (row, if row % 2 == 0 { column } else { columns - column })
        });
        let good = |chip: u32| (0..arch.cores_per_chip()).filter(move |&core| !arch.is_bad_core(chip, core));
        let chips = numbers.into_iter().map(|chip| (chip, good(chip).collect())).collect();
        Self {
            chips,
            n_allowed: max_chips.map_or(arch.n_chips(), |most| most.min(arch.n_chips())),
            cores_per_chip: arch.cores_per_chip() as usize,
        }
    }

    /// Chips that may be used.
    pub(crate) fn n_allowed(&self) -> u32 {
        self.n_allowed
    }

    /// Cores of the first chips.
    pub(crate) fn n_cores(&self, n_chips: u32) -> usize {
        self.chips.iter().take(n_chips as usize).map(|(_, cores)| cores.len()).sum()
    }

    /// Chips for so many cores; beyond those of the system as if it had more without bad cores.
    pub(crate) fn n_chips_for(&self, n_cores: usize) -> u32 {
        let mut left = n_cores;
        for (n_chips, (_, cores)) in (0..).zip(&self.chips) {
            if left == 0 {
                return n_chips;
            }
            left = left.saturating_sub(cores.len());
        }
        let n_more = left.div_ceil(self.cores_per_chip.max(1));
        u32::try_from(self.chips.len() + n_more).unwrap_or(u32::MAX)
    }

    /// The chip of each of the first cores and its number there; chips that the system lacks follow those it has.
    pub(crate) fn places(&self, n_cores: usize) -> Vec<(u32, u32)> {
        let all = self.chips.iter().flat_map(|(chip, cores)| cores.iter().map(|&core| (*chip, core)));
        all.take(n_cores).collect()
    }

    /// The cores of a chip that are not bad.
    pub(crate) fn good_cores(&self, chip: u32) -> &[u32] {
        self.chips.iter().find(|(number, _)| *number == chip).map_or(&[], |(_, cores)| cores)
    }

    /// All cores that may be used.
    pub(crate) fn n_available(&self) -> u64 {
        count(self.n_cores(self.n_allowed))
    }
}
