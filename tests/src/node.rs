//! One running node or bootstrap.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use anyhow::{Context, Result};
use atoll_node::{Multiaddr, NodeId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    command::{self, Answer},
    process::Process,
    programs::Program,
    wait::PATIENCE,
};

/// Where a node listens unless told otherwise.
pub const LOOPBACK: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A node to be started.
#[derive(Debug)]
pub struct NodeOptions {
    name: String,
    program: Program,
    peers: Vec<String>,
    network: Option<String>,
    listen: Vec<String>,
    bench: bool,
    keep: bool,
    log: Option<String>,
    gateway: Option<String>,
    data_dir: Option<PathBuf>,
}

impl NodeOptions {
    /// `node --peer`; `name` is for messages.
    #[must_use]
    pub fn node(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            program: Program::Node,
            peers: Vec::new(),
            network: None,
            listen: Vec::new(),
            bench: false,
            keep: false,
            log: None,
            // Anywhere: nodes on one machine would all look for a port near the usual one.
            gateway: Some("127.0.0.1:0".to_owned()),
            data_dir: None,
        }
    }

    /// `atoll-bootstrap`.
    #[must_use]
    pub fn bootstrap(name: &str) -> Self {
        Self { program: Program::Bootstrap, gateway: None, ..Self::node(name) }
    }

    /// Adds an address to join through.
    #[must_use]
    pub fn peer(mut self, address: impl ToString) -> Self {
        self.peers.push(address.to_string());
        self
    }

    /// Another network than `main`.
    #[must_use]
    pub fn network(mut self, network: &str) -> Self {
        self.network = Some(network.to_owned());
        self
    }

    /// Adds an address to listen on, instead of [`LOOPBACK`].
    #[must_use]
    pub fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.to_owned());
        self
    }

    /// Offers the service `bench`.
    #[must_use]
    pub fn bench(mut self) -> Self {
        self.bench = true;
        self
    }

    /// Keeps others' topics.
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// Where to serve HTTP, instead of loopback.
    #[must_use]
    pub fn gateway(mut self, address: &str) -> Self {
        self.gateway = Some(address.to_owned());
        self
    }

    /// Serves no HTTP.
    #[must_use]
    pub fn no_gateway(mut self) -> Self {
        self.gateway = None;
        self
    }

    /// What to log on stderr, instead of warnings and notices.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        self.log = Some(filter.to_owned());
        self
    }

    /// A directory that outlives the node, instead of a temporary one.
    #[must_use]
    pub fn data_dir(mut self, directory: &Path) -> Self {
        self.data_dir = Some(directory.to_owned());
        self
    }

    /// Starts the process, whatever becomes of it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn(self) -> Result<(Process, DataDir)> {
        let data_dir = match self.data_dir {
            Some(kept) => DataDir::Kept(kept),
            None => DataDir::Temporary(tempfile::Builder::new().prefix("atoll-").tempdir()?),
        };
        let mut arguments: Vec<OsString> = Vec::new();
        if self.program == Program::Node || !self.peers.is_empty() {
            arguments.push("--peer".into());
            arguments.extend(self.peers.into_iter().map(OsString::from));
        }
        arguments.extend(["--data-dir".into(), data_dir.path().into()]);
        arguments.extend(self.network.into_iter().flat_map(|n| ["--network".into(), n.into()]));
        let listen = if self.listen.is_empty() { vec![LOOPBACK.to_owned()] } else { self.listen };
        arguments.extend(listen.into_iter().flat_map(|a| ["--listen".into(), a.into()]));
        match self.gateway {
            Some(address) => arguments.extend(["--gateway".into(), address.into()]),
            None => arguments.push("--no-gateway".into()),
        }
        arguments.extend(self.log.into_iter().flat_map(|l| ["--log".into(), l.into()]));
        arguments.extend(self.bench.then(|| "--bench".into()));
        arguments.extend(self.keep.then(|| "--keep".into()));
        arguments.extend(["--no-mdns", "--output", "json"].map(OsString::from));
        Ok((Process::spawn(&self.name, &self.program.path()?, arguments)?, data_dir))
    }

    /// Starts the node and waits until it listens.
    ///
    /// # Errors
    /// If it does not; with all that it said.
    pub async fn start(self) -> Result<NodeProcess> {
        let (process, data_dir) = self.spawn()?;
        let started = process.event("started").await?;
        let id = text(&started, "node")?.parse()?;
        let listening = process.event("listening").await?;
        let address = text(&listening, "address")?.parse()?;
        Ok(NodeProcess { process, data_dir, id, address })
    }
}

/// Where a node keeps its state.
#[derive(Debug)]
pub enum DataDir {
    /// Removed with the node.
    Temporary(TempDir),
    /// Belongs to the test.
    Kept(PathBuf),
}

impl DataDir {
    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(directory) => directory,
        }
    }
}

/// A node that runs and listens. Killed when dropped.
#[derive(Debug)]
pub struct NodeProcess {
    /// The process.
    pub process: Process,
    /// Its state.
    pub data_dir: DataDir,
    /// Its identity.
    pub id: NodeId,
    /// Where it can be dialled, with `/p2p/<id>`.
    pub address: Multiaddr,
}

impl NodeProcess {
    /// Waits until it has joined.
    ///
    /// # Errors
    /// If it does not; with all that it said.
    pub async fn joined(&self) -> Result<Value> {
        self.process.event("joined").await
    }

    /// Runs `node` with these arguments against it.
    ///
    /// # Errors
    /// If the command cannot be run or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Answer> {
        command::node(self.data_dir.path(), arguments).await
    }

    /// Runs a command with `--output json` and reads what it prints.
    ///
    /// # Errors
    /// If the command fails, or prints something else than a `T`.
    pub async fn ask<T: DeserializeOwned>(&self, arguments: &[&str]) -> Result<T> {
        self.run(&[arguments, &["--output", "json"]].concat()).await?.json()
    }

    /// Stops it as a user would, and waits for its end.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.process.terminate().await?;
        self.process.exit(PATIENCE).await
    }
}

fn text<'a>(event: &'a Value, field: &str) -> Result<&'a str> {
    event.get(field).and_then(Value::as_str).with_context(|| format!("no {field} in {event}"))
}
