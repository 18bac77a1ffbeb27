//! Looking a service up by name: at most a microsecond.

use std::hint::black_box;

use criterion::Criterion;

use crate::network::{full, queries};

pub(crate) fn benches(criterion: &mut Criterion) {
    let (directory, _) = full();
    let queries = queries();
    let mut next = queries.iter().cycle();
    let mut group = criterion.benchmark_group("look-up");
    group.bench_function("4 of 10 000", |bench| {
        bench.iter(|| black_box(directory.find(next.next().unwrap())));
    });
    group.finish();
}
