use atoll_protocol::{service::UnixMillis, standing::Ending};
use atoll_registry::store::{Durability, MemoryStore};

use super::*;

fn peer(number: u8) -> NodeId {
    NodeId::from_public_key([number; 32])
}

fn evidence(good: u32, at: u64) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.record_many(Ending::Good, good, UnixMillis(at));
    evidence
}

#[test]
fn what_is_kept_is_read_again() {
    let store = MemoryStore::new().unwrap();
    let mut batch = Batch::new();
    put(&mut batch, &peer(1), Some(&evidence(7, 1_000)));
    put(&mut batch, &peer(2), Some(&evidence(9, 2_000)));
    store.write(batch, Durability::Buffered).unwrap();
    let mut batch = Batch::new();
    put(&mut batch, &peer(2), None);
    store.write(batch, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store).unwrap();
    assert_eq!(found.evidence, [(peer(1), evidence(7, 1_000))].into());
    assert_eq!((found.damaged, useless.is_empty()), (0, true));
}

#[test]
fn what_is_damaged_is_left_out_and_deleted() {
    let store = MemoryStore::new().unwrap();
    let good = codec::encode(&evidence(7, 1_000)).unwrap();
    // More successes than there were calls; and no number at all.
    let mut nonsense = good.clone();
    nonsense[..8].copy_from_slice(&f64::NAN.to_le_bytes());
    let mut batch = Batch::new();
    batch.put(Table::Standing, key(SEEN, &peer(1)), good).put(Table::Standing, key(SEEN, &peer(2)), nonsense);
    batch.put(Table::Standing, key(SEEN, &peer(3)), [1, 2, 3]).put(Table::Standing, [SEEN; 5], [0; 40]);
    batch.put(Table::Standing, key(b'x', &peer(4)), [0; 40]).put(Table::Standing, key(HEARD, &peer(5)), [0; 40]);
    batch.put(Table::Receipts, [6; 32], [0; 40]).put(Table::Frauds, [7; 32], [0; 40]);
    store.write(batch, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store).unwrap();
    assert_eq!((found.evidence.len(), found.damaged), (1, 7));
    store.write(useless, Durability::Buffered).unwrap();
    assert_eq!(store.entries(Table::Standing, &[], 10).unwrap().len(), 1);
}
