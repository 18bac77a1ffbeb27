//! What a network's protocols and gossip topics are called.

use atoll_protocol::names::NetworkName;
use libp2p::{StreamProtocol, gossipsub};

use super::streams::Share;

/// The protocol strings of one network.
#[derive(Debug, Clone)]
pub(crate) struct Protocols {
    /// What identify announces: tells one network's nodes from another's.
    pub(crate) identify: String,
    pub(crate) kad: StreamProtocol,
    pub(crate) rpc: StreamProtocol,
    pub(crate) bulk: StreamProtocol,
    pub(crate) describe: StreamProtocol,
    pub(crate) topic: StreamProtocol,
    pub(crate) standing: StreamProtocol,
    /// The gossip topic for directory announcements.
    pub(crate) announcements: String,
    /// The gossip topic for proofs of fraud.
    pub(crate) frauds: String,
    /// What the gossip topics about topics begin with; see [`Channel`].
    channels: String,
}

/// What identify's protocol version begins with on every Atoll network.
pub(super) const IDENTIFY_PREFIX: &str = "/atoll/";

impl Protocols {
    pub(crate) fn new(network: &NetworkName) -> Self {
        // A network name holds only a-z, 0-9 and '-', so the string always begins with '/'; the fallback is never used.
        let protocol = |name: &str| {
            StreamProtocol::try_from_owned(format!("{IDENTIFY_PREFIX}{network}/{name}/1"))
                .unwrap_or(StreamProtocol::new("/atoll"))
        };
        Self {
            identify: format!("{IDENTIFY_PREFIX}{network}/1"),
            kad: protocol("kad"),
            rpc: protocol("rpc"),
            bulk: protocol("bulk"),
            describe: protocol("describe"),
            topic: protocol("topic"),
            standing: protocol("standing"),
            announcements: format!("atoll/{network}/services"),
            frauds: format!("atoll/{network}/frauds"),
            channels: format!("atoll/{network}/topics"),
        }
    }

    /// What a substream of this protocol counts as.
    pub(crate) fn share(&self, protocol: &StreamProtocol) -> Share {
        match protocol {
            p if *p == self.rpc => Share::Lanes,
            p if *p == self.bulk => Share::Streams,
            p if *p == self.topic => Share::Topics,
            _ => Share::Exchanges,
        }
    }
}

/// Where announcements of topics are gossiped. Topics share channels by their hashes, so that a node need not be in one for each
/// of its topics, nor hear of all topics that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Channel {
    /// What is published on these topics.
    Entries(u8),
    /// Which topics there are that have not been heard of before: for whoever has subscribed to a pattern.
    New,
}

impl Channel {
    /// How many channels topics are divided among.
    pub(crate) const COUNT: u64 = 64;

    pub(super) fn topic(self, protocols: &Protocols) -> gossipsub::IdentTopic {
        let base = &protocols.channels;
        gossipsub::IdentTopic::new(match self {
            Self::Entries(number) => format!("{base}/{number}"),
            Self::New => format!("{base}/new"),
        })
    }
}
