//! The directory: who offers what, for how long, and what changed.
//!
//! It accepts only what is proved to be its author's ([`Verified`], or [`Proved`](atoll_protocol::sealed::Proved) by the
//! set it is in), and orders a node's statements by their sequence number alone:
//!
//! - A **lease** with a higher number than the one held renews the node's records; the same one may bring further
//!   records, but no time; a lower one may only fill in records that nothing later speaks of.
//! - A **record** counts if it is newer than what is held for its instance, and newer than every statement that
//!   ended it: a withdrawal, or a whole record set that does not contain it.
//! - A **withdrawal** ends what it names and leaves a *floor*, below which nothing returns. So does the end of a node.
//!
//! With these rules the order of arrival does not matter: two directories that have heard all of a node's statements
//! list the same records, whichever way the statements came.
//!
//! ```text
//!          apply ──┐                                    ┌─► find, instances, nodes        (by name, by node)
//!       withdraw ──┤   ┌─────────┐  floors: what ended  ├─► known, newer_than, holding    (synchronisation)
//! contact_failed ──┼──►│  table  │  expiries: what ends ┤
//!   contact_made ──┤   └─────────┘  use: what is wanted ├─► take_changes                  (watchers)
//!        restore ──┤                                    └─► Kept                          (the next run)
//!         expire ──┘
//! ```
//!
//! Memory is bounded by [`DirectoryLimits`]. At a limit the least recently used node leaves, visibly: a stranger where
//! strangers come, so that no flood displaces nodes that this node has to do with (see [`Directory::connected`]).

use std::time::Duration;

use atoll_protocol::{
    identity::NodeId,
    limits,
    sealed::Verified,
    service::{Seq, UnixMillis, Withdrawal, Withdrawn},
};

use crate::time::Time;

pub(crate) use self::batch::not_ahead;
pub use self::{
    batch::{Applied, Batch, Heard, Refused},
    kept::{Keep, Kept},
    known::{Holding, Instance, KnownNode},
    pattern::{NamePattern, PatternError},
    search::{Candidates, Found, Ranking, Search, SearchError, SearchQuery},
    shares::Standing,
    watch::{Change, Removal},
};
use self::{
    floors::Floors,
    places::Places,
    plan::Plan,
    table::{Entry, Table},
    watch::Changes,
};

mod batch;
mod depth;
mod floors;
mod index;
pub mod kept;
mod known;
mod lookup;
mod names;
mod near;
mod order;
mod pattern;
mod places;
mod plan;
mod presence;
mod restore;
mod room;
pub mod search;
mod shares;
mod summary;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod watch;

/// How long what a node said may be on its way through the network. Said later, it is a replay.
const FRESH: Duration = Duration::from_secs(10);

/// How long an accused node has to speak up: word of the accusation and of the answer each take a second or two.
pub const ACCUSED: Duration = Duration::from_secs(15);

/// How much a directory remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryLimits {
    /// Service records of all nodes together.
    pub records: usize,
    /// Service records of one node.
    pub records_per_node: usize,
    /// Nodes with a live lease.
    pub nodes: usize,
    /// Marks of what has ended: one for each node that is gone and each instance that was withdrawn.
    pub floors: usize,
}

impl Default for DirectoryLimits {
    /// 10 000 records of at most 10 000 nodes, and two marks for each.
    fn default() -> Self {
        Self { records: 10_000, records_per_node: limits::RECORDS_PER_NODE, nodes: 10_000, floors: 20_000 }
    }
}

/// What this node knows of its network's services.
#[derive(Debug)]
pub struct Directory {
    me: NodeId,
    limits: DirectoryLimits,
    table: Table,
    floors: Floors,
    /// Which nodes are no strangers.
    places: Places,
    changes: Changes,
    /// The latest time that the driver told of: the time of use of what is looked up in between.
    now: Time,
}

impl Directory {
    /// An empty directory of the node `me`, whose own records never expire, are never suspect and never evicted.
    #[must_use]
    pub fn new(me: NodeId, limits: DirectoryLimits) -> Self {
        Self {
            me,
            limits,
            table: Table::default(),
            floors: Floors::new(limits.floors, limits.records_per_node),
            places: Places::new(limits.nodes),
            changes: Changes::new(limits.records),
            now: Time::default(),
        }
    }

    /// Takes in what an announcement or a synchronisation says about one node.
    ///
    /// `now` is the driver's monotonic time, `wall` its time of day. Statements of this node itself must come from
    /// its own publisher, first hand (`remaining: None`).
    ///
    /// # Errors
    /// [`Refused`], which names the node and what is wrong; the directory is then unchanged.
    pub fn apply(&mut self, batch: Batch, now: Time, wall: UnixMillis) -> Result<Applied, Refused> {
        self.expire(now);
        batch.check(&self.limits, wall)?;
        let node = batch.lease.author();
        let seq = batch.lease.value().seq;
        let held = self.table.node(&node);
        let first_hand = batch.remaining.is_none();
        let renewed = held.is_none_or(|held| seq > held.lease.value().seq);
        let fresh = held.is_some_and(|held| seq == held.lease.value().seq && now.since(held.renewed) < FRESH);
        if node == self.me && batch.remaining.is_some() {
            return if renewed { Err(Refused::Mine { seq }) } else { Ok(Applied::Stale) };
        }
        if let Some(held) = held
            && held.lease.value().seq == seq
            && held.lease.hash() != batch.lease.hash()
        {
            return Err(Refused::Equivocation { node, seq });
        }
        let Some(expires) = self.expiry_of(&batch, now) else { return Ok(self.nothing_new(&batch, now)) };
        let confirmed = held.is_some_and(|held| restore::confirms(&batch, held));
        let plan = Plan::new(&batch, held, &self.floors);
        if !renewed && plan.is_empty() {
            let result = if fresh { Applied::Known } else { self.nothing_new(&batch, now) };
            if confirmed {
                self.table.set_suspect(&node, false, &mut self.changes);
            }
            return Ok(result);
        }
        self.make_room(&node, plan.count, held.is_none())?;
        let entry = Entry::new(batch.lease, self.places.member(&node), now, expires);
        let complete = self.table.update(entry, plan, now, &mut self.changes);
        if confirmed || (renewed && first_hand) {
            // It has just spoken. If it still cannot be reached, the next failed call says so again.
            self.table.set_suspect(&node, false, &mut self.changes);
        }
        Ok(if complete { Applied::Complete } else { Applied::Incomplete })
    }

