//! Taking connections on this machine, and carrying them to an application elsewhere, as `ssh -L` does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use atoll_protocol::{rpc::Status, tunnel::Purpose};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::broadcast,
    task::JoinSet,
    time::timeout,
};

use super::{
    carry::{Broken, End, Socket, Traffic, carry, conclusion},
    dial::{Dialer, Opened},
};

/// Failures that whoever watches may be behind before it misses some.
const FAILURES: usize = 64;
/// How long nothing is taken after the system did not give a connection, for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a browser may take to say what it wants before it is told that there is nothing.
const ASKING: Duration = Duration::from_secs(5);
/// How much of that is read.
const ASKED: usize = 16 * 1024;

/// One forwarded port.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) local: SocketAddr,
    pub(super) dialer: Dialer,
    pub(super) connections: usize,
    pub(super) idle: Duration,
    pub(super) traffic: Traffic,
    /// Whom failures are told; none once it has ended.
    pub(super) failures: Mutex<Option<broadcast::Sender<String>>>,
}

impl Port {
    /// A port, and where it tells why connections have failed.
    pub(super) fn new(
        local: SocketAddr,
        dialer: Dialer,
        connections: usize,
        idle: Duration,
    ) -> (Self, broadcast::Receiver<String>) {
        let (failures, told) = broadcast::channel(FAILURES);
        let failures = Mutex::new(Some(failures));
        (Self { local, dialer, connections, idle, traffic: Traffic::default(), failures }, told)
    }

    /// Takes connections for as long as it runs; those that are open end with it.
    pub(super) async fn run(self: Arc<Self>, listener: TcpListener) {
        let mut open = JoinSet::new();
        loop {
            let room = open.len() < self.connections;
            tokio::select! {
                accepted = listener.accept(), if room => match accepted {
                    Ok((socket, from)) => {
                        let port = Arc::clone(&self);
                        open.spawn(async move { port.serve(socket, from).await });
                    }
                    Err(error) => {
                        tracing::warn!("no connection can be taken on {}: {error}", self.local);
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = open.join_next(), if !open.is_empty() => {}
            }
        }
    }

    async fn serve(&self, stream: TcpStream, from: SocketAddr) {
        let _entered = self.traffic.enter();
        let mut socket = Socket::new(stream);
        match self.dialer.open(Purpose::Bytes, None).await {
            Ok(opened) => {
                if let Err(status) = self.carry(&mut socket, opened).await {
                    return self.failed(from, &status);
                }
            }
            Err(status) => {
                self.failed(from, &status);
                if !self.dialer.is_web() || excuse(socket.stream(), &status).await.is_err() {
                    // It is reset.
                    return;
                }
            }
        }
        socket.ended();
    }

    async fn carry(&self, socket: &mut Socket, opened: Opened) -> Result<(), Status> {
        let Opened { node, sender, mut receiver } = opened;
        let carried = carry(socket, (sender, &mut receiver), End::Caller, self.idle, &self.traffic).await;
        match carried {
            Ok(()) => conclusion(&mut receiver).await,
            Err(Broken::Stream(status)) => Err(status),
            // Whoever has connected here has gone: their own affair, which the other end is told by the stream's end.
            Err(Broken::Socket(error)) => {
                tracing::debug!("a connection to {} at {node} was broken here: {error}", self.dialer.query());
                Ok(())
            }
            Err(Broken::Idle(idle)) => {
                Err(Status::cancelled(format!("nothing came through for {} s (tunnels.idle_secs)", idle.as_secs())))
            }
        }
    }

    fn failed(&self, from: SocketAddr, status: &Status) {
        tracing::warn!("the connection from {from} on {} has failed: {status}", self.local);
        // Nobody need be watching.
        let failures = self.failures.lock().clone();
        let _ = failures.map(|failures| failures.send(status.message().to_owned()));
    }
}

/// Tells a browser why there is no page. It has to be let ask first, or it would not read the answer.
async fn excuse(stream: &mut TcpStream, status: &Status) -> std::io::Result<()> {
    let mut asked = Vec::new();
    let asking = async {
        while !asked.windows(4).any(|end| end == b"\r\n\r\n") && asked.len() < ASKED {
            if stream.read_buf(&mut asked).await? == 0 {
                break;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    timeout(ASKING, asking).await.map_err(|_| std::io::ErrorKind::TimedOut)??;
    let text = format!("{}\n", status.message());
    let head = format!(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
