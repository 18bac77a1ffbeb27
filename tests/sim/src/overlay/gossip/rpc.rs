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

/// What stands for a [`MessageId`] within a simulation, where comparing and keeping the names themselves would take most of
/// the time and most of the memory: see [`Context::number_of`](crate::engine::Context::number_of).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub(super) u32);

/// One message between neighbours. Where a name is on the wire there is its number here.
#[derive(Debug, Clone)]
pub enum Rpc<D> {
    /// I take part in the topic. Everybody does, so this only costs.
    Subscribe,
    /// A message.
    Publish {
        /// It stands for its name, which is not on the wire: the receiver computes it.
        number: Number,
        /// Its content.
        data: D,
        /// The content's length.
        bytes: u32,
    },
    /// I have these.
    IHave(Arc<[Number]>),
    /// Send me these.
    IWant(Arc<[Number]>),
    /// I have this already.
    IDontWant(Number),
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
            Self::IHave(all) => control + topic + (FIELD + ID) * count(all),
            Self::IWant(all) => control + (FIELD + ID) * count(all),
            Self::IDontWant(_) => control + FIELD + ID,
            Self::Graft => control + topic,
            Self::Prune => control + topic + FIELD,
        };
        settings.envelope + content
    }
}

fn count(numbers: &[Number]) -> u32 {
    u32::try_from(numbers.len()).unwrap_or(u32::MAX / 32)
}
