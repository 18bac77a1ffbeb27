//! What is counted of one peer while calls go to it and fro, without anybody having to wait for anybody.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use atoll_protocol::{identity::NodeId, standing::Ending};
use atoll_registry::{
    rate::TokenBucket,
    standing::{Judged, Tier},
};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

/// Peers that have an account; those that nothing is counted of go when there are more.
const ACCOUNTS: usize = 4096;

/// One peer's.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) peer: NodeId,
    endings: [AtomicU32; ENDINGS.len()],
    /// Calls of the peer's that were answered well here.
    answered: AtomicU32,
    /// Whether it is among those that have something to tell.
    listed: AtomicBool,
    judged: RwLock<(Judged, Tier)>,
    /// What is left of the calls that it may make here.
    pub(super) bucket: Mutex<TokenBucket>,
}

/// In the order in which those of one second are taken to have happened.
const ENDINGS: [Ending; 4] = [Ending::Good, Ending::Slow, Ending::Lost, Ending::Fault];

/// What was counted since it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) endings: [u32; ENDINGS.len()],
    /// Calls of the peer's that were answered well here.
    pub(super) answered: u32,
}

impl Counted {
    /// The kinds of endings that there were, each with its count. A peer that has answered nothing at all was out of reach: that is
    /// one loss, however many calls were under way.
    pub(super) fn endings(self) -> impl Iterator<Item = (Ending, u32)> {
        let [good, slow, lost, fault] = self.endings;
        let silent = [good, slow, fault].iter().all(|count| *count == 0);
        let lost = if silent { lost.min(1) } else { lost };
        ENDINGS.into_iter().zip([good, slow, lost, fault]).filter(|(_, count)| *count > 0)
    }
}

impl Account {
    fn new(peer: NodeId, judged: (Judged, Tier)) -> Self {
        let (listed, bucket) = (AtomicBool::new(false), Mutex::default());
        let (endings, answered) = (Default::default(), AtomicU32::new(0));
        Self { peer, endings, answered, listed, judged: RwLock::new(judged), bucket }
    }

    /// What is thought of the peer, for choosing between it and others.
    pub(crate) fn judged(&self) -> Judged {
        self.judged.read().0
    }

    /// What it may do here.
    pub(super) fn tier(&self) -> Tier {
        self.judged.read().1
    }

    pub(super) fn judge(&self, judged: Judged, tier: Tier) {
        *self.judged.write() = (judged, tier);
    }

    fn take(&self) -> Counted {
        // First of all: what is counted from here on is told again.
        self.listed.store(false, Ordering::SeqCst);
        let take = |count: &AtomicU32| count.swap(0, Ordering::SeqCst);
        Counted {
            endings: std::array::from_fn(|kind| self.endings.get(kind).map_or(0, take)),
            answered: take(&self.answered),
        }
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    all: RwLock<HashMap<NodeId, Arc<Account>>>,
    /// Those that have something to tell: each once, so no more than there are.
    told: Mutex<Vec<Arc<Account>>>,
    stirred: Notify,
}

impl Accounts {
    pub(super) fn of(&self, peer: &NodeId, judged: impl FnOnce() -> (Judged, Tier)) -> Arc<Account> {
        if let Some(account) = self.all.read().get(peer) {
            return Arc::clone(account);
        }
        let judged = judged();
        let mut all = self.all.write();
        if all.len() >= ACCOUNTS {
            all.retain(|_, account| Arc::strong_count(account) > 1);
        }
        Arc::clone(all.entry(*peer).or_insert_with(|| Arc::new(Account::new(*peer, judged))))
    }

    pub(super) fn count(&self, account: &Arc<Account>, ending: Ending) {
        let kind = match ending {
            Ending::Good => 0,
            Ending::Slow => 1,
            Ending::Lost => 2,
            Ending::Fault => 3,
        };
        if let Some(count) = account.endings.get(kind) {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.list(account);
    }

    pub(super) fn answered(&self, account: &Arc<Account>) {
        account.answered.fetch_add(1, Ordering::SeqCst);
        self.list(account);
    }

    fn list(&self, account: &Arc<Account>) {
        if !account.listed.load(Ordering::SeqCst) && !account.listed.swap(true, Ordering::SeqCst) {
            self.told.lock().push(Arc::clone(account));
            self.stirred.notify_one();
        }
    }

    /// Resolves when somebody has something to tell.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// What was counted of everybody since this was last asked.
    pub(super) fn take(&self) -> Vec<(NodeId, Counted)> {
        let told = std::mem::take(&mut *self.told.lock());
        told.iter().map(|account| (account.peer, account.take())).collect()
    }

    pub(super) fn for_each(&self, what: impl FnMut(&Arc<Account>)) {
        self.all.read().values().for_each(what);
    }
}

#[cfg(test)]
mod tests;
