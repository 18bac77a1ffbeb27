//! Ports of this machine that lead to applications elsewhere: what there is, and who takes it away.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use atoll_protocol::rpc::Status;
use tokio::{net::TcpListener, sync::broadcast};

use super::{
    address::LocalAddress,
    dial::Dialer,
    error::{ForwardError, KeepError},
    expose::{MOST, OpenPort, Tunnels},
    forward::Port,
    report::{ForwardedPort, Origin},
};
use crate::config::ForwardConfig;

/// A port of this machine that leads to an application elsewhere; dropping this ends that, and the connections over it.
#[must_use = "dropping it ends the forwarding"]
#[derive(Debug)]
pub struct Forwarded {
    tunnels: Tunnels,
    number: u64,
    port: Arc<Port>,
    failures: broadcast::Receiver<String>,
    held: bool,
}

impl Forwarded {
    /// Where connections are taken.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.port.local
    }

    /// What there is to say of it.
    #[must_use]
    pub fn report(&self) -> ForwardedPort {
        describe_port(&self.port, if self.held { Origin::Session } else { Origin::Kept })
    }

    /// Why nothing can be reached through it now, if that is so: it may change.
    pub async fn trouble(&self) -> Option<Status> {
        self.port.dialer.ask().await.err()
    }

    /// Why a connection has failed, as soon as one has. Resolves to `None` when somebody has ended the forwarding.
    pub async fn failure(&mut self) -> Option<String> {
        loop {
            match self.failures.recv().await {
                Ok(failure) => return Some(failure),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    pub(super) fn detach(mut self) {
        self.held = false;
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        if self.held {
            self.tunnels.end_port(self.number);
        }
    }
}

impl Tunnels {
    /// Begins to take connections for an application elsewhere.
    pub(super) async fn forward(
        &self,
        dialer: Dialer,
        local: LocalAddress,
        origin: Origin,
    ) -> Result<Forwarded, ForwardError> {
        if self.0.ports.lock().len() >= MOST {
            return Err(ForwardError::TooMany { most: MOST });
        }
        let failed = |error: std::io::Error| ForwardError::Listen { local, reason: error.to_string() };
        let listener = TcpListener::bind(local.0).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let config = &self.0.config;
        let idle = Duration::from_secs(config.idle_secs);
        let (port, failures) = Port::new(address, dialer, config.connections, idle);
        let port = Arc::new(port);
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let task = tokio::spawn(Arc::clone(&port).run(listener));
        self.0.ports.lock().insert(number, OpenPort { port: Arc::clone(&port), origin, task });
        Ok(Forwarded { tunnels: self.clone(), number, port, failures, held: true })
    }

    pub(super) fn end_port(&self, number: u64) {
        if let Some(open) = self.0.ports.lock().remove(&number) {
            open.task.abort();
            open.port.failures.lock().take();
        }
    }

    /// Keeps a port forwarded over restarts.
    pub(super) async fn keep_forwarded(
        &self,
        forwarded: Forwarded,
        mut config: ForwardConfig,
    ) -> Result<ForwardedPort, KeepError> {
        if !self.0.kept.lasts() {
            return Err(KeepError::Nowhere);
        }
        // The same port after a restart, whoever chose it.
        config.local = LocalAddress(forwarded.local());
        self.0.kept.change(|content| content.forward.push(config)).await?;
        if let Some(open) = self.0.ports.lock().get_mut(&forwarded.number) {
            open.origin = Origin::Kept;
        }
        let report = describe_port(&forwarded.port, Origin::Kept);
        forwarded.detach();
        Ok(report)
    }
}

pub(super) fn describe_port(port: &Port, origin: Origin) -> ForwardedPort {
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let url = port.dialer.is_web().then(|| format!("http://{}/", port.local));
    ForwardedPort {
        service: port.dialer.query().to_string(),
        local: port.local,
        peer: port.dialer.peer(),
        by_ticket: port.dialer.ticket().is_some(),
        url,
        origin,
        connections: count(&port.traffic.open),
        connections_total: count(&port.traffic.total),
        bytes_out: count(&port.traffic.to_app),
        bytes_in: count(&port.traffic.from_app),
    }
}
