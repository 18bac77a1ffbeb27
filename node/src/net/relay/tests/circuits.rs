//! Reservations and circuits between real swarms.

use std::time::Duration;

use atoll_registry::reach::capacity::RelayLimits;
use futures::{AsyncReadExt, AsyncWriteExt, future::join};

use super::peer::{Kind, Peer, TALK, bytes, exchange};
use crate::{
    net::relay::{
        HOP, PENDING_PER_CONNECTION,
        figures::Refusal,
        messages::{self, Status, StopKind, StopMessage},
    },
    testing::{eventually, within},
};

const MIB: usize = 1 << 20;
const BOTH: [&str; 2] = ["tcp", "quic-v1"];

fn accepted() -> StopMessage {
    StopMessage { kind: Some(StopKind::Status.into()), peer: None, status: Some(Status::Ok.into()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_exchange_megabytes_both_ways_over_either_transport() {
    for (there, here) in [("tcp", "tcp"), ("quic-v1", "quic-v1"), ("tcp", "quic-v1")] {
        let (relay, target, source) =
            (Peer::relay(RelayLimits::default()).await, Peer::client().await, Peer::client().await);
        target.reserve(&relay, there).await;
        let connection = source.circuit(&relay, here, &target).await;
        let opened = within("a substream", connection.open(TALK)).await.unwrap();
        let (said, replied) = (bytes(1, 5 * MIB), bytes(2, 5 * MIB));
        let reply = async { exchange(target.accept(&TALK).await.1, &replied).await };
        let (heard, asked) = join(exchange(opened, &said), reply).await;
        assert!(asked == said && heard == replied, "{there} to {here}");
        let figures = relay.relay.figures();
        assert_eq!((figures.circuits.value(), figures.connected.count()), (1, 1));
        assert!(figures.bytes.count() >= 10 * MIB as u64, "{}", figures.bytes.count());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_renews_and_is_counted_once() {
    let (relay, target) = (Peer::relay(RelayLimits::default()).await, Peer::client().await);
    target.reserve(&relay, "quic-v1").await;
    target.reserve(&relay, "quic-v1").await;
    eventually("both are granted", || target.seen.lock().renewals.len() == 2).await;
    let figures = relay.relay.figures();
    assert_eq!((figures.reservations.value(), figures.reserved.count(), figures.renewed.count()), (1, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_can_end_before_the_other() {
    for transport in BOTH {
        let (relay, target, source) = (Peer::relay(RelayLimits::default()).await, Peer::raw().await, Peer::raw().await);
        let reserved = target.join(&relay, transport).await;
        assert_eq!(target.reserve_by_hand(&reserved).await.status, Some(Status::Ok.into()));
        let connection = source.join(&relay, transport).await;
        let accept = async {
            let (offer, mut stream) = target.offered().await;
            assert_eq!(offer.kind, Some(StopKind::Connect.into()));
            assert_eq!(offer.peer.unwrap().id, source.id.to_bytes());
            // What the target says first may come together with its consent.
            messages::write(&mut stream, &accepted()).await.unwrap();
            stream.write_all(b"first").await.unwrap();
            stream
        };
        let (mut there, (mut here, status)) = join(accept, source.connect_by_hand(&connection, target.node)).await;
        assert_eq!(status, Status::Ok);
        let mut first = [0; 5];
        within("what comes with the consent", here.read_exact(&mut first)).await.unwrap();
        here.write_all(b"question").await.unwrap();
        here.close().await.unwrap();
        let mut question = String::new();
        within("the end of one side", there.read_to_string(&mut question)).await.unwrap();
        there.write_all(b"answer").await.unwrap();
        there.close().await.unwrap();
        let mut answer = String::new();
        within("the end of the other", here.read_to_string(&mut answer)).await.unwrap();
        assert_eq!((&first, question.as_str(), answer.as_str()), (b"first", "question", "answer"));
        eventually("the circuit is gone", || relay.relay.figures().circuits.value() == 0).await;
        assert_eq!(relay.relay.figures().bytes.count(), 5 + 8 + 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_reach_clients_with_the_right_status() {
    let limits = RelayLimits { reservations: 1, circuits: 1, ..RelayLimits::default() };
    let (relay, target, source) = (Peer::relay(limits).await, Peer::client().await, Peer::client().await);
    source.dial(relay.through("tcp", &target)).await;
    eventually("it is refused", || source.seen.lock().failed.iter().any(|e| e.contains("NoReservation"))).await;
    target.reserve(&relay, "tcp").await;
    let late = Peer::client().await;
    late.order({
        let address = relay.address("tcp").with(libp2p::multiaddr::Protocol::P2pCircuit);
        |swarm| {
            swarm.listen_on(address).unwrap();
        }
    })
    .await;
    eventually("it is refused", || late.seen.lock().closed.iter().any(|e| e.contains("Refused"))).await;

    source.circuit(&relay, "tcp", &target).await;
    late.dial(relay.through("tcp", &target)).await;
    let too_many = || late.seen.lock().failed.iter().any(|e| e.contains("ResourceLimitExceeded"));
    eventually("it is refused", too_many).await;
    let figures = relay.relay.figures();
    assert_eq!((figures.refused(Refusal::NoReservation), figures.refused(Refusal::Circuits)), (1, 1));
    assert_eq!((figures.refused(Refusal::Reservations), figures.circuits.value()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_has_gone_has_no_reservation_and_its_circuits_end() {
    for transport in BOTH {
        let (relay, target, source) =
            (Peer::relay(RelayLimits::default()).await, Peer::client().await, Peer::client().await);
        target.reserve(&relay, transport).await;
        source.circuit(&relay, transport, &target).await;
        let node = target.node;
        drop(target);
        eventually("the reservation is gone", || relay.relay.figures().reservations.value() == 0).await;
        eventually("the circuit is gone", || relay.relay.figures().circuits.value() == 0).await;
        eventually("so is the connection in it", || source.connections.best(&node).is_none()).await;
        let connection = source.connections.best(&relay.node).unwrap();
        assert_eq!(source.connect_by_hand(&connection, node).await.1, Status::NoReservation);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_up_ends_the_circuits_of_that_connection() {
    for transport in BOTH {
        let (relay, target, source) =
            (Peer::relay(RelayLimits::default()).await, Peer::client().await, Peer::client().await);
        target.reserve(&relay, transport).await;
        source.circuit(&relay, transport, &target).await;
        let id = source.id;
        relay.order(move |swarm| swarm.disconnect_peer_id(id).unwrap()).await;
        eventually("the circuit is gone", || relay.relay.figures().circuits.value() == 0).await;
        assert_eq!(relay.relay.figures().reservations.value(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_declines_or_speaks_nonsense_fails_the_circuit() {
    let (relay, target, source) = (Peer::relay(RelayLimits::default()).await, Peer::raw().await, Peer::raw().await);
    let reserved = target.join(&relay, "quic-v1").await;
    target.reserve_by_hand(&reserved).await;
    let connection = source.join(&relay, "quic-v1").await;
    let declined = StopMessage { status: Some(Status::PermissionDenied.into()), ..accepted() };
    let nonsense = StopMessage { kind: Some(StopKind::Connect.into()), ..accepted() };
    for answer in [declined, nonsense] {
        let decline = async {
            let (_, mut stream) = target.offered().await;
            messages::write(&mut stream, &answer).await.unwrap();
        };
        let ((), (_, status)) = join(decline, source.connect_by_hand(&connection, target.node)).await;
        assert_eq!(status, Status::ConnectionFailed);
    }
    // And one that does not even answer, but closes.
    let close = async { drop(target.offered().await) };
    let ((), (_, status)) = join(close, source.connect_by_hand(&connection, target.node)).await;
    assert_eq!(status, Status::ConnectionFailed);
    let figures = relay.relay.figures();
    assert_eq!((figures.refused(Refusal::Declined), figures.refused(Refusal::Unanswered)), (1, 2));
    assert_eq!((figures.circuits.value(), figures.connected.count()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_connections_the_one_that_has_reserved_is_used() {
    let (relay, target, source) =
        (Peer::relay(RelayLimits::default()).await, Peer::client().await, Peer::client().await);
    target.join(&relay, "tcp").await;
    target.reserve(&relay, "tcp").await;
    target.join(&relay, "quic-v1").await;
    // libp2p's client declines circuits on a connection that it has not reserved over.
    source.circuit(&relay, "tcp", &target).await;
    assert_eq!(relay.relay.figures().connected.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_reserved_over_a_relayed_connection() {
    let (between, relay, peer) =
        (Peer::relay(RelayLimits::default()).await, Peer::relay(RelayLimits::default()).await, Peer::client().await);
    // Once the relay is the target of the circuit, once its source.
    relay.reserve(&between, "tcp").await;
    let inward = peer.circuit(&between, "tcp", &relay).await;
    assert_eq!(peer.reserve_by_hand(&inward).await.status, Some(Status::PermissionDenied.into()));

    let other = Peer::client().await;
    other.reserve(&between, "tcp").await;
    relay.circuit(&between, "tcp", &other).await;
    let outward = crate::testing::connection(&other.connections, relay.node).await;
    assert_eq!(other.reserve_by_hand(&outward).await.status, Some(Status::PermissionDenied.into()));
    assert_eq!(relay.relay.figures().refused(Refusal::Relayed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_opens_substreams_and_says_nothing_gets_a_few() {
    let (relay, peer) = (Peer::relay(RelayLimits::default()).await, Peer::raw().await);
    let connection = peer.join(&relay, "quic-v1").await;
    let mut open = Vec::new();
    for _ in 0..PENDING_PER_CONNECTION + 3 {
        let mut stream = connection.open(HOP).await.unwrap();
        // The protocol is only proposed with the first byte.
        stream.write_all(&[0x80]).await.unwrap();
        stream.flush().await.unwrap();
        open.push(stream);
    }
    eventually("the rest is refused", || relay.relay.figures().refused(Refusal::Pending) == 3).await;
    drop(open);
    // Its places are free again at once.
    eventually("all are let go of", || relay.relay.figures().refused(Refusal::Silent) == PENDING_PER_CONNECTION as u64)
        .await;
    assert_eq!(peer.reserve_by_hand(&connection).await.status, Some(Status::Ok.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_keeps_its_connection() {
    let relay = Peer::start(Kind { idle: Duration::from_millis(200), ..Kind::default() }).await;
    relay.relay.set_enabled(true);
    let (reserved, other) = (Peer::raw().await, Peer::raw().await);
    let connection = reserved.join(&relay, "tcp").await;
    assert_eq!(reserved.reserve_by_hand(&connection).await.status, Some(Status::Ok.into()));
    other.join(&relay, "tcp").await;
    eventually("the idle one is closed", || other.connections.len() == 0).await;
    assert_eq!(reserved.connections.len(), 1);
    assert_eq!(relay.relay.figures().reservations.value(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circuit_that_is_held_back_loses_nothing() {
    // Slower than any machine, however much else it has to do.
    let limits = RelayLimits { bytes_per_second: MIB as u64, burst_ms: 20, ..RelayLimits::default() };
    let (relay, target, source) = (Peer::relay(limits).await, Peer::client().await, Peer::client().await);
    target.reserve(&relay, "quic-v1").await;
    let connection = source.circuit(&relay, "quic-v1", &target).await;
    let opened = connection.open(TALK).await.unwrap();
    let (said, replied) = (bytes(3, MIB), bytes(4, MIB));
    let reply = async { exchange(target.accept(&TALK).await.1, &replied).await };
    let (heard, asked) = join(exchange(opened, &said), reply).await;
    assert!(asked == said && heard == replied);
    let figures = relay.relay.figures();
    assert!(figures.delayed.count() > MIB as u64 && figures.delayed.count() <= figures.bytes.count());
}