    /// Takes in that records are gone.
    pub fn withdraw(&mut self, withdrawal: &Verified<Withdrawal>, now: Time) -> Heard {
        self.expire(now);
        let (node, seq) = (withdrawal.author(), withdrawal.value().seq);
        match &withdrawal.value().what {
            Withdrawn::Node => {
                let heard = self.floors.withdraw_node(node, seq, now);
                self.table.remove_up_to(&node, seq, &mut self.changes);
                heard
            }
            Withdrawn::Instances(instances) => {
                let heard = instances.iter().map(|i| self.floors.withdraw_instance(node, *i, seq, now)).max();
                self.table.remove_instances(&node, instances, seq, &mut self.changes);
                heard.unwrap_or(Heard::Outdated)
            }
        }
    }

    /// Takes in that this node failed to reach `node`: its instances become suspect, to be chosen only where there is
    /// nothing else, until [`Directory::contact_made`], a new lease heard first hand, or their end.
    pub fn contact_failed(&mut self, node: NodeId, now: Time) {
        self.expire(now);
        if node != self.me {
            self.table.set_suspect(&node, true, &mut self.changes);
        }
    }

    /// Takes in that this node has reached `node`.
    pub fn contact_made(&mut self, node: NodeId, now: Time) {
        self.expire(now);
        self.table.set_suspect(&node, false, &mut self.changes);
    }

    /// Takes in that several neighbours of `node` have lost it since its lease `lease`: it becomes suspect, and is dropped
    /// after [`ACCUSED`], unless it speaks up with a later lease. Returns whether it was listed under that lease.
    pub fn accuse(&mut self, node: &NodeId, lease: Seq, now: Time) -> bool {
        self.expire(now);
        let listed = *node != self.me && self.table.node(node).is_some_and(|entry| entry.lease.value().seq == lease);
        if listed {
            self.table.set_suspect(node, true, &mut self.changes);
            self.table.shorten(node, now + ACCUSED);
        }
        listed
    }

    /// Drops what has ended by `now`. Costs nothing where nothing has.
    pub fn expire(&mut self, now: Time) {
        self.now = self.now.max(now);
        while let Some((ends, node)) = self.table.first_to_expire()
            && ends <= now
        {
            if let Some(entry) = self.table.remove_node(&node, Removal::Expired, &mut self.changes) {
                self.floors.end_node(node, entry.lease.value().seq, ends, Time::default());
            }
        }
    }

    /// When the next lease ends: a driver that calls [`Directory::expire`] then misses nothing.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Time> {
        self.table.first_to_expire().map(|(ends, _)| ends)
    }

    /// What watchers are to be told since the last call, in order. Applied one after another to the set they held
    /// before, the changes give the set held now.
    ///
    /// Bounded by four times the record limit: beyond it several changes of one instance are told as one.
    pub fn take_changes(&mut self) -> Vec<Change> {
        self.changes.take()
    }

    /// Checks what can be judged of a batch without knowing anything else of its node: [`Directory::apply`] does it, too. What
    /// is passed on without being taken in has to be checked like this first.
    ///
    /// # Errors
    /// [`Refused`], as for [`Directory::apply`].
    pub fn check(&self, batch: &Batch, wall: UnixMillis) -> Result<(), Refused> {
        batch.check(&self.limits, wall)
    }

    /// What a batch without news is: whether it may still have been on its way since it was news.
    fn nothing_new(&self, batch: &Batch, now: Time) -> Applied {
        let (node, lease) = (batch.lease.author(), batch.lease.value());
        let replayed = match self.table.node(&node) {
            // Who was asked answers with what it has, and may know nothing later.
            Some(_) if batch.remaining.is_some() => false,
            // How long before the one that is held it was made, both by its author's clock, which may be wrong.
            Some(held) => {
                let before = held.lease.value().issued.0.saturating_sub(lease.issued.0);
                held.age(now).saturating_add(Duration::from_millis(before)) >= FRESH
            }
            None => match self.floors.lease(&node).filter(|floor| lease.seq <= floor.seq) {
                Some(floor) => now.since(floor.since) >= FRESH,
                // What is passed on always has something left of its lease.
                None => batch.remaining.is_some_and(|left| left.is_zero()),
            },
        };
        if replayed { Applied::Replayed } else { Applied::Stale }
    }

    /// When the batch's lease ends here; none if it has ended already, or speaks of a node that is known to be gone.
    fn expiry_of(&self, batch: &Batch, now: Time) -> Option<Time> {
        let lease = batch.lease.value();
        let node = batch.lease.author();
        let left = batch.remaining.map_or(lease.ttl(), |left| left.min(lease.ttl()));
        let mut ends = now + left;
        if let Some(floor) = self.floors.lease(&node)
            && lease.seq <= floor.seq
        {
            if lease.seq < floor.seq {
                return None;
            }
            // Of a node that was only evicted the same lease may return, but ends when it would have ended.
            ends = ends.min(floor.ends);
        }
        if node == self.me {
            return Some(Time::NEVER);
        }
        (ends > now).then_some(ends)
    }
}
