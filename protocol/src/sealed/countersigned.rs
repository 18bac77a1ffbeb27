//! Records that two have signed: the same bytes, each with its own signature.

use std::fmt;

use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize};

use super::{SealError, Sealable, Signed, Verified};
use crate::{codec, identity::NodeId, names::NetworkName};

/// A record as it crosses the wire with two signatures over one body. It is a claim until [`Countersigned::open`] has checked
/// both. The signer with the smaller id comes first, so that there is one form of it.
///
/// ```text
/// ┌────────┬──────┬───────────┬────────┬───────────┐
/// │ author │ body │ signature │ second │ signature │
/// └────────┴──────┴───────────┴────────┴───────────┘
/// ```
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Countersigned<T> {
    first: Signed<T>,
    second: NodeId,
    #[serde(with = "codec::bytes")]
    signature: [u8; Signature::BYTE_SIZE],
}

impl<T: Sealable> Countersigned<T> {
    /// What two have said alike; `None` if it is one signer twice, or not the same bytes.
    #[must_use]
    pub fn join(one: &Verified<T>, other: &Verified<T>) -> Option<Self> {
        let (first, second) = if one.author() < other.author() { (one, other) } else { (other, one) };
        let same = first.hash() == second.hash() && first.author() < second.author();
        same.then(|| Self { first: first.signed(), second: second.author(), signature: second.signature })
    }

    /// Each signer's half, the smaller id first; neither is checked.
    #[must_use]
    pub fn halves(&self) -> [Signed<T>; 2] {
        let Self { first, second, signature } = self.clone();
        let other = Signed { author: second, body: first.body.clone(), signature, of: first.of };
        [first, other]
    }

    /// Checks both halves as [`Signed::open`] does, the first one first. Whether the right two have signed is for the type's own
    /// [rules](super::Statement::check), which are asked with each signer.
    ///
    /// # Errors
    /// [`SealError`] of the first half that is void; [`SealError::Invalid`] where both are of one signer, or in the wrong order.
    pub fn open(&self, network: &NetworkName) -> Result<[Verified<T>; 2], SealError> {
        let [first, second] = self.halves();
        let first = first.open(network)?;
        if first.author() >= self.second {
            let rule = "the signers are not two, or not in ascending order".to_owned();
            return Err(SealError::Invalid { what: T::NAME, author: self.second, rule });
        }
        Ok([first, second.open(network)?])
    }
}

impl<T> Clone for Countersigned<T> {
    fn clone(&self) -> Self {
        Self { first: self.first.clone(), second: self.second, signature: self.signature }
    }
}

impl<T> PartialEq for Countersigned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.second == other.second && self.signature == other.signature
    }
}

impl<T> fmt::Debug for Countersigned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Countersigned({} bytes by {} and {})", self.first.body_len(), self.first.author(), self.second)
    }
}
