//! No bytes make the importer panic: corrupted files give a model or a message.

use crate::folder::{Folder, import, safetensors, with_header, write};
use proptest::prelude::*;
use seamount_hf::Config;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_file_with_changed_bytes_is_imported_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
        in_header in any::<bool>(),
    ) {
        let mut bytes = safetensors(&Folder::small().tensors);
        let header_end = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let range = if in_header { header_end } else { bytes.len() };
        for (at, byte) in changes {
            bytes[at.index(range)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let dir = Folder::small().write_config();
        write(dir.path(), "model.safetensors", &bytes);
        if let Ok(model) = import(&dir) {
            model.verify().unwrap();
        }
    }

    #[test]
    fn any_header_is_imported_or_refused(
        entries in prop::collection::vec(
            ("[ab]", prop::sample::select(vec!["F32", "F16", "BOOL", "F4", "C64", "X"]),
             prop::collection::vec(any::<u64>().prop_map(|dim| dim >> (dim % 64)), 0..4),
             any::<u64>().prop_map(|at| at >> (at % 64)), any::<u64>().prop_map(|at| at >> (at % 64))),
            0..4,
        ),
        n_bytes in 0usize..64,
    ) {
        let entries: Vec<String> = entries
            .into_iter()
            .map(|(name, dtype, shape, start, end)| {
                format!(r#""{name}": {{"dtype": "{dtype}", "shape": {shape:?}, "data_offsets": [{start}, {end}]}}"#)
            })
            .collect();
        let dir = Folder::small().write_config();
        let file = with_header(&format!("{{{}}}", entries.join(", ")), &vec![0; n_bytes]);
        write(dir.path(), "model.safetensors", &file);
        prop_assert!(import(&dir).is_err());
    }

    #[test]
    fn any_configuration_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        size in any::<u64>().prop_map(|size| size >> (size % 64)),
        ratio in any::<f64>(),
        key in prop::sample::select(vec!["vocab_size", "hidden_size", "num_heads", "intermediate_size"]),
    ) {
        let folder = Folder::small().with(key, size.into()).with("expand_ratio", ratio.into());
        let folder = folder.with("hidden_ratio", ratio.into());
        let mut text = serde_json::to_vec(&folder.config).unwrap();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Ok(config) = Config::parse(&text) {
            prop_assert!(config.inner_size() > 0 && config.intermediate() > 0);
        }
    }
}
