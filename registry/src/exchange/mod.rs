//! How the directories of a network are kept equal: what a node says and when, whom it asks, and whom it believes.
//!
//! Four things together, each of which would not do alone:
//!
//! | part | what it does |
//! |---|---|
//! | [`announce`] | tells the network what changed here, and renews the lease; less often, the larger the network is |
//! | [`rounds`] | compares with a neighbour every half minute, on joining, and when a partition has healed; asks for what is missing |
//! | [`suspicion`] | tells of neighbours that were lost, and believes three who say so |
//! | [`publisher`] | numbers and signs what this node says of itself |
//!
//! One state machine for one node. A driver tells it what happened, hands it the directory that it keeps, and carries out
//! the [`Effect`]s. It never reads a clock, draws a random number, opens a socket or waits: times and random numbers come
//! in a [`Moment`].
//!
//! ```text
//!                     heard, learned, compared            ┌──────────┐  Publish ──► gossip
//!  gossip, answers ───────────────────────────────────────►          │  Ask ──────► one neighbour
//!  connections ───────────── ready, lost ────────────────►│ Exchange │  Joined, Said, Refused
//!  this node's services ─── register, withdraw, leave ───►│          │
//!  the clock ──────────────────── wake ──────────────────►└────┬─────┘
//!                                                           Directory
//! ```

use std::{collections::BTreeSet, time::Duration};

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour},
    directory::{Announcement, Heads, Summary, SyncRequest},
    identity::{NodeId, SecretKey},
    names::{InstanceId, NetworkName},
    sealed::{SealError, Verified},
    service::{Seq, ServiceRecord, UnixMillis, Withdrawal},
};

use self::{announce::Announcer, rounds::Rounds, suspicion::Suspicions};
use crate::{
    mix::mix,
    services::{Applied, Batch, Directory, Heard, Refused},
    time::Time,
};

mod announce;
mod groups;
mod opened;
mod publisher;
mod rounds;
mod suspicion;
#[cfg(test)]
pub(crate) mod tests;

pub use self::{
    announce::renewal,
    opened::Opened,
    publisher::{Publisher, Renewal},
    suspicion::REPORTS,
};

/// When something happens, by the driver's clocks, and a number drawn for it.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Monotonic time.
    pub now: Time,
    /// Time of day.
    pub wall: UnixMillis,
    /// Drawn anew for each moment.
    pub random: u64,
}

impl Moment {
    /// A number below `bound`, which must not be zero; another one for each `what`.
    pub(crate) fn draw(&self, what: &str, bound: u64) -> u64 {
        let salt = what.bytes().fold(0, |salt, byte| mix(salt ^ u64::from(byte)));
        mix(self.random ^ salt) % bound.max(1)
    }

