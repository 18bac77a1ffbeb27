//! On and off while connections are open.

use atoll_registry::reach::capacity::RelayLimits;

use super::peer::Peer;
use crate::{
    net::relay::{HOP, figures::Refusal, messages::Status},
    testing::eventually,
};

fn speaks(peer: &Peer, other: &Peer) -> bool {
    peer.seen.lock().protocols.get(&other.id).is_some_and(|protocols| protocols.contains(&HOP))
}

async fn identified(peer: &Peer, other: &Peer) {
    eventually("identify has spoken", || peer.seen.lock().protocols.contains_key(&other.id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_off_does_not_speak_the_protocol_until_it_is_switched_on() {
    let (relay, peer) = (Peer::client().await, Peer::raw().await);
    let connection = peer.join(&relay, "tcp").await;
    identified(&peer, &relay).await;
    assert!(!speaks(&peer, &relay));
    relay.relay.set_enabled(true);
    eventually("identify tells it, on connections that are open", || speaks(&peer, &relay)).await;
    assert_eq!(peer.reserve_by_hand(&connection).await.status, Some(Status::Ok.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_off_ends_nothing_abruptly_and_begins_nothing_new() {
    let (relay, target, source) =
        (Peer::relay(RelayLimits::default()).await, Peer::client().await, Peer::client().await);
    target.reserve(&relay, "quic-v1").await;
    let circuit = source.circuit(&relay, "quic-v1", &target).await;
    relay.relay.set_enabled(false);

    let late = Peer::raw().await;
    late.join(&relay, "tcp").await;
    identified(&late, &relay).await;
    assert!(!speaks(&late, &relay));
    // Whoever was told of the service is answered, and can reach the targets that there are, but reserves no more.
    let told = source.connections.best(&relay.node).unwrap();
    let refused = source.reserve_by_hand(&told).await;
    assert_eq!(refused.status, Some(Status::ReservationRefused.into()));
    let (_stream, status) = source.connect_by_hand(&told, target.node).await;
    assert_eq!(status, Status::Ok);

    assert!(circuit.open(super::peer::TALK).await.is_ok());
    let figures = relay.relay.figures();
    assert_eq!((figures.reservations.value(), figures.refused(Refusal::Off)), (1, 1));
    assert!(figures.circuits.value() >= 1);
}
