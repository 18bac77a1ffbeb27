//! From evidence and hearsay to a score.
//!
//! Ego *i* about peer *k*, over witnesses *j*; S, F, q, cf and w are in [`Evidence`](super::Evidence):
//!
//! ```text
//! C_jk  = w_jk / max(Σ_k w_jk, 4)                     what j's row says: at most a quarter for each
//! p_i   = normalise(w_i + ½ per seed, × max(0, 2q − 1) after 2 direct calls)
//! v_jk  = w_jk / max_k w_jk                           how much of its word j gives for k
//! a_ij  = (Σ_k v_jk·cf_ik·q_ik + 0.75) / (Σ_k v_jk·cf_ik + 1)
//! g_ij  = clamp((a_ij − 0.4) / 0.35, 0, 1)            is witness j usually right?
//! r_ik  = ½·p_ik + ½·Σ_j p_ij·g_ij·C_jk               two hops, no iteration
//! A_k   = 1 − 2^(−d/3)                                d: days on which k was active
//! x_k   = min(1, r_k / median r of the good direct peers) · A_k
//! h_k   = 0.10 + 0.60·x_k                             what is assumed of k
//! score = h + S/(S + F + 2)·(q − h)   where q ≥ h, or nothing speaks against k and then at least h
//!       = q                           where q < h and something does
//! ```
//!
//! As first designed, a_ij weighed each k by C_jk, and assumed a twentieth of the row. Then a lie costs a witness the less the longer its
//! row is: one with 256 vouches could lie a dozen times to everybody before it was disbelieved. Now each is a case like any other,
//! and one is assumed, so that a row of any length is unmasked by the same number of lies.
//!
//! Sources: normalised local trust, its sum over those one trusts, and trusted seeds are those of EigenTrust (S. Kamvar, M. Schlosser,
//! H. Garcia-Molina, 2003, §4); that it ends after two hops, so that nobody far away has a say, is after Tribler's BarterCast (M. Meulpolder
//! et al., 2009); witnesses that are weighed by how far they were right, after TRAVOS (W. Teacy et al., 2006); confidence by the
//! number of observations, after Jøsang and Ismail (2002).

use std::collections::BTreeMap;

use atoll_protocol::{
    identity::NodeId,
    service::UnixMillis,
    standing::{Ending, Vouch},
};

use super::{
    Evidence, Merits, Tier,
    decay::{faded, halved},
};

/// Trust in a seed before it was called.
const SEED: f64 = 0.5;
/// Direct calls after which a seed is judged by them.
const SEED_CALLS: u64 = 2;
/// A row that vouches for less is not stretched to a whole.
const ROW_LEAST: f64 = 4.0;
/// What is assumed of a witness: right in three quarters of one case.
const PRIOR: (f64, f64) = (0.75, 1.0);
/// A witness that is right in this part of cases or less is not believed, and with [`BELIEF_SPAN`] more it is wholly.
const BELIEF_FROM: f64 = 0.4;
/// See [`BELIEF_FROM`].
const BELIEF_SPAN: f64 = 0.35;
/// What is assumed of who is not known.
const STRANGER: f64 = 0.10;
/// What hearsay can add to that.
const HEARSAY: f64 = 0.60;
/// Days after which half of the hearsay on a peer counts.
const AGE_HALF_LIFE: f64 = 3.0;
/// Good direct peers that make a yardstick.
const YARDSTICK: usize = 5;
/// Faults below this have faded away.
const FORGIVEN: f64 = 1.0 / 64.0;

/// What this node thinks of a peer, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// How far it is to be trusted, from 0 to 1.
    pub score: f64,
    /// q: how good it was here; ½ if it was never called.
    pub quality: f64,
    /// cf: how much is known of that.
    pub confidence: f64,
    /// x: how far others speak for it, from 0 to 1.
    pub hearsay: f64,
    /// r: trust that reaches it, before it is compared with that in others.
    pub reach: f64,
    /// Calls that this node has made to it.
    pub calls: u64,
    /// What counts for its tier.
    pub merits: Merits,
    /// What it may do here.
    pub tier: Tier,
    /// Proved to have signed two things where only one can be true.
    pub convicted: bool,
}

impl Standing {
    /// Of somebody of whom nothing is known.
    pub const STRANGER: Self = Self {
        score: STRANGER,
        quality: 0.5,
        confidence: 0.0,
        hearsay: 0.0,
        reach: 0.0,
        calls: 0,
        merits: Merits { score: STRANGER, days: 0.0, successes: 0, counterparties: 0 },
        tier: Tier::Newcomer,
        convicted: false,
    };
}

/// What this node thinks of everybody, at one time. Cheap to share between threads: it never changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scores {
    all: BTreeMap<NodeId, Standing>,
    witnesses: BTreeMap<NodeId, Witness>,
}

/// How much is given on what a peer says of others.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Witness {
    /// p: trust in it, of 1 for all together.
    pub trust: f64,
    /// g: how far it was right, from 0 to 1.
    pub belief: f64,
}

