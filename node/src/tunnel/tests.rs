//! Tunnels between real nodes on loopback, to real applications.

mod access;
mod addresses;
mod ends;
mod keeping;
mod limits;
mod strangers;
mod ways;

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{error::*, *};
use crate::{
    Builder, Node,
    testing::{builder, eventually, listening, lists, pair, within},
};

/// An application: takes connections, each in a task of its own, until the test ends.
async fn app<F, Fut>(serve: F) -> AppAddress
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    address.into()
}

/// Gives back what it is sent, and ends when the other side has ended.
async fn echo() -> AppAddress {
    app(|mut socket| async move {
        let (mut read, mut write) = socket.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
        let _ = write.shutdown().await;
    })
    .await
}

/// An address that nobody listens on.
async fn nobody() -> AppAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().into()
}

/// A connection to a forwarded port.
async fn connected(forwarded: &Forwarded) -> TcpStream {
    within("a connection", TcpStream::connect(forwarded.local())).await.unwrap()
}

/// Whether a connection to a forwarded port is reset, sooner or later.
async fn is_reset(forwarded: &Forwarded) -> bool {
    match within("an end", TcpStream::connect(forwarded.local())).await {
        Ok(mut stream) => exchange(&mut stream, b"hello").await.is_err(),
        Err(_) => true,
    }
}

/// Says something, ends, and gives all that comes back.
async fn exchange(stream: &mut TcpStream, said: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(said).await?;
    stream.shutdown().await?;
    let mut heard = Vec::new();
    within("the end", stream.read_to_end(&mut heard)).await?;
    Ok(heard)
}

/// The server's and the client's node, and the application forwarded to the latter's machine.
struct Way {
    server: Node,
    client: Node,
    exposed: Exposed,
    forwarded: Forwarded,
}

impl Way {
    async fn to(target: Target) -> Self {
        let (server, client) = pair().await;
        Self::between(server, client, target).await
    }

    async fn between(server: Node, client: Node, target: Target) -> Self {
        let exposed = server.expose("app", target).begin().await.unwrap();
        eventually("it is listed", || lists(&client, "app")).await;
        let forwarded = client.forward("app").unwrap().begin().await.unwrap();
        Self { server, client, exposed, forwarded }
    }

    /// A connection, which the application has answered.
    async fn open(&self) -> TcpStream {
        let mut stream = connected(&self.forwarded).await;
        stream.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        within("an answer", stream.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, b"hello");
        stream
    }
}

/// A node with these settings of tunnels.
fn with(change: impl FnOnce(&mut crate::config::TunnelsConfig)) -> Builder {
    let mut builder = builder();
    change(&mut builder.config.tunnels);
    builder
}

/// A node that joins through another one.
async fn beside(other: &Node, builder: Builder) -> Node {
    let node = listening(builder.bootstrap(other.addresses())).await;
    within("joining", node.joined()).await;
    node
}

/// Why no connection is opened.
async fn refusal(node: &Node, service: &str) -> Status {
    within("an answer", node.connect_to(service)).await.unwrap_err()
}

/// Whether the stream works: what is said comes back.
async fn echoes(mut stream: TunnelStream) -> bool {
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    within("the end", stream.read_to_end(&mut heard)).await.is_ok() && heard == b"hello"
}

/// The address of a socket, as it is asked of it.
fn local(stream: &TcpStream) -> SocketAddr {
    stream.local_addr().unwrap()
}
