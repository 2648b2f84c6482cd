//! What a parameter is made of: a value, its unit, where it comes from and how well it is known.

use std::fmt;

use serde::Serialize;

/// One number of an architecture with its provenance, as [`Arch::parameters`](crate::Arch::parameters) lists them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Parameter<'a> {
    /// The section and key in the file, as in `core.synapse_bytes`.
    pub name: &'static str,
    /// The value, in `unit`.
    pub value: &'a Value,
    /// The unit of the value; empty for a choice or a list of places.
    pub unit: &'static str,
    /// Where the value was found; empty only where it is assumed.
    pub source: &'a str,
    /// How well the value is known.
    pub status: Status,
    /// What else there is to know: arithmetic, conflicting figures, the reason for an assumption.
    pub note: &'a str,
    /// What the parameter means.
    pub about: &'static str,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A count or a size.
    Integer(u64),
    /// A time, an energy or a power.
    Decimal(f64),
    /// The rule of an accumulator that is too small.
    Overflow(Overflow),
    /// Widths, in ascending order.
    Integers(Vec<u64>),
    /// Pairs of a chip and a core on it.
    Cores(Vec<(u32, u32)>),
}

/// How well a number is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Stated by the maker or in the open code of its tools, or plain arithmetic on such numbers.
    Published,
    /// Measured by others on the chip, or fitted to what they measured.
    Measured,
    /// Neither: a choice that keeps the number adjustable.
    Assumed,
}

/// What happens to a sum that does not fit its dendritic accumulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// The accumulator keeps the nearest value it can hold.
    Saturate,
    /// The accumulator keeps the low bits, in two's complement.
    Wrap,
}

impl Value {
    /// The value of a count or a size.
    #[must_use]
    pub fn as_integer(&self) -> Option<u64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The value of a time, an energy or a power.
    #[must_use]
    pub fn as_decimal(&self) -> Option<f64> {
        if let Self::Decimal(value) = self { Some(*value) } else { None }
    }

    /// The rule of an accumulator.
    #[must_use]
    pub fn as_overflow(&self) -> Option<Overflow> {
        if let Self::Overflow(value) = self { Some(*value) } else { None }
    }

    /// The widths of a list.
    #[must_use]
    pub fn as_integers(&self) -> Option<&[u64]> {
        if let Self::Integers(values) = self { Some(values) } else { None }
    }

    /// The neurocores of a list, as (chip, core).
    #[must_use]
    pub fn as_cores(&self) -> Option<&[(u32, u32)]> {
        if let Self::Cores(cores) = self { Some(cores) } else { None }
    }
}

impl Status {
    /// All of them, the best known first.
    pub const ALL: [Self; 3] = [Self::Published, Self::Measured, Self::Assumed];

    /// The word for it in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Measured => "measured",
            Self::Assumed => "assumed",
        }
    }
}

impl Overflow {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Saturate, Self::Wrap];

    /// The word for it in a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Saturate => "saturate",
            Self::Wrap => "wrap",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Prints the value as a TOML file writes it, strings without their quotes.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value:?}"),
            Self::Overflow(value) => write!(f, "{value}"),
            Self::Integers(values) => write!(f, "{values:?}"),
            Self::Cores(cores) => {
                let cores: Vec<[u32; 2]> = cores.iter().map(|&(chip, core)| [chip, core]).collect();
                write!(f, "{cores:?}")
            }
        }
    }
}
