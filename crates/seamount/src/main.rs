//! The `seamount` command.
fn main() {}
