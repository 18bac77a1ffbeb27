//! Comparing views: the sum of one, and the answer to another's.

use std::hint::black_box;

use atoll_protocol::{directory::Summary, service::Seq};
use atoll_registry::services::DirectoryLimits;
use criterion::Criterion;

use crate::network::{NOW, TTL, WALL, empty, publisher, record};

/// Nodes in the view that is summed up, with a record each.
const NODES: u32 = 10_000;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut directory = empty(DirectoryLimits { nodes: 20_000, records: 20_000, ..DirectoryLimits::default() });
    for number in 0..NODES {
        let mut publisher = publisher(number);
        publisher.add(record(number % 2_500, number.into()), WALL).unwrap();
        directory.apply(publisher.whole(TTL, WALL).unwrap(), NOW, WALL).unwrap();
    }
    let equal = directory.summary();
    let mut one_differs = equal.clone();
    one_differs.buckets[7] ^= 1;
    let nothing = Summary { depth: 0, buckets: vec![0; 16] };
    let mut group = criterion.benchmark_group("10 000 nodes");
    group.bench_function("summary", |bench| bench.iter(|| black_box(directory.summary())));
    for (what, theirs) in [("equal", &equal), ("one bucket differs", &one_differs), ("nothing known", &nothing)] {
        group.bench_function(format!("heads, {what}"), |bench| bench.iter(|| black_box(directory.heads(theirs))));
    }
    let known: Vec<(_, Seq)> = directory.known();
    group.bench_function("newer than what is known", |bench| bench.iter(|| black_box(directory.newer_than(&known))));
    group.finish();
}
