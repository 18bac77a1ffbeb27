//! Which addresses to listen on.
//!
//! Unless told otherwise a node listens with QUIC and TCP, over IPv4 and IPv6, all on one port, and keeps that port
//! over restarts: port mappings, firewalls and other nodes' memories refer to it. libp2p binds TCP with
//! `SO_REUSEPORT`, so two nodes of one user would silently share a port; whether it is free is therefore tried first
//! with plain sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::config::DEFAULT_PORT;

/// Ports above the wanted one that are tried before the operating system picks one.
const NEIGHBOURS: u16 = 16;

#[cfg(test)]
mod tests;

/// What to listen on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) addresses: Vec<Multiaddr>,
    /// The common port of the default addresses; `None` where the addresses were given.
    pub(super) port: Option<u16>,
    /// Ports that were wanted and taken, with the ones used instead.
    pub(super) moved: Vec<(u16, u16)>,
}

/// Plans to listen on `wanted`, or on the default addresses if that is empty, with the port used `last` time if there
/// was one; and for WebSocket on a port of its own, if there is to be one.
pub(super) fn plan(wanted: &[Multiaddr], last: Option<u16>, websocket: Option<u16>) -> Plan {
    let mut plan = if wanted.is_empty() { default_plan(last) } else { given_plan(wanted) };
    if let Some(port) = websocket {
        // A port of its own: the listener for TCP takes whatever comes to its.
        let tcp = wildcard_ips().into_iter().map(|ip| Socket::Tcp(ip, port).multiaddr());
        let wanted: Vec<Multiaddr> = tcp.map(|address| address.with(Protocol::Ws("/".into()))).collect();
        let Plan { addresses, moved, .. } = given_plan(&wanted);
        plan.addresses.extend(addresses);
        plan.moved.extend(moved);
    }
    plan
}

fn default_plan(last: Option<u16>) -> Plan {
    let first = last.unwrap_or(DEFAULT_PORT);
    let ips = wildcard_ips();
    let sockets = |port| ips.iter().flat_map(move |ip| [Socket::Udp(*ip, port), Socket::Tcp(*ip, port)]);
    let free = |port: &u16| sockets(*port).all(Socket::is_free);
    let port = (first..=first.saturating_add(NEIGHBOURS)).find(free).or_else(|| {
        // Someone else holds the whole neighbourhood: let the system choose, a bounded number of times.
        (0..NEIGHBOURS).filter_map(|_| any_port()).find(free)
    });
    let port = port.unwrap_or(0);
    let moved = if port == first { Vec::new() } else { vec![(first, port)] };
    Plan { addresses: sockets(port).map(Socket::multiaddr).collect(), port: Some(port), moved }
}

fn given_plan(wanted: &[Multiaddr]) -> Plan {
    let sockets: Vec<Socket> = wanted.iter().filter_map(Socket::of).collect();
    let ports: BTreeSet<u16> = sockets.iter().map(|s| s.port()).filter(|port| *port != 0).collect();
    let mut moved: BTreeMap<u16, u16> = BTreeMap::new();
    for wanted in ports {
        // Addresses that share a port go on sharing one, so it must be free for all of them.
        let free = |port: &u16| sockets.iter().filter(|s| s.port() == wanted).all(|s| s.with_port(*port).is_free());
        if !free(&wanted) {
            let neighbours = wanted.saturating_add(1)..=wanted.saturating_add(NEIGHBOURS);
            moved.insert(wanted, neighbours.into_iter().find(free).unwrap_or(0));
        }
    }
    let instead = |address: &Multiaddr| moved.get(&Socket::of(address)?.port()).copied();
    let addresses = wanted.iter().map(|a| instead(a).map_or_else(|| a.clone(), |port| replace_port(a, port))).collect();
    Plan { addresses, port: None, moved: moved.into_iter().collect() }
}

fn wildcard_ips() -> Vec<IpAddr> {
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let mut ips = vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)];
    // A kernel without IPv6 is nothing to complain about.
    if UdpSocket::bind((v6, 0)).is_ok() {
        ips.push(v6);
    }
    ips
}

fn any_port() -> Option<u16> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.local_addr().ok().map(|a| a.port())
}

#[derive(Debug, Clone, Copy)]
enum Socket {
    Udp(IpAddr, u16),
    Tcp(IpAddr, u16),
}

impl Socket {
    fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let ip = match parts.next()? {
            Protocol::Ip4(ip) => IpAddr::V4(ip),
            Protocol::Ip6(ip) => IpAddr::V6(ip),
            _ => return None,
        };
        match parts.next()? {
            Protocol::Udp(port) => Some(Self::Udp(ip, port)),
            Protocol::Tcp(port) => Some(Self::Tcp(ip, port)),
            _ => None,
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Udp(_, port) | Self::Tcp(_, port) => port,
        }
    }

    const fn with_port(self, port: u16) -> Self {
        match self {
            Self::Udp(ip, _) => Self::Udp(ip, port),
            Self::Tcp(ip, _) => Self::Tcp(ip, port),
        }
    }

    /// Whether nobody holds the port. Only "in use" counts: any other trouble is reported when listening for real.
    fn is_free(self) -> bool {
        let tried = match self {
            Self::Udp(ip, port) => UdpSocket::bind(SocketAddr::new(ip, port)).map(drop),
            Self::Tcp(ip, port) => TcpListener::bind(SocketAddr::new(ip, port)).map(drop),
        };
        !tried.is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse)
    }

    fn multiaddr(self) -> Multiaddr {
        match self {
            Self::Udp(ip, port) => Multiaddr::from(ip).with(Protocol::Udp(port)).with(Protocol::QuicV1),
            Self::Tcp(ip, port) => Multiaddr::from(ip).with(Protocol::Tcp(port)),
        }
    }
}

fn replace_port(address: &Multiaddr, port: u16) -> Multiaddr {
    address
        .iter()
        .map(|part| match part {
            Protocol::Udp(_) => Protocol::Udp(port),
            Protocol::Tcp(_) => Protocol::Tcp(port),
            other => other,
        })
        .collect()
}
