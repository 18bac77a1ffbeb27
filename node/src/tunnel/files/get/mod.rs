//! Fetching what somebody shares: whole, going on where it was left off, and checked piece by piece.
//!
//! Files have their names once they are complete; until then each is beside its place, and what of it is good is kept. What
//! they are called is a stranger's word: a name that leads anywhere else is refused ([`place`](super::place)).

mod fetch;
mod walk;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use atoll_protocol::{
    rpc::Status,
    ticket::{Opens, TicketWord},
};
use serde::{Deserialize, Serialize};

use self::{fetch::Fetcher, walk::Plan};
use super::place::Folder;
use crate::{
    Node,
    tunnel::{Dialer, web::Web},
};

/// Why something was not fetched, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// The ticket cannot be used.
    #[error(transparent)]
    Ticket(#[from] atoll_protocol::ticket::TicketError),
    /// It is for something else.
    #[error("the ticket is not for files; open it with: node open TICKET")]
    NoFiles,
    /// Whoever shares it cannot be reached, or does not let this node in.
    #[error("{0}")]
    Status(Status),
    /// Whoever shares it says something that makes no sense, or is not to be done.
    #[error("{path:?} cannot be fetched: {reason}")]
    Refused {
        /// What was asked for.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// What comes is not what was announced.
    #[error("{path:?} is damaged on its way, or changes all the time: piece {piece} has been wrong {times} times")]
    Damaged {
        /// The file.
        path: String,
        /// The first piece that is wrong.
        piece: usize,
        /// How often it was fetched.
        times: u32,
    },
    /// There is something in the way.
    #[error("{path} is there already, with another content; move it away, or name another folder", path = .path.display())]
    InTheWay {
        /// What.
        path: PathBuf,
    },
    /// The disk does not take it.
    #[error("cannot write {path}: {source}", path = .path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl From<Status> for GetError {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files that are complete.
    pub files_done: u64,
    /// All files.
    pub files: u64,
    /// Bytes that are there and good, those from before included.
    pub bytes_done: u64,
    /// All bytes.
    pub bytes: u64,
    /// Bytes that were there and good before.
    pub bytes_kept: u64,
}

/// The same, to be looked at while it goes on; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    files_done: AtomicU64,
    files: AtomicU64,
    bytes_done: AtomicU64,
    bytes: AtomicU64,
    bytes_kept: AtomicU64,
}

impl Watched {
    /// How far it has come now.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { files_done, files, bytes_done, bytes, bytes_kept } = &*self.0;
        Progress {
            files_done: read(files_done),
            files: read(files),
            bytes_done: read(bytes_done),
            bytes: read(bytes),
            bytes_kept: read(bytes_kept),
        }
    }

    fn planned(&self, files: u64, bytes: u64) {
        self.0.files.store(files, Ordering::Relaxed);
        self.0.bytes.store(bytes, Ordering::Relaxed);
    }

    fn had(&self, bytes: u64) {
        self.0.bytes_kept.fetch_add(bytes, Ordering::Relaxed);
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn got(&self, bytes: u64) {
        self.0.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    fn lost(&self, bytes: u64) {
        self.0.bytes_done.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn completed(&self) {
        self.0.files_done.fetch_add(1, Ordering::Relaxed);
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Got {
    /// Where it is.
    pub path: PathBuf,
    /// How much it is.
    pub progress: Progress,
}

impl Node {
    /// Fetches what a ticket for files is for: a file into the folder `into`, or all files of a folder with the folders that they
    /// are in. What is there already and good is not fetched again. `watched` tells how far it has come.
    ///
    /// # Errors
    /// [`GetError`]; what was fetched until then stays, for the next time.
    pub async fn get(&self, ticket: &TicketWord, into: &Path, watched: &Watched) -> Result<Got, GetError> {
        self.getting(ticket)?.run(into, watched).await
    }

    /// The same, without holding the node.
    pub(crate) fn getting(&self, ticket: &TicketWord) -> Result<Getting, GetError> {
        let dialer = self.dialer_of(ticket)?;
        match dialer.ticket() {
            Some(ticket) if ticket.value().opens == Opens::Files => Ok(Getting(dialer)),
            _ => Err(GetError::NoFiles),
        }
    }
}

/// What is about to be fetched.
#[derive(Debug)]
pub(crate) struct Getting(Dialer);

impl Getting {
    /// From whoever is at the other end.
    #[cfg(test)]
    pub(super) fn of(dialer: Dialer) -> Self {
        Self(dialer)
    }

    pub(crate) async fn run(self, into: &Path, watched: &Watched) -> Result<Got, GetError> {
        // Connections of its own: they end with it.
        let fetcher = Fetcher::new(Web::default(), self.0, watched.clone());
        get(&fetcher, into).await
    }
}

async fn get(fetcher: &Fetcher, into: &Path) -> Result<Got, GetError> {
    let plan = Plan::make(fetcher).await?;
    fetcher.watched.planned(plan.files.len() as u64, plan.bytes);
    let disk = |source| GetError::Disk { path: into.to_owned(), source };
    let at = into.to_owned();
    let root = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&at)?;
        Folder::open(&at)
    });
    let root = Arc::new(root.await.map_err(io::Error::other).and_then(|opened| opened).map_err(disk)?);
    for folder in &plan.folders {
        let (root, folder) = (Arc::clone(&root), folder.clone());
        let path = into.join(folder.shown());
        let made = tokio::task::spawn_blocking(move || root.made(folder.as_slice()).map(drop)).await;
        made.map_err(io::Error::other).and_then(|made| made).map_err(|source| GetError::Disk { path, source })?;
    }
    for file in &plan.files {
        fetcher.fetch(&root, into, file).await?;
        fetcher.watched.completed();
    }
    let path = match (plan.single, plan.files.first()) {
        (true, Some(file)) => into.join(file.shown()),
        _ => into.to_owned(),
    };
    Ok(Got { path, progress: fetcher.watched.progress() })
}
