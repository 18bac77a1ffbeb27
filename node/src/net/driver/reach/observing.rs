//! What others see of this node: what its NAT makes of its ports, and whether strangers can dial it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use atoll_protocol::identity::NodeId;
use atoll_registry::{
    peers::Scope,
    reach::{
        Transport,
        mapping::{Family, Observation},
        verdicts::{Reachability, Test},
    },
    time::Time,
};
use libp2p::{Multiaddr, identify, multiaddr::Protocol};

use super::{Done, Driver};
use crate::net::{
    addresses,
    autonat::{self, Answer},
    connections::{Connection, Connections, Path},
};

/// What a server says of an address; `None` if it has not tried it.
pub(super) type Told = (Test<Multiaddr>, Option<bool>);

impl Driver {
    /// A node that is connected directly has said where it sees this one, and whether it tests addresses.
    pub(super) fn observed_by(&mut self, connection: &Arc<Connection>, info: &identify::Info) {
        let now = self.reach.clock.now();
        let seen_at = addresses::bare(&info.observed_addr);
        self.reach.candidates.observed(&seen_at);
        let observer = addresses::ip(&connection.address);
        if let (Some(observer_ip), Some(observed)) = (observer, socket(&seen_at)) {
            let transport = connection.transport();
            let local_port = self.listening_port(transport, Family::of(observed.ip())).unwrap_or_default();
            let observer = connection.peer;
            let at = now;
            self.reach.mappings.observed(Observation { observer, observer_ip, transport, local_port, observed, at });
        }
        if info.protocols.contains(&autonat::DIAL_REQUEST) {
            let subnet = observer.and_then(|ip| self.public.subnet(ip));
            self.reach.verdicts.server(connection.peer, subnet);
        } else {
            self.reach.verdicts.server_gone(&connection.peer);
        }
        self.list_addresses(now);
    }

    /// Tells the machines which addresses there are to ask about: those of this machine that are public, and those that most
    /// see it at.
    pub(super) fn list_addresses(&mut self, now: Time) {
        let own: Vec<Multiaddr> = self.swarm.listeners().filter(|a| !addresses::is_circuit(a)).cloned().collect();
        self.reach.mappings.set_local(own.iter().filter_map(addresses::ip));
        let public = own.into_iter().filter(|a| addresses::scope(a, &self.public) == Some(Scope::Global));
        let mut wanted: BTreeSet<Multiaddr> = public.collect();
        for (transport, suffix) in [(Transport::Quic, Some(Protocol::QuicV1)), (Transport::Tcp, None)] {
            for family in [Family::V4, Family::V6] {
                let seen = self.reach.mappings.seen(transport, family, now).into_iter().take(1);
                wanted.extend(seen.map(|at| address(at, transport, suffix.clone())));
            }
        }
        wanted.extend(self.reach.portmap.addresses());
        let known: Vec<Multiaddr> = self.reach.verdicts.all().map(|(address, _)| address.clone()).collect();
        for gone in known.iter().filter(|address| !wanted.contains(*address)) {
            self.reach.verdicts.remove(gone);
        }
        for address in wanted {
            self.reach.verdicts.add(address);
        }
        self.reachability_changed();
    }

    /// The router has begun or ceased to pass on what comes to it: another address to test, and to offer.
    pub(super) fn mapped(&mut self) {
        let external: Vec<_> = self.reach.portmap.external().collect();
        tracing::debug!(?external, "the router maps this node's port");
        self.reach.mappings.set_external(external.first().map(|(_, at)| (*at.ip()).into()));
        let now = self.reach.clock.now();
        self.list_addresses(now);
        self.look_around();
    }

    /// Asks servers to dial this node, where that is due.
    pub(super) fn test_due(&mut self, now: Time) {
        self.reach.verdicts.tick(now);
        self.reachability_changed();
        self.reach.turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        for test in self.reach.verdicts.due(now) {
            let (connections, nonces) = (self.connections.clone(), self.reach.nonces.clone());
            // A server tests one address of a node at a time, and refuses what comes meanwhile.
            let turn = Arc::clone(self.reach.turns.entry(test.server).or_default());
            self.reach.tasks.spawn(async move {
                let _turn = turn.lock().await;
                let verdict = match direct(&connections, &test.server) {
                    Some(connection) => ask(&connection, &test.address, &nonces).await,
                    None => None,
                };
                Done::Tested((test, verdict))
            });
        }
    }

