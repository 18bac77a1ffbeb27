//! What a topic's owner decides about it: who may publish and read, who keeps it, and for how long.
//!
//! The owner publishes it on the topic itself, as [an entry](Draft::of_policy): it gets about, and is found, as everything else on
//! that topic. It binds where its author is the owner that the topic's name says ([`TopicName::owner`]), or whom this node's user
//! has named as such. Topics without an owner are open. Readers and keepers enforce it alike, each by itself: whoever is not
//! allowed to publish is not stored, passed on or shown, and whoever is not allowed to read is not served. It is no
//! encryption; who has been given an entry can pass it on.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::entry::{Draft, Entry};
use crate::{
    codec::{self, DecodeError},
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::{Sealable, Signed, Statement, Verified},
    service::{self, Extensions, UnixMillis},
};

/// The header that marks an entry as a policy, and its key, so that the last one is retained.
const MARK: &str = "atoll-policy";

/// A topic's policy. Of two by the same owner the one with the higher number is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The topic.
    pub topic: TopicName,
    /// The owner's statement number.
    pub seq: service::Seq,
    /// When it was made, by its owner's clock.
    pub issued: UnixMillis,
    /// Who may publish and read.
    pub access: Access,
    /// Nodes that are to keep it, beside or instead of those that are elected: as many of them as there are.
    pub keepers: Vec<NodeId>,
    /// What keepers need not keep any longer.
    pub retention: Retention,
    /// Room for later fields.
    pub extensions: Extensions,
}

/// Who may publish and read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Access {
    /// Everybody may do both.
    #[default]
    Open,
    /// These may publish, and everybody may read.
    Publishers(Vec<NodeId>),
    /// Only these may do either; keepers may read what they keep.
    Closed(Vec<NodeId>),
}

/// How much of a topic is retained; what is beyond any of the bounds may go, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Retention {
    /// Entries this old, in seconds by their own dates, may go.
    pub age_secs: Option<u64>,
    /// Bytes of batches, over all authors.
    pub bytes: Option<u64>,
    /// Entries, over all authors.
    pub entries: Option<u64>,
    /// An entry with a key may go where a later one has the same.
    pub last_per_key: bool,
}

impl Policy {
    /// Whether this node's entries are taken.
    #[must_use]
    pub fn may_publish(&self, node: &NodeId) -> bool {
        match &self.access {
            Access::Open => true,
            Access::Publishers(keys) | Access::Closed(keys) => keys.contains(node),
        }
    }

    /// Whether this node is served.
    #[must_use]
    pub fn may_read(&self, node: &NodeId) -> bool {
        match &self.access {
            Access::Open | Access::Publishers(_) => true,
            Access::Closed(keys) => keys.contains(node) || self.keepers.contains(node),
        }
    }
}

impl Draft {
    /// A policy, as its owner publishes it: on the topic that it is about, where whoever reads that finds it.
    ///
    /// # Errors
    /// [`codec::EncodeError`], which no policy gives.
    pub fn of_policy(policy: &Verified<Policy>) -> Result<Self, codec::EncodeError> {
        let payload = codec::encode(&policy.signed())?.into();
        let headers = BTreeMap::from([(MARK.to_owned(), "1".to_owned())]);
        Ok(Self { key: Some(Bytes::from_static(MARK.as_bytes())), id: None, headers, payload })
    }
}

impl Entry {
    /// The policy that this entry is; none if it is none. It is still to be opened, and to be of the topic and the owner that it
    /// should be.
    ///
    /// # Errors
    /// [`DecodeError`] if it says to be one, and cannot be read.
    pub fn policy(&self) -> Result<Option<Signed<Policy>>, DecodeError> {
        if !self.headers.contains_key(MARK) {
            return Ok(None);
        }
        codec::decode(&self.payload, limits::TOPIC_POLICY + 128).map(Some)
    }
}

impl Sealable for Policy {
    const DOMAIN: &'static str = "atoll topic policy 1";
}

impl Statement for Policy {
    const NAME: &'static str = "topic policy";
    const LIMIT: usize = limits::TOPIC_POLICY;

    fn check(&self, author: &NodeId) -> Result<(), String> {
        if let Some(owner) = self.topic.owner().filter(|owner| owner != author) {
            return Err(format!("{} belongs to {owner}, who alone decides about it", self.topic));
        }
        let keys = match &self.access {
            Access::Open => 0,
            Access::Publishers(keys) | Access::Closed(keys) => keys.len(),
        };
        let bounds = [("keys", keys, limits::TOPIC_KEYS), ("keepers", self.keepers.len(), limits::TOPIC_KEEPERS)];
        match bounds.into_iter().find(|(_, count, limit)| count > limit) {
            Some((what, count, limit)) => Err(format!("{count} {what}, at most {limit} are allowed")),
            None => Ok(()),
        }
    }
}
