//! How much a server does for others: pure, the time is passed in.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::{PublicRanges, Subnet};
use parking_lot::Mutex;

/// Requests at a time, one of each peer.
pub(super) const AT_ONCE: usize = 16;
/// Requests of one peer within [`WINDOW`]: a node behind a router that maps ports has four addresses, and asks about each twice
/// within its first minute.
pub(super) const PER_PEER: usize = 8;
/// Requests of one subnet within [`WINDOW`].
pub(super) const PER_SUBNET: usize = 24;
/// Requests of everybody within [`WINDOW`]; the bound of what is remembered.
pub(super) const IN_ALL: usize = 600;
/// In which the requests are counted.
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// Why a request is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Rejected {
    #[error("a request of this peer is being served")]
    PeerBusy,
    #[error("this peer has made {PER_PEER} requests within {WINDOW:?}")]
    PeerFull,
    #[error("this peer's subnet has made {PER_SUBNET} requests within {WINDOW:?}")]
    SubnetFull,
    #[error("{AT_ONCE} requests are being served")]
    Busy,
    #[error("there were {IN_ALL} requests within {WINDOW:?}")]
    Full,
}

/// A request that was let in.
#[derive(Debug, Clone, Copy)]
struct Entered {
    at: Instant,
    peer: NodeId,
    /// `None` on loopback and networks that are private here, which are not counted: nobody from outside is on them.
    subnet: Option<Subnet>,
}

/// What is being served, and what was lately.
#[derive(Debug, Default)]
struct Limiter {
    public: PublicRanges,
    serving: HashSet<NodeId>,
    /// The oldest first.
    lately: VecDeque<Entered>,
}

impl Limiter {
    fn enter(&mut self, peer: NodeId, from: Option<IpAddr>, now: Instant) -> Result<(), Rejected> {
        while self.lately.front().is_some_and(|entered| now.saturating_duration_since(entered.at) >= WINDOW) {
            self.lately.pop_front();
        }
        let subnet = from.and_then(|ip| self.public.subnet(ip));
        let count = |of: &dyn Fn(&Entered) -> bool| self.lately.iter().filter(|entered| of(entered)).count();
        if self.serving.contains(&peer) {
            return Err(Rejected::PeerBusy);
        }
        if count(&|entered| entered.peer == peer) >= PER_PEER {
            return Err(Rejected::PeerFull);
        }
        if subnet.is_some() && count(&|entered| entered.subnet == subnet) >= PER_SUBNET {
            return Err(Rejected::SubnetFull);
        }
        if self.serving.len() >= AT_ONCE {
            return Err(Rejected::Busy);
        }
        if self.lately.len() >= IN_ALL {
            return Err(Rejected::Full);
        }
        self.serving.insert(peer);
        self.lately.push_back(Entered { at: now, peer, subnet });
        Ok(())
    }
}

/// The limits of one server; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(Arc<Mutex<Limiter>>);

impl Limits {
    /// Nothing is being served. `public` says what is public in this network, and so counted by subnets.
    pub(crate) fn new(public: PublicRanges) -> Self {
        Self(Arc::new(Mutex::new(Limiter { public, ..Limiter::default() })))
    }

    /// Lets a request of `peer` in, for as long as the guard lives; `from` is the IP address it comes from, a relay's if
    /// there is one between.
    ///
    /// # Errors
    /// [`Rejected`] says which limit is reached.
    pub(super) fn enter(&self, peer: NodeId, from: Option<IpAddr>, now: Instant) -> Result<Entrance, Rejected> {
        self.0.lock().enter(peer, from, now)?;
        Ok(Entrance { limits: self.clone(), peer })
    }
}

/// A request that is being served.
#[derive(Debug)]
pub(super) struct Entrance {
    limits: Limits,
    peer: NodeId,
}

impl Drop for Entrance {
    fn drop(&mut self) {
        self.limits.0.lock().serving.remove(&self.peer);
    }
}
