//! `parse(print(x)) == x` and `print(parse(t)) == t`.

use proptest::prelude::*;
use seamount_ir::Module;
use seamount_ir::model::Model;
use seamount_ir::syntax::{DEFAULT_ELIDE_ABOVE, parse_passes};
use seamount_ir::tensor::Tensor;

use crate::random_model::{models, texts};

/// Canonical texts of the other levels.
const TEXTS: [&str; 2] = [include_str!("texts/fixed.smir"), include_str!("texts/network.smir")];

#[test]
fn canonical_texts_print_as_they_are() {
    for text in TEXTS {
        let module = Module::parse(text).unwrap();
        assert_eq!(module.to_string(), text);
        assert!(module.verify().is_ok());
    }
}

#[test]
fn the_examples_of_the_documentation_are_canonical_and_sound() {
    let page = include_str!("../../../../docs/ir.md");
    let examples: Vec<&str> = page
        .split("```text\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```").map(|(example, _)| example))
        .filter(|example| ["model", "fixed", "network"].iter().any(|level| example.starts_with(level)))
        .collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let module = Module::parse(example).unwrap();
        assert_eq!(module.to_string(), example);
        module.verify().unwrap();
    }
}

#[test]
fn constants_without_a_text_form_are_elided() {
    let mut model = Model { name: "m".into(), vocab_size: 1, ..Model::default() };
    model.constants.insert("odd".into(), Tensor::f32(vec![2], &[f32::NAN, f32::INFINITY]));
    let text = Module::Model(model.clone()).to_text(usize::MAX);
    assert!(text.contains("@odd : f32[2] sha256:"), "{text}");
    assert_eq!(Model::parse(&text).unwrap().to_block(), model.to_block());
}

#[test]
fn scales_of_any_size_parse_back() {
    for exponent in (-1074..1024).step_by(7) {
        for scale in [2f64.powf(f64::from(exponent)), 0.3 * 2f64.powf(f64::from(exponent.max(-1000)))] {
            let mut model = Model { name: "m".into(), vocab_size: 1, ..Model::default() };
            model.constants.insert("c".into(), Tensor::i32(vec![1], &[1]).with_scale(Some(scale)));
            let text = Module::Model(model.clone()).to_string();
            let back = Model::parse(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
            assert_eq!(back.constants["c"].scale(), Some(scale));
        }
    }
}

#[test]
fn a_long_line_is_read_in_linear_time() {
    let tokens = vec!["17"; 200_000].join(", ");
    assert_eq!(parse_passes(&format!("calibrate{{tokens = [{tokens}]}}")).unwrap().len(), 1);
    let error = parse_passes(&format!("calibrate{{tokens = [{tokens}, ?]}}")).unwrap_err();
    assert_eq!((error.at.line, error.at.column), (1, 800_021));
}

proptest! {
    #[test]
    fn generated_models_parse_back(model in models(), all in any::<bool>()) {
        let elide_above = if all { usize::MAX } else { DEFAULT_ELIDE_ABOVE };
        let text = Module::Model(model.clone()).to_text(elide_above);
        let back = Module::parse(&text).unwrap();
        prop_assert_eq!(back.to_block(), model.to_block());
        prop_assert_eq!(back.to_text(elide_above), text);
        prop_assert!(model.verify().is_ok());
        prop_assert!(back.verify().is_ok());
    }

    #[test]
    fn any_text_is_read_or_refused(text in texts()) {
        if let Ok(module) = Module::parse(&text) {
            let printed = module.to_string();
            prop_assert_eq!(Module::parse(&printed).unwrap().to_string(), printed);
            let _checked = module.verify();
        }
    }

    #[test]
    fn a_text_with_changed_characters_is_read_or_refused(
        at in any::<prop::sample::Index>(),
        by in prop::sample::select(vec!["", "0", "9999999999", "-", "%0", "@gain", "\"", "{", "}", "\n", "x"]),
        which in 0usize..2,
    ) {
        let text = TEXTS[which];
        let at = at.index(text.len());
        let changed = format!("{}{by}{}", &text[..at], &text[at + 1..]);
        if let Ok(module) = Module::parse(&changed) {
            let printed = module.to_string();
            prop_assert_eq!(Module::parse(&printed).unwrap().to_string(), printed);
            let _checked = module.verify();
        }
    }
}
