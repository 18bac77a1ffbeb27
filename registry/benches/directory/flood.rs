//! Looking up while one peer floods the view: 100 000 bogus records, each of another node, and validly signed.
//!
//! Half of the view is of nodes that were met, as in use: it stays. The flood runs in a thread of its own, as in a node, and
//! takes the view's lock for each announcement; what is measured is what a caller waits, lock included.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use atoll_registry::services::{Batch, Directory};
use criterion::Criterion;
use parking_lot::RwLock;

use crate::network::{NODES, NOW, TTL, WALL, full, publisher, queries, record};

/// Records that the flood consists of; it begins anew when it has ended.
const FLOOD: u32 = 100_000;

pub(crate) fn benches(criterion: &mut Criterion) {
    let flood: Vec<Batch> = (0..FLOOD).map(bogus).collect();
    let (mut directory, publishers) = full();
    // The nodes are known here, so that the flood cannot displace them.
    for set in crate::network::sets(&mut { publishers }).iter().take(NODES as usize / 2) {
        directory.connected(set.lease.author(), None, NOW);
    }
    let queries = queries();
    let view = RwLock::new(directory);
    let mut next = queries.iter().cycle();
    let mut group = criterion.benchmark_group("look-up");
    group.bench_function("4 of 10 000, while 100 000 bogus records come in", |bench| {
        bench.iter_custom(|iterations| {
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| pour(&view, &flood, &done));
                let start = Instant::now();
                for _ in 0..iterations {
                    black_box(view.read().find(next.next().unwrap()));
                }
                let taken = start.elapsed();
                done.store(true, Ordering::Relaxed);
                taken
            })
        });
    });
    group.finish();
}

/// A name that nobody has heard of, and its only service.
fn bogus(number: u32) -> Batch {
    let mut publisher = publisher(1_000_000 + number);
    publisher.add(record(10_000 + number, number.into()), WALL).unwrap();
    publisher.whole(TTL, WALL).unwrap()
}

/// Pours the flood in until it is enough; what is refused or old by now costs what it costs.
fn pour(view: &RwLock<Directory>, flood: &[Batch], done: &AtomicBool) {
    for batch in flood.iter().cycle() {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let mut view = view.write();
        let _ = view.apply(batch.clone(), NOW, WALL);
        view.take_changes();
    }
}
