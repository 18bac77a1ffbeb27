//! What is read is what was written, with the time that is left by a clock that may have been set.

use atoll_protocol::identity::SecretKey;
use atoll_registry::store::{Durability, MemoryStore};

use super::*;

const HOUR: u64 = 3_600_000;
const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn provider(n: u8, remaining: u64) -> Provider {
    Provider {
        key: [n; DIGEST],
        node: SecretKey::from_seed(&[n; 32]).node_id(),
        from: "2001:db8::1".parse().unwrap(),
        addresses: vec![vec![n; 128]; 4],
        remaining: Duration::from_millis(remaining),
    }
}

fn store(providers: &[Provider]) -> MemoryStore {
    let (store, mut batch) = (MemoryStore::new().unwrap(), Batch::new());
    providers.iter().for_each(|p| p.put(&mut batch, NOW));
    store.write(batch, Durability::Buffered).unwrap();
    store
}

fn later(millis: i64) -> UnixMillis {
    UnixMillis(NOW.0.saturating_add_signed(millis))
}

#[test]
fn the_largest_is_read_back() {
    let written = [provider(1, 2 * HOUR), provider(2, 1)];
    let (found, useless) = read_all(&store(&written), NOW).unwrap();
    assert_eq!((found.providers, found.damaged, useless.len()), (written.to_vec(), 0, 0));
}

#[test]
fn time_passes_while_the_node_is_off() {
    let remaining = |after: i64| {
        let (found, useless) = read_all(&store(&[provider(1, 2 * HOUR)]), later(after)).unwrap();
        assert_eq!(found.providers.len() + useless.len(), 1);
        found.providers.first().map(|p| p.remaining.as_millis() as u64)
    };
    let hour = HOUR as i64;
    assert_eq!(remaining(hour), Some(HOUR));
    assert_eq!(remaining(2 * hour - 1), Some(1));
    assert_eq!(remaining(2 * hour), None, "expired");
    assert_eq!(remaining(999_999 * hour), None, "the clock was put forward");
    assert_eq!(remaining(-hour), Some(2 * HOUR), "put back: never more than it had");
    assert_eq!(remaining(i64::MIN), Some(2 * HOUR), "to 1970");
}

#[test]
fn what_is_damaged_is_left_out_counted_and_deleted() {
    let store = store(&[provider(1, HOUR), provider(2, HOUR), provider(3, HOUR)]);
    let whole = store.entries(Table::Providers, &[], 9).unwrap();
    let mut batch = Batch::new();
    // A value cut short, one that is too long, one that is none; keys without a provider, and too short.
    batch.put(Table::Providers, whole[0].0.clone(), &whole[0].1[..whole[0].1.len() - 1]);
    batch.put(Table::Providers, whole[1].0.clone(), vec![0xff; VALUE + 1]);
    batch.put(Table::Providers, [&whole[2].0[..], &[1]].concat(), whole[2].1.clone());
    batch.put(Table::Providers, &whole[2].0[..DIGEST], whole[2].1.clone());
    batch.put(Table::Providers, "x", whole[2].1.clone());
    batch.put(Table::Providers, "", "");
    store.write(batch, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store, NOW).unwrap();
    assert_eq!((found.providers, found.damaged, useless.len()), (vec![provider(3, HOUR)], 6, 6));
    store.write(useless, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store, NOW).unwrap();
    assert_eq!((found.providers.len(), found.damaged, useless.len()), (1, 0, 0));
}

#[test]
fn what_would_be_too_long_is_not_written() {
    let mut long = provider(1, HOUR);
    long.addresses = vec![vec![1; VALUE]];
    assert!(
        read_all(&store(&[provider(1, HOUR), long]), NOW).unwrap().0.providers.is_empty(),
        "nor what it replaces kept"
    );
}
