//! Requests to a node's gateway, with nothing between the test and the bytes.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{node::NodeProcess, wait::PATIENCE};

/// More than any answer is.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Where a node's gateway is, such as `http://127.0.0.1:4080/`.
///
/// # Errors
/// If it does not say so.
pub async fn gateway(node: &NodeProcess) -> Result<String> {
    let event = node.process.event("gateway").await?;
    event.get("url").and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no url in {event}"))
}

/// What is answered to `METHOD path`: the HTTP code and the body.
///
/// # Errors
/// If nobody answers, or not within [`PATIENCE`].
pub async fn send(url: &str, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
    let answer = timeout(PATIENCE, exchange(url, method, path, body)).await;
    answer.unwrap_or_else(|_| Err(anyhow!("no answer"))).with_context(|| format!("{method} {path} at {url}"))
}

/// What is answered with 200, as JSON.
///
/// # Errors
/// If it is answered with anything else.
pub async fn json(url: &str, method: &str, path: &str, body: &str) -> Result<Value> {
    let (code, body) = send(url, method, path, body).await?;
    ensure!(code == 200, "{method} {path} is answered with {code}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// One exchange in HTTP/1.0, where the answer ends with the connection.
async fn exchange(url: &str, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").context("no end of the HTTP head")?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer)?;
    let code = head.split_whitespace().nth(1).context("no HTTP code")?;
    Ok((code.parse()?, body))
}
