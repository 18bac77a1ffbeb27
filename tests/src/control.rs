//! Questions to a node's control socket, without the cost of a process for each.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use atoll_node::control::socket_path;
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use crate::wait::PATIENCE;

/// More than any answer is.
const LARGEST: u64 = 64 * 1024 * 1024;

/// What `GET path` answers: the HTTP code and the body.
///
/// # Errors
/// If nobody answers, or not within [`PATIENCE`].
pub async fn get(data_dir: &Path, path: &str) -> Result<(u16, Vec<u8>)> {
    let socket = socket_path(data_dir);
    let answer = timeout(PATIENCE, exchange(&socket, path)).await;
    answer.unwrap_or_else(|_| Err(anyhow!("no answer"))).with_context(|| format!("GET {path} at {}", socket.display()))
}

/// What `GET path` answers, as JSON.
///
/// # Errors
/// If nobody answers, or something else.
pub async fn ask<T: DeserializeOwned>(data_dir: &Path, path: &str) -> Result<T> {
    let (code, body) = get(data_dir, path).await?;
    ensure!(code == 200, "GET {path} answered {code}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// One request on a connection of its own, so that the answer ends where the connection does.
async fn exchange(socket: &Path, path: &str) -> Result<(u16, Vec<u8>)> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no end of the HTTP head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer)?.to_ascii_lowercase();
    ensure!(!head.contains("transfer-encoding"), "a plain body was expected: {head}");
    let code = head.split_whitespace().nth(1).context("no HTTP code")?;
    Ok((code.parse()?, body))
}
