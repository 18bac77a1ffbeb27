//! All logs that a node holds, and sums of them by which two nodes find out quickly that they hold the same.
//!
//! A log's number is made of its tails alone: two nodes that retain different parts of the same log have the same one. The sum of
//! a topic is that of its logs, and a topic of which nothing is known has none; topics and logs fall into buckets, each with the
//! sum of what is in it. A log that is known to be forked has one number, whichever branch a node has seen.
//!
//! Whoever asks salts the numbers. Otherwise an author could make logs whose numbers cancel the difference that another's makes,
//! and so keep that from being noticed.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::message::{Have, TopicId};
use crate::{
    identity::NodeId,
    limits,
    names::TopicName,
    sealed::Hash,
    topic::{ChainId, log::Log},
};

/// Logs by topic and author.
///
/// How many topics and logs there are is for the caller to bound, before it adds one.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    topics: BTreeMap<TopicName, BTreeMap<NodeId, Log>>,
    names: BTreeMap<TopicId, TopicName>,
    /// Of those of which not everything is wanted.
    scopes: BTreeMap<TopicName, Scope>,
    /// At most [`LOGS_PAUSED`](limits::LOGS_PAUSED).
    paused: BTreeSet<(TopicId, NodeId)>,
}

/// What is wanted of a topic: which logs, and from where on those that nothing is known of yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All logs as a whole.
    #[default]
    Everything,
    /// All logs, from their latest batch on. What is known of already is wanted from where it [begins](Log::want).
    News,
    /// The log of this author, as a whole.
    Only(NodeId),
}

/// Topics or logs to a bucket, about.
const PER_BUCKET: usize = 4;

impl Shelf {
    /// Nothing is held or wanted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A topic is of interest from now on. False if it was before.
    pub fn add(&mut self, topic: TopicName) -> bool {
        let Entry::Vacant(place) = self.topics.entry(topic) else { return false };
        self.names.insert(TopicId::of(place.key()), place.key().clone());
        place.insert(BTreeMap::new());
        true
    }

    /// A topic is no longer of interest; its logs, if there were any.
    pub fn remove(&mut self, topic: &TopicName) -> Option<BTreeMap<NodeId, Log>> {
        self.names.remove(&TopicId::of(topic));
        self.scopes.remove(topic);
        self.topics.remove(topic)
    }

    /// What is wanted of a topic from now on: everything, unless something else is said.
    pub fn set_scope(&mut self, topic: &TopicName, scope: Scope) {
        match scope {
            Scope::Everything => drop(self.scopes.remove(topic)),
            _ if self.topics.contains_key(topic) => drop(self.scopes.insert(topic.clone(), scope)),
            _ => {}
        }
    }

    /// What is wanted of a topic.
    #[must_use]
    pub fn scope(&self, topic: &TopicName) -> Scope {
        self.scopes.get(topic).copied().unwrap_or_default()
    }

    /// Whether others' logs of the topic are wanted. Where they are not, comparing it would show a difference each time.
    pub(super) fn is_shared(&self, topic: &TopicName) -> bool {
        self.scopes.is_empty() || !matches!(self.scope(topic), Scope::Only(_))
    }

