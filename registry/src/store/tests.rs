//! One suite for both stores; then what only a disk can get wrong.

use std::{fs, sync::Arc};

use atoll_protocol::codec;
use tempfile::TempDir;

use super::{
    migrate::{Migration, bring_forward},
    *,
};

/// Runs a test against each implementation.
fn each(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new().unwrap());
    let dir = TempDir::new().unwrap();
    test(&RocksStore::open(dir.path().join("db")).unwrap());
}

fn put(store: &dyn Store, table: Table, entries: &[(&str, &str)]) {
    let mut batch = Batch::new();
    for (key, value) in entries {
        batch.put(table, *key, *value);
    }
    store.write(batch, Durability::Buffered).unwrap();
}

fn keys(store: &dyn Store, table: Table, prefix: &str) -> Vec<String> {
    let entries = store.entries(table, prefix.as_bytes(), usize::MAX).unwrap();
    entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

#[test]
fn what_is_put_is_there_until_deleted() {
    each(|store| {
        assert_eq!(store.get(Table::Peers, b"a").unwrap(), None);
        put(store, Table::Peers, &[("a", "1"), ("", "empty key"), ("b", "")]);
        assert_eq!(store.get(Table::Peers, b"a").unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(store.get(Table::Peers, b"").unwrap().as_deref(), Some(&b"empty key"[..]));
        assert_eq!(store.get(Table::Peers, b"b").unwrap().as_deref(), Some(&b""[..]));
        put(store, Table::Peers, &[("a", "2")]);
        assert_eq!(store.get(Table::Peers, b"a").unwrap().as_deref(), Some(&b"2"[..]));
        let mut batch = Batch::new();
        batch.delete(Table::Peers, "a").delete(Table::Peers, "never there");
        store.write(batch, Durability::Synced).unwrap();
        assert_eq!(store.get(Table::Peers, b"a").unwrap(), None);
    });
}

#[test]
fn tables_are_apart() {
    each(|store| {
        put(store, Table::Peers, &[("same", "peers")]);
        put(store, Table::Meta, &[("same", "meta")]);
        assert_eq!(store.get(Table::Peers, b"same").unwrap().as_deref(), Some(&b"peers"[..]));
        assert_eq!(store.get(Table::Meta, b"same").unwrap().as_deref(), Some(&b"meta"[..]));
    });
    let mut names: Vec<_> = Table::ALL.iter().map(|table| table.name()).collect();
    names.dedup();
    let before = ["meta", "peers", "providers", "records", "schemas", "batches", "logs", "cursors"];
    assert_eq!(names, [&before[..], &["standing", "receipts", "frauds"]].concat());
}

#[test]
fn scans_go_by_prefix_in_order_until_broken_off() {
    each(|store| {
        put(store, Table::Peers, &[("b2", ""), ("a", ""), ("b", ""), ("c", ""), ("b10", ""), ("b\u{10ffff}", "")]);
        assert_eq!(keys(store, Table::Peers, "b"), ["b", "b10", "b2", "b\u{10ffff}"]);
        assert_eq!(keys(store, Table::Peers, "").len(), 6);
        assert!(keys(store, Table::Peers, "d").is_empty());
        assert_eq!(store.entries(Table::Peers, b"b", 2).unwrap().len(), 2);
        assert!(store.entries(Table::Peers, b"b", 0).unwrap().is_empty());
        let mut seen = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            seen += 1;
            if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.scan(Table::Peers, b"", visit).unwrap();
        assert_eq!(seen, 3);
    });
}

#[test]
fn scans_begin_anywhere_and_the_last_before_a_key_is_found() {
    each(|store| {
        put(store, Table::Batches, &[("a1", "1"), ("b1", "2"), ("b3", "3"), ("b5", "4"), ("c1", "5")]);
        let from = |key: &str| {
            let mut seen = Vec::new();
            let visit = &mut |key: &[u8], _: &[u8]| {
                seen.push(String::from_utf8(key.to_vec()).unwrap());
                ControlFlow::Continue(())
            };
            store.scan_from(Table::Batches, b"b", key.as_bytes(), visit).unwrap();
            seen
        };
        assert_eq!((from("b2"), from("b3")), (vec!["b3".into(), "b5".into()], vec!["b3".into(), "b5".into()]));
        assert_eq!((from("a").len(), from("b6").len(), from("c").len()), (3, 0, 0));
        let before = |prefix: &str, key: &str| {
            let found = store.at_or_before(Table::Batches, prefix.as_bytes(), key.as_bytes()).unwrap();
            found.map(|(key, _)| String::from_utf8(key).unwrap())
        };
        assert_eq!((before("b", "b4").as_deref(), before("b", "b3").as_deref()), (Some("b3"), Some("b3")));
        assert_eq!((before("b", "b0"), before("d", "d"), before("", "a0")), (None, None, None));
        assert_eq!(before("b", "b9").as_deref(), Some("b5"));
        assert_eq!(store.at_or_before(Table::Logs, b"", b"z").unwrap(), None);
    });
}

#[test]
fn prefixes_of_the_highest_bytes_have_an_end() {
    each(|store| {
        let mut batch = Batch::new();
        batch.put(Table::Peers, [0xff], "1").put(Table::Peers, [0xff, 0xff], "2").put(Table::Peers, [0xfe, 0xff], "3");
        store.write(batch, Durability::Buffered).unwrap();
        assert_eq!(store.entries(Table::Peers, &[0xff], 9).unwrap().len(), 2);
        assert_eq!(store.entries(Table::Peers, &[0xff, 0xff], 9).unwrap().len(), 1);
    });
}

#[test]
fn the_last_change_of_a_key_in_a_batch_wins() {
    each(|store| {
        let mut batch = Batch::new();
        batch.put(Table::Peers, "a", "1").delete(Table::Peers, "a").put(Table::Peers, "a", "2");
        batch.put(Table::Peers, "b", "1").delete(Table::Peers, "b");
        assert_eq!((batch.len(), batch.is_empty()), (5, false));
        store.write(batch, Durability::Buffered).unwrap();
        store.write(Batch::new(), Durability::Synced).unwrap();
        assert_eq!(keys(store, Table::Peers, ""), ["a"]);
        assert_eq!(store.get(Table::Peers, b"a").unwrap().as_deref(), Some(&b"2"[..]));
    });
}

#[test]
fn threads_share_a_store() {
    each(|_| {});
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new().unwrap());
    let writer = Arc::clone(&store);
    std::thread::spawn(move || put(&*writer, Table::Peers, &[("a", "1")])).join().unwrap();
    assert_eq!(keys(&*store, Table::Peers, ""), ["a"]);
}

#[test]
fn a_new_store_has_the_latest_format_and_keeps_it() {
    each(|store| {
        let before = store.get(Table::Meta, b"format").unwrap();
        assert!(before.is_some());
        bring_forward(store, "here".as_ref(), migrate::MIGRATIONS).unwrap();
        assert_eq!(store.get(Table::Meta, b"format").unwrap(), before);
    });
}

/// Migrations that were made up: each appends its number to a list.
const MADE_UP: [Migration; 3] = [|s, b| append(s, b, "2"), |s, b| append(s, b, "3"), |s, b| append(s, b, "4")];

fn append(store: &dyn Store, batch: &mut Batch, number: &str) -> Result<(), StoreError> {
    let mut list = store.get(Table::Peers, b"list")?.unwrap_or_default();
    list.extend_from_slice(number.as_bytes());
    batch.put(Table::Peers, "list", list);
    Ok(())
}

/// Makes a store one of the first format, which none of the made-up migrations has been applied to.
fn set_back(store: &dyn Store) {
    let mut batch = Batch::new();
    batch.put(Table::Meta, "format", codec::encode(&1_u32).unwrap());
    store.write(batch, Durability::Buffered).unwrap();
}

fn list(store: &dyn Store) -> String {
    String::from_utf8(store.get(Table::Peers, b"list").unwrap().unwrap_or_default()).unwrap()
}

#[test]
fn older_data_is_brought_forward_step_by_step() {
    each(|store| {
        set_back(store);
        bring_forward(store, "here".as_ref(), &MADE_UP[..1]).unwrap();
        assert_eq!(list(store), "2");
        bring_forward(store, "here".as_ref(), &MADE_UP).unwrap();
        assert_eq!(list(store), "234");
        bring_forward(store, "here".as_ref(), &MADE_UP).unwrap();
        assert_eq!(list(store), "234", "each once");
    });
}

#[test]
fn data_of_the_first_format_gets_the_tables_that_it_lacks() {
    let dir = TempDir::new().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    let db = rocksdb::DB::open_cf(&options, dir.path(), ["meta", "peers"]).unwrap();
    db.put_cf(db.cf_handle("meta").unwrap(), "format", codec::encode(&1_u32).unwrap()).unwrap();
    db.put_cf(db.cf_handle("peers").unwrap(), "somebody", "somewhere").unwrap();
    drop(db);
    for _ in 0..2 {
        let store = RocksStore::open(dir.path()).unwrap();
        assert_eq!(store.get(Table::Meta, b"format").unwrap(), Some(codec::encode(&6_u32).unwrap()));
        assert_eq!(keys(&store, Table::Peers, ""), ["somebody"]);
        put(&store, Table::Providers, &[("key", "provider")]);
        put(&store, Table::Records, &[("node", "set")]);
        put(&store, Table::Schemas, &[("hash", "schema")]);
    }
}

#[test]
fn a_migration_that_fails_is_tried_again_from_where_it_stood() {
    let fails: Migration = |_, _| Err(StoreError::Io { action: "convert", path: "here".into(), reason: "no".into() });
    each(|store| {
        set_back(store);
        assert!(bring_forward(store, "here".as_ref(), &[MADE_UP[0], fails]).is_err());
        assert_eq!(list(store), "2");
        bring_forward(store, "here".as_ref(), &MADE_UP).unwrap();
        assert_eq!(list(store), "234");
    });
}

#[test]
fn newer_data_is_refused_with_a_way_out() {
    each(|store| {
        set_back(store);
        bring_forward(store, "here".as_ref(), &MADE_UP).unwrap();
        let error = bring_forward(store, "/some/dir".as_ref(), &MADE_UP[..1]).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 4, known: 2, .. }));
        let text = error.to_string();
        for part in ["/some/dir", "newer version", "format 4", "--data-dir"] {
            assert!(text.contains(part), "{text}");
        }
    });
}

