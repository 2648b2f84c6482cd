//! Each key of a configuration that changes what is computed: honored, or refused by name.

use crate::folder::{Folder, error, import, write};
use seamount_hf::{Activation, Config};
use serde_json::{Value, json};

fn parse(folder: &Folder) -> Result<Config, String> {
    Config::parse(&serde_json::to_vec(&folder.config).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn absent_keys_have_the_published_defaults() {
    let config = parse(&Folder::small()).unwrap();
    assert_eq!((config.num_heads, config.hidden_act), (2, Activation::Silu));
    assert_eq!((config.expand_ratio, config.hidden_ratio, config.rms_norm_eps), (1.0, 4.0, 1e-6));
    assert!(config.use_lower_bound && !config.use_short_conv && !config.tie_word_embeddings);
    assert_eq!(parse(&Folder::small().without("num_heads")).unwrap().num_heads, 1);
}

#[test]
fn intermediate_size_follows_the_ratio_where_it_is_null() {
    let size = |hidden: usize, ratio: Value| {
        let folder = Folder::small().with("hidden_size", json!(hidden)).with("hidden_ratio", ratio);
        parse(&folder.with("intermediate_size", Value::Null)).unwrap().intermediate()
    };
    assert_eq!(size(1024, json!(4)), 2816);
    assert_eq!(size(160, Value::Null), 512);
    assert_eq!(size(96, json!(4)), 256);
    assert_eq!(size(98, json!(4)), 512);
    assert_eq!(size(2048, json!(2.5)), 3584);
    assert_eq!(parse(&Folder::small()).unwrap().intermediate(), 8);
}

#[test]
fn the_token_mixer_widens_by_its_ratio() {
    let config = parse(&Folder::small().with("expand_ratio", json!(2))).unwrap();
    assert_eq!(config.inner_size(), 8);
    assert_eq!(parse(&Folder::small().with("expand_ratio", json!(0.5))).unwrap().inner_size(), 2);
    let message = error(&Folder::small().with("expand_ratio", json!(2)).write());
    assert!(message.contains("`model.layers.0.attn.i_proj.weight` in model.safetensors is [4, 4], expected [8, 4]"));
}

#[test]
fn heads_change_nothing_but_must_divide() {
    let one = import(&Folder::small().with("num_heads", json!(1)).write()).unwrap();
    let two = import(&Folder::small().write()).unwrap();
    assert_eq!(one.to_block().statements, two.to_block().statements);
    assert_eq!(
        parse(&Folder::small().with("num_heads", json!(3))).unwrap_err(),
        "`num_heads` is 3, expected a divisor of `hidden_size` = 4 and of 4 inner channels"
    );
}

#[test]
fn swish_is_silu() {
    for name in ["swish", "silu"] {
        assert_eq!(parse(&Folder::small().with("hidden_act", json!(name))).unwrap().hidden_act, Activation::Silu);
    }
    let message = parse(&Folder::small().with("hidden_act", json!("gelu"))).unwrap_err();
    assert!(message.starts_with("`hidden_act` is \"gelu\": unknown variant `gelu`, expected"), "{message}");
}

#[test]
fn keys_that_cannot_be_honored_are_refused_by_name() {
    for (key, value, message) in [
        (
            "model_type",
            json!("hgrn"),
            "`model_type` is \"hgrn\", expected \"hgrn_bit\", the published MatMul-free model",
        ),
        (
            "use_short_conv",
            json!(true),
            "`use_short_conv` is true, expected false: there is no convolution before the token mixer",
        ),
        (
            "attn_mode",
            json!("softmax"),
            "`attn_mode` is \"softmax\", expected one of [\"fused_recurrent\", \"recurrent\", \"chunk\"]",
        ),
        (
            "architectures",
            json!(["HGRNBitModel"]),
            "`architectures` is [\"HGRNBitModel\"], expected \"HGRNBitForCausalLM\" among them",
        ),
        (
            "quantization_config",
            json!({"bits": 2}),
            "`quantization_config` is {\"bits\":2}, expected null or an object with `quant_method` = \"seamount\": give \
             the unquantized checkpoint, the compiler makes the weights ternary itself",
        ),
        (
            "rope_theta",
            json!(10000.0),
            "`rope_theta` = 10000.0 is no key of a hgrn_bit model and may change what it computes; remove the key, or \
             set it to null, if it does not",
        ),
        ("vocab_size", json!(0), "`vocab_size` is 0, expected a size between 1 and 2147483648"),
        ("hidden_size", json!(1u64 << 40), "`hidden_size` is 1099511627776, expected a size between 1 and 2147483648"),
        ("intermediate_size", json!(0), "`intermediate_size` is 0, expected a size between 1 and 2147483648"),
        ("rms_norm_eps", json!(-1.0), "`rms_norm_eps` is -1, expected a small positive number"),
        ("expand_ratio", json!(0), "`expand_ratio` is 0, expected a positive ratio"),
        (
            "expand_ratio",
            json!(0.1),
            "`expand_ratio` is 0.1, expected a ratio that leaves the token mixer some channels",
        ),
        ("eos_token_id", json!(6), "`eos_token_id` is 6, expected a token below `vocab_size` = 6"),
    ] {
        assert_eq!(parse(&Folder::small().with(key, value)).unwrap_err(), message);
    }
}

#[test]
fn a_value_of_another_type_is_named() {
    let message = parse(&Folder::small().with("hidden_size", json!("160"))).unwrap_err();
    assert_eq!(message, "`hidden_size` is \"160\": invalid type: string \"160\", expected usize");
    let message = parse(&Folder::small().with("use_lower_bound", json!(1))).unwrap_err();
    assert_eq!(message, "`use_lower_bound` is 1: invalid type: integer `1`, expected a boolean");
}

#[test]
fn a_missing_key_is_named() {
    for key in ["model_type", "vocab_size", "hidden_size", "num_hidden_layers"] {
        assert_eq!(parse(&Folder::small().without(key)).unwrap_err(), format!("`{key}` is missing"));
    }
}

#[test]
fn keys_that_say_nothing_about_the_computation_are_ignored() {
    let folder = [
        ("_name_or_path", json!("somewhere")),
        ("auto_map", json!({"AutoConfig": "x.Y"})),
        ("transformers_version", json!("4.40.0")),
        ("torch_dtype", json!("bfloat16")),
        ("quantization_config", Value::Null),
        ("rotary_embeddings", json!(false)),
        ("pruned_heads", json!({})),
        ("rope_scaling", Value::Null),
        ("id2label", json!({"0": "LABEL_0"})),
    ]
    .into_iter()
    .fold(Folder::small(), |folder, (key, value)| folder.with(key, value));
    let config = parse(&folder).unwrap();
    assert_eq!(config.torch_dtype.as_deref(), Some("bfloat16"));
    let renamed = parse(&Folder::small().with("dtype", json!("float16"))).unwrap();
    assert_eq!(renamed.torch_dtype.as_deref(), Some("float16"));
}

#[test]
fn quantization_that_it_was_trained_for_is_kept_for_the_compiler() {
    let quantization = json!({"quant_method": "seamount", "version": 1, "payload": {"bits": 8}});
    let config = parse(&Folder::small().with("quantization_config", quantization.clone())).unwrap();
    assert_eq!(config.quantization_config, Some(quantization));
}

#[test]
fn text_that_is_no_object_is_refused_with_the_file() {
    for text in ["", "[]", "{\"model_type\": ", "\u{0}"] {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "config.json", text.as_bytes());
        let message = error(&dir);
        assert!(message.starts_with("DIR/config.json: expected a JSON object: "), "{message}");
    }
}
