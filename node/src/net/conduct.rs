//! What peers have done wrong, as the whole node knows it.
//!
//! The rules are the registry's ([`atoll_registry::peers::conduct`]); here they get a clock, and are shared: whoever finds
//! a fault charges it at once, in whichever task that is. [`bars`](super::bars) carries out what follows in the swarm. The
//! lock is never held across anything slow.

use std::{
    collections::BTreeSet,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use atoll_protocol::identity::NodeId;
use atoll_registry::peers::conduct::{Fault, Faults, Ledger, Verdict};
use futures::task::AtomicWaker;
use parking_lot::Mutex;

use crate::{
    clock::Clock,
    event::{Events, NodeEvent},
    net::connections::Connection,
    standing::Trust,
};

/// Handle to the account of faults; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Conduct(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    events: Events,
    trust: Trust,
    account: Mutex<Account>,
    /// Wakes the swarm when somebody is to be hung up on.
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Account {
    ledger: Ledger,
    /// Faults of all peers since the node was started.
    totals: Faults,
    /// Peers barred since the swarm last looked: no more than the ledger remembers, for each is named once.
    barred: BTreeSet<NodeId>,
}

impl Conduct {
    /// Proofs of faults also count against a peer's standing.
    pub(crate) fn new(clock: Clock, events: Events, trust: Trust) -> Self {
        Self(Arc::new(Inner { clock, events, trust, account: Mutex::default(), waker: AtomicWaker::new() }))
    }

    /// Counts a fault and charges it to the peer that sent what is at fault. A peer that can be no node is not remembered.
    pub(crate) fn charge(&self, peer: Option<NodeId>, fault: Fault, why: impl fmt::Display) {
        tracing::debug!(peer = peer.map(tracing::field::display), %fault, "refused: {why}");
        let now = self.0.clock.now();
        let mut account = self.0.account.lock();
        account.totals.add(fault);
        let Some(peer) = peer else { return };
        if fault.is_proof() {
            self.0.trust.fault(&peer);
        }
        let charged = account.ledger.charge(peer, fault, now);
        let Verdict::Barred { until } = charged.verdict else { return };
        // Also if it is no news: one that was barred while it was being connected may have slipped in.
        account.barred.insert(peer);
        let faults = account.ledger.faults(&peer);
        drop(account);
        self.0.waker.wake();
        if charged.anew {
            let seconds = until.since(now).as_secs();
            self.0.events.report(NodeEvent::PeerBarred { peer, seconds, faults: faults.to_string() });
        }
    }

    /// The owner wants this peer: it is not barred, whatever it does.
    pub(crate) fn name(&self, peer: NodeId) {
        self.0.account.lock().ledger.name(peer, self.0.clock.now());
    }

    /// Whether what a node says of itself, passed on by others, is not to be listed.
    pub(crate) fn is_void(&self, author: &NodeId, over: Option<&Connection>) -> bool {
        self.0.trust.is_void(author, over)
    }

    /// Whether it is proved that a peer is a fraud.
    pub(crate) fn is_convicted(&self, peer: &NodeId) -> bool {
        self.0.trust.is_convicted(peer)
    }

    /// It is proved that an author has said two things at one position of a log.
    pub(crate) fn has_forked(&self, author: &NodeId) {
        self.0.trust.fault(author);
    }

    /// For how long a peer is still barred, if it is.
    pub(crate) fn barred_for(&self, peer: &NodeId) -> Option<Duration> {
        let now = self.0.clock.now();
        match self.0.account.lock().ledger.verdict(peer, now) {
            Verdict::Barred { until } => Some(until.since(now)),
            Verdict::Fine | Verdict::Limited => None,
        }
    }

    /// Whether what a peer passes on for others is worth checking. Asked once for each message.
    pub(crate) fn is_worth_checking(&self, peer: &NodeId) -> bool {
        self.0.account.lock().ledger.is_worth_checking(peer, self.0.clock.now())
    }

    /// What a peer has done wrong, as far as it is remembered.
    pub(crate) fn faults(&self, peer: &NodeId) -> Faults {
        self.0.account.lock().ledger.faults(peer)
    }

    /// What all peers have done wrong since the node was started.
    pub(crate) fn totals(&self) -> Faults {
        self.0.account.lock().totals
    }

    /// The peers that are barred now.
    pub(crate) fn barred(&self) -> Vec<NodeId> {
        self.0.account.lock().ledger.barred(self.0.clock.now()).collect()
    }

    /// The next peer to hang up on.
    pub(super) fn poll_barred(&self, cx: &mut Context<'_>) -> Poll<NodeId> {
        // Registered first, so that nothing charged in between is missed.
        self.0.waker.register(cx.waker());
        self.0.account.lock().barred.pop_first().map_or(Poll::Pending, Poll::Ready)
    }
}
