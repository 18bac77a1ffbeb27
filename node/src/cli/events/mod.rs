//! What a node reports, printed as it happens: lines for people, or one JSON object a line.

use std::io::{self, Write};

use atoll_protocol::names::NetworkName;
use libp2p::{Multiaddr, multiaddr::Protocol};
use parking_lot::Mutex;

use super::{Output, text::printable};
use crate::event::NodeEvent;

#[cfg(test)]
mod tests;

/// Prints events on stdout, each flushed. That nobody reads them any more does not stop the node.
pub(crate) struct EventPrinter {
    output: Output,
    narrator: Mutex<Narrator>,
}

impl EventPrinter {
    /// A printer for a node of `network`, which others join by running `program`.
    pub(crate) fn new(output: Output, network: NetworkName, program: String) -> Self {
        Self { output, narrator: Mutex::new(Narrator::new(network, program)) }
    }

    pub(crate) fn print(&self, event: &NodeEvent) {
        let line = match self.output {
            Output::Table | Output::Dot => Ok(self.narrator.lock().line(event)),
            Output::Json => serde_json::to_string(event),
        };
        match line {
            Ok(line) => {
                let mut out = io::stdout().lock();
                let _ = writeln!(out, "{line}").and_then(|()| out.flush());
            }
            // A data directory whose name is not Unicode has no JSON form.
            Err(error) => tracing::warn!(%error, ?event, "an event cannot be written as JSON"),
        }
    }
}

/// Tells a person what happens.
pub(crate) struct Narrator {
    network: NetworkName,
    program: String,
    addresses: Vec<Multiaddr>,
}

impl Narrator {
    pub(crate) fn new(network: NetworkName, program: String) -> Self {
        Self { network, program, addresses: Vec::new() }
    }

    pub(crate) fn line(&mut self, event: &NodeEvent) -> String {
        match event {
            NodeEvent::Started { node, data_dir } => {
                let place = data_dir.as_ref().map_or_else(|| "in memory".to_owned(), |d| format!("in {}", d.display()));
                format!("node {node} on network {} (data {place})", self.network)
            }
            NodeEvent::PortTaken { wanted, using } => format!("port {wanted} is in use; using {using}"),
            NodeEvent::ListenFailed { address, reason } => {
                format!("cannot listen on {address}: {}", printable(reason))
            }
            NodeEvent::Listening { address } => {
                self.addresses.push(address.clone());
                format!("listening on {address}")
            }
            NodeEvent::Alone => self.alone(),
            NodeEvent::BootstrapFailed { address, reason } => {
                format!("cannot reach {address}: {}; trying again later", printable(reason))
            }
            NodeEvent::Joined { peers, millis } => {
                format!("joined: {peers} {} in {millis} ms", if *peers == 1 { "peer" } else { "peers" })
            }
            NodeEvent::PeerConnected { peer, address } => {
                format!("peer connected: {} at {}", peer.short(), without_peer(address))
            }
            NodeEvent::PeerDisconnected { peer } => format!("peer disconnected: {}", peer.short()),
            NodeEvent::WrongNetwork { peer, network } => {
                format!(
                    "peer {} is on network {}, not {}: disconnected",
                    peer.short(),
                    printable(network),
                    self.network
                )
            }
            NodeEvent::PeerBarred { peer, seconds, faults } => {
                format!("peer {} is barred for {} min: {faults}", peer.short(), seconds.div_ceil(60))
            }
            NodeEvent::Stopping => "stopping".to_owned(),
        }
    }

    fn alone(&self) -> String {
        let network =
            if self.network == NetworkName::main() { String::new() } else { format!(" --network {}", self.network) };
        let address =
            self.addresses.iter().max_by_key(|a| usefulness(a)).map_or("ADDR".to_owned(), ToString::to_string);
        format!(
            "first node of this network (nobody to join through); others can join with: {} --peer {address}{network}",
            self.program
        )
    }
}

/// How far an address is likely to carry: beyond this machine first, then without a zone to name, then QUIC, then IPv4.
fn usefulness(address: &Multiaddr) -> (bool, bool, bool, bool) {
    let (mut beyond, mut zoneless, mut quic, mut v4) = (true, true, false, false);
    for protocol in address {
        match protocol {
            Protocol::Ip4(ip) => (beyond, zoneless, v4) = (!ip.is_loopback(), !ip.is_link_local(), true),
            Protocol::Ip6(ip) => (beyond, zoneless) = (!ip.is_loopback(), !ip.is_unicast_link_local()),
            Protocol::QuicV1 => quic = true,
            _ => {}
        }
    }
    (beyond, zoneless, quic, v4)
}

/// The address without the id at its end, which is said beside it.
fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}
