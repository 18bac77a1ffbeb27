//! Whether topics have kept what they promise, according to the journals. Pure.
//!
//! - What was acknowledged as `local` or better has come to every subscriber; a gap is no excuse. Of an author whose disk was
//!   destroyed, that is what was acknowledged as `kept`.
//! - Within an author's log, and one epoch of it, everything comes in the order of its positions, and once. A session that is taken up
//!   again may be given again what it had taken last: its progress is written every second, so at most what was taken in the
//!   [last moments](AGAIN) before its node was gone.
//! - What does not come is told of as a gap, and everything that came to one subscriber has come to all.
//! - Nobody is given something else at a position than others are, or what was not published.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

use serde::{Serialize, Serializer};

use super::journal::{Chain, Heard, Id, Level, Line, Told};

/// What was taken in so many milliseconds before the end may be given again. A second is promised; the rest is for machines that are
/// busy with ten nodes.
pub const AGAIN: u64 = 10_000;

/// What one publisher has written down.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// In order.
    pub lines: Vec<Line<Told>>,
}

/// What one subscriber has written down.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// For messages about it.
    pub name: String,
    /// Whether the disk of its node was full at times: then progress is not written either.
    pub small_disk: bool,
    /// In order.
    pub lines: Vec<Line<Heard>>,
}

/// All there is.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// By the publishers' numbers.
    pub published: Vec<Published>,
    /// All subscribers.
    pub received: Vec<Received>,
    /// Authors whose disks were destroyed.
    pub destroyed: BTreeSet<String>,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// An acknowledged message has not come.
    Lost {
        /// To whom.
        subscriber: String,
        /// Which.
        id: Id,
        /// What its publisher was told.
        level: Level,
        /// Whether the subscriber was told of a gap there.
        in_gap: bool,
    },
    /// A message came after a later one, or twice, without a new beginning.
    Reordered {
        /// To whom.
        subscriber: String,
        /// In which log.
        chain: Chain,
        /// Where it stands.
        seq: u64,
        /// Where what came before stands.
        after: u64,
    },
    /// Something is missing between what came, and no gap was told of.
    Unreported {
        /// To whom.
        subscriber: String,
        /// In which log.
        chain: Chain,
        /// The first position.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// Others have more.
    Behind {
        /// Than who.
        subscriber: String,
        /// Of which log.
        chain: Chain,
        /// The first position.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// A message came again that had been taken long before.
    TakenBefore {
        /// To whom.
        subscriber: String,
        /// In which log.
        chain: Chain,
        /// Where it stands.
        seq: u64,
        /// How long before its node was gone, in milliseconds.
        before_ms: u64,
    },
    /// There are two messages at one position.
    Differs {
        /// In which log.
        chain: Chain,
        /// Where.
        seq: u64,
        /// One.
        one: Id,
        /// The other one.
        other: Id,
    },
    /// A message stands at two positions.
    Twice {
        /// Which.
        id: Id,
        /// One.
        one: (Chain, u64),
        /// The other one.
        other: (Chain, u64),
    },
    /// A publisher's messages do not stand in the order in which they were published.
    Swapped {
        /// In which log.
        chain: Chain,
        /// Where the later one stands.
        seq: u64,
        /// The later one.
        id: Id,
        /// What stands before it and was published after it.
        after: Id,
    },
    /// A message was published after its publisher was told that it was not.
    PublishedAfterAll {
        /// Which.
        id: Id,
        /// What its publisher was told.
        error: String,
    },
    /// Nobody has published that.
    Unasked {
        /// What it claims to be.
        id: Id,
    },
}

impl Violation {
    /// Whether waiting may help.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Lost { in_gap: false, .. } | Self::Unreported { .. } | Self::Behind { .. })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { subscriber, id, level, in_gap } => {
                let how = if *in_gap { "told of as a gap" } else { "never came" };
                write!(f, "lost: {id}, acknowledged as {level}, {how} at {subscriber}")
            }
            Self::Reordered { subscriber, chain, seq, after } => {
                write!(f, "order: {subscriber} was given {seq} after {after} of {chain}")
            }
            Self::Unreported { subscriber, chain, from, to } => {
                write!(f, "unreported: {from} to {to} of {chain} never came to {subscriber}, and no gap was told of")
            }
            Self::Behind { subscriber, chain, from, to } => {
                write!(f, "behind: {from} to {to} of {chain} came to others and not to {subscriber}")
            }
            Self::TakenBefore { subscriber, chain, seq, before_ms } => {
                let told = "was given again though it had been taken";
                write!(f, "again: {seq} of {chain} {told} at {subscriber} {before_ms} ms before its node was gone")
            }
            Self::Differs { chain, seq, one, other } => {
                write!(f, "differs: {one} and {other} both stand at {seq} of {chain}")
            }
            Self::Twice { id, one, other } => {
                write!(f, "twice: {id} stands at {} of {} and at {} of {}", one.1, one.0, other.1, other.0)
            }
            Self::Swapped { chain, seq, id, after } => {
                write!(f, "order: {id} stands behind {after}, at {seq} of {chain}")
            }
            Self::PublishedAfterAll { id, error } => {
                write!(f, "refused: {id} came, though its publisher was told: {error}")
            }
            Self::Unasked { id } => write!(f, "unasked: {id} came, and nobody has published it"),
        }
    }
}

impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How much there was of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Messages that were to be published.
    pub asked: u64,
    /// Acknowledged, by the level that was reached.
    pub reached: BTreeMap<Level, u64>,
    /// Refused.
    pub refused: u64,
    /// Of which nobody has said what became of them.
    pub unknown: u64,
    /// Logs and epochs of them.
    pub chains: u64,
    /// Messages that came, of all subscribers together.
    pub received: u64,
    /// Of those, again.
    pub again: u64,
    /// How long before the end of its connection what was given again had been taken, at most, in milliseconds.
    pub again_before_ms: u64,
    /// Times that a session was taken up.
    pub sessions: u64,
    /// Gaps that were told of.
    pub gaps: u64,
    /// Messages in them.
    pub in_gaps: u64,
    /// Messages of which nothing was promised that have not come, of all subscribers together.
    pub gossip_lost: u64,
}

/// What the journals show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How much there was of what.
    pub figures: Figures,
    /// What was not kept.
    pub violations: Vec<Violation>,
}

type Positions = BTreeMap<Chain, BTreeMap<u64, Id>>;

/// Compares what was received with what was published.
#[must_use]
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let readers: Vec<Reader> = evidence.received.iter().map(|received| Reader::read(received, &mut verdict)).collect();
    let known = together(&readers, &mut verdict.violations);
    verdict.figures.chains = known.len() as u64;
    let asked = asked(evidence, &known, &mut verdict);
    placed(&known, &asked, &mut verdict.violations);
    for reader in &readers {
        reader.complete(&known, &mut verdict.violations);
        reader.acknowledged(&asked, &evidence.destroyed, &mut verdict);
    }
    verdict
}

/// What one subscriber was given.
struct Reader<'a> {
    name: &'a str,
    given: Positions,
    ids: BTreeSet<Id>,
    gaps: BTreeMap<Chain, Vec<(u64, u64)>>,
}

impl<'a> Reader<'a> {
    fn read(received: &'a Received, verdict: &mut Verdict) -> Self {
        let name = received.name.as_str();
        let mut reader = Self { name, given: Positions::new(), ids: BTreeSet::new(), gaps: BTreeMap::new() };
        let mut taken_at: HashMap<(&Chain, u64), u64> = HashMap::new();
        let mut last: HashMap<&Chain, u64> = HashMap::new();
        let mut ended_at = 0;
        let Verdict { figures, violations } = verdict;
        let mut in_order = |last: &mut HashMap<&'a Chain, u64>, chain: &'a Chain, from: u64, to: u64| {
            let before = last.insert(chain, to).unwrap_or_default();
            if before >= from {
                let (subscriber, chain) = (name.to_owned(), chain.clone());
                violations.push(Violation::Reordered { subscriber, chain, seq: from, after: before });
            }
        };
        let mut late = Vec::new();
        for Line { at_ms, event } in &received.lines {
            match event {
                Heard::Begun => {
                    last.clear();
                    figures.sessions += 1;
                }
                Heard::Ended => ended_at = *at_ms,
                Heard::Message { chain, seq, id } => {
                    figures.received += 1;
                    in_order(&mut last, chain, *seq, *seq);
                    reader.ids.insert(*id);
                    let other = reader.given.entry(chain.clone()).or_default().insert(*seq, *id);
                    if let Some(other) = other.filter(|other| other != id) {
                        late.push(Violation::Differs { chain: chain.clone(), seq: *seq, one: other, other: *id });
                    }
                    let Some(first) = taken_at.insert((chain, *seq), *at_ms) else { continue };
                    figures.again += 1;
                    let before_ms = ended_at.saturating_sub(first);
                    figures.again_before_ms = figures.again_before_ms.max(before_ms);
                    if before_ms > AGAIN && !received.small_disk {
                        let (subscriber, chain) = (name.to_owned(), chain.clone());
                        late.push(Violation::TakenBefore { subscriber, chain, seq: *seq, before_ms });
                    }
                }
                Heard::Gap { chain, from, to } => {
                    figures.gaps += 1;
                    figures.in_gaps += to.saturating_sub(*from) + 1;
                    in_order(&mut last, chain, *from, *to);
                    reader.gaps.entry(chain.clone()).or_default().push((*from, *to));
                }
            }
        }
        violations.extend(late);
        reader
    }

    /// Whether a gap was told of there.
    fn is_in_gap(&self, chain: &Chain, seq: u64) -> bool {
        self.gaps.get(chain).is_some_and(|gaps| gaps.iter().any(|(from, to)| (*from..=*to).contains(&seq)))
    }

