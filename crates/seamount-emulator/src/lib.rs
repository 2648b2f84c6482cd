//! Runs compiled programs, step by step and integer by integer.
