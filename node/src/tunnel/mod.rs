//! Tunnels: applications of this machine that others may use, and ports of it that lead to applications elsewhere.
//!
//! ```text
//! browser ──► port (forward) ──► dial ══ a stream of the service's `connect` ══► door ──► target ──► application
//!                                         atoll_protocol::tunnel
//! ```
//!
//! | module | what it does |
//! |---|---|
//! | [`expose`], [`ports`] | what is exposed and forwarded here, and who takes it away |
//! | [`door`] | lets callers in: everybody, listed peers, or whoever shows a ticket ([`access`], [`tickets`], [`places`]) |
//! | [`target`], [`address`] | the application |
//! | [`dial`], [`forward`] | the other end: opens connections, and takes them on a port |
//! | [`carry`], [`io`] | moves the bytes |
//! | [`web`] | requests to web applications, as a reverse proxy passes them on |
//! | [`files`], [`share`] | files of this machine for whoever has a ticket |
//! | [`kept`] | what survives a restart |
//! | [`report`], [`error`] | what is said of it |
//!
//! An exposed application is a service like any other, found and chosen by the same means; only its record says that it is reached
//! through a tunnel. Its bytes pass through neither the swarm task nor the directory's actor. What is private is in no record.

mod access;
pub mod address;
mod carry;
mod dial;
mod door;
pub mod error;
mod expose;
pub mod files;
mod forward;
mod io;
mod kept;
mod places;
mod ports;
mod report;
mod share;
mod start;
mod target;
#[cfg(test)]
mod tests;
mod tickets;
pub mod web;

use std::{path::Path, time::Duration};

use atoll_protocol::{
    identity::NodeId,
    names::{NameError, ServiceName, ServiceQuery},
    rpc::Status,
    ticket::{TicketError, TicketId, TicketWord},
    tunnel::Purpose,
};

use self::error::{ExposeError, ForwardError, IssueError, KeepError, RemoveError};
pub use self::{
    access::Access,
    address::{AppAddress, LocalAddress},
    expose::Exposed,
    io::TunnelStream,
    ports::Forwarded,
    report::{ExposedApp, ForwardedPort, Origin, TunnelsReport},
    target::Target,
    tickets::IssuedTicket,
};
pub(crate) use self::{
    dial::Dialer,
    expose::Tunnels,
    start::{Setup, start},
};
use crate::{
    Node,
    config::{ExposeConfig, ForwardConfig},
};

/// An application that is about to be exposed; see [`Node::expose`].
#[must_use = "nothing is exposed before it begins"]
#[derive(Debug)]
pub struct Expose {
    tunnels: Tunnels,
    name: String,
    target: Target,
    access: Access,
    doc: Option<String>,
}

impl Expose {
    /// Lets these nodes use it, and others only with a ticket.
    pub fn allow(mut self, peers: impl IntoIterator<Item = NodeId>) -> Self {
        self.access.peers.extend(peers);
        self
    }

    /// Tells the network nothing of it: whoever is not [allowed](Self::allow) needs a ticket.
    pub fn private(mut self) -> Self {
        self.access.private = true;
        self
    }

    /// Says what the application is for.
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        self.doc = Some(doc.into());
        self
    }

    /// Exposes it, until what this gives is dropped. Whether the application answers does not matter yet; see
    /// [`Exposed::trouble`].
    ///
    /// # Errors
    /// [`ExposeError`] if the name is none, or this node exposes something under it already.
    pub async fn begin(self) -> Result<Exposed, ExposeError> {
        let Self { tunnels, name, target, access, doc } = self;
        tunnels.expose(name.parse()?, target, access, doc, Origin::Session).await
    }

    /// Exposes it for as long as the node runs, and whenever it is started again, until it is taken away.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin); [`ExposeError::Keep`] if it cannot be kept.
    pub async fn keep(self) -> Result<ExposedApp, ExposeError> {
        let Self { tunnels, name, target, access, doc } = self;
        let name: ServiceName = name.parse()?;
        let config = ExposeConfig::new(name.clone(), &target, &access, doc.clone());
        let exposed = tunnels.expose(name, target, access, doc, Origin::Session).await?;
        Ok(tunnels.keep_exposed(exposed, config).await?)
    }
}

