//! Who waits for which dial, and what it is told.

use std::collections::HashMap;

use atoll_protocol::identity::NodeId;
use libp2p::{
    Multiaddr, PeerId,
    swarm::{ConnectionId, DialError},
};
use tokio::sync::oneshot;

use crate::{error::ConnectError, net::addresses};

#[cfg(test)]
mod tests;

/// Dials to one peer that may be under way for those who wait for it.
const AT_A_TIME: usize = 4;

pub(super) type Reply = oneshot::Sender<Result<NodeId, ConnectError>>;

/// Whoever asked may have given up: that is its right.
pub(super) fn answer(reply: Reply, result: Result<NodeId, ConnectError>) {
    let _ = reply.send(result);
}

/// A dial is over when the peer has identified itself, not when it has answered: only then is it known to be on this
/// network.
///
/// It has failed when all dials have that try what is known of the peer. There may be others: those that look for a direct path
/// beside a relayed one take their time and mostly find none. Whatever connection they make will do, but that they make none says
/// nothing to whoever waits; nor do they take the place of a dial that tries all there is.
#[derive(Debug, Default)]
pub(super) struct Dials {
    by_peer: HashMap<PeerId, Waiting>,
    /// What is being tried of that which is known of a peer.
    under_way: HashMap<ConnectionId, UnderWay>,
    /// Dials to an address whose peer is not known yet.
    by_connection: HashMap<ConnectionId, (String, Reply)>,
}

/// Who waits for a peer.
#[derive(Debug, Default)]
struct Waiting {
    replies: Vec<Reply>,
    /// Where to dial it once more if it hangs up first: two nodes that dial each other at the same moment may each close
    /// the connection that the other one keeps.
    again: Option<Vec<Multiaddr>>,
}

#[derive(Debug)]
struct UnderWay {
    peer: PeerId,
    addresses: Vec<Multiaddr>,
}

impl Dials {
    pub(super) fn wait_for_peer(&mut self, peer: PeerId, reply: Reply) {
        let waiting = self.by_peer.entry(peer).or_default();
        waiting.replies.retain(|reply| !reply.is_closed());
        waiting.replies.push(reply);
    }

    /// Notes where the peer may be dialled if its connections close before it is identified.
    pub(super) fn may_redial(&mut self, peer: &PeerId, addresses: Vec<Multiaddr>) {
        if let Some(waiting) = self.by_peer.get_mut(peer) {
            waiting.again = Some(addresses);
        }
    }

    /// Where to dial a peer that has hung up while somebody waits for it; once for each dial.
    pub(super) fn redial(&mut self, peer: &PeerId) -> Option<Vec<Multiaddr>> {
        self.by_peer.get_mut(peer)?.again.take()
    }

    /// Whether a dial to the peer is under way that tries these addresses, or as many as there may be are.
    pub(super) fn are_tried(&self, peer: &PeerId, wanted: &[Multiaddr]) -> bool {
        let dials: Vec<_> = self.under_way.values().filter(|dial| dial.peer == *peer).collect();
        let is_tried = |address: &Multiaddr| {
            let address = addresses::bare(address);
            dials.iter().flat_map(|dial| &dial.addresses).any(|tried| addresses::bare(tried) == address)
        };
        dials.len() >= AT_A_TIME || (!dials.is_empty() && wanted.iter().all(is_tried))
    }

    /// A dial has been begun that those who want the peer may wait for. It tries these addresses, and others that only
    /// libp2p's protocols know.
    pub(super) fn begun(&mut self, connection: ConnectionId, peer: PeerId, addresses: Vec<Multiaddr>) {
        self.under_way.insert(connection, UnderWay { peer, addresses });
    }

    pub(super) fn wait_for_connection(&mut self, connection: ConnectionId, target: String, reply: Reply) {
        self.by_connection.insert(connection, (target, reply));
    }

    /// Someone has answered; whoever waited for the address now waits for the peer.
    pub(super) fn established(&mut self, connection: ConnectionId, peer: PeerId) {
        self.under_way.remove(&connection);
        if let Some((_, reply)) = self.by_connection.remove(&connection) {
            self.wait_for_peer(peer, reply);
        }
    }

    /// The peer has said who it is, and what of it.
    pub(super) fn identified(&mut self, peer: &PeerId, result: &Result<NodeId, ConnectError>) {
        for reply in self.by_peer.remove(peer).unwrap_or_default().replies {
            answer(reply, result.clone());
        }
    }

    pub(super) fn connection_failed(&mut self, connection: ConnectionId, error: &DialError) {
        self.under_way.remove(&connection);
        if let Some((target, reply)) = self.by_connection.remove(&connection) {
            answer(reply, Err(failure(target, error)));
        }
    }

    /// Something that might have led to the peer has not. Who waits for it is told, unless something else is being tried.
    pub(super) fn peer_failed(&mut self, peer: &PeerId, reason: &str) {
        if self.under_way.values().any(|dial| dial.peer == *peer) {
            return;
        }
        let failed = Err(ConnectError::Failed { target: peer.to_string(), reason: reason.to_owned() });
        self.identified(peer, &failed);
    }
}

/// Why nobody was reached at `target`.
pub(super) fn failure(target: String, error: &DialError) -> ConnectError {
    match error {
        DialError::LocalPeerId { .. } => ConnectError::Itself,
        _ => ConnectError::Failed { target, reason: describe(error) },
    }
}

/// A dial's failure in words a person can act on.
pub(super) fn describe(error: &DialError) -> String {
    match error {
        DialError::NoAddresses => "no address of it is known".to_owned(),
        DialError::LocalPeerId { .. } => ConnectError::Itself.to_string(),
        DialError::Denied { cause } => innermost(cause),
        DialError::WrongPeerId { obtained, .. } => format!("another node answers there: {obtained}"),
        DialError::Transport(tried) => {
            let tried: Vec<String> = tried.iter().map(|(address, e)| format!("{address}: {}", innermost(e))).collect();
            tried.join("; ")
        }
        other => other.to_string(),
    }
}

/// The last error of a chain: the ones above it repeat that an address could not be dialled.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
