//! The program as a whole.

use std::collections::BTreeMap;

use bytes::Bytes;
use seamount_arch::Arch;
use seamount_ir::Verified;
use seamount_ir::fixed::Overflow;
use seamount_ir::network::{Network, Projection};
use seamount_partition::{CoreMap, Layout};
use seamount_program::{Group, Meta, Program};

use crate::codegen::generate;
use crate::error::EmitError;
use crate::routes::Destinations;
use crate::{cores, host};

/// What a program carries beyond the network.
#[derive(Clone, Debug, PartialEq)]
pub struct EmitOptions {
    /// Whether the synapse images get the network's weights; without them all weights are zero, and nothing else changes.
    pub has_weights: bool,
    /// The tokenizer's file.
    pub tokenizer: Option<Bytes>,
    /// The token that begins a text.
    pub bos_id: Option<u32>,
    /// The token that ends a text.
    pub eos_id: Option<u32>,
    /// The compiler and its version.
    pub producer: String,
    /// The options that the program was compiled with, for the record.
    pub options: BTreeMap<String, serde_json::Value>,
    /// By name of a group, for each of its ports the share of neurons whose payload is not zero, as far as known.
    pub densities: BTreeMap<String, Vec<f64>>,
}

/// With weights, and nothing that need not be there.
impl Default for EmitOptions {
    fn default() -> Self {
        Self {
            has_weights: true,
            tokenizer: None,
            bos_id: None,
            eos_id: None,
            producer: String::new(),
            options: BTreeMap::new(),
            densities: BTreeMap::new(),
        }
    }
}

/// Writes the program of a network whose groups have their places.
///
/// The program keeps the rules of [`seamount_program::verify`], provided that special tokens are in the vocabulary.
///
/// # Errors
/// [`EmitError`]: the core map is not of this network and system, the system is of another kind than the network was made
/// for, or a constant is missing its data.
pub fn emit(
    network: &Verified<Network>,
    map: &CoreMap,
    arch: &Arch,
    options: EmitOptions,
) -> Result<Program, EmitError> {
    check_machine(network, arch)?;
    let latency_steps = network.latency_steps.ok_or(EmitError::Unbalanced)?;
    let microcode = generate(network, arch)?;
    let footprints = microcode.footprints();
    map.verify(network, &footprints, arch)?;
    let layout = Layout::new(network, &footprints, arch, map.weights)?;
    let destinations = Destinations::new(&layout, map)?;
    let cores = cores::emit(&layout, map, &microcode, &destinations, arch, options.has_weights)?;
    let host = host::emit(network, &destinations, latency_steps, &options)?;
    let groups = network.groups.iter().zip(&microcode.body_of).map(|(group, &body)| {
        let n_neurons = number("neurons of a group", group.n_neurons)?;
        Ok(Group { name: group.name.clone(), layer: group.layer, body, n_neurons })
    });
    let groups = groups.collect::<Result<_, EmitError>>()?;
    let n_layers = network.groups.iter().filter_map(|group| group.layer).max().map_or(0, |last| last + 1);
    let meta = Meta {
        model: network.name.clone(),
        producer: options.producer,
        options: options.options,
        layers: (0..n_layers).map(|layer| format!("layer.{layer}")).collect(),
        densities: options.densities,
    };
    let (bodies, tokenizer) = (microcode.bodies, options.tokenizer);
    Ok(Program { arch: arch.clone(), meta, bodies, groups, cores, host, tokenizer })
}

/// A count as the program file has it.
pub(crate) fn number(what: &'static str, found: usize) -> Result<u32, EmitError> {
    u32::try_from(found).map_err(|_| EmitError::Size { what, found })
}

fn check_machine(network: &Network, arch: &Arch) -> Result<(), EmitError> {
    let overflow = |overflow| match overflow {
        Overflow::Saturate => seamount_arch::Overflow::Saturate,
        Overflow::Wrap => seamount_arch::Overflow::Wrap,
    };
    let bits = |bits: u32| format!("{bits} bits");
    let pairs = [
        ("registers", bits(network.word.bits), bits(arch.register_bits())),
        ("accumulators", bits(network.accumulator.bits), bits(arch.accumulator_bits())),
        ("accumulators that overflow by", overflow(network.overflow).to_string(), arch.overflow().to_string()),
    ];
    if let Some((what, network, found)) = pairs.into_iter().find(|(_, network, found)| network != found) {
        return Err(EmitError::Machine { what, network, arch: arch.name().to_owned(), found });
    }
    for group in &network.groups {
        if let Some(port) = group.ports.iter().find(|port| port.bits > arch.payload_bits_max()) {
            return Err(EmitError::PayloadBits {
                group: group.name.clone(),
                port: port.name.clone(),
                bits: port.bits,
                arch: arch.name().to_owned(),
                most: arch.payload_bits_max(),
            });
        }
    }
    let most = arch.synaptic_delay_steps_max();
    let delayed = |projection: &Projection| projection.delay_steps > most;
    match network.projections.iter().position(delayed) {
        None => Ok(()),
        Some(projection) => {
            let delay_steps = network.projections[projection].delay_steps;
            Err(EmitError::Delay { projection, delay_steps, arch: arch.name().to_owned(), most })
        }
    }
}
