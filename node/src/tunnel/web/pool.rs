//! Connections that wait for their next request.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use atoll_protocol::{identity::NodeId, ticket::TicketId};
use hyper::client::conn::http1::SendRequest;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::Sent;
use crate::tunnel::dial::Dialer;

/// Connections that wait, at most; the oldest goes first.
const IDLE: usize = 256;
/// How long one waits. Many servers close theirs after 5 s; a request that meets that moment is sent again, if that
/// does no harm.
const WAIT: Duration = Duration::from_secs(4);

/// To what a connection leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    service: String,
    peer: Option<NodeId>,
    ticket: Option<TicketId>,
    /// By what the instance was chosen.
    key: Option<String>,
}

impl Place {
    pub(super) fn new(dialer: &Dialer, key: Option<&str>) -> Self {
        let ticket = dialer.ticket().map(|ticket| ticket.value().id);
        Self { service: dialer.query().to_string(), peer: dialer.peer(), ticket, key: key.map(str::to_owned) }
    }
}

struct Idle {
    place: Place,
    since: Instant,
    connection: SendRequest<Sent>,
}

/// Connections that wait, oldest first.
#[derive(Default)]
pub(super) struct Pool(Mutex<VecDeque<Idle>>);

impl Pool {
    /// One that leads there: the one that was used last.
    pub(super) fn take(&self, place: &Place) -> Option<SendRequest<Sent>> {
        let mut idle = self.0.lock();
        let now = Instant::now();
        idle.retain(|one| now - one.since < WAIT && one.connection.is_ready());
        let at = idle.iter().rposition(|one| one.place == *place)?;
        idle.remove(at).map(|one| one.connection)
    }

    /// Waits until the response has been read, and keeps the connection then, if there is still one.
    pub(super) fn give_back(self: &Arc<Self>, place: Place, mut connection: SendRequest<Sent>) {
        let pool = Arc::downgrade(self);
        // It ends with the connection: with the response, or when that breaks.
        tokio::spawn(async move {
            if connection.ready().await.is_err() {
                return;
            }
            let Some(pool) = pool.upgrade() else { return };
            {
                let mut idle = pool.0.lock();
                if idle.len() >= IDLE {
                    idle.pop_front();
                }
                idle.push_back(Idle { place, since: Instant::now(), connection });
            }
            // Whoever is done with the pool is done with its connections.
            let kept = Arc::downgrade(&pool);
            drop(pool);
            tokio::time::sleep(WAIT).await;
            // A connection that nobody wants is not to be held open.
            if let Some(pool) = kept.upgrade() {
                let now = Instant::now();
                pool.0.lock().retain(|one| now - one.since < WAIT);
            }
        });
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} idle)", self.0.lock().len())
    }
}
