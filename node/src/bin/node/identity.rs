//! `node identity`: who the node is, from its key file, and who its services are; no node needs to run.

mod svid;

use std::path::PathBuf;

use atoll_node::{control::api::StatusReport, identity_file};
use atoll_protocol::{
    identity::{NodeId, SecretKey},
    names::{NetworkName, TopicName},
    standing::puzzle,
};
use clap::Subcommand;
use serde::Serialize;

use self::svid::{SvidArgs, VerifyArgs};
use crate::{failure::Failure, session::Session, table::Table};

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityAction {
    /// Show the node's id and where its key is; works without a running node
    #[command(after_help = SHOW)]
    Show,
    /// Write a certificate by which a service of this node proves what it is (SPIFFE X.509-SVID), and its key
    #[command(after_help = svid::ISSUING)]
    Svid(SvidArgs),
    /// Check a certificate that somebody shows: which node has issued it, for which service, until when
    #[command(after_help = svid::VERIFYING)]
    Verify(VerifyArgs),
}

const SHOW: &str = "\
The id is the public half of a key that is made on the node's first start and kept in its data directory.

Examples:
  node identity show
  node identity show --output json";

pub(crate) async fn run(action: IdentityAction, session: &Session) -> Result<(), Failure> {
    match action {
        IdentityAction::Show => show(session).await,
        IdentityAction::Svid(args) => svid::issue(&args, &key(session)?, session),
        IdentityAction::Verify(args) => svid::verify(&args, session),
    }
}

/// The key in the data directory that is meant.
fn key(session: &Session) -> Result<SecretKey, Failure> {
    let data_dir = &session.data_dir;
    let key = identity_file::load(data_dir).map_err(|e| Failure::Identity(e.to_string()))?;
    key.ok_or_else(|| {
        Failure::Identity(format!(
            "there is no identity in {} yet; it is made when a node first starts there",
            data_dir.display()
        ))
    })
}

/// What `identity show` prints.
#[derive(Debug, Serialize)]
struct Identity {
    node: NodeId,
    key_file: PathBuf,
    network: NetworkName,
    /// Zero bits of its double hash, which networks may ask for.
    puzzle_bits: u32,
    /// The trust domain of its services' certificates.
    trust_domain: String,
    /// What the names of the topics begin with that belong to this node.
    topics: String,
    running: bool,
}

async fn show(session: &Session) -> Result<(), Failure> {
    let (data_dir, key) = (&session.data_dir, key(session)?);
    // The network is the running node's to say; for one that does not run it is what the options say.
    let running = session.client.get::<StatusReport>("/v1/status").await.ok();
    let own = TopicName::owned_by(&key.node_id(), "x").map_err(|e| Failure::Identity(e.to_string()))?;
    let identity = Identity {
        node: key.node_id(),
        topics: own.as_str().trim_end_matches('x').to_owned(),
        key_file: identity_file::path(data_dir),
        running: running.is_some(),
        puzzle_bits: puzzle::bits(&key.node_id()),
        trust_domain: atoll_node::svid::trust_domain(&key.node_id()),
        network: running.map_or_else(|| session.network.clone(), |status| status.network),
    };
    session.out.value(&identity, |identity| {
        let mut table = Table::default();
        table.row(["node".to_owned(), identity.node.to_string()]);
        table.row(["key file".to_owned(), identity.key_file.display().to_string()]);
        table.row(["network".to_owned(), identity.network.to_string()]);
        table.row(["puzzle".to_owned(), format!("{} bits", identity.puzzle_bits)]);
        table.row(["trust domain".to_owned(), identity.trust_domain.clone()]);
        table.row(["topics".to_owned(), format!("{}… belong to this node", identity.topics)]);
        table.render(None)
    })
}
