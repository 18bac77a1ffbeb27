//! Which of the addresses in a request the server dials: pure.

use std::net::IpAddr;

use atoll_registry::peers::Scope;
use libp2p::{Multiaddr, multiaddr::Protocol};

/// What is dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its place in the request.
    pub(super) index: u32,
    /// Without the peer at its end.
    pub(super) address: Multiaddr,
    /// IPv4 where an IPv6 address only stands for it.
    pub(super) ip: IpAddr,
}

/// The first address that a server dials: an IP address and a port of a transport that it has, if the address is public and
/// leads out of this machine and its link. Addresses that cannot be read are passed over: they may be of a transport that a
/// newer client knows.
pub(super) fn choose(addresses: &[Vec<u8>], public: impl Fn(IpAddr) -> bool) -> Option<Target> {
    (0..).zip(addresses).find_map(|(index, bytes)| {
        let (ip, address) = dialable(&Multiaddr::try_from(bytes.clone()).ok()?)?;
        (leads_out(ip) && public(ip)).then_some(Target { index, address, ip })
    })
}

/// The IP address, and the address without its peer, if it has the form of one that a node listens on. A path would let the
/// client choose what this server says to a stranger's web server, so there is none.
fn dialable(address: &Multiaddr) -> Option<(IpAddr, Multiaddr)> {
    let parts: Vec<Protocol<'_>> = address.iter().take_while(|part| !matches!(part, Protocol::P2p(_))).collect();
    let (host, port) = match parts.as_slice() {
        [host, Protocol::Udp(port), Protocol::QuicV1] | [host, Protocol::Tcp(port)] => (host, *port),
        [host, Protocol::Tcp(port), Protocol::Ws(path)] if path == "/" => (host, *port),
        _ => return None,
    };
    let ip = match host {
        Protocol::Ip4(ip) => IpAddr::V4(*ip),
        Protocol::Ip6(ip) => IpAddr::V6(*ip).to_canonical(),
        _ => return None,
    };
    // What follows the peer is a circuit, or nonsense.
    let whole = address.iter().count() <= parts.len() + 1;
    (whole && port != 0).then(|| (ip, parts.into_iter().collect()))
}

/// Whatever a network calls public, these never are: this machine, its link, and addresses of nobody or of many.
fn leads_out(ip: IpAddr) -> bool {
    let near = matches!(Scope::of(ip), Some(Scope::Loopback | Scope::LinkLocal));
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !near && !broadcast && !ip.is_unspecified() && !ip.is_multicast()
}
