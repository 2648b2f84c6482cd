//! From counted work to time and energy: the cost of a mapping.
//!
//! Entry point: [`Costs::estimate`] takes a [`Wavefront`], which says what each neurocore and link does in each step of a
//! token, and gives tokens a second, energy a token, what binds, and how much of it rests on what is known.
//! [`Rates::core_ns`] is the piece that a mapping search calls by the million. `docs/cost-model.md` has the formulas.
//!
//! **Invariant:** this crate knows numbers only: no model, no program, no mapping, no engine. Each constant comes from the
//! arch.
//!
//! **Invariant:** more work never takes less time or energy.

mod constants;
mod estimate;
mod prefill;
mod rates;
mod term;
mod work;

pub use constants::{Corner, Costs};
pub use estimate::{Energy, Estimate, Interval, Mode, Part, Shares, StepTime};
pub use rates::{CoreTime, Rates};
pub use term::{Bound, EnergyTerm, TimeTerm};
pub use work::{CoreWork, LinkKind, Step, Wavefront};
