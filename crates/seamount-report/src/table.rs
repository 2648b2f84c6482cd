//! Numbers, bars and aligned tables for terminals.

/// Where a cell stands in its column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of cells in aligned columns.
pub(crate) struct Table {
    columns: Vec<Align>,
    rows: Vec<Vec<String>>,
}

/// Between two columns.
const GAP: &str = "  ";

impl Table {
    /// A table with a row of headings.
    pub(crate) fn new<const N: usize>(columns: [(&str, Align); N]) -> Self {
        let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
        Self { columns: columns.iter().map(|&(_, align)| align).collect(), rows: vec![headings] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The lines, each indented by two and at most `width` wide as long as the first column, which is cut first, has
    /// any room at all.
    pub(crate) fn lines(&self, width: usize) -> Vec<String> {
        let n_columns = self.columns.len();
        let mut widths = vec![0; n_columns];
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(n_chars(cell));
            }
        }
        let others: usize = widths.iter().skip(1).map(|width| width + GAP.len()).sum();
        widths[0] = widths[0].min(width.saturating_sub(others + GAP.len()).max(1));
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, &width), align) in row.iter().zip(widths).zip(&self.columns) {
            let cell = cut(cell, width);
            line += GAP;
            match align {
                Align::Left => line += &format!("{cell:<width$}"),
                Align::Right => line += &format!("{cell:>width$}"),
            }
        }
        line.trim_end().to_owned()
    }
}

/// A number with a comma before each group of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at) % 3 == 0 {
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

/// Bytes as KiB with one decimal.
pub(crate) fn kib(bytes: u64) -> String {
    tenths(bytes as f64 / 1024.0)
}

/// A share of 0 to 1 in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A bar of `width` characters of which `part` of `whole` are full; what is not nothing shows.
pub(crate) fn bar(part: u64, whole: u64, width: usize) -> String {
    let cells = u128::try_from(width).expect("invariant: widths have at most 128 bits");
    let filled = (u128::from(part) * cells).div_ceil(u128::from(whole.max(1))).min(cells);
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
        assert_eq!([0.0, 0.04, 999.95, 12_345.67].map(tenths), ["0.0", "0.0", "1,000.0", "12,345.7"]);
        assert_eq!([0, 512, 131_072, 2_000_000].map(kib), ["0.0", "0.5", "128.0", "1,953.1"]);
    }

    #[test]
    fn a_bar_is_empty_for_nothing_only_and_never_longer_than_its_width() {
        assert_eq!(bar(0, 10, 4), "····");
        assert_eq!(bar(1, 1_000, 4), "█···");
        assert_eq!(bar(5, 10, 4), "██··");
        assert_eq!(bar(20, 10, 4), "████");
        assert_eq!(bar(0, 0, 2), "··");
    }

    #[test]
    fn a_table_that_is_too_wide_cuts_its_first_column() {
        let mut table = Table::new([("name", Align::Left), ("n", Align::Right)]);
        table.row(["a long name".to_owned(), "12".to_owned()]);
        assert_eq!(table.lines(40), ["  name          n", "  a long name  12"]);
        assert_eq!(table.lines(12), ["  name     n", "  a lon…  12"]);
    }
}