#[test]
fn data_without_or_with_a_broken_format_number_is_corrupt() {
    each(|store| {
        for broken in [&b""[..], &[0], &[1, 2, 3], &[9; 100]] {
            let mut batch = Batch::new();
            batch.put(Table::Meta, "format", broken);
            store.write(batch, Durability::Buffered).unwrap();
            let error = bring_forward(store, "here".as_ref(), &[]).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        }
        let mut batch = Batch::new();
        batch.delete(Table::Meta, "format").put(Table::Peers, "a", "1");
        store.write(batch, Durability::Buffered).unwrap();
        let error = bring_forward(store, "here".as_ref(), &[]).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    });
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    for round in 0..3 {
        let store = RocksStore::open(dir.path()).unwrap();
        assert_eq!(keys(&store, Table::Peers, "").len(), round);
        put(&store, Table::Peers, &[(&round.to_string(), "here")]);
    }
}

#[test]
fn a_copy_taken_while_running_opens_with_what_was_synced() {
    // What is on the disk at one moment is what a crash at that moment leaves.
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = RocksStore::open(dir.path()).unwrap();
    let mut batch = Batch::new();
    batch.put(Table::Peers, "a", "1");
    store.write(batch, Durability::Synced).unwrap();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    assert_eq!(keys(&RocksStore::open(copy.path()).unwrap(), Table::Peers, ""), ["a"]);
}

