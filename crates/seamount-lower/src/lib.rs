//! From the fixed-point graph to neuron groups and projections.
//!
//! - [`lower_to_network`]: which operations share a neuron, what crosses between neurons, what each neuron does.
//! - [`recompute_roots`]: lets neurons compute an inverse root themselves, which saves a step.
//! - [`split_fan_in`]: adds sums up in parts where a neurocore lacks the axons for the whole.
//! - [`balance_delays`]: lets the shorter of two paths wait for the longer, so that a token may enter every step.
//! - [`place_head`]: gives the head's groups to the host, where the user wants it.
//!
//! Entry point: [`passes`], the registry of this crate's passes.
//!
//! **Invariant:** knows the levels, but neither microcode nor hardware.

pub mod balance_delays;
mod body;
mod grouping;
pub mod lower_to_network;
mod names;
pub mod place_head;
pub mod recompute_roots;
pub mod split_fan_in;
mod tick;

use seamount_ir::pass::Registered;

/// The passes of this crate, in the order in which they are run.
pub fn passes() -> Vec<Registered> {
    vec![
        Registered { info: &lower_to_network::INFO, make: lower_to_network::LowerToNetwork::from_options },
        Registered { info: &place_head::INFO, make: place_head::PlaceHead::from_options },
        Registered { info: &recompute_roots::INFO, make: recompute_roots::RecomputeRoots::from_options },
        Registered { info: &split_fan_in::INFO, make: split_fan_in::SplitFanIn::from_options },
        Registered { info: &balance_delays::INFO, make: balance_delays::BalanceDelays::from_options },
    ]
}
