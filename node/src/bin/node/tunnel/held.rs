//! What lasts for as long as a command runs: until Ctrl-C, or until it is taken away.

use std::io;

use atoll_node::{cli::text::complain, control::api::TunnelEvent};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::{failure::Failure, session::Session};

/// Asks for something, says so with `told`, and holds it.
pub(super) async fn hold(
    session: &Session,
    path: &str,
    request: &impl Serialize,
    kept: bool,
    told: impl Fn(&TunnelEvent) -> String,
) -> Result<(), Failure> {
    let signals = |e: io::Error| Failure::NoAnswer(format!("cannot listen for signals: {e}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let holding = async {
        let mut feed = session.client.follow::<TunnelEvent>(path, request).await?;
        while let Some(event) = feed.next().await? {
            match &event {
                TunnelEvent::Exposed { trouble, .. } | TunnelEvent::Forwarded { trouble, .. } => {
                    session.out.value(&event, &told)?;
                    if let Some(trouble) = trouble {
                        complain(&format!("warning: {trouble}"));
                    }
                    if kept {
                        return Ok(());
                    }
                }
                TunnelEvent::Failed { error } if session.out.is_json() => {
                    session.out.json(&event)?;
                    complain(&format!("a connection has failed: {error}"));
                }
                TunnelEvent::Failed { error } => complain(&format!("a connection has failed: {error}")),
                TunnelEvent::Ended => return Err(Failure::Refused("it was taken away".to_owned())),
            }
        }
        Err(Failure::NoAnswer("the node has stopped".to_owned()))
    };
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        held = holding => held,
    }
}
