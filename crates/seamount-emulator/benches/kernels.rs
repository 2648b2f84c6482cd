//! Products of ternary weights and payloads, the loops that take the time: weights a second, by kernel.
//!
//! `cargo bench -p seamount-emulator`

use criterion::{BenchmarkId, Criterion, Throughput};
use seamount_emulator::Kernel;
use seamount_emulator::loops::Product;

/// The inputs of a projection of the 370M model, and the neurons of a typical slice.
const N_SOURCES: usize = 1024;
const N_NEURONS: usize = 192;

/// Ternary weights, four to a byte, and payloads of some bits, by chance but always the same.
fn product(n_rows: usize, bits: u32) -> Product {
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let image = (0..N_SOURCES * N_NEURONS / 4).map(|_| {
        let code = |code: u32| [0b00, 0b01, 0b11][code as usize % 3];
        let random = random();
        (0..4).fold(0_u8, |byte, at| byte << 2 | code(random >> (4 * at)))
    });
    let image = image.collect();
    let values = (0..n_rows * N_SOURCES).map(|_| (random().cast_signed() << 8) >> (32 - bits));
    let values = values.collect();
    Product::new(image, N_SOURCES, N_NEURONS, values)
}

fn multiply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multiply");
    for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
        for (n_rows, bits) in [(1, 16), (1, 8), (8, 16), (32, 16), (32, 8)] {
            let mut product = product(n_rows, bits);
            product.prepare(kernel);
            group.throughput(Throughput::Elements((n_rows * N_SOURCES * N_NEURONS) as u64));
            let id = BenchmarkId::new(format!("{kernel:?}"), format!("{n_rows} rows of {bits} bits"));
            group.bench_function(id, |bencher| bencher.iter(|| product.multiply(kernel)[0]));
        }
    }
    group.finish();
}

fn prepare(criterion: &mut Criterion) {
    let kernel = Kernel::fastest();
    let mut group = criterion.benchmark_group("prepare");
    for n_rows in [1, 32] {
        let mut product = product(n_rows, 16);
        group.throughput(Throughput::Elements((n_rows * N_SOURCES) as u64));
        let id = BenchmarkId::new(format!("{kernel:?}"), format!("{n_rows} rows"));
        group.bench_function(id, |bencher| bencher.iter(|| product.prepare(kernel)));
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    multiply(&mut criterion);
    prepare(&mut criterion);
    criterion.final_summary();
}
