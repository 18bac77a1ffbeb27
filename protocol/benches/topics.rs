//! What an entry of a topic costs: `cargo bench -p atoll-protocol`.
//!
//! Entries of 100 bytes, in batches of 1, 64 and 1 024: appended (encoded, hashed, signed), opened (verified, hashed, read), taken
//! in by a log, and what a batch is as it crosses the wire. Times are those of a batch; the throughput is in entries.
#![allow(clippy::unwrap_used)]

use atoll_protocol::{
    identity::SecretKey,
    names::NetworkName,
    service::UnixMillis,
    topic::{
        Batch, Clock, Draft, SignedBatch, Writer,
        log::{Log, Room},
    },
};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const SIZES: [usize; 3] = [1, 64, 1_024];

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn writer() -> Writer {
    Writer::begin("bench/topic".parse().unwrap(), NOW, None)
}

fn drafts(count: usize) -> Vec<Draft> {
    vec![Draft::of(Bytes::from(vec![7; 100])); count]
}

fn batch(count: usize) -> Batch {
    writer().append(&key(), &NetworkName::main(), &mut Clock::default(), NOW, drafts(count)).unwrap()
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    let (key, network) = (key(), NetworkName::main());
    for count in SIZES {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let (mut writer, mut clock) = (writer(), Clock::default());
            let append = |drafts| writer.append(&key, &network, &mut clock, NOW, drafts).unwrap();
            bencher.iter_batched(|| drafts(count), append, BatchSize::SmallInput);
        });
    }
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read, verify and take in");
    let network = NetworkName::main();
    for count in SIZES {
        let batch = batch(count);
        let (head, bytes) = (batch.head().value().clone(), batch.signed().encode().unwrap());
        let log = Log::new(head.topic, batch.author());
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            let take = |mut log: Log| {
                let batch = SignedBatch::decode(&bytes).unwrap().open(&network).unwrap();
                log.accept(&batch, NOW, Room::ALL, &|_, _| None).unwrap();
                (log, batch)
            };
            bencher.iter_batched(|| log.clone(), take, BatchSize::SmallInput);
        });
    }
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode for wire and disk");
    for count in SIZES {
        let batch = batch(count);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| batch.signed().encode().unwrap());
        });
    }
}

criterion_group!(benches, append, open, encode);
criterion_main!(benches);
