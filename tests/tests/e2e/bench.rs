//! `node bench`.

use anyhow::{Result, ensure};
use atoll_node::bench::{EchoReport, FlowReport, PublishReport};
use atoll_tests::{NodeOptions, NodeProcess, PATIENCE, until};
use serde_json::Value;

async fn pair() -> Result<(NodeProcess, NodeProcess)> {
    let server = NodeOptions::node("measured").bench().start().await?;
    let node = NodeOptions::node("measuring").peer(&server.address).start().await?;
    node.joined().await?;
    until("the service is listed", PATIENCE, async || {
        let rows: Vec<Value> = node.ask(&["network", "services"]).await?;
        Ok(rows.iter().any(|row| row["name"] == "bench").then_some(()))
    })
    .await?;
    Ok((server, node))
}

#[tokio::test]
async fn calls_and_streams_between_two_nodes_are_measured() -> Result<()> {
    let (server, node) = pair().await?;
    let id = server.id.to_string();
    for to in [&[][..], &["--peer", &id]] {
        let report: Value = node.ask(&[&["bench", "rpc", "--duration", "1s"], to].concat()).await?;
        for field in ["requests_per_second", "p50_us", "p99_us"] {
            ensure!(report[field].as_f64().is_some_and(|figure| figure > 0.0), "{field}: {report}");
        }
        let report: EchoReport = serde_json::from_value(report)?;
        ensure!(report.requests > 0 && report.errors == 0 && report.first_error.is_none(), "{report:?}");
        ensure!(report.instances.iter().all(|instance| instance.node == server.id), "{report:?}");

        let report: Value =
            node.ask(&[&["bench", "stream", "--size", "8MiB", "--concurrency", "2"], to].concat()).await?;
        ensure!(report["megabytes_per_second"].as_f64().is_some_and(|figure| figure > 0.0), "{report}");
        let report: FlowReport = serde_json::from_value(report)?;
        ensure!((report.bytes, report.streams) == (8 << 20, 2), "{report:?}");
    }
    // For people.
    let page = node.run(&["bench", "rpc", "--duration", "1s", "--concurrency", "1"]).await?.succeeded()?;
    ensure!(page.stdout.contains("calls/s") && page.stdout.contains(&server.id.short()), "{page}");
    ensure!(page.stderr.is_empty(), "progress is for terminals: {page}");
    Ok(())
}

#[tokio::test]
async fn publishing_is_measured_on_a_node_by_itself() -> Result<()> {
    let node = NodeOptions::node("publishing").start().await?;
    for ack in ["gossip", "local"] {
        let report: Value = node.ask(&["bench", "publish", "--count", "1000", "--ack", ack]).await?;
        ensure!(report["messages_per_second"].as_f64().is_some_and(|figure| figure > 0.0), "{report}");
        let report: PublishReport = serde_json::from_value(report)?;
        ensure!((report.messages, report.errors) == (1_000, 0), "{report:?}");
    }
    let page = node.run(&["bench", "publish", "--duration", "1s", "--topic", "rooms/lobby"]).await?.succeeded()?;
    ensure!(page.stdout.contains("messages/s") && page.stdout.contains("rooms/lobby"), "{page}");
    node.run(&["bench", "publish", "--ack", "disk"]).await?.failed(2, &["--ack", "kept:N"])?;
    Ok(())
}

#[tokio::test]
async fn without_a_node_that_offers_it_the_way_out_is_named() -> Result<()> {
    let node = NodeOptions::node("alone").start().await?;
    for what in ["rpc", "stream"] {
        node.run(&["bench", what]).await?.failed(1, &["no node offers bench", "--bench"])?;
    }
    let id = node.id.to_string();
    node.run(&["bench", "rpc", "--peer", &id]).await?.failed(1, &["has to run with --bench"])?;
    node.run(&["bench", "rpc", "--service", "system"]).await?.failed(1, &["system", "methods of `bench`"])?;
    for wrong in [["--duration", "0s"], ["--concurrency", "0"], ["--size", "17MiB"]] {
        node.run(&[&["bench", "rpc"], &wrong[..]].concat()).await?.failed(2, &wrong)?;
    }
    node.run(&["bench", "stream", "--size", "3", "--concurrency", "4"]).await?.failed(2, &["--size"])?;
    Ok(())
}
