//! What the whole vocabulary does to the values that one token decides alone.

use rayon::prelude::*;
use seamount_ir::ValueId;
use seamount_ir::model::{Model, Op};
use seamount_ir::pass::PassError;

/// Rows of a table that are evaluated in one go.
const ROWS_AT_ONCE: usize = 256;

/// The least and the largest value, over all tokens of the vocabulary, of what follows from a token's embedding alone:
/// the embedding, and what scales, normalizes and squares it.
///
/// A text has some thousand tokens, and of a large vocabulary not each: but what the first block reads of the others is
/// known without a text. Matrices are left to it, they would take as long as the text does.
pub(crate) fn ranges(model: &Model) -> Result<Vec<(ValueId, f32, f32)>, PassError> {
    let mut chain = Chain { values: Vec::new(), steps: Vec::new() };
    for value in model.graph.in_order() {
        if let Some(step) = chain.step(model, value)? {
            chain.values.push(value);
            chain.steps.push(step);
        }
    }
    let first_rows: Vec<usize> = (0..model.vocab_size).step_by(ROWS_AT_ONCE).collect();
    let parts: Vec<Vec<(f32, f32)>> = first_rows
        .into_par_iter()
        .map(|first| chain.ranges_of_rows(first..(first + ROWS_AT_ONCE).min(model.vocab_size)))
        .collect();
    let merged = |index: usize| {
        let of_value = parts.iter().map(|part| part[index]);
        of_value.fold(EMPTY, |seen, part| (seen.0.min(part.0), seen.1.max(part.1)))
    };
    Ok(chain.values.iter().enumerate().map(|(index, &value)| (value, merged(index).0, merged(index).1)).collect())
}

const EMPTY: (f32, f32) = (f32::INFINITY, f32::NEG_INFINITY);

/// Values that one token decides, in order, and how each is computed from those before it.
struct Chain {
    values: Vec<ValueId>,
    steps: Vec<Step>,
}

enum Step {
    Embed { table: Vec<f32>, width: usize },
    Affine { x: usize, scale: Vec<f32>, bias: Option<Vec<f32>> },
    MeanSquare { x: usize },
    InvSqrt { x: usize, eps: f32 },
    Multiply { a: usize, b: usize },
}

impl Chain {
    /// How a value follows from those in the chain, if it does.
    fn step(&self, model: &Model, value: ValueId) -> Result<Option<Step>, PassError> {
        let vector = |name: &str| model.constants[name].to_f32().map_err(PassError::constant(name));
        let places = model.graph.operands(value).iter().map(|operand| self.values.iter().position(|v| v == operand));
        let Some(operands) = places.collect::<Option<Vec<usize>>>() else { return Ok(None) };
        Ok(match &model.graph.node(value).op {
            Op::Embed { table } => Some(Step::Embed { table: vector(table)?, width: model.width(value) }),
            Op::Affine { scale, bias } => {
                let bias = bias.as_deref().map(vector).transpose()?;
                Some(Step::Affine { x: operands[0], scale: vector(scale)?, bias })
            }
            Op::MeanSquare => Some(Step::MeanSquare { x: operands[0] }),
            #[expect(clippy::cast_possible_truncation, reason = "the float level computes in single precision")]
            Op::InvSqrt { eps } => Some(Step::InvSqrt { x: operands[0], eps: *eps as f32 }),
            Op::Multiply => Some(Step::Multiply { a: operands[0], b: operands[1] }),
            Op::Add
            | Op::Linear { .. }
            | Op::RmsNorm { .. }
            | Op::RoundPerToken { .. }
            | Op::Slice { .. }
            | Op::Sigmoid
            | Op::Silu
            | Op::LowerBound { .. }
            | Op::GatedRecurrence => None,
        })
    }

    fn ranges_of_rows(&self, rows: std::ops::Range<usize>) -> Vec<(f32, f32)> {
        let mut seen = vec![EMPTY; self.steps.len()];
        let mut values: Vec<Vec<f32>> = vec![Vec::new(); self.steps.len()];
        for row in rows {
            for (index, step) in self.steps.iter().enumerate() {
                let value = step.evaluate(row, &values);
                for &x in &value {
                    seen[index] = (seen[index].0.min(x), seen[index].1.max(x));
                }
                values[index] = value;
            }
        }
        seen
    }
}

impl Step {
    fn evaluate(&self, row: usize, values: &[Vec<f32>]) -> Vec<f32> {
        match self {
            Step::Embed { table, width } => table[row * width..][..*width].to_vec(),
            Step::Affine { x, scale, bias: None } => values[*x].iter().zip(scale).map(|(x, scale)| x * scale).collect(),
            Step::Affine { x, scale, bias: Some(bias) } => {
                values[*x].iter().zip(scale).zip(bias).map(|((x, scale), bias)| x * scale + bias).collect()
            }
            Step::MeanSquare { x } => {
                #[expect(clippy::cast_precision_loss, reason = "widths are small")]
                let width = values[*x].len() as f32;
                vec![values[*x].iter().map(|x| x * x).sum::<f32>() / width]
            }
            Step::InvSqrt { x, eps } => values[*x].iter().map(|x| 1.0 / (x + eps).sqrt()).collect(),
            Step::Multiply { a, b } => {
                let (long, short) = if values[*a].len() == 1 { (b, a) } else { (a, b) };
                values[*long].iter().zip(values[*short].iter().cycle()).map(|(a, b)| a * b).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seamount_ir::Module;

    #[test]
    fn every_token_counts_for_what_one_decides_alone() {
        let text = r#"model "two" {
  vocab_size = 2
  @embeddings.weight : f32[2, 2] = [1.0, -3.0, 0.5, 0.25]
  @half : f32[2] = [0.5, 2.0]
  @half.bias : f32[2] = [1.0, 0.0]
  %0 = embed @embeddings.weight : f32[2]
  %1 = affine %0, @half, @half.bias : f32[2]
  %2 = mean_square %0 : f32[1]
  %3 = inv_sqrt %2 {eps = 0.0} : f32[1]
  %4 = multiply %1, %3 : f32[2]
  %5 = silu %4 : f32[2]
  output "logits", %5
}
"#;
        let Ok(Module::Model(model)) = Module::parse(text) else { panic!("the text is a model") };
        let found: Vec<(f32, f32)> = ranges(&model).unwrap().into_iter().map(|(_, min, max)| (min, max)).collect();
        let (rare, common) = (5f32.sqrt().recip(), 0.15625f32.sqrt().recip());
        let scaled = (-6.0 * rare, 1.25 * common);
        assert_eq!(found, [(-3.0, 1.0), (-6.0, 1.5), (0.15625, 5.0), (rare, common), scaled]);
    }
}
