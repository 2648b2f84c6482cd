//! Rows: what is packed comes back.

use proptest::prelude::*;
use seamount_program::Encoding;
use seamount_program::rows::{
    ImageBuilder, RowError, check_dense2, pack_dense2, pack_dense8, pack_sparse, unpack_dense2, unpack_dense8,
    unpack_sparse,
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back(ternary in prop::collection::vec(-1..=1_i8, 0..100), bytes in prop::collection::vec(any::<i8>(), 0..100)) {
        let row = pack_dense2(&ternary).unwrap();
        let n_neurons = u32::try_from(ternary.len()).unwrap();
        prop_assert_eq!(row.len(), Encoding::Dense2.row_bytes(n_neurons));
        prop_assert_eq!(unpack_dense2(&row, ternary.len()), Ok(ternary));
        prop_assert_eq!(unpack_dense8(&pack_dense8(&bytes), bytes.len()), Ok(bytes.clone()));
        let entries: Vec<_> = (0..).zip(&bytes).map(|(k, &weight)| (k / 2, weight)).collect();
        prop_assert_eq!(unpack_sparse(&pack_sparse(&entries), bytes.len()), Ok(entries));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_check_finds_what_unpacking_finds(ternary in prop::collection::vec(-1..=1_i8, 1..40), bit in 0..80_usize, n in 1..40_usize) {
        let mut row = pack_dense2(&ternary).unwrap();
        for n_neurons in [ternary.len(), n] {
            prop_assert_eq!(check_dense2(&row, n_neurons), unpack_dense2(&row, n_neurons).map(drop));
        }
        let at = bit % (8 * row.len());
        row[at / 8] ^= 1 << (at % 8);
        prop_assert_eq!(check_dense2(&row, ternary.len()), unpack_dense2(&row, ternary.len()).map(drop));
    }
}

#[test]
fn two_bit_weights_lie_low_neuron_first() {
    assert_eq!(pack_dense2(&[1, -1, 0, 1, -1]), Some(vec![0b01_00_11_01, 0b11]));
    assert_eq!(pack_dense2(&[2]), None);
    assert_eq!(unpack_dense2(&[0b10], 1), Err(RowError::Invalid2Bit { neuron: 0 }));
    assert_eq!(unpack_dense2(&[1, 1], 1), Err(RowError::Length { expected: 1, found: 2 }));
}

#[test]
fn rows_are_aligned_in_the_image() {
    let mut image = ImageBuilder::new(8);
    assert_eq!([image.push(&[1; 3]), image.push(&[2; 9]), image.push(&[3; 8])], [0, 8, 24]);
    assert_eq!((image.stride_bytes(9), image.finish().len()), (16, 32));
}
