//! What a coordinator is to do.

#[cfg(doc)]
use super::Group;
use super::{EntryId, LeaseId, MemberId};

/// What the coordinator does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Give an entry to a member.
    Deliver {
        /// To whom.
        member: MemberId,
        /// Which entry.
        entry: EntryId,
        /// What the member answers under.
        lease: LeaseId,
        /// How often it was given, this time included.
        attempt: u32,
    },
    /// Publish an entry on the group's dead-letter topic, with where it comes from and why, and [say so](Group::buried): then it
    /// counts as done.
    DeadLetter {
        /// Which entry: its origin.
        entry: EntryId,
        /// Why.
        reason: Reason,
        /// How often it was given.
        attempts: u32,
    },
    /// An entry is done, one way or the other: what is held of it may go, and the group has come further in its log.
    Done {
        /// Which entry.
        entry: EntryId,
    },
}

/// Why an entry was given up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// It was given as often as it may be. What the last member said of it, if it said anything.
    #[error("given {attempts} times and not managed{}", said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    TooOften {
        /// How often.
        attempts: u32,
        /// What was said, cut to [`Group::SAID`] bytes.
        said: Option<String>,
    },
    /// A member has said that nobody will ever manage it.
    #[error("rejected: {said}")]
    Rejected {
        /// What was said, cut to [`Group::SAID`] bytes.
        said: String,
    },
}
