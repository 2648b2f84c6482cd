//! Generated models: sound graphs over a few channels, with every operation of the model level.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use seamount_ir::ValueId;
use seamount_ir::model::{LOGITS, Model, Observed, Op, WeightRule};
use seamount_ir::tensor::{Elem, Tensor};

/// One operation to be added: which, over which of the values so far, and a number for what else it needs.
type Choice = (u8, Index, Index, u16);

/// Models of up to a dozen operations besides the embedding and the head.
pub fn models() -> impl Strategy<Value = Model> {
    let choices = prop::collection::vec((0u8..13, any::<Index>(), any::<Index>(), any::<u16>()), 0..12);
    ("[a-z \"\\\\\n]{0,6}", 1usize..4, choices, any::<bool>()).prop_map(|(name, vocab_size, choices, tapped)| {
        let mut model = Model { name, vocab_size, ..Model::default() };
        let table = constant(&mut model, "embed", Elem::F32, &[vocab_size, 3]);
        let mut values = vec![model.add(Op::Embed { table }, &[], 3, None)];
        for (at, choice) in choices.into_iter().enumerate() {
            let value = add(&mut model, &values, at, choice);
            values.push(value);
        }
        let last = values[values.len() - 1];
        if tapped {
            model.outputs.insert("layer.0".into(), last);
        }
        let width = model.width(last);
        let weight = constant(&mut model, "head", Elem::Bf16, &[vocab_size, width]);
        let logits = model.add(Op::Linear { weight, rule: WeightRule::AbsmeanTernary }, &[last], vocab_size, None);
        model.outputs.insert(LOGITS.into(), logits);
        model
    })
}

/// Models with tokens of their vocabulary.
pub fn models_and_tokens() -> impl Strategy<Value = (Model, Vec<u32>)> {
    (models(), prop::collection::vec(any::<Index>(), 1..12)).prop_map(|(model, tokens)| {
        let tokens = tokens.iter().map(|token| u32::try_from(token.index(model.vocab_size)).unwrap()).collect();
        (model, tokens)
    })
}

fn add(model: &mut Model, values: &[ValueId], at: usize, (kind, first, second, number): Choice) -> ValueId {
    let x = values[first.index(values.len())];
    let width = model.width(x);
    let alike: Vec<ValueId> = values.iter().copied().filter(|&value| model.width(value) == width).collect();
    let y = alike[second.index(alike.len())];
    let scalars: Vec<ValueId> = values.iter().copied().filter(|&value| model.width(value) == 1).collect();
    let eps = f64::from(number) * 1e-7;
    let mut vector = |what: &str, elem| constant(model, &format!("{what}.{at}"), elem, &[width]);
    let (op, operands, result) = match kind {
        0 => (Op::RmsNorm { weight: vector("norm", Elem::F16), eps }, vec![x], width),
        1 => (Op::RoundPerToken { bits: 2 + u32::from(number) % 15 }, vec![x], width),
        2 | 3 => {
            let (result, elem) = (1 + usize::from(number) % 17, if kind == 2 { Elem::Ternary } else { Elem::F32 });
            let rule = if number.is_multiple_of(2) { WeightRule::AsIs } else { WeightRule::AbsmeanTernary };
            let weight = constant(model, &format!("weight.{at}"), elem, &[result, width]);
            (Op::Linear { weight, rule }, vec![x], result)
        }
        4 => {
            let start = usize::from(number) % width;
            (Op::Slice { start }, vec![x], width - start)
        }
        5 => (Op::Sigmoid, vec![x], width),
        6 => (Op::Silu, vec![x], width),
        7 => match scalars.first().filter(|_| number.is_multiple_of(2)) {
            Some(&scalar) => (Op::Multiply, vec![scalar, x], width),
            None => (Op::Multiply, vec![x, y], width),
        },
        8 => (Op::Add, vec![x, y], width),
        9 => {
            let bounds = constant(model, &format!("bounds.{at}"), Elem::F32, &[3, width]);
            (Op::LowerBound { bounds, layer: usize::from(number) % 3 }, vec![x], width)
        }
        10 => {
            let bias = number.is_multiple_of(2).then(|| vector("bias", Elem::I8));
            (Op::Affine { scale: vector("scale", Elem::I16), bias }, vec![x], width)
        }
        11 => (Op::MeanSquare, vec![x], 1),
        _ => match scalars.first().filter(|_| number.is_multiple_of(2)) {
            Some(&scalar) => (Op::InvSqrt { eps }, vec![scalar], 1),
            None => (Op::GatedRecurrence, vec![x, y], width),
        },
    };
    let value = model.add(op, &operands, result, (number % 3 > 0).then_some(u32::from(number % 3)));
    if number % 5 == 0 {
        let negligible = (number % 2 == 0).then_some(0.125);
        let observed = Observed { min: -f64::from(number), max: f64::from(number) / 3.0, rms: 1e-300, negligible };
        model.graph.node_mut(value).observed = Some(observed);
    }
    value
}

/// Adds a constant of numbers that follow from their places.
fn constant(model: &mut Model, name: &str, elem: Elem, shape: &[usize]) -> String {
    let n: usize = shape.iter().product();
    let small = |at: usize| i8::try_from(at * 7 % 23).unwrap() - 11;
    let bytes: Vec<u8> = (0..n)
        .flat_map(|at| match elem {
            Elem::F32 => (f32::from(small(at)) / 3.0).to_le_bytes().to_vec(),
            Elem::F16 => half::f16::from_f32(f32::from(small(at)) / 3.0).to_le_bytes().to_vec(),
            Elem::Bf16 => half::bf16::from_f32(f32::from(small(at)) / 3.0).to_le_bytes().to_vec(),
            Elem::I32 => i32::from(small(at)).to_le_bytes().to_vec(),
            Elem::I16 => i16::from(small(at)).to_le_bytes().to_vec(),
            Elem::I8 => small(at).to_le_bytes().to_vec(),
            Elem::Ternary => small(at).signum().to_le_bytes().to_vec(),
        })
        .collect();
    let scale = if elem.is_integer() { Some(0.3) } else { None };
    let tensor = Tensor::from_bytes(elem, shape.to_vec(), bytes.into()).unwrap().with_scale(scale);
    model.constants.insert(name.to_owned(), tensor);
    name.to_owned()
}

/// Bytes that look like the text forms, and bytes that do not.
pub fn texts() -> impl Strategy<Value = String> {
    let words = select(vec![
        "model",
        "fixed",
        "network",
        "group",
        "fn",
        "\"m\"",
        "{",
        "}",
        "{\n",
        "}\n",
        "%0",
        "%1",
        "=",
        "@a",
        ":",
        "f32",
        "s16",
        "[",
        "]",
        "2",
        "-1",
        "1e-6",
        "*",
        "2^-8",
        ",",
        "embed",
        "silu",
        "output",
        "vocab_size",
        "sha256:00",
        "//",
        "\n",
        "\"",
        "accumulator",
        "tick",
        "true",
        "neurons",
        "return",
        "é",
    ]);
    prop_oneof![prop::collection::vec(words, 0..40).prop_map(|words| words.join(" ")), any::<String>(),]
}
