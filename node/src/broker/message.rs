//! What subscribers are given: messages, and word of those that are no longer to be had.

use std::sync::Arc;

use atoll_protocol::{
    identity::NodeId,
    names::TopicName,
    topic::{Batch, Entry, Epoch, Headers, Hlc, Seq},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::readers::LogRef;

/// What a subscription gives.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A message.
    Message(Message),
    /// Messages that are no longer to be had.
    Gap(Gap),
}

/// Messages that a subscriber will not get: nobody who was asked has them any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The topic.
    pub topic: TopicName,
    /// Whose messages.
    pub author: NodeId,
    /// The epoch of the author's log.
    pub epoch: Epoch,
    /// The first position.
    pub from: Seq,
    /// The last one.
    pub to: Seq,
}

/// A message. Cheap to clone; it shares the memory of those that were published with it.
#[derive(Debug, Clone)]
pub struct Message {
    pub(super) log: LogRef,
    epoch: Epoch,
    pub(super) seq: Seq,
    held: Held,
}

/// Where a message's entry is.
#[derive(Debug, Clone)]
enum Held {
    Batch(Arc<Batch>, usize),
    Alone(Arc<Entry>),
}

impl Message {
    pub(super) fn new(log: LogRef, batch: Arc<Batch>, seq: Seq) -> Option<Self> {
        let nth = usize::try_from(seq.0.checked_sub(batch.head().value().first.0)?).ok()?;
        batch.entries().get(nth)?;
        Some(Self { log, epoch: batch.head().value().epoch, seq, held: Held::Batch(batch, nth) })
    }

    /// Of which only the entry itself is here.
    pub(super) fn alone(log: LogRef, epoch: Epoch, seq: Seq, entry: Entry) -> Self {
        Self { log, epoch, seq, held: Held::Alone(Arc::new(entry)) }
    }

    /// Its topic.
    #[must_use]
    pub fn topic(&self) -> &TopicName {
        &self.log.topic
    }

    /// Who has published it.
    #[must_use]
    pub fn author(&self) -> NodeId {
        self.log.author
    }

    /// The epoch of the author's log that it stands in.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Its position in there.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// When it was published, by its author's clock.
    #[must_use]
    pub fn time(&self) -> Hlc {
        self.entry().map_or(Hlc::default(), |entry| entry.time)
    }

    /// What it is about.
    #[must_use]
    pub fn key(&self) -> Option<&Bytes> {
        self.entry()?.key.as_ref()
    }

    /// What tells repeated attempts to publish the same.
    #[must_use]
    pub fn id(&self) -> Option<&Bytes> {
        self.entry()?.id.as_ref()
    }

    /// Names and values that go with it.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        static NONE: Headers = Headers::new();
        self.entry().map_or(&NONE, |entry| &entry.headers)
    }

    /// What is said.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        self.entry().map_or(&NONE, |entry| &entry.payload)
    }

    /// What is said, as it was published in JSON.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it is no such thing.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.payload())
    }

    /// It is there, as was checked when this was made.
    pub(super) fn entry(&self) -> Option<&Entry> {
        match &self.held {
            Held::Batch(batch, nth) => batch.entries().get(*nth),
            Held::Alone(entry) => Some(entry),
        }
    }
}
