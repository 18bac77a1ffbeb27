//! All that a node knows of how far its peers are to be trusted.

use std::collections::{BTreeMap, BTreeSet};

use atoll_protocol::{
    identity::NodeId,
    limits,
    service::{Extensions, Seq, UnixMillis},
    standing::{Ending, Row, Vouch, receipt::Numbered},
};

use super::{
    Evidence, OUTAGE_LOSSES, PEERS, Scores, WITNESSES,
    choice::{FRESH, Trials},
    outage::Outage,
    score::{self, Known, Word},
};

/// Evidence of all peers, the rows of witnesses, and who is known to be a fraud. Bounded: of peers, those whose evidence changed
/// longest ago go first, but not seeds and friends; frauds are remembered as long as there is room for them.
#[derive(Debug, Clone)]
pub struct Book {
    me: NodeId,
    evidence: BTreeMap<NodeId, Evidence>,
    /// The same by when it changed.
    order: BTreeSet<(UnixMillis, NodeId)>,
    rows: BTreeMap<NodeId, Held>,
    seeds: BTreeSet<NodeId>,
    friends: BTreeSet<NodeId>,
    convicted: BTreeSet<NodeId>,
    outage: Outage,
    trials: Trials,
    limit: usize,
}

#[derive(Debug, Clone)]
struct Held {
    seq: Seq,
    vouches: Vec<Vouch>,
    /// What has come of those that it vouched for and that were tried, whether it still does or not.
    word: Word,
}

impl Book {
    /// An empty book of the node `me`.
    #[must_use]
    pub fn new(me: NodeId) -> Self {
        Self::with_limit(me, PEERS)
    }

    /// The same, for at most so many peers.
    #[must_use]
    pub fn with_limit(me: NodeId, limit: usize) -> Self {
        Self {
            me,
            evidence: BTreeMap::new(),
            order: BTreeSet::new(),
            rows: BTreeMap::new(),
            seeds: BTreeSet::new(),
            friends: BTreeSet::new(),
            convicted: BTreeSet::new(),
            outage: Outage::default(),
            trials: Trials::default(),
            limit: limit.max(1),
        }
    }

    /// The network's bootstrap seeds: whom to believe before anything was seen.
    pub fn set_seeds(&mut self, seeds: impl IntoIterator<Item = NodeId>) {
        self.seeds = seeds.into_iter().filter(|node| *node != self.me).take(WITNESSES).collect();
    }

    /// Those whom the owner has named as trusted: no limit holds for them. Their score is still what they make of it.
    pub fn set_friends(&mut self, friends: impl IntoIterator<Item = NodeId>) {
        self.friends = friends.into_iter().filter(|node| *node != self.me).take(self.limit).collect();
    }

    /// An interaction with a peer has ended. A lost one counts half a minute later, if it was not one of many: see
    /// [`settle`](Book::settle).
    pub fn record(&mut self, peer: NodeId, ending: Ending, now: UnixMillis) {
        match ending {
            _ if peer == self.me => (),
            Ending::Lost => self.outage.lost(peer, now),
            Ending::Good | Ending::Slow | Ending::Fault => self.change(peer, ending, now),
        }
    }

    /// The same for several that have ended alike, one after the other.
    pub fn record_many(&mut self, peer: NodeId, ending: Ending, count: u32, now: UnixMillis) {
        if ending == Ending::Lost {
            (0..count).take(OUTAGE_LOSSES).for_each(|_| self.record(peer, ending, now));
        } else if let Some(more) = count.checked_sub(1) {
            // The first may tell something of those who vouch for the peer, the others no more.
            self.record(peer, ending, now);
            if let Some(mut evidence) = self.evidence.get(&peer).copied() {
                evidence.record_many(ending, more, now);
                self.put(peer, evidence);
            }
        }
    }

    /// This node's own link was down: what was lost lately is charged to nobody.
    pub fn link_down(&mut self) {
        self.outage.link_down();
    }

