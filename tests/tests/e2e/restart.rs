//! The same identity, the remembered peers, and what was known of the network.

use std::{os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Result, ensure};
use atoll_node::{Multiaddr, NodeId, control::api::NodeRow, identity_file};
use atoll_tests::{Network, NodeOptions, NodeProcess, PATIENCE, command, control, until};
use serde_json::Value;

#[tokio::test]
async fn a_node_keeps_its_identity_and_finds_its_way_back() -> Result<()> {
    let network = Network::start(2).await?;
    let directory = tempfile::tempdir()?;
    let mut node =
        NodeOptions::node("first run").data_dir(directory.path()).peer(&network.bootstrap.address).start().await?;
    node.joined().await?;
    let mode = identity_file::path(directory.path()).metadata()?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the identity file has mode {mode:o}");
    node.stop().await?;

    // No address this time: it joins through whom it remembers.
    let again = NodeOptions::node("second run").data_dir(directory.path()).start().await?;
    ensure!(again.id == node.id, "{} became {}", node.id, again.id);
    again.joined().await?;

    // The identity can be asked for while it runs and when it does not.
    let running: Value = again.ask(&["identity", "show"]).await?;
    drop(again);
    let stopped: Value = command::node(directory.path(), &["identity", "show", "--output", "json"]).await?.json()?;
    for shown in [running, stopped] {
        ensure!(shown.to_string().contains(&node.id.to_string()), "{shown}");
    }
    Ok(())
}

/// A node that keeps its state in `directory`, and joins through `peer`.
async fn start(directory: &Path, peer: Option<&Multiaddr>) -> Result<NodeProcess> {
    let options = NodeOptions::node("restarted").data_dir(directory).log("warn,atoll_node=debug");
    let options = if let Some(peer) = peer { options.peer(peer) } else { options };
    options.start().await
}

/// Waits until `node` has written down two others.
async fn written(node: &NodeProcess) -> Result<()> {
    until("what it knows is written", PATIENCE, async || {
        Ok(node.process.complaints().contains("2 nodes are kept").then_some(()))
    })
    .await
}

/// How `node` lists another one, if it does: whether as suspect.
async fn suspects(node: &NodeProcess, other: NodeId) -> Result<Option<bool>> {
    let rows: Vec<NodeRow> = control::ask(node.data_dir.path(), "/v1/nodes").await?;
    Ok(rows.iter().find(|row| row.node == other).map(|row| row.suspect))
}

#[tokio::test]
async fn what_a_killed_node_knew_is_listed_again_and_confirmed_where_there_is_somebody() -> Result<()> {
    let mut network = Network::start(1).await?;
    let directory = tempfile::tempdir()?;
    let other = network.node(0)?.id;
    let address = network.bootstrap.address.clone();
    let mut node = start(directory.path(), Some(&address)).await?;
    written(&node).await?;
    node.process.kill().await?;

    let mut node = start(directory.path(), Some(&address)).await?;
    until("the other one is listed and trusted", PATIENCE, async || {
        Ok((suspects(&node, other).await? == Some(false)).then_some(()))
    })
    .await?;
    node.process.kill().await?;
    for process in network.nodes.iter_mut().chain([&mut network.bootstrap]) {
        process.process.kill().await?;
    }

    // The power comes back, and this is the only one.
    let node = start(directory.path(), None).await?;
    until("the other one is listed, and suspect", PATIENCE, async || {
        Ok((suspects(&node, other).await? == Some(true)).then_some(()))
    })
    .await?;
    ensure!(!node.process.complaints().contains("damaged"), "{}", node.process.report());
    Ok(())
}

#[tokio::test]
async fn who_leaves_while_a_node_is_down_does_not_return_with_it() -> Result<()> {
    let mut network = Network::start(1).await?;
    let directory = tempfile::tempdir()?;
    let other = network.node(0)?.id;
    let address = network.bootstrap.address.clone();
    let mut node = start(directory.path(), Some(&address)).await?;
    written(&node).await?;
    node.process.kill().await?;
    for process in &mut network.nodes {
        process.stop().await?;
    }

    let node = start(directory.path(), Some(&address)).await?;
    until("it is brought back", PATIENCE, async || {
        Ok(node.process.complaints().contains("nodes are known from before").then_some(()))
    })
    .await?;
    // Long before its lease ends.
    until("it is gone", PATIENCE, async || Ok(suspects(&node, other).await?.is_none().then_some(()))).await
}
