//! What was tried, and what came of it.

use std::fmt;

/// Why an attempt has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Failure {
    /// One of the two ends knew no address of its own that the other could try.
    NoCandidates,
    /// The peer does not take part in hole punching.
    Unsupported,
    /// Both tried, and no packet came through: the NATs do not let each other in.
    Unreachable,
    /// The relayed connection broke, over which the two had to agree.
    RelayLost,
    /// Nothing was heard in time.
    Silent,
}

impl Failure {
    /// Every reason, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::NoCandidates, Self::Unsupported, Self::Unreachable, Self::RelayLost, Self::Silent];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCandidates => "no_candidates",
            Self::Unsupported => "unsupported",
            Self::Unreachable => "unreachable",
            Self::RelayLost => "relay_lost",
            Self::Silent => "silent",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoCandidates => "one of the two knew no address of its own for the other to try",
            Self::Unsupported => "the peer does not take part in hole punching",
            Self::Unreachable => "the two NATs do not let each other in",
            Self::RelayLost => "the relayed connection broke meanwhile",
            Self::Silent => "nothing was heard in time",
        })
    }
}

/// Attempts since the start. Those that are not in any other count are under way, or ended with their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Attempts that were begun.
    pub tried: u64,
    /// Attempts during which a direct connection came.
    pub succeeded: u64,
    failed: [u64; Failure::ALL.len()],
}

impl Counts {
    /// Attempts that failed for this reason.
    #[must_use]
    pub fn failed(&self, why: Failure) -> u64 {
        self.failed.get(why as usize).copied().unwrap_or_default()
    }

    /// The reasons for which attempts failed, each with how many did.
    pub fn failures(&self) -> impl Iterator<Item = (Failure, u64)> {
        Failure::ALL.into_iter().zip(self.failed).filter(|(_, count)| *count > 0)
    }

    pub(super) fn fail(&mut self, why: Failure) {
        if let Some(count) = self.failed.get_mut(why as usize) {
            *count = count.saturating_add(1);
        }
    }
}
