//! The core map as text, and back:
//!
//! ```text
//! core_map "tiny" {
//!   arch = "loihi2-oheo-gulch"
//!   weights = ternary
//!   capacity "neurocore" {
//!     total_bytes = 196608
//!     …
//!   }
//!   core "chip 0 core 0" {
//!     synapse_bytes = 1024
//!     …
//!     slice "layer.0.mixer" {first = 0, n = 128}
//!   }
//! }
//! ```

use std::fmt;

use seamount_ir::syntax::{self, Attributes, Block, Operand, ParseError, Print, Reader, Statement, Value};

use crate::layout::WeightEncoding;
use crate::map::{CoreMap, CorePlan, Place, SlicePlan};
use crate::usage::{Capacity, Usage};

impl fmt::Display for CoreMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Print { block: &self.to_block(), elide_above: usize::MAX }.fmt(f)
    }
}

impl CoreMap {
    /// Reads the text form.
    ///
    /// # Errors
    /// The first place where the text is not a core map.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let block = syntax::parse(text)?;
        expect_keyword(&block, "core_map")?;
        let mut attributes = block.attributes();
        let arch = attributes.text("arch")?;
        let arch = attributes.require("arch", arch)?;
        let weights = attributes.text("weights")?;
        let weights = attributes.require("weights", weights)?;
        let weights = match weights.as_str() {
            AUTO => WeightEncoding::Auto,
            TERNARY => WeightEncoding::Ternary2,
            INT8 => WeightEncoding::Int8,
            other => {
                let message = format!("`weights` is `{AUTO}`, `{TERNARY}` or `{INT8}`, found `{other}`");
                return Err(attributes.error(message));
            }
        };
        attributes.finish()?;
        let Some((capacity, cores)) = block.blocks.split_first() else {
            return Err(ParseError::new(block.at, "expected `capacity`, found no inner block"));
        };
        no_statements(&block)?;
        expect_keyword(capacity, "capacity")?;
        no_statements(capacity)?;
        let mut attributes = capacity.attributes();
        let [total_bytes, synapse_bytes, microcode_bytes, n_input_axons, n_output_axons, n_neurons] =
            read_counts(&mut attributes, CAPACITY)?;
        attributes.finish()?;
        Ok(Self {
            network: block.name.clone(),
            arch,
            weights,
            capacity: Capacity {
                total_bytes,
                synapse_bytes,
                microcode_bytes,
                n_input_axons,
                n_output_axons,
                n_neurons,
            },
            cores: cores.iter().map(read_core).collect::<Result<_, _>>()?,
        })
    }

    fn to_block(&self) -> Block {
        let weights = match self.weights {
            WeightEncoding::Auto => AUTO,
            WeightEncoding::Ternary2 => TERNARY,
            WeightEncoding::Int8 => INT8,
        };
        let Capacity { total_bytes, synapse_bytes, microcode_bytes, n_input_axons, n_output_axons, n_neurons } =
            self.capacity;
        let limits = [total_bytes, synapse_bytes, microcode_bytes, n_input_axons, n_output_axons, n_neurons];
        let capacity = Block {
            keyword: "capacity".into(),
            name: "neurocore".into(),
            attributes: counts(CAPACITY, limits),
            ..Block::default()
        };
        Block {
            keyword: "core_map".into(),
            name: self.network.clone(),
            attributes: vec![
                ("arch".into(), Value::Text(self.arch.clone())),
                ("weights".into(), Value::Word(weights.into())),
            ],
            blocks: std::iter::once(capacity).chain(self.cores.iter().map(core_block)).collect(),
            ..Block::default()
        }
    }
}

const AUTO: &str = "auto";
const TERNARY: &str = "ternary";
const INT8: &str = "int8";
const HOST: &str = "host";

const CAPACITY: [&str; 6] =
    ["total_bytes", "synapse_bytes", "microcode_bytes", "n_input_axons", "n_output_axons", "n_neurons"];

const USAGE: [&str; 8] = [
    "synapse_bytes",
    "input_axon_bytes",
    "output_axon_bytes",
    "state_bytes",
    "microcode_bytes",
    "n_input_axons",
    "n_output_axons",
    "n_neurons",
];

