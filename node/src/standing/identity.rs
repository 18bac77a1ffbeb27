//! The identity that a node starts with: the one it has, or a new one that is good enough for its network.

use std::path::Path;

use atoll_protocol::{identity::SecretKey, standing::puzzle::bits};
use libp2p::Multiaddr;

use super::puzzle::{self, Search};
use crate::{
    config::Config,
    error::SpawnError,
    event::{Events, NodeEvent},
    identity_file, net,
};

/// Reads the identity in `data_dir`, or makes one: there, or in memory.
pub(crate) async fn identity(
    data_dir: Option<&Path>,
    config: &Config,
    events: &Events,
) -> Result<SecretKey, SpawnError> {
    let wanted = bits_for(config);
    if let Some(key) = data_dir.map(identity_file::load).transpose()?.flatten() {
        let bits = bits(&key.node_id());
        if bits < wanted {
            events.report(NodeEvent::IdentityTooEasy { bits, wanted });
        }
        return Ok(key);
    }
    let key = make(wanted, events.clone()).await?;
    if let Some(data_dir) = data_dir {
        identity_file::keep(data_dir, &key)?;
    }
    Ok(key)
}

/// Who can be spoken with only from this machine is asked for nothing.
fn bits_for(config: &Config) -> u32 {
    if only_here(config) { 0 } else { config.standing.bits(&config.network) }
}

/// Whether a node listens on this machine alone.
pub(crate) fn only_here(config: &Config) -> bool {
    let here = |address: &Multiaddr| net::ip(address).is_some_and(|ip| ip.to_canonical().is_loopback());
    let listen = &config.net.listen;
    !listen.is_empty() && config.net.websocket_port.is_none() && listen.iter().all(here)
}

async fn make(bits: u32, events: Events) -> Result<SecretKey, SpawnError> {
    // Whoever does not wait for the node any more ends the search as well.
    let search = Search::default();
    let is_over = search.is_over();
    if bits > 0 {
        events.report(NodeEvent::MakingIdentity { bits, tried: 0 });
    }
    let tell = move |tried| events.report(NodeEvent::MakingIdentity { bits, tried });
    let found = tokio::task::spawn_blocking(move || puzzle::solve(bits, &is_over, tell)).await;
    let ended = || SpawnError::Network { reason: "the search for an identity was ended".to_owned() };
    found.ok().flatten().ok_or_else(ended)
}
