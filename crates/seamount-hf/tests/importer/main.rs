//! The importer against folders that are sound, broken, or neither.

#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod bad_folders;
mod config;
mod corrupted;
mod folder;
