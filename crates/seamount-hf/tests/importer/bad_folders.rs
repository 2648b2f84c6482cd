//! Each way to break a folder's files, and what is said then.

use crate::folder::{Folder, Tensor, error, import, safetensors, with_header, write};
use serde_json::json;

/// A folder whose `model.safetensors` is these bytes.
fn weights(bytes: &[u8]) -> tempfile::TempDir {
    let dir = Folder::small().write_config();
    write(dir.path(), "model.safetensors", bytes);
    dir
}

/// A folder whose `model.safetensors` is a header and some bytes of data.
fn header(header: &str, n_bytes: usize) -> tempfile::TempDir {
    weights(&with_header(header, &vec![0; n_bytes]))
}

/// A folder of two shards and its index: tensors with `attn` in their names are in the second.
fn sharded(folder: &Folder) -> tempfile::TempDir {
    let dir = folder.write_config();
    let (second, first): (Vec<Tensor>, Vec<Tensor>) =
        folder.tensors.iter().cloned().partition(|tensor| tensor.name.contains("attn"));
    let map: serde_json::Map<_, _> = [(&first, "1.safetensors"), (&second, "2.safetensors")]
        .into_iter()
        .flat_map(|(tensors, file)| tensors.iter().map(move |tensor| (tensor.name.clone(), json!(file))))
        .collect();
    write(dir.path(), "1.safetensors", &safetensors(&first));
    write(dir.path(), "2.safetensors", &safetensors(&second));
    let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
    write(dir.path(), "model.safetensors.index.json", index.to_string().as_bytes());
    dir
}

#[test]
fn a_sound_folder_becomes_a_sound_model() {
    let model = import(&Folder::small().write()).unwrap().verify().unwrap();
    assert_eq!(model.constants["layers.1.attn.i_proj.weight"].shape(), [4, 4]);
    assert_eq!(model.outputs.keys().collect::<Vec<_>>(), ["state.0", "layer.0", "state.1", "layer.1", "logits"]);
}

#[test]
fn shards_become_the_same_model_as_one_file() {
    let (one, many) = (import(&Folder::small().write()).unwrap(), import(&sharded(&Folder::small())).unwrap());
    assert_eq!(one.to_block().statements, many.to_block().statements);
    assert_eq!(one.constants, many.constants);
}

#[test]
fn a_tied_head_is_the_embedding() {
    let mut folder = Folder::small().with("tie_word_embeddings", json!(true));
    let head = folder.remove("lm_head.weight");
    let model = import(&folder.write()).unwrap();
    assert!(!model.constants.contains_key("lm_head.weight"));
    let logits = model.graph.node(model.outputs["logits"]);
    assert_eq!(logits.op.constants(), ["embeddings.weight"]);
    folder.tensors.push(head);
    assert_eq!(import(&folder.write()).unwrap().constants, model.constants);
    folder.tensor("lm_head.weight").bytes[0] ^= 1;
    assert_eq!(
        error(&folder.write()),
        "DIR: the weights do not fit config.json; are both of one checkpoint?\n  tensor `lm_head.weight` in \
         model.safetensors differs from `model.embeddings.weight`, though config.json has `tie_word_embeddings` = true"
    );
}

#[test]
fn a_missing_folder_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(error(&dir), "DIR/config.json: No such file or directory (os error 2)");
}

#[test]
fn missing_weights_are_named_and_so_is_what_to_do() {
    let dir = Folder::small().write_config();
    let expected = "DIR: expected model.safetensors or model.safetensors.index.json, found ";
    assert_eq!(error(&dir), format!("{expected}neither; is this the folder of a checkpoint?"));
    write(dir.path(), "pytorch_model.bin", b"");
    let hint = "pytorch_model.bin; save it again with `model.save_pretrained(folder, safe_serialization=True)`";
    assert_eq!(error(&dir), format!("{expected}{hint}"));
}

#[test]
fn missing_extra_and_misshaped_tensors_are_all_named() {
    let mut folder = Folder::small();
    folder.remove("model.norm.weight");
    folder.tensor("lm_head.weight").shape = vec![4, 6];
    folder.tensors.push(Tensor::new("model.layers.2.attn_norm.weight", &[4]));
    assert_eq!(
        error(&folder.write()),
        "DIR: the weights do not fit config.json; are both of one checkpoint?\n  \
         tensor `model.norm.weight` is missing, expected [4]\n  \
         tensor `lm_head.weight` in model.safetensors is [4, 6], expected [6, 4]\n  \
         tensor `model.layers.2.attn_norm.weight` in model.safetensors is none of a hgrn_bit model with this \
         configuration"
    );
}

#[test]
fn lower_bounds_are_extra_where_they_are_not_used() {
    let folder = Folder::small().with("use_lower_bound", json!(false));
    assert!(error(&folder.write()).contains("tensor `model.lower_bounds` in model.safetensors is none of"));
}