#[test]
fn a_second_opening_is_refused_with_a_way_out() {
    let dir = TempDir::new().unwrap();
    let _first = RocksStore::open(dir.path()).unwrap();
    let error = RocksStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&*dir.path().to_string_lossy()) && text.contains("--data-dir"), "{text}");
}

#[test]
fn tables_of_a_newer_version_do_not_keep_its_format_from_being_read() {
    let dir = TempDir::new().unwrap();
    let store = RocksStore::open(dir.path()).unwrap();
    let newer: Vec<Migration> = migrate::MIGRATIONS.iter().copied().chain([MADE_UP[0]]).collect();
    bring_forward(&store, dir.path(), &newer).unwrap();
    drop(store);
    let options = rocksdb::Options::default();
    let names: Vec<&str> = Table::ALL.iter().map(|table| table.name()).chain(["default"]).collect();
    let mut db = rocksdb::DB::open_cf(&options, dir.path(), names).unwrap();
    db.create_cf("from-the-future", &options).unwrap();
    drop(db);
    let error = RocksStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7, known: 6, .. }), "{error:?}");
}

#[test]
fn a_damaged_database_is_corrupt_and_says_what_to_do() {
    for damaged in ["MANIFEST", "CURRENT", ".sst"] {
        let dir = TempDir::new().unwrap();
        let store = RocksStore::open(dir.path()).unwrap();
        put(&store, Table::Peers, &[("a", "1")]);
        drop(store);
        // Opening again writes the log out to a table file.
        drop(RocksStore::open(dir.path()).unwrap());
        let mut hit = 0;
        for entry in fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains(damaged)) {
                let len = fs::metadata(&path).unwrap().len() as usize;
                fs::write(&path, vec![0xa5; len]).unwrap();
                hit += 1;
            }
        }
        assert!(hit > 0, "{damaged}");
        let error = RocksStore::open(dir.path()).map(|store| store.get(Table::Peers, b"a")).and_then(|got| got);
        let error = error.expect_err(damaged);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{damaged}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(&*dir.path().to_string_lossy()) && text.contains("move that directory away"), "{text}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_with_its_path() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = RocksStore::open(file.path().join("db")).unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "open", .. }), "{error:?}");
    assert!(error.to_string().contains(&*file.path().to_string_lossy()));
}
