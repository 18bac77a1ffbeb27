//! Whom to ask for what is missing.
//!
//! A new node asks its first neighbour for everything, or for what is newer than what it knows from before a restart. From then on views are *compared*: with each new neighbour, with a
//! random one every half minute, and, where a comparison brought something new, with further ones at once, so that what two
//! merging islands know of each other runs through both within seconds. Record sets of which gossip brought only the head
//! are asked of whoever mentioned them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use atoll_protocol::{directory::SyncRequest, identity::NodeId, limits, service::Seq};

use super::{Effect, Exchange, Moment};
use crate::{services::Directory, time::Time};

/// Neighbours that are asked at a time.
const AT_A_TIME: usize = 4;
/// How often a neighbour's view is compared with this one.
const ROUND: Duration = Duration::from_secs(30);
/// How soon another neighbour is asked when one has failed and this node has not joined yet.
const RETRY: Duration = Duration::from_secs(1);
/// How soon another one is asked when one has not answered and this node has not joined yet.
const HURRY: Duration = Duration::from_secs(2);
/// How soon, and how often at most, others are compared with when a neighbour has brought news.
const SPREADING: Duration = Duration::from_secs(1);
/// How long the first question waits for what was known before a restart: enough for some thousand nodes, and too short to be
/// noticed.
const RESTORING: Duration = Duration::from_millis(250);
/// How long gossip has to bring the rest of a record set before it is asked for.
const SETTLE: Duration = Duration::from_millis(100);
/// How long a neighbour that did not have a record set has to get it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a record set is asked for; later comparisons bring what is still missing.
const TRIES: u32 = 4;
/// How long after a comparison another one with the same neighbour is an echo of it.
const BACK: Duration = Duration::from_secs(5);
/// Record sets asked for with one question.
const PER_QUESTION: usize = 64;
/// Record sets that may be missing at a time.
const WANTED: usize = 16 * 1024;
/// How long the nodes of two islands that have merged take to say that they are there.
pub(super) const HEALING: Duration = Duration::from_secs(10);

/// A record set that is to be asked for.
#[derive(Debug)]
struct Want {
    due: Time,
    /// Who mentioned the node.
    source: Option<NodeId>,
    tries: u32,
    /// Whether it is being asked for.
    asked: bool,
    /// Whether it is held already, and may have been overtaken.
    refresh: bool,
}

impl Want {
    fn new(due: Time, source: Option<NodeId>) -> Self {
        Self { due, source, tries: 0, asked: false, refresh: false }
    }

    /// Whether there is nothing left to ask for.
    fn is_met(&self, node: &NodeId, view: &Directory, now: Time) -> bool {
        !self.refresh && view.holding(node, now).is_some()
    }
}

/// See the [module docs](self).
#[derive(Debug)]
pub(super) struct Rounds {
    next_round: Time,
    /// No neighbour is asked for everything before: what was known before a restart is still being read.
    restoring: Time,
    /// Neighbours being asked now, and the nodes that they are to describe.
    asking: BTreeMap<NodeId, Vec<NodeId>>,
    /// Record sets to be asked for, or being asked for.
    wanted: BTreeMap<NodeId, Want>,
    /// No want is due before: spares looking at all of them.
    first_due: Time,
    /// Neighbours to compare with as soon as there is room.
    compare: BTreeSet<NodeId>,
    /// When each neighbour was last compared with, as far as it matters.
    compared: BTreeMap<NodeId, Time>,
    /// When news was last spread by comparing.
    spread: Time,
    news: bool,
}

impl Rounds {
    pub(super) fn new(at: Moment) -> Self {
        Self {
            next_round: at.now + ROUND,
            restoring: at.now,
            asking: BTreeMap::new(),
            wanted: BTreeMap::new(),
            first_due: Time::NEVER,
            compare: BTreeSet::new(),
            compared: BTreeMap::new(),
            spread: at.now,
            news: false,
        }
    }

    /// When there is something to do next.
    pub(super) fn due(&self) -> Time {
        let mut due = self.next_round;
        if self.news {
            due = due.min(self.spread + SPREADING);
        }
        if self.asking.len() < AT_A_TIME {
            due = due.min(self.first_due);
        }
        due
    }

    /// Notes that a node's record set is not whole.
    pub(super) fn want(&mut self, node: NodeId, source: Option<NodeId>, at: Moment) {
        self.add(node, Want::new(at.now + SETTLE / 2 + at.jitter("settle", SETTLE / 2), source));
    }

