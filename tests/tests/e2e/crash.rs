//! `kill -9`: whoever has no chance to say goodbye is gone everywhere when its lease ends.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::{NodeRow, ServiceRow};
use atoll_tests::{Network, NodeOptions, PATIENCE, control, until};

/// A lease, what remains of a renewal interval, and patience with a busy machine.
const LEASE: Duration = Duration::from_secs(95 + 15);

#[tokio::test]
async fn a_killed_node_is_gone_everywhere() -> Result<()> {
    let mut network = Network::start(5).await?;
    let mut victim = network.nodes.pop().context("five were started")?;
    victim.process.kill().await?;
    ensure!(victim.process.pid().is_err(), "it still runs");

    for node in network.everyone() {
        until("the killed node is no longer listed", LEASE, async || {
            let nodes: Vec<NodeRow> = control::ask(node.data_dir.path(), "/v1/nodes").await?;
            let services: Vec<ServiceRow> = control::ask(node.data_dir.path(), "/v1/services").await?;
            let listed = nodes.iter().any(|row| row.node == victim.id)
                || services.iter().any(|row| row.nodes.contains(&victim.id));
            Ok((!listed).then_some(()))
        })
        .await?;
        // The others, which renew their leases, are all still there.
        let nodes: Vec<NodeRow> = control::ask(node.data_dir.path(), "/v1/nodes").await?;
        ensure!(nodes.len() == network.nodes.len() + 1, "{nodes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_killed_node_starts_again_as_the_same() -> Result<()> {
    let network = Network::start(1).await?;
    let directory = tempfile::tempdir()?;
    let options = || NodeOptions::node("killed").data_dir(directory.path()).peer(&network.bootstrap.address);
    let mut node = options().start().await?;
    node.joined().await?;
    node.process.kill().await?;

    let again = options().start().await?;
    ensure!(again.id == node.id, "{} became {}", node.id, again.id);
    again.joined().await?;
    let witness = network.node(0)?;
    until("the node is reached again", PATIENCE, async || {
        let peer = again.id.to_string();
        Ok((witness.run(&["call", "system", "ping", "--peer", &peer]).await?.code == 0).then_some(()))
    })
    .await
}