fn core_block(core: &CorePlan) -> Block {
    let name = match core.place {
        Place::Chip { chip, core } => format!("chip {chip} core {core}"),
        Place::Host => HOST.to_owned(),
    };
    let Usage {
        synapse_bytes,
        input_axon_bytes,
        output_axon_bytes,
        state_bytes,
        microcode_bytes,
        n_input_axons,
        n_output_axons,
        n_neurons,
    } = core.usage;
    let used = [
        synapse_bytes,
        input_axon_bytes,
        output_axon_bytes,
        state_bytes,
        microcode_bytes,
        n_input_axons,
        n_output_axons,
        n_neurons,
    ];
    let slice = |slice: &SlicePlan| Statement {
        op: "slice".into(),
        operands: vec![Operand::Text(slice.group.clone())],
        attributes: vec![
            ("first".into(), Value::Int(slice.first_neuron.into())),
            ("n".into(), Value::Int(slice.n_neurons.into())),
        ],
        ..Statement::default()
    };
    Block {
        keyword: "core".into(),
        name,
        attributes: counts(USAGE, used),
        statements: core.slices.iter().map(slice).collect(),
        ..Block::default()
    }
}

fn read_core(block: &Block) -> Result<CorePlan, ParseError> {
    expect_keyword(block, "core")?;
    let place = read_place(&block.name).ok_or_else(|| {
        ParseError::new(block.at, format!("a core is \"chip 0 core 0\" or \"{HOST}\", found {:?}", block.name))
    })?;
    let mut attributes = block.attributes();
    let [
        synapse_bytes,
        input_axon_bytes,
        output_axon_bytes,
        state_bytes,
        microcode_bytes,
        n_input_axons,
        n_output_axons,
        n_neurons,
    ] = read_counts(&mut attributes, USAGE)?;
    attributes.finish()?;
    let usage = Usage {
        synapse_bytes,
        input_axon_bytes,
        output_axon_bytes,
        state_bytes,
        microcode_bytes,
        n_input_axons,
        n_output_axons,
        n_neurons,
    };
    if let Some(inner) = block.blocks.first() {
        return Err(ParseError::new(inner.at, format!("a core has no inner `{}`", inner.keyword)));
    }
    Ok(CorePlan { place, slices: block.statements.iter().map(read_slice).collect::<Result<_, _>>()?, usage })
}

fn read_slice(statement: &Statement) -> Result<SlicePlan, ParseError> {
    let mut reader = Reader::new(statement);
    if reader.op() != "slice" {
        return Err(reader.error("expected `slice`"));
    }
    let group = reader.text()?;
    let first = reader.attributes.int("first")?;
    let first_neuron = reader.attributes.require("first", first)?;
    let n = reader.attributes.int("n")?;
    let n_neurons = reader.attributes.require("n", n)?;
    reader.finish()?;
    Ok(SlicePlan { group, first_neuron, n_neurons })
}

fn read_place(name: &str) -> Option<Place> {
    if name == HOST {
        return Some(Place::Host);
    }
    let (chip, core) = name.strip_prefix("chip ")?.split_once(" core ")?;
    let place = Place::Chip { chip: chip.parse().ok()?, core: core.parse().ok()? };
    Some(place)
}

fn counts<const N: usize>(keys: [&str; N], values: [u64; N]) -> Vec<(String, Value)> {
    let count = |value: u64| Value::Int(i64::try_from(value).expect("invariant: sizes fit"));
    keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), count(value))).collect()
}

fn read_counts<const N: usize>(attributes: &mut Attributes, keys: [&'static str; N]) -> Result<[u64; N], ParseError> {
    let mut counts = [0; N];
    for (count, key) in counts.iter_mut().zip(keys) {
        let value = attributes.int(key)?;
        *count = attributes.require(key, value)?;
    }
    Ok(counts)
}

fn expect_keyword(block: &Block, keyword: &str) -> Result<(), ParseError> {
    if block.keyword == keyword {
        return Ok(());
    }
    Err(ParseError::new(block.at, format!("expected `{keyword}`, found `{}`", block.keyword)))
}

fn no_statements(block: &Block) -> Result<(), ParseError> {
    match block.statements.first() {
        None => Ok(()),
        Some(statement) => Err(ParseError::new(statement.at, format!("`{}` does not belong here", statement.op))),
    }
}
