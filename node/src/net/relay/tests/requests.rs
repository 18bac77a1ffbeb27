//! Hop substreams on pipes: every request and what it is answered, and what is no request.

use std::{sync::Arc, time::Duration};

use atoll_protocol::identity::{NodeId, SecretKey};
use atoll_registry::{peers::Subnet, reach::capacity::RelayLimits};
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::swarm::ConnectionId;
use tokio::sync::{Semaphore, mpsc};

use super::{Pipe, pipe};
use crate::{
    net::relay::{
        Relay,
        figures::Refusal,
        hop,
        messages::{self, HopKind, HopMessage, Peer, Status},
        service::{Ask, Origin, Times},
    },
    testing::within,
};

const HERE: &str = "/ip4/192.0.2.1/tcp/1";

fn someone() -> NodeId {
    SecretKey::from_seed(&rand::random()).node_id()
}

fn short() -> Times {
    let soon = Duration::from_millis(100);
    Times { request: soon, stop: soon, answer: soon, ..Times::default() }
}

fn service(limits: RelayLimits) -> Relay {
    let relay = Relay::with_times(someone(), limits, short(), || vec![HERE.parse().unwrap()]);
    relay.set_enabled(true);
    relay
}

fn origin(peer: NodeId, connection: usize) -> Origin {
    Origin { peer, connection: ConnectionId::new_unchecked(connection), subnet: None, direct: true }
}

/// A peer that is connected as `connection`; what is asked of the connection comes out of the receiver.
fn connected(relay: &Relay, connection: usize) -> (Origin, mpsc::Receiver<Ask>) {
    let origin = origin(someone(), connection);
    let (asks, asked) = mpsc::channel(4);
    relay.connected(origin.connection, origin.peer, false, asks);
    (origin, asked)
}

/// A substream on which a peer says nothing yet.
fn substream(relay: &Relay, from: Origin) -> Pipe {
    let (near, far) = pipe();
    let pending = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
    tokio::spawn(hop::serve(relay.clone(), from, far, pending));
    near
}

async fn ask(relay: &Relay, from: Origin, message: &HopMessage) -> HopMessage {
    let mut stream = substream(relay, from);
    messages::write(&mut stream, message).await.unwrap();
    within("an answer", messages::read(&mut stream)).await.unwrap()
}

fn reserve() -> HopMessage {
    HopMessage { kind: Some(HopKind::Reserve.into()), ..HopMessage::default() }
}

fn connect(peer: NodeId) -> HopMessage {
    let peer = Some(Peer { id: peer.to_peer_id_bytes() });
    HopMessage { kind: Some(HopKind::Connect.into()), peer, ..HopMessage::default() }
}

fn status(message: &HopMessage) -> Status {
    assert_eq!(message.kind, Some(HopKind::Status.into()));
    Status::try_from(message.status.unwrap()).unwrap()
}

#[tokio::test]
async fn a_reservation_names_the_relay_and_says_when_it_ends() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 1);
    let answer = ask(&relay, peer, &reserve()).await;
    assert_eq!(status(&answer), Status::Ok);
    let reservation = answer.reservation.unwrap();
    let [address] = reservation.addrs.as_slice() else { panic!("{reservation:?}") };
    let address = libp2p::Multiaddr::try_from(address.clone()).unwrap().to_string();
    assert!(address.starts_with(&format!("{HERE}/p2p/12D3")), "{address}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((now + 3590..=now + 3600).contains(&reservation.expire.unwrap()), "{reservation:?}");

    assert_eq!(status(&ask(&relay, peer, &reserve()).await), Status::Ok);
    let figures = relay.figures();
    assert_eq!((figures.reserved.count(), figures.renewed.count(), figures.reservations.value()), (1, 1, 1));
}

