//! Proofs that somebody has said two things where only one can be true: anybody can check them, nobody can make them up.

use serde::{Deserialize, Serialize};

use super::{
    batch::{ChainId, Head, Seq},
    receipt::Receipt,
};
use crate::{
    identity::NodeId,
    names::NetworkName,
    sealed::{SealError, Signed, Verified},
};

/// Two signed statements that contradict each other. At most 1.3 KiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Proof {
    /// An author has forked its log: two batches with different hashes cover one position of an epoch, or one does not
    /// follow the other though its position does.
    Forked(Signed<Head>, Signed<Head>),
    /// A keeper has given receipts with different hashes for one position.
    Forsworn(Signed<Receipt>, Signed<Receipt>),
}

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocation {
    /// Who has said both.
    pub culprit: NodeId,
    /// Of which log; its author is the culprit, unless that is a keeper.
    pub chain: ChainId,
    /// The position where the statements part.
    pub seq: Seq,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// One of the statements is not signed by whom it names, or breaks a rule.
    #[error("a statement in the proof is void: {0}")]
    Void(#[from] SealError),
    /// The statements go together.
    #[error("the two statements of {author} do not contradict each other")]
    Consistent {
        /// Who has signed the first of them.
        author: NodeId,
    },
}

impl Proof {
    /// Checks both signatures, and that the statements contradict each other.
    ///
    /// # Errors
    /// [`ProofError`] if nothing is proved; whoever sent this has not checked it.
    pub fn verify(&self, network: &NetworkName) -> Result<Equivocation, ProofError> {
        match self {
            Self::Forked(one, other) => {
                let (one, other) = (one.clone().open(network)?, other.clone().open(network)?);
                forked(&one, &other).ok_or(ProofError::Consistent { author: one.author() })
            }
            Self::Forsworn(one, other) => {
                let (one, other) = (one.clone().open(network)?, other.clone().open(network)?);
                forsworn(&one, &other).ok_or(ProofError::Consistent { author: one.author() })
            }
        }
    }

    /// The proof that these two heads make, if they contradict each other.
    #[must_use]
    pub fn of_heads(one: &Verified<Head>, other: &Verified<Head>) -> Option<Self> {
        forked(one, other).map(|_| Self::Forked(one.signed(), other.signed()))
    }

    /// The proof that these two receipts make, if they contradict each other.
    #[must_use]
    pub fn of_receipts(one: &Verified<Receipt>, other: &Verified<Receipt>) -> Option<Self> {
        forsworn(one, other).map(|_| Self::Forsworn(one.signed(), other.signed()))
    }
}

fn forked(one: &Verified<Head>, other: &Verified<Head>) -> Option<Equivocation> {
    let (a, b) = (one.value(), other.value());
    let culprit = one.author();
    if culprit != other.author() || a.topic != b.topic || a.epoch != b.epoch || one.hash() == other.hash() {
        return None;
    }
    let overlap = a.first.max(b.first);
    let breaks = |(before, hash): (&Head, _), after: &Head| before.last().next() == after.first && after.prev != hash;
    let contradict = overlap <= a.last().min(b.last()) || breaks((a, one.hash()), b) || breaks((b, other.hash()), a);
    contradict.then(|| Equivocation { culprit, chain: a.chain(culprit), seq: overlap })
}

fn forsworn(one: &Verified<Receipt>, other: &Verified<Receipt>) -> Option<Equivocation> {
    let (a, b) = (one.value(), other.value());
    let contradict = one.author() == other.author() && a.chain == b.chain && a.last == b.last && a.hash != b.hash;
    contradict.then(|| Equivocation { culprit: one.author(), chain: a.chain.clone(), seq: a.last })
}
