//! Tests of the gateway, over real connections to real nodes.

mod calls;
mod hosts;
mod limits;
mod reports;
mod safety;
mod sockets;
mod topics;

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    Context, Multiaddr, Node, Serving, Status,
    config::{Config, GatewayConfig},
    testing::{builder, listening, loopback, within},
};

/// Loopback, on a port of the system's choice.
fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A node with a gateway.
pub(super) async fn node_with_gateway(bootstrap: &[Multiaddr]) -> Node {
    listening(builder().gateway([anywhere()]).bootstrap(bootstrap.iter().cloned())).await
}

/// A node with such a gateway.
pub(super) async fn configured(change: impl FnOnce(&mut GatewayConfig)) -> Node {
    let mut config = Config { network: crate::testing::network(), ..Config::default() };
    config.gateway.listen = vec![anywhere()];
    change(&mut config.gateway);
    listening(Node::builder().config(config).mdns(false).listen(loopback())).await
}

fn address(node: &Node) -> SocketAddr {
    let url = node.gateway().unwrap();
    url.split("//").nth(1).unwrap().trim_end_matches('/').parse().unwrap()
}

async fn connect(node: &Node) -> TcpStream {
    TcpStream::connect(address(node)).await.unwrap()
}

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    fn read(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&answer[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status, headers: lines.filter_map(header).collect(), body: answer[end + 4..].to_vec() }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The reason of a problem with that status.
    #[track_caller]
    pub(super) fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// One exchange in HTTP/1.0, where the answer ends with the connection.
pub(super) async fn send(node: &Node, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    within("an answer", async {
        let (mut from, mut to) = connect(node).await.into_split();
        let mut head = format!("{method} {path} HTTP/1.0\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        let request = [head.as_bytes(), b"\r\n", body].concat();
        let mut answer = Vec::new();
        // A request that is refused may not be read to its end.
        let (_, read) = tokio::join!(to.write_all(&request), from.read_to_end(&mut answer));
        if answer.is_empty() {
            read.unwrap();
        }
        Reply::read(&answer)
    })
    .await
}

pub(super) async fn get(node: &Node, path: &str) -> Reply {
    send(node, "GET", path, &[], b"").await
}

pub(super) async fn post(node: &Node, path: &str, body: &str) -> Reply {
    send(node, "POST", path, &[("content-type", "application/json")], body.as_bytes()).await
}

/// A service with a method of each kind.
pub(super) async fn offer(node: &Node) -> Serving {
    node.service("demo", "1.2.0")
        .unwrap()
        .doc("Shows what there is.")
        .method("add", |_: Context, r: Vec<i64>| async move { Ok(r.iter().sum::<i64>()) })
        .method("fail", |_: Context, what: String| async move {
            let code = what.parse().map_err(|_| Status::invalid_argument("no code"))?;
            Err::<(), _>(Status::new(code, "as you like").with_detail(br#"{"why": "night"}"#.to_vec()))
        })
        .method("busy", |_: Context, _: Value| async move {
            Err::<(), _>(Status::resource_exhausted("later").retry_after(std::time::Duration::from_millis(2500)))
        })
        .method("sleep", |_: Context, _: Value| std::future::pending::<Result<(), Status>>())
        .method("told", |context: Context, _: Value| async move {
            let left = context.remaining().map(|left| u64::try_from(left.as_millis()).unwrap());
            Ok(serde_json::json!({ "metadata": context.metadata(), "left_ms": left }))
        })
        .raw_method("bytes", |_: Context, body| async move { Ok([&body[..], &[0xff]].concat().into()) })
        .server_stream("count", |_: Context, to: u64, mut out: crate::Sender<u64>| async move {
            for n in 1..=to {
                out.send(&n).await?;
            }
            if to == 13 { Err(Status::new(crate::Code::OutOfRange, "unlucky")) } else { Ok(()) }
        })
        .client_stream("sum", |_: Context, mut from: crate::Receiver<i64>| async move {
            let mut sum = 0;
            while let Some(n) = from.next().await? {
                sum += n;
            }
            Ok(sum)
        })
        .bidirectional(
            "shout",
            |_: Context, mut from: crate::Receiver<String>, mut out: crate::Sender<String>| async move {
                while let Some(text) = from.next().await? {
                    if text == "quiet" {
                        return Err(Status::permission_denied("shouting is not forbidden"));
                    }
                    out.send(&text.to_uppercase()).await?;
                }
                Ok(())
            },
        )
        .register()
        .await
        .unwrap()
}
