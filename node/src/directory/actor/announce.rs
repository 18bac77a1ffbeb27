//! Saying what this node offers: at once when it changes, and again before the lease ends.

use std::collections::BTreeSet;

use atoll_protocol::{
    codec,
    directory::Announcement,
    limits,
    names::InstanceId,
    sealed::{Signed, Verified},
    service::{Lease, NodeRecord, ServiceRecord, Withdrawal},
};
use tokio::{
    sync::oneshot,
    time::{Duration, Instant},
};

use super::Actor;
use crate::{
    directory::{
        keys,
        publisher::{LEASE_TTL, News},
    },
    error::RegisterError,
};

/// How long to wait for further changes before announcing one: a program that registers a hundred services says so
/// once.
const COALESCE: Duration = Duration::from_millis(10);
/// A lease is renewed three times in its life, so that two renewals may be lost.
const RENEWAL: Duration = Duration::from_secs(LEASE_TTL as u64 / 3);
/// Bytes that a batch of records in an announcement may take, leaving room for the lease and the envelope.
const RECORDS: usize = limits::ANNOUNCEMENT - 2 * limits::LEASE;

/// When to announce next.
#[derive(Debug)]
pub(super) struct Announcer {
    due: Instant,
    /// Whether anyone has listened yet.
    heard: bool,
}

impl Announcer {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: now + RENEWAL, heard: false }
    }

    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn soon(&mut self) {
        self.due = self.due.min(Instant::now() + COALESCE);
    }

    fn renewed(&mut self) {
        // Up to a tenth earlier, so that nodes started together do not renew together.
        let jitter = rand::random_range(0..=RENEWAL.as_millis() as u64 / 10);
        self.due = Instant::now() + RENEWAL - Duration::from_millis(jitter);
    }
}

impl Actor {
    pub(super) async fn register(&mut self, record: ServiceRecord, reply: oneshot::Sender<Result<(), RegisterError>>) {
        let service = format!("{}@{}", record.name, record.version);
        let keys = keys::provided(&self.directory.network, &record.name, &record.version);
        let added = self.publisher.add(record, self.directory.clock.wall());
        if added.is_ok() {
            self.changed();
        }
        let added = added.map_err(|rule| RegisterError::Rule { service, rule });
        let offered = added.is_ok();
        let _ = reply.send(added);
        if offered {
            // Here, and not in a task of its own, so that a withdrawal cannot overtake it.
            for key in keys {
                self.directory.net.provide(key).await;
            }
        }
    }

    /// Tells the DHT again: what was told before there was a neighbour has reached nobody.
    pub(super) async fn provide_again(&self) {
        let network = &self.directory.network;
        let keys: BTreeSet<Vec<u8>> =
            self.publisher.services().flat_map(|r| keys::provided(network, &r.name, &r.version)).collect();
        for key in keys {
            self.directory.net.provide(key).await;
        }
    }

    pub(super) fn addresses_changed(&mut self) {
        let addresses = self.directory.net.addresses().iter().map(ToString::to_string).collect();
        match self.publisher.set_addresses(addresses, self.directory.clock.wall()) {
            Ok(()) => self.changed(),
            Err(error) => tracing::error!("this node's addresses cannot be told: {error}"),
        }
    }

    /// A node that nobody listened to has told nobody anything: the first listener is told everything.
    pub(super) fn first_listener(&mut self) {
        if !self.announcer.heard {
            self.announcer.heard = true;
            self.publisher.retell();
            self.announcer.soon();
        }
    }

    /// This node's own view follows at once; the network is told a moment later.
    fn changed(&mut self) {
        match self.publisher.whole(self.directory.clock.wall()) {
            Ok(batch) => self.learn(batch),
            Err(error) => tracing::error!("this node's records cannot be signed: {error}"),
        }
        self.announcer.soon();
    }

