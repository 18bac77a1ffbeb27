//! What nodes say of their connections, as far as it is held here.
//!
//! Each adjacency lasts as long as its author says, by this node's clock, from when it was first heard of; at second hand no
//! longer than the one who passed it on had left. When it has ended its number stays for a while, so that it cannot be
//! brought back. Room is shared by those who fill it: where there is too little, the neighbour that has brought most loses first.

use std::{collections::BTreeMap, time::Duration};

use atoll_protocol::{
    adjacency::{Adjacency, Question},
    identity::NodeId,
    limits,
    sealed::Verified,
    service::{Seq, UnixMillis},
};

use super::{Link, links::Links};
use crate::{
    services::{Change, Directory, Removal, not_ahead},
    time::Time,
};

/// Adjacencies held, of nodes that are there and of some that are gone: about 2 MiB with ten neighbours each.
pub const HELD: usize = 4_096;
/// How long the number of an adjacency stays after its end.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// What became of an adjacency that was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is the latest of its author's.
    News,
    /// It was held already.
    Known,
    /// Its author has said something later, or it has ended before.
    Outdated,
    /// It is this node's own, and later than what it remembers to have said.
    Mine(Seq),
    /// It is dated further in the future than clocks may differ.
    FutureDated,
}

#[derive(Debug, Clone)]
struct Held {
    seq: Seq,
    /// Nothing once it has ended.
    said: Option<Verified<Adjacency>>,
    learnt: Time,
    expires: Time,
    /// Which neighbour brought it.
    source: NodeId,
    /// Whether its author has gone since.
    gone: bool,
}

/// What nodes say of their connections. Its own node's are not in here: those it knows better.
#[derive(Debug)]
pub struct LinkState {
    me: NodeId,
    held: BTreeMap<NodeId, Held>,
    limit: usize,
}

impl LinkState {
    /// An empty table of `me`, for at most [`HELD`] adjacencies.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self::with_room(me, HELD)
    }

    pub(super) fn with_room(me: NodeId, limit: usize) -> Self {
        Self { me, held: BTreeMap::new(), limit }
    }

    /// The node that this is the table of.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// How many adjacencies are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.values().filter(|held| held.said.is_some()).count()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what `source` has passed on, with what was left of it there.
    pub fn learn(
        &mut self,
        said: Verified<Adjacency>,
        remaining: Duration,
        source: NodeId,
        now: Time,
        wall: UnixMillis,
    ) -> Taken {
        let (author, seq, ttl) = (said.author(), said.value().seq, said.value().ttl());
        if author == self.me {
            return Taken::Mine(seq);
        }
        if not_ahead(author, said.value().issued, wall).is_err() {
            return Taken::FutureDated;
        }
        let left = remaining.min(ttl);
        if let Some(held) = self.held.get_mut(&author).filter(|held| held.seq >= seq) {
            return if held.seq == seq { held.again(said, now + left, now) } else { Taken::Outdated };
        }
        if left.is_zero() {
            return Taken::Outdated;
        }
        self.held.insert(author, Held { seq, said: Some(said), learnt: now, expires: now + left, source, gone: false });
        self.fit();
        Taken::News
    }

    /// Lets go of what has ended by `now`; it is seen by nobody before, either.
    pub fn expire(&mut self, now: Time) {
        for held in self.held.values_mut().filter(|held| held.expires <= now) {
            held.said = None;
        }
        self.held.retain(|_, held| held.said.is_some() || held.expires + REMEMBERED > now);
    }

    /// What is held of `node`, and when that ends.
    #[must_use]
    pub fn adjacency(&self, node: &NodeId, now: Time) -> Option<(&Verified<Adjacency>, Time)> {
        let held = self.held.get(node).filter(|held| held.expires > now)?;
        Some((held.said.as_ref()?, held.expires))
    }

    /// Forgets the node that a change of the directory shows to be gone: only what it says later counts again.
    pub fn follow(&mut self, change: &Change, view: &Directory) {
        if let Change::Removed(instance, Removal::Withdrawn | Removal::Expired) = change
            && view.node(&instance.node).is_none()
        {
            self.forget(&instance.node);
        }
    }

    pub(super) fn forget(&mut self, node: &NodeId) {
        if let Some(held) = self.held.get_mut(node) {
            (held.said, held.gone) = (None, true);
        }
    }

    /// The links that are known of, together with this node's own.
    #[must_use]
    pub fn links<'a>(&'a self, own: &[Link], now: Time) -> Links<'a> {
        Links::new(self, own, now)
    }

    /// What to list as known in a question to `peer` about everything within `hops` of it: the nearest ones.
    pub(super) fn known(&self, peer: NodeId, hops: u8, now: Time) -> Vec<(NodeId, Seq)> {
        let held = |node: &NodeId| self.held.get(node).filter(|held| held.said.is_some() && held.expires > now);
        let links = self.links(&[], now);
        let near = links.around(peer, hops, limits::ADJACENCIES_KNOWN);
        near.iter().filter_map(|node| Some((*node, held(node)?.seq))).collect()
    }

    /// What to answer `asker`: the nearest of what is held and it lacks, each with what is left of it. `own` is what this node
    /// says of itself.
    #[must_use]
    pub fn answer(
        &self,
        asker: NodeId,
        question: &Question,
        own: &Verified<Adjacency>,
        links: &Links<'_>,
        now: Time,
    ) -> Vec<(Verified<Adjacency>, Duration)> {
        let known: BTreeMap<NodeId, Seq> = question.known.iter().copied().collect();
        let lacks = |said: &Verified<Adjacency>| {
            said.author() != asker && known.get(&said.author()).is_none_or(|seq| said.value().seq > *seq)
        };
        let near = links.around(self.me, question.hops.min(limits::ADJACENCY_HOPS), HELD);
        let of = |node: &NodeId| {
            if *node == self.me {
                return Some((own.clone(), own.value().ttl()));
            }
            self.adjacency(node, now).map(|(said, expires)| (said.clone(), expires.since(now)))
        };
        let most = usize::from(question.most).min(limits::ADJACENCIES);
        near.iter().filter_map(of).filter(|(said, _)| lacks(said)).take(most).collect()
    }

    /// Makes room: first what has ended goes, the oldest first, then what ends soonest of what the neighbour brought that has
    /// brought most.
    fn fit(&mut self) {
        if self.held.len() <= self.limit {
            return;
        }
        let ended = self.held.iter().filter(|(_, held)| held.said.is_none());
        let victim = ended.min_by_key(|(_, held)| held.expires).map(|(node, _)| *node).or_else(|| {
            let mut brought: BTreeMap<NodeId, usize> = BTreeMap::new();
            for held in self.held.values() {
                *brought.entry(held.source).or_default() += 1;
            }
            let (greediest, _) = brought.into_iter().max_by_key(|(_, count)| *count)?;
            let of = self.held.iter().filter(|(_, held)| held.source == greediest);
            of.min_by_key(|(_, held)| held.expires).map(|(node, _)| *node)
        });
        if let Some(victim) = victim {
            self.held.remove(&victim);
        }
    }
}

impl Held {
    /// Heard of once more. It may last longer than one who passed it on has said, but never longer than it would have since it was
    /// first heard of: whoever repeats it does not keep it alive.
    fn again(&mut self, said: Verified<Adjacency>, until: Time, now: Time) -> Taken {
        let longest = self.learnt + said.value().ttl();
        let until = until.min(longest);
        if until <= now || self.gone {
            return Taken::Outdated;
        }
        self.expires = self.expires.max(until);
        // Of two different ones with one number the first stands.
        self.said.get_or_insert(said);
        Taken::Known
    }
}