#[test]
fn a_wrong_width_gives_a_short_list() {
    let message = error(&Folder::small().with("hidden_size", json!(2)).write());
    assert_eq!(message.lines().count(), 10, "{message}");
    assert!(message.ends_with("\n  and possibly more"), "{message}");
}

#[test]
fn absurdly_many_layers_are_refused_at_once() {
    let message = error(&Folder::small().with("num_hidden_layers", json!(1u64 << 31)).write());
    assert!(message.contains("tensor `model.lower_bounds` in model.safetensors is [2, 4], expected [2147483648, 4]"));
}

#[test]
fn integers_are_no_weights() {
    let mut folder = Folder::small();
    folder.tensor("model.norm.weight").dtype = "I32";
    let message = error(&folder.write());
    let expected = "tensor `model.norm.weight` in model.safetensors is of I32, expected F32, F16 or BF16";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn halves_of_both_kinds_are_read() {
    let mut folder = Folder::small();
    for (name, dtype, half) in [("model.norm.weight", "F16", 0x3c00u16), ("lm_head.norm.weight", "BF16", 0x3f80)] {
        let tensor = folder.tensor(name);
        (tensor.dtype, tensor.bytes) = (dtype, [half.to_le_bytes(); 4].concat());
    }
    let model = import(&folder.write()).unwrap();
    for name in ["norm.weight", "lm_head.norm.weight"] {
        assert_eq!(model.constants[name].to_f32().unwrap(), [1.0; 4]);
    }
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    for (dtype, bytes) in
        [("F32", [0, 0, 0x80, 0xff].repeat(4)), ("F16", [0, 0xfc].repeat(4)), ("BF16", [0x80, 0xff].repeat(4))]
    {
        let mut folder = Folder::small();
        let tensor = folder.tensor("model.norm.weight");
        (tensor.dtype, tensor.bytes) = (dtype, bytes);
        let message = error(&folder.write());
        let expected = "tensor `model.norm.weight` in model.safetensors: element 0 is -inf, expected a finite number";
        assert!(message.contains(expected), "{dtype}: {message}");
    }
}

#[test]
fn a_file_cut_in_its_header_is_truncated() {
    let whole = safetensors(&Folder::small().tensors);
    assert_eq!(
        error(&weights(&whole[..5])),
        "DIR/model.safetensors: the header needs 8 bytes, the file has 5: it is truncated or no safetensors file; \
         download it again"
    );
    assert_eq!(
        error(&weights(&with_header(&" ".repeat(92), &[])[..60])),
        "DIR/model.safetensors: the header needs 100 bytes, the file has 60: it is truncated or no safetensors file; \
         download it again"
    );
    assert!(error(&weights(&[])).contains("the file has 0"));
}

#[test]
fn a_file_cut_in_its_data_is_truncated() {
    let whole = with_header(r#"{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}"#, &[0; 12]);
    let (cut, n_bytes) = (&whole[..whole.len() - 5], whole.len());
    assert_eq!(
        error(&weights(cut)),
        format!(
            "DIR/model.safetensors: tensor `a`: its data ends at byte {n_bytes}, the file has {}: it is truncated; \
             download it again",
            n_bytes - 5
        )
    );
}

#[test]
fn an_oversized_header_is_refused_by_its_length_alone() {
    for length in [100_000_001u64, u64::MAX] {
        assert_eq!(
            error(&weights(&length.to_le_bytes())),
            format!(
                "DIR/model.safetensors: the header has {length} bytes, the format allows 100000000: it is no \
                 safetensors file"
            )
        );
    }
}

#[test]
fn a_header_that_is_no_object_is_refused() {
    let start = "DIR/model.safetensors: the header is no JSON object: ";
    for text in ["[]", "{\"a\": ", "\u{1}", ""] {
        assert!(error(&header(text, 0)).starts_with(start), "{text}");
    }
    assert!(error(&weights(&with_header("ab", &[])[..])).starts_with(start));
    let mut no_text = with_header("{}", &[]);
    no_text[8] = 0xff;
    assert!(error(&weights(&no_text)).starts_with(start));
}

#[test]
fn a_tensor_entry_of_another_form_is_named() {
    let text = r#"{"a": {"dtype": "F17", "shape": [3], "data_offsets": [0, 12]}}"#;
    let message = error(&header(text, 12));
    assert!(message.starts_with("DIR/model.safetensors: tensor `a`: unknown variant `F17`, expected one of"));
    let text = r#"{"a": {"dtype": "F32", "shape": [-3], "data_offsets": [0, 12]}}"#;
    assert!(error(&header(text, 12)).starts_with("DIR/model.safetensors: tensor `a`: invalid value"));
}

#[test]
fn sizes_that_do_not_fit_their_bytes_are_named() {
    let huge = usize::MAX;
    for (shape, start, end) in [
        ("[4]".to_owned(), 0, 12),
        ("[3]".into(), 12, 0),
        (format!("[{huge}, {huge}]"), 0, 12),
        (format!("[{huge}, 0]"), 0, 12),
        ("[3]".into(), huge - 11, huge),
    ] {
        let text = format!(r#"{{"a": {{"dtype": "F32", "shape": {shape}, "data_offsets": [{start}, {end}]}}}}"#);
        let message = error(&header(&text, 12));
        let size =
            format!("DIR/model.safetensors: tensor `a`: {shape} elements of F32 do not fit bytes {start}..{end}");
        let truncated = format!("DIR/model.safetensors: tensor `a`: its data ends at byte {huge}, the file has");
        assert!(message == size || message.starts_with(&truncated), "{message}");
    }
}

#[test]
fn overlaps_holes_and_left_over_bytes_are_named() {
    let entry = |start, end| format!(r#"{{"dtype": "F32", "shape": [1], "data_offsets": [{start}, {end}]}}"#);
    let overlap = format!(r#"{{"a": {}, "b": {}}}"#, entry(0, 4), entry(2, 6));
    assert_eq!(
        error(&header(&overlap, 6)),
        "DIR/model.safetensors: tensor `b`: its data starts at byte 2 of the data, the tensor before it ends at 4"
    );
    let hole = format!(r#"{{"a": {}}}"#, entry(4, 8));
    assert_eq!(
        error(&header(&hole, 8)),
        "DIR/model.safetensors: tensor `a`: its data starts at byte 4 of the data, the tensor before it ends at 0"
    );
    let trailing = format!(r#"{{"a": {}}}"#, entry(0, 4));
    assert_eq!(error(&header(&trailing, 7)), "DIR/model.safetensors: 3 bytes follow the last tensor, expected none");
}

#[test]
fn a_tensor_listed_twice_is_named() {
    let entry = |start, end| format!(r#""a": {{"dtype": "F32", "shape": [1], "data_offsets": [{start}, {end}]}}"#);
    let text = format!("{{{}, {}}}", entry(0, 4), entry(4, 8));
    assert_eq!(error(&header(&text, 8)), "DIR/model.safetensors: the header lists tensor `a` twice");
}

#[test]
fn a_missing_shard_is_named() {
    let dir = sharded(&Folder::small());
    std::fs::remove_file(dir.path().join("2.safetensors")).unwrap();
    assert_eq!(
        error(&dir),
        "DIR/model.safetensors.index.json: shard 2.safetensors is missing, which has tensor \
         `model.layers.0.attn.f_proj.norm.weight`; download all the shards"
    );
}

#[test]
fn a_tensor_in_two_shards_is_named() {
    let folder = Folder::small();
    let dir = sharded(&folder);
    write(dir.path(), "2.safetensors", &safetensors(&folder.tensors));
    assert_eq!(
        error(&dir),
        "DIR/model.safetensors.index.json: tensor `lm_head.norm.weight` is in both 1.safetensors and 2.safetensors; \
         remove the shard that is not of this checkpoint"
    );
}

#[test]
fn a_shard_without_its_tensor_is_named() {
    let mut folder = Folder::small();
    let dir = sharded(&folder);
    folder.tensors.retain(|tensor| tensor.name.contains("attn") && !tensor.name.ends_with("0.attn.g_norm.weight"));
    write(dir.path(), "2.safetensors", &safetensors(&folder.tensors));
    assert_eq!(
        error(&dir),
        "DIR/model.safetensors.index.json: tensor `model.layers.0.attn.g_norm.weight` is said to be in \
         2.safetensors, which does not have it"
    );
}

#[test]
fn an_index_that_leads_out_of_the_folder_is_refused() {
    for shard in ["../1.safetensors", "/etc/passwd", "a/b", "..", ""] {
        let dir = Folder::small().write_config();
        let index = json!({"weight_map": {"a": shard}}).to_string();
        write(dir.path(), "model.safetensors.index.json", index.as_bytes());
        assert_eq!(
            error(&dir),
            format!(
                "DIR/model.safetensors.index.json: tensor `a` is said to be in {shard:?}, expected the name of a file \
                 beside the index"
            )
        );
    }
}

#[test]
fn an_index_of_another_form_is_refused() {
    for text in ["", "[]", "{}", r#"{"weight_map": 3}"#] {
        let dir = Folder::small().write_config();
        write(dir.path(), "model.safetensors.index.json", text.as_bytes());
        let start = "DIR/model.safetensors.index.json: expected a JSON object with a `weight_map`";
        assert!(error(&dir).starts_with(start), "{text}");
    }
}
