//! The levels of a model on its way to the chip: model, fixed point, network.
