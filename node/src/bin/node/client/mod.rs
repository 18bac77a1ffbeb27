//! The control socket's client: JSON over HTTP/1.1 over a Unix socket, one connection a request.

use std::{
    convert::Infallible,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use atoll_node::{
    cli::{
        GlobalArgs,
        text::{program, shell_word},
    },
    control::{api::ApiError, socket_path},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, task::JoinHandle, time::timeout};

use crate::failure::Failure;

pub(crate) use self::stream::Feed;

mod stream;
#[cfg(test)]
mod tests;

/// How long a question about the node's own state may take: it is answered from memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer larger than this is none: the largest body of a call, several times over.
const ANSWER: usize = 128 * 1024 * 1024;

/// Asks the node of one data directory.
pub(crate) struct Client {
    data_dir: PathBuf,
    start: String,
}

/// What carries one connection; it ends when this is dropped.
struct Driver(JoinHandle<hyper::Result<()>>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// A client of the node in `data_dir`, which the options in `global` lead to.
    pub(crate) fn new(data_dir: &Path, global: &GlobalArgs) -> Self {
        let mut start = format!("{} --peer", program());
        if let Some(network) = &global.network {
            start.push_str(&format!(" --network {network}"));
        }
        if let Some(dir) = &global.data_dir {
            start.push_str(&format!(" --data-dir {}", shell_word(&dir.to_string_lossy())));
        }
        Self { data_dir: data_dir.to_owned(), start }
    }

    /// Asks for something the node knows.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.ask(Method::GET, path, Bytes::new(), Some(PATIENCE)).await
    }

    /// Asks the node to do something, and waits `patience` for it, or for as long as it takes.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        patience: Option<Duration>,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|e| Failure::Unprintable(e.to_string()))?;
        self.ask(Method::POST, path, body.into(), patience).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Option<Duration>,
    ) -> Result<T, Failure> {
        let asking = self.exchange(method, path, body);
        let (status, answer) = match patience {
            None => asking.await?,
            Some(patience) => timeout(patience, asking).await.map_err(|_| {
                Failure::NoAnswer(format!("the node did not answer within {} s", patience.as_secs_f32().ceil()))
            })??,
        };
        if status.is_success() {
            let other =
                |e| Failure::NoAnswer(format!("the node's answer is not understood ({e}); is it of another version?"));
            serde_json::from_slice(&answer).map_err(other)
        } else {
            Err(refusal(status, path, &answer))
        }
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let (response, _driver) = self.send(method, path, Full::new(body)).await?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), ANSWER)
            .collect()
            .await
            .map_err(|e| Failure::NoAnswer(format!("the node's answer ended early or is too large ({e})")))?
            .to_bytes();
        Ok((status, answer))
    }

    /// Sends a request, on a connection that lasts as long as its driver.
    async fn send<B>(&self, method: Method, path: &str, body: B) -> Result<(Response<Incoming>, Driver), Failure>
    where
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let stream = self.connect().await?;
        let gone = |e: hyper::Error| Failure::NoAnswer(format!("the node went away before it answered ({e})"));
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(gone)?;
        let driver = Driver(tokio::spawn(connection));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|e| Failure::Usage(format!("{path:?} cannot be asked for: {e}")))?;
        Ok((sender.send_request(request).await.map_err(gone)?, driver))
    }

    /// A socket that nobody listens on was left by a node that was killed: there is no node.
    async fn connect(&self) -> Result<UnixStream, Failure> {
        let path = socket_path(&self.data_dir);
        UnixStream::connect(&path).await.map_err(|error| {
            use io::ErrorKind::{ConnectionRefused, InvalidInput, NotADirectory, NotFound, PermissionDenied};
            match error.kind() {
                NotFound | ConnectionRefused | NotADirectory => {
                    Failure::NoNode { data_dir: self.data_dir.clone(), start: self.start.clone() }
                }
                PermissionDenied => {
                    Failure::Socket { path, reason: "it belongs to another user; ask as that user".to_owned() }
                }
                InvalidInput => {
                    Failure::Usage(format!("{path:?} is too long for a socket's name; pass a shorter --data-dir"))
                }
                _ => Failure::Socket { path, reason: error.to_string() },
            }
        })
    }
}

/// `text` as one segment of a path: everything encoded but what RFC 3986 calls unreserved.
pub(crate) fn segment(text: &str) -> String {
    let mut path = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// Why the node does not do what it was asked to.
fn refusal(status: StatusCode, path: &str, said: &[u8]) -> Failure {
    match serde_json::from_slice::<ApiError>(said) {
        Ok(refusal) => Failure::Refused(refusal.error),
        Err(_) => Failure::Refused(format!("the node answered {status} to {path}; is it of another version?")),
    }
}