impl Scores {
    /// What is thought of this peer.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> Standing {
        self.all.get(node).copied().unwrap_or(Standing::STRANGER)
    }

    /// How much is given on what this peer says of others.
    #[must_use]
    pub fn witness(&self, node: &NodeId) -> Witness {
        self.witnesses.get(node).copied().unwrap_or_default()
    }

    /// Everybody of whom anything is known.
    pub fn iter(&self) -> impl Iterator<Item = (&NodeId, &Standing)> {
        self.all.iter()
    }

    /// Everybody whose word counts, with how much.
    pub fn witnesses(&self) -> impl Iterator<Item = (&NodeId, &Witness)> {
        self.witnesses.iter()
    }
}

/// What is known of one peer, as the computation takes it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known<'a> {
    pub evidence: Evidence,
    pub vouches: &'a [Vouch],
    pub word: Word,
    pub seed: bool,
    pub convicted: bool,
    /// The owner's own word for it.
    pub friend: bool,
}

impl Known<'_> {
    /// p before it is normalised.
    pub(super) fn trust(&self) -> f64 {
        let seed = match (self.seed, self.evidence.calls() >= SEED_CALLS) {
            (false, _) => 0.0,
            (true, false) => SEED,
            (true, true) => SEED * self.evidence.excess(),
        };
        if self.convicted { 0.0 } else { self.evidence.weight() + seed }
    }
}

/// What has come of those that a witness vouched for and that this node then tried, each with its [part](parts); fading.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Word {
    right: f64,
    all: f64,
    updated: UnixMillis,
}

impl Word {
    /// One was tried. A call that was lost tells nothing.
    pub(super) fn record(&mut self, part: f64, ending: Ending, now: UnixMillis) {
        *self = self.at(now);
        let right = match ending {
            Ending::Good | Ending::Slow => part,
            Ending::Fault => 0.0,
            Ending::Lost => return,
        };
        self.right += right;
        self.all += part;
    }

    /// The same at a later time.
    pub(super) fn at(&self, now: UnixMillis) -> Self {
        let left = faded(self.updated, now);
        Self { right: self.right * left, all: self.all * left, updated: self.updated.max(now) }
    }
}

/// What witnesses say of one peer, summed up.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    /// Σ p·g·C.
    reach: f64,
    /// The same, times the days that each witness says.
    days: f64,
    successes: u64,
    counterparties: u32,
}

/// Everybody's scores. The evidence must have been brought to one time.
pub(super) fn scores(known: &BTreeMap<NodeId, Known<'_>>) -> Scores {
    let witnesses = witnesses(known);
    let heard = hearsay(known, &witnesses);
    let reach = |node: &NodeId| {
        let trust = witnesses.get(node).map_or(0.0, |witness| witness.trust);
        0.5 * trust + 0.5 * heard.get(node).map_or(0.0, |heard| heard.reach)
    };
    let yardstick = yardstick(known, &heard);
    let nothing = Known::default();
    let nodes = known.keys().chain(heard.keys().filter(|node| !known.contains_key(*node)));
    let standing = |node: &NodeId| {
        let known = known.get(node).unwrap_or(&nothing);
        let heard = heard.get(node).copied().unwrap_or_default();
        standing(known, &heard, reach(node), yardstick)
    };
    Scores { all: nodes.map(|node| (*node, standing(node))).collect(), witnesses }
}

fn witnesses(known: &BTreeMap<NodeId, Known<'_>>) -> BTreeMap<NodeId, Witness> {
    let belief = |node: &NodeId| {
        let Known { vouches, word, .. } = known.get(node).copied().unwrap_or_default();
        belief(vouches, word, |peer| known.get(peer).map(|known| known.evidence))
    };
    let trust: Vec<(NodeId, f64)> = known.iter().map(|(node, known)| (*node, known.trust())).collect();
    let sum: f64 = trust.iter().map(|(_, trust)| trust).sum();
    let trusted = trust.into_iter().filter(|(_, trust)| *trust > 0.0);
    trusted.map(|(node, trust)| (node, Witness { trust: trust / sum, belief: belief(&node) })).collect()
}

/// g: how far the peers that a witness vouches for, or vouched for when they were tried, were good to this node, which has seen
/// so much of each.
pub(super) fn belief(vouches: &[Vouch], word: Word, seen: impl Fn(&NodeId) -> Option<Evidence>) -> f64 {
    let (mut right, mut all) = (PRIOR.0 + word.right, PRIOR.1 + word.all);
    for (peer, part) in parts(vouches) {
        let Some(evidence) = seen(&peer) else { continue };
        let weight = part * evidence.confidence();
        right += weight * evidence.quality();
        all += weight;
    }
    ((right / all - BELIEF_FROM) / BELIEF_SPAN).clamp(0.0, 1.0)
}

