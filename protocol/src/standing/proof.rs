//! Proofs that somebody has signed two different receipts with one number.

use serde::{Deserialize, Serialize};

use super::receipt::{Numbered, PairReceipt};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    names::NetworkName,
    sealed::{SealError, Signed, Verified},
};

/// Two halves of receipts of one pair and number that are not the same, both signed by the culprit. Anybody can check it, nobody can
/// make it up, and it takes at most 1 KiB. An honest node never signs a second body with a number that it has used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FraudProof(pub Signed<PairReceipt>, pub Signed<PairReceipt>);

/// What a fraud proof proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fraud {
    /// Who has signed both.
    pub culprit: NodeId,
    /// With whom.
    pub peer: NodeId,
    /// Under which number.
    pub number: Numbered,
}

/// Why a fraud proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// One of the halves is void.
    #[error("a receipt in the proof is void: {0}")]
    Void(#[from] SealError),
    /// The two go together.
    #[error("the two receipts signed by {signer} do not contradict each other")]
    Consistent {
        /// Who has signed the first of them.
        signer: NodeId,
    },
}

impl FraudProof {
    /// Longest proof, in bytes as it crosses the wire.
    pub const LIMIT: usize = 1024;

    /// Reads one from the wire; nothing is checked but its length and form.
    ///
    /// # Errors
    /// [`DecodeError`], as told by the codec.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, Self::LIMIT)
    }

    /// Checks both signatures, and that the receipts contradict each other.
    ///
    /// # Errors
    /// [`ProofError`] if nothing is proved; whoever sent this has not checked it.
    pub fn verify(&self, network: &NetworkName) -> Result<Fraud, ProofError> {
        let (one, other) = (self.0.clone().open(network)?, self.1.clone().open(network)?);
        contradiction(&one, &other).ok_or(ProofError::Consistent { signer: one.author() })
    }

    /// The proof that these two halves make, if they contradict each other.
    #[must_use]
    pub fn of(one: &Verified<PairReceipt>, other: &Verified<PairReceipt>) -> Option<Self> {
        contradiction(one, other).map(|_| Self(one.signed(), other.signed()))
    }
}

fn contradiction(one: &Verified<PairReceipt>, other: &Verified<PairReceipt>) -> Option<Fraud> {
    let (x, y) = (one.value(), other.value());
    let same = one.author() == other.author() && (x.a, x.b, x.number()) == (y.a, y.b, y.number());
    let peer = x.peer(&one.author())?;
    // By what they say, not by their bytes: one value has several encodings, and to pass one on is no fraud.
    (same && x != y).then(|| Fraud { culprit: one.author(), peer, number: x.number() })
}

const _: () = assert!(2 * (limits::PAIR_RECEIPT + 32 + 65 + 3) <= FraudProof::LIMIT);
const _: () = assert!(limits::PAIR_RECEIPT + 3 + 2 * 32 + 2 * 65 <= limits::PAIR_RECEIPT_WIRE);
