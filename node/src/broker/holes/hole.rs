//! One hole: who has said not to have it, who is being asked, and when it is given up.

use std::{collections::HashMap, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    topic::{log::Stretch, sync::Scope},
};
use tokio::time::Instant;

/// So many peers that do not have something are believed that it is gone.
const FILLERS: usize = 4;
/// So long others are waited for who may have what those that can be reached do not have: by whoever wants all of a log, and by whoever
/// wants only news, whom that keeps waiting.
pub(super) const HOLE: Duration = Duration::from_secs(60);
pub(super) const NEWS_HOLE: Duration = Duration::from_secs(10);
/// So long a peer is not asked again that was asked in vain.
pub(super) const AGAIN: Duration = Duration::from_secs(5);

/// What was missing at a peer that had what follows.
#[derive(Debug)]
pub(super) struct Hole {
    /// Since when nobody has sent anything of the log.
    pub(super) since: Instant,
    /// Peers that have said that they do not have it, and what of it.
    pub(super) lacking: HashMap<NodeId, Vec<Stretch>>,
    /// Peers that were asked and have said nothing about it, and when.
    pub(super) in_vain: HashMap<NodeId, Instant>,
    pub(super) waiting_for: Option<Waiting>,
}

/// Who is to be asked for a hole, and whether that has begun: the peer may still be answering another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) peer: NodeId,
    pub(super) begun: bool,
}

impl Hole {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), lacking: HashMap::new(), in_vain: HashMap::new(), waiting_for: None }
    }

    /// What is given up of what is missing, where nobody is left to be asked now. Its author must know what it has not; others may only be
    /// cut off from those who have it, or have been busy, and are waited for a while.
    pub(super) fn given_up(&self, missing: &[Stretch], author: &NodeId, scope: Scope) -> Vec<Stretch> {
        let patience = if scope == Scope::Everything { HOLE } else { NEWS_HOLE };
        if self.is_lacked_by_many(missing) || self.since.elapsed() >= patience {
            return missing.to_vec();
        }
        let lost = self.lacking.get(author).map(Vec::as_slice).unwrap_or_default();
        missing.iter().flat_map(|hole| lost.iter().filter_map(|lost| hole.overlap(*lost))).collect()
    }

    /// Whether a peer has said that it has nothing of what is missing.
    pub(super) fn lacks(&self, peer: &NodeId, missing: &[Stretch]) -> bool {
        let lost = self.lacking.get(peer).map(Vec::as_slice).unwrap_or_default();
        missing.iter().all(|hole| lost.iter().any(|lost| lost.overlap(*hole) == Some(*hole)))
    }

    pub(super) fn is_lacked_by_many(&self, missing: &[Stretch]) -> bool {
        self.lacking.keys().filter(|peer| self.lacks(peer, missing)).count() >= FILLERS
    }

    /// Whether a peer has said that it has nothing of what is missing, or was asked just now.
    pub(super) fn was_asked(&self, peer: &NodeId, missing: &[Stretch]) -> bool {
        self.lacks(peer, missing) || self.in_vain.get(peer).is_some_and(|asked| asked.elapsed() < AGAIN)
    }

    /// A peer will say no more about it.
    pub(super) fn asked_in_vain(&mut self, peer: NodeId) {
        self.in_vain.insert(peer, Instant::now());
        self.waiting_for = None;
    }
}
