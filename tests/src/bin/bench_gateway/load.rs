//! A load of HTTP requests, made by as little as possible: the same bytes again and again over connections that stay.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

/// What is sent, and comes back.
pub(crate) const BODY: &str =
    r#"{"text":"a hundred bytes of JSON, as a call of an ordinary service has them, give or take a few","n":12345}"#;
/// Calls before those that count.
const WARM_UP: usize = 500;

/// A connection that asks for the same thing again and again.
struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    async fn connect(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        Ok(Self { stream, request: request.into_bytes(), buffer: vec![0; 16 * 1024] })
    }

    async fn once(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        loop {
            let room = self.buffer.get_mut(filled..).context("an answer that is too large")?;
            let read = self.stream.read(room).await?;
            ensure!(read > 0, "the server has closed the connection");
            filled += read;
            let answer = self.buffer.get(..filled).unwrap_or_default();
            let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(answer.get(..end).unwrap_or_default())?;
            if !head.starts_with("HTTP/1.1 200") {
                bail!("the server answers {head}");
            }
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if filled >= end + 4 + length.context("no content-length")? {
                return Ok(());
            }
        }
    }
}

/// Requests a second that are answered.
pub(crate) async fn per_second(address: SocketAddr, path: &str, connections: usize, seconds: u64) -> Result<f64> {
    let done = Arc::new(AtomicU64::new(0));
    let mut all = JoinSet::new();
    let (warm, length) = (Duration::from_millis(500), Duration::from_secs(seconds));
    let started = Instant::now();
    for _ in 0..connections {
        let (mut client, done) = (Client::connect(address, path).await?, Arc::clone(&done));
        all.spawn(async move {
            while started.elapsed() < warm {
                client.once().await?;
            }
            while started.elapsed() < warm + length {
                client.once().await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = all.join_next().await {
        ended??;
    }
    Ok(done.load(Ordering::Relaxed) as f64 / length.as_secs_f64())
}

/// The median of requests one after the other, in microseconds.
pub(crate) async fn one_by_one(address: SocketAddr, path: &str, count: usize) -> Result<f64> {
    let mut client = Client::connect(address, path).await?;
    let mut samples = Vec::with_capacity(count);
    for number in 0..WARM_UP + count {
        let started = Instant::now();
        timeout(Duration::from_secs(30), client.once()).await??;
        if number >= WARM_UP {
            samples.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    samples.sort_by(f64::total_cmp);
    samples.get(count / 2).copied().context("nothing was measured")
}
