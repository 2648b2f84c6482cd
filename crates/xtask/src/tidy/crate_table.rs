//! The table of crates in the architecture page against the tree.
//!
//! The table is the one whose first column is headed `crate`; its rows begin with the package's name in backquotes.

use super::Finding;
use super::workspace::Package;

/// Packages below this folder must be in the table.
const CRATES: &str = "crates/";

/// Crates that the table lacks, and names in the page that are no crates.
pub(super) fn check(path: &str, text: &str, packages: &[Package]) -> Vec<Finding> {
    let known = |name: &str| packages.iter().any(|package| package.name == name);
    let mut findings = Vec::new();
    let rows = table_rows(text);
    if rows.is_empty() {
        return vec![Finding::new(path, 0, "no table of crates: the first column must be headed `crate`")];
    }
    for &(line, first_cell) in &rows {
        match first_cell.split('`').nth(1) {
            None => {
                let message = format!("the row `{first_cell}` must begin with a crate's name in backquotes");
                findings.push(Finding::new(path, line, message));
            }
            Some(name) if !known(name) => {
                findings.push(Finding::new(path, line, format!("the table names `{name}`, which is no crate")));
            }
            Some(_) => {}
        }
    }
    for package in packages.iter().filter(|package| package.folder.starts_with(CRATES)) {
        let listed = rows.iter().any(|(_, cell)| cell.split('`').nth(1) == Some(&package.name));
        if !listed {
            let message = format!("the table of crates lacks `{}` ({})", package.name, package.folder);
            findings.push(Finding::new(path, 0, message));
        }
    }
    findings
}

/// The first cells of the rows of the crate table, with their lines.
fn table_rows(text: &str) -> Vec<(usize, &str)> {
    let first_cell = |line: &'_ str| -> Option<String> {
        Some(line.trim().strip_prefix('|')?.split('|').next()?.trim().to_ascii_lowercase())
    };
    let lines = text.lines().enumerate();
    let from_header =
        lines.skip_while(|(_, line)| first_cell(line).is_none_or(|cell| cell.trim_matches('*') != "crate"));
    // The header and the line of dashes below it are no rows.
    let rows = from_header.take_while(|(_, line)| line.trim().starts_with('|')).skip(2);
    rows.map(|(index, line)| (index + 1, line.trim().trim_start_matches('|').split('|').next().unwrap_or("").trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let package = |name: &str, folder: &str| Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: vec![],
        };
        let packages = [package("a", "crates/a"), package("b", "crates/b"), package("seamount-tests", "tests")];
        check("p.md", text, &packages).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_that_names_each_crate_is_fine() {
        assert!(messages("# Crates\n\n| Crate | does |\n|---|---|\n| `a` | x |\n| [`b`](b) | y |\n\n`c`\n").is_empty());
        let with_tests = "| crate | does |\n|---|---|\n| `a` | |\n| `b` | |\n| `seamount-tests` | |\n";
        assert!(messages(with_tests).is_empty());
    }

    #[test]
    fn crates_that_are_gone_or_forgotten_are_found() {
        assert_eq!(
            messages(
                "| pass | does |\n|---|---|\n| x | |\n\n| crate | does |\n|---|---|\n| `a` | |\n| `old` | |\n| b | |\n"
            ),
            [
                "p.md:8: the table names `old`, which is no crate",
                "p.md:9: the row `b` must begin with a crate's name in backquotes",
                "p.md: the table of crates lacks `b` (crates/b)",
            ]
        );
    }

    #[test]
    fn a_page_without_the_table_is_found() {
        assert_eq!(messages("# Crates\n"), ["p.md: no table of crates: the first column must be headed `crate`"]);
    }
}
