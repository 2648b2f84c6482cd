//! Lowers the fixed-point level to neuron groups and projections, and balances their delays.
