//! Descriptions of Loihi systems: every hardware number with its source and status.
