//! Asks the router to pass on what comes to this node's port: by UPnP-IGD, NAT-PMP or PCP, whichever it speaks. The mapping is
//! renewed as long as the node runs, and taken back when it stops.

use std::{net::SocketAddrV4, num::NonZeroU16, time::Duration};

use atoll_registry::reach::Transport;
use libp2p::{Multiaddr, multiaddr::Protocol};
use portmapper::{Client, Config};
use tokio::{sync::watch, time::timeout};

/// How long a router may take to take a mapping back while the node stops.
const RELEASING: Duration = Duration::from_millis(500);

/// What became of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PortMapping {
    /// The owner does not want it.
    Off,
    /// There was no need: this node can be dialled, as far as it knows.
    #[default]
    NotTried,
    /// No router has answered so far.
    Tried,
    /// The router passes on what comes to these addresses.
    Mapped { udp: Option<SocketAddrV4>, tcp: Option<SocketAddrV4> },
}

/// The mappings of one port, over UDP and TCP. Nothing is sent before [`PortMap::seek`].
pub(super) struct PortMap {
    port: Option<NonZeroU16>,
    mapped: Option<[Mapped; 2]>,
}

struct Mapped {
    transport: Transport,
    client: Client,
    external: watch::Receiver<Option<SocketAddrV4>>,
}

impl PortMap {
    /// Of this port; of none if the owner does not want it, or there is no one port.
    pub(super) fn new(port: Option<u16>) -> Self {
        Self { port: port.and_then(NonZeroU16::new), mapped: None }
    }

    /// Begins to ask, unless that was done.
    pub(super) fn seek(&mut self) {
        let (Some(port), None) = (self.port, &self.mapped) else { return };
        let kinds = [(Transport::Quic, portmapper::Protocol::Udp), (Transport::Tcp, portmapper::Protocol::Tcp)];
        self.mapped = Some(kinds.map(|(transport, protocol)| {
            let client = Client::new(Config { protocol, ..Config::default() });
            client.update_local_port(port);
            client.procure_mapping();
            Mapped { transport, external: client.watch_external_address(), client }
        }));
    }

    /// Asks anew: the router is another one.
    pub(super) fn network_changed(&mut self) {
        if self.mapped.take().is_some() {
            self.seek();
        }
    }

    /// How it stands.
    pub(super) fn state(&self) -> PortMapping {
        let Some(mapped) = &self.mapped else {
            return if self.port.is_some() { PortMapping::NotTried } else { PortMapping::Off };
        };
        match mapped.each_ref().map(|one| *one.external.borrow()) {
            [None, None] => PortMapping::Tried,
            [udp, tcp] => PortMapping::Mapped { udp, tcp },
        }
    }

    /// Where the router lets others in.
    pub(super) fn external(&self) -> impl Iterator<Item = (Transport, SocketAddrV4)> + '_ {
        let all = self.mapped.iter().flatten();
        all.filter_map(|one| Some((one.transport, (*one.external.borrow())?)))
    }

    /// The same as others dial it.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Multiaddr> + '_ {
        self.external().map(|(transport, at)| {
            let ip = Multiaddr::from(*at.ip());
            match transport {
                Transport::Quic => ip.with(Protocol::Udp(at.port())).with(Protocol::QuicV1),
                _ => ip.with(Protocol::Tcp(at.port())),
            }
        })
    }

    /// Pends until a mapping has come or gone.
    pub(super) async fn changed(&mut self) {
        let Some([udp, tcp]) = &mut self.mapped else { return std::future::pending().await };
        let changed = tokio::select! {
            changed = udp.external.changed() => changed,
            changed = tcp.external.changed() => changed,
        };
        if changed.is_err() {
            // The client has stopped: nothing will come any more.
            std::future::pending().await
        }
    }

    /// Takes the mappings back.
    pub(super) async fn release(&mut self) {
        let held = || self.mapped.iter().flatten().filter(|one| one.external.borrow().is_some());
        held().for_each(|one| one.client.deactivate());
        // A client says that a mapping is gone before it has told the router. It does one thing after the other, so it has
        // done that when it turns to another request.
        let done = held().map(|one| one.client.probe());
        let _ = timeout(RELEASING, futures::future::join_all(done)).await;
    }
}
