//! Mappings side by side: the front, the table, and the file for spreadsheets.

mod common;

use common::explored;
use proptest::collection::vec;
use proptest::prelude::*;
use seamount_report::Explored;

#[test]
fn text() {
    insta::assert_snapshot!(explored());
}

#[test]
fn comma_separated_values() {
    let mut explored = explored();
    explored.points[3].error = Some("needs \"9\", has 8".to_owned());
    insta::assert_snapshot!(explored.to_csv());
}

proptest! {
    #[test]
    fn what_is_not_on_the_front_is_beaten_by_something_on_it(
        measures in vec((1..5_u64, 1..5_u32, 1..5_u32, 1..5_u32), 1..12),
    ) {
        let template = explored();
        let point = |&(n_chips, speed, energy, first): &(u64, u32, u32, u32)| {
            let mut point = template.points[0].clone();
            let result = point.result.as_mut().expect("a result");
            result.n_chips = n_chips;
            (result.tokens_per_s, result.energy_mj_per_token) = (speed.into(), energy.into());
            result.time_to_first_token_ms = first.into();
            point
        };
        let points = measures.iter().map(point).collect();
        let explored = Explored { points, ..template.clone() }.with_front();
        let of = |at: usize| explored.points[at].result.as_ref().expect("a result").measures();
        let beats = |a: [f64; 4], b: [f64; 4]| a != b && a.iter().zip(b).all(|(a, b)| *a <= b);
        for at in 0..measures.len() {
            let beaten_by = (0..measures.len()).filter(|&other| beats(of(other), of(at)));
            let by_front = beaten_by.filter(|&other| explored.points[other].on_front).count();
            prop_assert_eq!(explored.points[at].on_front, by_front == 0);
        }
    }
}
