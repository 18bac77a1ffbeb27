//! Atoll's own programs: `atoll-bootstrap` on an internet host, `node` in each home, all driven by the command line.

mod program;

use std::{
    path::Path as FilePath,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::time::{sleep, timeout};

use self::program::{Program, Programs};
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

/// A bootstrap that runs, and what is needed to start nodes that join through it.
#[derive(Debug)]
pub struct NodePrograms {
    programs: Programs,
    relay: Host,
    bootstrap: Program,
}

impl NodePrograms {
    /// Starts the bootstrap on a host of its own. `directory` is where the programs are; `options` are given to each
    /// when it is started.
    ///
    /// # Errors
    /// If it does not listen; with all that it said.
    pub async fn start(lab: &mut Lab, directory: &FilePath, options: Vec<String>) -> Result<Self> {
        let programs = Programs { directory: directory.to_owned(), options };
        let relay = lab.internet_host(0)?;
        let bootstrap = programs.bootstrap(&relay).await?;
        Ok(Self { programs, relay, bootstrap })
    }

    /// The host of the bootstrap: what is relayed flows through it, and can be counted there.
    #[must_use]
    pub fn relay(&self) -> &Host {
        &self.relay
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
        let join = self.bootstrap.addresses();
        let (caller, callee) =
            tokio::try_join!(self.programs.node(&a.host, &first, join), self.programs.node(&b.host, &second, join))?;
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

/// The fields that matter here of a line of `node network connections --output json`.
#[derive(Debug, Deserialize)]
struct Connection {
    peer: String,
    path: Path,
}

impl NodePrograms {
    /// Calls the callee's own `system` service until it answers.
    async fn call(&self, host: &Host, caller: &Program, callee: &Program) -> Result<()> {
        let arguments = ["call", "system", "ping", "--peer", callee.id(), "--deadline", "5s"];
        let end = Instant::now() + PATIENCE;
        loop {
            match self.programs.ask(host, caller, &arguments).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= end => {
                    return Err(error.context(format!("no call got through within {PATIENCE:?}")));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Waits until the caller says that it has a direct connection to the callee, for as long as it takes.
    async fn direct(&self, host: &Host, caller: &Program, callee: &Program) -> Result<()> {
        loop {
            let answer = self.programs.ask(host, caller, &["network", "connections"]).await?;
            let connections: Vec<Connection> =
                serde_json::from_str(&answer).with_context(|| format!("these are no connections: {answer}"))?;
            if connections.iter().any(|c| c.peer == callee.id() && c.path == Path::Direct) {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }
}
