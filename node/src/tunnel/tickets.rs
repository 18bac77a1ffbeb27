//! Tickets that this node has issued: only these let somebody in, and only as long as they are not revoked.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use atoll_protocol::{
    identity::{NodeId, SecretKey},
    limits,
    names::{NetworkName, ServiceName},
    sealed::Signed,
    service::{Extensions, UnixMillis},
    ticket::{Opens, Ticket, TicketId, TicketWord},
};
use libp2p::Multiaddr;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{
    error::{IssueError, KeepError, NotAdmitted},
    kept::Kept,
};
use crate::clock::Clock;

/// Tickets that may be good at a time.
pub(super) const TICKETS: usize = 1024;

/// A ticket that this node has issued, without what makes it one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTicket {
    /// What it is revoked by.
    pub id: TicketId,
    /// What it is for.
    pub service: ServiceName,
    /// What that is.
    pub opens: Opens,
    /// When it was issued, in milliseconds since 1970.
    pub issued: UnixMillis,
    /// Until when it is good.
    pub expires: UnixMillis,
}

/// What this node has issued; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Tickets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: SecretKey,
    me: NodeId,
    network: NetworkName,
    clock: Clock,
    /// With what ends the connections that were opened with it.
    good: RwLock<BTreeMap<TicketId, (IssuedTicket, CancellationToken)>>,
    kept: Kept,
}

impl Tickets {
    pub(super) fn new(
        key: SecretKey,
        network: NetworkName,
        clock: Clock,
        kept: Kept,
        before: Vec<IssuedTicket>,
    ) -> Self {
        let good = before.into_iter().map(|ticket| (ticket.id, (ticket, CancellationToken::new()))).collect();
        let me = key.node_id();
        Self(Arc::new(Inner { key, me, network, clock, good: RwLock::new(good), kept }))
    }

    /// Whether who shows this for `service` is let in; what this gives is cancelled when the ticket is revoked.
    pub(super) fn admit(
        &self,
        ticket: Signed<Ticket>,
        service: &ServiceName,
    ) -> Result<CancellationToken, NotAdmitted> {
        let Inner { me, network, clock, good, .. } = &*self.0;
        let ticket = Ticket::admit(ticket, network, me, service, clock.wall())?;
        let id = ticket.value().id;
        good.read().get(&id).map(|(_, revoked)| revoked.clone()).ok_or(NotAdmitted::Revoked(id))
    }

    /// Issues a ticket that is good for so long from now, once it is known to be good after a restart.
    pub(super) async fn issue(
        &self,
        service: ServiceName,
        opens: Opens,
        life: Duration,
        addresses: &[Multiaddr],
    ) -> Result<(IssuedTicket, TicketWord), IssueError> {
        let Inner { key, network, clock, .. } = &*self.0;
        let now = clock.wall();
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        let (id, expires) = (TicketId(rand::random()), UnixMillis(now.0.saturating_add(life)));
        let fits = |address: &&Multiaddr| address.len() <= limits::TICKET_ADDRESS;
        let addresses = addresses.iter().filter(fits).take(limits::TICKET_ADDRESSES).map(Multiaddr::to_vec).collect();
        let ticket = Ticket {
            id,
            service: service.clone(),
            opens,
            issued: now,
            expires,
            addresses,
            extensions: Extensions::new(),
        };
        let days = limits::TICKET_LIFE.as_secs() / 86_400;
        let signed = Signed::seal(key, network, ticket).map_err(|source| IssueError::Life { days, source })?.signed();
        let issued = IssuedTicket { id, service, opens, issued: now, expires };
        {
            let mut good = self.0.good.write();
            good.retain(|_, (ticket, _)| ticket.expires > now);
            if good.len() >= TICKETS {
                return Err(IssueError::TooMany { most: TICKETS });
            }
            good.insert(id, (issued.clone(), CancellationToken::new()));
        }
        if let Err(error) = self.keep().await {
            self.0.good.write().remove(&id);
            return Err(error.into());
        }
        Ok((issued, TicketWord::new(network.clone(), signed)))
    }

    /// Revokes a ticket, and ends the connections that were opened with it.
    pub(super) async fn revoke(&self, id: TicketId) -> Result<IssuedTicket, IssueError> {
        let removed = self.0.good.write().remove(&id);
        let (ticket, revoked) = removed.ok_or(IssueError::NoTicket { id })?;
        // Even if it cannot be written: it is to end now.
        revoked.cancel();
        self.keep().await?;
        Ok(ticket)
    }

    /// Those that are good now, the one that ends first at first.
    pub(super) fn list(&self) -> Vec<IssuedTicket> {
        let now = self.0.clock.wall();
        let good = self.0.good.read();
        let mut list: Vec<_> =
            good.values().map(|(ticket, _)| ticket.clone()).filter(|ticket| ticket.expires > now).collect();
        list.sort_by_key(|ticket| (ticket.expires, ticket.id));
        list
    }

    async fn keep(&self) -> Result<(), KeepError> {
        let inner = &self.0;
        // What is good when it is written, which may be more than when this was asked for.
        let all = || inner.good.read().values().map(|(ticket, _)| ticket.clone()).collect();
        inner.kept.change(|content| content.tickets = all()).await
    }
}
