//! Taking up, when the node starts, what the configuration says and what was kept.

use std::{path::Path, sync::Arc};

use atoll_protocol::{
    identity::SecretKey,
    names::{NetworkName, ServiceQuery},
};

use super::{
    Dialer, Origin, Tunnels,
    error::{ExposeError, ForwardError},
    expose::access,
    kept::{Content, Kept},
    tickets::Tickets,
};
use crate::{
    clock::Clock,
    config::{ExposeConfig, ForwardConfig, TunnelsConfig},
    error::SpawnError,
    rpc::Rpc,
};

/// What tunnels need to start.
pub(crate) struct Setup<'a> {
    pub(crate) rpc: Arc<Rpc>,
    pub(crate) key: SecretKey,
    pub(crate) network: NetworkName,
    pub(crate) clock: Clock,
    pub(crate) config: TunnelsConfig,
    pub(crate) data_dir: Option<&'a Path>,
}

/// Begins to expose and forward. What the configuration says and cannot be done keeps the node from starting; of what was kept the
/// log tells.
pub(crate) async fn start(setup: Setup<'_>) -> Result<Tunnels, SpawnError> {
    let Setup { rpc, key, network, clock, config, data_dir } = setup;
    let (kept, Content { expose, forward, tickets, shares, .. }) = Kept::open(data_dir)?;
    let tickets = Tickets::new(key, network, clock, kept.clone(), tickets);
    let tunnels = Tunnels::new(rpc, config.clone(), tickets, kept);
    let refused = |reason: String| SpawnError::Tunnel { reason };
    for configured in config.expose {
        resume(&tunnels, configured, Origin::Config).await.map_err(|e| refused(e.to_string()))?;
    }
    for configured in config.forward {
        resume_port(&tunnels, configured, Origin::Config).await.map_err(|e| refused(e.to_string()))?;
    }
    for kept in expose {
        let name = kept.name.clone();
        if let Err(error) = resume(&tunnels, kept, Origin::Kept).await {
            tracing::warn!("{name} was kept and is not exposed now: {error}");
        }
    }
    for kept in forward {
        let (service, local) = (kept.service.clone(), kept.local);
        if let Err(error) = resume_port(&tunnels, kept, Origin::Kept).await {
            tracing::warn!("{service} was kept on {local} and is not forwarded now: {error}");
        }
    }
    for shared in shares {
        let path = shared.path.clone();
        if let Err(error) = tunnels.resume_share(shared).await {
            tracing::warn!("{} was shared and is not now: {error}", path.display());
        }
    }
    // Their time may have come while the node did not run.
    if let Err(error) = tunnels.end_shares().await {
        tracing::warn!("what is no longer shared is still kept: {error}");
    }
    Ok(tunnels)
}

async fn resume(tunnels: &Tunnels, config: ExposeConfig, origin: Origin) -> Result<(), ExposeError> {
    let target =
        config.target().map_err(|rule| crate::error::RegisterError::Rule { service: config.name.to_string(), rule })?;
    let access = access(config.allow, config.private);
    tunnels.expose(config.name, target, access, config.doc, origin).await?.detach();
    Ok(())
}

async fn resume_port(tunnels: &Tunnels, config: ForwardConfig, origin: Origin) -> Result<(), ForwardError> {
    let rpc = Arc::clone(&tunnels.0.rpc);
    let dialer = match config.ticket {
        Some(word) => {
            let ticket = word.open(rpc.directory.network())?;
            Dialer::with_ticket(rpc, ticket)
        }
        None => {
            let query: ServiceQuery = config.service.parse()?;
            Dialer::new(rpc, query, config.peer)
        }
    };
    tunnels.forward(dialer, config.local, origin).await?.detach();
    Ok(())
}
