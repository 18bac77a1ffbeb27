//! What has come of it in the end.

use atoll_protocol::{identity::NodeId, standing::Ending};
use atoll_registry::standing::{Scores, Standing, Tier};

use super::{Arena, Kind, ROUNDS, SEEDS, now, row, vouch};
use crate::scenario::standing::peer::Caller;

/// Who arrives when all is over, and calls so often.
const NEWCOMERS: u32 = 20;
const NEWCOMERS_CALLS: u32 = 20;
/// What counts as misjudging an honest peer.
const MISJUDGED: f64 = 0.3;
/// Who was called so often is known.
const KNOWN: u64 = 3;

impl Arena<'_> {
    /// Looks at what honest peers think, and how newcomers fare.
    pub(super) fn judge(&mut self) {
        self.look();
        self.outcome.unequal = self.attack.slanders().then(|| self.unequal());
        self.outcome.newcomers = self.newcomers();
    }

    /// Part of the calls to honest peers that went to the busiest twentieth of them.
    pub(super) fn concentration(&self) -> f64 {
        let honest = self.callers.len();
        let mut called: Vec<u32> = self.peers.iter().take(honest).map(|peer| peer.called).collect();
        called.sort_unstable_by_key(|called| std::cmp::Reverse(*called));
        let busiest: u32 = called.iter().take(honest.div_ceil(20)).sum();
        f64::from(busiest) / f64::from(called.iter().sum::<u32>().max(1))
    }

    /// What honest peers think of each other, and of those that answer badly.
    fn look(&mut self) {
        let (now, honest) = (self.now(), self.callers.len());
        let bad = |kind| matches!(kind, Kind::Bad | Kind::Half | Kind::Traitor);
        let attackers = self.nodes.iter().zip(&self.peers).filter(|(_, peer)| !peer.gone && bad(peer.kind));
        let attackers: Vec<NodeId> = attackers.map(|(node, _)| *node).collect();
        let (mut all, mut known, mut members) = (Share::default(), Share::default(), Share::default());
        for (index, caller) in self.callers.iter_mut().enumerate() {
            let scores = caller.scores(now);
            for (_, node) in self.nodes.iter().take(honest).enumerate().filter(|(at, _)| *at != index) {
                let Standing { score, calls, .. } = scores.of(node);
                all.add(score < MISJUDGED);
                if calls >= KNOWN {
                    known.add(score < MISJUDGED);
                }
            }
            attackers.iter().for_each(|node| members.add(scores.of(node).tier >= Tier::Member));
        }
        (self.outcome.misjudged, self.outcome.misjudged_known) = (all.value(), known.value());
        self.outcome.members = members.value();
    }

    /// How many scores are others when slanderers speak badly of everybody than when they say nothing.
    fn unequal(&mut self) -> usize {
        let (now, honest) = (self.now(), self.callers.len());
        let nodes = self.nodes.clone();
        let bits = |scores: &Scores| -> Vec<u64> { nodes.iter().map(|node| scores.of(node).score.to_bits()).collect() };
        let mut unequal = 0;
        for caller in &mut self.callers {
            let before = bits(caller.scores(now));
            for slanderer in nodes.iter().skip(honest) {
                // The worst that can be said is a vouch without weight; the rules of a row refuse even that.
                let vouches = nodes.iter().take(honest).map(|node| vouch(*node, 0)).collect();
                caller.book.hear(*slanderer, &row(u64::MAX, now, vouches));
            }
            unequal += before.iter().zip(&bits(caller.scores(now))).filter(|(one, other)| one != other).count();
        }
        unequal
    }

    /// Those who arrive in the end and know nobody but the seeds: what part of their first calls is answered badly.
    fn newcomers(&mut self) -> f64 {
        let seeds: Vec<NodeId> = self.nodes.iter().take(SEEDS).copied().collect();
        let mut bad = Share::default();
        for _ in 0..NEWCOMERS {
            let node = NodeId::from_public_key(self.random.bytes());
            let mut caller = Caller::new(node, &seeds, self.random.number());
            for call in 0..NEWCOMERS_CALLS {
                if let Some(ending) = self.first_call(&mut caller, call) {
                    bad.add(ending == Ending::Fault);
                }
            }
        }
        bad.value()
    }

    fn first_call(&mut self, caller: &mut Caller, call: u32) -> Option<Ending> {
        let now = now(ROUNDS + call as usize);
        if call.is_multiple_of(5) {
            caller.ask(&mut |node| self.row_of(node), now);
        }
        let candidates = self.candidates(None);
        let peer = caller.choose(&candidates, &self.nodes, now, &mut self.random)?;
        let (ending, node) = (self.answer(peer)?, *self.nodes.get(peer)?);
        caller.record(node, ending, now);
        self.rename(peer, ending);
        Some(ending)
    }
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    some: u32,
    all: u32,
}

impl Share {
    fn add(&mut self, is_one: bool) {
        self.some += u32::from(is_one);
        self.all += 1;
    }

    fn value(self) -> f64 {
        f64::from(self.some) / f64::from(self.all.max(1))
    }
}
