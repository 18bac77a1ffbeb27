//! Signed envelopes: what is remembered carries its author's signature.
//!
//! The signature (Ed25519, RFC 8032, verified strictly) covers
//!
//! ```text
//! ┌──────────┬────────────┬──────────┬─────────────┬──────┐
//! │ len: u8  │ domain tag │ len: u8  │ network     │ body │
//! └──────────┴────────────┴──────────┴─────────────┴──────┘
//! ```
//!
//! The domain tag keeps a signature on one type of record from being replayed as another, the network name keeps a
//! record of one network out of every other, and the two lengths make the boundary unambiguous. The body is kept as
//! the bytes that were signed and is decoded only after the signature has been checked.

use std::{fmt, marker::PhantomData};

use ed25519_dalek::Signature;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    codec::{self, DecodeError},
    identity::{NodeId, SecretKey},
    names::NetworkName,
};

mod countersigned;
mod proved;
#[cfg(test)]
mod tests;

pub(crate) use self::proved::Hashed;
pub use self::{
    countersigned::Countersigned,
    proved::{Body, Proved},
};

/// What a node may say: a type with rules that every receiver checks.
pub trait Statement: Serialize + DeserializeOwned {
    /// What it is called where it is refused.
    const NAME: &'static str;
    /// Largest encoded body, in bytes.
    const LIMIT: usize;

    /// Checks what the type system cannot: counts, lengths, and that `author` may say this.
    ///
    /// # Errors
    /// The rule that is broken, in words.
    fn check(&self, author: &NodeId) -> Result<(), String>;
}

/// A statement that is signed by itself; others are [proved](Proved) by what is.
pub trait Sealable: Statement {
    /// Tells signatures on this type from those on any other; never reused, ends with the format's major version.
    const DOMAIN: &'static str;
}

/// Why a signed record was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The signature is not its author's, or was made for another network or type.
    #[error("the {what} claimed by {author} does not carry its signature for network {network}")]
    Forged {
        /// What it is said to be.
        what: &'static str,
        /// Who is claimed to have signed.
        author: NodeId,
        /// The network that the receiver is on.
        network: NetworkName,
    },
    /// The signed bytes are no such record.
    #[error("the {what} of {author} cannot be read: {reason}")]
    Unreadable {
        /// What it is said to be.
        what: &'static str,
        /// Who signed.
        author: NodeId,
        /// What is wrong with the bytes.
        reason: DecodeError,
    },
    /// The record breaks a rule of its type.
    #[error("the {what} of {author} breaks a rule: {rule}")]
    Invalid {
        /// What it is said to be.
        what: &'static str,
        /// Who signed.
        author: NodeId,
        /// The rule, in words.
        rule: String,
    },
    /// Records came without signatures, and are no set whose digest their author has signed.
    #[error("the {count} records sent for {author} are not those that its lease covers")]
    NotCovered {
        /// Whose they are said to be.
        author: NodeId,
        /// How many.
        count: usize,
    },
}

/// A record as it crosses the wire: author, signed bytes, signature. It is a claim until [`Signed::open`] has checked it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Signed<T> {
    author: NodeId,
    #[serde(with = "codec::bytes")]
    body: Vec<u8>,
    #[serde(with = "codec::bytes")]
    signature: [u8; Signature::BYTE_SIZE],
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T: Sealable> Signed<T> {
    /// Signs `value` for `network`, if receivers would take it: the same rules hold as in [`Signed::open`].
    ///
    /// # Errors
    /// [`SealError::Invalid`] where the value breaks a rule of its type, is too long or has no encoding.
    pub fn seal(key: &SecretKey, network: &NetworkName, value: T) -> Result<Verified<T>, SealError> {
        let record = Proved::own(key, value)?;
        let signature = key.sign(&message::<T>(network, record.body().bytes())).to_bytes();
        Ok(Verified { record, signature })
    }

    /// Takes it as checked without checking the signature once more: for what this node has opened before, and reads back from
    /// where only it writes. Everything else is checked as in [`Signed::open`].
    ///
    /// # Errors
    /// [`SealError`], if what was written is damaged.
    pub fn reopen(self) -> Result<Verified<T>, SealError> {
        self.check_length()?;
        let record = Body::of(self.body).hashed().admit(self.author)?;
        Ok(Verified { record, signature: self.signature })
    }

    fn check_length(&self) -> Result<(), SealError> {
        let len = self.body.len();
        if len <= T::LIMIT {
            return Ok(());
        }
        let reason = DecodeError::TooLong { len, limit: T::LIMIT };
        Err(SealError::Unreadable { what: T::NAME, author: self.author, reason })
    }

    /// Checks length, signature, encoding and rules, in this order, and gives the value as proved.
    ///
    /// # Errors
    /// [`SealError`], which names the author and what is wrong.
    pub fn open(self, network: &NetworkName) -> Result<Verified<T>, SealError> {
        let author = self.author;
        self.check_length()?;
        if !author.verifies(&message::<T>(network, &self.body), &Signature::from_bytes(&self.signature)) {
            return Err(SealError::Forged { what: T::NAME, author, network: network.clone() });
        }
        self.reopen()
    }
}

impl<T> Signed<T> {
    /// Who is claimed to have signed; true once opened.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.author
    }

    /// Length of the signed bytes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.body.len()
    }
}

impl<T> Clone for Signed<T> {
    fn clone(&self) -> Self {
        Self { author: self.author, body: self.body.clone(), signature: self.signature, of: PhantomData }
    }
}

impl<T> fmt::Debug for Signed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({} bytes by {})", self.body.len(), self.author)
    }
}

impl<T> PartialEq for Signed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.author == other.author && self.body == other.body && self.signature == other.signature
    }
}

fn message<T: Sealable>(network: &NetworkName, body: &[u8]) -> Vec<u8> {
    let network = network.as_str().as_bytes();
    let mut message = Vec::with_capacity(2 + T::DOMAIN.len() + network.len() + body.len());
    for part in [T::DOMAIN.as_bytes(), network] {
        // Both are bounded far below 256 bytes: tags are constants, network names at most 32 bytes.
        message.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
        message.extend_from_slice(part);
    }
    message.extend_from_slice(body);
    message
}

/// A record whose signature and rules have been checked.
///
/// Cheap to clone; keeps the signed bytes, so that it can be passed on exactly as its author made it.
#[derive(Debug)]
pub struct Verified<T> {
    record: Proved<T>,
    signature: [u8; Signature::BYTE_SIZE],
}

impl<T> Verified<T> {
    /// The record.
    #[must_use]
    pub fn value(&self) -> &T {
        self.record.value()
    }

    /// The record as it crosses the wire.
    #[must_use]
    pub fn signed(&self) -> Signed<T> {
        let body = self.record.body().bytes().to_vec();
        Signed { author: self.author(), body, signature: self.signature, of: PhantomData }
    }

    /// Who signed.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.record.author()
    }

    /// SHA-256 of the signed bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.record.hash()
    }
}

impl<T> Clone for Verified<T> {
    fn clone(&self) -> Self {
        Self { record: self.record.clone(), signature: self.signature }
    }
}

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a set of records: SHA-256 over their hashes in ascending order, so that the order in which they
    /// were learnt does not matter. An empty set gives the digest of nothing.
    #[must_use]
    pub fn of_set(hashes: impl IntoIterator<Item = Hash>) -> Self {
        let mut hashes: Vec<Hash> = hashes.into_iter().collect();
        hashes.sort_unstable();
        let mut digest = Sha256::new();
        for hash in hashes {
            digest.update(hash.0);
        }
        Self(digest.finalize().into())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(8) {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}
