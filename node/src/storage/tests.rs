//! Tests of what is kept over restarts.

use std::fs;

use atoll_protocol::identity::SecretKey;
use atoll_registry::store::Batch;

use super::*;

fn id(seed: u8) -> NodeId {
    SecretKey::from_seed(&[seed; 32]).node_id()
}

fn at(host: u8) -> String {
    format!("/ip4/192.0.2.{host}/tcp/4077")
}

#[tokio::test]
async fn a_new_store_knows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for storage in [Storage::open(None).unwrap(), Storage::open(Some(dir.path())).unwrap()] {
        assert_eq!((storage.last_seq(), storage.port(), storage.remembered()), (0, None, Vec::new()));
    }
}

#[tokio::test]
async fn what_was_noted_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(Some(dir.path())).unwrap();
    storage.set_last_seq(41);
    storage.set_last_seq(42);
    storage.set_port(4078);
    storage.remember(id(1), vec![at(1)], UnixMillis(1_000));
    storage.remember(id(2), vec![at(2), "no address".to_owned()], UnixMillis(2_000));
    storage.remember(id(1), vec![at(3)], UnixMillis(3_000));
    storage.close().await;

    // At once: the database is closed when `close` returns, though handles are left.
    let again = Storage::open(Some(dir.path())).unwrap();
    assert_eq!((again.last_seq(), again.port()), (42, Some(4078)));
    let parse = |text: String| text.parse::<Multiaddr>().unwrap();
    assert_eq!(
        again.remembered(),
        [(id(1), vec![parse(at(3)), parse(at(1))]), (id(2), vec![parse(at(2))])],
        "the most recent first, without what cannot be dialled"
    );
    storage.set_last_seq(50);
    storage.close().await;
    again.close().await;
    assert_eq!(Storage::open(Some(dir.path())).unwrap().last_seq(), 42, "nothing is kept after `close`");
}

#[tokio::test]
async fn schemas_are_there_after_a_restart_until_they_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let schema = |text: &str| Document::canonical(text).unwrap();
    let storage = Storage::open(Some(dir.path())).unwrap();
    assert!(storage.take_schemas().is_empty());
    storage.keep_schema(schema("{}"));
    storage.keep_schema(schema("true"));
    storage.close().await;
    let storage = Storage::open(Some(dir.path())).unwrap();
    let found = storage.take_schemas();
    assert_eq!(found.len(), 2);
    assert!(found.contains(&schema("{}")) && found.contains(&schema("true")));
    assert!(storage.take_schemas().is_empty(), "they are given once");
    storage.forget_schema(schema("true").hash());
    storage.close().await;
    assert_eq!(Storage::open(Some(dir.path())).unwrap().take_schemas(), [schema("{}")]);
}

#[tokio::test]
async fn only_the_latest_peers_are_dialled_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(Some(dir.path())).unwrap();
    for seed in 1..=20 {
        storage.remember(id(seed), vec![at(seed)], UnixMillis(seed.into()));
    }
    storage.close().await;
    let remembered = Storage::open(Some(dir.path())).unwrap().remembered();
    let peers: Vec<NodeId> = remembered.into_iter().map(|(peer, _)| peer).collect();
    assert_eq!(peers, [id(20), id(19), id(18), id(17)]);
}

#[tokio::test]
async fn a_database_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _held = Storage::open(Some(dir.path())).unwrap();
    let error = Storage::open(Some(dir.path())).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(Some(dir.path())).unwrap();
    storage.set_last_seq(1);
    storage.close().await;
    fs::write(dir.path().join("db/CURRENT"), "garbage\n").unwrap();
    let error = Storage::open(Some(dir.path())).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains(&dir.path().display().to_string()), "{error}");
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_left_out() {
    let store = Arc::new(MemoryStore::new().unwrap());
    let mut batch = Batch::new();
    batch.put(Table::Meta, LAST_SEQ, [1, 2, 3]);
    batch.put(Table::Meta, PORT, 70_000_u64.to_le_bytes());
    batch.put(Table::Peers, id(1).to_peer_id_bytes(), [0xff; 40]);
    store.write(batch, Durability::Buffered).unwrap();
    let storage = Storage::over(store).unwrap();
    assert_eq!((storage.last_seq(), storage.port(), storage.remembered()), (0, None, Vec::new()));
}

/// A store that writes only while nobody holds its gate.
struct Gated {
    store: MemoryStore,
    gate: Arc<parking_lot::Mutex<()>>,
}

impl Store for Gated {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(table, key)
    }

    fn scan_from(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        visit: &mut atoll_registry::store::Visit<'_>,
    ) -> Result<(), StoreError> {
        self.store.scan_from(table, prefix, from, visit)
    }

    fn at_or_before(
        &self,
        table: Table,
        prefix: &[u8],
        key: &[u8],
    ) -> Result<Option<atoll_registry::store::Entry>, StoreError> {
        self.store.at_or_before(table, prefix, key)
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.store.sync()
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        let _open = self.gate.lock();
        self.store.write(batch, durability)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn record_sets_wait_while_the_disk_is_busy_with_the_rest() {
    let gate = Arc::new(parking_lot::Mutex::new(()));
    let store = Gated { store: MemoryStore::new().unwrap(), gate: Arc::clone(&gate) };
    let storage = Storage::over(Arc::new(store)).unwrap();
    storage.take_records().unwrap().await.unwrap();
    assert!(storage.place_for_records().is_some());
    let closed = gate.lock();
    let mut seq = 0;
    while storage.writes.capacity() > RESERVED {
        seq += 1;
        storage.set_last_seq(seq);
    }
    assert!(storage.place_for_records().is_none(), "half of the queue is not for them");
    storage.set_port(4077);
    drop(closed);
    crate::testing::eventually("they have their turn", || storage.place_for_records().is_some()).await;
}
