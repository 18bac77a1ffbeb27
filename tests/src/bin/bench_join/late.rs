//! A node that joins a network with many services.

use std::time::Duration;

use anyhow::{Result, ensure};
use atoll_node::{Context, control::api::ServiceRow};
use atoll_tests::{NodeOptions, PATIENCE, control};
use tokio::time::sleep;

use crate::{figure::Figure, island::Island};

pub(crate) const SERVICES: usize = 1000;
const PREFIX: &str = "bench.many-";
const JOINERS: usize = 5;

/// How long the network has to know all services before anybody joins late.
const SPREADING: Duration = Duration::from_secs(180);

/// From `joined` until every service is listed.
pub(crate) async fn measure(island: &Island) -> Result<Figure> {
    let mut serving = Vec::new();
    for (number, node) in (0..SERVICES).zip(island.embedded.iter().cycle()) {
        let service = node.service(&format!("{PREFIX}{number}"), "1.0.0")?;
        let service = service.raw_method("echo", |_: Context, body| async move { Ok(body) });
        serving.push(service.register().await?);
    }
    island.everywhere(PREFIX, SERVICES, SPREADING).await?;

    let mut samples = Vec::new();
    for number in 0..JOINERS {
        let (mut node, data_dir) = NodeOptions::node(&format!("joiner {number}")).peer(island.bootstrap()).spawn()?;
        let joined = node.line("joined", |line| line.event("joined").map(|_| line.at)).await?;
        loop {
            let rows: Vec<ServiceRow> = control::ask(data_dir.path(), "/v1/services").await?;
            let seen = rows.iter().filter(|row| row.name.as_str().starts_with(PREFIX)).count();
            if seen == SERVICES {
                samples.push(joined.elapsed());
                break;
            }
            ensure!(joined.elapsed() < SPREADING, "only {seen} of {SERVICES} services");
            sleep(Duration::from_millis(5)).await;
        }
        node.interrupt().await?;
        node.exit(PATIENCE).await?;
    }
    Ok(Figure::millis("joined until 1 000 services are listed", Duration::from_secs(1), samples))
}
