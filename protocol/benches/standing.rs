//! What a receipt and a new identity cost: `cargo bench -p atoll-protocol --bench standing`.
//!
//! A receipt verified (both signatures), countersigned, and a key tried for the identity puzzle: a search for 20 bits takes a
//! million of those on average.
#![allow(clippy::unwrap_used)]

use atoll_protocol::{
    codec,
    identity::SecretKey,
    limits,
    names::NetworkName,
    sealed::{Countersigned, Signed},
    service::{Extensions, Seq, UnixMillis},
    standing::{PairReceipt, Work, puzzle},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn keys() -> [SecretKey; 2] {
    let [one, other] = [[7; 32], [8; 32]].map(|seed| SecretKey::from_seed(&seed));
    if one.node_id() < other.node_id() { [one, other] } else { [other, one] }
}

fn receipt(keys: &[SecretKey; 2]) -> PairReceipt {
    let to_a = Work { good: 70_000, slow: 300, lost: 7, faults: 1, days: 1 };
    let [a, b] = keys.each_ref().map(SecretKey::node_id);
    PairReceipt { a, b, epoch: NOW, seq: Seq(251), to_a, to_b: to_a, issued: NOW, extensions: Extensions::new() }
}

fn standing(criterion: &mut Criterion) {
    let (keys, network) = (keys(), NetworkName::main());
    let halves = keys.each_ref().map(|key| Signed::seal(key, &network, receipt(&keys)).unwrap());
    let wire = codec::encode(&Countersigned::join(&halves[0], &halves[1]).unwrap()).unwrap();
    let mut group = criterion.benchmark_group("standing");
    group.throughput(Throughput::Elements(1));
    group.bench_function("receipt/verify", |bencher| {
        bencher.iter(|| {
            let receipt: Countersigned<PairReceipt> = codec::decode(&wire, limits::PAIR_RECEIPT_WIRE).unwrap();
            receipt.verify(&network).unwrap()
        });
    });
    group.bench_function("receipt/sign", |bencher| {
        bencher.iter(|| Signed::seal(&keys[0], &network, receipt(&keys)).unwrap());
    });
    let mut number = 0;
    group.bench_function("puzzle/try", |bencher| {
        bencher.iter(|| {
            number += 1;
            puzzle::bits(&puzzle::candidate(&[7; 32], number).node_id())
        });
    });
    group.finish();
}

criterion_group!(benches, standing);
criterion_main!(benches);
