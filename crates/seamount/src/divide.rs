//! How sums and roots are divided among neurons, and which ways are tried.
//!
//! A layer that is spread over many cores is fast, and on how many it can be depends on what each of its neurons reads. So
//! for objectives of time, several networks of the same model are mapped, and the best mapping is kept: sums are taken in
//! parts of different sizes, and neurons compute inverse roots themselves, which saves steps, or do not. For the fewest chips
//! sums are taken in parts where that saves many.

use std::num::NonZeroU32;
use std::str::FromStr;

use seamount_ir::Verified;
use seamount_ir::network::Network;
use seamount_lower::recompute_roots::costs_of_roots;
use seamount_partition::{Effort, Mapping, Objective};

use crate::compile::CompileOptions;

/// Where the inverse roots of norms are computed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Roots {
    /// By one neuron, which sends each to all that wait for it.
    #[default]
    Shared,
    /// By each neuron that needs one, a step earlier, where that costs at most so many synaptic operations a token.
    Local {
        /// Operations for a root.
        max_ops: usize,
    },
}

/// What may be divided among neurons in more than one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Division {
    /// Where inverse roots are computed.
    pub roots: Roots,
    /// A neuron that reads more neurons than that has its sums taken in parts; only where a core lacks the axons, if nothing
    /// is said.
    pub max_fan_in: Option<NonZeroU32>,
    /// Most neurons of such a part; those of `max_fan_in`, if nothing is said.
    pub max_part: Option<NonZeroU32>,
}

/// Parts of a core's input axons that fan-in and parts are held to.
const TRIES: [(u32, u32); 4] = [(1, 4), (2, 4), (2, 8), (4, 4)];

impl Division {
    /// What is tried for options that leave the division open: nothing, unless tokens come one at a time and time counts.
    pub(crate) fn tries(options: &CompileOptions, network: &Verified<Network>) -> Vec<Self> {
        let counts = matches!(options.objective, Objective::Latency | Objective::Energy);
        let searches = options.effort > Effort::Quick && !options.one_layer_per_chip;
        if options.division.is_some() || !counts || !searches || options.n_streams.get() > 1 {
            return Vec::new();
        }
        let max_axons = options.arch.input_axons_per_core();
        let part = |share: u32| NonZeroU32::new(max_axons / share);
        let mut tries = vec![Self::default()];
        let local = |max_ops| Roots::Local { max_ops };
        for (fan_in, of_part) in TRIES {
            tries.push(Self { roots: local(usize::MAX), max_fan_in: part(fan_in), max_part: part(of_part) });
        }
        // Only those that are cheap, where they are not all alike.
        let costs = costs_of_roots(network);
        if let Some(&least) = costs.first().filter(|least| costs.last() > Some(least)) {
            for (fan_in, of_part) in [(2, 4), (2, 8)] {
                tries.push(Self { roots: local(least), max_fan_in: part(fan_in), max_part: part(of_part) });
            }
        }
        tries
    }
}

/// Chips are to become fewer by this part, if sums are taken in parts only for that: relays are more neurons and spikes.
const WORTH: f64 = 0.2;

impl Division {
    /// What may take fewer chips than a mapping that is to take few, or than any that was found: sums in parts, so that slices
    /// of more layers share cores. Nothing where that can save too little.
    pub(crate) fn for_fewer_chips(options: &CompileOptions, whole: Option<&Mapping>) -> Option<Self> {
        let counts = options.objective == Objective::Chips && options.division.is_none();
        let searches = options.effort > Effort::Quick && !options.one_layer_per_chip;
        let can_save = whole.is_none_or(|whole| {
            let n_chips = u64::try_from(whole.map.n_chips()).unwrap_or(u64::MAX);
            is_worth(n_chips, whole.bounds.n_chips)
        });
        let most = NonZeroU32::new(options.arch.input_axons_per_core() / 4);
        let division = Self { roots: Roots::Shared, max_fan_in: most, max_part: most };
        (counts && searches && can_save).then_some(division)
    }

    /// Whether a mapping has so many fewer chips that it is taken.
    pub(crate) fn is_worth(whole: &Mapping, in_parts: &Mapping) -> bool {
        let n_chips = |mapping: &Mapping| u64::try_from(mapping.map.n_chips()).unwrap_or(u64::MAX);
        is_worth(n_chips(whole), n_chips(in_parts))
    }
}

fn is_worth(n_chips: u64, fewer: u64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "numbers of chips are small")]
    let is_worth = fewer as f64 <= (1.0 - WORTH) * n_chips as f64;
    is_worth
}

impl Roots {
    /// As it is written on the command line.
    pub fn name(self) -> String {
        match self {
            Self::Shared => "shared".to_owned(),
            Self::Local { max_ops: usize::MAX } => "local".to_owned(),
            Self::Local { max_ops } => format!("local:{max_ops}"),
        }
    }
}

impl FromStr for Roots {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "shared" => Ok(Self::Shared),
            None if text == "local" => Ok(Self::Local { max_ops: usize::MAX }),
            Some(("local", max_ops)) => match max_ops.parse() {
                Ok(max_ops) => Ok(Self::Local { max_ops }),
                Err(_) => Err(format!("`local:N` takes a number of synaptic operations, found `{max_ops}`")),
            },
            None | Some(_) => Err(format!("expected `shared`, `local` or `local:N`, found `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_taken_for_a_fifth_of_the_chips() {
        assert!(is_worth(33, 22) && is_worth(5, 4));
        assert!(!is_worth(7, 6) && !is_worth(1, 1));
    }

    #[test]
    fn roots_are_read_as_they_are_named() {
        for roots in [Roots::Shared, Roots::Local { max_ops: usize::MAX }, Roots::Local { max_ops: 7 }] {
            assert_eq!(roots.name().parse(), Ok(roots));
        }
        for wrong in ["", "local:", "local:x", "shared:3", "Local"] {
            assert!(wrong.parse::<Roots>().is_err(), "{wrong}");
        }
    }
}
