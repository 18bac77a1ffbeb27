use atoll_protocol::identity::NodeId;

use super::*;

fn node() -> NodeId {
    NodeId::from_public_key([7; 32])
}

fn narrator() -> Narrator {
    Narrator::new("main".parse().unwrap(), "node".to_owned())
}

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn every_event_is_one_calm_line() {
    let (node, short) = (node(), node().short());
    let at = address("/ip4/192.0.2.7/udp/4077/quic-v1");
    let cases = [
        (NodeEvent::Started { node, data_dir: Some("/d".into()) }, format!("node {node} on network main (data in /d)")),
        (NodeEvent::Started { node, data_dir: None }, format!("node {node} on network main (data in memory)")),
        (NodeEvent::PortTaken { wanted: 4077, using: 4078 }, "port 4077 is in use; using 4078".to_owned()),
        (
            NodeEvent::ListenFailed { address: at.clone(), reason: "no such address".to_owned() },
            format!("cannot listen on {at}: no such address"),
        ),
        (NodeEvent::Listening { address: at.clone() }, format!("listening on {at}")),
        (
            NodeEvent::BootstrapFailed { address: at.clone(), reason: "refused".to_owned() },
            format!("cannot reach {at}: refused; trying again later"),
        ),
        (NodeEvent::Joined { peers: 3, millis: 240 }, "joined: 3 peers in 240 ms".to_owned()),
        (NodeEvent::Joined { peers: 1, millis: 9 }, "joined: 1 peer in 9 ms".to_owned()),
        (
            NodeEvent::PeerConnected { peer: node, address: address(&format!("{at}/p2p/{node}")) },
            format!("peer connected: {short} at {at}"),
        ),
        (NodeEvent::PeerDisconnected { peer: node }, format!("peer disconnected: {short}")),
        (
            NodeEvent::WrongNetwork { peer: node, network: "home\u{1b}[2J".to_owned() },
            format!("peer {short} is on network home\u{fffd}[2J, not main: disconnected"),
        ),
        (
            NodeEvent::PeerBarred { peer: node, seconds: 600, faults: "20 forged".to_owned() },
            format!("peer {short} is barred for 10 min: 20 forged"),
        ),
        (
            NodeEvent::MakingIdentity { bits: 20, tried: 512 },
            "making an identity of 20 bits: 512 keys tried, 1048576 on average".to_owned(),
        ),
        (
            NodeEvent::PeerTooEasy { peer: node, bits: 3, wanted: 20 },
            format!("peer {short} has an identity of 3 bits, not 20: disconnected"),
        ),
        (NodeEvent::Stopping, "stopping".to_owned()),
    ];
    for (event, expected) in cases {
        assert_eq!(narrator().line(&event), expected);
    }
}

#[test]
fn the_first_node_says_how_others_join() {
    let mut narrator = narrator();
    assert!(narrator.line(&NodeEvent::Alone).ends_with("join with: node --peer ADDR"));
    let addresses = [
        "/ip4/127.0.0.1/udp/4077/quic-v1",
        "/ip6/fe80::1/udp/4077/quic-v1",
        "/ip4/192.168.1.5/tcp/4077",
        "/ip4/192.168.1.5/udp/4077/quic-v1",
        "/ip6/2001:db8::1/udp/4077/quic-v1",
    ];
    for text in addresses {
        narrator.line(&NodeEvent::Listening { address: address(text) });
    }
    let line = narrator.line(&NodeEvent::Alone);
    assert!(line.starts_with("first node of this network (nobody to join through)"), "{line}");
    assert!(line.ends_with("--peer /ip4/192.168.1.5/udp/4077/quic-v1"), "{line}");
}

#[test]
fn the_way_to_join_names_the_network() {
    let line = Narrator::new("home".parse().unwrap(), "node".to_owned()).line(&NodeEvent::Alone);
    assert!(line.ends_with("--peer ADDR --network home"), "{line}");
}

#[test]
fn an_identity_that_is_too_easy_is_told_with_the_way_out() {
    let line = narrator().line(&NodeEvent::IdentityTooEasy { bits: 3, wanted: 20 });
    assert!(line.contains("3 of the 20 bits") && line.contains("move the file identity.key away"), "{line}");
}