#[tokio::test]
async fn a_reservation_ends_with_the_last_connection_of_its_peer() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 1);
    relay.connected(ConnectionId::new_unchecked(2), peer.peer, true, mpsc::channel(1).0);
    ask(&relay, peer, &reserve()).await;
    relay.disconnected(peer.connection);
    assert_eq!(relay.figures().reservations.value(), 1);
    relay.disconnected(ConnectionId::new_unchecked(2));
    assert_eq!(relay.figures().reservations.value(), 0);
    let gone = ask(&relay, peer, &reserve()).await;
    assert_eq!(status(&gone), Status::ConnectionFailed, "a request that comes after the connection's end");
    assert_eq!(relay.figures().reservations.value(), 0);
}

#[tokio::test]
async fn a_relayed_connection_gets_nothing() {
    let relay = service(RelayLimits::default());
    let (target, _asks) = connected(&relay, 1);
    ask(&relay, target, &reserve()).await;
    let relayed = Origin { direct: false, ..origin(someone(), 2) };
    for request in [reserve(), connect(target.peer)] {
        assert_eq!(status(&ask(&relay, relayed, &request).await), Status::PermissionDenied);
    }
    assert_eq!(relay.figures().refused(Refusal::Relayed), 2);
}

#[tokio::test]
async fn without_an_address_or_when_off_nothing_is_reserved() {
    let relay = Relay::with_times(someone(), RelayLimits::default(), short(), || {
        vec![format!("{HERE}/p2p/{}/p2p-circuit", libp2p::PeerId::random()).parse().unwrap()]
    });
    relay.set_enabled(true);
    let (peer, _asks) = connected(&relay, 1);
    assert_eq!(status(&ask(&relay, peer, &reserve()).await), Status::ReservationRefused);
    relay.set_enabled(false);
    assert_eq!(status(&ask(&relay, peer, &reserve()).await), Status::ReservationRefused);
    let figures = relay.figures();
    assert_eq!((figures.refused(Refusal::NoAddress), figures.refused(Refusal::Off)), (1, 1));
}

#[tokio::test]
async fn reservations_beyond_the_limits_are_refused() {
    let relay = service(RelayLimits { reservations: 2, reservations_per_subnet: 1, ..RelayLimits::default() });
    let subnet = Subnet::counted("1.1.1.1".parse().unwrap());
    let mut asks = Vec::new();
    let mut asked = async |connection, subnet| {
        let (peer, asked) = connected(&relay, connection);
        asks.push(asked);
        status(&ask(&relay, Origin { subnet, ..peer }, &reserve()).await)
    };
    assert_eq!(asked(1, subnet).await, Status::Ok);
    assert_eq!(asked(2, subnet).await, Status::ReservationRefused);
    assert_eq!(asked(3, None).await, Status::Ok);
    assert_eq!(asked(4, None).await, Status::ReservationRefused);
    let figures = relay.figures();
    assert_eq!((figures.refused(Refusal::ReservationsOfSubnet), figures.refused(Refusal::Reservations)), (1, 1));
}

#[tokio::test]
async fn circuits_beyond_the_limits_are_refused() {
    for (limits, reason) in [
        (RelayLimits { circuits: 0, ..RelayLimits::default() }, Refusal::Circuits),
        (RelayLimits { circuits_per_source: 0, ..RelayLimits::default() }, Refusal::CircuitsOfSource),
        (RelayLimits { circuits_per_destination: 0, ..RelayLimits::default() }, Refusal::CircuitsToTarget),
        (RelayLimits { circuits_per_subnet: 0, ..RelayLimits::default() }, Refusal::CircuitsOfSubnet),
    ] {
        let relay = service(limits);
        let (target, _asks) = connected(&relay, 1);
        ask(&relay, target, &reserve()).await;
        let subnet = Subnet::counted("1.1.1.1".parse().unwrap());
        let source = Origin { subnet, ..origin(someone(), 2) };
        assert_eq!(status(&ask(&relay, source, &connect(target.peer)).await), Status::ResourceLimitExceeded);
        assert_eq!(relay.figures().refused(reason), 1, "{reason:?}");
    }
}

