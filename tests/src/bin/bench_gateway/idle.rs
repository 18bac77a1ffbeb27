//! Subscribers that only listen: what they cost the node, and that others do not notice them.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{MEMORY, child::Child, figure::Figure};

/// How many begin at a time.
const AT_A_TIME: usize = 64;
/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(60);
/// Messages that are published to see how long they take.
const MESSAGES: usize = 50;

/// Subscribes, and waits until that is confirmed.
async fn subscribe(address: SocketAddr, topic: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET /v1/topics/{topic} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    read_until(&mut stream, "event: subscribed").await?;
    Ok(stream)
}

async fn read_until(stream: &mut TcpStream, wanted: &str) -> Result<()> {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(wanted) {
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await??;
        ensure!(read > 0, "the connection was closed: {text}");
        text.push_str(&String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()));
    }
    Ok(())
}

/// From the beginning of a publication until a subscriber has it: the median, in milliseconds.
async fn live(address: SocketAddr) -> Result<f64> {
    let mut listening = subscribe(address, "bench/live").await?;
    let mut samples = Vec::new();
    for number in 0..MESSAGES {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).await?;
        let body = format!("\"message {number}.\"");
        let head = format!(
            "POST /v1/topics/bench/live?ack=gossip HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        read_until(&mut listening, &format!("message {number}.")).await?;
        samples.push(started.elapsed().as_secs_f64() * 1e3);
    }
    samples.sort_by(f64::total_cmp);
    samples.get(MESSAGES / 2).copied().context("nothing was measured")
}

pub(crate) async fn measure(node: &Child, count: usize) -> Result<Vec<Figure>> {
    eprintln!("{count} subscribers…");
    let (before, alone) = (node.resident_mib()?, live(node.address).await?);
    let begin = |_| subscribe(node.address, "bench/idle");
    let idle: Vec<TcpStream> = stream::iter(0..count).map(begin).buffer_unordered(AT_A_TIME).try_collect().await?;
    let (with, among) = (node.resident_mib()?, live(node.address).await?);
    drop(idle);
    Ok(vec![
        Figure::told("the node's memory before, MiB", before),
        Figure::at_most("— with subscribers that only listen, 10 000 unless told otherwise", with, MEMORY),
        Figure::told("published until heard by a subscriber, half of them, ms", alone),
        Figure::told("— among the idle ones", among),
    ])
}
