//! Who may use what is exposed.

use std::collections::BTreeSet;

use atoll_protocol::identity::NodeId;

/// Who may use an exposed application without showing a ticket. This node itself always may; whoever shows a ticket that it has
/// issued may, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Nodes that may; with none of them, and not [`private`](Self::private), every node of the network may.
    pub peers: BTreeSet<NodeId>,
    /// Whether the network is not told of it at all, and nobody but those above may.
    pub private: bool,
}

impl Access {
    /// Whether `peer` may.
    #[must_use]
    pub fn allows(&self, peer: &NodeId) -> bool {
        self.peers.contains(peer) || self.is_public()
    }

    /// Whether everybody may.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.peers.is_empty() && !self.private
    }
}
