//! Taking in what is heard: at least 20 000 records a second on one core, signatures included.

use std::time::{Duration, Instant};

use atoll_protocol::{
    directory::{Announcement, RecordSet},
    identity::SecretKey,
    names::NetworkName,
    sealed::{Signed, Verified},
};
use atoll_registry::{
    exchange::Publisher,
    services::{Batch, DirectoryLimits},
};
use criterion::{BatchSize, Criterion, Throughput};

use crate::network::{NODES, NOW, PER_NODE, TTL, WALL, empty, full, publisher, record, sets};

pub(crate) fn benches(criterion: &mut Criterion) {
    verifying(criterion);
    hearing(criterion);
    applying(criterion);
}

/// The parts: a signature alone, and what opening a record is beside that.
fn verifying(criterion: &mut Criterion) {
    let network = NetworkName::main();
    let sealed = Signed::seal(&SecretKey::from_seed(&[9; 32]), &network, record(1, 1)).unwrap();
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one record", |bench| {
        bench.iter_batched(|| sealed.signed(), |signed| signed.open(&network).unwrap(), BatchSize::SmallInput);
    });
    group.finish();
}

/// What is heard: opened, then applied. Gossip signs each record; in a whole set they share their lease's signature.
fn hearing(criterion: &mut Criterion) {
    let network = NetworkName::main();
    let mut group = criterion.benchmark_group("verify and insert");
    for records in [1, 10, 100] {
        group.throughput(Throughput::Elements(records.into()));
        let gossip: Vec<Announcement> = (0..1_000 / records).map(|n| announcement(n, records)).collect();
        group.bench_function(format!("announcement of {records}"), |bench| {
            bench.iter_custom(|count| hear(&gossip, |said| open(said, &network), count));
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
fn announcement(number: u32, records: u32) -> Announcement {
    let mut publisher = provider(number, records);
    let lease = publisher.whole(TTL, WALL).unwrap().lease;
    let news = publisher.news(lease);
    let services = news.services.iter().map(Verified::signed).collect();
    Announcement::Lease { lease: news.lease.signed(), node: None, services }
}

/// The same as a neighbour tells it.
fn set(number: u32, records: u32) -> RecordSet {
    let Batch { lease, services, .. } = provider(number, records).whole(TTL, WALL).unwrap();
    let services = services.iter().map(|service| service.body().clone()).collect();
    RecordSet { lease: lease.signed(), remaining_ms: 60_000, node: None, services }
}

fn open(announcement: Announcement, network: &NetworkName) -> Batch {
    let Announcement::Lease { lease, services, .. } = announcement else { unreachable!("that is what was made") };
    let lease = lease.open(network).unwrap();
    let services = services.into_iter().map(|service| service.open(network).unwrap().record().clone()).collect();
    Batch { lease, remaining: None, node: None, services, whole: false }
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
