//! Peers that call each other for a month, round by round.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Policy, Setting,
    attack::{Attack, Kind, Vouching},
    eigentrust,
    peer::Caller,
};
use crate::engine::Random;
use atoll_protocol::{
    identity::NodeId,
    service::{Extensions, Seq, UnixMillis},
    standing::{Ending, Row, Vouch, receipt::Numbered},
};

mod judge;

/// Calls that each honest peer makes.
pub(super) const ROUNDS: usize = 600;
/// How long that takes.
pub(super) const DAYS: f64 = 14.0;
const SEEDS: usize = 3;
const LOSS: f64 = 0.05;
/// Rows are asked for, and global trust is computed, so often.
const REFRESH: usize = 10;
const BEGAN: u64 = 1_700_000_000_000;
const ROUND_MS: u64 = (DAYS * 86_400_000.0) as u64 / ROUNDS as u64;

/// One who can be called.
#[derive(Debug)]
struct Peer {
    kind: Kind,
    gone: bool,
    row: Row,
    called: u32,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// Bad answers in each round.
    bad: Vec<u32>,
    callers: u32,
    /// Part of newcomers' calls that were answered badly.
    pub newcomers: f64,
    /// Part of honest peers that honest peers score low.
    pub misjudged: f64,
    /// The same, of those that were called three times or more.
    pub misjudged_known: f64,
    /// Part of those that answer badly whom honest peers take for members.
    pub members: f64,
    /// Part of the calls to honest peers that went to the busiest twentieth of them.
    pub concentration: f64,
    /// Scores that slander has changed.
    pub unequal: Option<usize>,
    pub digest: u64,
}

impl Outcome {
    /// Part of the calls of these rounds that were answered badly.
    pub(super) fn share(&self, rounds: Range<usize>) -> f64 {
        let bad: u32 = self.bad.get(rounds.clone()).unwrap_or_default().iter().sum();
        f64::from(bad) / (rounds.len() as f64 * f64::from(self.callers))
    }

    pub(super) fn late(&self) -> f64 {
        self.share(ROUNDS / 2..ROUNDS)
    }

    pub(super) fn early(&self) -> f64 {
        self.share(0..ROUNDS / 2)
    }

    pub(super) fn calls(&self) -> u64 {
        self.bad.len() as u64 * u64::from(self.callers)
    }
}

/// Everybody.
pub(super) struct Arena<'a> {
    attack: &'a Attack,
    policy: Policy,
    random: Random,
    nodes: Vec<NodeId>,
    /// Where each is among the nodes.
    places: BTreeMap<NodeId, usize>,
    peers: Vec<Peer>,
    /// The honest ones, who have the first indices; the very first are the seeds.
    callers: Vec<Caller>,
    /// Good and bad answers of each peer to each caller, for EigenTrust.
    sums: Vec<Vec<f64>>,
    trust: Vec<f64>,
    round: usize,
    outcome: Outcome,
}

impl<'a> Arena<'a> {
    pub(super) fn new(setting: Setting, attack: &'a Attack, policy: Policy) -> Self {
        let random = Random::seeded(setting.seed);
        let honest = (0..setting.nodes).map(|_| Kind::Honest);
        let kinds: Vec<Kind> = honest.chain(attack.attackers(setting.nodes)).collect();
        let outcome = Outcome { callers: setting.nodes, ..Outcome::default() };
        let mut arena = Self {
            attack,
            policy,
            random,
            nodes: Vec::new(),
            places: BTreeMap::new(),
            peers: Vec::new(),
            callers: Vec::new(),
            sums: Vec::new(),
            trust: Vec::new(),
            round: 0,
            outcome,
        };
        kinds.into_iter().for_each(|kind| arena.join(kind));
        let seeds: Vec<NodeId> = arena.nodes.iter().take(SEEDS).copied().collect();
        let nodes: Vec<NodeId> = arena.nodes.iter().take(setting.nodes as usize).copied().collect();
        arena.callers = nodes.iter().map(|node| Caller::new(*node, &seeds, arena.random.number())).collect();
        arena.sums = vec![Vec::new(); arena.callers.len()];
        arena
    }

    /// Plays all rounds, and looks at what has come of it.
    pub(super) fn play(mut self) -> Outcome {
        for round in 0..ROUNDS {
            self.round = round;
            if round % REFRESH == 0 {
                self.refresh();
            }
            let mut order: Vec<usize> = (0..self.callers.len()).collect();
            self.random.shuffle(&mut order);
            self.outcome.bad.push(0);
            for caller in order {
                if self.call(caller) == Some(Ending::Fault)
                    && let Some(bad) = self.outcome.bad.last_mut()
                {
                    *bad += 1;
                }
            }
        }
        self.outcome.concentration = self.concentration();
        if self.policy == Policy::Standing {
            self.refresh();
            self.judge();
        }
        self.outcome
    }

    fn join(&mut self, kind: Kind) {
        let node = NodeId::from_public_key(self.random.bytes());
        self.places.insert(node, self.nodes.len());
        self.nodes.push(node);
        self.peers.push(Peer { kind, gone: false, row: row(0, now(0), Vec::new()), called: 0 });
    }

    fn candidates(&self, but: Option<usize>) -> Vec<usize> {
        (0..self.peers.len())
            .filter(|peer| Some(*peer) != but && self.peers.get(*peer).is_some_and(|peer| !peer.gone))
            .collect()
    }