    /// Renews the lease and tells the network, with whatever is new.
    pub(super) async fn announce(&mut self) {
        self.announcer.renewed();
        let wall = self.directory.clock.wall();
        let own = match self.publisher.whole(wall) {
            Ok(own) => own,
            Err(error) => return tracing::error!("this node's lease cannot be renewed: {error}"),
        };
        let news = self.publisher.news(own.lease.clone());
        self.learn(own);
        self.outputs.storage.set_last_seq(self.publisher.seq().0);
        for announcement in announcements(news) {
            self.publish(&announcement).await;
        }
    }

    pub(super) async fn withdraw_dropped(&mut self) {
        let dropped: Vec<InstanceId> = self.directory.dropped.instances.lock().drain().collect();
        for some in dropped.chunks(limits::WITHDRAWN_INSTANCES) {
            self.withdraw(some).await;
        }
    }

    async fn withdraw(&mut self, dropped: &[InstanceId]) {
        let keys: Vec<_> = dropped
            .iter()
            .filter_map(|i| self.publisher.service(*i))
            .map(|r| (r.name.clone(), r.version.clone()))
            .collect();
        let wall = self.directory.clock.wall();
        let withdrawal = match self.publisher.remove(dropped.iter().copied(), wall) {
            None => return,
            Some(Ok(withdrawal)) => withdrawal,
            Some(Err(error)) => return tracing::error!("a service cannot be withdrawn: {error}"),
        };
        self.directory.view.write().withdraw(&withdrawal, self.directory.clock.now());
        let lease = match self.publisher.whole(wall) {
            Ok(own) => {
                let lease = own.lease.clone();
                self.learn(own);
                Some(lease)
            }
            Err(_) => None,
        };
        self.gossip_withdrawal(&withdrawal, lease.as_ref()).await;
        for (name, version) in keys {
            self.unprovide(&name, &version).await;
        }
    }

    /// Takes a service out of the DHT, except for the keys that another instance here still needs.
    async fn unprovide(&self, name: &atoll_protocol::names::ServiceName, version: &semver::Version) {
        let network = &self.directory.network;
        let needed: Vec<Vec<u8>> = self
            .publisher
            .services()
            .filter(|r| r.name == *name)
            .flat_map(|r| keys::provided(network, &r.name, &r.version))
            .collect();
        for key in keys::provided(network, name, version) {
            if !needed.contains(&key) {
                self.directory.net.unprovide(key).await;
            }
        }
    }

    pub(super) async fn gossip_withdrawal(&self, withdrawal: &Verified<Withdrawal>, lease: Option<&Verified<Lease>>) {
        let lease = lease.map(|l| l.signed().clone());
        self.publish(&Announcement::Withdrawal { withdrawal: withdrawal.signed().clone(), lease }).await;
    }

    async fn publish(&self, announcement: &Announcement) {
        match codec::encode(announcement) {
            Ok(data) => self.directory.net.publish(data).await,
            Err(error) => tracing::error!("an announcement cannot be encoded: {error}"),
        }
    }
}

/// The news as gossip messages: each within the size limit, all under the same lease. A record too large for any
/// message is left out; receivers see from the lease's digest that it is missing, and ask for it.
fn announcements(news: News) -> Vec<Announcement> {
    let mut node: Option<Signed<NodeRecord>> = news.node.map(|n| n.signed().clone());
    let mut groups: Vec<Vec<Signed<ServiceRecord>>> = vec![Vec::new()];
    let mut size = node.as_ref().map_or(0, Signed::body_len);
    for record in news.services.iter().map(Verified::signed) {
        // The author's key and the signature come on top of the body.
        let len = record.body_len() + 128;
        if len > RECORDS {
            continue;
        }
        if size + len > RECORDS {
            groups.push(Vec::new());
            size = 0;
        }
        size += len;
        if let Some(group) = groups.last_mut() {
            group.push(record.clone());
        }
    }
    let lease = news.lease.signed().clone();
    let announce = |services| Announcement::Lease { lease: lease.clone(), node: node.take(), services };
    groups.into_iter().map(announce).collect()
}
