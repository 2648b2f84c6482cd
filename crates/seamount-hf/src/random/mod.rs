//! Random weights of a model's shape, for models that nobody has trained yet.
//!
//! [`Checkpoint::stand_in`] holds them in memory; the numbers are also those of `cargo xtask checkpoint`, which writes them to
//! files.

mod numbers;
mod shape;

use bytes::Bytes;
use safetensors::Dtype;
use serde_json::json;

pub use numbers::{key, normal_f16};
pub use shape::{Kind, Shape, Spec};

use crate::checkpoint::Checkpoint;
use crate::config::Config;
use crate::files::{Stored, StoredTensors};

/// Mean and standard deviation of the numbers of a tensor; `None` if all are zero.
#[must_use]
pub fn distribution(kind: Kind) -> Option<(f32, f32)> {
    match kind {
        Kind::Weights => Some((0.0, 0.02)),
        Kind::Norm => Some((1.0, 0.1)),
        Kind::Zeros => None,
    }
}

impl Checkpoint {
    /// A checkpoint of a shape whose numbers are random and depend on the seed alone, without a tokenizer.
    ///
    /// Its tensors lie in one buffer and overlap, so that a model takes little more memory than its largest matrix. That changes
    /// nothing about what it costs to run.
    #[must_use]
    pub fn stand_in(name: &str, shape: &Shape, seed: u64) -> Self {
        let specs = shape.tensors();
        let numbers = |kind: Kind| {
            let sizes = specs.iter().filter(|spec| spec.kind == kind).map(Spec::n_elements);
            let n = sizes.max().unwrap_or(0) + OFFSETS;
            Bytes::from(match distribution(kind) {
                Some((mean, deviation)) => normal_f16(key(seed, kind.name()), n, mean, deviation),
                None => vec![0; 2 * n],
            })
        };
        let buffers = Kind::ALL.map(numbers);
        let mut tensors = StoredTensors::new();
        for spec in &specs {
            let offset = usize::try_from(key(seed, &spec.name) % OFFSETS as u64).expect("invariant: a small number");
            let bytes = buffers[spec.kind as usize].slice(2 * offset..2 * offset + spec.n_bytes());
            let stored = Stored { file: "random".to_owned(), dtype: Dtype::F16, shape: spec.shape.clone(), bytes };
            tensors.insert(spec.name.clone(), stored);
        }
        let config = Config::parse(config(shape).to_string().as_bytes());
        Self::in_memory(name, config.expect("invariant: the configuration is a published one"), tensors)
    }
}

/// At how many places of its buffer a tensor may begin.
const OFFSETS: usize = 1 << 16;

/// The `config.json` of a shape, with the published configuration's keys.
#[must_use]
pub fn config(shape: &Shape) -> serde_json::Value {
    json!({
        "architectures": ["HGRNBitForCausalLM"],
        "model_type": "hgrn_bit",
        "vocab_size": shape.vocab,
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_heads": 1,
        "expand_ratio": 1,
        "use_short_conv": false,
        "conv_size": 4,
        "share_conv_kernel": true,
        "use_lower_bound": true,
        "hidden_ratio": 4,
        "intermediate_size": shape.intermediate,
        "hidden_act": "swish",
        "attn_mode": "fused_recurrent",
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "initializer_range": 0.02,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": false,
        "torch_dtype": "float16",
        "use_cache": true
    })
}
