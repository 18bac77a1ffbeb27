//! Atoll's own programs: `atoll-bootstrap` on an internet host, `node` in each home, all driven by the command line and, where that would
//! be too slow, by the control socket.

mod control;
mod exchange;
mod load;
mod program;
#[cfg(test)]
mod tests;

use std::{
    path::Path as FilePath,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use self::program::Programs;
pub use self::{
    control::Control,
    exchange::{Hearing, Saying},
    load::{Call, Load, Pace, longest_silence},
    program::Program,
};
use super::{Outcome, Subject};
use crate::{
    nat::{Nat, Path, expected},
    topology::{Host, Lab, Site},
};

/// How long a node may take to listen, to join, and to be called.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a relayed path is given to become a direct one. What takes longer than the 3 s is still a path.
const UPGRADE: Duration = Duration::from_secs(15);
/// How long a path that ought to stay relayed is watched.
const WATCH: Duration = Duration::from_secs(5);
/// How long to let things happen before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Bootstraps that run, and what is needed to start nodes that join through them.
#[derive(Debug)]
pub struct NodePrograms {
    programs: Programs,
    relays: Vec<(Host, Program)>,
    /// Hosts of bootstraps that were killed.
    dark: Vec<Host>,
    /// Bootstraps that were started so far: no two have one name.
    bootstraps: usize,
}

/// How a bootstrap is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// QUIC.
    Quic,
    /// Plain TCP.
    Tcp,
    /// WebSocket over TCP.
    WebSocket,
}

impl Transport {
    /// That of an address of a bootstrap.
    fn of(address: &str) -> Self {
        match address {
            quic if quic.contains("/quic-v1/") => Self::Quic,
            websocket if websocket.contains("/ws/") => Self::WebSocket,
            _ => Self::Tcp,
        }
    }
}

/// What a node says of a connection, as far as it matters here: a line of `node network connections --output json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Connection {
    /// The peer's identity.
    pub peer: String,
    /// How it is reached.
    pub path: Path,
    /// The relay between, if there is one.
    pub via: Option<String>,
    /// The other end's address.
    pub address: String,
    /// `quic`, `tcp` or `websocket`; of a relayed one, what leads to the relay.
    pub transport: String,
    /// Whether this node dialled.
    pub outbound: bool,
}

impl NodePrograms {
    /// Starts so many bootstraps, each on a host and in a network of its own (there are two of them); nodes join through all.
    /// `directory` is where the programs are; `options` are given to each when it is started.
    ///
    /// # Errors
    /// If one does not listen; with all that it said.
    pub async fn start(lab: &mut Lab, directory: &FilePath, bootstraps: usize, options: Vec<String>) -> Result<Self> {
        let programs = Programs { directory: directory.to_owned(), options, websocket: None };
        Self::start_with(lab, bootstraps, programs).await
    }

