//! Whom to call: some of the good ones, and now and then somebody who may become one.
//!
//! Whoever only calls the best it knows never learns of better ones, and gives newcomers no chance; whoever tries many strangers is
//! fed by attackers, of whom there may be any number. Candidates are therefore in classes, and a draw decides which one takes a call:
//!
//! | class | who is in it | part of the calls |
//! |---|---|---|
//! | good | did well when it was called, or is well spoken of | what is left |
//! | vouched for | somebody who is believed speaks for it | a quarter; hardly any while those that are tried do badly |
//! | strangers | all others of whom next to nothing is known | one of n + 1, where n are in the classes above; more while they do well |
//! | bad | did not do well | none, as long as there are others |
//!
//! Of those that are vouched for, one is drawn by how far others speak for it. So however many somebody vouches for, together they get
//! what its word is worth, and the honest among a thousand fake identities are found. Strangers do not get more by being many
//! either, and are trusted as strangers before them deserved (M. Feldman, K. Lai, I. Stoica, J. Chuang, Robust Incentive Techniques
//! for Peer-to-Peer Networks, 2004, "stranger adaptive").
//!
//! Of the good only a *circle* is called: the first [`CIRCLE`] in an order of this node's own. So load is even in the network, since
//! everybody has another order, and few traitors get to betray a node: each one costs a call, and only those in the circle can. (How
//! to subset backends: Beyer et al., Site Reliability Engineering, 2016, ch. 20.)

use atoll_protocol::identity::NodeId;

use super::{Evidence, Standing};
use crate::mix::mix;

/// Who has this score is good enough without having been called.
pub const GOOD: f64 = 0.5;
/// Who was called is good enough with this quality: after one success, but no longer once a fault comes to five of them.
pub const GOOD_QUALITY: f64 = 0.6;
/// Of whom less than this is known for certain may be tried: whoever was not called yet, or long ago, or lost the only call.
pub const FRESH: f64 = 0.13;
/// The part of all calls that goes at most to those who are only vouched for, and to strangers.
pub const TRIALS: f64 = 0.25;
/// The least part of that, however badly those did that were tried before.
pub const TRIALS_LEAST: f64 = 1.0 / 16.0;
/// So many of those that are good enough are called.
pub const CIRCLE: usize = 24;

/// What is known of a candidate, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// Its score.
    pub score: f64,
    /// Its quality, q.
    pub quality: f64,
    /// How much is known of that, cf.
    pub confidence: f64,
    /// How far others speak for it.
    pub hearsay: f64,
    /// Its [`place`] in this node's order.
    pub place: u64,
}

impl Judged {
    /// What is to be known of a candidate with this standing, in this place.
    #[must_use]
    pub const fn new(standing: &Standing, place: u64) -> Self {
        let Standing { score, quality, confidence, hearsay, .. } = *standing;
        Self { score, quality, confidence, hearsay, place }
    }
}

/// How those did that this node has tried: called without knowing anything of them, or anything any more.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trials {
    /// Those that somebody vouched for who was believed.
    pub vouched: Evidence,
    /// The others.
    pub strangers: Evidence,
}

/// Somebody who comes into question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Listed {
    /// Its index among the candidates.
    pub index: usize,
    /// What a choice is to weigh: the quality of who was called, the score of who was not.
    pub factor: f64,
}

/// Where a node stands in the order of another one, which draws `salt` once and keeps it to itself: else keys could be made that
/// stand first.
#[must_use]
pub fn place(salt: u64, node: &NodeId) -> u64 {
    let words = node.public_key().as_chunks::<8>().0;
    words.iter().fold(mix(salt), |hash, word| mix(hash ^ u64::from_le_bytes(*word)))
}

/// What is thought of a candidate; see the [module docs](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Good,
    Vouched,
    Stranger,
    Bad,
}

impl Class {
    fn of(judged: &Judged) -> Self {
        // Only who is convicted has no score at all.
        let convicted = judged.score <= 0.0;
        let known = judged.confidence >= FRESH;
        match judged.quality >= GOOD_QUALITY || (!known && judged.score >= GOOD) {
            _ if convicted => Self::Bad,
            true => Self::Good,
            false if known => Self::Bad,
            false if judged.hearsay > 0.0 => Self::Vouched,
            false => Self::Stranger,
        }
    }
}

/// The candidates that come into question for one call; empty only if there are none. `turn` is a random draw.
#[must_use]
pub fn shortlist(candidates: &[Judged], trials: &Trials, turn: u64) -> Vec<Listed> {
    let classes: Vec<Class> = candidates.iter().map(Class::of).collect();
    let Some(class) = drawn(&classes, trials, turn) else { return Vec::new() };
    let mut listed: Vec<(usize, &Judged)> = candidates.iter().enumerate().collect();
    listed.retain(|(index, _)| classes.get(*index) == Some(&class));
    match class {
        Class::Good => {
            listed.sort_by_key(|(_, judged)| judged.place);
            listed.truncate(CIRCLE);
        }
        Class::Vouched => listed = spoken_for(&listed, turn).into_iter().collect(),
        Class::Stranger | Class::Bad => (),
    }
    let factor = |judged: &Judged| if judged.confidence > 0.0 { judged.quality } else { judged.score };
    listed.into_iter().map(|(index, judged)| Listed { index, factor: factor(judged) }).collect()
}

/// One of these, with a probability in proportion to how far others speak for it.
fn spoken_for<'a>(listed: &[(usize, &'a Judged)], turn: u64) -> Option<(usize, &'a Judged)> {
    // Another draw than the one that has chosen the class.
    let mut left = unit(mix(turn)) * listed.iter().map(|(_, judged)| judged.hearsay).sum::<f64>();
    let drawn = listed.iter().find(|(_, judged)| {
        left -= judged.hearsay;
        left < 0.0
    });
    drawn.or(listed.last()).copied()
}

/// Which class takes the call; `None` if there is nobody at all.
fn drawn(classes: &[Class], trials: &Trials, turn: u64) -> Option<Class> {
    use Class::{Bad, Good, Stranger, Vouched};
    let known = classes.iter().filter(|class| matches!(class, Good | Vouched)).count();
    let strangers = (TRIALS * trials.strangers.excess()).max(1.0 / (known as f64 + 1.0));
    let vouched = TRIALS * hope(&trials.vouched);
    let order = match unit(turn) {
        draw if draw < strangers => [Stranger, Good, Vouched, Bad],
        draw if draw < strangers + vouched => [Vouched, Good, Stranger, Bad],
        _ => [Good, Vouched, Stranger, Bad],
    };
    order.into_iter().find(|class| classes.contains(class))
}

/// What part of the trials is to be made, from how those before went: all while they go well, hardly any once a fifth of them was bad,
/// or the last one. At first some are made (four good ones are assumed). Where traitors turn, those that are vouched for still, and less
/// and less, are the very ones that have turned: no witness needs to have lied for trials to go badly.
fn hope(tried: &Evidence) -> f64 {
    let (good, bad) = (tried.success() + 4.0, 4.0 * tried.fault());
    let quality = (good / (good + bad + 1.0)).min(tried.lately());
    (2.0 * quality - 1.0).max(TRIALS_LEAST)
}

/// A number from 0 to 1 for a random draw.
fn unit(turn: u64) -> f64 {
    (mix(turn) >> 11) as f64 / (1_u64 << 53) as f64
}