    /// The same, where gossip will not bring it.
    pub(super) fn want_now(&mut self, node: NodeId, source: NodeId, at: Moment) {
        self.add(node, Want::new(at.now, Some(source)));
    }

    /// The same, where it is held, and may have been overtaken.
    pub(super) fn refresh(&mut self, node: NodeId, source: NodeId, at: Moment) {
        self.add(node, Want { refresh: true, ..Want::new(at.now, Some(source)) });
    }

    pub(super) fn compare_with(&mut self, peer: NodeId) {
        if !self.asking.contains_key(&peer) {
            self.compare.insert(peer);
        }
    }

    /// A comparison has shown that this node lacks so many record sets. More than gossip may have lost means that islands
    /// have merged, and that others lack them, too.
    pub(super) fn noticed(&mut self, lacking: usize, nodes: usize) {
        self.news |= lacking > nodes / 32;
    }

    /// Whether to ask back a neighbour that has asked: not if it only answers this node's own question.
    pub(super) fn may_compare_back(&self, peer: &NodeId, at: Moment) -> bool {
        self.compared.get(peer).is_none_or(|last| at.now.since(*last) >= BACK)
    }

    pub(super) fn lost(&mut self, peer: &NodeId) {
        self.compare.remove(peer);
        self.compared.remove(peer);
    }

    fn add(&mut self, node: NodeId, want: Want) {
        if self.wanted.len() < WANTED {
            self.first_due = self.first_due.min(want.due);
            self.wanted.entry(node).or_insert(want);
        }
    }
}

impl Exchange {
    /// A neighbour can be asked.
    pub fn ready(&mut self, view: &mut Directory, peer: NodeId, at: Moment) {
        let returns = view.has_ended(&peer, Seq(0));
        view.contact_made(peer, at.now);
        self.peers.insert(peer);
        if returns {
            // It was given up here, so this node may have been given up there.
            self.announcer.soon_within(HEALING, at);
        }
        if self.joined {
            self.rounds.compare_with(peer);
            self.round(view, at);
        } else if at.now < self.rounds.restoring {
            self.rounds.next_round = self.rounds.restoring;
        } else if self.rounds.asking.is_empty() {
            // A second one would answer the same: it is asked if this one takes long.
            self.rounds.next_round = at.now + HURRY;
            self.ask_for_news(view, peer);
        }
    }

    /// What was known before a restart is being read: until [`Exchange::restored`], and a moment at most, no neighbour is asked for
    /// what may turn out to be known.
    pub fn restoring(&mut self, at: Moment) {
        self.rounds.restoring = at.now + RESTORING;
    }

    /// All that was known before is in the view.
    pub fn restored(&mut self, view: &mut Directory, at: Moment) {
        self.rounds.restoring = at.now;
        if !self.joined && !self.peers.is_empty() {
            self.rounds.next_round = at.now;
            self.round(view, at);
        }
    }

    /// Asks a neighbour for all that is newer than what is known of others.
    fn ask_for_news(&mut self, view: &Directory, peer: NodeId) {
        let known = view.known().into_iter().filter(|(node, _)| *node != self.me).take(limits::SYNC_KNOWN).collect();
        self.ask(peer, SyncRequest::Newer { known }, Vec::new());
    }

    /// Asks another neighbour, since those that were asked have not answered.
    fn join_through_another(&mut self, view: &Directory, at: Moment) {
        self.rounds.next_round = at.now + HURRY;
        let others: Vec<NodeId> = self.peers.iter().filter(|p| !self.rounds.asking.contains_key(p)).copied().collect();
        let nth = usize::try_from(at.draw("another", others.len() as u64)).unwrap_or_default();
        if let Some(peer) = others.get(nth).filter(|_| self.rounds.asking.len() < AT_A_TIME) {
            self.ask_for_news(view, *peer);
        }
    }

    /// A neighbour has answered, or failed to.
    pub fn ended(&mut self, view: &mut Directory, peer: NodeId, question: &SyncRequest, ok: bool, at: Moment) {
        let asked = self.rounds.asking.remove(&peer).unwrap_or_default();
        for node in asked {
            self.ask_again(view, node, at);
        }
        self.rounds.first_due = Time::default();
        let decisive = !matches!(question, SyncRequest::Describe { .. });
        if decisive && ok && !self.joined {
            self.joined = true;
            self.effects.push(Effect::Joined);
            self.introduce_oneself(at);
            // A second neighbour may know more.
            self.rounds.next_round = self.rounds.next_round.min(at.now + RETRY);
        } else if decisive && !ok && !self.joined {
            self.rounds.next_round = self.rounds.next_round.min(at.now + RETRY);
        }
        self.round(view, at);
    }