    /// The topics of interest, in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys()
    }

    /// The topics after this one, in the order of their names.
    pub(super) fn after(&self, topic: Option<&TopicName>) -> impl Iterator<Item = &TopicName> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = topic.map_or(Unbounded, Excluded);
        self.topics.range::<TopicName, _>((from, Unbounded)).map(|(topic, _)| topic)
    }

    /// Whether the topic is of interest.
    #[must_use]
    pub fn contains(&self, topic: &TopicName) -> bool {
        self.topics.contains_key(topic)
    }

    /// The logs of a topic, in the order of their authors.
    pub fn logs(&self, topic: &TopicName) -> impl Iterator<Item = &Log> {
        self.topics.get(topic).into_iter().flat_map(BTreeMap::values)
    }

    /// One log.
    #[must_use]
    pub fn log(&self, topic: &TopicName, author: &NodeId) -> Option<&Log> {
        self.topics.get(topic)?.get(author)
    }

    /// One log to change, made if there was none; none if the topic is not of interest.
    pub fn log_mut(&mut self, topic: &TopicName, author: NodeId) -> Option<&mut Log> {
        let logs = self.topics.get_mut(topic)?;
        Some(logs.entry(author).or_insert_with(|| Log::new(topic.clone(), author)))
    }

    /// An author's log is not asked for, because what comes of it is refused: there is no room for it, it may not be published,
    /// or it is dated too far ahead. Otherwise each comparison would bring it again.
    pub fn pause(&mut self, topic: &TopicName, author: NodeId) {
        self.paused.insert((TopicId::of(topic), author));
        if self.paused.len() > limits::LOGS_PAUSED {
            self.paused.pop_first();
        }
    }

    /// A log may be asked for again. To be said when there is room, when the topic's policy has changed, and now and then.
    pub fn resume(&mut self, topic: &TopicName, author: NodeId) {
        self.paused.remove(&(TopicId::of(topic), author));
    }

    /// All logs may be asked for again.
    pub fn resume_all(&mut self) {
        self.paused.clear();
    }

    /// Whether an author's log is not asked for.
    #[must_use]
    pub fn is_paused(&self, topic: &TopicName, author: NodeId) -> bool {
        !self.paused.is_empty() && self.paused.contains(&(TopicId::of(topic), author))
    }

    /// The topic with this id.
    pub(super) fn named(&self, id: TopicId) -> Option<&TopicName> {
        self.names.get(&id)
    }

    /// Sums of topics that may be told, in buckets by their ids.
    pub(super) fn buckets(&self, salt: u64, count: usize, may: &dyn Fn(&TopicName) -> bool) -> Vec<u64> {
        let topics = self.names.iter().filter(|(_, topic)| may(topic));
        sums(count, topics.map(|(id, topic)| (id.0, self.sum(topic, salt).unwrap_or_default())))
    }

    /// The topics that fall into these buckets, which are in ascending order.
    pub(super) fn within<'a>(
        &'a self,
        count: usize,
        buckets: &'a [u16],
    ) -> impl Iterator<Item = (TopicId, &'a TopicName)> {
        let names = self.names.iter().map(|(id, topic)| (*id, topic));
        names.filter(move |(id, _)| is_in(id.0, count, buckets))
    }

    pub(super) fn bucket_count(&self) -> usize {
        buckets_for(self.topics.len())
    }

    /// What the topic's logs are, in one number; none if nothing is known of it.
    #[must_use]
    pub fn sum(&self, topic: &TopicName, salt: u64) -> Option<u64> {
        let mut prints = self.prints(topic, salt).peekable();
        prints.peek()?;
        Some(prints.fold(0, |sum, (_, print)| sum.wrapping_add(print)))
    }

    /// Sums of a topic's logs, in buckets.
    pub(super) fn log_buckets(&self, topic: &TopicName, salt: u64, count: usize) -> Vec<u64> {
        sums(count, self.prints(topic, salt))
    }

    /// How many numbers a topic's logs have.
    pub(super) fn log_count(&self, topic: &TopicName) -> usize {
        self.logs(topic).map(|log| if log.forked().is_some() { 1 } else { log.chains().count() }).sum()
    }

    /// Whether anything is known of a topic.
    pub(super) fn knows(&self, topic: &TopicName) -> bool {
        self.logs(topic).any(|log| log.forked().is_some() || log.head().is_some())
    }

    /// A place and a number for each epoch of each log, and one for each forked log.
    fn prints(&self, topic: &TopicName, salt: u64) -> impl Iterator<Item = (u64, u64)> {
        self.logs(topic).flat_map(move |log| {
            let author = log.author();
            let print = move |epoch: u64, tail: Hash| {
                let parts = [
                    &salt.to_le_bytes(),
                    topic.as_str().as_bytes(),
                    author.public_key(),
                    &epoch.to_le_bytes(),
                    &tail.0,
                ];
                (place(&author), first_word(&Hash::of(&parts.concat()).0))
            };
            let forked = log.forked().map(|_| print(u64::MAX, Hash::default()));
            let chains = log.chains().filter(move |_| forked.is_none());
            forked.into_iter().chain(chains.map(move |(epoch, chain)| print(epoch.0, chain.tail().hash())))
        })
    }

    /// What is held of a topic: of each epoch of each log that is not forked.
    #[must_use]
    pub fn held(&self, topic: &TopicName) -> Vec<Have> {
        self.haves(topic, 1, &[0], None).collect()
    }

    /// What is held of a topic in these buckets of its logs, after this log, in the order of authors and epochs.
    pub(super) fn haves<'a>(
        &'a self,
        topic: &'a TopicName,
        count: usize,
        buckets: &'a [u16],
        after: Option<&'a ChainId>,
    ) -> impl Iterator<Item = Have> + 'a {
        let logs =
            self.logs(topic).filter(move |log| is_in(place(&log.author()), count, buckets) && log.forked().is_none());
        // Whoever has lost the end it knows of cannot send what it would have to.
        let all = logs.flat_map(|log| {
            log.chains().filter(|(_, chain)| chain.ends_well()).map(|(epoch, chain)| Have {
                author: log.author(),
                epoch,
                first: chain.first(),
                last: chain.last(),
                check: check(&chain.tail().hash()),
                holes: chain.holes(),
            })
        });
        all.filter(move |have| after.is_none_or(|after| (have.author, have.epoch) > (after.author, after.epoch)))
    }
}

