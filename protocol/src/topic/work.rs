//! How groups share a topic's work: what members and their coordinator say to each other, and what a coordinator notes for those
//! that come after it.
//!
//! ```text
//! member                                   coordinator            <topic>/group/<group>
//!   │ Join                                      │ Claim ──────────────────► │  whoever claims later is in charge
//!   │ ────────────────────────────────────────► │                           │
//!   │                          Welcome, Job, …  │                           │
//!   │ ◄──────────────────────────────────────── │                           │
//!   │ Answer                                    │                           │
//!   │ ────────────────────────────────────────► │                           │
//!   │                                  Answered │ Standing ───────────────► │  what is done
//!   │ ◄──────────────────────────────────────── │                           │
//! ```
//!
//! The first three go over a stream of their own, encoded by [`codec`]. Notes are entries of a topic that every node with members
//! follows; the key of an entry is that of [`Note::key`], so that the last one for each key is enough. What was done once stays done,
//! whoever says so: notes of several coordinators are [merged](Standing::merge) in any order.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Entry, Epoch, Headers, Hlc, Seq};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    names::{GroupName, TopicName},
    service::UnixMillis,
};

#[cfg(test)]
mod tests;

/// An entry is a member's for a while: under this it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeaseId {
    /// The epoch of the coordinator that gave it.
    pub epoch: u64,
    /// Its number within that epoch.
    pub number: u64,
}

/// What a member says to its coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Up {
    /// "I work": the first message, and the only one of its kind.
    Join {
        /// On this topic.
        topic: TopicName,
        /// In this group.
        group: GroupName,
        /// Tells a node's members apart.
        session: u64,
        /// On so many entries at a time.
        room: u32,
    },
    /// What has come of an entry.
    Answer {
        /// Under which lease.
        lease: LeaseId,
        /// What.
        answer: Answer,
    },
}

/// What has come of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It is done.
    Ack,
    /// It was not managed, and is to be given again.
    Nack {
        /// After this time; after the usual one if it does not say.
        delay_ms: Option<u64>,
        /// Why, for people.
        said: String,
    },
    /// Nobody will ever manage it.
    Reject {
        /// Why, for people.
        said: String,
    },
    /// The member is still at work.
    Extend,
}

/// What a coordinator says to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Down {
    /// "You take part": the first message.
    Welcome {
        /// The coordinator's epoch.
        epoch: u64,
        /// How long a member may take over an entry.
        ack_wait_ms: u64,
    },
    /// Work.
    Job(Job),
    /// To one answer, in the order of the answers.
    Answered {
        /// To which one.
        lease: LeaseId,
        /// Set if it came too late: the epoch that the group is in.
        stale: Option<u64>,
    },
}

/// An entry that a member is given. It comes from the coordinator, and without its author's signature: members trust the nodes of
/// their group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What to answer under.
    pub lease: LeaseId,
    /// How often it was given, this time included.
    pub attempt: u32,
    /// Whose log it stands in.
    pub author: NodeId,
    /// In which epoch.
    pub epoch: Epoch,
    /// At which position.
    pub seq: Seq,
    time: Hlc,
    key: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    headers: Headers,
    #[serde(with = "codec::bytes::shared")]
    payload: Bytes,
}

impl Job {
    /// This entry, which stands there.
    #[must_use]
    pub fn new(lease: LeaseId, attempt: u32, (author, epoch, seq): (NodeId, Epoch, Seq), entry: &Entry) -> Self {
        let Entry { time, key, id, headers, payload } = entry.clone();
        let bytes = |bytes: Option<Bytes>| bytes.map(Vec::from);
        Self { lease, attempt, author, epoch, seq, time, key: bytes(key), id: bytes(id), headers, payload }
    }

    /// The entry itself.
    #[must_use]
    pub fn into_entry(self) -> Entry {
        let Self { time, key, id, headers, payload, .. } = self;
        Entry { time, key: key.map(Bytes::from), id: id.map(Bytes::from), headers, payload }
    }
}

/// What a coordinator publishes for those that come after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// "I coordinate from now on."
    Claim {
        /// In this epoch, later than all that the coordinator knew of.
        epoch: u64,
        /// With what the group has begun.
        begun: Begun,
    },
    /// How far the group has come in one author's log.
    Standing {
        /// The epoch of the coordinator that says so.
        by: u64,
        /// Whose log.
        author: NodeId,
        /// Which epoch of it.
        epoch: Epoch,
        /// How far.
        standing: Standing,
    },
}

/// With what a group has begun, in logs of which nothing else is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Begun {
    /// With everything that is retained.
    Earliest,
    /// With what was published at this time or later, by its author's clock.
    Since(UnixMillis),
    /// With this position.
    At(Seq),
}

/// How far a group has come in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Everything up to here is done,
    pub to: Seq,
    /// but for these, with how often each was given. At most [`GROUP_OPEN`](limits::GROUP_OPEN) of them.
    pub open: BTreeMap<Seq, u32>,
}

impl Standing {
    /// Everything up to there is done.
    #[must_use]
    pub fn all(to: Seq) -> Self {
        Self { to, open: BTreeMap::new() }
    }

    /// Whether a position is done.
    #[must_use]
    pub fn is_done(&self, seq: Seq) -> bool {
        seq <= self.to && !self.open.contains_key(&seq)
    }

    /// Up to where everything is done, without exceptions.
    #[must_use]
    pub fn committed(&self) -> Seq {
        self.open.first_key_value().map_or(self.to, |(first, _)| first.before().min(self.to))
    }

    /// Takes in what another coordinator has said of the same log: what is done by either is done. True if that was news.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.clone();
        self.open.retain(|seq, _| !other.is_done(*seq));
        let beyond = other.open.iter().filter(|(seq, _)| **seq > before.to);
        self.open.extend(beyond.map(|(seq, attempts)| (*seq, *attempts)));
        for (seq, attempts) in &mut self.open {
            *attempts = other.open.get(seq).map_or(*attempts, |theirs| (*attempts).max(*theirs));
        }
        self.to = self.to.max(other.to);
        *self != before
    }

    /// The same, saying less, so that it is not too long.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if let Some(first_too_many) = self.open.keys().nth(limits::GROUP_OPEN).copied() {
            self.to = self.to.min(first_too_many.before());
            self.open.split_off(&first_too_many);
        }
        self
    }
}

impl Up {
    /// Reads one.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::GROUP_ANSWER)
    }
}

impl Down {
    /// Reads one.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::GROUP_JOB)
    }
}

impl Note {
    /// The key of its entry.
    #[must_use]
    pub fn key(&self) -> Bytes {
        match self {
            Self::Claim { .. } => Bytes::from_static(b"claim"),
            Self::Standing { author, epoch, .. } => [&author.public_key()[..], &epoch.0.to_be_bytes()].concat().into(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let note = codec::decode(bytes, limits::GROUP_NOTE)?;
        if let Self::Standing { standing, .. } = &note {
            let (count, limit) = (standing.open.len(), limits::GROUP_OPEN);
            if count > limit {
                return Err(DecodeError::TooMany { what: "entries that are not done", count, limit });
            }
            if let Some((seq, _)) = standing.open.last_key_value().filter(|(seq, _)| **seq > standing.to) {
                return Err(DecodeError::Malformed(format!(
                    "entry {seq} is excepted from those up to {}",
                    standing.to
                )));
            }
        }
        Ok(note)
    }
}
