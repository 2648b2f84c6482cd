//! Each rule of the model level, broken.

use crate::{replace, violations};
use seamount_ir::ValueId;
use seamount_ir::model::{Model, Observed, Op};
use seamount_ir::tensor::Tensor;

const SOUND: &str = r#"model "sound" {
  vocab_size = 3
  @embed : f32[3, 4] = [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]
  @gamma : f32[4] = [1.0, 1.0, 1.0, 1.0]
  @bounds : f32[2, 4] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
  @weight : ternary[3, 4] * 0.5 = [1, 0, -1, 0, 1, 0, -1, 0, 1, 0, -1, 0]
  %0 = embed @embed : f32[4]
  %1 = rms_norm %0, @gamma {eps = 1e-6} : f32[4]
  %2 = round_per_token %1 {bits = 8} : f32[4]
  %3 = sigmoid %2 : f32[4]
  %4 = lower_bound %3, @bounds {row = 1, layer = 0} : f32[4]
  %5 = silu %2 : f32[4]
  %6 = gated_recurrence %4, %5 : f32[4]
  %7 = slice %6 {start = 2} : f32[2]
  %8 = slice %6 {start = 0} : f32[2]
  %9 = multiply %7, %8 : f32[2]
  %10 = mean_square %9 : f32[1]
  %11 = inv_sqrt %10 {eps = 1e-8} : f32[1]
  %12 = multiply %6, %11 : f32[4]
  %13 = add %12, %0 {observed = [-1.0, 2.0, 0.5]} : f32[4]
  %14 = affine %13, @gamma, @gamma : f32[4]
  %15 = linear %14, @weight : f32[3]
  output "logits", %15
  output "tap", %13
}
"#;

fn broken(part: &str, by: &str) -> String {
    violations(&replace(SOUND, part, by))
}

#[test]
fn the_sound_model_is_sound() {
    assert_eq!(violations(SOUND), "nothing is broken");
}

#[test]
fn operands_as_many_as_the_operation_takes() {
    let mut model = Model::parse(SOUND).unwrap();
    model.graph.set_operands(ValueId(9), &[ValueId(7)]);
    assert_eq!(model.verify().unwrap_err().0[0].to_string(), "%9: `multiply` takes 2 operand(s), has 1 [operands]");
}

#[test]
fn constants_exist() {
    assert_eq!(
        broken("%1 = rms_norm %0, @gamma", "%1 = rms_norm %0, @beta"),
        "%1: there is no constant @beta [constant]"
    );
}

#[test]
fn constants_have_the_shape_of_their_use() {
    assert_eq!(broken("rms_norm %0, @gamma", "rms_norm %0, @bounds"), "%1: @bounds is [2, 4], expected [4] [constant]");
    assert_eq!(broken("embed @embed", "embed @weight"), "nothing is broken");
    assert_eq!(broken("embed @embed", "embed @bounds"), "%0: @bounds is [2, 4], expected [3, 4] [constant]");
    assert_eq!(broken("linear %14, @weight", "linear %14, @gamma"), "%15: @gamma is [4], expected [3, 4] [constant]");
    assert_eq!(
        broken("lower_bound %3, @bounds", "lower_bound %3, @gamma"),
        "%4: @gamma is [4], expected [4, 4] [constant]"
    );
    assert_eq!(
        broken("%13, @gamma, @gamma", "%13, @gamma, @bounds"),
        "%14: @bounds is [2, 4], expected [4] [constant]"
    );
}

#[test]
fn names_and_scales_of_constants_have_a_text_form() {
    let mut model = Model::parse(SOUND).unwrap();
    model.constants.insert("a b".into(), Tensor::f32(vec![1], &[1.0]));
    model.constants.insert("half".into(), Tensor::f32(vec![1], &[1.0]).with_scale(Some(-0.5)));
    assert_eq!(
        itertools::join(model.verify().unwrap_err().0, "\n"),
        "@a b: is no name: letters, digits and `_.-/` [constant]\n@half: has a scale of Some(-0.5) [constant]"
    );
}

