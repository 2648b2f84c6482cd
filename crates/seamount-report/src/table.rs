//! Numbers, bars and aligned tables for terminals.

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text, cut to what room there is.
    Flexible,
    /// Text as it is.
    Text,
    /// Aligned to the right.
    Number,
    /// The same, and left out if there is no room for it.
    Extra,
}

/// Text that is cut to what room there is; one column of a table.
pub(crate) fn flexible(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Flexible }
}

/// Text as it is.
pub(crate) fn text(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Text }
}

/// Aligned to the right.
pub(crate) fn number(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Number }
}

/// As [`number`], and left out if there is no room for it.
pub(crate) fn extra(heading: &'static str) -> Column {
    Column { heading, kind: Kind::Extra }
}

/// Rows of cells in aligned columns.
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

/// Before each column.
const GAP: &str = "  ";

/// What a flexible column gets before a column is left out for it.
const FLEXIBLE_MIN: usize = 12;

impl Table {
    /// A table with headings; none if all are empty.
    pub(crate) fn new<const N: usize>(columns: [Column; N]) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, indented, at most `width` wide if leaving out and cutting can do it.
    pub(crate) fn lines(&self, width: usize) -> Vec<String> {
        let headings: Vec<_> = self.columns.iter().map(|column| column.heading.to_owned()).collect();
        let headings = headings.iter().any(|heading| !heading.is_empty()).then_some(headings);
        let rows: Vec<_> = headings.iter().chain(&self.rows).collect();
        let natural = |at: usize| rows.iter().map(|row| n_chars(&row[at])).max().unwrap_or(0);
        let mut widths: Vec<_> = (0..self.columns.len()).map(|at| Some(natural(at))).collect();
        self.fit(&mut widths, width);
        rows.into_iter().map(|row| self.line(row, &widths)).collect()
    }

    /// Leaves out extra columns, the last first, and then narrows the flexible one.
    fn fit(&self, widths: &mut [Option<usize>], width: usize) {
        let flexible = self.columns.iter().position(|column| column.kind == Kind::Flexible);
        let wanted = flexible.and_then(|at| widths[at]).unwrap_or(0);
        let others = |widths: &[Option<usize>]| {
            let used: usize = widths.iter().flatten().map(|column| column + GAP.len()).sum();
            used - wanted
        };
        for at in (0..widths.len()).rev() {
            if self.columns[at].kind == Kind::Extra && others(widths) + wanted.min(FLEXIBLE_MIN) > width {
                widths[at] = None;
            }
        }
        if let Some(at) = flexible {
            widths[at] = Some(wanted.min(width.saturating_sub(others(widths))).max(1));
        }
    }

    fn line(&self, row: &[String], widths: &[Option<usize>]) -> String {
        let mut line = String::new();
        for ((cell, width), column) in row.iter().zip(widths).zip(&self.columns) {
            let Some(width) = *width else { continue };
            let cell = cut(cell, width);
            line += GAP;
            line += &match column.kind {
                Kind::Flexible | Kind::Text => format!("{cell:<width$}"),
                Kind::Number | Kind::Extra => format!("{cell:>width$}"),
            };
        }
        line.trim_end().to_owned()
    }
}

/// A number with a comma before each group of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of at least 0 with one decimal.
pub(crate) fn tenths(number: f64) -> String {
    let text = format!("{number:.1}");
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "0"));
    whole.parse().map(|whole| format!("{}.{decimals}", grouped(whole))).unwrap_or(text)
}

/// A number and what is counted, in the plural unless it is 1.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {what}{s}", grouped(number))
}

/// Bytes as KiB with one decimal.
pub(crate) fn kib(bytes: u64) -> String {
    tenths(bytes as f64 / 1024.0)
}

/// A share of 0 to 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A bar of `width` characters of which `part` of `whole` are full, at least one if `part` is not 0.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let cells = u128::try_from(width).expect("invariant: widths have at most 128 bits");
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    let filled = ((part * cells + whole / 2) / whole).max(part.min(1)).min(cells);
    let filled = usize::try_from(filled).expect("invariant: at most `width`");
    format!("{}{}", "█".repeat(filled), "·".repeat(width - filled))
}

/// Cuts to `width` characters, the last of them an ellipsis if something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if n_chars(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

fn n_chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_comma_before_each_three_digits() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(grouped), ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!([0, 1, 2_000].map(|n| counted(n, "chip")), ["0 chips", "1 chip", "2,000 chips"]);
        assert_eq!([0.0, 0.04, 999.95, 12_345.67].map(tenths), ["0.0", "0.0", "1,000.0", "12,345.7"]);
        assert_eq!([0, 512, 131_072, 2_000_000].map(kib), ["0.0", "0.5", "128.0", "1,953.1"]);
    }

    #[test]
    fn a_bar_is_empty_for_nothing_only_and_never_longer_than_its_width() {
        assert_eq!(bar(0, 10, 4), "····");
        assert_eq!(bar(1, 1_000, 4), "█···");
        assert_eq!(bar(5, 10, 4), "██··");
        assert_eq!(bar(6, 10, 4), "██··");
        assert_eq!(bar(7, 10, 4), "███·");
        assert_eq!(bar(20, 10, 4), "████");
        assert_eq!(bar(0, 0, 2), "··");
    }

    #[test]
    fn a_table_that_is_too_wide_leaves_out_a_column_and_then_cuts_one() {
        let mut table = Table::new([flexible("name"), number("n"), extra("more")]);
        table.row(["a very long name".to_owned(), "12".to_owned(), "345".to_owned()]);
        assert_eq!(table.lines(40), ["  name               n  more", "  a very long name  12   345"]);
        assert_eq!(table.lines(26), ["  name             n  more", "  a very long n…  12   345"]);
        assert_eq!(table.lines(18), ["  name           n", "  a very long…  12"]);
        assert_eq!(table.lines(12), ["  name     n", "  a ver…  12"]);
    }

    #[test]
    fn a_table_without_headings_has_only_its_rows() {
        let mut table = Table::new([text(""), number("")]);
        table.row(["chips".to_owned(), "1".to_owned()]);
        assert_eq!(table.lines(40), ["  chips  1"]);
    }
}
