//! Those who call, and what they know.

use atoll_protocol::{
    identity::NodeId,
    service::UnixMillis,
    standing::{Ending, Row},
};
use atoll_registry::{
    select::{self, Candidate},
    standing::{Book, Judged, Scores, place, shortlist},
};

use crate::engine::Random;

/// Scores are made anew after so many calls, and after every bad answer.
const FRESH: u32 = 4;

/// A peer that calls others, and judges them by their standing.
#[derive(Debug)]
pub(super) struct Caller {
    pub book: Book,
    scores: Scores,
    /// What is thought of each peer, by its index; made from the scores.
    judged: Vec<Judged>,
    calls: u32,
    stale: bool,
    salt: u64,
}

impl Caller {
    pub(super) fn new(node: NodeId, seeds: &[NodeId], salt: u64) -> Self {
        let mut book = Book::new(node);
        book.set_seeds(seeds.iter().copied());
        Self { book, scores: Scores::default(), judged: Vec::new(), calls: 0, stale: true, salt }
    }

    /// Asks those whose word counts for their rows: once, and those again whose word counts after that.
    pub(super) fn ask(&mut self, row: &mut dyn FnMut(&NodeId) -> Option<Row>, now: UnixMillis) {
        for _ in 0..2 {
            let wanted = self.book.wanted(&self.book.scores(now));
            self.book.keep_rows(&wanted);
            for witness in wanted {
                if let Some(row) = row(&witness) {
                    self.book.hear(witness, &row);
                }
            }
        }
        self.stale = true;
    }

    /// Chooses one of the candidates, given by index, where `nodes` has the names of all.
    pub(super) fn choose(
        &mut self,
        candidates: &[usize],
        nodes: &[NodeId],
        now: UnixMillis,
        random: &mut Random,
    ) -> Option<usize> {
        self.book.settle(now);
        self.refresh(nodes, now);
        let judged: Vec<Judged> = candidates.iter().filter_map(|peer| self.judged.get(*peer)).copied().collect();
        let listed = shortlist(&judged, &self.book.trials(now), random.number());
        let all: Vec<Candidate> = listed.iter().map(|listed| candidate(listed.factor)).collect();
        let chosen = select::choose(&select::Policy::PowerOfTwo, &all, random.number())?;
        candidates.get(listed.get(chosen)?.index).copied()
    }

    pub(super) fn record(&mut self, peer: NodeId, ending: Ending, now: UnixMillis) {
        self.book.record(peer, ending, now);
        self.calls += 1;
        self.stale |= self.calls.is_multiple_of(FRESH) || ending == Ending::Fault;
    }

    /// What it thinks of everybody.
    pub(super) fn scores(&mut self, now: UnixMillis) -> &Scores {
        self.book.settle(now);
        self.scores = self.book.scores(now);
        &self.scores
    }

    fn refresh(&mut self, nodes: &[NodeId], now: UnixMillis) {
        if self.stale || self.judged.len() != nodes.len() {
            self.scores = self.book.scores(now);
            let judge = |node: &NodeId| Judged::new(&self.scores.of(node), place(self.salt, node));
            self.judged = nodes.iter().map(judge).collect();
            self.stale = false;
        }
    }
}

/// Everybody is as near and as busy as everybody else.
fn candidate(standing: f64) -> Candidate {
    Candidate {
        node: NodeId::from_public_key([0; 32]),
        instance: atoll_protocol::names::InstanceId(0),
        latency: None,
        in_flight: 0,
        standing,
        suspect: false,
        local: false,
    }
}
