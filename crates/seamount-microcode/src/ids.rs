//! Numbered operands. Each one's `Display` is its text form in the assembly language.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u8);

        impl $name {
            /// The letter that opens the text form.
            pub const PREFIX: char = $prefix;

            /// The number, as an index.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", Self::PREFIX, self.0)
            }
        }
    };
}

id! {
    /// A register, `r0`: one word, undefined when a neuron's run begins.
    Reg, 'r'
}
id! {
    /// A word of the neuron's own memory, `s0`: a parameter or state, see [`SlotKind`](crate::SlotKind).
    Slot, 's'
}
id! {
    /// A dendritic accumulator of the neuron, `a0`.
    AccId, 'a'
}
id! {
    /// An output port, `p0`: each (port, neuron) has its own list of destinations.
    PortId, 'p'
}
id! {
    /// A probe, `q0`: a named value that an observer of the run may record.
    ProbeId, 'q'
}
