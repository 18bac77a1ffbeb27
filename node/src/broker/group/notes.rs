//! What coordinators have noted on the group's own topic, as this node has read it.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    limits,
    service::UnixMillis,
    topic::{
        Entry, Epoch,
        work::{Begun, Note, Standing},
    },
};

/// Logs that are known of at most. Of more than that nothing is remembered, and they are worked on from where the group began.
const LOGS: usize = 64 * 1024;
/// How far ahead of this node's clock an epoch may be: clocks may be wrong by so much. One that is further ahead is nobody's.
const FUTURE: Duration = limits::ENTRY_FUTURE;

/// See the [module docs](self).
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The latest claim.
    claim: Option<(u64, NodeId)>,
    begun: Option<Begun>,
    standings: BTreeMap<(NodeId, Epoch), Standing>,
}

/// What was learnt from a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Learnt {
    Nothing,
    /// Somebody coordinates from now on.
    Claim,
    /// The group has come so far in this log.
    Standing((NodeId, Epoch), Standing),
}

impl Notes {
    /// Who coordinates, in which epoch, as far as is known.
    pub(super) fn claim(&self) -> Option<(u64, NodeId)> {
        self.claim
    }

    /// With what the group has begun; none if it is new.
    pub(super) fn begun(&self) -> Option<Begun> {
        self.begun
    }

    pub(super) fn standings(&self) -> impl Iterator<Item = (&(NodeId, Epoch), &Standing)> {
        self.standings.iter()
    }

    /// An epoch for a coordinator that begins now.
    pub(super) fn next_epoch(&self, now: UnixMillis) -> u64 {
        self.claim.map_or(now.0, |(last, _)| now.0.max(last.saturating_add(1)))
    }

    /// Takes in an entry that `author` has published on the group's topic.
    pub(super) fn read(&mut self, author: NodeId, entry: &Entry, now: UnixMillis) -> Learnt {
        if matches!(entry.policy(), Ok(Some(_)) | Err(_)) {
            return Learnt::Nothing;
        }
        match Note::decode(&entry.payload) {
            Ok(note) => self.take(author, note, now),
            Err(error) => {
                tracing::debug!(%author, "a group's note cannot be read: {error}");
                Learnt::Nothing
            }
        }
    }

    pub(super) fn take(&mut self, author: NodeId, note: Note, now: UnixMillis) -> Learnt {
        let latest = now.0.saturating_add(u64::try_from(FUTURE.as_millis()).unwrap_or(u64::MAX));
        match note {
            Note::Claim { epoch, .. } if epoch > latest => {
                tracing::debug!(%author, epoch, "a claim of an epoch that is not near does not count");
                Learnt::Nothing
            }
            Note::Claim { epoch, begun } => {
                self.begun = Some(self.begun.map_or(begun, |known| known.min(begun)));
                // Two that have claimed the same epoch are told apart by their names.
                let is_later = self.claim.is_none_or(|known| (epoch, author) > known);
                if is_later {
                    self.claim = Some((epoch, author));
                }
                if is_later { Learnt::Claim } else { Learnt::Nothing }
            }
            Note::Standing { author, epoch, standing, .. } => {
                let log = (author, epoch);
                if self.standings.len() >= LOGS && !self.standings.contains_key(&log) {
                    return Learnt::Nothing;
                }
                let known = self.standings.entry(log).or_default();
                match known.merge(&standing) {
                    true => Learnt::Standing(log, standing),
                    false => Learnt::Nothing,
                }
            }
        }
    }
}
