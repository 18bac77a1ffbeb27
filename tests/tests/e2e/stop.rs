//! A clean end: withdrawn everywhere, exit code 0.

use anyhow::{Context, Result, ensure};
use atoll_node::control::api::{NodeRow, ServiceRow};
use atoll_tests::{Network, NodeOptions, NodeProcess, PATIENCE, control, embedded, until};

use crate::services;

async fn lists(node: &NodeProcess, id: atoll_node::NodeId) -> Result<bool> {
    let nodes: Vec<NodeRow> = control::ask(node.data_dir.path(), "/v1/nodes").await?;
    let services: Vec<ServiceRow> = control::ask(node.data_dir.path(), "/v1/services").await?;
    Ok(nodes.iter().any(|row| row.node == id) || services.iter().any(|row| row.nodes.contains(&id)))
}

#[tokio::test]
async fn a_node_that_is_stopped_is_gone_everywhere() -> Result<()> {
    let mut network = Network::start(5).await?;
    for interrupt in [true, false] {
        let mut leaving = network.nodes.pop().context("five were started")?;
        if interrupt {
            leaving.process.interrupt().await?;
        } else {
            leaving.process.terminate().await?;
        }
        let status = leaving.process.exit(PATIENCE).await?;
        ensure!(status.code() == Some(0), "{status}: {}", leaving.process.report());
        leaving.process.event("stopping").await?;
        for node in network.everyone() {
            until("the stopped node is no longer listed", PATIENCE, async || {
                Ok((!lists(node, leaving.id).await?).then_some(()))
            })
            .await?;
        }
        // Nobody answers in its directory any more.
        leaving.run(&["network", "nodes"]).await?.failed(3, &["node --peer"])?;
    }
    Ok(())
}

#[tokio::test]
async fn the_seed_may_leave_as_well() -> Result<()> {
    let mut network = Network::start(3).await?;
    let status = network.bootstrap.stop().await?;
    ensure!(status.code() == Some(0), "{status}: {}", network.bootstrap.process.report());
    // The others go on without it.
    for node in &network.nodes {
        until("the seed is no longer listed", PATIENCE, async || {
            Ok((!lists(node, network.bootstrap.id).await?).then_some(()))
        })
        .await?;
    }
    let (one, other) = (network.node(0)?, network.node(2)?.id.to_string());
    one.run(&["call", "system", "ping", "--peer", &other]).await?.succeeded()?;
    Ok(())
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() -> Result<()> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").start().await?;
    let mut node = NodeOptions::node("node").peer(&bootstrap.address).start().await?;
    node.joined().await?;
    node.process.interrupt().await?;
    // It may have ended by now, which is at once as well.
    let _ = node.process.interrupt().await;
    let status = node.process.exit(PATIENCE).await?;
    ensure!(matches!(status.code(), Some(0 | 130)), "{status}: {}", node.process.report());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_dropped_is_withdrawn() -> Result<()> {
    let network = Network::start(3).await?;
    let provider = embedded::join(&network.bootstrap.address).await?;
    let (kept, dropped) = (services::trouble(&provider).await?, services::calc(&provider, "1.0.0").await?);
    let offers = async |node: &NodeProcess, name: &str| -> Result<bool> {
        let rows: Vec<ServiceRow> = control::ask(node.data_dir.path(), "/v1/services").await?;
        Ok(rows.iter().any(|row| row.name.as_str() == name))
    };
    for node in network.everyone() {
        until("the service is listed", PATIENCE, async || Ok(offers(node, "math.calc").await?.then_some(()))).await?;
    }
    drop(dropped);
    for node in network.everyone() {
        until("the service is withdrawn", PATIENCE, async || Ok((!offers(node, "math.calc").await?).then_some(())))
            .await?;
        ensure!(offers(node, "trouble.maker").await?, "the other one is still offered");
    }
    drop(kept);
    Ok(())
}
