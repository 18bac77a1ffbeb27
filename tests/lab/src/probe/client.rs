//! The handle of an agent.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout},
    sync::{Mutex, oneshot},
    time::timeout,
};

use super::request::{Datagram, Numbered, Reply, Request, Seen};
use crate::topology::Host;

/// How long an agent may take beyond what a request says. Generous: the lab shares few processors.
const PATIENCE: Duration = Duration::from_secs(20);

type Pending = Arc<std::sync::Mutex<HashMap<u64, oneshot::Sender<Result<Reply, String>>>>>;

/// An agent in a host. It is killed when this is dropped.
#[derive(Debug)]
pub struct Probe {
    name: String,
    address: Ipv4Addr,
    stdin: Mutex<ChildStdin>,
    pending: Pending,
    next: AtomicU64,
    _child: Child,
}

/// Where a socket is seen from, at one address: over UDP on two ports, over TCP on one.
#[derive(Debug, Clone, Copy)]
pub struct Reflector {
    /// The agent's sockets for UDP.
    pub sockets: [u64; 2],
    /// Where they are.
    pub udp: [SocketAddrV4; 2],
    /// Where connections are accepted.
    pub tcp: SocketAddrV4,
}

impl Probe {
    /// Starts an agent in `host`; `lab` is the program of that name.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(host: &Host, lab: &Path) -> Result<Self> {
        let mut child = host
            .command(lab)
            .arg("probe")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {} on {}", lab.display(), host.namespace().name()))?;
        let stdin = Mutex::new(child.stdin.take().context("no stdin")?);
        let pending = Pending::default();
        tokio::spawn(read(child.stdout.take().context("no stdout")?, pending.clone()));
        let name = host.namespace().name().to_owned();
        Ok(Self { name, address: host.address()?, stdin, pending, next: AtomicU64::new(1), _child: child })
    }

    /// The address of its host.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What the agent says against it, or that it does not answer.
    pub async fn ask(&self, request: Request) -> Result<Reply> {
        let (id, within) = (self.next.fetch_add(1, Ordering::Relaxed), time_of(&request) + PATIENCE);
        let shown = format!("{request:?}");
        let line = serde_json::to_string(&Numbered { id, body: request })? + "\n";
        let (sender, receiver) = oneshot::channel();
        self.pending.lock().map_err(|_| anyhow!("the reader has failed"))?.insert(id, sender);
        self.stdin.lock().await.write_all(line.as_bytes()).await.with_context(|| format!("{} has ended", self.name))?;
        match timeout(within, receiver).await {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(error))) => bail!("{}: {shown}: {error}", self.name),
            Ok(Err(_)) => bail!("{} has ended before it answered {shown}", self.name),
            Err(_) => bail!("{} does not answer {shown} within {within:?}", self.name),
        }
    }

    /// Opens a UDP socket on any port: its number and port.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn bind(&self) -> Result<(u64, u16)> {
        self.bind_to(Ipv4Addr::UNSPECIFIED.into()).await
    }

    /// The same for IPv6. Such a socket sends, and has an inbox; it does nothing else.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn bind6(&self) -> Result<(u64, u16)> {
        self.bind_to(Ipv6Addr::UNSPECIFIED.into()).await
    }

    async fn bind_to(&self, ip: IpAddr) -> Result<(u64, u16)> {
        match self.ask(Request::UdpBind { ip, port: 0 }).await? {
            Reply::Bound { socket, port } => Ok((socket, port)),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// Makes it a reflector.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn reflect(&self) -> Result<Reflector> {
        let (a, b) = (self.bind().await?, self.bind().await?);
        for (socket, _) in [a, b] {
            self.ask(Request::UdpReflect { socket }).await?;
        }
        let tcp = self.listen(0).await?;
        let at = |port| SocketAddrV4::new(self.address, port);
        Ok(Reflector { sockets: [a.0, b.0], udp: [at(a.1), at(b.1)], tcp: at(tcp) })
    }

    /// Accepts connections on a port (0: any) and tells each how it is seen; the port.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn listen(&self, port: u16) -> Result<u16> {
        match self.ask(Request::TcpReflect { port }).await? {
            Reply::Bound { port, .. } => Ok(port),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// Makes it a relay; where.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn relay(&self) -> Result<SocketAddrV4> {
        match self.ask(Request::Relay).await? {
            Reply::Bound { port, .. } => Ok(SocketAddrV4::new(self.address, port)),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// How a UDP socket is seen by a reflector; nothing if it does not answer within so many milliseconds.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn observe(&self, socket: u64, server: SocketAddrV4, within: u64) -> Result<Option<Seen>> {
        self.seen(Request::UdpObserve { socket, server, within }).await
    }

    /// The same for a connection from a TCP port (0: any).
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn connect(&self, from: u16, server: SocketAddrV4, within: u64) -> Result<Option<Seen>> {
        self.seen(Request::TcpObserve { from, server, within }).await
    }

    async fn seen(&self, request: Request) -> Result<Option<Seen>> {
        match self.ask(request).await? {
            Reply::Seen(seen) => Ok(seen),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// Makes it a STUN server on the port for that, for as long as it runs.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn stun(&self) -> Result<()> {
        self.ask(Request::Stun { port: 3478 }).await?;
        Ok(())
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn send(&self, socket: u64, to: impl Into<SocketAddr>, text: &str) -> Result<()> {
        self.ask(Request::UdpSend { socket, to: to.into(), text: text.to_owned() }).await?;
        Ok(())
    }

    /// The datagrams that come until one begins with `until`, or so many milliseconds have passed.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn inbox(&self, socket: u64, until: &str, within: u64) -> Result<Vec<Datagram>> {
        match self.ask(Request::UdpInbox { socket, until: until.to_owned(), within }).await? {
            Reply::Inbox(datagrams) => Ok(datagrams),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// Punches; where the other side is, if it got through.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn punch(&self, socket: u64, to: SocketAddrV4, token: &str, within: u64) -> Result<Option<SocketAddr>> {
        match self.ask(Request::UdpPunch { socket, to, token: token.to_owned(), within }).await? {
            Reply::Punched(whom) => Ok(whom),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }

    /// Meets whoever has the same token at a relay; what they say.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn meet(&self, relay: SocketAddrV4, token: &str, say: &str, within: u64) -> Result<Option<String>> {
        match self.ask(Request::Meet { relay, token: token.to_owned(), say: say.to_owned(), within }).await? {
            Reply::Heard(text) => Ok(text),
            other => bail!("{}: {other:?} is no answer to this", self.name),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Reply(Reply),
    Error(String),
}

/// Gives answers to those who wait for them. When the agent ends, so do they.
async fn read(stdout: ChildStdout, pending: Pending) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(Numbered { id, body }) = serde_json::from_str::<Numbered<Answer>>(&line) else { continue };
        let sender = pending.lock().ok().and_then(|mut pending| pending.remove(&id));
        let answer = match body {
            Answer::Reply(reply) => Ok(reply),
            Answer::Error(error) => Err(error),
        };
        // Whoever asked may have given up.
        let _ = sender.map(|sender| sender.send(answer));
    }
    if let Ok(mut pending) = pending.lock() {
        pending.clear();
    }
}

/// How long a request says that it may take.
fn time_of(request: &Request) -> Duration {
    Duration::from_millis(match request {
        Request::UdpObserve { within, .. }
        | Request::UdpInbox { within, .. }
        | Request::UdpPunch { within, .. }
        | Request::TcpObserve { within, .. }
        | Request::Meet { within, .. } => *within,
        Request::UdpBind { .. }
        | Request::UdpReflect { .. }
        | Request::UdpSend { .. }
        | Request::TcpReflect { .. }
        | Request::Stun { .. }
        | Request::Relay => 0,
    })
}
