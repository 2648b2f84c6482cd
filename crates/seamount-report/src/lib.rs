//! Says what a program holds and what binds it.