    /// Charges lost calls that are to be charged by now, and gives to whom. To be called every few seconds.
    pub fn settle(&mut self, now: UnixMillis) -> Vec<NodeId> {
        let due = self.outage.due(now);
        due.iter().for_each(|(peer, at)| self.change(*peer, Ending::Lost, *at));
        due.into_iter().map(|(peer, _)| peer).collect()
    }

    /// What is kept of a peer from before a restart. What was seen since is not overwritten.
    pub fn restore(&mut self, peer: NodeId, evidence: Evidence) {
        if peer != self.me && !self.evidence.contains_key(&peer) {
            self.put(peer, evidence);
        }
    }

    /// A witness says whom it vouches for; the signature has been checked. Gives whether that is news. An older row does not take the
    /// place of a later one, and what is said of this node, of the witness itself, or without weight does not count.
    pub fn hear(&mut self, witness: NodeId, row: &Row) -> bool {
        let known = self.rows.get(&witness);
        let full = known.is_none() && self.rows.len() >= WITNESSES;
        if witness == self.me || full || known.is_some_and(|held| held.seq >= row.seq) {
            return false;
        }
        let others =
            row.vouches.iter().filter(|vouch| vouch.peer != self.me && vouch.peer != witness && vouch.weight > 0);
        let vouches = others.take(limits::ROW_PEERS).copied().collect();
        let word = known.map(|held| held.word).unwrap_or_default();
        self.rows.insert(witness, Held { seq: row.seq, vouches, word });
        true
    }

    /// A witness was found to claim what its receipts do not show, or is of no interest any more: its row is forgotten.
    pub fn forget_row(&mut self, witness: &NodeId) {
        self.rows.remove(witness);
    }

    /// Forgets the rows of all but these, so that there is room for those that count.
    pub fn keep_rows(&mut self, wanted: &[NodeId]) {
        self.rows.retain(|witness, _| wanted.contains(witness));
    }

    /// It is proved that this peer has signed two things where only one can be true; the proof has been checked.
    pub fn convict(&mut self, peer: NodeId) {
        if peer != self.me && self.convicted.len() < self.limit {
            self.convicted.insert(peer);
            self.rows.remove(&peer);
        }
    }

    /// What this node has seen of a peer.
    #[must_use]
    pub fn evidence(&self, peer: &NodeId) -> Evidence {
        self.evidence.get(peer).copied().unwrap_or_default()
    }

    /// What this node has seen, of all: what is to survive a restart.
    pub fn all(&self) -> impl Iterator<Item = (&NodeId, &Evidence)> {
        self.evidence.iter()
    }

    /// Whose rows would count, those with the most weight first: whom to ask for them.
    #[must_use]
    pub fn wanted(&self, scores: &Scores) -> Vec<NodeId> {
        let mut all: Vec<_> = scores.witnesses().collect();
        all.sort_by(|(_, one), (_, other)| other.trust.total_cmp(&one.trust));
        all.into_iter().take(WITNESSES).map(|(node, _)| *node).collect()
    }

    /// This node's own row: whom it vouches for. `receipt` gives the number of the last receipt with a peer; who has none is left out.
    #[must_use]
    pub fn row(&self, seq: Seq, now: UnixMillis, receipt: impl Fn(&NodeId) -> Option<Numbered>) -> Row {
        let vouch = |(peer, evidence): (&NodeId, &Evidence)| {
            let evidence = evidence.at(now);
            let weight = (evidence.weight() * f64::from(Vouch::FULL)) as u16;
            let shown = receipt(peer).filter(|_| weight > 0 && !self.convicted.contains(peer))?;
            let successes = u32::try_from(evidence.successes()).unwrap_or(u32::MAX);
            let Numbered { epoch, seq: receipt } = shown;
            Some(Vouch { peer: *peer, weight, days: evidence.days(), successes, epoch, receipt })
        };
        let mut vouches: Vec<Vouch> = self.evidence.iter().filter_map(vouch).collect();
        vouches.sort_by_key(|vouch| std::cmp::Reverse(vouch.weight));
        vouches.truncate(limits::ROW_PEERS);
        vouches.sort_by_key(|vouch| vouch.peer);
        Row { seq, issued: now, vouches, extensions: Extensions::new() }
    }

