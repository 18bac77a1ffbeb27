//! Kinds of faults, and how many of each there were.

use std::fmt;

use atoll_protocol::{codec::DecodeError, sealed::SealError};

use crate::services::Refused;

/// A kind of fault; see the [module docs](super) for which are proofs of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// A signature is not its author's, or was made for another network: the two cannot be told apart, since the
    /// network is not said but signed.
    Forged,
    /// Bytes that are no message, or a record that breaks a rule of its kind.
    Malformed,
    /// More than the protocol allows.
    Oversize,
    /// A set of records that contradicts itself, or is not what its lease covers.
    Inconsistent,
    /// A peer of another network.
    WrongNetwork,
    /// A statement that is dated further ahead than clocks may differ.
    FutureDated,
    /// A statement that has ended or was overtaken, said again.
    Replayed,
    /// Two different statements with one number.
    Equivocated,
    /// More than there is room for here.
    Excess,
}

impl Fault {
    /// Every kind, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Forged,
        Self::Malformed,
        Self::Oversize,
        Self::Inconsistent,
        Self::WrongNetwork,
        Self::FutureDated,
        Self::Replayed,
        Self::Equivocated,
        Self::Excess,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::Oversize => "oversize",
            Self::Inconsistent => "inconsistent",
            Self::WrongNetwork => "wrong_network",
            Self::FutureDated => "future_dated",
            Self::Replayed => "replayed",
            Self::Equivocated => "equivocated",
            Self::Excess => "excess",
        }
    }

    /// Whether no honest peer would have done this.
    #[must_use]
    pub const fn is_proof(self) -> bool {
        match self {
            Self::Forged | Self::Malformed | Self::Oversize | Self::Inconsistent => true,
            Self::WrongNetwork | Self::FutureDated | Self::Replayed | Self::Equivocated | Self::Excess => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<&DecodeError> for Fault {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::TooLong { .. } | DecodeError::TooMany { .. } => Self::Oversize,
            _ => Self::Malformed,
        }
    }
}

impl From<&SealError> for Fault {
    fn from(error: &SealError) -> Self {
        match error {
            SealError::Forged { .. } => Self::Forged,
            SealError::Unreadable { reason, .. } => reason.into(),
            SealError::NotCovered { .. } => Self::Inconsistent,
            _ => Self::Malformed,
        }
    }
}

impl Fault {
    /// What the sender of a refused batch has done; `None` if nothing.
    #[must_use]
    pub fn of(refused: &Refused) -> Option<Self> {
        Some(match refused {
            Refused::Foreign { .. }
            | Refused::BeyondLease { .. }
            | Refused::Duplicate { .. }
            | Refused::Inconsistent { .. } => Self::Inconsistent,
            Refused::FutureDated { .. } => Self::FutureDated,
            Refused::Equivocation { .. } => Self::Equivocated,
            Refused::TooManyRecords { .. } => Self::Excess,
            Refused::Mine { .. } => return None,
        })
    }
}

/// How many faults there were, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults([u32; Fault::ALL.len()]);

impl Faults {
    /// One more; counts stop at their largest value.
    pub fn add(&mut self, fault: Fault) {
        if let Some(count) = self.0.get_mut(fault as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// How many there were of a kind.
    #[must_use]
    pub fn count(&self, fault: Fault) -> u32 {
        self.0.get(fault as usize).copied().unwrap_or_default()
    }

    /// The kinds that there were, each with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u32)> {
        Fault::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    /// How many there were of all kinds.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many of them are proofs.
    #[must_use]
    pub fn proofs(&self) -> u32 {
        self.iter().filter(|(fault, _)| fault.is_proof()).fold(0, |sum, (_, count)| sum.saturating_add(count))
    }
}

impl fmt::Display for Faults {
    /// `12 forged, 3 malformed`; `none` if there are none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
        f.pad(&if all.is_empty() { "none".to_owned() } else { all.join(", ") })
    }
}
