//! What is said, and what it costs.
//!
//! rust-libp2p sends every publication and every control message as an RPC of its own, and so does this: each pays for
//! an envelope. Fields cost what protobuf makes of them: a tag and a length, two bytes for what is short.

use std::sync::Arc;

use super::Settings;

const FIELD: u32 = 2;
const ID: u32 = 20;

/// The name of a message, 20 bytes as on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub [u8; 20]);

impl MessageId {
    /// A name for number `number` of this author, for simulations that have no bytes to hash.
    #[must_use]
    pub fn numbered(author: u32, number: u64) -> Self {
        let mut id = [0; 20];
        let bytes = author.to_le_bytes().into_iter().chain(number.to_le_bytes());
        id.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

/// One message between neighbours.
#[derive(Debug, Clone)]
pub enum Rpc<D> {
    /// I take part in the topic. Everybody does, so this only costs.
    Subscribe,
    /// A message.
    Publish {
        /// Its name; not on the wire, where the receiver computes it.
        id: MessageId,
        /// Its content.
        data: D,
        /// The content's length.
        bytes: u32,
    },
    /// I have these.
    IHave(Arc<[MessageId]>),
    /// Send me these.
    IWant(Arc<[MessageId]>),
    /// I have this already.
    IDontWant(MessageId),
    /// You are in my mesh.
    Graft,
    /// You are not.
    Prune,
}

impl<D> Rpc<D> {
    /// What its bytes are booked under.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Subscribe => "gossip.subscribe",
            Self::Publish { .. } => "gossip.publish",
            Self::IHave(_) => "gossip.ihave",
            Self::IWant(_) => "gossip.iwant",
            Self::IDontWant(_) => "gossip.idontwant",
            Self::Graft => "gossip.graft",
            Self::Prune => "gossip.prune",
        }
    }

    /// Its length on the wire.
    #[must_use]
    pub fn bytes(&self, settings: &Settings) -> u32 {
        let topic = FIELD + settings.topic;
        // In the RPC, in its control part.
        let control = 2 * FIELD;
        let content = match self {
            Self::Subscribe => 2 * FIELD + topic,
            Self::Publish { bytes, .. } => 2 * FIELD + 2 + topic + bytes,
            Self::IHave(ids) => control + topic + (FIELD + ID) * count(ids),
            Self::IWant(ids) => control + (FIELD + ID) * count(ids),
            Self::IDontWant(_) => control + FIELD + ID,
            Self::Graft => control + topic,
            Self::Prune => control + topic + FIELD,
        };
        settings.envelope + content
    }
}

fn count(ids: &[MessageId]) -> u32 {
    u32::try_from(ids.len()).unwrap_or(u32::MAX / 32)
}