impl TopicId {
    /// The id of this topic.
    #[must_use]
    pub fn of(topic: &TopicName) -> Self {
        Self(first_word(&Hash::of(topic.as_str().as_bytes()).0))
    }
}

/// How many buckets so many things are put into.
pub(super) fn buckets_for(things: usize) -> usize {
    (things / PER_BUCKET).next_power_of_two().clamp(1, limits::SUMMARY_BUCKETS)
}

/// Positions where two lists of sums differ; everything, if they are of different lengths.
pub(super) fn differing(ours: &[u64], theirs: &[u64]) -> Vec<u16> {
    let differs = |bucket: &u16| ours.get(usize::from(*bucket)) != theirs.get(usize::from(*bucket));
    let count = u16::try_from(ours.len().max(theirs.len())).unwrap_or(u16::MAX);
    (0..count).filter(differs).collect()
}

fn sums(count: usize, things: impl Iterator<Item = (u64, u64)>) -> Vec<u64> {
    let mut sums = vec![0_u64; count.clamp(1, limits::SUMMARY_BUCKETS)];
    for (place, number) in things {
        if let Some(sum) = sums.get_mut(bucket(place, count)) {
            *sum = sum.wrapping_add(number);
        }
    }
    sums
}

fn is_in(place: u64, count: usize, buckets: &[u16]) -> bool {
    u16::try_from(bucket(place, count)).is_ok_and(|bucket| buckets.binary_search(&bucket).is_ok())
}

fn bucket(place: u64, count: usize) -> usize {
    usize::try_from(place % (count.clamp(1, limits::SUMMARY_BUCKETS) as u64)).unwrap_or_default()
}

/// Where the logs of an author fall. Keys are points on a curve, so their bits are as good as random.
fn place(author: &NodeId) -> u64 {
    first_word(author.public_key())
}

fn first_word(hash: &[u8; 32]) -> u64 {
    let (words, _) = hash.as_chunks::<8>();
    words.first().map_or(0, |word| u64::from_le_bytes(*word))
}

/// As much of a hash as tells a batch from every other that its author could think of.
pub(super) fn check(hash: &Hash) -> [u8; 16] {
    let (halves, _) = hash.0.as_chunks::<16>();
    halves.first().copied().unwrap_or_default()
}
