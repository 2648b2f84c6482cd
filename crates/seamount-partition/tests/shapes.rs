//! Core maps of the published shapes, by objective.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/shapes.rs"]
mod shapes;

use std::num::NonZeroU32;

use seamount_arch::Arch;
use seamount_partition::{Effort, Mapping, Objective, Options, partition_until};
use shapes::{SHAPE_370M, Shape};

fn map(shape: Shape, options: &Options) -> Mapping {
    let (network, footprints) = shapes::network(shape);
    let arch = Arch::shipped("loihi2-alia-point").unwrap();
    let mapping = partition_until(&network, &footprints, &arch, options, &|| false).unwrap();
    mapping.map.verify(&network, &footprints, &arch).unwrap();
    mapping
}

fn on(objective: Objective, max_chips: u32) -> Options {
    Options { objective, max_chips: NonZeroU32::new(max_chips), ..Options::default() }
}

#[test]
fn the_370m_shape_takes_few_chips() {
    let mapping = map(SHAPE_370M, &Options::default());
    // 588 cores' worth of ternary matrices, and what else is read.
    assert_eq!((mapping.bounds.n_cores, mapping.bounds.n_chips), (592, 5));
    assert!(mapping.map.n_neurocores() <= 660, "{}", mapping.map.n_neurocores());
    assert_eq!(mapping.map.n_chips(), 6);

    let with_head = map(Shape { head_on_host: false, ..SHAPE_370M }, &Options::default());
    assert_eq!((with_head.bounds.n_cores, with_head.bounds.n_chips), (654, 6));
    assert!(with_head.map.n_chips() <= 7, "{}", with_head.map.n_neurocores());
}

#[test]
fn an_objective_is_better_at_what_it_is_for() {
    let shape = Shape { n_blocks: 4, ..SHAPE_370M };
    let fewest = map(shape, &Options::default());
    let fastest = map(shape, &on(Objective::Latency, 4));
    let least_energy = map(shape, &on(Objective::Energy, 4));
    assert!(fastest.token_ns < 0.8 * fewest.token_ns, "{} {}", fastest.token_ns, fewest.token_ns);
    let static_energy = |mapping: &Mapping| mapping.token_ns * mapping.map.n_chips() as f64;
    assert!(static_energy(&least_energy) <= static_energy(&fewest));
    assert!(static_energy(&least_energy) <= static_energy(&fastest));
    assert!(fastest.map.n_chips() <= 4);
    assert!(fewest.bounds.token_ns <= fewest.token_ns && fastest.bounds.token_ns <= fastest.token_ns);

    let prompt = map(shape, &on(Objective::Throughput, 4));
    assert!(prompt.bounds.token_ns <= prompt.token_ns);
    // A token every step: no more than twice what a perfect balance would take.
    assert!(prompt.token_ns < 2.0 * prompt.bounds.token_ns, "{} {}", prompt.token_ns, prompt.bounds.token_ns);

    let one = on(Objective::Latency, 4);
    let streams = map(shape, &Options { n_streams: NonZeroU32::new(4).unwrap(), ..one });
    assert!(streams.token_ns < fastest.token_ns / 2.0, "{} {}", streams.token_ns, fastest.token_ns);
}

#[test]
fn any_number_of_threads_gives_the_same_map() {
    let shape = Shape { n_blocks: 2, ..SHAPE_370M };
    for objective in [Objective::Chips, Objective::Latency, Objective::Throughput, Objective::Energy] {
        let options = Options { effort: Effort::Normal, ..on(objective, 4) };
        let maps = [1, 3].map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| map(shape, &options))
        });
        assert_eq!(maps[0], maps[1]);
    }
}
