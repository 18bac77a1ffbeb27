//! Joins a network and prints which services appear and go, until Ctrl-C.
//!
//! ```text
//! cargo run --example 03_watch_services -- ADDRESS      where `01_serve` is listening
//! ```

use anyhow::Context as _;
use atoll_node::{Change, Multiaddr, Node};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).context("say where to join: 03_watch_services ADDRESS")?;
    let address: Multiaddr = address.parse().with_context(|| format!("{address:?} is not an address"))?;

    // On this machine only; see `01_serve`.
    let loopback = ["/ip4/127.0.0.1/udp/0/quic-v1".parse()?];
    let node = Node::builder().listen(loopback).mdns(false).bootstrap([address]).spawn().await?;

    let mut changes = node.watch();
    loop {
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => print(&change),
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    node.shutdown().await;
    Ok(())
}

fn print(change: &Change) {
    let what = match change {
        Change::Added(_) => "added",
        Change::Changed(_) => "changed",
        Change::Suspect(_) => "suspect",
        Change::Recovered(_) => "recovered",
        Change::Removed(..) => "removed",
    };
    let instance = change.instance();
    let service = instance.record.value();
    println!("{what:9} {} {} on {}", service.name, service.version, instance.node);
}
