//! What nodes think of each other, and that it outlives them.

use std::path::Path;

use anyhow::{Result, ensure};
use atoll_node::{NodeId, control::api::Reputation};
use atoll_tests::{Network, NodeOptions, NodeProcess, PATIENCE, control, until};

/// Calls that count for `peer` at the node with this directory.
async fn counted(directory: &Path, peer: NodeId) -> Result<u64> {
    let known: Vec<Reputation> = control::ask(directory, "/v1/reputation").await?;
    Ok(known.iter().find(|one| one.node == peer).map_or(0, |one| one.calls))
}

/// Calls `peer` once, and waits until it counts.
async fn call(node: &NodeProcess, peer: NodeId) -> Result<u64> {
    let before = counted(node.data_dir.path(), peer).await?;
    let called = node.run(&["call", "system", "ping", "--peer", &peer.to_string()]).await?;
    ensure!(called.code == 0, "{called:?}");
    until("the call counts", PATIENCE, async || {
        let calls = counted(node.data_dir.path(), peer).await?;
        Ok((calls > before).then_some(calls))
    })
    .await
}

#[tokio::test]
async fn what_was_seen_of_a_peer_survives_kill_9() -> Result<()> {
    let network = Network::start(1).await?;
    let peer = network.node(0)?.id;
    let directory = tempfile::tempdir()?;
    let options = || NodeOptions::node("killed").data_dir(directory.path()).peer(&network.bootstrap.address);
    let mut node = options().start().await?;
    node.joined().await?;
    call(&node, peer).await?;
    // It was written before the second one counts. That one itself may be on its way to the disk.
    let written = call(&node, peer).await? - 1;
    node.process.kill().await?;

    let again = options().start().await?;
    let kept = counted(again.data_dir.path(), peer).await?;
    ensure!(kept >= written, "{kept} calls are known of {written}");
    Ok(())
}
