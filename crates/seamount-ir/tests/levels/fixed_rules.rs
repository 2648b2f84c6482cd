//! Each rule of the fixed-point level and of its functions, broken.

use crate::{replace, violations};
use seamount_ir::ValueId;
use seamount_ir::fixed::Fixed;
use seamount_ir::tensor::Tensor;

const SOUND: &str = include_str!("texts/fixed.smir");

fn broken(part: &str, by: &str) -> String {
    violations(&replace(SOUND, part, by))
}

#[test]
fn the_sound_module_is_sound() {
    assert_eq!(violations(SOUND), "nothing is broken");
}

#[test]
fn operands_as_many_as_the_operation_takes() {
    let mut fixed = Fixed::parse(SOUND).unwrap();
    fixed.graph.set_operands(ValueId(9), &[ValueId(5)]);
    assert_eq!(fixed.verify().unwrap_err().0[0].to_string(), "%9: `add` takes 2 operand(s), has 1 [operands]");
}

#[test]
fn constants_are_integers_of_the_shape_of_their_use() {
    for (part, by, message) in [
        ("%0, @gain, 7", "%0, @none, 7", "%1: there is no constant @none [constant]"),
        ("%0, @gain, 7", "%0, @weight, 7", "%1: @weight is [3, 2], expected [2] [constant]"),
        ("%0, @gain, 7", "%0, 4096, @embed", "%1: @embed is [3, 2], expected [2] [constant]"),
        (
            "@gain : i32[2] = [4096, 2048]",
            "@gain : f32[2] = [1.0, 2.0]",
            "%1: @gain is of f32, expected integers [constant]",
        ),
        ("embed @embed :", "embed @gain :", "%0: @gain is [2], expected [3, 2] [constant]"),
        (
            "%12 = linear %11, @weight : s24[3] * 2^-10",
            "%12 = linear %11, @embed : s24[3] * 2^-7",
            "%12: @embed is i16[3, 2], expected ternary or i8 [constant]",
        ),
    ] {
        assert_eq!(broken(part, by), message);
    }
}

#[test]
fn names_of_constants_have_a_text_form() {
    let mut fixed = Fixed::parse(SOUND).unwrap();
    fixed.constants.insert(String::new(), Tensor::i32(vec![1], &[1]));
    assert!(
        fixed.verify().unwrap_err().0[0].to_string().ends_with("is no name: letters, digits and `_.-/` [constant]")
    );
}

#[test]
fn functions_exist_and_take_one_input() {
    assert_eq!(broken("call \"half\"", "call \"third\""), "%10: there is no fn \"third\" of one input [kernel]");
    assert_eq!(
        broken("inputs = 1\n    %1 = mul_shr %0", "inputs = 0\n    %0 = mul_shr 3"),
        "fn \"half\", result: reads %1 too early [kernel-order]\n%10: there is no fn \"half\" of one input [kernel]"
    );
    let mut fixed = Fixed::parse(SOUND).unwrap();
    fixed.kernels.get_mut("half").unwrap().name = "other".into();
    assert_eq!(fixed.verify().unwrap_err().0[0].to_string(), "fn \"half\": is named otherwise [kernel]");
}

#[test]
fn functions_read_only_what_is_defined() {
    let found = broken("mul_shr %0, 1 {", "mul_shr %1, 1 {");
    assert_eq!(found, "fn \"half\", %1: reads %1 too early [kernel-order]");
    assert_eq!(broken("return %1", "return %2"), "fn \"half\", result: reads %2 too early [kernel-order]");
}

#[test]
fn constants_of_functions_are_words() {
    let found = broken("mul_shr %0, 1 {", "mul_shr %0, 8388608 {");
    assert_eq!(found, "fn \"half\", %1: 8388608 is no word of 24 bits [kernel-constant]");
    assert_eq!(broken("mul_shr %0, 1 {", "mul_shr %0, -8388608 {"), "nothing is broken");
}

#[test]
fn shifts_of_functions_are_below_twice_the_word() {
    let found = broken("{shift = 1, round", "{shift = 48, round");
    assert_eq!(found, "fn \"half\", %1: shifts by 48 [kernel-shift]");
}

#[test]
fn widths_fit_the_operation() {
    for (part, by, message) in [
        ("{shift = 12} : s16[2]", "{shift = 12} : s16[3]", "%1: expected 2 channels, has 3 [width]"),
        (
            "multiply %1, %4 {shift = 6} : s16[2]",
            "multiply %1, %4 {shift = 6} : s16[3]",
            "%5: expected 2 channels, has 3 [width]",
        ),
        ("{bias = 1} : s24[1]", "{bias = 1} : s24[2]", "%3: expected 1 channels, has 2 [width]"),
        ("{fraction = 12} : s16[1]", "{fraction = 12} : s16[2]", "%4: expected 1 channels, has 2 [width]"),
        ("sigmoid %5 : s16[2]", "sigmoid %5 : s16[3]", "%6: expected 2 channels, has 3 [width]"),
        ("layer = 0} : s24[2]", "layer = 0} : s24[3]", "%8: expected 2 channels, has 3 [width]"),
        ("add %8, %5 :", "add %8, %4 :", "%9: expected 1 channels, has 2 [width]"),
        ("call \"half\", %9 : s16[2]", "call \"half\", %9 : s16[3]", "%10: expected 2 channels, has 3 [width]"),
    ] {
        let found = broken(part, by);
        assert_eq!(found.lines().next().unwrap(), message, "{found}");
    }
    let found = violations(&replace(
        &replace(SOUND, "@embed : i16[3, 2]", "@embed : i16[3, 3]"),
        "4, 5, 6]",
        "4, 5, 6, 7, 8, 9]",
    ));
    assert_eq!(found, "%0: @embed is [3, 3], expected [3, 2] [constant]");
}

