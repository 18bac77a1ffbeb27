//! The data directory: one node at a time.
//!
//! ```text
//! identity.key   who the node is (mode 0600)
//! node.lock      held by the running node; says which process that is
//! control.sock   how the command line speaks to it (mode 0600)
//! gateway.url    where its gateway is, while it runs
//! db/            what it remembers
//! tunnels.json   what it exposes and forwards, and the tickets that are good (mode 0600)
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::error::SpawnError;

#[cfg(test)]
mod tests;

/// A data directory that this process holds; let go of when dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory if need be and takes hold of it.
    pub(crate) fn hold(path: &Path) -> Result<Self, SpawnError> {
        let unusable = |e: std::io::Error| SpawnError::DataDir {
            path: path.to_owned(),
            reason: format!("{e}; pass --data-dir with a directory that you can write to"),
        };
        create(path).map_err(unusable)?;
        let path = path.canonicalize().map_err(unusable)?;
        let mut lock = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("node.lock"))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The name of the holder is a courtesy; that there is one is certain.
                let _ = (&mut lock).take(32).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "another node".to_owned(),
                    pid => format!("the node with process id {pid}"),
                };
                return Err(SpawnError::InUse { path, holder });
            }
            Err(TryLockError::Error(e)) => return Err(unusable(e)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(unusable)?;
        writeln!(lock, "{}", std::process::id()).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(unix)]
fn create(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}