/// A port that is about to be forwarded; see [`Node::forward`].
#[must_use = "nothing is forwarded before it begins"]
#[derive(Debug)]
pub struct Forward {
    tunnels: Tunnels,
    dialer: Dialer,
    local: LocalAddress,
    word: Option<TicketWord>,
}

impl Forward {
    /// Takes connections there, instead of on any free port of the loopback address.
    pub fn to(mut self, local: LocalAddress) -> Self {
        self.local = local;
        self
    }

    /// Asks the application on this node, and no other. Whoever shows a ticket asks its issuer in any case.
    pub fn peer(mut self, peer: NodeId) -> Self {
        if self.word.is_none() {
            self.dialer = Dialer::new(self.tunnels.0.rpc.clone(), self.dialer.query().clone(), Some(peer));
        }
        self
    }

    /// Why nothing can be reached through it now, if that is so: it may change.
    pub async fn trouble(&self) -> Option<Status> {
        self.dialer.ask().await.err()
    }

    /// Forwards connections, until what this gives is dropped. Whether anybody offers the service is seen with the first one.
    ///
    /// # Errors
    /// [`ForwardError`] if connections cannot be taken there.
    pub async fn begin(self) -> Result<Forwarded, ForwardError> {
        self.tunnels.forward(self.dialer, self.local, Origin::Session).await
    }

    /// Forwards them for as long as the node runs, and whenever it is started again, until it is taken away.
    ///
    /// # Errors
    /// As for [`begin`](Self::begin); [`ForwardError::Keep`] if it cannot be kept.
    pub async fn keep(self) -> Result<ForwardedPort, ForwardError> {
        let Self { tunnels, dialer, local, word } = self;
        let service = dialer.query().to_string();
        let config = ForwardConfig { service, local, peer: dialer.peer(), ticket: word };
        let forwarded = tunnels.forward(dialer, local, Origin::Session).await?;
        Ok(tunnels.keep_forwarded(forwarded, config).await?)
    }
}

impl Node {
    /// Begins to expose an application of this machine, or of one that it can reach, under a name such as `photos`: others
    /// find it as a service, and use it through their own nodes.
    ///
    /// ```no_run
    /// # async fn example(node: &atoll_node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// use atoll_node::tunnel::Target;
    /// let exposed = node.expose("photos", Target::Http("127.0.0.1:3000".parse()?)).begin().await?;
    /// if let Some(trouble) = exposed.trouble().await {
    ///     eprintln!("nobody can use it yet: {trouble}");
    /// }
    /// # Ok(()) }
    /// ```
    pub fn expose(&self, name: &str, target: Target) -> Expose {
        let tunnels = self.0.tunnels.clone();
        Expose { tunnels, name: name.to_owned(), target, access: Access::default(), doc: None }
    }

    /// Begins to forward a port of this machine to an application that somebody exposes, by `name` or `name@requirement`.
    ///
    /// ```no_run
    /// # async fn example(node: &atoll_node::Node) -> Result<(), Box<dyn std::error::Error>> {
    /// let forwarded = node.forward("photos")?.to("8080".parse()?).begin().await?;
    /// println!("http://{}/", forwarded.local());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`NameError`] if that is no service.
    pub fn forward(&self, service: &str) -> Result<Forward, NameError> {
        let query: ServiceQuery = service.parse()?;
        let tunnels = self.0.tunnels.clone();
        let dialer = Dialer::new(tunnels.0.rpc.clone(), query, None);
        Ok(Forward { tunnels, dialer, local: LocalAddress::ANY, word: None })
    }

    /// Begins to forward a port of this machine to what a ticket is for.
    ///
    /// # Errors
    /// [`TicketError`] if it is of another network, or its signature is not its issuer's. Whether it is still good is for its
    /// issuer to say.
    pub fn open(&self, ticket: &TicketWord) -> Result<Forward, TicketError> {
        let tunnels = self.0.tunnels.clone();
        let dialer = self.dialer_of(ticket)?;
        Ok(Forward { tunnels, dialer, local: LocalAddress::ANY, word: Some(ticket.clone()) })
    }

