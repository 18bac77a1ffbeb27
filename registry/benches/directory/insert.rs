//! Taking in what is heard: at least 20 000 records a second on one core, signatures included.

use std::time::{Duration, Instant};

use atoll_protocol::{
    directory::{Announcement, News, RecordSet},
    names::NetworkName,
};
use atoll_registry::{
    exchange::Publisher,
    services::{Batch, DirectoryLimits},
};
use criterion::{BatchSize, Criterion, Throughput};

use crate::network::{NODES, NOW, PER_NODE, TTL, WALL, empty, full, publisher, record, sets};

/// Records that fill a gossip message.
const MESSAGE: u32 = 34;

pub(crate) fn benches(criterion: &mut Criterion) {
    verifying(criterion);
    hearing(criterion);
    applying(criterion);
}

/// The part that weighs most: the one signature.
fn verifying(criterion: &mut Criterion) {
    let network = NetworkName::main();
    let lease = provider(9, 1).whole(TTL, WALL).unwrap().lease;
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one lease", |bench| {
        bench.iter_batched(|| lease.signed(), |signed| signed.open(&network).unwrap(), BatchSize::SmallInput);
    });
    group.finish();
}

/// What is heard: opened, then applied. All records of a message share their lease's signature.
fn hearing(criterion: &mut Criterion) {
    let network = NetworkName::main();
    let mut group = criterion.benchmark_group("verify and insert");
    for records in [1, 10, MESSAGE] {
        group.throughput(Throughput::Elements(records.into()));
        let gossip: Vec<News> = (0..1_000 / records).map(|n| news(n, records)).collect();
        group.bench_function(format!("announcement of {records}"), |bench| {
            bench.iter_custom(|count| hear(&gossip, |news| news.open(&network).unwrap().into(), count));
        });
        let sets: Vec<RecordSet> = (0..1_000 / records).map(|n| set(n, records)).collect();
        group.bench_function(format!("record set of {records}"), |bench| {
            bench.iter_custom(|count| hear(&sets, |set| set.open(&network).unwrap().into(), count));
        });
    }
    group.finish();
}

fn provider(number: u32, records: u32) -> Publisher {
    let mut publisher = publisher(number);
    (0..records).for_each(|n| publisher.add(record(n, n.into()), WALL).unwrap());
    publisher
}

/// What a node of this number says first.
fn news(number: u32, records: u32) -> News {
    let said = provider(number, records).renewal(TTL, usize::MAX, WALL).unwrap().announcements;
    let [Announcement::Lease(news)] = <[_; 1]>::try_from(said).unwrap() else { unreachable!("it fits into a message") };
    assert_eq!(news.services.len(), records as usize);
    news
}

/// The same as a neighbour tells it.
fn set(number: u32, records: u32) -> RecordSet {
    let Batch { lease, services, .. } = provider(number, records).whole(TTL, WALL).unwrap();
    let services = services.iter().map(|service| service.body().clone()).collect();
    RecordSet { lease: lease.signed(), remaining_ms: 60_000, node: None, services }
}

/// Takes in so many of them, each of them as news.
fn hear<T: Clone>(said: &[T], open: impl Fn(T) -> Batch, count: u64) -> Duration {
    let mut directory = empty(DirectoryLimits::default());
    let mut taken = Duration::ZERO;
    for (n, one) in said.iter().cycle().take(usize::try_from(count).unwrap()).enumerate() {
        if n % said.len() == 0 {
            directory = empty(DirectoryLimits::default());
        }
        let one = one.clone();
        let start = Instant::now();
        directory.apply(open(one), NOW, WALL).unwrap();
        taken += start.elapsed();
    }
    taken
}

/// What is verified already: renewals, a new set, and one for which another has to go.
fn applying(criterion: &mut Criterion) {
    let (mut directory, mut publishers) = full();
    let mut group = criterion.benchmark_group("insert");
    group.bench_function("renewal", |bench| {
        let mut leases = Vec::new();
        bench.iter_batched(
            || {
                if leases.is_empty() {
                    leases = sets(&mut publishers);
                }
                Batch { node: None, services: Vec::new(), whole: false, ..leases.pop().unwrap() }
            },
            |renewal| directory.apply(renewal, NOW, WALL).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(PER_NODE.into()));
    group.bench_function("10 records, with eviction", |bench| {
        bench.iter_custom(|iterations| evict(&mut publishers, iterations));
    });
    group.finish();
}

/// Takes in so many sets of ten records each, where there is room for half of them.
fn evict(publishers: &mut [Publisher], count: u64) -> Duration {
    let records = (NODES * PER_NODE / 2) as usize;
    let mut small = empty(DirectoryLimits { records, ..DirectoryLimits::default() });
    sets(publishers).into_iter().for_each(|set| assert!(small.apply(set, NOW, WALL).is_ok()));
    let mut waiting = Vec::new();
    let mut taken = Duration::ZERO;
    for _ in 0..count {
        if waiting.is_empty() {
            waiting = sets(publishers);
            waiting.reverse();
        }
        let set = waiting.pop().unwrap();
        let start = Instant::now();
        small.apply(set, NOW, WALL).unwrap();
        taken += start.elapsed();
        small.take_changes();
    }
    taken
}
