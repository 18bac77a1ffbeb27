//! The thread that syncs what the [`writer`](super::writer) has written, and says so to whoever waits for that.
//!
//! While it waits for the disk, the writer goes on: what it writes meanwhile is synced next, all together.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    thread,
    time::{Duration, Instant},
};

use atoll_protocol::topic::{ChainId, Seq};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{Inner, disk::Disk};

/// What nobody waits for is synced after this time.
const LATEST: Duration = Duration::from_secs(1);
/// How long to wait before the disk is asked again to sync what it did not.
const RETRY: Duration = Duration::from_millis(500);

/// What is written and not yet synced.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    due: Mutex<Due>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Due {
    /// When to sync at the latest; none if there is nothing to.
    at: Option<Instant>,
    /// How far logs have come whose publishers or receivers of receipts wait.
    to: BTreeMap<ChainId, Seq>,
    asked: Vec<oneshot::Sender<()>>,
    /// Nobody is there any more.
    gone: bool,
}

impl Unsynced {
    /// Something was written for which nobody waits.
    pub(super) fn wrote(&self) {
        self.by(Instant::now() + LATEST, |_| {});
    }

    /// These logs are written up to there. Unless it is `urgent`, they are told that they are synced only later.
    pub(super) fn wrote_to(&self, logs: Vec<(ChainId, Seq)>, urgent: bool) {
        if !logs.is_empty() {
            let now = Instant::now();
            self.by(if urgent { now } else { now + LATEST }, |due| due.add(logs));
        }
    }

    /// Whoever is given is told when everything is synced that is written now; dropped if the disk fails to.
    pub(super) fn sync(&self, asked: Vec<oneshot::Sender<()>>) {
        self.by(Instant::now(), |due| due.asked.extend(asked));
    }

    /// Adds to what is due, at that time at the latest.
    fn by(&self, at: Instant, add: impl FnOnce(&mut Due)) {
        let mut due = self.due.lock();
        add(&mut due);
        if due.at.is_none_or(|before| at < before) {
            due.at = Some(at);
            drop(due);
            self.rung.notify_one();
        }
    }

    /// Whether everything that was written is synced, as far as whoever has [asked](Self::sync) can tell.
    pub(super) fn is_empty(&self) -> bool {
        self.due.lock().at.is_none()
    }

    /// Nothing is synced any more.
    pub(super) fn end(&self) {
        let mut due = self.due.lock();
        (due.gone, due.asked) = (true, Vec::new());
        drop(due);
        self.rung.notify_one();
    }

    /// What to sync, once its time has come; none if nothing is any more.
    fn next(&self) -> Option<Due> {
        let mut due = self.due.lock();
        loop {
            match due.at {
                _ if due.gone => return None,
                Some(at) if at <= Instant::now() => return Some(std::mem::take(&mut due)),
                Some(at) => drop(self.rung.wait_until(&mut due, at)),
                None => self.rung.wait(&mut due),
            }
        }
    }

    /// The disk did not sync it: it is tried again.
    fn put_back(&self, failed: Due) {
        let mut due = self.due.lock();
        due.add(failed.to);
        due.at = Some(Instant::now() + RETRY);
    }
}

impl Due {
    fn add(&mut self, logs: impl IntoIterator<Item = (ChainId, Seq)>) {
        for (chain, last) in logs {
            let to = self.to.entry(chain).or_default();
            *to = last.max(*to);
        }
    }
}

/// Syncs on a thread of its own until there is nobody any more.
pub(super) fn start(inner: &Arc<Inner>) -> std::io::Result<()> {
    let (unsynced, disk, weak) = (Arc::clone(&inner.unsynced), inner.disk.clone(), Arc::downgrade(inner));
    thread::Builder::new().name("atoll-sync".to_owned()).spawn(move || run(&unsynced, &disk, &weak)).map(drop)
}

fn run(unsynced: &Unsynced, disk: &Disk, inner: &Weak<Inner>) {
    let mut failing = false;
    while let Some(mut due) = unsynced.next() {
        // Dropped, where the disk fails: then it is not so.
        let asked = std::mem::take(&mut due.asked);
        match disk.sync() {
            Ok(()) => {
                failing = false;
                let Some(inner) = inner.upgrade() else { return };
                tell(&inner, due.to);
                for asked in asked {
                    let _ = asked.send(());
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!("{error}");
                }
                unsynced.put_back(due);
            }
        }
    }
}

/// It is on the disk.
fn tell(inner: &Inner, logs: BTreeMap<ChainId, Seq>) {
    for (chain, last) in logs {
        if chain.author == inner.me {
            inner.acks.synced(&chain.topic, chain.epoch, last);
        } else {
            inner.keeping.synced(chain, last);
        }
    }
}
