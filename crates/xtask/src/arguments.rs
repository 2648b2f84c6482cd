//! What `cargo xtask checkpoint` is told.

use std::path::PathBuf;
use std::str::FromStr;

use xtask::checkpoint::{SHARD_BYTES, Shape};

/// The options, read.
#[derive(Debug, PartialEq)]
pub(crate) struct CheckpointArguments {
    pub(crate) dir: PathBuf,
    pub(crate) shape: Shape,
    pub(crate) seed: u64,
    pub(crate) shard_bytes: usize,
}

impl CheckpointArguments {
    /// Reads `--key value` pairs; parts of the shape may come before or after its name.
    pub(crate) fn parse(options: &[&str]) -> Result<Self, String> {
        let (mut dir, mut shape, mut seed, mut shard_bytes) = (None, None, 0, SHARD_BYTES);
        let (mut hidden, mut layers, mut intermediate, mut vocab) = (None, None, None, None);
        let (pairs, rest) = options.as_chunks::<2>();
        if let [option] = rest {
            return Err(format!("`{option}` needs a value"));
        }
        for &[option, value] in pairs {
            match option {
                "-o" => dir = Some(PathBuf::from(value)),
                "--shape" => {
                    let known = Shape::PUBLISHED.join(", ");
                    let named = Shape::published(value);
                    shape = Some(named.ok_or_else(|| format!("`--shape` is one of {known}, found `{value}`"))?);
                }
                "--hidden" => hidden = Some(number(option, value)?),
                "--layers" => layers = Some(number(option, value)?),
                "--intermediate" => intermediate = Some(number(option, value)?),
                "--vocab" => vocab = Some(number(option, value)?),
                "--seed" => seed = number(option, value)?,
                "--shard-bytes" => shard_bytes = number(option, value)?,
                unknown => return Err(format!("unknown option `{unknown}`")),
            }
        }
        let shape = shape.ok_or("`--shape` is missing")?;
        let shape = Shape {
            hidden: hidden.unwrap_or(shape.hidden),
            layers: layers.unwrap_or(shape.layers),
            intermediate: intermediate.unwrap_or(shape.intermediate),
            vocab: vocab.unwrap_or(shape.vocab),
        };
        Ok(Self { dir: dir.ok_or("`-o DIR` is missing")?, shape, seed, shard_bytes })
    }
}

fn number<T: FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("`{option}` wants a number, found `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_shape_replace_the_published_ones() {
        let parsed = CheckpointArguments::parse(&["--layers", "2", "--shape", "370m", "-o", "x"]).unwrap();
        assert_eq!(parsed.shape, Shape { layers: 2, ..Shape::published("370m").unwrap() });
        assert_eq!((parsed.seed, parsed.shard_bytes), (0, SHARD_BYTES));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for options in [&["--shape", "1m", "-o", "x"][..], &["-o"], &["--width", "3"], &["--seed", "x"], &["-o", "x"]] {
            assert!(CheckpointArguments::parse(options).is_err(), "{options:?}");
        }
    }
}
