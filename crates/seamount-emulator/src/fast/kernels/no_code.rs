//! Where no machine code is made.

use crate::fast::trace::Trace;

/// There is none.
#[derive(Debug)]
pub(in crate::fast) enum Code {}

/// What would become of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fast) enum Verdict {
    Exact,
    Saturated,
    Left,
}

impl Code {
    pub(in crate::fast) fn new(_: &Trace, _: u32, _: u32) -> Option<Self> {
        None
    }

    pub(in crate::fast) fn run(&self, _: &[&[i32]], _: &mut [Vec<i32>], _: &mut [u16]) -> Verdict {
        match *self {}
    }
}
