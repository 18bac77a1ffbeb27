//! Whom to ask for what nodes say of their connections, and when.
//!
//! In the background a node keeps only what its *neighbours* say of themselves, each asked in turn: that is what costs all the
//! time, and it is little. What lies farther is asked for when somebody **looks**: all neighbours are asked for what is around them,
//! and they ask on, as many hops as are wanted, and no longer than the one who looks waits.
//!
//! ```text
//!   look(3 hops) ─► Ask(2 hops) ─► asks its own neighbours (1 hop) ─► answers from what it holds
//!                   Looked ◄────── Answer ◄──────────────────────────
//! ```
//!
//! A stranger's question must not set a network in motion. So a question says how many adjacencies it wants, and a node that
//! asks on divides that among those it asks: what one question causes is bounded by its own size, and ends where a share is not
//! worth asking for. A node asks on for others once in [`FURTHER`] at most; in between it answers from what it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{
    adjacency::{Adjacency, Neighbour, Question},
    identity::NodeId,
    limits,
    sealed::Verified,
    service::Seq,
};

use super::{Link, LinkState, Taken};
use crate::{
    exchange::{Exchange, Moment},
    time::Time,
};

/// How long what this node says of its connections lasts elsewhere, unless it is renewed.
pub const TTL: Duration = Duration::from_secs(120);
/// What it has said is said again for so long, unless its connections change.
const RENEWED: Duration = Duration::from_secs(30);
/// How often each neighbour is asked what it says of itself: before that ends.
const REFRESH: Duration = Duration::from_secs(80);
/// Neighbours that are asked so often; where there are more, each is asked less often.
const REFRESHED: u32 = 64;
/// Adjacencies asked of a new neighbour.
const WELCOME: u16 = 64;
/// How long one who looks waits at most.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Who looks again so soon sees the same.
const FRESH: Duration = Duration::from_secs(2);
/// How often this node asks on for others.
const FURTHER: Duration = Duration::from_secs(10);
/// Neighbours that are asked on for others.
const FURTHER_PEERS: usize = 16;
/// A share of a question below this is not worth asking for.
const WORTH: usize = 4;
/// With less time than this nobody is asked on.
const IN_TIME: Duration = Duration::from_millis(50);
/// Neighbours asked by one who looks.
const LOOKED_AT: usize = 64;
/// Questions under way.
const ASKING: usize = 256;
/// Who may wait at a time, here or elsewhere; more are answered at once.
const WAITING: usize = 64;

/// What the driver is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Ask this neighbour, take in what it answers ([`Survey::learned`]), and say when that is over ([`Survey::ended`]).
    Ask {
        /// The question's number.
        id: u64,
        /// Whom.
        peer: NodeId,
        /// What.
        question: Question,
    },
    /// Answer this question now ([`LinkState::answer`]).
    Answer {
        /// As given to [`Survey::asked`].
        ticket: u64,
        /// Who has asked.
        asker: NodeId,
        /// What.
        question: Question,
    },
    /// All that could be learnt in time is in the table.
    Looked {
        /// As given to [`Survey::look`].
        ticket: u64,
    },
}

/// What came of what was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Learned {
    /// The highest number of this node's own among it, which it may have forgotten to have used.
    pub mine: Option<Seq>,
    /// How many were refused, by whose fault ever.
    pub refused: usize,
}

#[derive(Debug)]
struct Waiting {
    then: Effect,
    until: Time,
    /// The questions whose ends are waited for.
    on: BTreeSet<u64>,
}

/// See the [module docs](self).
#[derive(Debug)]
pub struct Survey {
    /// Neighbours, and when each was last asked.
    peers: BTreeMap<NodeId, Time>,
    asking: BTreeMap<u64, NodeId>,
    next_id: u64,
    next_round: Time,
    waiting: Vec<Waiting>,
    /// When somebody last looked here, and how far.
    looked: Option<(Time, u8)>,
    /// When this node last asked on, and how far.
    further: Option<(Time, u8)>,
    /// What this node has said last, and when.
    said: Option<(Verified<Adjacency>, Time)>,
    effects: Vec<Effect>,
}

impl Survey {
    /// Of a node without neighbours.
    #[must_use]
    pub fn new() -> Self {
        Self {
            peers: BTreeMap::new(),
            asking: BTreeMap::new(),
            next_id: 0,
            next_round: Time::NEVER,
            waiting: Vec::new(),
            looked: None,
            further: None,
            said: None,
            effects: Vec::new(),
        }
    }

