//! The `config.json` of a checkpoint.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ConfigError;

/// What a `config.json` of `model_type: hgrn_bit` says. A key that is not there has the published default.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Config {
    /// The classes that load it; empty, or with `HGRNBitForCausalLM`.
    pub architectures: Vec<String>,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Channels of the residual stream.
    pub hidden_size: usize,
    /// Blocks.
    pub num_hidden_layers: usize,
    /// Heads of the token mixer. Its recurrence is elementwise, so that heads only ask that widths divide by them.
    pub num_heads: usize,
    /// Channels of the token mixer over those of the residual stream.
    pub expand_ratio: f64,
    /// A convolution before the token mixer; always false here.
    pub use_short_conv: bool,
    /// Taps of that convolution; means nothing without it.
    pub conv_size: Option<u64>,
    /// Whether its kernel is shared; means nothing without it.
    pub share_conv_kernel: Option<bool>,
    /// Whether forget gates have a learned lower bound that grows from block to block.
    pub use_lower_bound: bool,
    /// Channels of the channel mixer over those of the residual stream, where `intermediate_size` is null.
    pub hidden_ratio: f64,
    /// Channels of the channel mixer, where they are not left to `hidden_ratio`.
    pub intermediate_size: Option<usize>,
    /// The channel mixer's activation.
    pub hidden_act: Activation,
    /// How PyTorch evaluates the recurrence; all ways compute the same.
    pub attn_mode: String,
    /// Longest sequence in training; a recurrence has no limit.
    pub max_position_embeddings: Option<u64>,
    /// Added to the mean square in the norms of blocks and of the model's end.
    pub rms_norm_eps: f64,
    /// Spread of the weights before training.
    pub initializer_range: Option<f64>,
    /// The token that starts a text.
    pub bos_token_id: Option<u32>,
    /// The token that ends a text.
    pub eos_token_id: Option<u32>,
    /// The token that fills a batch.
    pub pad_token_id: Option<u32>,
    /// Whether the head's weights are the embedding's.
    pub tie_word_embeddings: bool,
    /// The element type that the weights were saved from; each tensor has its own in its file.
    pub torch_dtype: Option<String>,
    /// Whether PyTorch keeps the state between calls.
    pub use_cache: Option<bool>,
    /// How the loss is computed in training.
    pub fuse_cross_entropy: Option<bool>,
    /// The library that saved it.
    pub transformers_version: Option<String>,
    /// The quantization that it was trained for, as it stands there: an object with a `quant_method`.
    pub quantization_config: Option<Value>,
}

/// The activation functions that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `x / (1 + e^-x)`, which the published configuration calls `swish`.
    #[serde(alias = "swish")]
    Silu,
}

