//! What a node reports, printed as it happens: lines for people, or one JSON object a line.

use std::{
    io::{self, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

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
    /// Whether a line about a search stands on the terminal.
    searching: AtomicBool,
}

impl EventPrinter {
    /// A printer for a node of `network`, which others join by running `program`.
    pub(crate) fn new(output: Output, network: NetworkName, program: String) -> Self {
        Self { output, narrator: Mutex::new(Narrator::new(network, program)), searching: AtomicBool::new(false) }
    }

    pub(crate) fn print(&self, event: &NodeEvent) {
        if let (NodeEvent::MakingIdentity { bits, tried }, Output::Table | Output::Dot) = (event, self.output) {
            return self.making_identity(*bits, *tried);
        }
        self.made_identity();
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

/// A search for an identity is shown on stderr, since it is over before anything happens that somebody may want to read later.
impl EventPrinter {
    fn making_identity(&self, bits: u32, tried: u64) {
        let mut stderr = io::stderr().lock();
        let terminal = stderr.is_terminal();
        let text = format!(
            "making an identity that solves the network's puzzle of {bits} bits, once: {}",
            progress(bits, tried)
        );
        // Whoever reads it cannot be helped if it cannot be written.
        let _ = match (terminal, tried) {
            // ECMA-48: erase in line.
            (true, _) => write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush()),
            (false, 0) => writeln!(stderr, "{text}"),
            (false, _) => Ok(()),
        };
        self.searching.store(terminal, Ordering::Relaxed);
    }

    /// Erases what the search has left on the terminal.
    fn made_identity(&self) {
        if self.searching.swap(false, Ordering::Relaxed) {
            let mut stderr = io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[2K").and_then(|()| stderr.flush());
        }
    }
}

/// How far a search is. Each key is a draw: after any number of them it takes as many more as at the beginning.
fn progress(bits: u32, tried: u64) -> String {
    let average = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
    format!("{tried} keys tried, {average} on average")
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
            NodeEvent::MakingIdentity { bits, tried } => {
                format!("making an identity of {bits} bits: {}", progress(*bits, *tried))
            }
            NodeEvent::IdentityTooEasy { bits, wanted } => format!(
                "this node's identity solves {bits} of the {wanted} bits that the network {} asks for: others refuse it; stop the \
                 node and move the file identity.key away, and it makes a new one",
                self.network
            ),
            NodeEvent::PeerTooEasy { peer, bits, wanted } => {
                format!("peer {} has an identity of {bits} bits, not {wanted}: disconnected", peer.short())
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
            NodeEvent::Gateway { url } => format!("gateway at {url} (pages for people, and /v1 for programs)"),
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
