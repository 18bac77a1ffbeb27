//! A network of nodes: a bootstrap and most of the others are processes, four are inside this program.

use std::{future::Future, path::Path, time::Duration};

use anyhow::{Context, Result};
use atoll_node::{Multiaddr, Node, control::api::ServiceRow};
use atoll_tests::{Network, PATIENCE, control, embedded, until};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// All nodes of the network, unless told otherwise.
pub(crate) const NODES: usize = 20;
/// The fewest: one of them is a process beside the bootstrap.
pub(crate) const FEWEST: usize = EMBEDDED + 2;
const EMBEDDED: usize = 4;

/// How often a process is asked: the error of what is measured there, kept small beside what the asking costs.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Island {
    pub(crate) network: Network,
    /// The first of them provides, all of them observe.
    pub(crate) embedded: Vec<Node>,
}

impl Island {
    /// Starts it; each node knows all others when this returns.
    pub(crate) async fn start(nodes: usize) -> Result<Self> {
        let network = Network::start(nodes.saturating_sub(EMBEDDED + 1)).await?;
        let mut embedded = Vec::new();
        for _ in 0..EMBEDDED {
            embedded.push(embedded::join(&network.bootstrap.address).await?);
        }
        let island = Self { network, embedded };
        island.everywhere("system", nodes, PATIENCE).await?;
        Ok(island)
    }

    /// All nodes of the network.
    pub(crate) fn nodes(&self) -> usize {
        self.network.nodes.len() + EMBEDDED + 1
    }

    pub(crate) fn bootstrap(&self) -> &Multiaddr {
        &self.network.bootstrap.address
    }

    /// Waits until every node lists so many instances of the services whose names begin like this.
    pub(crate) async fn everywhere(&self, prefix: &str, instances: usize, within: Duration) -> Result<()> {
        let what = format!("{instances} instances of {prefix}… listed everywhere");
        for node in self.network.everyone() {
            until(&what, within, async || Ok((asked(node.data_dir.path(), prefix).await? == instances).then_some(())))
                .await?;
        }
        for node in &self.embedded {
            until(&what, within, async || Ok((known(node, prefix) == instances).then_some(()))).await?;
        }
        Ok(())
    }

    /// How long from `since` until each process and each of the `embedded` nodes lists so many such instances; the
    /// processes are asked at their control sockets, the embedded nodes in memory.
    pub(crate) fn times(
        &self,
        embedded: &[Node],
        prefix: &str,
        instances: usize,
        since: Instant,
        within: Duration,
    ) -> impl Future<Output = Result<Vec<Duration>>> + use<> {
        let mut waiting = JoinSet::new();
        for node in self.network.everyone() {
            let (data_dir, prefix) = (node.data_dir.path().to_owned(), prefix.to_owned());
            waiting.spawn(async move {
                while asked(&data_dir, &prefix).await? != instances {
                    patience(since, within, &prefix)?;
                    sleep(PAUSE).await;
                }
                Ok(since.elapsed())
            });
        }
        for node in embedded {
            let (node, prefix) = (node.clone(), prefix.to_owned());
            waiting.spawn(async move {
                while known(&node, &prefix) != instances {
                    patience(since, within, &prefix)?;
                    sleep(Duration::from_millis(2)).await;
                }
                Ok(since.elapsed())
            });
        }
        all(waiting)
    }

    /// Stops what runs inside this program; the processes end with the value.
    pub(crate) async fn stop(self) {
        for node in &self.embedded {
            node.shutdown().await;
        }
    }
}

/// The instances that a process lists of the services whose names begin like this.
async fn asked(data_dir: &Path, prefix: &str) -> Result<usize> {
    let rows: Vec<ServiceRow> = control::ask(data_dir, "/v1/services").await?;
    Ok(rows.iter().filter(|row| row.name.as_str().starts_with(prefix)).map(|row| row.instances).sum())
}

/// The same for a node in this program.
fn known(node: &Node, prefix: &str) -> usize {
    node.services().iter().filter(|instance| instance.record.value().name.as_str().starts_with(prefix)).count()
}

fn patience(since: Instant, within: Duration, prefix: &str) -> Result<()> {
    anyhow::ensure!(since.elapsed() < within, "{prefix}…: not as expected on every node within {within:?}");
    Ok(())
}

/// Waits for all of them.
pub(crate) async fn all<T: 'static>(mut waiting: JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::new();
    while let Some(result) = waiting.join_next().await {
        results.push(result.context("an observer has failed")??);
    }
    Ok(results)
}