    fn dialer_of(&self, ticket: &TicketWord) -> Result<Dialer, TicketError> {
        let rpc = self.0.tunnels.0.rpc.clone();
        let ticket = ticket.open(rpc.directory.network())?;
        Ok(Dialer::with_ticket(rpc, ticket))
    }

    /// One connection to an application that somebody exposes, without a port.
    ///
    /// # Errors
    /// [`Status`] if nobody offers it, or its application does not take the connection; with the service, the node and the
    /// reason in words.
    pub async fn connect_to(&self, service: &str) -> Result<TunnelStream, Status> {
        let query: ServiceQuery = service.parse().map_err(|e: NameError| Status::invalid_argument(e.to_string()))?;
        Dialer::new(self.0.tunnels.0.rpc.clone(), query, None).stream(Purpose::Bytes, None).await
    }

    /// The same for what a ticket is for.
    ///
    /// # Errors
    /// As for [`connect_to`](Self::connect_to).
    pub async fn connect_by(&self, ticket: &TicketWord) -> Result<TunnelStream, Status> {
        let dialer = self.dialer_of(ticket).map_err(|e| Status::invalid_argument(e.to_string()))?;
        dialer.stream(Purpose::Bytes, None).await
    }

    /// What this node exposes and forwards.
    #[must_use]
    pub fn tunnels(&self) -> TunnelsReport {
        self.0.tunnels.report()
    }

    /// Takes away what is exposed under a name, or forwarded on a port or an address, and forgets it.
    ///
    /// # Errors
    /// [`RemoveError`] if there is nothing like that, or it stands in the configuration.
    pub async fn remove_tunnel(&self, what: &str) -> Result<(), RemoveError> {
        self.0.tunnels.remove(what).await
    }

    /// Issues a ticket for what this node exposes: whoever has it may use that, for so long from now.
    ///
    /// # Errors
    /// [`IssueError`] if nothing is exposed under that name, or no ticket is good for so long.
    pub async fn issue_ticket(&self, service: &str, life: Duration) -> Result<(IssuedTicket, TicketWord), IssueError> {
        let service: ServiceName = service.parse()?;
        let target = self.0.tunnels.target(&service);
        let target = target.ok_or_else(|| IssueError::Unknown { service: service.clone() })?;
        let addresses = self.0.net().addresses();
        self.0.tunnels.0.tickets.issue(service, target.opens(), life, &addresses).await
    }

    /// Shares a file or a folder: whoever has the ticket that this gives may fetch it, for so long from now, and with `upload` put
    /// that many bytes into the folder in all. It is kept, over restarts too, until no ticket for it is good any more.
    ///
    /// # Errors
    /// [`IssueError::Share`] if that cannot be shared, and as for [`issue_ticket`](Self::issue_ticket).
    pub async fn share(
        &self,
        path: &Path,
        life: Duration,
        upload: Option<u64>,
    ) -> Result<(IssuedTicket, TicketWord), IssueError> {
        let addresses = self.0.net().addresses();
        self.0.tunnels.share(path, life, upload, &addresses).await
    }

    /// The tickets of this node that are good now, the one that ends first at first.
    #[must_use]
    pub fn tickets(&self) -> Vec<IssuedTicket> {
        self.0.tunnels.0.tickets.list()
    }

    /// Revokes a ticket, and breaks the connections that were opened with it. Files that no other ticket is for are no longer
    /// shared.
    ///
    /// # Errors
    /// [`IssueError::NoTicket`] if no such ticket is good now.
    pub async fn revoke_ticket(&self, id: TicketId) -> Result<IssuedTicket, IssueError> {
        let revoked = self.0.tunnels.0.tickets.revoke(id).await?;
        self.0.tunnels.end_shares().await?;
        Ok(revoked)
    }
}

impl From<KeepError> for crate::error::SpawnError {
    fn from(error: KeepError) -> Self {
        Self::Tunnel { reason: error.to_string() }
    }
}
