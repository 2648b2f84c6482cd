//! Every kernel against sums that are written down plainly, over values at the edges.

use bytes::Bytes;
use proptest::prelude::*;
use seamount_program::rows::{pack_dense2, pack_dense8};

use super::*;

/// Payloads around the places where digits change, and where words end.
const EDGES: [i32; 20] = [
    0,
    1,
    -1,
    127,
    128,
    -128,
    -129,
    255,
    32_639,
    32_640,
    32_767,
    -32_768,
    -32_896,
    -32_897,
    8_388_607,
    -8_388_608,
    0x7f7f_7f7f,
    0x7f7f_7f80,
    i32::MAX,
    i32::MIN,
];

fn value() -> impl Strategy<Value = i32> {
    prop_oneof![proptest::sample::select(&EDGES[..]), -32_768..32_768_i32, any::<i32>()]
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

/// Rows of payloads, `[row][source]`, some of them of values of 16 bits only.
fn payloads(n_sources: usize) -> impl Strategy<Value = Vec<Vec<i32>>> {
    let wide = proptest::collection::vec(proptest::collection::vec(value(), n_sources), 0..12);
    let narrow = proptest::collection::vec(proptest::collection::vec(-32_768..32_640_i32, n_sources), 0..20);
    prop_oneof![wide, narrow]
}

/// Weights, `[source][neuron]`, and payloads.
fn case(weights: impl Strategy<Value = i8> + Clone) -> impl Strategy<Value = (Vec<Vec<i8>>, Vec<Vec<i32>>)> {
    (1..70_usize, 1..150_usize).prop_flat_map(move |(n_sources, n_neurons)| {
        let row = proptest::collection::vec(weights.clone(), n_neurons);
        (proptest::collection::vec(row, n_sources), payloads(n_sources))
    })
}

fn prepared(kernel: Kernel, rows: &[Vec<i32>], n_sources: usize) -> Payloads {
    let mut payloads = Payloads::default();
    // Nothing may be left of what was there before.
    let before = vec![-1; n_sources.next_multiple_of(4)];
    for (n_sources, rows) in [(before.len(), std::slice::from_ref(&before)), (n_sources, rows)] {
        payloads.begin(n_sources, rows.iter().map(|row| Extent::of(row)));
        payloads.set_digits(kernel, |row, to| to.copy_from_slice(&rows[row]));
    }
    for (row, values) in rows.iter().enumerate() {
        assert_eq!(&payloads.of_digits(row), values, "{kernel:?}");
    }
    payloads
}

/// The sums modulo 2³², on top of what was there.
#[expect(clippy::cast_possible_truncation, reason = "sums are compared modulo 2³²")]
fn expected(weights: &[Vec<i8>], rows: &[Vec<i32>], before: i64) -> Vec<Vec<i32>> {
    let sum = |neuron: usize, row: &[i32]| {
        let products = weights.iter().zip(row).map(|(weights, &value)| i64::from(weights[neuron]) * i64::from(value));
        (products.sum::<i64>() + before) as i32
    };
    rows.iter().map(|row| (0..weights[0].len()).map(|neuron| sum(neuron, row)).collect()).collect()
}

fn check(kernel: Kernel, matrix: &Matrix, weights: &[Vec<i8>], rows: &[Vec<i32>]) {
    for (source, weights) in weights.iter().enumerate() {
        for (neuron, &weight) in weights.iter().enumerate() {
            assert_eq!(matrix.weight(neuron, source), i32::from(weight), "{kernel:?}");
        }
    }
    let n_lanes = matrix.n_neurons.next_multiple_of(LANES);
    let payloads = prepared(kernel, rows, weights.len());
    // The rows the other way round, among lanes that are others'.
    let rows_at: Vec<usize> = (0..rows.len()).rev().collect();
    let all_lanes = n_lanes + 3 * LANES;
    for is_new in [false, true] {
        let mut sums = vec![7; rows.len() * all_lanes];
        let target = Target { sums: &mut sums, n_lanes: all_lanes, first_lane: 2 * LANES, rows: &rows_at, is_new };
        kernel.multiply(matrix, &payloads, None, &mut Panel::default(), target);
        let of_rows = sums.chunks_exact(all_lanes).rev();
        let (before, found): (Vec<&[i32]>, Vec<&[i32]>) = of_rows.map(|row| row.split_at(2 * LANES)).unzip();
        let others = before.iter().copied().chain(found.iter().map(|row| &row[n_lanes..])).flatten();
        assert!(others.copied().all(|sum| sum == 7), "{kernel:?}");
        let found: Vec<&[i32]> = found.iter().map(|row| &row[..weights[0].len()]).collect();
        assert_eq!(found, expected(weights, rows, if is_new { 0 } else { 7 }), "{kernel:?}");
    }
}

/// Rows in an image: the first one after `before` bytes, `between` bytes from one to the next, and `after` bytes behind.
fn image(kind: Kind, rows: &[Vec<u8>], n_neurons: usize, [before, between, after]: [usize; 3]) -> Matrix {
    let mut image = vec![0xff; before];
    for row in rows {
        image.extend(row);
        image.extend(vec![0xff; between]);
    }
    image.truncate(image.len() - between);
    image.extend(vec![0xff; after]);
    let image = Bytes::from(image).slice(before..);
    Matrix::new(kind, image, rows[0].len() + between, rows.len(), n_neurons)
}

/// Bytes around the rows of an image.
fn gaps() -> impl Strategy<Value = [usize; 3]> {
    [0..70_usize, 0..5_usize, 0..70_usize]
        .prop_map(|[before, between, after]| [before, between, after.saturating_sub(20)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ternary_weights((weights, rows) in case(-1..=1_i8), gaps in gaps()) {
        let packed: Vec<_> = weights.iter().map(|row| pack_dense2(row).expect("ternary weights")).collect();
        let matrix = image(Kind::Ternary, &packed, weights[0].len(), gaps);
        for kernel in kernels() {
            check(kernel, &matrix, &weights, &rows);
        }
    }

    #[test]
    fn weights_of_a_byte((weights, rows) in case(prop_oneof![Just(-128_i8), Just(127_i8), any::<i8>()]), gaps in gaps()) {
        let packed: Vec<_> = weights.iter().map(|row| pack_dense8(row)).collect();
        let matrix = image(Kind::Bytes, &packed, weights[0].len(), gaps);
        for kernel in kernels() {
            check(kernel, &matrix, &weights, &rows);
        }
    }
}

/// The largest sums that one row gives: many sources, all weights and payloads at the edge; and so many that sums of a
/// field need more than 32 bits before they are shifted down.
#[test]
fn long_rows_of_the_largest_payloads() {
    for (weight, value, n_sources) in
        [(1, 32_639, 5000), (-1, -32_896, 5000), (1, -32_768, 5000), (-1, 32_767, 5000), (1, -128, 90_000)]
    {
        let weights = vec![vec![weight; 17]; n_sources];
        let packed = pack_dense2(&weights[0]).expect("ternary weights");
        let matrix = image(Kind::Ternary, &vec![packed; n_sources], 17, [0; 3]);
        for kernel in kernels() {
            for n_rows in [1, 2, 9] {
                check(kernel, &matrix, &weights, &vec![vec![value; n_sources]; n_rows]);
            }
        }
    }
}
