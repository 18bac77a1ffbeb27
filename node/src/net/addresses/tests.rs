//! Tests of what addresses are good for.

use atoll_protocol::identity::SecretKey;

use super::*;

const LOOPBACK: &str = "/ip4/127.0.0.1/tcp/4077";
const LINK: &str = "/ip6/fe80::1/tcp/4077";
const PRIVATE: &str = "/ip4/192.168.1.2/udp/4077/quic-v1";
const GLOBAL: &str = "/ip4/1.2.3.4/udp/4077/quic-v1";

fn at(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn peer(n: u8) -> NodeId {
    SecretKey::from_seed(&[n; 32]).node_id()
}

fn told(addresses: &[&str]) -> Vec<String> {
    worth_telling(addresses.iter().map(|a| at(a)), &PublicRanges::default()).iter().map(ToString::to_string).collect()
}

#[test]
fn the_scope_is_that_of_the_ip_address() {
    let expected = [
        (LOOPBACK, Some(Scope::Loopback)),
        ("/ip6/::1/udp/1/quic-v1", Some(Scope::Loopback)),
        (LINK, Some(Scope::LinkLocal)),
        (PRIVATE, Some(Scope::Private)),
        (GLOBAL, Some(Scope::Global)),
        ("/ip4/0.0.0.0/tcp/4077", None),
        ("/dns4/example.org/tcp/4077", None),
        ("/memory/1", None),
    ];
    for (address, scope_of) in expected {
        assert_eq!(scope(&at(address), &PublicRanges::default()), scope_of, "{address}");
    }
}

#[test]
fn the_widest_addresses_are_told_first() {
    assert_eq!(told(&[PRIVATE, GLOBAL]), [GLOBAL, PRIVATE]);
    assert_eq!(told(&[GLOBAL, GLOBAL]), [GLOBAL], "each once");
}

#[test]
fn loopback_is_told_only_where_there_is_nothing_else() {
    assert_eq!(told(&[LOOPBACK]), [LOOPBACK]);
    assert_eq!(told(&[LOOPBACK, PRIVATE]), [PRIVATE]);
    // A link-local address is nothing else: it means nothing without its interface.
    assert_eq!(told(&[LOOPBACK, LINK]), [LOOPBACK]);
    assert!(told(&[LINK, "/ip4/0.0.0.0/tcp/4077"]).is_empty());
}

#[test]
fn no_more_addresses_are_told_than_a_record_may_have() {
    let many: Vec<String> = (1..100).map(|i| format!("/ip4/1.2.3.{i}/tcp/4077")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(told(&many).len(), limits::ADDRESSES_PER_NODE);
}

#[test]
fn a_node_serves_the_dht_only_if_all_its_peers_could_dial_it() {
    let serves = |own: &[&str], peers: &[&str]| {
        let (own, peers): (Vec<_>, Vec<_>) =
            (own.iter().map(|a| at(a)).collect(), peers.iter().map(|a| at(a)).collect());
        serves_dht(&own, &peers, &PublicRanges::default())
    };
    assert!(serves(&[LOOPBACK], &[]));
    assert!(serves(&[LOOPBACK], &[LOOPBACK]));
    assert!(serves(&[PRIVATE], &[PRIVATE, LOOPBACK]));
    assert!(!serves(&[PRIVATE], &[PRIVATE, GLOBAL]), "a home node among public ones");
    assert!(serves(&[PRIVATE, GLOBAL], &[GLOBAL]));
    assert!(!serves(&[], &[]), "nobody can dial it at all");
    assert!(!serves(&["/dns4/example.org/tcp/4077"], &[LOOPBACK]));
    let relay = SecretKey::from_seed(&[1; 32]).node_id();
    let circuit = format!("{GLOBAL}/p2p/{relay}/p2p-circuit");
    assert!(!serves(&[PRIVATE, &circuit], &[GLOBAL]), "the relay's address is not its own");
    assert!(!serves(&[&circuit], &[]));
    assert!(!serves(&[PRIVATE], &[PRIVATE, &circuit]), "a peer behind a relay is on the relay's network");
}

#[test]
fn a_peer_has_no_nearer_addresses_than_the_one_it_was_reached_at() {
    let all = [LOOPBACK, LINK, PRIVATE, GLOBAL, "/dns4/example.org/tcp/1", "/memory/1"];
    let reaching = |from: &str| {
        let kept = super::reaching(all.iter().map(|a| at(a)), from.parse().unwrap(), &PublicRanges::default());
        kept.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(reaching("1.2.3.4"), [GLOBAL]);
    assert_eq!(reaching("198.18.0.1"), [GLOBAL], "nobody knows that network");
    assert_eq!(reaching("10.0.0.1"), [GLOBAL, PRIVATE]);
    assert_eq!(reaching("127.0.0.1"), [GLOBAL, PRIVATE]);
    let alone = super::reaching([at(LOOPBACK)], "127.0.0.1".parse().unwrap(), &PublicRanges::default());
    assert_eq!(alone, [at(LOOPBACK)]);
    assert!(
        super::reaching([at(LOOPBACK), at(PRIVATE)], "1.2.3.4".parse().unwrap(), &PublicRanges::default()).is_empty()
    );
}

#[test]
fn a_peer_is_split_off_and_put_back() {
    let peer = SecretKey::from_seed(&[1; 32]).node_id();
    let whole = with_peer(&at(GLOBAL), &peer);
    assert_eq!(whole.to_string(), format!("{GLOBAL}/p2p/{peer}"));
    assert_eq!(split_peer(&whole), (at(GLOBAL), Some(peer)));
    assert_eq!(split_peer(&at(GLOBAL)), (at(GLOBAL), None));
    assert_eq!(bare(&whole), at(GLOBAL));
    assert_eq!(with_peer(&whole, &peer), whole, "it is not added twice");
}

#[test]
fn a_peer_that_cannot_be_a_node_stays_in_the_address() {
    // A libp2p peer with an RSA key: its identity is a hash.
    let rsa = at("/ip4/1.2.3.4/tcp/1/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN");
    assert_eq!(split_peer(&rsa), (rsa.clone(), None));
}

#[test]
fn the_relay_is_no_part_of_the_peer() {
    let relay = SecretKey::from_seed(&[1; 32]).node_id();
    let peer = SecretKey::from_seed(&[2; 32]).node_id();
    let circuit = at(&format!("{GLOBAL}/p2p/{relay}/p2p-circuit"));
    assert_eq!(split_peer(&with_peer(&circuit, &peer)), (circuit, Some(peer)));
}

#[test]
fn a_text_that_is_no_address_is_shown_with_the_reason_and_an_example() {
    let message = parse_address("127.0.0.1:4077").unwrap_err().to_string();
    assert!(message.contains("127.0.0.1:4077") && message.contains("/udp/4077/quic-v1"), "{message}");
    let long = parse_address(&"x".repeat(100_000)).unwrap_err().to_string();
    assert!(long.len() < 1_000, "{} bytes", long.len());
}

#[test]
fn a_relay_that_is_connected_is_gone_through_once() {
    let (first, second) = (peer(1), peer(2));
    let circuit = |at: &str, relay: &NodeId| with_peer(&at.parse().unwrap(), relay).with(Protocol::P2pCircuit);
    let all = vec![
        at(GLOBAL),
        circuit("/ip4/1.1.1.1/udp/1/quic-v1", &first),
        circuit("/ip4/1.1.1.1/tcp/1", &first),
        circuit("/ip4/2.2.2.2/udp/1/quic-v1", &second),
        circuit("/ip4/2.2.2.2/tcp/1", &second),
    ];
    let kept = one_way_through(all.clone(), |relay| *relay == first);
    let left_out = all.get(2).cloned();
    assert_eq!(kept, all.iter().filter(|a| Some(*a) != left_out.as_ref()).cloned().collect::<Vec<_>>());
    assert_eq!(relay(&kept[1]), Some(first));
    assert_eq!(relay(&kept[0]), None);
}

#[test]
fn what_carries_a_connection_stands_in_its_address() {
    let websocket = at("/ip4/1.2.3.4/tcp/443/ws");
    let through = at(GLOBAL).with(Protocol::P2p(peer_id(&peer(1)).unwrap())).with(Protocol::P2pCircuit);
    for (address, expected) in [
        (at(LOOPBACK), Transport::Tcp),
        (at(GLOBAL), Transport::Quic),
        (websocket, Transport::WebSocket),
        (through, Transport::Quic),
    ] {
        assert_eq!(transport(&address), expected, "{address}");
    }
}
