//! Records that are proved to be their author's, with or without a signature of their own.
//!
//! A node's lease signs the digest of its whole record set. Where that set travels as a whole, it is proof enough: the
//! bodies travel alone, a third shorter, and one signature is checked for all of them (see
//! [`RecordSet`](crate::directory::RecordSet)).

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Hash, SealError, Sealable};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
};

/// A record whose author and rules have been checked, by its own signature or by that over the set it is in: the only form
/// in which the registry accepts one. Cheap to clone.
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
    pub(super) fn new(author: NodeId, value: T, body: Body<T>) -> Self {
        let hash = body.hash();
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
}

impl<T: Sealable> Body<T> {
    /// Takes it for a record of `author`, who has signed its hash.
    ///
    /// # Errors
    /// [`SealError`] if it is too long, no such record, or against the rules.
    pub(crate) fn admit(self, author: NodeId) -> Result<Proved<T>, SealError> {
        let value = read(&self.bytes, author)?;
        Ok(Proved::new(author, value, self))
    }
}

/// Reads a body whose author is proved, and checks it against the rules of its type.
pub(super) fn read<T: Sealable>(body: &[u8], author: NodeId) -> Result<T, SealError> {
    let domain = T::DOMAIN;
    let unreadable = |reason| SealError::Unreadable { domain, author, reason };
    if body.len() > T::LIMIT {
        return Err(unreadable(DecodeError::TooLong { len: body.len(), limit: T::LIMIT }));
    }
    let value: T = codec::decode(body, T::LIMIT).map_err(unreadable)?;
    value.check(&author).map_err(|rule| SealError::Invalid { domain, author, rule })?;
    Ok(value)
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
