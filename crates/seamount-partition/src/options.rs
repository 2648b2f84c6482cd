//! What the user may choose.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::layout::WeightEncoding;

/// What the user may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How matrices are written.
    pub weights: WeightEncoding,
    /// What is best.
    pub objective: Objective,
    /// The most chips that may be used; all of the system's, if nothing is said.
    pub max_chips: Option<NonZeroU32>,
    /// The longest that a token may take after the one before, as far as that can be had; `chips` heeds it not.
    pub max_token_time: Option<Duration>,
    /// Independent texts that walk through the machine behind each other.
    pub n_streams: NonZeroU32,
    /// How much is tried.
    pub effort: Effort,
    /// What random choices begin with; it matters at the highest effort.
    pub seed: u64,
    /// Each layer of the model begins on a chip of its own, as in the published mapping of the 370M model; what belongs to no
    /// layer goes with its neighbor. Slices are cut evenly and nothing is searched.
    pub one_layer_per_chip: bool,
}

/// What a mapping is to be best at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Objective {
    /// The fewest neurocores, and so the fewest chips: what is not powered costs nothing.
    #[default]
    Chips,
    /// The least time from a token to the next while texts are generated.
    Latency,
    /// The most tokens a second while a prompt is read.
    Throughput,
    /// The least energy a token while texts are generated.
    Energy,
}

/// How much is tried for a good mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// Groups are cut evenly, and each slice goes to the first core with room.
    Quick,
    /// A few ways to fill cores, and a few sizes of slices.
    #[default]
    Normal,
    /// All ways to fill cores, and more sizes.
    High,
    /// The same, and then a search for exchanges that help.
    Highest,
}

impl Objective {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chips => "chips",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Energy => "energy",
        }
    }
}

impl Effort {
    /// Its number.
    #[must_use]
    pub fn level(self) -> u8 {
        match self {
            Self::Quick => 0,
            Self::Normal => 1,
            Self::High => 2,
            Self::Highest => 3,
        }
    }

    /// The effort of a number; the highest for any above 3.
    #[must_use]
    pub fn of(level: u8) -> Self {
        match level {
            0 => Self::Quick,
            1 => Self::Normal,
            2 => Self::High,
            3.. => Self::Highest,
        }
    }
}

impl Options {
    /// Weights in this encoding; all else as it is if nothing is said.
    #[must_use]
    pub const fn new(weights: WeightEncoding) -> Self {
        Self {
            weights,
            objective: Objective::Chips,
            max_chips: None,
            max_token_time: None,
            n_streams: NonZeroU32::MIN,
            effort: Effort::Normal,
            seed: 0,
            one_layer_per_chip: false,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(WeightEncoding::Auto)
    }
}