    /// What is thought of everybody now. It takes time in proportion to all rows: to be made every few seconds, and shared.
    #[must_use]
    pub fn scores(&self, now: UnixMillis) -> Scores {
        let mut known: BTreeMap<NodeId, Known<'_>> = BTreeMap::new();
        for (peer, evidence) in &self.evidence {
            known.entry(*peer).or_default().evidence = evidence.at(now);
        }
        for (witness, row) in &self.rows {
            let known = known.entry(*witness).or_default();
            (known.vouches, known.word) = (&row.vouches, row.word.at(now));
        }
        self.seeds.iter().for_each(|node| known.entry(*node).or_default().seed = true);
        self.friends.iter().for_each(|node| known.entry(*node).or_default().friend = true);
        self.convicted.iter().for_each(|node| known.entry(*node).or_default().convicted = true);
        score::scores(&known)
    }

    /// How those did that were tried.
    #[must_use]
    pub fn trials(&self, now: UnixMillis) -> Trials {
        Trials { vouched: self.trials.vouched.at(now), strangers: self.trials.strangers.at(now) }
    }

    fn change(&mut self, peer: NodeId, ending: Ending, now: UnixMillis) {
        let mut evidence = self.evidence(&peer);
        if evidence.at(now).confidence() < FRESH {
            self.tried(&peer, ending, now);
        }
        evidence.record(ending, now);
        self.put(peer, evidence);
    }

    /// A peer of which nothing was known was tried: that tells something of those like it, and of those who vouched for it.
    fn tried(&mut self, peer: &NodeId, ending: Ending, now: UnixMillis) {
        let part = |held: &Held| score::parts(&held.vouches).find(|(node, _)| node == peer).map(|(_, part)| part);
        let rows = self.rows.iter().filter_map(|(witness, held)| Some((*witness, part(held)?)));
        let rows: Vec<(NodeId, f64)> = rows.collect();
        // What a liar has vouched for counts as a stranger: else its lies would go on to speak against those that others vouch for.
        let vouched = rows.iter().any(|(witness, _)| self.believes(witness, now));
        let class = if vouched { &mut self.trials.vouched } else { &mut self.trials.strangers };
        class.record(ending, now);
        for (witness, part) in rows {
            if let Some(held) = self.rows.get_mut(&witness) {
                held.word.record(part, ending, now);
            }
        }
    }

    /// Whether anything is given on what this witness says.
    fn believes(&self, witness: &NodeId, now: UnixMillis) -> bool {
        let Some(held) = self.rows.get(witness) else { return false };
        let evidence = self.evidence(witness).at(now);
        let (seed, convicted) = (self.seeds.contains(witness), self.convicted.contains(witness));
        let seen = |peer: &NodeId| self.evidence.get(peer).map(|evidence| evidence.at(now));
        Known { evidence, seed, convicted, ..Known::default() }.trust() > 0.0
            && score::belief(&held.vouches, held.word.at(now), seen) > 0.0
    }

    fn put(&mut self, peer: NodeId, evidence: Evidence) {
        if let Some(before) = self.evidence.insert(peer, evidence) {
            self.order.remove(&(before.updated(), peer));
        }
        self.order.insert((evidence.updated(), peer));
        while self.evidence.len() > self.limit {
            let stays = |node: &NodeId| *node == peer || self.seeds.contains(node) || self.friends.contains(node);
            let Some(&oldest) = self.order.iter().find(|(_, node)| !stays(node)).or(self.order.first()) else { break };
            self.order.remove(&oldest);
            self.evidence.remove(&oldest.1);
        }
    }
}