    /// A time span shorter than `bound`.
    pub(crate) fn jitter(&self, what: &str, bound: Duration) -> Duration {
        Duration::from_millis(self.draw(what, u64::try_from(bound.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Gossip this.
    Publish(Announcement),
    /// Ask this neighbour, hand over what it answers, and say when that is over ([`Exchange::ended`]).
    Ask {
        /// Whom.
        peer: NodeId,
        /// What.
        question: SyncRequest,
    },
    /// The node has become part of its network.
    Joined,
    /// Statements up to this one have been made: the next run must go on above it.
    Said(Seq),
    /// Something was not taken in.
    Refused {
        /// Who sent it, this node itself included; none if that is no node.
        source: Option<NodeId>,
        /// What is wrong with it.
        why: Refused,
    },
    /// Something was said again that was overtaken or had ended long before. It changed nothing.
    Replayed {
        /// Who sent it, where that is a node.
        source: Option<NodeId>,
        /// Whose words they were.
        author: NodeId,
    },
}

/// What is to become of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Pass it on.
    Accept,
    /// Drop it.
    Ignore,
    /// Drop it, and charge whoever sent it.
    Reject,
}

/// See the [module docs](self).
#[derive(Debug)]
pub struct Exchange {
    me: NodeId,
    publisher: Publisher,
    announcer: Announcer,
    rounds: Rounds,
    suspicions: Suspicions,
    /// Neighbours that can be asked.
    peers: BTreeSet<NodeId>,
    joined: bool,
    effects: Vec<Effect>,
}

impl Exchange {
    /// Of a node that has said nothing yet in this run, and goes on above statement `last`.
    #[must_use]
    pub fn new(key: SecretKey, network: NetworkName, last: Seq, at: Moment) -> Self {
        Self {
            me: key.node_id(),
            publisher: Publisher::new(key, network, last),
            announcer: Announcer::new(at),
            rounds: Rounds::new(at),
            suspicions: Suspicions::default(),
            peers: BTreeSet::new(),
            joined: false,
            effects: Vec::new(),
        }
    }

    /// The node that this is the exchange of.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// What there is to do since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Exchange::wake`] is next needed.
    #[must_use]
    pub fn due(&self) -> Time {
        self.announcer.due().min(self.rounds.due()).min(self.suspicions.due())
    }

    /// Does what is due.
    pub fn wake(&mut self, view: &mut Directory, at: Moment) {
        if self.announcer.due() <= at.now {
            self.announce(view, at);
        }
        self.round(view, at);
        self.report_the_lost(view, at);
    }

    /// Takes in a gossiped announcement, heard from `source`, and says whether it is to be passed on.
    pub fn heard(&mut self, view: &mut Directory, source: Option<NodeId>, said: Opened, at: Moment) -> Verdict {
        let Opened { withdrawal, batch, suspicion } = said;
        if let Some(suspicion) = suspicion {
            return self.heard_suspicion(view, &suspicion, at);
        }
        // Known from a neighbour's goodbye, its neighbours may not know it yet; those who do, drop it by its id.
        let heard = withdrawal.as_ref().map(|w| self.withdrawn(view, source, w, at));
        let withdrawn = matches!(heard, Some(Heard::Known | Heard::News));
        let Some(batch) = batch else {
            return if withdrawn { Verdict::Accept } else { Verdict::Ignore };
        };
        let node = batch.lease.author();
        if node == self.me {
            // An echo of this node's own words, or of those of an earlier life that it does not remember.
            self.go_on_above(batch.lease.value().seq, at);
            return Verdict::Ignore;
        }
        if !view.has_place_for(&node) {
            // Others may have. They would charge this node with what it passes on to them.
            return match view.check(&batch, at.wall) {
                Ok(()) => Verdict::Accept,
                Err(why) => self.refuse(source, why, at),
            };
        }
        let applied = self.apply(view, source, batch, at);
        view.fit();
        match applied {
            // Known from a synchronisation, it may be news to those who have only this node to hear it from.
            Ok(Applied::Complete | Applied::Known) => Verdict::Accept,
            Ok(Applied::Incomplete) => {
                self.rounds.want(node, source, at);
                Verdict::Accept
            }
            Ok(Applied::Stale | Applied::Replayed) if withdrawn => Verdict::Accept,
            Ok(Applied::Stale | Applied::Replayed) => Verdict::Ignore,
            Err(verdict) => verdict,
        }
    }

    /// Takes in record sets that `source` has answered with.
    pub fn learned(&mut self, view: &mut Directory, source: NodeId, batches: Vec<Batch>, at: Moment) {
        for batch in batches {
            let node = batch.lease.author();
            // What lies outside of the part that is listed here is taken in where it was asked for: of the node itself.
            if node != source && !view.has_place_for(&node) {
                continue;
            }
            if let Ok(Applied::Incomplete) = self.apply(view, Some(source), batch, at) {
                self.rounds.want(node, Some(source), at);
            }
        }
        view.fit();
    }

    /// Takes in a neighbour's answer to a comparison with the summary `asked`.
    pub fn compared(&mut self, view: &mut Directory, peer: NodeId, asked: &Summary, answer: &Heads, at: Moment) {
        let revived = answer.heads.iter().filter(|head| view.has_ended(&head.node, head.lease)).count();
        if self.announcer.contradicted(revived, view.node_count(), at) {
            self.announcer.soon_within(rounds::HEALING, at);
        }
        view.adopt(answer.depth);
        view.confirm(asked, answer, at.now);
        self.heard_of_absence(view, peer, &view.absent(asked, answer, at.now), at);
        let wanted = view.wanted(&answer.heads);
        self.rounds.noticed(wanted.len(), view.node_count());
        for node in wanted {
            // A set that was overtaken is whole, too.
            match view.holding(&node, at.now) {
                Some(_) => self.rounds.refresh(node, peer, at),
                None => self.rounds.want_now(node, peer, at),
            }
        }
        self.round(view, at);
    }

    /// A neighbour has compared its view with this node's, and they differ: it may know more, too.
    pub fn was_compared(&mut self, view: &mut Directory, peer: NodeId, at: Moment) {
        if self.rounds.may_compare_back(&peer, at) {
            self.rounds.compare_with(peer);
            self.round(view, at);
        }
    }

    /// A neighbour is leaving, as `source` says, which should be that neighbour. Its own gossip may no longer get out, so this
    /// node passes the word on.
    pub fn goodbye(&mut self, view: &mut Directory, source: NodeId, withdrawal: &Verified<Withdrawal>, at: Moment) {
        if self.withdrawn(view, Some(source), withdrawal, at) == Heard::News {
            self.tell_of_end(view, withdrawal);
        }
    }

    /// A call did not reach this node.
    pub fn contact_failed(&mut self, view: &mut Directory, node: NodeId, at: Moment) {
        view.contact_failed(node, at.now);
    }

    /// Says whom this node is connected to. It is gossiped nowhere: whoever asks is given it.
    ///
    /// # Errors
    /// If it breaks a rule.
    pub fn adjacency(
        &mut self,
        neighbours: Vec<Neighbour>,
        ttl: Duration,
        at: Moment,
    ) -> Result<Verified<Adjacency>, SealError> {
        let said = self.publisher.adjacency(neighbours, ttl, at.wall)?;
        self.effects.push(Effect::Said(self.publisher.seq()));
        Ok(said)
    }

    /// The services that this node offers.
    pub fn services(&self) -> impl Iterator<Item = &ServiceRecord> {
        self.publisher.services()
    }

    /// The record of one of this node's instances.
    #[must_use]
    pub fn service(&self, instance: InstanceId) -> Option<&ServiceRecord> {
        self.publisher.service(instance)
    }

    /// Whether the node has become part of its network.
    #[must_use]
    pub fn has_joined(&self) -> bool {
        self.joined
    }

    /// Applies a batch; an error says what is to become of the message that it came in.
    fn apply(
        &mut self,
        view: &mut Directory,
        source: Option<NodeId>,
        batch: Batch,
        at: Moment,
    ) -> Result<Applied, Verdict> {
        let (node, lease) = (batch.lease.author(), batch.lease.value().seq);
        let returns = node != self.me && view.node(&node).is_none() && view.has_ended(&node, Seq(0));
        let applied = view.apply(batch, at.now, at.wall).map_err(|why| self.refuse(source, why, at))?;
        match applied {
            Applied::Stale => {}
            Applied::Replayed => self.effects.push(Effect::Replayed { source, author: node }),
            Applied::Known | Applied::Complete | Applied::Incomplete => {
                self.suspicions.spoke(&node, lease);
                if returns && self.announcer.contradicted(1, view.node_count(), at) {
                    self.announcer.soon_within(rounds::HEALING, at);
                }
            }
        }
        Ok(applied)
    }

    /// Has `source` charged with what was refused, and says what is to become of the message that it came in.
    fn refuse(&mut self, source: Option<NodeId>, why: Refused, at: Moment) -> Verdict {
        if let Refused::Mine { seq } = &why {
            self.go_on_above(*seq, at);
        }
        let verdict = if why.blames_sender() { Verdict::Reject } else { Verdict::Ignore };
        self.effects.push(Effect::Refused { source, why });
        verdict
    }

    /// Others know this node under a number that it has not used in this life: it speaks up above that, or nobody would
    /// believe it.
    pub fn go_on_above(&mut self, seq: Seq, at: Moment) {
        if self.publisher.outnumber(seq) {
            self.announcer.soon(at);
        }
    }

    /// Takes in a withdrawal. This node's own words do not come back to it from others: what it withdraws it has taken in
    /// already, and what an earlier life of it withdrew no longer counts.
    fn withdrawn(
        &mut self,
        view: &mut Directory,
        source: Option<NodeId>,
        withdrawal: &Verified<Withdrawal>,
        at: Moment,
    ) -> Heard {
        let author = withdrawal.author();
        if author == self.me {
            return Heard::Outdated;
        }
        let heard = view.withdraw(withdrawal, at.now);
        if heard == Heard::Replayed {
            self.effects.push(Effect::Replayed { source, author });
        }
        heard
    }
}
