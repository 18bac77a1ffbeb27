//! Asking: finds out what one peer has that is missing here, and fetches it.

use std::collections::{BTreeMap, VecDeque};

use super::{
    fetch::{Fetch, Offer},
    message::{Have, Held, Logs, Piece, Reply, Request, TopicId, Want},
    shelf::{self, Shelf},
};
use crate::{
    identity::NodeId,
    limits,
    names::TopicName,
    topic::{Batch, ChainId, Epoch, Proof, Seq, log::Stretch},
};

/// Which peer each log is being fetched from: nothing is asked of two at a time.
#[derive(Debug, Clone, Default)]
pub struct Claims(BTreeMap<ChainId, NodeId>);

impl Claims {
    fn claim(&mut self, chain: &ChainId, peer: NodeId) -> bool {
        *self.0.entry(chain.clone()).or_insert(peer) == peer
    }

    /// Nothing is fetched from this peer any more.
    pub fn release(&mut self, peer: &NodeId) {
        self.0.retain(|_, claimant| claimant != peer);
    }

    /// Whether a log is being fetched.
    #[must_use]
    pub fn is_claimed(&self, chain: &ChainId) -> bool {
        self.0.contains_key(chain)
    }
}

/// What the driver does next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Send this, and set a timer: when it fires before an answer has come, [`Pull::stop`].
    Ask(Request),
    /// Take these in, in this order, then go on waiting for the answer's next message.
    Take(Vec<Taken>),
    /// Nothing more is missing that this peer has and nobody else is being asked for.
    Done,
}

/// What came: [take it in](super::take_in).
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// A batch, or word of a gap.
    Piece(Piece),
    /// A log of this topic is forked, as the peer says.
    Proof(TopicName, Proof),
}

/// How a peer broke the rules. Whoever says so is to be charged, and asked no more for a while.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The answer does not belong to what was asked.
    #[error("an answer of another kind than was asked for")]
    Unrelated,
    /// It speaks of a topic, bucket or log that was not asked about.
    #[error("an answer about {what} that was not asked about")]
    NotAsked {
        /// What it speaks of.
        what: &'static str,
    },
    /// It covers nothing of what was asked, or repeats itself, so that asking would never end.
    #[error("an answer that does not get on")]
    NoProgress,
    /// A batch that was not asked for, comes out of order or comes again.
    #[error("entries {first} to {last} of {chain}, which are not what comes next")]
    Unwanted {
        /// Of which log.
        chain: ChainId,
        /// The first position.
        first: Seq,
        /// The last one.
        last: Seq,
    },
    /// A batch that is not its author's, or breaks a rule, or a proof that proves nothing: the peer should have seen that.
    #[error("passed on what nobody may: {0}")]
    Unchecked(String),
    /// It said that it has entries, and did not send them.
    #[error("entries {} to {} of {} were said to be there and not sent", want.entries.from, want.entries.to, want.chain)]
    Withheld {
        /// Which.
        want: Box<Want>,
    },
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Batches that came.
    pub batches: u64,
    /// Bytes of their entries.
    pub bytes: u64,
    /// Entries that the peer did not have any more.
    pub gaps: u64,
    /// Logs that were left out because somebody else is being asked for them.
    pub elsewhere: u64,
}

/// Asks one peer. See the [module docs](super).
#[derive(Debug)]
pub struct Pull {
    peer: NodeId,
    salt: u64,
    /// Topics still to be asked about.
    topics: VecDeque<TopicId>,
    /// Topics with many logs, and where those differ.
    deep: VecDeque<Deep>,
    offers: VecDeque<Offer>,
    waiting: Waiting,
    /// Whether topics are to be listed that are equal.
    whole: bool,
    tally: Tally,
}

/// Logs of a topic to be listed.
#[derive(Debug, Clone)]
struct Deep {
    topic: TopicName,
    count: u16,
    buckets: Vec<u16>,
    after: Option<(NodeId, Epoch)>,
}

/// What was asked last.
#[derive(Debug)]
enum Waiting {
    Nothing,
    Compare { count: usize },
    Logs(Vec<TopicId>),
    Haves(Deep),
    Fetch(Fetch),
}

impl Pull {
    /// Bytes of batches that are asked for at a time; after them others get their turn.
    pub const MOST: u64 = 16 * 1024 * 1024;