/// Keys of any Hugging Face configuration that say nothing about what is computed from tokens to logits.
const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_from_model_config",
    "_name_or_path",
    "auto_map",
    "bad_words_ids",
    "begin_suppress_tokens",
    "chunk_size_feed_forward",
    "custom_pipelines",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "fuse_norm",
    "fuse_swiglu",
    "id2label",
    "label2id",
    "length_penalty",
    "max_length",
    "min_length",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tokenizer_class",
    "top_k",
    "top_p",
    "typical_p",
    "use_bfloat16",
];

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`] for text that is no JSON object, for values that cannot be honored, and for unknown keys that
    /// are neither null, false nor empty: they may change what is computed.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        let mut keys = Keys(serde_json::from_slice(text).map_err(ConfigError::Json)?);
        let model_type: String = keys.required("model_type")?;
        if model_type != "hgrn_bit" {
            return Err(value(
                "model_type",
                format!("{model_type:?}"),
                "\"hgrn_bit\", the published MatMul-free model",
            ));
        }
        let config = Self::take(&mut keys)?;
        config.check()?;
        match keys.0.into_iter().find(|(key, found)| !HARMLESS.contains(&key.as_str()) && !is_off(found)) {
            Some((key, found)) => Err(ConfigError::Unknown { key, found }),
            None => Ok(config),
        }
    }

    /// Channels of the token mixer.
    #[expect(clippy::cast_precision_loss, reason = "sizes are checked to be below 2^32")]
    pub fn inner_size(&self) -> usize {
        floor(self.hidden_size as f64 * self.expand_ratio)
    }

    /// Channels of the channel mixer: `intermediate_size`, or two thirds of `hidden_size · hidden_ratio`, rounded up
    /// to a multiple of 256.
    #[expect(clippy::cast_precision_loss, reason = "sizes are checked to be below 2^32")]
    pub fn intermediate(&self) -> usize {
        let by_ratio = || floor(self.hidden_size as f64 * self.hidden_ratio * 2.0 / 3.0).next_multiple_of(256);
        self.intermediate_size.unwrap_or_else(by_ratio)
    }

    fn take(keys: &mut Keys) -> Result<Self, ConfigError> {
        let saved: Option<String> = keys.optional("torch_dtype")?;
        let renamed: Option<String> = keys.optional("dtype")?;
        Ok(Self {
            architectures: keys.optional("architectures")?.unwrap_or_default(),
            vocab_size: keys.size("vocab_size")?,
            hidden_size: keys.size("hidden_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_heads: keys.optional_size("num_heads")?.unwrap_or(1),
            expand_ratio: keys.ratio("expand_ratio", 1.0)?,
            use_short_conv: keys.optional("use_short_conv")?.unwrap_or(false),
            conv_size: keys.optional("conv_size")?,
            share_conv_kernel: keys.optional("share_conv_kernel")?,
            use_lower_bound: keys.optional("use_lower_bound")?.unwrap_or(true),
            hidden_ratio: keys.ratio("hidden_ratio", 4.0)?,
            intermediate_size: keys.optional_size("intermediate_size")?,
            hidden_act: keys.optional("hidden_act")?.unwrap_or(Activation::Silu),
            attn_mode: keys.optional("attn_mode")?.unwrap_or_else(|| "fused_recurrent".into()),
            max_position_embeddings: keys.optional("max_position_embeddings")?,
            rms_norm_eps: keys.optional("rms_norm_eps")?.unwrap_or(1e-6),
            initializer_range: keys.optional("initializer_range")?,
            bos_token_id: keys.optional("bos_token_id")?,
            eos_token_id: keys.optional("eos_token_id")?,
            pad_token_id: keys.optional("pad_token_id")?,
            tie_word_embeddings: keys.optional("tie_word_embeddings")?.unwrap_or(false),
            torch_dtype: saved.or(renamed),
            use_cache: keys.optional("use_cache")?,
            fuse_cross_entropy: keys.optional("fuse_cross_entropy")?,
            transformers_version: keys.optional("transformers_version")?,
            quantization_config: keys.optional("quantization_config")?,
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        const CAUSAL: &str = "HGRNBitForCausalLM";
        const MODES: [&str; 3] = ["fused_recurrent", "recurrent", "chunk"];
        if !self.architectures.is_empty() && self.architectures.iter().all(|name| name != CAUSAL) {
            return Err(value("architectures", format!("{:?}", self.architectures), format!("{CAUSAL:?} among them")));
        }
        if self.use_short_conv {
            return Err(value("use_short_conv", true, "false: there is no convolution before the token mixer"));
        }
        if let Some(found) = &self.quantization_config
            && found.get("quant_method").and_then(Value::as_str) != Some(QUANT_METHOD)
        {
            let expected = format!(
                "null or an object with `quant_method` = {QUANT_METHOD:?}: give the unquantized checkpoint, the \
                 compiler makes the weights ternary itself"
            );
            return Err(value("quantization_config", found, expected));
        }
        if !MODES.contains(&self.attn_mode.as_str()) {
            return Err(value("attn_mode", format!("{:?}", self.attn_mode), format!("one of {MODES:?}")));
        }
        if !(self.rms_norm_eps.is_finite() && self.rms_norm_eps > 0.0) {
            return Err(value("rms_norm_eps", self.rms_norm_eps, "a small positive number"));
        }
        for (key, token) in [
            ("bos_token_id", self.bos_token_id),
            ("eos_token_id", self.eos_token_id),
            ("pad_token_id", self.pad_token_id),
        ] {
            if let Some(token) = token.filter(|&token| token as usize >= self.vocab_size) {
                return Err(value(key, token, format!("a token below `vocab_size` = {}", self.vocab_size)));
            }
        }
        let inner = self.inner_size();
        if !(1..=MAX_SIZE).contains(&inner) {
            return Err(value("expand_ratio", self.expand_ratio, "a ratio that leaves the token mixer some channels"));
        }
        if !(1..=MAX_SIZE).contains(&self.intermediate()) {
            return Err(value(
                "hidden_ratio",
                self.hidden_ratio,
                "a ratio that leaves the channel mixer some channels",
            ));
        }
        if !(self.hidden_size.is_multiple_of(self.num_heads) && inner.is_multiple_of(self.num_heads)) {
            let expected = format!("a divisor of `hidden_size` = {} and of {inner} inner channels", self.hidden_size);
            return Err(value("num_heads", self.num_heads, expected));
        }
        Ok(())
    }
}

/// Quantization that is kept for the compiler to read; any other would have changed the weights.
const QUANT_METHOD: &str = "seamount";

/// No dimension is larger: products of two fit 64 bits, and each is exact as a float.
const MAX_SIZE: usize = 1 << 31;

/// The keys that nobody took yet.
struct Keys(Map<String, Value>);

impl Keys {
    fn optional<T: DeserializeOwned>(&mut self, key: &'static str) -> Result<Option<T>, ConfigError> {
        match self.0.remove(key) {
            None | Some(Value::Null) => Ok(None),
            Some(found) => match T::deserialize(&found) {
                Ok(value) => Ok(Some(value)),
                Err(reason) => Err(ConfigError::Type { key, found, reason: reason.to_string() }),
            },
        }
    }

    fn required<T: DeserializeOwned>(&mut self, key: &'static str) -> Result<T, ConfigError> {
        self.optional(key)?.ok_or(ConfigError::Missing(key))
    }

    fn optional_size(&mut self, key: &'static str) -> Result<Option<usize>, ConfigError> {
        match self.optional(key)? {
            Some(size) if !(1..=MAX_SIZE).contains(&size) => {
                Err(value(key, size, format!("a size between 1 and {MAX_SIZE}")))
            }
            size => Ok(size),
        }
    }

    fn size(&mut self, key: &'static str) -> Result<usize, ConfigError> {
        self.optional_size(key)?.ok_or(ConfigError::Missing(key))
    }

    fn ratio(&mut self, key: &'static str, default: f64) -> Result<f64, ConfigError> {
        let ratio = self.optional(key)?.unwrap_or(default);
        if ratio > 0.0 && ratio < 1e6 { Ok(ratio) } else { Err(value(key, ratio, "a positive ratio")) }
    }
}

fn value(key: &'static str, found: impl ToString, expected: impl Into<String>) -> ConfigError {
    ConfigError::Value { key, found: found.to_string(), expected: expected.into() }
}

/// Whether an unknown key says that something is not used.
fn is_off(found: &Value) -> bool {
    match found {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Number(_) | Value::String(_) => false,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ratios are positive; checked afterwards")]
fn floor(size: f64) -> usize {
    size as usize
}
