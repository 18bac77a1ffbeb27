//! Gets from a relayed path to a direct one.
//!
//! Two ways are tried at the same time. The peer's own addresses are dialled: one of them will do if the peer is public or on
//! the same LAN. And both agree, over the relayed path, on dialling each other at the same moment; the one that accepted the
//! relayed connection begins.

use std::sync::Arc;

use atoll_protocol::identity::NodeId;
use atoll_registry::{reach::punch::Failure, time::Time};
use libp2p::{
    Multiaddr, PeerId,
    multiaddr::Protocol,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};

use tokio::sync::oneshot;

use super::{Done, Driver};
use crate::net::{
    connections::{Connection, Path},
    node_id, peer_id,
    punch::{self, Agreed, PunchError, Role},
    streams::OpenError,
};

/// Who waits for a connection.
type Anew = oneshot::Sender<Result<Arc<Connection>, String>>;

/// What came of asking a peer for a moment to dial each other.
pub(super) type Outcome = Result<Agreed, Failure>;

impl Driver {
    /// Begins to agree with the peers whose turn it is.
    pub(super) fn punch_due(&mut self, now: Time) {
        self.note_traffic(now);
        for peer in self.reach.punches.due(now, rand::random()) {
            let all = self.connections.of(&peer);
            // Whoever has dialled the relayed connection is asked.
            let Some(connection) = all.into_iter().find(|c| c.path == Path::Relayed && !c.outbound) else { continue };
            let own = self.reach.offered.borrow().clone();
            self.reach.tasks.spawn(async move { Done::Agreed(peer, agree(connection, own).await) });
        }
    }

    /// Notes through which relayed connections something has flowed: those it is worth replacing. Agreeing on an attempt
    /// counts as well, which ends by itself: soon the waits are longer than that counts.
    fn note_traffic(&mut self, now: Time) {
        let relayed: Vec<NodeId> = self.reach.punches.all().map(|(peer, _)| peer).collect();
        for peer in relayed {
            // All of them are asked: whatever one has carried is not to count again later.
            let stirred =
                self.connections.of(&peer).into_iter().filter(|c| c.path == Path::Relayed && c.take_stirred());
            if stirred.count() > 0 {
                self.reach.punches.traffic(&peer, now);
            }
        }
    }

    /// What has been agreed, or why nothing has.
    pub(super) fn punch_agreed(&mut self, peer: NodeId, outcome: Outcome) {
        match outcome {
            Ok(agreed) => self.punch(peer, agreed),
            Err(why) => {
                let now = self.reach.clock.now();
                self.reach.punches.failed(&peer, why, now, rand::random());
                self.look_around();
            }
        }
    }

    /// Dials a peer that dials this node at the same moment.
    pub(in crate::net::driver) fn punch(&mut self, peer: NodeId, agreed: Agreed) {
        let Some(id) = peer_id(&peer) else { return };
        tracing::debug!(%peer, role = ?agreed.role, addresses = ?agreed.addresses, "punching a hole");
        let dial = DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(agreed.addresses);
        let dial = match agreed.role {
            Role::Initiator => dial.override_role().build(),
            Role::Responder => dial.build(),
        };
        self.dial_for_direct(peer, dial);
    }

    /// Dials a relayed peer at the addresses that it says it has.
    pub(super) fn dial_directly(&mut self, peer: NodeId, said: &[Multiaddr]) {
        let Some(id) = peer_id(&peer) else { return };
        if self.connections.of(&peer).iter().any(|c| c.path == Path::Direct) {
            return;
        }
        let bare = said.iter().map(crate::net::bare).filter(punch::useful).take(punch::OFFERED);
        let (quic, tcp): (Vec<_>, Vec<_>) = bare.partition(|a| a.iter().any(|part| matches!(part, Protocol::QuicV1)));
        let dial = |addresses| DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(addresses);
        if !quic.is_empty() {
            self.dial_for_direct(peer, dial(quic).build());
        }
        if !tcp.is_empty() {
            // From another port than the one that holes are punched from: two connections between the same two ports cannot be.
            self.dial_for_direct(peer, dial(tcp).allocate_new_port().build());
        }
    }

    /// Dials a peer once more, from a port that its NAT does not know: is it let in?
    pub(in crate::net::driver) fn dial_anew(&mut self, peer: NodeId, address: Multiaddr, reply: Anew) {
        let Some(id) = peer_id(&peer) else { return };
        let dial = DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(vec![address]).allocate_new_port();
        let dial = dial.build();
        let connection = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => drop(self.reach.anew.insert(connection, reply)),
            Err(error) => drop(reply.send(Err(error.to_string()))),
        }
    }

    /// A dial has ended; `Err` says why without a connection.
    pub(in crate::net::driver) fn dial_ended(&mut self, id: ConnectionId, result: Result<PeerId, String>) {
        if let Some(reply) = self.reach.anew.remove(&id) {
            let connection = result.and_then(|peer| {
                let all = node_id(&peer).map(|node| self.connections.of(&node)).unwrap_or_default();
                all.into_iter().find(|c| c.id == id).ok_or_else(|| "the connection is gone".to_owned())
            });
            let _ = reply.send(connection);
        }
        self.direct_dial_ended(id);
    }

    fn dial_for_direct(&mut self, peer: NodeId, dial: DialOpts) {
        let connection = dial.connection_id();
        match self.swarm.dial(dial) {
            Ok(()) => drop(self.reach.dials.insert(connection, peer)),
            Err(error) => tracing::debug!(%peer, "not dialled directly: {error}"),
        }
    }

    /// A dial has ended. If it was to become a direct connection and has not, and no other is under way, the attempt has
    /// failed.
    fn direct_dial_ended(&mut self, connection: ConnectionId) {
        let Some(peer) = self.reach.dials.remove(&connection) else { return };
        if !self.reach.dials.values().any(|other| *other == peer) {
            let now = self.reach.clock.now();
            self.reach.punches.failed(&peer, Failure::Unreachable, now, rand::random());
        }
    }
}

/// Agrees with the peer at the other end of a relayed connection on when to dial each other.
async fn agree(connection: Arc<Connection>, own: Vec<Multiaddr>) -> Outcome {
    let stream = connection.open(punch::PROTOCOL).await.map_err(|error| match error {
        OpenError::Unsupported(_) => Failure::Unsupported,
        _ => Failure::RelayLost,
    })?;
    punch::initiate(stream, &own).await.map_err(|error| {
        tracing::debug!(peer = %connection.peer, "no hole punched: {error}");
        match error {
            PunchError::Io(_) => Failure::RelayLost,
            PunchError::NoAddresses => Failure::NoCandidates,
            PunchError::Timeout => Failure::Silent,
            PunchError::Read(_) | PunchError::Unexpected { .. } => Failure::Unsupported,
        }
    })
}
