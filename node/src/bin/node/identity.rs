//! `node identity`: who the node is, from its key file; no node needs to run.

use std::path::PathBuf;

use atoll_node::{control::api::StatusReport, identity_file};
use atoll_protocol::{
    identity::NodeId,
    names::{NetworkName, TopicName},
};
use serde::Serialize;

use crate::{failure::Failure, session::Session, table::Table};

/// What `identity show` prints.
#[derive(Debug, Serialize)]
struct Identity {
    node: NodeId,
    key_file: PathBuf,
    network: NetworkName,
    /// What the names of the topics begin with that belong to this node.
    topics: String,
    running: bool,
}

pub(crate) async fn show(session: &Session) -> Result<(), Failure> {
    let data_dir = &session.data_dir;
    let key = identity_file::load(data_dir).map_err(|e| Failure::Identity(e.to_string()))?;
    let key = key.ok_or_else(|| {
        Failure::Identity(format!(
            "there is no identity in {} yet; it is made when a node first starts there",
            data_dir.display()
        ))
    })?;
    // The network is the running node's to say; for one that does not run it is what the options say.
    let running = session.client.get::<StatusReport>("/v1/status").await.ok();
    let own = TopicName::owned_by(&key.node_id(), "x").map_err(|e| Failure::Identity(e.to_string()))?;
    let identity = Identity {
        node: key.node_id(),
        topics: own.as_str().trim_end_matches('x').to_owned(),
        key_file: identity_file::path(data_dir),
        running: running.is_some(),
        network: running.map_or_else(|| session.network.clone(), |status| status.network),
    };
    session.out.value(&identity, |identity| {
        let mut table = Table::default();
        table.row(["node".to_owned(), identity.node.to_string()]);
        table.row(["key file".to_owned(), identity.key_file.display().to_string()]);
        table.row(["network".to_owned(), identity.network.to_string()]);
        table.row(["topics".to_owned(), format!("{}… belong to this node", identity.topics)]);
        table.render(None)
    })
}
