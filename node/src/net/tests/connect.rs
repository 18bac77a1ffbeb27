//! Dialling what does not lead to a node.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    time::Duration,
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    NodeId,
    error::ConnectError,
    net::{Command, Net, connections::Connection, parse_address, split_peer, streams::OpenError, with_peer},
    testing::{builder, eventually, listening, lists, loopback, node, pair, rpc, within},
};

/// An address that nobody listens at.
fn dead_port() -> Multiaddr {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn connecting_gives_the_peer_whether_or_not_it_is_named() {
    let (server, client) = (node(&[]).await, node(&[]).await);
    for address in server.addresses() {
        let peer = within("connecting", client.connect(&split_peer(&address).0)).await.unwrap();
        assert_eq!(peer, server.id());
        assert_eq!(within("connecting again", client.connect(&address)).await.unwrap(), server.id());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_over_quic_have_bounds() {
    for streams in [0, 63, 14_337, u32::MAX] {
        let error = builder().streams_over_quic(streams).spawn().await.unwrap_err().to_string();
        let rule = format!("net.streams_over_quic is {streams}; it takes a number from 64 to 14336");
        assert!(error.contains(&rule), "{error}");
    }
    let small = || builder().listen(["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()]).streams_over_quic(64);
    let server = listening(small()).await;
    let client = listening(small()).await;
    within("connecting", client.connect(&server.addresses()[0])).await.unwrap();
    // One end stops before the other would let it wait, and goes on once some have ended.
    let net = &rpc(&client).net;
    let connection = net.connections.best(&server.id()).unwrap();
    let mut open = Vec::new();
    let error = loop {
        match within("an answer", connection.open(net.protocols.bulk.clone())).await {
            Ok(stream) => open.push(stream),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, OpenError::Full) && (32..=56).contains(&open.len()), "{} open: {error}", open.len());
    open.clear();
    within("another", connection.open(net.protocols.bulk.clone())).await.unwrap();
}

#[tokio::test]
async fn a_relay_that_may_relay_nothing_is_refused() {
    let mut config = crate::config::Config::default();
    config.net.relay_limits.circuits = 0;
    let error = crate::Node::builder().config(config).spawn().await.unwrap_err().to_string();
    assert!(error.contains("net.relay_limits.circuits is 0") && error.contains("at least 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_does_not_connect_to_itself() {
    let node = node(&[]).await;
    for address in node.addresses() {
        let error = within("connecting", node.connect(&address)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Itself), "{error}");
        let error = within("connecting", node.connect(&split_peer(&address).0)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Itself), "{address}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_is_named_with_the_reason() {
    let (alone, somebody) = (node(&[]).await, node(&[]).await);
    let dead = dead_port();
    for address in [dead.clone(), with_peer(&dead, &somebody.id())] {
        let error = within("connecting", alone.connect(&address)).await.unwrap_err();
        assert!(matches!(error, ConnectError::Failed { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(&dead.to_string()) && message.contains("refused"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_node_than_the_named_one_is_not_connected_to() {
    let (client, server, absent) = (node(&[]).await, node(&[]).await, node(&[]).await);
    let address = with_peer(&split_peer(&server.addresses()[0]).0, &absent.id());
    let error = within("connecting", client.connect(&address)).await.unwrap_err();
    assert!(error.to_string().contains(&server.id().to_string()), "{error}");
    eventually("no connection", || client.0.net().connections.len() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_can_dial_is_refused() {
    let node = node(&[]).await;
    let rsa = "/ip4/127.0.0.1/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN";
    for address in ["/memory/1", "/ip4/127.0.0.1/sctp/1", "/unix/tmp", "/dns4/no.such.name.invalid/tcp/1", rsa] {
        let error = within(address, node.connect(&address.parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Failed { .. }), "{address}: {error}");
    }
    assert!(matches!(parse_address("nonsense"), Err(ConnectError::Address { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_tried_at_all_its_addresses() {
    let server = node(&[]).await;
    let dead = with_peer(&dead_port(), &server.id());
    let client = node(&[dead, server.addresses()[0].clone()]).await;
    within("joining", client.joined()).await;
}

/// Somebody who takes in whatever is sent to an address, and says nothing.
fn silent_port() -> (UdpSocket, Multiaddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, format!("/ip4/127.0.0.1/udp/{port}/quic-v1").parse().unwrap())
}

/// Dials a peer as it is done for reasons of the node's own, and not for somebody who waits for the peer.
async fn dial_for_itself(net: &Net, peer: NodeId, address: Multiaddr) -> oneshot::Receiver<Result<(), String>> {
    let (reply, dialled) = oneshot::channel::<Result<std::sync::Arc<Connection>, String>>();
    net.command(Command::DialAnew { peer, address, reply }).await;
    let (ended, end) = oneshot::channel();
    tokio::spawn(async move { ended.send(dialled.await.unwrap().map(drop)) });
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_wants_a_peer_does_not_wait_for_a_dial_that_leads_nowhere() {
    let (server, client) = (node(&[]).await, node(&[]).await);
    let (_silent, nowhere) = silent_port();
    let mut other = dial_for_itself(client.0.net(), server.id(), nowhere).await;
    let addresses = server.addresses().iter().map(|a| split_peer(a).0).collect();
    within("connecting", client.0.net().dial(Some(server.id()), addresses)).await.unwrap();
    assert!(other.try_recv().is_err(), "the other one is still under way");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_for_other_reasons_fails_nobody_who_wants_the_peer() {
    let (server, client) = (node(&[]).await, node(&[]).await);
    let (_silent, nowhere) = silent_port();
    let net = client.0.net().clone();
    let peer = server.id();
    let mut wanted = tokio::spawn(async move { net.dial(Some(peer), vec![nowhere]).await });
    for _ in 0..2 {
        let other = dial_for_itself(client.0.net(), peer, dead_port()).await;
        within("the other dial fails", other).await.unwrap().unwrap_err();
    }
    assert!(timeout(Duration::from_millis(100), &mut wanted).await.is_err(), "its own dial is under way");
    // Whichever way it comes, the connection will do.
    within("connecting", server.connect(&client.addresses()[0])).await.unwrap();
    assert_eq!(within("the peer is there", wanted).await.unwrap().unwrap(), peer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_dropped_leaves_nothing_behind() {
    let (dropped, other) = pair().await;
    let ports: Vec<_> = dropped.addresses().iter().map(|a| split_peer(a).0).collect();
    // Lanes are open both ways, over which nothing more will ever be said.
    for (from, to) in [(&dropped, &other), (&other, &dropped)] {
        let call = from.client("system").unwrap().call::<_, serde_json::Value>("ping", &()).peer(to.id());
        within("a call", std::future::IntoFuture::into_future(call)).await.unwrap();
    }
    let rpc = std::sync::Arc::downgrade(&dropped.0.rpc);
    let mut watch = dropped.watch();
    drop(dropped);
    eventually("everything is let go of", || rpc.strong_count() == 0).await;
    eventually("the other side notices", || other.0.net().connections.len() == 0).await;
    within("the watch ends", async { while watch.next().await.is_some() {} }).await;
    // The very same ports can be used again, which a plan that finds them taken would not do.
    for address in &ports {
        eventually("the port is free", || {
            crate::net::listen::plan(std::slice::from_ref(address), None, None).moved.is_empty()
        })
        .await;
    }
    let again = listening(crate::testing::builder().listen(ports.clone()).bootstrap(other.addresses())).await;
    eventually("the same ports", || again.addresses().iter().all(|a| ports.contains(&split_peer(a).0))).await;
    eventually("it is found", || lists(&again, "system")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_reported_and_another_one_used() {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let (events, reported) = std::sync::mpsc::sync_channel(64);
    let node = listening(
        crate::testing::builder()
            .listen([format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()])
            .on_event(move |event| drop(events.try_send(event))),
    )
    .await;
    let used = node.addresses()[0].iter().find_map(|p| if let Protocol::Tcp(port) = p { Some(port) } else { None });
    assert_ne!(used, Some(port));
    let event = reported.iter().find(|e| matches!(e, crate::NodeEvent::PortTaken { .. })).unwrap();
    assert!(matches!(event, crate::NodeEvent::PortTaken { wanted, .. } if wanted == port), "{event:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_listened_on_is_named() {
    let elsewhere = || "/ip4/192.0.2.1/tcp/0".parse::<Multiaddr>().unwrap();
    let error = crate::testing::builder().listen([elsewhere()]).spawn().await;
    // Whether the system refuses at once depends on it; if it does, the address is named.
    if let Err(error) = error {
        assert!(error.to_string().contains("192.0.2.1"), "{error}");
    }
    let error =
        crate::testing::builder().listen(["/dns4/example.org/tcp/1".parse().unwrap()]).spawn().await.unwrap_err();
    assert!(error.to_string().contains("example.org") && error.to_string().contains("--listen"), "{error}");
    listening(crate::testing::builder().listen(loopback())).await;
}
