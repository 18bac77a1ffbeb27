//! Tests of where a node listens.

use super::*;

fn at(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

fn tcp(port: u16) -> Multiaddr {
    at(&format!("/ip4/127.0.0.1/tcp/{port}"))
}

fn quic(port: u16) -> Multiaddr {
    at(&format!("/ip4/127.0.0.1/udp/{port}/quic-v1"))
}

/// A TCP listener on a port low enough to have neighbours.
fn taken() -> (TcpListener, u16) {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        if port < u16::MAX - NEIGHBOURS {
            return (listener, port);
        }
    }
}

fn port_of(address: &Multiaddr) -> u16 {
    Socket::of(address).unwrap().port()
}

#[test]
fn free_addresses_are_taken_as_they_are() {
    let (listener, port) = taken();
    drop(listener);
    let wanted = [tcp(port), quic(port), at("/ip4/127.0.0.1/tcp/0"), at("/dns4/localhost/tcp/1")];
    assert_eq!(plan(&wanted, None, None), Plan { addresses: wanted.to_vec(), port: None, moved: Vec::new() });
}

#[test]
fn a_taken_port_is_moved_to_a_neighbour_and_that_is_reported() {
    let (_held, port) = taken();
    let plan = plan(&[tcp(port)], None, None);
    let [(from, to)] = plan.moved[..] else { panic!("{plan:?}") };
    assert_eq!(from, port);
    assert_ne!(to, port);
    assert_eq!(plan.addresses, [tcp(to)]);
    assert!(Socket::of(&tcp(to)).unwrap().is_free());
}

#[test]
fn addresses_that_share_a_port_go_on_sharing_one() {
    let (_held, port) = taken();
    // The UDP port is free, and listed first; it moves with the TCP one all the same.
    let plan = plan(&[quic(port), tcp(port), tcp(0)], None, None);
    let [(from, to)] = plan.moved[..] else { panic!("{plan:?}") };
    assert_eq!(from, port);
    assert_eq!(plan.addresses, [quic(to), tcp(to), tcp(0)]);
}

#[test]
fn the_neighbour_is_free_for_all_that_share_it() {
    let (_held, port) = taken();
    // Somebody else may hold the neighbour already: then it is taken just the same.
    let _next = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1));
    let plan = plan(&[tcp(port), quic(port)], None, None);
    let [(_, to)] = plan.moved[..] else { panic!("{plan:?}") };
    assert_ne!(to, port + 1);
}

#[test]
fn by_default_the_last_port_is_used_for_everything() {
    // Whether it is free over IPv6 too is known only by trying.
    let port = (0..100).filter_map(|_| any_port()).find(|port| default_plan(Some(*port)).moved.is_empty()).unwrap();
    let plan = plan(&[], Some(port), None);
    assert_eq!(plan.port, Some(port));
    assert!(plan.addresses.contains(&at(&format!("/ip4/0.0.0.0/udp/{port}/quic-v1"))), "{plan:?}");
    assert!(plan.addresses.contains(&at(&format!("/ip4/0.0.0.0/tcp/{port}"))), "{plan:?}");
    assert!(plan.addresses.iter().all(|a| port_of(a) == port));
}

#[test]
fn by_default_a_taken_port_is_left_for_another_and_reported() {
    let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let plan = plan(&[], Some(port), None);
    let using = plan.port.unwrap();
    assert_ne!(using, port);
    assert_eq!(plan.moved, [(port, using)]);
    assert!(plan.addresses.iter().all(|a| port_of(a) == using), "{plan:?}");
}
