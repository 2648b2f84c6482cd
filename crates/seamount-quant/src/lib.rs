//! Passes on the model and fixed-point levels: folding, calibration, quantization, approximation.

pub mod quantize;
