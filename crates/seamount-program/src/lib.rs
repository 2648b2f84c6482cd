//! The compiled program: one file that holds what runs on each neurocore.
