//! The first node, the events of joining, addresses, two networks side by side.

use std::{net::UdpSocket, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use atoll_node::control::api::{DoctorReport, Health, NodeRow, ServiceRow, StatusReport};
use atoll_tests::{Network, NodeOptions, PATIENCE, until};
use serde_json::Value;

/// The names of the events, in order.
fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

#[tokio::test]
async fn the_events_of_joining_come_in_order() -> Result<()> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").start().await?;
    let node = NodeOptions::node("node").peer(&bootstrap.address).start().await?;
    let joined = node.joined().await?;
    ensure!(joined["peers"].as_u64() >= Some(1), "{joined}");
    ensure!(joined["millis"].is_u64(), "{joined}");

    let events = node.process.events();
    let order = names(&events);
    let place = |name: &str| order.iter().position(|n| *n == name).with_context(|| format!("no {name} in {order:?}"));
    ensure!(place("started")? < place("listening")? && place("listening")? < place("joined")?, "{order:?}");
    let started = events.first().context("no event")?;
    ensure!(started["node"] == node.id.to_string(), "{started}");
    let directory = node.data_dir.path().canonicalize()?;
    ensure!(started["data_dir"].as_str() == directory.to_str(), "{started}");
    ensure!(node.address.to_string().ends_with(&format!("/p2p/{}", node.id)), "{}", node.address);
    // The other side sees it come.
    let come = |event: &Value| event["event"] == "peer_connected" && event["peer"] == node.id.to_string();
    until("the bootstrap reports the peer", PATIENCE, async || {
        Ok(bootstrap.process.events().iter().any(come).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_first_node_says_that_it_is_alone() -> Result<()> {
    let node = NodeOptions::node("first").start().await?;
    node.process.event("alone").await?;
    let status: StatusReport = node.ask(&["network", "status"]).await?;
    ensure!(!status.joined && status.peers == 0, "{status:?}");
    ensure!(status.node == node.id && status.pid == node.process.pid()?, "{status:?}");
    let doctor: DoctorReport = node.ask(&["doctor"]).await?;
    let [alone, gateway] = doctor.findings.as_slice() else { bail!("{doctor:?}") };
    ensure!(alone.health == Health::Bad && alone.advice.is_some(), "{alone:?}");
    ensure!(gateway.health == Health::Good && gateway.says.contains("http://127.0.0.1:"), "{gateway:?}");
    // A network of one is a network: what is on this node is there.
    let services: Vec<ServiceRow> = node.ask(&["network", "services"]).await?;
    ensure!(services.iter().any(|row| row.name.as_str() == "system"), "{services:?}");
    Ok(())
}

#[tokio::test]
async fn a_bootstrap_that_cannot_be_reached_is_named() -> Result<()> {
    // Nobody listens where somebody did: the port is free again.
    let gone = {
        let mut once = NodeOptions::bootstrap("gone").start().await?;
        once.stop().await?;
        once.address.clone()
    };
    let node = NodeOptions::node("node").peer(&gone).start().await?;
    let failed = node.process.event("bootstrap_failed").await?;
    ensure!(failed["address"] == gone.to_string(), "{failed}");
    Ok(())
}

#[tokio::test]
async fn a_taken_port_means_another_one() -> Result<()> {
    let holder = UdpSocket::bind("127.0.0.1:0")?;
    let taken = holder.local_addr()?.port();
    let node = NodeOptions::node("node").listen(&format!("/ip4/127.0.0.1/udp/{taken}/quic-v1")).start().await?;
    let event = node.process.event("port_taken").await?;
    ensure!(event["wanted"] == taken, "{event}");
    let using = event["using"].as_u64().context("no port")?;
    ensure!(using != u64::from(taken), "{event}");
    ensure!(node.address.to_string().contains(&format!("/udp/{using}/")), "{event}, and yet {}", node.address);
    Ok(())
}

#[tokio::test]
async fn it_also_joins_over_tcp() -> Result<()> {
    let bootstrap = NodeOptions::bootstrap("bootstrap").listen("/ip4/127.0.0.1/tcp/0").start().await?;
    let node = NodeOptions::node("node").listen("/ip4/127.0.0.1/tcp/0").peer(&bootstrap.address).start().await?;
    node.joined().await?;
    let connections: Value = node.ask(&["network", "connections"]).await?;
    ensure!(connections[0]["transport"] == "tcp", "{connections}");
    Ok(())
}

#[tokio::test]
async fn networks_side_by_side_do_not_see_each_other() -> Result<()> {
    let (main, other) = tokio::try_join!(Network::start(2), Network::named("other", 2))?;
    // One in each that names a peer of the other one as well.
    let both =
        NodeOptions::node("of main").peer(&other.bootstrap.address).peer(&main.bootstrap.address).start().await?;
    both.joined().await?;
    let wrong = both.process.event("wrong_network").await?;
    ensure!(wrong["network"] == "other" && wrong["peer"] == other.bootstrap.id.to_string(), "{wrong}");

    for (mine, theirs) in [(&main, &other), (&other, &main)] {
        for node in mine.everyone() {
            let rows: Vec<NodeRow> = node.ask(&["network", "nodes"]).await?;
            let strangers = theirs.ids();
            ensure!(!rows.iter().any(|row| strangers.contains(&row.node)), "{rows:?}");
            let rows: Vec<ServiceRow> = node.ask(&["network", "services"]).await?;
            ensure!(!rows.iter().flat_map(|row| &row.nodes).any(|id| strangers.contains(id)), "{rows:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_only_knows_another_network_does_not_join() -> Result<()> {
    let other = NodeOptions::bootstrap("of other").network("other").start().await?;
    let node = NodeOptions::node("of main").peer(&other.address).start().await?;
    let wrong = node.process.event("wrong_network").await?;
    ensure!(wrong["network"] == "other", "{wrong}");
    // It had its chance to join by mistake.
    tokio::time::sleep(Duration::from_millis(500)).await;
    ensure!(!names(&node.process.events()).contains(&"joined"), "{}", node.process.report());
    Ok(())
}