    pub(super) fn round(&mut self, view: &mut Directory, at: Moment) {
        if self.rounds.next_round <= at.now && !self.joined {
            self.join_through_another(view, at);
        } else if self.rounds.next_round <= at.now {
            self.rounds.next_round = at.now + (ROUND - at.jitter("round", ROUND / 5));
            self.compare_with_anyone("partner", at);
            if let Some(peer) = self.anyone("fading", at) {
                for node in view.fading(at.now, PER_QUESTION) {
                    self.rounds.refresh(node, peer, at);
                }
            }
        }
        if self.rounds.news && at.now.since(self.rounds.spread) >= SPREADING {
            self.rounds.news = false;
            self.rounds.spread = at.now;
            self.compare_with_anyone("first listener", at);
            self.compare_with_anyone("second listener", at);
        }
        self.ask_for_descriptions(view, at);
        while self.rounds.asking.len() < AT_A_TIME
            && let Some(peer) = self.rounds.compare.pop_first()
        {
            if self.joined && self.peers.contains(&peer) && !self.rounds.asking.contains_key(&peer) {
                self.rounds.compared.insert(peer, at.now);
                self.ask(peer, SyncRequest::Compare { summary: view.summary() }, Vec::new());
            }
        }
    }

    fn compare_with_anyone(&mut self, what: &str, at: Moment) {
        if let Some(peer) = self.anyone(what, at) {
            self.rounds.compare_with(peer);
        }
    }

    fn anyone(&self, what: &str, at: Moment) -> Option<NodeId> {
        let nth = at.draw(what, self.peers.len() as u64);
        self.peers.iter().nth(usize::try_from(nth).unwrap_or_default()).copied()
    }

    /// Asks for the record sets that are due, all that one neighbour is to describe with one question.
    fn ask_for_descriptions(&mut self, view: &Directory, at: Moment) {
        if self.rounds.first_due > at.now || self.rounds.asking.len() >= AT_A_TIME {
            return;
        }
        let mut questions: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        let mut first_due = Time::NEVER;
        let mut done = Vec::new();
        for (node, want) in &self.rounds.wanted {
            if want.asked {
                continue;
            }
            if want.due > at.now {
                first_due = first_due.min(want.due);
                continue;
            }
            let peer = self.who_knows(node, want, at).filter(|_| !want.is_met(node, view, at.now));
            let Some(peer) = peer else {
                done.push(*node);
                continue;
            };
            let nodes = questions.entry(peer).or_default();
            if self.rounds.asking.contains_key(&peer) || nodes.len() >= PER_QUESTION {
                // It is asked as soon as it has answered.
                continue;
            }
            nodes.push(*node);
        }
        self.rounds.first_due = first_due;
        for node in done {
            self.rounds.wanted.remove(&node);
        }
        for (peer, nodes) in questions {
            if nodes.is_empty() || self.rounds.asking.len() >= AT_A_TIME {
                // Still wanted: the end of any question brings them up again.
                continue;
            }
            for node in &nodes {
                if let Some(want) = self.rounds.wanted.get_mut(node) {
                    want.asked = true;
                }
            }
            self.ask(peer, SyncRequest::Describe { nodes: nodes.clone() }, nodes);
        }
    }

    /// The node itself knows best; who mentioned it, next.
    fn who_knows(&self, node: &NodeId, want: &Want, at: Moment) -> Option<NodeId> {
        if self.peers.contains(node) {
            return Some(*node);
        }
        let source = want.source.filter(|source| want.tries < 2 && self.peers.contains(source));
        source.or_else(|| self.anyone("someone else", at))
    }

    /// Whether a record set came is seen from the directory; if it did not, it is asked for a little later.
    fn ask_again(&mut self, view: &Directory, node: NodeId, at: Moment) {
        let Some(want) = self.rounds.wanted.get_mut(&node) else { return };
        let tries = want.tries + 1;
        if want.refresh || want.is_met(&node, view, at.now) || tries >= TRIES {
            self.rounds.wanted.remove(&node);
        } else {
            let wait = PATIENCE * 2_u32.saturating_pow(tries) / 2;
            (want.asked, want.tries, want.due) = (false, tries, at.now + wait + at.jitter("again", wait));
        }
    }

    fn ask(&mut self, peer: NodeId, question: SyncRequest, describe: Vec<NodeId>) {
        self.rounds.asking.insert(peer, describe);
        self.effects.push(Effect::Ask { peer, question });
    }
}
