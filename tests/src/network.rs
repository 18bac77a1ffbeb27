//! A bootstrap and nodes that have joined it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use atoll_node::{NodeId, control::api::NodeRow};

use crate::{
    control,
    node::{NodeOptions, NodeProcess},
    wait::{PATIENCE, until},
};

/// A network of processes.
#[derive(Debug)]
pub struct Network {
    /// Through which all others joined.
    pub bootstrap: NodeProcess,
    /// The others.
    pub nodes: Vec<NodeProcess>,
}

impl Network {
    /// A bootstrap and this many nodes, all joined, each listing all others.
    ///
    /// # Errors
    /// If one does not start or join, or they do not all find each other.
    pub async fn start(count: usize) -> Result<Self> {
        Self::named("main", count).await
    }

    /// The same, in the network of this name.
    ///
    /// # Errors
    /// As [`Network::start`].
    pub async fn named(network: &str, count: usize) -> Result<Self> {
        let bootstrap = NodeOptions::bootstrap(&format!("bootstrap of {network}")).network(network).start().await?;
        let mut nodes = Vec::new();
        for number in 0..count {
            let options = NodeOptions::node(&format!("node {number} of {network}"));
            nodes.push(options.network(network).peer(&bootstrap.address).start().await?);
        }
        for node in &nodes {
            node.joined().await?;
        }
        let network = Self { bootstrap, nodes };
        let everyone = network.ids();
        for node in network.everyone() {
            until("every node lists every other", PATIENCE, async || {
                let rows: Vec<NodeRow> = control::ask(node.data_dir.path(), "/v1/nodes").await?;
                Ok((rows.iter().map(|row| row.node).collect::<BTreeSet<_>>() == everyone).then_some(()))
            })
            .await
            .with_context(|| node.process.report())?;
        }
        Ok(network)
    }

    /// The node of this number.
    ///
    /// # Errors
    /// If there are not so many.
    pub fn node(&self, number: usize) -> Result<&NodeProcess> {
        self.nodes.get(number).context("there are not so many nodes")
    }

    /// All processes.
    pub fn everyone(&self) -> impl Iterator<Item = &NodeProcess> {
        std::iter::once(&self.bootstrap).chain(&self.nodes)
    }

    /// The identities of all.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<NodeId> {
        self.everyone().map(|node| node.id).collect()
    }
}