    /// What there is to do since the last call, in order.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Survey::wake`] is next needed.
    #[must_use]
    pub fn due(&self) -> Time {
        self.waiting.iter().map(|waiting| waiting.until).min().unwrap_or(Time::NEVER).min(self.next_round)
    }

    /// A neighbour can be asked: it is, at once.
    pub fn ready(&mut self, table: &LinkState, peer: NodeId, at: Moment) {
        self.peers.entry(peer).or_default();
        self.next_round = self.next_round.min(at.now + self.interval());
        self.ask(table, peer, Wanted { hops: 1, most: WELCOME, patience: PATIENCE }, at);
    }

    /// A neighbour is gone. What it was asked ends by itself.
    pub fn lost(&mut self, peer: &NodeId) {
        self.peers.remove(peer);
    }

    /// Whether this is a neighbour that can be asked.
    #[must_use]
    pub fn is_neighbour(&self, peer: &NodeId) -> bool {
        self.peers.contains_key(peer)
    }

    /// Somebody here wants to see everything within so many hops of the neighbours. [`Effect::Looked`] tells when to look.
    pub fn look(&mut self, table: &LinkState, ticket: u64, hops: u8, at: Moment) {
        let hops = hops.min(limits::ADJACENCY_HOPS);
        let fresh = self.looked.is_some_and(|(when, far)| far >= hops && at.now.since(when) < FRESH);
        let on = if fresh {
            self.asking.keys().copied().collect()
        } else {
            self.looked = Some((at.now, hops));
            let most = u16::try_from(limits::ADJACENCIES).unwrap_or(u16::MAX);
            let wanted = Wanted { hops, most, patience: PATIENCE };
            let peers = self.longest_unasked(None, LOOKED_AT);
            peers.into_iter().filter_map(|peer| self.ask(table, peer, wanted, at)).collect()
        };
        self.wait(Waiting { then: Effect::Looked { ticket }, until: at.now + PATIENCE, on });
    }

    /// A neighbour asks. [`Effect::Answer`] tells when to answer.
    pub fn asked(&mut self, table: &LinkState, ticket: u64, asker: NodeId, question: Question, at: Moment) {
        let (until, on) = match self.share(&asker, &question, at) {
            Some((wanted, peers)) => {
                self.further = Some((at.now, wanted.hops));
                let on = peers.into_iter().filter_map(|peer| self.ask(table, peer, wanted, at)).collect();
                (at.now + wanted.patience, on)
            }
            None => (at.now, BTreeSet::new()),
        };
        self.wait(Waiting { then: Effect::Answer { ticket, asker, question }, until, on });
    }

    /// Takes in what `source` has passed on, each with what was left of it there.
    pub fn learned(
        &mut self,
        table: &mut LinkState,
        source: NodeId,
        held: Vec<(Verified<Adjacency>, Duration)>,
        at: Moment,
    ) -> Learned {
        let mut learned = Learned::default();
        for (said, remaining) in held {
            match table.learn(said, remaining, source, at.now, at.wall) {
                Taken::Mine(seq) => learned.mine = learned.mine.max(Some(seq)),
                Taken::FutureDated => learned.refused += 1,
                Taken::News | Taken::Known | Taken::Outdated => {}
            }
        }
        learned
    }

    /// A question is over, answered or not.
    pub fn ended(&mut self, id: u64) {
        self.asking.remove(&id);
        for waiting in &mut self.waiting {
            waiting.on.remove(&id);
        }
        self.finish(|waiting| waiting.on.is_empty());
    }

    /// Does what is due.
    pub fn wake(&mut self, table: &mut LinkState, at: Moment) {
        self.finish(|waiting| waiting.until <= at.now);
        if self.next_round <= at.now {
            table.expire(at.now);
            let interval = self.interval();
            self.next_round = at.now + (interval - at.jitter("survey", interval / 5));
            if let Some(peer) = self.longest_unasked(None, 1).first() {
                self.ask(table, *peer, Wanted { hops: 0, most: 1, patience: PATIENCE }, at);
            }
        }
    }

