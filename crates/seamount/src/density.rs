//! How often a model's neurons send, measured where it was calibrated.

use std::collections::BTreeMap;

use seamount_ir::fixed::{Fixed, Interpreter};
use seamount_ir::model::InterpretError;
use seamount_ir::pass::PassError;
use seamount_ir::{ValueId, Verified};
use seamount_lower::lower_to_network::{PortValue, port_values};

/// Tokens that shares are measured on at most.
const MAX_TOKENS: usize = 64;
/// Weights up to which a model is run for it; of larger ones only what needs no run is known.
const MAX_WEIGHTS: usize = 64 << 20;

/// Why shares cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum DensityError {
    /// The module cannot be lowered.
    #[error(transparent)]
    Lower(#[from] PassError),
    /// The module cannot be evaluated.
    #[error(transparent)]
    Interpret(#[from] InterpretError),
}

/// By name of a neuron group, for each of its ports the share of neurons whose payload is not zero, over the first tokens of
/// the sequences.
///
/// Groups of large models are left out where the share would need a run.
///
/// # Errors
/// [`DensityError`].
pub fn measure(fixed: &Verified<Fixed>, sequences: &[Vec<u32>]) -> Result<BTreeMap<String, Vec<f64>>, DensityError> {
    let ports = port_values(fixed)?;
    let n_weights: usize = fixed.constants.values().map(|tensor| tensor.shape().iter().product::<usize>()).sum();
    let sent = if n_weights <= MAX_WEIGHTS { count(fixed, sequences)? } else { BTreeMap::new() };
    let share = |port: &PortValue| match port {
        PortValue::Value(value) => sent.get(value).copied().unwrap_or(1.0),
        PortValue::Tick => 0.0,
    };
    let width = |ports: &[PortValue]| {
        let values = ports.iter().find_map(|port| match port {
            PortValue::Value(value) => Some(fixed.graph.node(*value).ty.width),
            PortValue::Tick => None,
        });
        values.unwrap_or(1)
    };
    let shares = |ports: Vec<PortValue>| {
        let of_tick = 1.0 / width(&ports) as f64;
        ports.iter().map(|port| if *port == PortValue::Tick { of_tick } else { share(port) }).collect()
    };
    Ok(ports.into_iter().map(|(group, ports)| (group, shares(ports))).collect())
}

/// By value, the share of its channels that are not zero.
fn count(fixed: &Verified<Fixed>, sequences: &[Vec<u32>]) -> Result<BTreeMap<ValueId, f64>, InterpretError> {
    let interpreter = Interpreter::new(fixed)?;
    let mut counts: BTreeMap<ValueId, (usize, usize)> = BTreeMap::new();
    let mut n_left = MAX_TOKENS;
    for sequence in sequences {
        let mut state = interpreter.initial_state();
        let n_tokens = sequence.len().min(n_left);
        for &token in &sequence[..n_tokens] {
            for (value, channels) in interpreter.step(token, &mut state)?.iter() {
                let (n_sent, n_all) = counts.entry(value).or_default();
                *n_sent += channels.iter().filter(|&&payload| payload != 0).count();
                *n_all += channels.len();
            }
        }
        n_left -= n_tokens;
    }
    let share = |n_sent: usize, n_all: usize| (n_sent as f64 / n_all.max(1) as f64 * 1e6).round() / 1e6;
    Ok(counts.into_iter().map(|(value, (n_sent, n_all))| (value, share(n_sent, n_all))).collect())
}