#[test]
fn widths_are_not_zero() {
    let found = broken("{fraction = 12} : s16[1]", "{fraction = 12} : s16[0]");
    assert!(found.starts_with("%4: has no channels [width]"), "{found}");
}

#[test]
fn bits_fit_the_word_and_sums_the_accumulator() {
    for (part, by, message) in [
        ("%0 = embed @embed : s16", "%0 = embed @embed : s25", "%0: 25 bits, not in 2..=24 [bits]"),
        ("%0 = embed @embed : s16", "%0 = embed @embed : s1", "%0: 1 bits, not in 2..=24 [bits]"),
        ("@weight : s24", "@weight : s23", "%12: a sum has 24 bits, its type says 23 [bits]"),
        ("{bias = 1} : s24", "{bias = 1} : s16", "%3: a sum has 24 bits, its type says 16 [bits]"),
        ("{bias = 1}", "{bias = 8388608}", "%3: bias 8388608 [bits]"),
        ("@gain, 7 {", "@gain, 8388608 {", "%1: 8388608 is no word [bits]"),
        ("accumulator_bits = 24", "accumulator_bits = 20", "%3: a sum has 20 bits, its type says 24 [bits]"),
    ] {
        let found = broken(part, by);
        assert_eq!(found.lines().next().unwrap(), message, "{found}");
    }
}

#[test]
fn scales_are_those_of_the_arithmetic() {
    for (part, by, message) in [
        (
            "{shift = 4} : s24[2] * 2^-12",
            "{shift = 4} : s24[2] * 2^-11",
            "%2: expected a unit of 2.44140625e-4, has 4.8828125e-4 [scale]",
        ),
        (
            "{bias = 1} : s24[1] * 2^-12",
            "{bias = 1} : s24[1] * 2^-11",
            "%3: expected a unit of 2.44140625e-4, has 4.8828125e-4 [scale]",
        ),
        (
            "add %8, %5 : s24[2] * 2^-8",
            "add %8, %5 : s24[2] * 2^-9",
            "%9: expected a unit of 3.90625e-3, has 1.953125e-3 [scale]",
        ),
        (
            "@weight : s24[3] * 2^-10",
            "@weight : s24[3] * 2^-9",
            "%12: expected a unit of 9.765625e-4, has 1.953125e-3 [scale]",
        ),
        (
            "sigmoid %5 : s16[2] * 2^-15",
            "sigmoid %5 : s16[2] * 2^-14",
            "%8: expected a unit of 3.0517578125e-5, has 6.103515625e-5 [scale]",
        ),
        (
            "silu %5 : s16[2] * 2^-8",
            "silu %5 : s16[2] * 2^-7",
            "%8: expected a unit of 7.8125e-3, has 3.90625e-3 [scale]",
        ),
    ] {
        let found = broken(part, by);
        assert_eq!(found.lines().next().unwrap(), message, "{found}");
    }
    let mut fixed = Fixed::parse(SOUND).unwrap();
    fixed.graph.node_mut(ValueId(4)).ty.scale = f64::NAN;
    assert_eq!(fixed.verify().unwrap_err().0[0].to_string(), "%4: one unit is NaN [scale]");
}

#[test]
fn thresholds_are_words_from_one() {
    for level in ["0", "-1", "8388608"] {
        let found = broken("{level = 3}", &format!("{{level = {level}}}"));
        assert_eq!(found, format!("%11: level = {level}, not in 1..=8388607 [attribute]"));
    }
    let found = broken("{level = 3} : s16", "{level = 3} : s15");
    assert_eq!(found, "%11: 15 bits for values of 16 [bits]");
}

#[test]
fn shifts_are_below_twice_the_word() {
    for (part, by, at) in [
        ("@gain, 7 {shift = 12}", "@gain, 7 {shift = 48}", "%1: shifts by 48"),
        ("%1, %1 {shift = 4}", "%1, %1 {shift = 48}", "%2: shifts by 48"),
        ("{shift = 15, layer", "{shift = 48, layer", "%8: shifts by 48"),
    ] {
        let found = broken(part, by);
        assert_eq!(found.lines().next().unwrap(), format!("{at}, not below 48 [shift]"), "{found}");
    }
    assert_eq!(broken("{fraction = 12}", "{fraction = 48}"), "%4: 48 fraction bits [shift]");
}

#[test]
fn logits_are_there_and_of_the_vocabulary() {
    assert_eq!(broken("output \"logits\", %12\n", ""), "fixed: there is no `logits` output [outputs]");
    assert_eq!(broken("\"logits\", %12", "\"logits\", %10"), "%10: 2 logits for 3 tokens [outputs]");
    let mut fixed = Fixed::parse(SOUND).unwrap();
    fixed.outputs.insert("gone".into(), ValueId(99));
    assert_eq!(fixed.verify().unwrap_err().0[0].to_string(), "%99: output \"gone\" does not exist [outputs]");
}

#[test]
fn tokens_are_embedded_once() {
    let mut fixed = Fixed::parse(SOUND).unwrap();
    let node = fixed.graph.node(ValueId(0)).clone();
    fixed.graph.add(node, &[]);
    assert_eq!(fixed.verify().unwrap_err().0[0].to_string(), "fixed: 2 embeds, expected 1 [tokens]");
}