    /// A server has answered.
    pub(super) fn tested(&mut self, (test, verdict): Told) {
        let now = self.reach.clock.now();
        if let Some(reachable) = verdict {
            tracing::debug!(address = %test.address, server = %test.server, reachable, "tested");
            let server = self.direct(&test.server).and_then(|connection| addresses::ip(&connection.address));
            let subnet = server.and_then(|ip| self.public.subnet(ip));
            self.reach.verdicts.told(&test.address, test.server, subnet, reachable, now);
            self.reachability_changed();
        }
        self.look_around();
    }

    /// Lets the swarm know at which addresses strangers have been found to reach this node.
    fn reachability_changed(&mut self) {
        let confirmed: BTreeSet<Multiaddr> = match self.reach.verdicts.reachability() {
            Reachability::Public { addresses } => addresses.iter().cloned().collect(),
            Reachability::Unknown | Reachability::Private => BTreeSet::new(),
        };
        let known = self.swarm.external_addresses().filter(|address| !addresses::is_circuit(address));
        let known: BTreeSet<Multiaddr> = known.cloned().collect();
        if confirmed == known {
            return;
        }
        known.difference(&confirmed).for_each(|address| self.swarm.remove_external_address(address));
        confirmed.difference(&known).for_each(|address| self.swarm.add_external_address(address.clone()));
        self.addresses_changed();
    }

    /// The port that this node listens on, and goes out from, with a transport.
    fn listening_port(&self, transport: Transport, family: Family) -> Option<u16> {
        let is = |address: &&Multiaddr| {
            let quic = address.iter().any(|part| matches!(part, Protocol::QuicV1));
            quic == (transport == Transport::Quic) && addresses::ip(address).is_some_and(|ip| Family::of(ip) == family)
        };
        let listener = self.swarm.listeners().filter(|a| !addresses::is_circuit(a)).find(is)?;
        socket(listener).map(|at| at.port())
    }

    /// The best connection to a node that is not through a relay.
    pub(super) fn direct(&self, peer: &NodeId) -> Option<Arc<Connection>> {
        direct(&self.connections, peer)
    }
}

fn direct(connections: &Connections, peer: &NodeId) -> Option<Arc<Connection>> {
    connections.of(peer).into_iter().find(|c| c.path == Path::Direct)
}

/// Asks the server at the other end whether it can dial `address`; `None` if it has not tried.
async fn ask(connection: &Connection, address: &Multiaddr, nonces: &autonat::Nonces) -> Option<bool> {
    let asked = async {
        let stream = connection.open(autonat::DIAL_REQUEST).await.map_err(|e| e.to_string())?;
        autonat::ask(stream, std::slice::from_ref(address), nonces).await.map_err(|e| e.to_string())
    };
    match asked.await {
        Ok(Answer::Tried(verdict)) => Some(verdict.reachable),
        Ok(Answer::NotTried(why)) => {
            tracing::debug!(%address, server = %connection.peer, ?why, "not tested");
            None
        }
        Err(why) => {
            tracing::debug!(%address, server = %connection.peer, "not tested: {why}");
            None
        }
    }
}

/// The address and port in a multiaddr.
fn socket(address: &Multiaddr) -> Option<SocketAddr> {
    let ip = addresses::ip(address)?;
    let port = address.iter().find_map(|part| match part {
        Protocol::Udp(port) | Protocol::Tcp(port) => Some(port),
        _ => None,
    })?;
    Some(SocketAddr::new(ip, port))
}

fn address(at: SocketAddr, transport: Transport, suffix: Option<Protocol<'static>>) -> Multiaddr {
    let ip = match at.ip() {
        IpAddr::V4(ip) => Multiaddr::from(ip),
        IpAddr::V6(ip) => Multiaddr::from(ip),
    };
    let port = if transport == Transport::Quic { Protocol::Udp(at.port()) } else { Protocol::Tcp(at.port()) };
    suffix.into_iter().fold(ip.with(port), Multiaddr::with)
}
