//! The same identity, the remembered peers.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use atoll_node::identity_file;
use atoll_tests::{Network, NodeOptions, command};
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
