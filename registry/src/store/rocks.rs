//! A store on disk: RocksDB, one column family for each table.
//!
//! Every home node runs one beside other programs, so it is kept small: some 10 MiB of memory, whatever the data, and as long as
//! topics are written fast up to 32 MiB more.

use std::{
    collections::BTreeSet,
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, Direction, ErrorKind,
    IteratorMode, LogLevel, Options, ReadOptions, WriteBatch, WriteOptions,
};

use super::{
    Batch, Durability, Entry, Store, StoreError, Table, Visit,
    batch::Write,
    migrate::{self, MIGRATIONS},
};

/// Unwritten data of one table, in bytes; there may be two such buffers while one is written.
const WRITE_BUFFER: usize = 2 * 1024 * 1024;
/// Blocks that were read, of all tables together, with their indices, in bytes.
const BLOCK_CACHE: usize = 4 * 1024 * 1024;
/// The same of topics' batches, which come fast: smaller ones would be written out many times a second.
const BATCHES_BUFFER: usize = 16 * 1024 * 1024;
/// Batches from this size on lie in files of their own, so that they are not copied whenever tables are merged.
const BATCH_APART: u64 = 4 * 1024;
/// Write-ahead log, in bytes; beyond it buffers are written to shorten it.
const WRITE_AHEAD_LOG: u64 = 32 * 1024 * 1024;
/// Files held open.
const OPEN_FILES: i32 = 64;
/// Threads that write buffers and merge files.
const BACKGROUND_JOBS: i32 = 2;

/// A store on disk.
pub struct RocksStore {
    db: DB,
    path: PathBuf,
}

impl RocksStore {
    /// Opens the store in the directory `path`, creates it if there is none, and brings older data forward.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open, [`StoreError::Newer`] if a newer version has written it,
    /// [`StoreError::Corrupt`] if it is damaged, [`StoreError::Io`] otherwise; each names the path and the way out.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let fail = |e| error("open", &path, &e);
        let cache = Cache::new_lru_cache(BLOCK_CACHE);
        let tables = tables_in(&path).map_err(fail)?;
        let families =
            tables.into_iter().map(|name| ColumnFamilyDescriptor::new(name.as_str(), table_options(&name, &cache)));
        let db = DB::open_cf_descriptors(&database_options(), &path, families).map_err(fail)?;
        let store = Self { db, path };
        migrate::bring_forward(&store, &store.path, MIGRATIONS)?;
        Ok(store)
    }

    fn family(&self, table: Table) -> Result<&ColumnFamily, StoreError> {
        self.db.cf_handle(table.name()).ok_or_else(|| StoreError::Corrupt {
            path: self.path.clone(),
            reason: format!("table {} is missing", table.name()),
        })
    }
}

impl fmt::Debug for RocksStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RocksStore({})", self.path.display())
    }
}

impl Store for RocksStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(table)?, key).map_err(|e| error("read", &self.path, &e))
    }

    fn scan_from(&self, table: Table, prefix: &[u8], from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let from = IteratorMode::From(from.max(prefix), Direction::Forward);
        for entry in self.db.iterator_cf_opt(self.family(table)?, ReadOptions::default(), from) {
            let (key, value) = entry.map_err(|e| error("read", &self.path, &e))?;
            if !key.starts_with(prefix) {
                break;
            }
            if let ControlFlow::Break(()) = visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn at_or_before(&self, table: Table, prefix: &[u8], key: &[u8]) -> Result<Option<Entry>, StoreError> {
        let from = IteratorMode::From(key, Direction::Reverse);
        let mut entries = self.db.iterator_cf_opt(self.family(table)?, ReadOptions::default(), from);
        let found = entries.next().transpose().map_err(|e| error("read", &self.path, &e))?;
        Ok(found.filter(|(key, _)| key.starts_with(prefix)).map(|(key, value)| (key.into_vec(), value.into_vec())))
    }

    fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        let mut writes = WriteBatch::default();
        for change in &batch.changes {
            match change {
                Write::Put(table, key, value) => writes.put_cf(self.family(*table)?, key, value),
                Write::Delete(table, key) => writes.delete_cf(self.family(*table)?, key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        self.db.write_opt(writes, &options).map_err(|e| error("write", &self.path, &e))
    }

    fn sync(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|e| error("write", &self.path, &e))
    }
}

/// The names of all tables to open: ours, and those that are there. RocksDB opens all or nothing, and a newer version's
/// data must open for its format number to be read.
fn tables_in(path: &Path) -> Result<BTreeSet<String>, rocksdb::Error> {
    let mut names: BTreeSet<String> = Table::ALL.iter().map(|table| table.name().to_owned()).collect();
    // RocksDB's pointer to the current manifest: without it there is no database yet.
    if path.join("CURRENT").exists() {
        names.extend(DB::list_cf(&database_options(), path)?);
    }
    Ok(names)
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(BACKGROUND_JOBS);
    options.set_max_file_opening_threads(1);
    options.set_max_total_wal_size(WRITE_AHEAD_LOG);
    options.set_keep_log_file_num(1);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn table_options(name: &str, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    // Otherwise indices and filters are held beside the cache, without a bound.
    blocks.set_cache_index_and_filter_blocks(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(WRITE_BUFFER);
    options.set_max_write_buffer_number(2);
    options.set_compression_type(DBCompressionType::None);
    if name == Table::Batches.name() {
        options.set_write_buffer_size(BATCHES_BUFFER);
        options.set_enable_blob_files(true);
        options.set_min_blob_size(BATCH_APART);
        options.set_enable_blob_gc(true);
    }
    options
}

fn error(action: &'static str, path: &Path, e: &rocksdb::Error) -> StoreError {
    let (path, reason) = (path.to_owned(), e.to_string());
    match e.kind() {
        ErrorKind::Corruption => StoreError::Corrupt { path, reason },
        // RocksDB has no kind of its own for it; its messages (`env/fs_posix.cc`, `LockFile`) begin in these two ways.
        ErrorKind::IOError if reason.contains("lock hold by current process") || reason.contains("While lock file") => {
            StoreError::InUse { path }
        }
        _ => StoreError::Io { action, path, reason },
    }
}
