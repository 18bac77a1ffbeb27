//! Joins a network and calls `math.calc`, wherever it runs.
//!
//! ```text
//! cargo run --example 02_call -- ADDRESS      where `01_serve` is listening
//! ```

use std::time::Duration;

use anyhow::Context as _;
use atoll_node::{Multiaddr, Node};
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct Sum {
    sum: i64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("say where to join: 02_call ADDRESS")?;
    let address: Multiaddr = address.parse().with_context(|| format!("{address:?} is not an address"))?;

    // On this machine only; see `01_serve`.
    let loopback = ["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
    let node = Node::builder().listen(loopback).mdns(false).bootstrap([address]).spawn().await?;

    // From here on the node knows what its neighbours know.
    tokio::time::timeout(Duration::from_secs(10), node.joined()).await.context("nobody answers there")?;

    // Any version 1 of the service will do. An error is a status, such as `not_found` or `deadline_exceeded`.
    let calc = node.client("math.calc@1")?;
    let request = Add { a: 2, b: 3 };
    let answer: Sum = calc.call("add", &request).deadline(Duration::from_secs(2)).await?;
    println!("{} + {} = {}", request.a, request.b, answer.sum);

    node.shutdown().await;
    Ok(())
}
