//! The peers that were reached before.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{
    codec::{self, DecodeError, EncodeError},
    identity::NodeId,
    limits,
    service::UnixMillis,
};
use serde::{Deserialize, Serialize};

/// Where a peer was reached, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Who it is.
    pub node: NodeId,
    /// Multiaddrs as text, the last one used first; at most [`AddressBook::ADDRESSES`], each at most
    /// [`limits::ADDRESS`] bytes.
    pub addresses: Vec<String>,
    /// When it was last reached, by this node's clock.
    pub seen: UnixMillis,
}

/// The peers that were reached before, to be tried again after a restart.
///
/// At most [`AddressBook::PEERS`]; the one that was not seen for longest is forgotten first.
#[derive(Debug, Clone, Default)]
pub struct AddressBook {
    peers: BTreeMap<NodeId, Peer>,
    /// Oldest first.
    order: BTreeSet<(UnixMillis, NodeId)>,
}

impl AddressBook {
    /// Peers remembered at most.
    pub const PEERS: usize = 1_000;
    /// Addresses remembered of one peer at most.
    pub const ADDRESSES: usize = 6;
    /// Longest encoded entry, in bytes.
    pub const ENTRY: usize = 2 * 1024;

    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that a peer was reached at `seen`. The addresses go before the ones that were known; the last of them fall
    /// off the end, and so do texts that are too long. An earlier `seen` than the one known adds addresses only.
    ///
    /// Returns the peer that had to be forgotten to make room: delete it from the store too. It is `node` itself if
    /// all others were seen later.
    pub fn remember<A: Into<String>>(
        &mut self,
        node: NodeId,
        addresses: impl IntoIterator<Item = A>,
        seen: UnixMillis,
    ) -> Option<NodeId> {
        let known = self.forget(&node);
        let seen = known.as_ref().map_or(seen, |known| known.seen.max(seen));
        let known = known.into_iter().flat_map(|known| known.addresses);
        let mut kept: Vec<String> = Vec::new();
        for address in addresses.into_iter().map(Into::into).chain(known) {
            if kept.len() == Self::ADDRESSES {
                break;
            }
            if address.len() <= limits::ADDRESS && !kept.contains(&address) {
                kept.push(address);
            }
        }
        self.order.insert((seen, node));
        self.peers.insert(node, Peer { node, addresses: kept, seen });
        let oldest = self.order.first().filter(|_| self.peers.len() > Self::PEERS).map(|(_, oldest)| *oldest)?;
        self.forget(&oldest).map(|peer| peer.node)
    }

    /// Removes a peer and returns what was known of it.
    pub fn forget(&mut self, node: &NodeId) -> Option<Peer> {
        let peer = self.peers.remove(node)?;
        self.order.remove(&(peer.seen, *node));
        Some(peer)
    }

    /// What is known of a peer.
    #[must_use]
    pub fn peer(&self, node: &NodeId) -> Option<&Peer> {
        self.peers.get(node)
    }

    /// The `n` peers seen last, newest first.
    pub fn recent(&self, n: usize) -> impl Iterator<Item = &Peer> {
        self.order.iter().rev().take(n).filter_map(|(_, node)| self.peers.get(node))
    }

    /// Peers remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no peer is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}

impl Peer {
    /// The entry as it is stored.
    ///
    /// # Errors
    /// [`EncodeError`] where it has no encoding.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        codec::encode(self)
    }

    /// Reads a stored entry. What it says is not believed beyond its form: give it to [`AddressBook::remember`], which
    /// keeps the bounds.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are no entry, or more than [`AddressBook::ENTRY`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, AddressBook::ENTRY)
    }
}