#[test]
fn widths_fit_the_operation() {
    for (part, by, message) in [
        ("{eps = 1e-6} : f32[4]", "{eps = 1e-6} : f32[5]", "%1: `rms_norm` gives 4 channels here, its type says 5"),
        ("{bits = 8} : f32[4]", "{bits = 8} : f32[5]", "%2: `round_per_token` gives 4 channels here, its type says 5"),
        ("sigmoid %2 : f32[4]", "sigmoid %2 : f32[5]", "%3: `sigmoid` gives 4 channels here, its type says 5"),
        ("silu %2 : f32[4]", "silu %2 : f32[5]", "%5: `silu` gives 4 channels here, its type says 5"),
        ("multiply %7, %8 :", "multiply %7, %6 :", "%9: `multiply` gives 4 channels here, its type says 2"),
        ("multiply %7, %8 : f32[2]", "multiply %7, %6 : f32[4]", "%9: multiplies 2 by 4"),
        (
            "mean_square %9 : f32[1]",
            "mean_square %9 : f32[2]",
            "%10: `mean_square` gives 1 channels here, its type says 2",
        ),
        ("inv_sqrt %10", "inv_sqrt %9", "%11: takes a scalar, has 2"),
        ("add %12, %0", "add %12, %7", "%13: joins 4 and 2"),
        ("gated_recurrence %4, %5", "gated_recurrence %4, %1", "nothing is broken"),
        ("affine %13,", "affine %7,", "%14: `affine` gives 2 channels here, its type says 4"),
    ] {
        let found = broken(part, by);
        let first = found.lines().next().unwrap();
        assert_eq!(first.trim_end_matches(" [width]"), message, "{found}");
    }
}

#[test]
fn widths_are_not_zero() {
    let found = broken("{start = 2} : f32[2]", "{start = 2} : f32[0]");
    assert!(found.contains("%7: has no channels [width]"), "{found}");
}

#[test]
fn attributes_are_in_range() {
    for (part, by, message) in [
        ("{eps = 1e-6}", "{eps = -1.0}", "%1: eps = -1 [attribute]"),
        ("{eps = 1e-8}", "{eps = -1.0}", "%11: eps = -1 [attribute]"),
        ("{bits = 8}", "{bits = 1}", "%2: bits = 1, not in 2..=16 [attribute]"),
        ("{bits = 8}", "{bits = 17}", "%2: bits = 17, not in 2..=16 [attribute]"),
        ("{row = 1,", "{row = 2,", "%4: row 2 of 2 [attribute]"),
        ("{start = 2}", "{start = 3}", "%7: 2 channels from 3 of 4 [attribute]"),
        ("{start = 2}", "{start = 9223372036854775807}", "%7: 2 channels from 9223372036854775807 of 4 [attribute]"),
    ] {
        assert_eq!(broken(part, by), message);
    }
}

#[test]
fn what_was_observed_is_finite() {
    let mut model = Model::parse(SOUND).unwrap();
    model.graph.node_mut(ValueId(3)).observed =
        Some(Observed { min: 0.0, max: f64::INFINITY, rms: 1.0, negligible: None });
    assert_eq!(model.verify().unwrap_err().0[0].to_string(), "%3: observed = [0.0, inf, 1.0] [attribute]");
}

#[test]
fn logits_are_there_and_of_the_vocabulary() {
    assert_eq!(broken("output \"logits\", %15\n", ""), "model: there is no `logits` output [outputs]");
    assert_eq!(broken("\"logits\", %15", "\"logits\", %14"), "%14: 4 logits for 3 tokens [outputs]");
}

#[test]
fn outputs_are_values_of_the_graph() {
    let mut model = Model::parse(SOUND).unwrap();
    model.outputs.insert("gone".into(), ValueId(99));
    assert_eq!(model.verify().unwrap_err().0[0].to_string(), "%99: output \"gone\" does not exist [outputs]");
}

#[test]
fn tokens_are_embedded_once() {
    let mut model = Model::parse(SOUND).unwrap();
    model.add(Op::Embed { table: "embed".into() }, &[], 4, None);
    assert_eq!(model.verify().unwrap_err().0[0].to_string(), "model: 2 embeds, expected 1 [tokens]");
}