    fn call(&mut self, caller: usize) -> Option<Ending> {
        let (candidates, now) = (self.candidates(Some(caller)), self.now());
        let peer = match self.policy {
            Policy::Random => self.random.pick(&candidates).copied(),
            Policy::EigenTrust => eigentrust::pick(&candidates, &self.trust, &mut self.random),
            Policy::Standing => self.callers.get_mut(caller)?.choose(&candidates, &self.nodes, now, &mut self.random),
        }?;
        let ending = self.answer(peer)?;
        self.outcome.digest =
            (self.outcome.digest ^ peer as u64 ^ (ending as u64) << 32).wrapping_mul(0x0100_0000_01b3);
        match self.policy {
            Policy::Random => (),
            Policy::EigenTrust => self.sum(caller, peer, ending),
            Policy::Standing => self.callers.get_mut(caller)?.record(*self.nodes.get(peer)?, ending, now),
        }
        self.rename(peer, ending);
        Some(ending)
    }

    /// How this peer answers now.
    fn answer(&mut self, peer: usize) -> Option<Ending> {
        if self.random.chance(LOSS) {
            return Some(Ending::Lost);
        }
        let (late, coin) = (self.round >= ROUNDS / 2, self.random.chance(0.5));
        let peer = self.peers.get_mut(peer)?;
        peer.called += 1;
        let good = match peer.kind {
            Kind::Honest | Kind::Spy | Kind::Slanderer => true,
            Kind::Bad => false,
            Kind::Half => coin,
            Kind::Traitor => !late,
        };
        Some(if good { Ending::Good } else { Ending::Fault })
    }

    /// Whoever has answered badly comes back under another name, if that is the attack.
    fn rename(&mut self, index: usize, ending: Ending) {
        let renames = self.attack.renames && ending == Ending::Fault;
        if let Some(peer) = self.peers.get_mut(index).filter(|_| renames) {
            peer.gone = true;
            let kind = peer.kind;
            self.join(kind);
        }
    }

    fn sum(&mut self, caller: usize, peer: usize, ending: Ending) {
        let Some(sums) = self.sums.get_mut(caller) else { return };
        sums.resize(sums.len().max(peer + 1), 0.0);
        if let Some(sum) = sums.get_mut(peer) {
            *sum += if ending == Ending::Good { 1.0 } else { -1.0 };
        }
    }

    fn now(&self) -> UnixMillis {
        now(self.round)
    }

    /// Everybody says anew whom it vouches for, and asks the others.
    fn refresh(&mut self) {
        match self.policy {
            Policy::Random => (),
            Policy::EigenTrust => {
                let mut rows = vec![Vec::new(); self.peers.len()];
                for (row, sums) in rows.iter_mut().zip(&self.sums) {
                    *row = sums.iter().copied().enumerate().filter(|(_, sum)| *sum > 0.0).collect();
                }
                for index in self.callers.len()..self.peers.len() {
                    if let Some(row) = rows.get_mut(index) {
                        *row = self.praised(index).into_iter().map(|peer| (peer, 1.0)).collect();
                    }
                }
                self.trust = eigentrust::trust(&rows, SEEDS);
            }
            Policy::Standing => self.ask(),
        }
    }

    fn ask(&mut self) {
        let (now, seq) = (self.now(), self.round as u64 + 1);
        for index in 0..self.peers.len() {
            let row = match self.callers.get(index) {
                Some(caller) => caller.book.row(Seq(seq), now, |_| Some(Numbered { epoch: now, seq: Seq(1) })),
                None => self.attackers_row(index),
            };
            if let Some(peer) = self.peers.get_mut(index) {
                peer.row = row;
            }
        }
        let mut callers = std::mem::take(&mut self.callers);
        callers.iter_mut().for_each(|caller| caller.ask(&mut |node| self.row_of(node), now));
        self.callers = callers;
    }

    fn row_of(&self, node: &NodeId) -> Option<Row> {
        self.peers.get(*self.places.get(node)?).filter(|peer| !peer.gone).map(|peer| peer.row.clone())
    }

    fn attackers_row(&mut self, index: usize) -> Row {
        let vouches =
            self.praised(index).into_iter().filter_map(|peer| Some(vouch(*self.nodes.get(peer)?, Vouch::FULL)));
        row(self.round as u64 + 1, self.now(), vouches.collect())
    }

    /// Whom an attacker vouches for.
    fn praised(&mut self, index: usize) -> Vec<usize> {
        let bad = |peer: &&Peer| !peer.gone && matches!(peer.kind, Kind::Bad | Kind::Half | Kind::Traitor);
        let mut bad: Vec<usize> =
            self.peers.iter().enumerate().filter(|(at, peer)| *at != index && bad(peer)).map(|(at, _)| at).collect();
        match self.attack.vouching {
            Vouching::Nobody => Vec::new(),
            Vouching::Some => self.random.sample(bad, 10),
            Vouching::All => self.random.sample(bad, atoll_protocol::limits::ROW_PEERS),
            Vouching::Four => {
                let turn = 4 * (self.round / REFRESH) % bad.len().max(1);
                bad.rotate_left(turn);
                bad.truncate(4);
                bad
            }
        }
    }
}

fn now(round: usize) -> UnixMillis {
    UnixMillis(BEGAN + round as u64 * ROUND_MS)
}

fn row(seq: u64, issued: UnixMillis, vouches: Vec<Vouch>) -> Row {
    Row { seq: Seq(seq), issued, vouches, extensions: Extensions::new() }
}

/// As much as can be said of somebody.
fn vouch(peer: NodeId, weight: u16) -> Vouch {
    Vouch { peer, weight, days: 14, successes: 1000, epoch: UnixMillis(BEGAN), receipt: Seq(1) }
}
