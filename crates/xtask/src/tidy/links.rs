//! Links between the pages of the tree.

use std::path::Path;

use super::{Finding, TidyError, read};

/// Relative links in a page that lead to no file, or to no heading of a page.
///
/// `path` is the page's own, from `root`. Code blocks and code spans have no links.
pub(super) fn check(root: &Path, path: &str, text: &str) -> Result<Vec<Finding>, TidyError> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (line, target) in targets(text) {
        if target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let full = if file.is_empty() { root.join(path) } else { root.join(folder).join(file) };
        if !full.exists() {
            findings.push(Finding::new(path, line, format!("the link `{target}` leads to no file")));
        } else if !heading.is_empty()
            && full.extension().is_some_and(|extension| extension == "md")
            && !headings(&read(&full)?).iter().any(|known| known == heading)
        {
            findings.push(Finding::new(path, line, format!("the link `{target}` leads to no heading of that page")));
        }
    }
    Ok(findings)
}

/// The targets of all links, with their lines.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut targets = Vec::new();
    for (index, line) in prose(text) {
        let mut rest = line;
        while let Some(start) = rest.find("](") {
            // An odd number of backquotes before a bracket means that it stands in a code span.
            let in_code = line[..line.len() - rest.len() + start].matches('`').count() % 2 == 1;
            rest = &rest[start + 2..];
            if let (false, Some(end)) = (in_code, rest.find(')')) {
                let target = rest[..end].split_whitespace().next().unwrap_or("");
                targets.push((index + 1, target));
            }
        }
    }
    targets
}

/// The headings of a page as the fragments that lead to them.
fn headings(text: &str) -> Vec<String> {
    let titles = prose(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.strip_prefix(' '))?
    });
    titles.map(slug).collect()
}

/// The fragment of a heading: lower case, hyphens for spaces, no punctuation.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The lines outside of code blocks, with their indices.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        !in_block && !fence
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("docs")).unwrap();
        fs::write(root.path().join("docs/a.md"), text).unwrap();
        fs::write(root.path().join("docs/b.md"), "# The `x` rule, explained\n```\n# no heading\n```\n").unwrap();
        fs::write(root.path().join("README.md"), "").unwrap();
        check(root.path(), "docs/a.md", text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "# Top\n[b](b.md), [up](../README.md) and [x](b.md#the-x-rule-explained) or [here](#top)\n\
                    [out](https://example.org/none.md) [mail](mailto:a@b)\n";
        assert!(messages(text).is_empty());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(
            messages("[c](c.md)\n\n[b](b.md) [x](b.md#no-heading) [y](#none \"title\")\n"),
            [
                "docs/a.md:1: the link `c.md` leads to no file",
                "docs/a.md:3: the link `b.md#no-heading` leads to no heading of that page",
                "docs/a.md:3: the link `#none` leads to no heading of that page",
            ]
        );
    }

    #[test]
    fn code_has_no_links() {
        assert!(messages("```\n[c](c.md)\n```\n`[c](c.md)` and `a` `x[0](y)`\n").is_empty());
    }
}
