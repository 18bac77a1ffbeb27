//! Bringing data of an older format forward.
//!
//! The format has a number, kept in [`Table::Meta`]. A store that is created begins with the latest one. Opening an older
//! one runs, one after the other, the migrations that lead from it to the latest; each is written together with the
//! number it leads to, so a crash in between repeats none and skips none.

use std::{ops::ControlFlow, path::Path};

use atoll_protocol::codec;

use super::{Batch, Durability, Store, StoreError, Table};

/// Key of the format number in [`Table::Meta`].
const KEY: &[u8] = b"format";
/// The format of a store that no migration leads to.
const FIRST: u32 = 1;
/// Longest encoded format number, in bytes.
const LONGEST: usize = 8;

/// Adds to the batch what turns data of one format into data of the next. It may read the store, but what it reads
/// must fit in memory together with what it writes.
pub(super) type Migration = fn(&dyn Store, &mut Batch) -> Result<(), StoreError>;

/// The migrations, in order: the first leads from format 1 to format 2. Only ever added to.
pub(super) const MIGRATIONS: &[Migration] = &[providers, records, schemas, topics, standing];

/// Format 2 has a table of provider records. It begins empty, and is made when the store is opened; the number keeps
/// programs away that do not know the table.
fn providers(_: &dyn Store, _: &mut Batch) -> Result<(), StoreError> {
    Ok(())
}

/// Format 3 has a table of record sets, which begins empty, too.
fn records(_: &dyn Store, _: &mut Batch) -> Result<(), StoreError> {
    Ok(())
}

/// Format 4 has a table of schemas, which begins empty, too.
fn schemas(_: &dyn Store, _: &mut Batch) -> Result<(), StoreError> {
    Ok(())
}

/// Format 5 has tables of topics' batches, logs and cursors, which begin empty, too.
fn topics(_: &dyn Store, _: &mut Batch) -> Result<(), StoreError> {
    Ok(())
}

/// Format 6 has tables of evidence, receipts and proofs of fraud, which begin empty, too.
fn standing(_: &dyn Store, _: &mut Batch) -> Result<(), StoreError> {
    Ok(())
}

/// Brings a store to the format that `migrations` lead to. `path` is for messages.
pub(super) fn bring_forward(store: &dyn Store, path: &Path, migrations: &[Migration]) -> Result<(), StoreError> {
    let known = FIRST.saturating_add(u32::try_from(migrations.len()).unwrap_or(u32::MAX));
    let Some(mut format) = format_of(store, path)? else {
        return write_format(store, path, known, Batch::new());
    };
    if format > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: format, known });
    }
    let done = usize::try_from(format.saturating_sub(FIRST)).unwrap_or(usize::MAX);
    for migration in migrations.iter().skip(done) {
        let mut batch = Batch::new();
        migration(store, &mut batch)?;
        format = format.saturating_add(1);
        write_format(store, path, format, batch)?;
    }
    Ok(())
}

/// The store's format; `None` if it is empty.
fn format_of(store: &dyn Store, path: &Path) -> Result<Option<u32>, StoreError> {
    let corrupt = |reason: String| StoreError::Corrupt { path: path.to_owned(), reason };
    let Some(bytes) = store.get(Table::Meta, KEY)? else {
        for &table in Table::ALL {
            if !is_empty(store, table)? {
                return Err(corrupt(format!("table {} has entries, but there is no format number", table.name())));
            }
        }
        return Ok(None);
    };
    match codec::decode(&bytes, LONGEST) {
        Ok(format) if format >= FIRST => Ok(Some(format)),
        Ok(format) => Err(corrupt(format!("{format} is no format number"))),
        Err(e) => Err(corrupt(format!("the format number cannot be read: {e}"))),
    }
}

fn is_empty(store: &dyn Store, table: Table) -> Result<bool, StoreError> {
    let mut empty = true;
    store.scan(table, &[], &mut |_, _| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}

fn write_format(store: &dyn Store, path: &Path, format: u32, mut batch: Batch) -> Result<(), StoreError> {
    let bytes = codec::encode(&format).map_err(|e| StoreError::Io {
        action: "convert",
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    batch.put(Table::Meta, KEY, bytes);
    store.write(batch, Durability::Synced)
}
