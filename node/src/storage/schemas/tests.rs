//! What is read is what was written, as far as there is room.

use atoll_registry::store::{Durability, MemoryStore};

use super::*;

const ROOM: CacheLimits = CacheLimits { count: 3, bytes: 1000, pinned_bytes: 0 };

fn schema(title: &str) -> Document {
    Document::canonical(&format!(r#"{{"title":"{title}"}}"#)).unwrap()
}

/// A store with these, each written a millisecond after the one before.
fn store(documents: &[Document]) -> MemoryStore {
    let (store, mut batch) = (MemoryStore::new().unwrap(), Batch::new());
    (1..).zip(documents).for_each(|(i, document)| put(&mut batch, document, UnixMillis(i)));
    store.write(batch, Durability::Buffered).unwrap();
    store
}

#[test]
fn what_was_kept_is_read_back_oldest_first() {
    let mut longest = "x".repeat(limits::SCHEMA);
    longest.truncate(limits::SCHEMA - schema("").len());
    let documents = [schema("b"), schema(&longest), schema("a")];
    let (found, useless) = read_all(&store(&documents), CacheLimits::default()).unwrap();
    assert_eq!((found.documents.as_slice(), found.damaged, useless.len()), (&documents[..], 0, 0));
}

#[test]
fn what_was_deleted_is_gone() {
    let store = store(&[schema("a"), schema("b")]);
    let mut batch = Batch::new();
    delete(&mut batch, schema("a").hash());
    store.write(batch, Durability::Buffered).unwrap();
    assert_eq!(read_all(&store, ROOM).unwrap().0.documents, [schema("b")]);
}

#[test]
fn what_is_too_much_is_deleted_oldest_first() {
    let documents: Vec<Document> = ["a", "b", "c", "d", "e"].map(schema).into();
    let store = store(&documents);
    let (found, useless) = read_all(&store, ROOM).unwrap();
    assert_eq!((found.documents.as_slice(), found.damaged, useless.len()), (&documents[2..], 0, 2));
    store.write(useless, Durability::Buffered).unwrap();
    assert_eq!(store.entries(Table::Schemas, &[], 9).unwrap().len(), 3);
    let two = CacheLimits { bytes: 2 * schema("a").len(), ..ROOM };
    assert_eq!(read_all(&store, two).unwrap().0.documents, documents[3..]);
}

#[test]
fn what_is_damaged_is_left_out_counted_and_deleted() {
    let store = store(&[schema("a"), schema("b"), schema("c")]);
    let value = |text: &str| codec::encode(&Value { kept: UnixMillis(1), text }).unwrap();
    let mut batch = Batch::new();
    // Another text, one that is no schema, one that is too long, a value that is none; a key that is no hash.
    batch.put(Table::Schemas, schema("a").hash().0, value(schema("z").text()));
    batch.put(Table::Schemas, Hash::of(b"nonsense").0, value("nonsense"));
    batch.put(Table::Schemas, schema("b").hash().0, vec![0xff; VALUE + 1]);
    batch.put(Table::Schemas, [1; 32], [0xff]);
    batch.put(Table::Schemas, "x", value(schema("c").text()));
    store.write(batch, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store, ROOM).unwrap();
    assert_eq!((found.documents, found.damaged, useless.len()), (vec![schema("c")], 5, 5));
    store.write(useless, Durability::Buffered).unwrap();
    let (found, useless) = read_all(&store, ROOM).unwrap();
    assert_eq!((found.documents.len(), found.damaged, useless.len()), (1, 0, 0));
}
