//! Taking in what others say.

use atoll_protocol::{
    codec,
    directory::Announcement,
    identity::NodeId,
    names::NetworkName,
    sealed::{SealError, Verified},
    service::{Seq, Withdrawal},
};
use atoll_registry::services::{Applied, Batch, Heard, Refused};
use libp2p::PeerId;
use tokio::sync::oneshot;

use super::Actor;
use crate::net::{Verdict, node_id};

/// An announcement whose signatures have been checked.
struct Opened {
    withdrawal: Option<Verified<Withdrawal>>,
    batch: Option<Batch>,
}

impl Actor {
    /// Takes in a gossiped announcement and says whether it is to be passed on.
    pub(super) fn gossip(&mut self, source: &PeerId, data: &[u8]) -> Verdict {
        let opened = match Announcement::decode(data) {
            Ok(announcement) => open(announcement, &self.directory.network).map_err(|e| e.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match opened {
            Ok(opened) => self.take_in(opened, node_id(source)),
            Err(reason) => {
                self.directory.net.counters.refused_records.add(1);
                tracing::debug!(%source, "refused an announcement: {reason}");
                Verdict::Reject
            }
        }
    }

    fn take_in(&mut self, Opened { withdrawal, batch }: Opened, source: Option<NodeId>) -> Verdict {
        // Known from a neighbour's goodbye, its neighbours may not know it yet; those who do, drop it by its id.
        let withdrawn = withdrawal.as_ref().is_some_and(|w| self.withdrawn(w) != Heard::Outdated);
        let Some(batch) = batch else {
            return if withdrawn { Verdict::Accept } else { Verdict::Ignore };
        };
        let node = batch.lease.author();
        if node == self.directory.net.me {
            // An echo of this node's own words, or of those of an earlier life that it does not remember.
            self.go_on_above(batch.lease.value().seq);
            return Verdict::Ignore;
        }
        match self.apply(batch) {
            // Known from a synchronisation, it may be news to those who have only this node to hear it from.
            Ok(Applied::Complete | Applied::Known) => Verdict::Accept,
            Ok(Applied::Incomplete) => {
                self.neighbours.describe(node, source);
                Verdict::Accept
            }
            Ok(Applied::Stale) => {
                if withdrawn {
                    Verdict::Accept
                } else {
                    Verdict::Ignore
                }
            }
            Err(refused) if refused.blames_sender() => Verdict::Reject,
            Err(_) => Verdict::Ignore,
        }
    }

    /// Takes in a record set from a synchronisation, or this node's own.
    pub(super) fn learn(&mut self, batch: Batch) {
        let node = batch.lease.author();
        if let Ok(Applied::Incomplete) = self.apply(batch) {
            self.neighbours.describe(node, None);
        }
    }

    fn apply(&mut self, batch: Batch) -> Result<Applied, Refused> {
        let clock = self.directory.clock;
        let applied = self.directory.view.write().apply(batch, clock.now(), clock.wall());
        applied.inspect_err(|refused| {
            if let Refused::Mine { seq } = refused {
                self.go_on_above(*seq);
            }
            self.directory.net.counters.refused_records.add(1);
            tracing::debug!("refused records: {refused}");
        })
    }

    /// Others know this node under a number that it has not used in this life: it speaks up above that, or nobody would
    /// believe it.
    fn go_on_above(&mut self, seq: Seq) {
        if self.publisher.outnumber(seq) {
            self.announcer.soon();
        }
    }

    /// Takes in a withdrawal. This node's own words do not come back to it from others:
    /// what it withdraws it has taken in already, and what an earlier life of it withdrew no longer counts.
    fn withdrawn(&self, withdrawal: &Verified<Withdrawal>) -> Heard {
        if withdrawal.author() == self.directory.net.me {
            return Heard::Outdated;
        }
        self.directory.view.write().withdraw(withdrawal, self.directory.clock.now())
    }

    /// A neighbour leaves. Its own gossip may no longer get out, so this node passes the word on.
    pub(super) fn goodbye(&mut self, withdrawal: Verified<Withdrawal>, reply: oneshot::Sender<()>) {
        let heard = self.withdrawn(&withdrawal);
        let _ = reply.send(());
        if heard == Heard::News {
            let signed = withdrawal.signed().clone();
            if let Ok(data) = codec::encode(&Announcement::Withdrawal { withdrawal: signed, lease: None }) {
                let net = self.directory.net.clone();
                tokio::spawn(async move { net.publish(data).await });
            }
        }
    }
}

fn open(announcement: Announcement, network: &NetworkName) -> Result<Opened, SealError> {
    Ok(match announcement {
        Announcement::Lease { lease, node, services } => {
            let batch = Batch {
                lease: lease.open(network)?,
                remaining: None,
                node: node.map(|n| n.open(network)).transpose()?,
                services: services.into_iter().map(|s| s.open(network)).collect::<Result<_, _>>()?,
                whole: false,
            };
            Opened { withdrawal: None, batch: Some(batch) }
        }
        Announcement::Withdrawal { withdrawal, lease } => {
            let renewed = |lease| Batch { lease, remaining: None, node: None, services: Vec::new(), whole: false };
            let lease = lease.map(|l| l.open(network)).transpose()?;
            Opened { withdrawal: Some(withdrawal.open(network)?), batch: lease.map(renewed) }
        }
    })
}