/// v_jk for each k of a row: 1 for those with the most weight.
pub(super) fn parts(vouches: &[Vouch]) -> impl Iterator<Item = (NodeId, f64)> {
    let weight = |vouch: &Vouch| vouch.weight.min(Vouch::FULL);
    let most = vouches.iter().map(weight).max().unwrap_or_default().max(1);
    vouches.iter().map(move |vouch| (vouch.peer, f64::from(weight(vouch)) / f64::from(most)))
}

/// C_jk for each k of a row.
fn shares(vouches: &[Vouch]) -> impl Iterator<Item = (NodeId, f64)> {
    let weight = |vouch: &Vouch| f64::from(vouch.weight.min(Vouch::FULL)) / f64::from(Vouch::FULL);
    let sum = vouches.iter().map(weight).sum::<f64>().max(ROW_LEAST);
    vouches.iter().map(move |vouch| (vouch.peer, weight(vouch) / sum))
}

fn hearsay(known: &BTreeMap<NodeId, Known<'_>>, witnesses: &BTreeMap<NodeId, Witness>) -> BTreeMap<NodeId, Heard> {
    let mut all: BTreeMap<NodeId, Heard> = BTreeMap::new();
    for (node, witness) in witnesses {
        let (vouches, word) = (known.get(node).map_or(&[][..], |known| known.vouches), witness.trust * witness.belief);
        if word <= 0.0 {
            continue;
        }
        for ((peer, share), vouch) in shares(vouches).zip(vouches) {
            let heard = all.entry(peer).or_default();
            heard.reach += word * share;
            heard.days += word * share * f64::from(vouch.days);
            heard.successes = heard.successes.saturating_add(u64::from(vouch.successes));
            heard.counterparties = heard.counterparties.saturating_add(1);
        }
    }
    all
}

/// The reach by hearsay that counts as full: the median of the good direct peers (the lower of two). Where there are too few of
/// those, it is what half of all hearsay is on, or more: many that are vouched for a little do not lower that, as they would a median.
fn yardstick(known: &BTreeMap<NodeId, Known<'_>>, heard: &BTreeMap<NodeId, Heard>) -> f64 {
    let good = |known: &Known<'_>| known.evidence.success() >= 1.0 && known.evidence.quality() >= 0.5;
    let reach = |node: &NodeId| heard.get(node).map_or(0.0, |heard| heard.reach);
    let direct = known.iter().filter(|(_, known)| good(known)).map(|(node, _)| reach(node));
    let mut direct: Vec<f64> = direct.filter(|reach| *reach > 0.0).collect();
    direct.sort_unstable_by(f64::total_cmp);
    match direct.get(direct.len().saturating_sub(1) / 2) {
        Some(median) if direct.len() >= YARDSTICK => *median,
        _ => half_of_all(heard),
    }
}

/// Half of all hearsay is on peers that have as much as this or more.
fn half_of_all(heard: &BTreeMap<NodeId, Heard>) -> f64 {
    let mut all: Vec<f64> = heard.values().map(|heard| heard.reach).collect();
    all.sort_unstable_by(|one, other| other.total_cmp(one));
    let mut left = all.iter().sum::<f64>() / 2.0;
    let full = all.into_iter().find(|reach| {
        left -= reach;
        left <= 0.0
    });
    full.unwrap_or(f64::INFINITY)
}

fn standing(known: &Known<'_>, heard: &Heard, reach: f64, yardstick: f64) -> Standing {
    let evidence = &known.evidence;
    let told = if heard.reach > 0.0 { heard.days / heard.reach } else { 0.0 };
    let days = told.max(f64::from(evidence.days()));
    let hearsay = (heard.reach / yardstick).clamp(0.0, 1.0) * (1.0 - halved(days / AGE_HALF_LIFE));
    let score = if known.convicted { 0.0 } else { combine(evidence, STRANGER + HEARSAY * hearsay) };
    let myself = u32::from(evidence.weight() > 0.0);
    let merits = Merits {
        score,
        days,
        successes: evidence.successes().saturating_add(heard.successes),
        counterparties: heard.counterparties.saturating_add(myself),
    };
    let tier = if known.friend { Tier::Trusted } else { Tier::of(&merits) };
    let (quality, confidence, calls) = (evidence.quality(), evidence.confidence(), evidence.calls());
    Standing { score, quality, confidence, hearsay, reach, calls, merits, tier, convicted: known.convicted }
}

/// The score, from what was seen and what is assumed (`h`).
///
/// As first designed it was cf·q + (1 − cf)·h, and never above q once there was a call. Then the first success lowers who is well
/// spoken of (h = 0.7, q = ⅔), and a lost call lifts who is not known, since it makes q = ⅓ more certain than h = 0.1. So only
/// successes make a q above h more certain, and a q below h counts only once something speaks against the peer.
pub(super) fn combine(evidence: &Evidence, assumed: f64) -> f64 {
    let quality = evidence.quality();
    let seen = evidence.success() / (evidence.success() + evidence.fault() + 2.0);
    if quality >= assumed {
        assumed + seen * (quality - assumed)
    } else if evidence.fault() < FORGIVEN {
        assumed
    } else {
        quality
    }
}
