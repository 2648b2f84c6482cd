//! Loads of links, against routes that are walked router by router.

use std::collections::BTreeMap;

use proptest::prelude::*;
use seamount_arch::{Arch, Direction, Link, LinkLoads};

fn kapoho() -> Arch {
    Arch::shipped("loihi2-kapoho-point").expect("a shipped system")
}

/// The links from one router to another, along x first.
fn walk((mut x, mut y): (u32, u32), to: (u32, u32)) -> Vec<Link> {
    let mut links = Vec::new();
    while (x, y) != to {
        let direction = match (x.cmp(&to.0), y.cmp(&to.1)) {
            (std::cmp::Ordering::Less, _) => Direction::East,
            (std::cmp::Ordering::Greater, _) => Direction::West,
            (_, std::cmp::Ordering::Less) => Direction::South,
            _ => Direction::North,
        };
        let link = Link { y, x, direction };
        links.push(link);
        (x, y) = link.leads_to().expect("a way inside the plane");
    }
    links
}

proptest! {
    #[test]
    fn a_link_carries_the_messages_of_all_routes_over_it(
        routes in prop::collection::vec(((0..8_u32, 0..120_u32), (0..8_u32, 0..120_u32), 0..1000_u32), 0..40),
    ) {
        let arch = kapoho();
        let mut loads = LinkLoads::new(&arch);
        let mut walked = BTreeMap::<Link, u64>::new();
        let mut n_hops = 0;
        for &(from, to, n) in &routes {
            loads.add(from, to, n);
            n_hops += u64::from(n) * u64::from(arch.hops(from, to));
            for link in walk(arch.core_position(from.0, from.1), arch.core_position(to.0, to.1)) {
                *walked.entry(link).or_default() += u64::from(n);
            }
        }
        walked.retain(|_, n| *n != 0);
        let loads = loads.loads();
        prop_assert_eq!(loads.iter().map(|(_, n)| n).sum::<u64>(), n_hops);
        prop_assert_eq!(loads, walked.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn routers_belong_to_the_chips_of_their_cores() {
    let arch = kapoho();
    for chip in 0..arch.n_chips() {
        for core in 0..arch.cores_per_chip() {
            let (x, y) = arch.core_position(chip, core);
            assert_eq!(arch.chip_of_router(x, y), chip);
        }
    }
}
