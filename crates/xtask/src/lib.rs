//! What project chores are made of, for tests to use.
//!
//! Entry point: [`checkpoint::write`], a random checkpoint of any shape.
//!
//! **Invariant:** knows no crate of the compiler: what it writes is the published format, not what our importer reads.

pub mod checkpoint;