    /// The same, and the bootstraps listen for WebSocket on that port, as their owner's configuration says.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with_websocket(
        lab: &mut Lab,
        directory: &FilePath,
        bootstraps: usize,
        options: Vec<String>,
        port: u16,
    ) -> Result<Self> {
        let programs = Programs { directory: directory.to_owned(), options, websocket: Some(port) };
        Self::start_with(lab, bootstraps, programs).await
    }

    async fn start_with(lab: &mut Lab, bootstraps: usize, programs: Programs) -> Result<Self> {
        let mut this = Self { programs, relays: Vec::new(), dark: Vec::new(), bootstraps: 0 };
        for network in 0..bootstraps {
            this.bootstrap(lab.internet_host(network)?).await?;
        }
        Ok(this)
    }

    async fn bootstrap(&mut self, host: Host) -> Result<()> {
        let name = format!("bootstrap{}", self.bootstraps);
        self.bootstraps += 1;
        let program = self.programs.bootstrap(&host, &name, &self.seeds()).await?;
        self.relays.push((host, program));
        Ok(())
    }

    /// The options that make the lab's networks public ones, and nodes of a network of their own: there an identity costs nothing, and
    /// nobody is a stranger.
    #[must_use]
    pub fn public() -> Vec<String> {
        let ranges = ["203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32"];
        let ranges = ranges.iter().flat_map(|range| ["--public-range", *range]);
        ["--network", "lab"].into_iter().chain(ranges).map(str::to_owned).collect()
    }

    /// The host of a bootstrap: what is relayed flows through it, and can be counted there.
    #[must_use]
    pub fn relay(&self, id: &str) -> Option<&Host> {
        self.relays.iter().find(|(_, program)| program.id() == id).map(|(host, _)| host)
    }

    /// The addresses of the bootstraps' hosts.
    ///
    /// # Errors
    /// If one has none.
    pub fn relay_addresses(&self) -> Result<Vec<std::net::Ipv4Addr>> {
        self.relays.iter().map(|(host, _)| host.address()).collect()
    }

    /// The identity of the first bootstrap.
    #[must_use]
    pub fn seed(&self) -> Option<&str> {
        self.relays.first().map(|(_, program)| program.id())
    }

    /// Ends a bootstrap as a power cut does.
    pub fn kill(&mut self, id: &str) {
        let (killed, left) = std::mem::take(&mut self.relays).into_iter().partition(|(_, program)| program.id() == id);
        self.relays = left;
        self.dark.extend(killed.into_iter().map(|(host, _): (Host, Program)| host));
    }

    /// Starts new bootstraps where some were killed, with identities of their own.
    ///
    /// # Errors
    /// If one does not listen; with all that it said.
    pub async fn replace(&mut self) -> Result<()> {
        while let Some(host) = self.dark.pop() {
            self.bootstrap(host).await?;
        }
        Ok(())
    }

    /// Starts a node that joins through all bootstraps, and waits until it has. `name` is one that no other has.
    ///
    /// # Errors
    /// If it does not join; with all that it said.
    pub async fn join(&self, host: &Host, name: &str) -> Result<Program> {
        self.programs.node(host, name, &self.seeds()).await
    }

    /// The same, not told where to listen: only such a node asks its router to map its port.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn join_plainly(&self, host: &Host, name: &str) -> Result<Program> {
        self.programs.plain_node(host, name, &self.seeds()).await
    }

    /// The same, told only of addresses of one transport.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn join_over(&self, transport: Transport, host: &Host, name: &str) -> Result<Program> {
        let seeds = self.seeds().into_iter().filter(|address| Transport::of(address) == transport);
        self.programs.node(host, name, &seeds.collect::<Vec<_>>()).await
    }

    /// Starts a node that looks for others on its local network alone.
    ///
    /// # Errors
    /// If it finds nobody; with all that it said.
    pub async fn join_lan(&self, host: &Host, name: &str, first: bool) -> Result<Program> {
        self.programs.lan_node(host, name, first).await
    }

    /// Where nodes join.
    pub(crate) fn seeds(&self) -> Vec<String> {
        self.relays.iter().flat_map(|(_, program)| program.addresses().to_vec()).collect()
    }
}

impl Subject for NodePrograms {
    const EXCLUSIVE: bool = true;

    /// Nodes have TCP besides: with UDP blocked, a public side is reached directly, and between others either path may
    /// come out.
    fn expected(&self, a: Nat, b: Nat) -> Option<Path> {
        match (a, b) {
            (Nat::UdpBlocked, Nat::None) | (Nat::None, Nat::UdpBlocked) => Some(Path::Direct),
            (Nat::UdpBlocked, _) | (_, Nat::UdpBlocked) => None,
            _ => Some(expected(a, b)),
        }
    }

