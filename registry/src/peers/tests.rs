//! Scopes by the registries; the book and its bounds.

use std::net::IpAddr;

use atoll_protocol::{identity::NodeId, limits, service::UnixMillis};

use super::*;

fn scope(text: &str) -> Option<Scope> {
    Scope::of(text.parse::<IpAddr>().unwrap())
}

fn node(n: u16) -> NodeId {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId::from_public_key(key)
}

#[test]
fn addresses_that_can_be_dialled() {
    use Scope::{Global, LinkLocal, Loopback, Private};
    let table = [
        (Loopback, &["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"][..]),
        (LinkLocal, &["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1"]),
        (Private, &["10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"]),
        (Private, &["100.64.0.0", "100.127.255.255", "fc00::1", "fdff::1", "::ffff:10.1.2.3"]),
        (Global, &["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255"]),
        (Global, &["128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0"]),
        (Global, &["192.0.0.9", "192.0.0.10", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"]),
        (
            Global,
            &["198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "::ffff:8.8.8.8"],
        ),
        (
            Global,
            &["2000::1", "2001:200::1", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2606:4700::1"],
        ),
        (Global, &["2001:1::1", "2001:1::2", "3ffe:ffff::1", "3fff:1000::1", "64:ff9b::8.8.8.8"]),
    ];
    for (expected, texts) in table {
        for text in texts {
            assert_eq!(scope(text), Some(expected), "{text}");
        }
    }
}

#[test]
fn addresses_at_which_there_is_nothing() {
    let nothing = [
        "0.0.0.0",
        "0.255.255.255",
        "192.0.0.0",
        "192.0.0.8",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.255",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::2",
        "::1.2.3.4",
        "::ffff:224.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:1::3",
        "2001:2::1",
        "2001:20::1",
        "2001:1ff::1",
        "2001:db8::1",
        "2002:808:808::1",
        "3fff::1",
        "3fff:fff::1",
        "4000::1",
        "5f00::1",
        "fec0::1",
        "fe00::1",
        "ff02::1",
    ];
    for text in nothing {
        assert_eq!(scope(text), None, "{text}");
    }
}

#[test]
fn nearer_scopes_come_first() {
    assert!(Scope::Loopback < Scope::LinkLocal && Scope::LinkLocal < Scope::Private && Scope::Private < Scope::Global);
}

#[test]
fn new_addresses_go_before_old_ones() {
    let mut book = AddressBook::new();
    assert_eq!(book.remember(node(1), ["a", "b", "a"], UnixMillis(5)), None);
    book.remember(node(1), ["c", "b"], UnixMillis(9));
    let expected = Peer { node: node(1), addresses: ["c", "b", "a"].map(String::from).to_vec(), seen: UnixMillis(9) };
    assert_eq!(book.peer(&node(1)), Some(&expected));
    // A clock that was set back does not make the peer older.
    book.remember(node(1), ["d"], UnixMillis(1));
    assert_eq!(book.peer(&node(1)).map(|peer| (peer.seen, peer.addresses.len())), Some((UnixMillis(9), 4)));
    assert_eq!(book.recent(9).count(), 1);
}

#[test]
fn addresses_of_a_peer_are_bounded() {
    let mut book = AddressBook::new();
    let many = (0..20).map(|n| format!("/ip4/10.0.0.{n}/tcp/1"));
    let long = "x".repeat(limits::ADDRESS + 1);
    book.remember(node(1), std::iter::once(long).chain(many), UnixMillis(1));
    let peer = book.peer(&node(1)).unwrap();
    assert_eq!(peer.addresses.len(), AddressBook::ADDRESSES);
    assert_eq!(peer.addresses.first().map(String::as_str), Some("/ip4/10.0.0.0/tcp/1"));
}

#[test]
fn the_peer_not_seen_for_longest_is_forgotten() {
    let mut book = AddressBook::new();
    for n in 0..1_000 {
        assert_eq!(book.remember(node(n), ["a"], UnixMillis(u64::from(n))), None);
    }
    book.remember(node(0), ["a"], UnixMillis(5_000));
    assert_eq!(book.remember(node(2_000), ["a"], UnixMillis(6_000)), Some(node(1)));
    assert_eq!(book.remember(node(2_001), ["a"], UnixMillis(0)), Some(node(2_001)), "older than all others");
    assert_eq!(book.len(), AddressBook::PEERS);
    let newest: Vec<NodeId> = book.recent(3).map(|peer| peer.node).collect();
    assert_eq!(newest, [node(2_000), node(0), node(999)]);
    assert_eq!(book.forget(&node(0)).map(|peer| peer.node), Some(node(0)));
    assert_eq!(book.forget(&node(0)), None);
    assert_eq!((book.len(), book.recent(9_999).count()), (999, 999));
    assert!(!book.is_empty() && AddressBook::new().is_empty());
}

#[test]
fn an_entry_is_stored_and_read_back() {
    let addresses = vec!["y".repeat(limits::ADDRESS); AddressBook::ADDRESSES];
    let peer = Peer { node: node(7), addresses, seen: UnixMillis(u64::MAX) };
    let bytes = peer.encode().unwrap();
    assert!(bytes.len() <= AddressBook::ENTRY, "the largest entry fits");
    assert_eq!(Peer::decode(&bytes), Ok(peer));
    assert!(Peer::decode(&bytes[1..]).is_err() && Peer::decode(&[0; 4096]).is_err() && Peer::decode(&[]).is_err());
}
