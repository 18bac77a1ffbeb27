//! Records that are proved to be their author's without a signature of their own.
//!
//! A node's lease signs the digest of its whole record set, and those of the parts of it that are news. Where such a set
//! travels, it is proof enough: the bodies travel alone, a third shorter, and one signature is checked for all of them (see
//! [`RecordSet`](crate::directory::RecordSet) and [`News`](crate::directory::News)).

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Hash, SealError, Statement};
use crate::{
    codec::{self, DecodeError},
    identity::{NodeId, SecretKey},
};

/// A record whose author and rules have been checked: the only form in which the registry accepts one. It comes out of a set
/// that its author's lease covers, once that has been opened, or from [its author's own key](Proved::own). Cheap to clone.
#[derive(Debug)]
pub struct Proved<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    author: NodeId,
    value: T,
    body: Body<T>,
    hash: Hash,
}

impl<T> Proved<T> {
    fn new(author: NodeId, value: T, Hashed { body, hash }: Hashed<T>) -> Self {
        Self(Arc::new(Inner { author, value, body, hash }))
    }

    /// The record.
    #[must_use]
    pub fn value(&self) -> &T {
        &self.0.value
    }

    /// The record as it crosses the wire in a set.
    #[must_use]
    pub fn body(&self) -> &Body<T> {
        &self.0.body
    }

    /// Whose it is.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.0.author
    }

    /// SHA-256 of the body.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.0.hash
    }
}

impl<T: Statement> Proved<T> {
    /// What the holder of this key says, if receivers would take it. To them it is proved by a signature over a set that it is
    /// in.
    ///
    /// # Errors
    /// [`SealError::Invalid`] where the value breaks a rule of its type, is too long or has no encoding.
    pub fn own(key: &SecretKey, value: T) -> Result<Self, SealError> {
        let (what, author) = (T::NAME, key.node_id());
        let invalid = |rule| SealError::Invalid { what, author, rule };
        value.check(&author).map_err(invalid)?;
        let body = codec::encode(&value).map_err(|e| invalid(e.to_string()))?;
        if body.len() > T::LIMIT {
            return Err(invalid(DecodeError::TooLong { len: body.len(), limit: T::LIMIT }.to_string()));
        }
        Ok(Self::new(author, value, Body::of(body).hashed()))
    }
}

impl<T> Clone for Proved<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A record as it crosses the wire in a set that is signed as a whole: the signed bytes. It is a claim until the set has
/// been opened.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Body<T> {
    #[serde(with = "codec::bytes")]
    bytes: Vec<u8>,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

impl<T> Body<T> {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, of: PhantomData }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its length in bytes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.bytes.len()
    }

    /// SHA-256 of it.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.bytes)
    }

    pub(crate) fn hashed(self) -> Hashed<T> {
        Hashed { hash: self.hash(), body: self }
    }
}

/// A body with its hash, which its author may have signed.
#[derive(Debug)]
pub(crate) struct Hashed<T> {
    body: Body<T>,
    hash: Hash,
}

impl<T> Hashed<T> {
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }
}

impl<T: Statement> Hashed<T> {
    /// Takes it for a record of `author`, who has signed the hash.
    ///
    /// # Errors
    /// [`SealError`] if it is too long, no such record, or against the rules.
    pub(crate) fn admit(self, author: NodeId) -> Result<Proved<T>, SealError> {
        let what = T::NAME;
        let value: T = codec::decode(&self.body.bytes, T::LIMIT).map_err(|reason| SealError::Unreadable {
            what,
            author,
            reason,
        })?;
        value.check(&author).map_err(|rule| SealError::Invalid { what, author, rule })?;
        Ok(Proved::new(author, value, self))
    }
}

impl<T> Clone for Body<T> {
    fn clone(&self) -> Self {
        Self::of(self.bytes.clone())
    }
}

impl<T> fmt::Debug for Body<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.bytes.len())
    }
}

impl<T> PartialEq for Body<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
