//! What a peer may do here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has to be known of a peer before it may do more.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Merits {
    /// Its [score](super::Standing::score).
    pub score: f64,
    /// Days on which it is known to have done something for somebody.
    pub days: f64,
    /// Calls that it has answered well, as this node has seen or believes.
    pub successes: u64,
    /// Peers that this node trusts and that vouch for it; this node itself is one of them.
    pub counterparties: u32,
}

/// What a peer may do here, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Anybody whose key solves the identity puzzle.
    Newcomer,
    /// Known to do well.
    Member,
    /// Known to many, for long.
    Trusted,
}

/// What a tier asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Least score.
    pub score: f64,
    /// Least active days.
    pub days: u32,
    /// Least successes.
    pub successes: u64,
    /// Least counterparties that this node trusts.
    pub counterparties: u32,
}

/// What a tier gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Calls a second, in the long run.
    pub calls: u32,
    /// Calls at once.
    pub burst: u32,
    /// Services that it may have in the directory; no limit but the directory's own if `None`.
    pub services: Option<u32>,
    /// Whether its row counts as a witness's.
    pub witness: bool,
    /// Whether it may relay, keep topics, host services and vote.
    pub serves: bool,
}

/// Share of a node's capacity that all newcomers have together.
pub const NEWCOMERS_SHARE: f64 = 0.10;
/// Share of that for those of one /24 or /48.
pub const NEWCOMERS_SUBNET_SHARE: f64 = 0.25;

impl Tier {
    /// The tier that these merits give.
    #[must_use]
    pub fn of(merits: &Merits) -> Self {
        match merits {
            merits if merits.lacks(&Self::TRUSTED).is_none() => Self::Trusted,
            merits if merits.lacks(&Self::MEMBER).is_none() => Self::Member,
            _ => Self::Newcomer,
        }
    }

    const MEMBER: Entry = Entry { score: 0.5, days: 3, successes: 50, counterparties: 3 };
    const TRUSTED: Entry = Entry { score: 0.8, days: 14, successes: 1000, counterparties: 10 };

    /// What it asks for; nothing of newcomers.
    #[must_use]
    pub const fn entry(self) -> Option<Entry> {
        match self {
            Self::Newcomer => None,
            Self::Member => Some(Self::MEMBER),
            Self::Trusted => Some(Self::TRUSTED),
        }
    }

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::Newcomer => Some(Self::Member),
            Self::Member => Some(Self::Trusted),
            Self::Trusted => None,
        }
    }

    /// What it gives.
    #[must_use]
    pub const fn allowance(self) -> Allowance {
        match self {
            Self::Newcomer => Allowance { calls: 2, burst: 20, services: Some(1), witness: false, serves: false },
            Self::Member => Allowance { calls: 20, burst: 200, services: Some(16), witness: true, serves: false },
            Self::Trusted => Allowance { calls: 200, burst: 2000, services: None, witness: true, serves: true },
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Newcomer => "newcomer",
            Self::Member => "member",
            Self::Trusted => "trusted",
        })
    }
}

impl Merits {
    /// What is missing for a tier with this entry: only what is, else zero; `None` if nothing is.
    #[must_use]
    pub fn lacks(&self, entry: &Entry) -> Option<Self> {
        let lacks = Self {
            score: (entry.score - self.score).max(0.0),
            days: (f64::from(entry.days) - self.days).max(0.0),
            successes: entry.successes.saturating_sub(self.successes),
            counterparties: entry.counterparties.saturating_sub(self.counterparties),
        };
        (lacks != Self::default()).then_some(lacks)
    }
}
