//! Speaking to a node over its control socket: what the command line does, without a process for each question.
//!
//! HTTP over a Unix socket, one request a connection. Sockets with a path are of no network, so the lab needs not be in the
//! node's namespace.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{Connection, Hearing, Saying, exchange};

/// How much longer than the call's own deadline its answer is waited for. A node that takes longer has failed.
const GRACE: Duration = Duration::from_secs(5);
/// How long any other answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control socket of one node.
#[derive(Debug, Clone)]
pub struct Control {
    socket: PathBuf,
}

impl Control {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Calls the `system` service of that peer, which is an idempotent call, and gives how long the answer took.
    ///
    /// # Errors
    /// If the call fails, with its status in words; or if the node does not say how it ended.
    pub async fn ping(&self, peer: &str, deadline: Duration) -> Result<Duration> {
        let millis = u64::try_from(deadline.as_millis())?;
        let call = json!({"service": "system", "method": "ping", "body": {}, "peer": peer, "deadline_ms": millis});
        let begun = Instant::now();
        let reply = self.request("POST", "/v1/call", &call.to_string(), deadline + GRACE).await?;
        let told = |field: &str| reply.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        ensure!(told("code") == "ok", "{}: {}", told("code"), told("message"));
        Ok(begun.elapsed())
    }

    /// What the node says of its connections to a peer.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn connections(&self, peer: &str) -> Result<Vec<Connection>> {
        let all: Vec<Connection> = serde_json::from_value(self.get("/v1/connections").await?)?;
        Ok(all.into_iter().filter(|connection| connection.peer == peer).collect())
    }

    /// Relays that the node has a reservation with.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn relays(&self) -> Result<usize> {
        let report = self.get("/v1/doctor").await?;
        let relays = report.get("relays").and_then(Value::as_array).context("the doctor says nothing of relays")?;
        Ok(relays.iter().filter(|relay| relay.get("state").is_some_and(|state| state == "held")).count())
    }

    /// What a node says to a question without a body, such as `/v1/connections`.
    ///
    /// # Errors
    /// If it refuses, or says nothing within 10 s.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.request("GET", path, "", PATIENCE).await
    }

    /// Begins an exchange at this path, in which both say lines: `/v1/topics/publish`, `/v1/topics/subscribe`.
    ///
    /// # Errors
    /// If no node answers.
    pub async fn exchange(&self, path: &str) -> Result<(Saying, Hearing)> {
        exchange::begin(&self.socket, path).await
    }

    async fn request(&self, method: &str, path: &str, body: &str, patience: Duration) -> Result<Value> {
        let exchange = async {
            let mut stream = UnixStream::connect(&self.socket)
                .await
                .with_context(|| format!("no node answers at {}", self.socket.display()))?;
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + body).as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            parse(&answer)
        };
        let answer = timeout(patience, exchange).await;
        answer.unwrap_or_else(|_| Err(anyhow!("no answer within {patience:?}"))).with_context(|| path.to_owned())
    }
}

/// The body of an answer that says success. It ends with the connection, as asked for.
pub(super) fn parse(answer: &str) -> Result<Value> {
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("this is no HTTP: {answer:?}"))?;
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    ensure!(status == "200", "the node answers {status}: {body}");
    serde_json::from_str(body).with_context(|| format!("this is no JSON: {body}"))
}
