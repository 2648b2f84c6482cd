//! End-to-end suites: fixtures and shared helpers.