    /// Whether something is missing that is not told of.
    fn complete(&self, known: &Positions, violations: &mut Vec<Violation>) {
        for (chain, all) in known {
            let none = BTreeMap::new();
            let given = self.given.get(chain).unwrap_or(&none);
            let end = given.last_key_value().map_or(0, |(seq, _)| *seq);
            let most = all.last_key_value().map_or(0, |(seq, _)| *seq);
            let missing = (1..=most).filter(|seq| !given.contains_key(seq) && !self.is_in_gap(chain, *seq));
            for (from, to) in stretches(missing) {
                let (subscriber, chain) = (self.name.to_owned(), chain.clone());
                violations.push(match from < end {
                    true => Violation::Unreported { subscriber, chain, from, to },
                    false => Violation::Behind { subscriber, chain, from, to },
                });
            }
        }
    }

    /// Whether everything has come that was acknowledged.
    fn acknowledged(&self, asked: &BTreeMap<Id, Asked<'_>>, destroyed: &BTreeSet<String>, verdict: &mut Verdict) {
        for (id, asked) in asked.iter().filter(|(id, _)| !self.ids.contains(id)) {
            let Some(level) = asked.reached else { continue };
            let gone = asked.place.is_some_and(|(chain, _)| destroyed.contains(&chain.author));
            let promised = if gone { Level::Kept(1) } else { Level::Local };
            if level < promised {
                verdict.figures.gossip_lost += 1;
                continue;
            }
            let in_gap = asked.place.is_some_and(|(chain, seq)| self.is_in_gap(chain, seq));
            verdict.violations.push(Violation::Lost { subscriber: self.name.to_owned(), id: *id, level, in_gap });
        }
    }
}

/// What stands where, according to all subscribers.
fn together(readers: &[Reader<'_>], violations: &mut Vec<Violation>) -> Positions {
    let mut known = Positions::new();
    for (chain, given) in readers.iter().flat_map(|reader| &reader.given) {
        let of_chain = known.entry(chain.clone()).or_default();
        for (seq, id) in given {
            let one = *of_chain.entry(*seq).or_insert(*id);
            if one != *id {
                violations.push(Violation::Differs { chain: chain.clone(), seq: *seq, one, other: *id });
            }
        }
    }
    known
}

/// What a publisher knows of a message.
#[derive(Debug, Default)]
struct Asked<'a> {
    reached: Option<Level>,
    place: Option<(&'a Chain, u64)>,
    refused: Option<&'a str>,
}

fn asked<'a>(evidence: &'a Evidence, known: &Positions, verdict: &mut Verdict) -> BTreeMap<Id, Asked<'a>> {
    let Verdict { figures, violations } = verdict;
    let mut all: BTreeMap<Id, Asked<'a>> = BTreeMap::new();
    for Line { event, .. } in evidence.published.iter().flat_map(|published| &published.lines) {
        match event {
            Told::Asked { id, .. } => {
                figures.asked += 1;
                all.entry(*id).or_default();
            }
            Told::Unknown { .. } => figures.unknown += 1,
            Told::Refused { id, error } => {
                figures.refused += 1;
                all.entry(*id).or_default().refused = Some(error);
            }
            Told::Reached { id, chain, seq, level } => {
                *figures.reached.entry(*level).or_default() += 1;
                let asked = all.entry(*id).or_default();
                asked.reached = Some(*level);
                let (Some(chain), Some(seq)) = (chain, seq) else { continue };
                asked.place = Some((chain, *seq));
                let there = known.get(chain).and_then(|of_chain| of_chain.get(seq));
                if let Some(other) = there.filter(|other| *other != id) {
                    violations.push(Violation::Differs { chain: chain.clone(), seq: *seq, one: *id, other: *other });
                }
            }
        }
    }
    all
}

/// Whether everything stands where it may.
fn placed(known: &Positions, asked: &BTreeMap<Id, Asked<'_>>, violations: &mut Vec<Violation>) {
    let mut places: BTreeMap<Id, (&Chain, u64)> = BTreeMap::new();
    for (chain, given) in known {
        let mut before: BTreeMap<usize, Id> = BTreeMap::new();
        for (seq, id) in given {
            match asked.get(id) {
                None => violations.push(Violation::Unasked { id: *id }),
                Some(Asked { refused: Some(error), .. }) => {
                    violations.push(Violation::PublishedAfterAll { id: *id, error: (*error).to_owned() });
                }
                Some(_) => {}
            }
            if let Some((other, at)) = places.insert(*id, (chain, *seq)) {
                let (one, other) = ((other.clone(), at), (chain.clone(), *seq));
                violations.push(Violation::Twice { id: *id, one, other });
            }
            if let Some(after) = before.insert(id.publisher, *id).filter(|before| before.number > id.number) {
                violations.push(Violation::Swapped { chain: chain.clone(), seq: *seq, id: *id, after });
            }
        }
    }
}

/// Numbers that rise, as stretches.
fn stretches(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match all.last_mut() {
            Some((_, to)) if *to + 1 == number => *to = number,
            _ => all.push((number, number)),
        }
    }
    all
}
