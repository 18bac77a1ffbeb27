//! `network connect`, and who is refused.

use anyhow::{Result, ensure};
use atoll_node::control::api::{ConnectReply, NodeRow};
use atoll_tests::{NodeOptions, PATIENCE, until};

#[tokio::test]
async fn two_networks_of_one_become_one_of_two() -> Result<()> {
    let (left, right) = tokio::try_join!(NodeOptions::node("left").start(), NodeOptions::node("right").start())?;
    left.process.event("alone").await?;
    let address = right.address.to_string();
    let reply: ConnectReply = left.ask(&["network", "connect", &address]).await?;
    ensure!(reply.peer == right.id && reply.address == address, "{reply:?}");
    for (node, other) in [(&left, &right), (&right, &left)] {
        until("each lists the other", PATIENCE, async || {
            let rows: Vec<NodeRow> = node.ask(&["network", "nodes"]).await?;
            Ok(rows.iter().any(|row| row.node == other.id).then_some(()))
        })
        .await?;
        node.joined().await?;
    }
    // Connecting again is no mistake; without the id it works as well.
    let bare = address.split("/p2p/").next().unwrap_or_default();
    let reply: ConnectReply = left.ask(&["network", "connect", bare]).await?;
    ensure!(reply.peer == right.id, "{reply:?}");
    Ok(())
}

#[tokio::test]
async fn whoever_cannot_be_connected_to_is_named() -> Result<()> {
    let (node, other, mut gone) = tokio::try_join!(
        NodeOptions::node("node").start(),
        NodeOptions::node("of other").network("other").start(),
        NodeOptions::node("gone").start(),
    )?;
    let address = other.address.to_string();
    node.run(&["network", "connect", &address]).await?.failed(1, &["other", "main"])?;
    gone.stop().await?;
    let address = gone.address.to_string();
    node.run(&["network", "connect", &address]).await?.failed(1, &[&gone.id.to_string()])?;
    node.run(&["network", "connect", "somewhere"]).await?.failed(2, &["somewhere"])?;
    Ok(())
}