    /// What this node says of its connections: what it said last, as long as that is true and not old, else anew. `None` if it
    /// cannot be signed.
    pub fn own(&mut self, exchange: &mut Exchange, links: &[Link], at: Moment) -> Option<Verified<Adjacency>> {
        let neighbours = named(exchange.me(), links);
        let same = |said: &Adjacency| {
            let shape = |n: &Neighbour| (n.node, n.relayed, n.rtt_us.is_some());
            said.neighbours.iter().map(shape).eq(neighbours.iter().map(shape))
        };
        let last = self.said.as_ref().filter(|(said, when)| at.now.since(*when) < RENEWED && same(said.value()));
        if let Some((said, _)) = last {
            return Some(said.clone());
        }
        let said = exchange.adjacency(neighbours, TTL, at).ok()?;
        self.said = Some((said.clone(), at.now));
        Some(said)
    }

    /// Whether to ask on for a question, what, and whom.
    fn share(&self, asker: &NodeId, question: &Question, at: Moment) -> Option<(Wanted, Vec<NodeId>)> {
        let hops = question.hops.min(limits::ADJACENCY_HOPS).saturating_sub(1);
        let patience = Duration::from_millis(question.patience_ms.into()).min(PATIENCE) * 3 / 4;
        let recent = self.further.is_some_and(|(when, far)| far >= hops && at.now.since(when) < FURTHER);
        // What its own neighbours say it holds already.
        if hops == 0 || recent || patience < IN_TIME {
            return None;
        }
        let peers = self.longest_unasked(Some(asker), FURTHER_PEERS);
        let held = self.peers.len() + 1;
        let most = usize::from(question.most).min(limits::ADJACENCIES).saturating_sub(held);
        let share = most.checked_div(peers.len()).filter(|share| *share >= WORTH)?;
        Some((Wanted { hops, most: u16::try_from(share).unwrap_or(u16::MAX), patience }, peers))
    }

    fn ask(&mut self, table: &LinkState, peer: NodeId, wanted: Wanted, at: Moment) -> Option<u64> {
        let asked = self.peers.get_mut(&peer).filter(|_| self.asking.len() < ASKING)?;
        *asked = at.now;
        let id = self.next_id;
        self.next_id += 1;
        self.asking.insert(id, peer);
        let Wanted { hops, most, patience } = wanted;
        let patience_ms = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
        let question = Question { hops, most, patience_ms, known: table.known(peer, hops, at.now) };
        self.effects.push(Effect::Ask { id, peer, question });
        Some(id)
    }

    fn wait(&mut self, waiting: Waiting) {
        if waiting.on.is_empty() || self.waiting.len() >= WAITING {
            self.effects.push(waiting.then);
        } else {
            self.waiting.push(waiting);
        }
    }

    fn finish(&mut self, over: impl Fn(&Waiting) -> bool) {
        let (done, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(over);
        self.waiting = waiting;
        self.effects.extend(Vec::into_iter(done).map(|waiting: Waiting| waiting.then));
    }

    /// Neighbours, those first that were not asked for longest.
    fn longest_unasked(&self, without: Option<&NodeId>, most: usize) -> Vec<NodeId> {
        let mut peers: Vec<(Time, NodeId)> =
            self.peers.iter().filter(|(peer, _)| Some(*peer) != without).map(|(peer, asked)| (*asked, *peer)).collect();
        peers.sort_unstable();
        peers.into_iter().take(most).map(|(_, peer)| peer).collect()
    }

    /// How long between two neighbours.
    fn interval(&self) -> Duration {
        REFRESH / u32::try_from(self.peers.len()).unwrap_or(u32::MAX).clamp(1, REFRESHED)
    }
}

impl Default for Survey {
    fn default() -> Self {
        Self::new()
    }
}

/// What is asked of a neighbour, but for what is known.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    hops: u8,
    most: u16,
    patience: Duration,
}

/// The best of a node's links, as it tells of them.
fn named(me: NodeId, links: &[Link]) -> Vec<Neighbour> {
    let best = super::best(links.iter().copied().filter(|link| link.peer != me));
    let mut best: Vec<Link> = best.into_values().collect();
    best.sort_by_key(Link::preference);
    best.truncate(limits::NEIGHBOURS);
    best.sort_by_key(|link| link.peer);
    let longest = u32::try_from(limits::ROUND_TRIP.as_micros()).unwrap_or(u32::MAX);
    let micros = |rtt: Duration| u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX).clamp(1, longest);
    let told =
        |link: Link| Neighbour { node: link.peer, rtt_us: link.rtt.map(micros), relayed: link.relayed_by.is_some() };
    best.into_iter().map(told).collect()
}