    async fn connect(&self, a: &Site, b: &Site, attempt: u64) -> Result<Outcome> {
        let (first, second) = (format!("node{attempt}a"), format!("node{attempt}b"));
        let (caller, callee) = tokio::try_join!(self.join(&a.host, &first), self.join(&b.host, &second))?;
        let begun = Instant::now();
        self.call(&a.host, &caller, &callee).await?;
        let talked = begun.elapsed();
        let wanted = self.expected(a.nat, b.nat);
        let watched = if wanted == Some(Path::Relayed) { WATCH } else { UPGRADE };
        let direct = timeout(watched, self.direct(&a.host, &caller, &callee)).await;
        match direct {
            Ok(direct) => {
                direct?;
                let after = begun.elapsed().saturating_sub(talked);
                // What is claimed must carry calls.
                self.call(&a.host, &caller, &callee).await?;
                Ok(Outcome { path: Path::Direct, talked, direct_after: Some(after) })
            }
            Err(_) => Ok(Outcome { path: Path::Relayed, talked, direct_after: None }),
        }
    }
}

impl NodePrograms {
    /// Calls the callee's own `system` service until it answers.
    ///
    /// # Errors
    /// If it does not within half a minute.
    pub async fn call(&self, host: &Host, caller: &Program, callee: &Program) -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.call_once(host, caller, callee).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= end => {
                    return Err(error.context(format!("no call got through within {PATIENCE:?}")));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Calls it once.
    ///
    /// # Errors
    /// If it does not answer within 5 s.
    pub async fn call_once(&self, host: &Host, caller: &Program, callee: &Program) -> Result<()> {
        self.call_with(host, caller, callee, 0).await
    }

    /// Calls it once, with an input of at least so many bytes.
    ///
    /// # Errors
    /// If it does not answer within 5 s.
    pub async fn call_with(&self, host: &Host, caller: &Program, callee: &Program, bytes: usize) -> Result<()> {
        let input = serde_json::json!({ "padding": "x".repeat(bytes) }).to_string();
        let arguments = ["call", "system", "ping", &input, "--peer", callee.id(), "--deadline", "5s"];
        self.programs.ask(host, caller, &arguments).await.map(drop)
    }

    /// Runs `node` with these arguments on a host, against a node that runs there; what it printed as JSON.
    ///
    /// # Errors
    /// If it fails, with what it complained of.
    pub async fn ask(&self, host: &Host, of: &Program, arguments: &[&str]) -> Result<String> {
        self.programs.ask(host, of, arguments).await
    }

    /// What a node says of its connections to a peer.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn connections(&self, host: &Host, of: &Program, to: &Program) -> Result<Vec<Connection>> {
        let answer = self.programs.ask(host, of, &["network", "connections"]).await?;
        let all: Vec<Connection> =
            serde_json::from_str(&answer).with_context(|| format!("these are no connections: {answer}"))?;
        Ok(all.into_iter().filter(|connection| connection.peer == to.id()).collect())
    }

    /// How often a node has tried for a direct path to a peer that it reaches through a relay; 0 if it does not.
    ///
    /// # Errors
    /// If it does not say.
    pub async fn attempts(&self, host: &Host, of: &Program, to: &Program) -> Result<u64> {
        let answer = self.programs.ask(host, of, &["doctor"]).await?;
        let report: Value = serde_json::from_str(&answer).with_context(|| format!("this is no report: {answer}"))?;
        let relayed = report.get("relayed").and_then(Value::as_array).context("nothing is said of relayed peers")?;
        let peer = relayed.iter().find(|peer| peer.get("peer").and_then(Value::as_str) == Some(to.id()));
        Ok(peer.and_then(|peer| peer.get("attempts")).and_then(Value::as_u64).unwrap_or_default())
    }

    /// Waits until the caller says that it has a direct connection to the callee, for as long as it takes.
    async fn direct(&self, host: &Host, caller: &Program, callee: &Program) -> Result<()> {
        while !self.connections(host, caller, callee).await?.iter().any(|c| c.path == Path::Direct) {
            sleep(PAUSE).await;
        }
        Ok(())
    }
}
