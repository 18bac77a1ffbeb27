//! Beginning with what was known before a restart.
//!
//! The storage thread reads it, a thread of its own verifies it again, and the actor lists what is left of it, as
//! suspect. Listening does not wait for it. The first question to a neighbour does, for a moment at most: what is known
//! already is not asked for.

use atoll_protocol::names::NetworkName;
use atoll_registry::services::Batch;
use tokio::sync::oneshot;

use super::{Command, Directory};
use crate::storage::{FoundSets, Storage, StoredSet};

/// Record sets handed to the actor at a time.
const BATCHES: usize = 64;

/// What became of what was found.
#[derive(Debug, Default)]
struct Outcome {
    listed: usize,
    forged: u64,
    of_others: u64,
}

/// Begins to bring back what the storage has kept. Ends early where the node does.
pub(super) fn start(directory: Directory, storage: &Storage) {
    let Some(found) = storage.take_records() else { return };
    tokio::spawn(async move {
        if let Ok(found) = found.await {
            let directory = directory.clone();
            let _ = tokio::task::spawn_blocking(move || restore(&directory, found)).await;
        }
        let _ = directory.commands.send(Command::Restored).await;
    });
}

fn restore(directory: &Directory, found: FoundSets) {
    let FoundSets { sets, damaged, foreign, ended, beyond } = found;
    let mut outcome = Outcome::default();
    let mut sets = sets.into_iter().peekable();
    while sets.peek().is_some() {
        if !hand_over(directory, sets.by_ref().take(BATCHES), &mut outcome) {
            return;
        }
    }
    let Outcome { listed, forged, of_others } = outcome;
    let counters = &directory.net.counters;
    counters.restored_sets.add(u64::try_from(listed).unwrap_or(u64::MAX));
    counters.useless_sets.add(damaged + foreign + beyond + forged + of_others);
    if damaged + forged > 0 {
        tracing::warn!(
            "of what was known before, {damaged} entries were damaged and {forged} forged; they are left out"
        );
    }
    if listed > 0 || foreign + ended + beyond + of_others > 0 {
        tracing::info!(
            "{listed} nodes are known from before; left out: {ended} whose leases have ended, {of_others} of other networks, \
             {foreign} of another format, {beyond} beyond what there is room for"
        );
    }
}

/// Verifies some sets and hands them to the actor; `false` once the node stops.
fn hand_over(directory: &Directory, some: impl Iterator<Item = StoredSet>, outcome: &mut Outcome) -> bool {
    let (mut sets, mut rubbish) = (Vec::new(), Vec::new());
    for set in some {
        let node = set.set.author();
        match open(set, &directory.network, outcome) {
            Some(batch) => sets.push(batch),
            None => rubbish.push(node),
        }
    }
    let (reply, listed) = oneshot::channel();
    let command = Command::Restore { sets, rubbish, reply };
    if directory.commands.blocking_send(command).is_err() {
        return false;
    }
    let listed = listed.blocking_recv();
    outcome.listed += listed.as_ref().copied().unwrap_or_default();
    listed.is_ok()
}

fn open(set: StoredSet, network: &NetworkName, outcome: &mut Outcome) -> Option<Batch> {
    if set.network != *network {
        outcome.of_others += 1;
        return None;
    }
    match set.set.open(network) {
        Ok(open) => Some(open.into()),
        Err(error) => {
            tracing::debug!("a stored record set is left out: {error}");
            outcome.forged += 1;
            None
        }
    }
}