    /// Asks `peer` about everything on the shelf. `salt` is a random number, here and below.
    #[must_use]
    pub fn all(peer: NodeId, salt: u64, shelf: &Shelf) -> (Self, Next) {
        let mut pull = Self::new(peer, salt, VecDeque::new());
        if !shelf.topics().any(|topic| shelf.is_shared(topic)) {
            return (pull, Next::Done);
        }
        let buckets = shelf.buckets(salt, shelf.bucket_count(), &|topic| shelf.is_shared(topic));
        pull.waiting = Waiting::Compare { count: buckets.len() };
        (pull, Next::Ask(Request::Compare { salt, buckets }))
    }

    /// Asks `peer` about these topics, of those on the shelf.
    #[must_use]
    pub fn of<'a>(
        peer: NodeId,
        salt: u64,
        topics: impl IntoIterator<Item = &'a TopicName>,
        shelf: &Shelf,
        claims: &mut Claims,
    ) -> (Self, Next) {
        Self::about(peer, salt, topics, false, shelf, claims)
    }

    /// Asks `peer` about these topics, also where both know the same ends of their logs: for what lies before, after a log was
    /// told to [want](crate::topic::log::Log::want) that.
    #[must_use]
    pub fn history<'a>(
        peer: NodeId,
        salt: u64,
        topics: impl IntoIterator<Item = &'a TopicName>,
        shelf: &Shelf,
        claims: &mut Claims,
    ) -> (Self, Next) {
        Self::about(peer, salt, topics, true, shelf, claims)
    }

    fn about<'a>(
        peer: NodeId,
        salt: u64,
        topics: impl IntoIterator<Item = &'a TopicName>,
        whole: bool,
        shelf: &Shelf,
        claims: &mut Claims,
    ) -> (Self, Next) {
        let topics = topics.into_iter().filter(|topic| shelf.contains(topic)).map(TopicId::of).collect();
        let mut pull = Self { whole, ..Self::new(peer, salt, topics) };
        let next = pull.next(shelf, claims);
        (pull, next)
    }

    fn new(peer: NodeId, salt: u64, topics: VecDeque<TopicId>) -> Self {
        let (deep, offers, waiting) = (VecDeque::new(), VecDeque::new(), Waiting::Nothing);
        Self { peer, salt, topics, deep, offers, waiting, whole: false, tally: Tally::default() }
    }

    /// Who is asked.
    #[must_use]
    pub fn peer(&self) -> NodeId {
        self.peer
    }

    /// What has come so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// No more is asked: the peer is gone, or has not answered in time. What has come stays. Others may be asked for the rest.
    pub fn stop(self, claims: &mut Claims) -> Tally {
        claims.release(&self.peer);
        self.tally
    }

    /// A message has come. Of a [`Reply::Part`] all must have been taken in before the next one is handed over.
    ///
    /// # Errors
    /// [`Fault`]; nothing more can be asked then but to [stop](Pull::stop).
    pub fn handle(&mut self, reply: Reply, shelf: &Shelf, claims: &mut Claims) -> Result<Next, Fault> {
        match (std::mem::replace(&mut self.waiting, Waiting::Nothing), reply) {
            (Waiting::Compare { count }, Reply::Differing { buckets }) => {
                self.topics = compared(count, &buckets, shelf)?;
                Ok(self.next(shelf, claims))
            }
            (Waiting::Logs(asked), Reply::Logs { covered, held }) => {
                let proofs = self.listed(asked, covered, held, shelf)?;
                if proofs.is_empty() {
                    return Ok(self.next(shelf, claims));
                }
                // The next question follows once the proofs have been looked at.
                Ok(Next::Take(proofs))
            }
            (Waiting::Haves(asked), Reply::Haves { haves, more }) => {
                self.listed_within(asked, haves, more, shelf)?;
                Ok(self.next(shelf, claims))
            }
            (Waiting::Fetch(mut fetch), Reply::Part { pieces }) => {
                if pieces.is_empty() {
                    return Err(Fault::NoProgress);
                }
                for piece in &pieces {
                    fetch.charge(piece)?;
                }
                self.waiting = Waiting::Fetch(fetch);
                Ok(Next::Take(pieces.into_iter().map(Taken::Piece).collect()))
            }
            (Waiting::Fetch(fetch), Reply::End { more }) => {
                self.ended(fetch, more)?;
                claims.release(&self.peer);
                Ok(self.next(shelf, claims))
            }
            _ => Err(Fault::Unrelated),
        }
    }

    /// What to do after everything of a [`Next::Take`] was taken in: none, if the answer goes on.
    pub fn taken(&mut self, shelf: &Shelf, claims: &mut Claims) -> Option<Next> {
        matches!(self.waiting, Waiting::Nothing).then(|| self.next(shelf, claims))
    }

    /// Whether a batch that came is what comes next.
    ///
    /// Part of [`take_in`](super::take_in), for drivers that do the rest themselves.
    ///
    /// # Errors
    /// [`Fault::Unwanted`].
    pub fn admit(&mut self, batch: &Batch) -> Result<(), Fault> {
        let head = batch.head().value();
        let (chain, first, last) = (head.chain(batch.author()), head.first, head.last());
        let wanted = match &mut self.waiting {
            Waiting::Fetch(fetch) => fetch.admit(&chain, head),
            _ => false,
        };
        if !wanted {
            return Err(Fault::Unwanted { chain, first, last });
        }
        self.tally.batches += 1;
        self.tally.bytes += batch.len() as u64;
        Ok(())
    }

    /// The peer does not have these, of the want at this place; gives which log that is.
    ///
    /// # Errors
    /// [`Fault::NotAsked`].
    pub(super) fn admit_gap(&mut self, want: u16, entries: Stretch) -> Result<ChainId, Fault> {
        let Waiting::Fetch(fetch) = &mut self.waiting else { return Err(Fault::Unrelated) };
        let at = usize::from(want);
        let asked = fetch.wants.get(at).filter(|asked| asked.entries.overlap(entries) == Some(entries));
        let chain = asked.ok_or(Fault::NotAsked { what: "a gap" })?.chain.clone();
        // The end it has just said to have. Only so can whoever makes up logs not go on for ever.
        if fetch.ends.get(at).is_some_and(|end| entries.contains(*end)) {
            return Err(Fault::Withheld { want: Box::new(Want { chain, entries }) });
        }
        fetch.pass(want.into(), entries.to);
        self.tally.gaps += entries.count();
        Ok(chain)
    }

    fn next(&mut self, shelf: &Shelf, claims: &mut Claims) -> Next {
        loop {
            let next = if let Some(next) = self.fetch(shelf, claims) {
                next
            } else if let Some(deep) = self.deep.pop_front() {
                let Deep { topic, count, buckets, after } = deep.clone();
                self.waiting = Waiting::Haves(deep);
                Request::Within { topic, count, buckets, after }
            } else if !self.topics.is_empty() {
                let page = self.topics.len().min(limits::TOPIC_LISTED);
                let ids: Vec<TopicId> = self.topics.drain(..page).collect();
                let sum = |topic| shelf.sum(topic, self.salt).filter(|_| !self.whole);
                let known = |id: &TopicId| shelf.named(*id).map(|topic| (*id, sum(topic)));
                let topics: Vec<_> = ids.iter().filter_map(known).collect();
                if topics.is_empty() {
                    continue;
                }
                self.waiting = Waiting::Logs(topics.iter().map(|(id, _)| *id).collect());
                Request::Logs { salt: self.salt, topics }
            } else {
                return Next::Done;
            };
            return Next::Ask(next);
        }
    }

    /// Asks for what is still missing of what the peer has: meanwhile others may have sent some of it.
    fn fetch(&mut self, shelf: &Shelf, claims: &mut Claims) -> Option<Request> {
        let (mut wants, mut ends) = (Vec::new(), Vec::new());
        while wants.len() < limits::TOPIC_WANTED
            && let Some(offer) = self.offers.pop_front()
        {
            let lacks = offer.lacks(shelf);
            if lacks.is_empty() {
                continue;
            }
            if claims.claim(&offer.chain, self.peer) {
                ends.extend(lacks.iter().map(|_| offer.end));
                wants.extend(lacks.into_iter().map(|entries| Want { chain: offer.chain.clone(), entries }));
            } else {
                self.tally.elsewhere += 1;
            }
        }
        if wants.is_empty() {
            return None;
        }
        wants.truncate(limits::TOPIC_WANTED);
        ends.truncate(limits::TOPIC_WANTED);
        // The last batch may go beyond.
        let left = Self::MOST + limits::BATCH as u64 + 1024;
        self.waiting = Waiting::Fetch(Fetch { wants: wants.clone(), ends, at: 0, left, moved: false });
        Some(Request::Fetch { wants, most: Self::MOST })
    }

    /// Takes in what the peer holds of topics; the proofs that came with it.
    fn listed(
        &mut self,
        mut asked: Vec<TopicId>,
        covered: u16,
        held: Vec<Held>,
        shelf: &Shelf,
    ) -> Result<Vec<Taken>, Fault> {
        let covered = usize::from(covered);
        if covered == 0 || covered > asked.len() {
            return Err(Fault::NoProgress);
        }
        asked.drain(covered..).rev().for_each(|id| self.topics.push_front(id));
        let (mut proofs, mut before) = (Vec::new(), None);
        for Held { topic: nth, logs, forked } in held {
            let id = asked.get(usize::from(nth)).filter(|_| before < Some(nth));
            let id = id.ok_or(Fault::NotAsked { what: "a topic" })?;
            before = Some(nth);
            // The topic may have been given up since.
            let Some(topic) = shelf.named(*id) else { continue };
            proofs.extend(forked.into_iter().map(|proof| Taken::Proof(topic.clone(), proof)));
            match logs {
                Logs::All(haves) => self.lack(topic, &haves, shelf),
                Logs::Many(sums) => {
                    let count = sums.len().min(limits::SUMMARY_BUCKETS);
                    let ours = shelf.log_buckets(topic, self.salt, count);
                    let buckets = if self.whole { all(count) } else { shelf::differing(&ours, &sums) };
                    let count = u16::try_from(count).unwrap_or(u16::MAX);
                    self.deep.push_back(Deep { topic: topic.clone(), count, buckets, after: None });
                }
            }
        }
        Ok(proofs)
    }

    fn listed_within(&mut self, mut asked: Deep, haves: Vec<Have>, more: bool, shelf: &Shelf) -> Result<(), Fault> {
        for have in &haves {
            if asked.after.is_some_and(|after| (have.author, have.epoch) <= after) {
                return Err(Fault::NoProgress);
            }
            asked.after = Some((have.author, have.epoch));
        }
        if more && haves.is_empty() {
            return Err(Fault::NoProgress);
        }
        self.lack(&asked.topic, &haves, shelf);
        if more {
            self.deep.push_front(asked);
        }
        Ok(())
    }

    /// Notes what the peer has of these logs and is missing here.
    fn lack(&mut self, topic: &TopicName, haves: &[Have], shelf: &Shelf) {
        for have in haves {
            let chain = ChainId { topic: topic.clone(), author: have.author, epoch: have.epoch };
            let (last, check) = (have.last, Some(have.check));
            let offer = Offer { chain, last, end: last, check, from: Seq::FIRST };
            // Of a log of which nothing is retained there is nothing to be had.
            if have.first <= have.last && !offer.lacks(shelf).is_empty() {
                self.offers.push_back(offer);
            }
        }
    }

    fn ended(&mut self, fetch: Fetch, more: bool) -> Result<(), Fault> {
        let rest: Vec<(Want, Seq)> = fetch.wants.into_iter().zip(fetch.ends).skip(fetch.at).collect();
        match rest.first() {
            Some(_) if more && !fetch.moved => return Err(Fault::NoProgress),
            Some((want, _)) if !more => return Err(Fault::Withheld { want: Box::new(want.clone()) }),
            _ => {}
        }
        for (Want { chain, entries }, end) in rest.into_iter().rev() {
            // Its last batch was compared when it was first asked for.
            self.offers.push_front(Offer { chain, last: entries.to, end, check: None, from: entries.from });
        }
        Ok(())
    }
}

fn all(count: usize) -> Vec<u16> {
    (0..u16::try_from(count).unwrap_or(u16::MAX)).collect()
}

/// The topics in the buckets that differ.
fn compared(count: usize, buckets: &[u16], shelf: &Shelf) -> Result<VecDeque<TopicId>, Fault> {
    let rise = buckets.array_windows().all(|[a, b]| a < b);
    if !rise || buckets.last().is_some_and(|last| usize::from(*last) >= count) {
        return Err(Fault::NotAsked { what: "a bucket" });
    }
    let shared = shelf.within(count, buckets).filter(|(_, topic)| shelf.is_shared(topic));
    Ok(shared.map(|(id, _)| id).collect())
}
