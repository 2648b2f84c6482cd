//! The page for browsers: complete in itself, with the whole report in it, whatever the names.

mod common;

use std::collections::BTreeSet;

use base64::Engine;
use common::{explored, ten_tokens, two_blocks};
use seamount_report::Report;
use sha2::{Digest, Sha256};

fn report() -> Report {
    let program = two_blocks();
    Report::of(&program).with_file_bytes(123_456).with_activity(ten_tokens(&program))
}

/// What stands between two texts, the first of which occurs once.
fn between<'a>(page: &'a str, open: &str, close: &str) -> &'a str {
    let parts: Vec<_> = page.split(open).collect();
    assert_eq!(parts.len(), 2, "{open} occurs {} times", parts.len() - 1);
    parts[1].split_once(close).expect("an end").0
}

const DATA: &str = "<script type=\"application/json\" id=\"data\">";

#[test]
fn the_data_of_a_page_are_the_report() {
    for report in [report(), Report::of(&two_blocks())] {
        let page = report.to_html(None);
        assert_eq!(Report::from_page_data(between(&page, DATA, "</script>")).unwrap(), (report, None));
    }
    let page = report().to_html(Some(&explored()));
    assert_eq!(Report::from_page_data(between(&page, DATA, "</script>")).unwrap(), (report(), Some(explored())));
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let page = report().to_html(None);
    let without_data = page.replace(between(&page, DATA, "</script>"), "");
    let namespace = "http://www.w3.org/2000/svg";
    for word in ["http:", "https:", "//cdn", "@import", "url(", " src=", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!without_data.replace(namespace, "").contains(word), "{word}");
    }
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        assert!(!without_data.contains(word), "{word}");
    }
}

#[test]
fn the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else() {
    let page = report().to_html(None);
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| {
        format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text.as_bytes())))
    };
    let style = hash(between(&page, "<style>", "</style>"));
    let script = hash(between(&page, "<script>", "</script>"));
    let expected =
        format!("default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'");
    assert_eq!(policy, expected);
}

#[test]
fn names_cannot_become_markup() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>{{script}}\u{2028}&quot;";
    let mut program = two_blocks();
    evil.clone_into(&mut program.meta.model);
    evil.clone_into(&mut program.groups[1].name);
    evil.clone_into(&mut program.meta.layers[0]);
    let report = Report::of(&program);
    let page = report.to_html(None);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img"));
    let data = between(&page, DATA, "</script>");
    assert!(!data.contains(['<', '>', '&', '\u{2028}']));
    assert_eq!(Report::from_page_data(data).unwrap(), (report, None));
}

#[test]
fn every_element_is_closed() {
    const VOID: [&str; 2] = ["meta", "path"];
    let page = report().to_html(None);
    let mut text = page.as_str();
    let mut open: Vec<&str> = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some((_, rest)) = text.split_once('<') {
        let (tag, rest) = rest.split_once('>').expect("a tag's end");
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        text = rest;
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !name.starts_with('!') && !VOID.contains(&name) {
            open.push(name);
            seen.insert(name);
            if ["style", "script"].contains(&name) {
                text = &text[text.find(&format!("</{name}")).expect("an end")..];
            }
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    assert!(seen.contains("noscript") && seen.contains("nav"), "{seen:?}");
}

#[test]
fn without_scripts_the_page_has_the_report_as_text() {
    let report = report();
    let page = report.to_html(None);
    let text = between(&page, "<pre>", "</pre>").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert_eq!(text, report.to_string());
}