#[tokio::test]
async fn a_circuit_to_nobody_is_refused_and_one_to_a_mute_target_gives_its_place_back() {
    let relay = service(RelayLimits::default());
    let source = origin(someone(), 9);
    assert_eq!(status(&ask(&relay, source, &connect(someone())).await), Status::NoReservation);

    let (target, mut asks) = connected(&relay, 1);
    ask(&relay, target, &reserve()).await;
    assert_eq!(status(&ask(&relay, source, &connect(target.peer)).await), Status::ConnectionFailed);
    let Some(Ask::Open(reply)) = asks.recv().await else { panic!("it was not asked") };
    assert!(reply.is_closed(), "nobody waits any more");
    let figures = relay.figures();
    assert_eq!((figures.refused(Refusal::NoReservation), figures.refused(Refusal::Unanswered)), (1, 1));
    assert_eq!((figures.circuits.value(), figures.connected.count()), (0, 0));
}

#[tokio::test]
async fn the_connection_that_has_reserved_is_asked_first_then_quic_then_the_newest() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 3);
    for (id, quic) in [(1, true), (2, true), (4, false), (5, false)] {
        relay.connected(ConnectionId::new_unchecked(id), peer.peer, quic, mpsc::channel(1).0);
    }
    let order = |relay: &Relay| relay.links(&peer.peer).into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    assert_eq!(order(&relay), ["2", "1", "5", "4", "3"]);
    ask(&relay, peer, &reserve()).await;
    assert_eq!(order(&relay), ["3", "2", "1", "5", "4"]);
    assert!(relay.reserved_over(peer.connection) && !relay.reserved_over(ConnectionId::new_unchecked(2)));
}

#[tokio::test]
async fn what_is_no_request_is_told_so() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 1);
    let kind = |kind| HopMessage { kind, ..HopMessage::default() };
    let nobody = HopMessage { peer: Some(Peer { id: vec![1, 2, 3] }), ..kind(Some(1)) };
    for (message, expected) in [
        (kind(None), Status::MalformedMessage),
        (kind(Some(1)), Status::MalformedMessage),
        (nobody, Status::MalformedMessage),
        (kind(Some(2)), Status::UnexpectedMessage),
        (kind(Some(77)), Status::UnexpectedMessage),
    ] {
        assert_eq!(status(&ask(&relay, peer, &message).await), expected, "{message:?}");
    }
    for garbage in [&[0xff; 4096][..], &[5, 1, 2, 3, 4, 5], b"\x12GET / HTTP/1.1\r\n\r\n"] {
        let mut stream = substream(&relay, peer);
        stream.write_all(garbage).await.unwrap();
        let answer = within("an answer", messages::read(&mut stream)).await.unwrap();
        assert_eq!(status(&answer), Status::MalformedMessage, "{garbage:x?}");
        assert_eq!(within("its end", stream.read(&mut [0])).await.unwrap(), 0);
    }
    assert_eq!((relay.figures().refused(Refusal::Malformed), relay.figures().refused(Refusal::Unexpected)), (6, 2));
}

#[tokio::test]
async fn whoever_says_nothing_or_only_a_part_is_let_go_of_without_an_answer() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 1);
    for part in [&[][..], &[0x80], &[8, 0x08]] {
        let mut stream = substream(&relay, peer);
        stream.write_all(part).await.unwrap();
        assert_eq!(within("its end", stream.read(&mut [0])).await.unwrap(), 0, "{part:x?}");
    }
    assert_eq!(relay.figures().refused(Refusal::Silent), 3);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_does_not_hold_a_place() {
    let relay = service(RelayLimits::default());
    let (peer, _asks) = connected(&relay, 1);
    let (mut near, far) = pipe();
    let places = Arc::new(Semaphore::new(1));
    tokio::spawn(hop::serve(relay.clone(), peer, far, Arc::clone(&places).try_acquire_owned().unwrap()));
    messages::write(&mut near, &reserve()).await.unwrap();
    drop(within("the place is free", places.acquire()).await.unwrap());
    assert_eq!(relay.figures().reserved.count(), 1);
}
