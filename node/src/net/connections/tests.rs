//! Which connection is the best one, and what is told of it.

use futures::FutureExt;

use super::*;

const DIRECT: &str = "/ip4/192.0.2.7/udp/4077/quic-v1";
const RELAYED: &str = "/ip4/192.0.2.9/udp/4077/quic-v1/p2p-circuit";

fn peer() -> NodeId {
    NodeId::from_public_key([7; 32])
}

/// A connection, and what keeps it open.
fn connection(id: usize, address: &str) -> (Arc<Connection>, mpsc::Receiver<OpenRequest>) {
    let (opens, open) = mpsc::channel(1);
    let id = ConnectionId::new_unchecked(id);
    (Arc::new(Connection::new(id, peer(), address.parse().unwrap(), true, 8, opens)), open)
}

fn best(connections: &Connections) -> ConnectionId {
    connections.best(&peer()).unwrap().id
}

#[test]
fn a_silent_one_is_the_last_to_be_taken() {
    let connections = Connections::default();
    let ((direct, _direct), (relayed, _relayed)) = (connection(1, DIRECT), connection(2, RELAYED));
    for one in [&direct, &relayed] {
        connections.insert(Arc::clone(one));
    }
    assert!(best(&connections) == direct.id && relayed.is_outdone_by(&direct));
    let before = connections.generation();
    connections.set_silent(&direct, true);
    assert!(best(&connections) == relayed.id && direct.is_outdone_by(&relayed) && !relayed.is_outdone_by(&direct));
    assert_ne!(connections.generation(), before, "lanes look again");
    connections.set_silent(&relayed, true);
    assert_eq!(best(&connections), direct.id, "where all are silent, as ever");
    connections.measured(&peer(), relayed.id, Duration::from_millis(90));
    assert_eq!(best(&connections), relayed.id, "it has answered a ping");
}

#[test]
fn whoever_waits_for_a_peer_to_be_heard_is_told() {
    let connections = Connections::default();
    assert!(connections.heard(&peer()).now_or_never().unwrap().is_none(), "there is nothing to wait for");
    let (old, _old) = connection(1, DIRECT);
    connections.insert(Arc::clone(&old));
    connections.set_silent(&old, true);

    let node = peer();
    let mut heard = Box::pin(connections.heard(&node));
    assert!((&mut heard).now_or_never().is_none());
    let (new, _new) = connection(2, RELAYED);
    connections.insert(Arc::clone(&new));
    assert_eq!(heard.now_or_never().flatten().unwrap().id, new.id, "over a new connection");

    connections.remove(&node, new.id);
    let mut heard = Box::pin(connections.heard(&node));
    assert!((&mut heard).now_or_never().is_none());
    connections.set_silent(&old, false);
    assert_eq!(heard.now_or_never().flatten().unwrap().id, old.id, "or over the old one");
}
