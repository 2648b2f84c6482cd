//! The listing of a program.

mod common;

#[test]
fn a_program_reads_like_this() {
    let text = common::sample().to_string();
    let text =
        text.lines().map(|line| line.split(" sha256:").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(text);
}
