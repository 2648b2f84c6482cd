//! How many nonzero weights the rows of a slice have, where a matrix may be cheaper written sparsely.
//!
//! All rows of a block are as long as its longest, so what counts is the most weights that one source has in any run of as
//! many consecutive neurons as the slice has. Any run, not the slice's own: then slices of equal size take equal memory
//! wherever they are in their group, and a longer slice never takes less.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use seamount_ir::tensor::Tensor;

use crate::layout::count;

/// The nonzero weights of a matrix, by source.
#[derive(Debug)]
pub(crate) struct Nonzeros {
    /// Source `i` of those that take part has `neurons[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<usize>,
    /// Neurons with a weight that is not zero, in ascending order for each source.
    neurons: Vec<u32>,
    /// By neurons of a slice, the most weights of a row; worked out when first asked for.
    longest: Mutex<BTreeMap<usize, u32>>,
}

impl Nonzeros {
    /// Of a matrix `[neurons, sources]` of 8-bit elements, the columns `sources`.
    ///
    /// `None` if the matrix has no data, or more than one nonzero weight in `at_least`: what cannot be cheaper sparsely is
    /// not looked at to its end.
    pub(crate) fn of(matrix: &Tensor, sources: &Range<usize>, at_least: usize) -> Option<Self> {
        let (bytes, n_columns) = (matrix.bytes().ok()?, matrix.shape()[1]);
        let most = bytes.len() / at_least;
        let rows = || bytes.chunks_exact(n_columns).map(|row| &row[sources.clone()]);
        let mut n_nonzero = 0;
        for row in rows() {
            n_nonzero += row.iter().filter(|&&weight| weight != 0).count();
            if n_nonzero > most {
                return None;
            }
        }
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); sources.len()];
        for (neuron, row) in (0..).zip(rows()) {
            for (of_source, _) in found.iter_mut().zip(row).filter(|(_, weight)| **weight != 0) {
                of_source.push(neuron);
            }
        }
        let mut offsets = Vec::with_capacity(found.len() + 1);
        offsets.push(0);
        offsets.extend(found.iter().scan(0, |end, of_source| {
            *end += of_source.len();
            Some(*end)
        }));
        Some(Self { offsets, neurons: found.concat(), longest: Mutex::default() })
    }

    /// The most nonzero weights that one source has in `n_neurons` consecutive neurons.
    pub(crate) fn longest_row(&self, n_neurons: usize) -> u32 {
        let mut known = self.longest.lock().expect("invariant: nobody panics while counting");
        *known.entry(n_neurons).or_insert_with(|| {
            let longest = self.offsets.windows(2).map(|ends| longest_run(&self.neurons[ends[0]..ends[1]], n_neurons));
            longest.max().unwrap_or_default()
        })
    }
}

/// The most of some ascending numbers that lie in a range of `length`.
fn longest_run(numbers: &[u32], length: usize) -> u32 {
    let (mut first, mut longest) = (0, 0);
    for (at, &number) in numbers.iter().enumerate() {
        while count(length) <= u64::from(number - numbers[first]) {
            first += 1;
        }
        longest = longest.max(at + 1 - first);
    }
    u32::try_from(longest).expect("invariant: neurons are numbered in 32 bits")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use seamount_ir::tensor::Elem;

    use super::*;

    #[test]
    fn a_run_is_as_long_as_the_fullest_window() {
        let numbers = [1, 2, 5, 6, 7, 20];
        assert_eq!([1, 2, 3, 6, 7, 100].map(|length| longest_run(&numbers, length)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(longest_run(&[], 4), 0);
    }

    proptest! {
        #[test]
        fn no_slice_has_a_longer_row(
            weights in prop::collection::vec(prop_oneof![4 => Just(0_i8), 1 => any::<i8>()], 60),
            (first, n_neurons) in (0..10_usize).prop_flat_map(|first| (Just(first), 1..=10 - first)),
        ) {
            let matrix = Tensor::i8(Elem::I8, vec![10, 6], &weights);
            let nonzeros = Nonzeros::of(&matrix, &(2..6), 1).unwrap();
            let of_row = |source: usize| {
                (first..first + n_neurons).filter(|neuron| weights[neuron * 6 + source] != 0).count()
            };
            let longest = nonzeros.longest_row(n_neurons);
            prop_assert!((2..6).all(|source| of_row(source) <= longest as usize));
            prop_assert!(longest <= nonzeros.longest_row(n_neurons + 1));
        }
    }
}
