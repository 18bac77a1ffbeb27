//! What the processes do that this program starts: a bare server, and a node with a gateway beside another node.

use std::{
    net::SocketAddr,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use atoll_node::{Context as Call, Multiaddr, Node, Serving};
use atoll_tests::{PATIENCE, node::LOOPBACK};
use clap::Subcommand;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin},
    net::TcpListener,
    process::{ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::load::BODY;

/// One process of those that are measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// A bare server that answers with what it is sent
    #[command(hide = true)]
    Bare,
    /// A node with a gateway and a service
    #[command(hide = true)]
    Gateway,
    /// Another node with a service
    #[command(hide = true)]
    Other,
}

impl Role {
    /// Does it until nobody asks any more.
    pub(crate) async fn play(self) -> Result<()> {
        match self {
            Self::Bare => bare().await,
            Self::Gateway => gateway().await,
            Self::Other => other().await,
        }
    }
}

fn stdin() -> Lines<BufReader<Stdin>> {
    BufReader::new(tokio::io::stdin()).lines()
}

async fn bare() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let echo = axum::routing::post(|body: axum::body::Bytes| async { body });
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/echo", echo)).await });
    while stdin().next_line().await?.is_some() {}
    Ok(())
}

async fn node(bootstrap: &[Multiaddr], gateway: bool) -> Result<Node> {
    let listen: Multiaddr = LOOPBACK.parse()?;
    let builder = Node::builder().network("bench").mdns(false).listen([listen]).bootstrap(bootstrap.iter().cloned());
    let at: SocketAddr = "127.0.0.1:0".parse()?;
    Ok(builder.gateway(gateway.then_some(at)).spawn().await?)
}

async fn echo(node: &Node, name: &str) -> Result<Serving> {
    Ok(node.service(name, "1.0.0")?.method("echo", |_: Call, said: Value| async move { Ok(said) }).register().await?)
}

async fn other() -> Result<()> {
    let node = node(&[], false).await?;
    let _serving = echo(&node, "there").await?;
    let address = loop {
        if let Some(address) = node.addresses().first() {
            break address.clone();
        }
        tokio::task::yield_now().await;
    };
    println!("{address}");
    while stdin().next_line().await?.is_some() {}
    Ok(())
}

async fn gateway() -> Result<()> {
    let other = Started::start("other").await?;
    let node = node(&[other.said.parse()?], true).await?;
    timeout(PATIENCE, node.joined()).await.context("the two nodes do not find each other")?;
    let _serving = echo(&node, "here").await?;
    let url = node.gateway().context("there is no gateway")?;
    println!("{}", url.trim_start_matches("http://").trim_end_matches('/'));
    let mut asked = stdin();
    while let Some(line) = asked.next_line().await? {
        let count: usize = line.strip_prefix("direct ").context("what is asked is not known")?.parse()?;
        println!("{}", direct(&node, count).await?);
    }
    Ok(())
}

/// The median of calls one after the other from this process, in microseconds.
async fn direct(node: &Node, count: usize) -> Result<f64> {
    let client = node.client("there")?;
    let body: Value = serde_json::from_str(BODY)?;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let started = Instant::now();
        let said: Value = client.call("echo", &body).await?;
        samples.push(started.elapsed().as_secs_f64() * 1e6);
        ensure!(said == body, "another answer was expected: {said}");
    }
    samples.sort_by(f64::total_cmp);
    samples.get(count / 2).copied().context("nothing was measured")
}

/// A process in one of those roles, and the first thing it said.
struct Started {
    process: tokio::process::Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    said: String,
}

impl Started {
    async fn start(role: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = process.stdin.take().context("no stdin")?;
        let mut lines = BufReader::new(process.stdout.take().context("no stdout")?).lines();
        let said = timeout(PATIENCE, lines.next_line()).await??.with_context(|| format!("{role} has ended"))?;
        Ok(Self { process, stdin, lines, said })
    }
}

/// A process with an HTTP server.
pub(crate) struct Child {
    started: Started,
    pub(crate) address: SocketAddr,
}

impl Child {
    pub(crate) async fn start(role: &str) -> Result<Self> {
        let started = Started::start(role).await?;
        let address = started.said.parse()?;
        Ok(Self { started, address })
    }

    /// Asks it something, and waits for the answer.
    pub(crate) async fn ask(&mut self, question: &str) -> Result<String> {
        self.started.stdin.write_all(format!("{question}\n").as_bytes()).await?;
        let answer = timeout(Duration::from_secs(120), self.started.lines.next_line()).await??;
        answer.context("it has ended")
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let pid = self.started.process.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }
}
